"""Whether compiling would make the steps of cached sampling faster: `python benchmarks/compiled_steps.py`.

The steps of the package are calls of NumPy on memory that was laid out beforehand. Here the steps of
a PixelCNN are written again as one pure function of fixed shapes, the form that PyTorch compiles
best: once step by step, once a whole row at a time. All draw a row, on one thread; the warm-up is
what compiling takes before the first value.

`--rehearse` does it with a tiny model.
"""

import statistics
import time
from functools import partial

import timing
import torch
import torch._inductor.config

from pixeledu import PixelCNN

CONFIG = {"channels": 1, "levels": 2, "hidden": 64, "layers": 7}
TINY = {"channels": 1, "levels": 64, "hidden": 4, "layers": 2}


def main() -> None:
    options = timing.read(timing.parser(__doc__, rounds=40))
    torch.set_num_threads(1)
    torch._inductor.config.force_disable_caches = True  # or the second run would compile nothing
    config, width, batches = (TINY, 8, [8]) if options.rehearse else (CONFIG, 28, [1, 16])
    rows = [row for images in batches for row in compared(config, images, width, options.rounds)]
    timing.report("compiled_steps", rows, folder=options.out, config=config, width=width)


def compared(config: dict, images: int, width: int, rounds: int) -> list[dict]:
    """Time a row of steps in each form, in turn."""
    torch.manual_seed(0)
    model = PixelCNN(**config).eval()
    row = first_row(model, images, width)
    step = partial(pure_step, *weights_of(model))
    steps = model.steps(images, width)
    steps.start_row()
    forms = {
        "the package": partial(our_walk, steps),
        "pure": partial(walk, step),
        "compiled step": partial(walk, torch.compile(step)),
        "compiled row": torch.compile(partial(walk, step)),
    }
    rows, drawn = [], {}
    with torch.inference_mode():
        for form, draw in forms.items():
            start = time.perf_counter()
            drawn[form] = draw(row)
            rows.append({"images": images, "form": form, "warm-up s": time.perf_counter() - start})
        seconds = timing.rounds(rounds, **{form: partial(forms[form], row) for form in forms})
    for figures in rows:
        form = figures["form"]
        figures["ms a row"] = 1000 * statistics.median(seconds[form])
        figures["package / this"] = timing.ratio(seconds["the package"], seconds[form])
        figures["same values"] = torch.equal(drawn[form], drawn["the package"])
    return rows


def first_row(model: PixelCNN, images: int, width: int) -> dict:
    """Make what the first row is drawn from: shares of the rows above, which are biases, and noise."""
    biases = [model.first.bias, *(block.convolve.bias for block in model.blocks)]
    shares = [[bias.detach().repeat(images, 1) for bias in biases] for _ in range(width)]
    left = [torch.zeros(images, 3), *(torch.zeros_like(share) for share in shares[0][1:])]
    return {"shares": shares, "left": left, "noise": torch.rand(width, images, 1).unbind()}


def walk(step, row: dict) -> torch.Tensor:
    """Draw the values of a row with a step that gets all it needs and returns all it makes."""
    left, drawn = row["left"], []
    for shares, noise in zip(row["shares"], row["noise"], strict=True):
        values, left = step(left, shares, noise)
        drawn.append(values)
    return torch.stack(drawn)


def our_walk(steps, row: dict) -> torch.Tensor:
    """Do the same work with the step face of the package; the row may be drawn again."""
    drawn = []
    for column, noise in enumerate(row["noise"]):
        probabilities = torch.softmax(steps.read(column), dim=1)
        values = (probabilities.cumsum(1)[:, :-1] <= noise).sum(1)
        steps.put(values, column)
        drawn.append(values)
    return torch.stack(drawn)


def weights_of(model) -> tuple:
    """Return the weights that a step of a PixelCNN needs: first layer, blocks, head, grey values."""

    def taps(layer, left):  # the weights of the pixel and of those left of it, (left·in, out)
        weight = layer.masked_weight().detach()[:, :, -1]
        return weight[:, :, left].permute(2, 1, 0).flatten(0, 1).contiguous()

    def point(layer):
        return layer.bias.detach(), taps(layer, slice(0, 1))

    blocks = [
        (point(block.reduce), taps(block.convolve, slice(0, 2)), point(block.expand))
        for block in model.blocks
    ]
    head = point(model.head.mix), point(model.head.predict)
    scaled = model.scale(torch.arange(model.levels)).detach()
    return taps(model.first, slice(0, 3)), blocks, head, scaled


def pure_step(first, blocks, head, scaled, left, shares, noise):
    """Draw one pixel of a PixelCNN: fixed shapes, nothing changed in place."""
    image, *maps = left
    x = image @ first + shares[0]  # (B, 2h)
    new = []
    for (reduce, convolve, expand), before, share in zip(blocks, maps, shares[1:], strict=True):
        y = torch.relu(torch.addmm(reduce[0], torch.relu(x), reduce[1]))  # (B, h)
        new.append(y)
        y = torch.relu(torch.cat([before, y], dim=1) @ convolve + share)
        x = x + torch.addmm(expand[0], y, expand[1])
    (bias, mix), (bias_of_logits, predict) = head
    x = torch.relu(torch.addmm(bias, torch.relu(x), mix))
    probabilities = torch.softmax(torch.addmm(bias_of_logits, x, predict), dim=1)  # (B, levels)
    values = (probabilities.cumsum(1)[:, :-1] <= noise).sum(1)  # (B,)
    image = torch.cat([image[:, 1:], scaled[values][:, None]], dim=1)  # (B, 3)
    return values, [image, *new]


if __name__ == "__main__":
    main()
