"""How fast the PixelRNN trains and samples beside a PixelCNN: `python benchmarks/pixelrnn.py`.

Two tables for models of 7 layers with h = 16 on images of 28×28 in black and white: a training step
of a batch in units of a step of the PixelCNN, beside the same step with a scan that leaves its
gradient to autograd; and sampling in units of one forward pass.
"""

import statistics

import timing
import torch
import torch.nn.functional as F
from drawing import sampling
from torch import Tensor

from pixeledu import build_model
from pixeledu.fast.scan import scan
from pixeledu.layers import diagonal_bilstm, row_lstm

SIZE, BATCH = 28, 16
CONFIG = {"channels": 1, "levels": 2, "hidden": 16, "layers": 7}
NAMES = ("pixelcnn", "row-lstm", "diagonal-bilstm")


def main() -> None:
    timing.calm()
    torch.manual_seed(0)
    timing.report("pixelrnn_training", training(), config=CONFIG, size=SIZE, batch=BATCH)
    print()
    drawn = [sampling(build_model(name, **CONFIG), BATCH, SIZE) for name in NAMES[1:]]
    timing.report("pixelrnn_sampling", drawn, config=CONFIG, size=SIZE)


def training() -> list[dict]:
    """Time a training step of each model in turn, then each recurrent one beside a plain scan."""
    batch = torch.randint(2, (BATCH, 1, SIZE, SIZE))
    models = {name: build_model(name, **CONFIG) for name in NAMES}
    steps = {name: stepper(model, batch, scan) for name, model in models.items()}
    seconds = timing.rounds(25, **steps)
    return [
        {
            "model": name,
            "step ms": 1000 * statistics.median(seconds[name]),
            "step / PixelCNN's": timing.ratio(seconds[name], seconds["pixelcnn"]),
            "images/s": BATCH / statistics.median(seconds[name]),
            **beside_plain(models[name], batch),
        }
        for name in NAMES[1:]
    ]


def beside_plain(model, batch: Tensor) -> dict:
    """Time training steps with our scan and with the plain one, in turn."""
    plain_step = stepper(build_model(**model.config), batch, plain_scan)
    seconds = timing.rounds(9, ours=stepper(model, batch, scan), plain=plain_step)
    return {
        "plain autograd ms": 1000 * statistics.median(seconds["plain"]),
        "plain / ours": timing.ratio(seconds["plain"], seconds["ours"]),
        "same logits": same_logits(model, batch),
    }


def stepper(model, batch: Tensor, with_scan):
    """Return a function that takes one training step with this scan."""
    train = timing.stepper(model, batch)

    def step():
        row_lstm.scan = diagonal_bilstm.scan = with_scan
        train()

    return step


def same_logits(model, batch: Tensor) -> bool:
    """Tell whether a model computes the same with both scans."""
    results = []
    with torch.no_grad():
        for with_scan in (plain_scan, scan):  # ours last: it stays
            row_lstm.scan = diagonal_bilstm.scan = with_scan
            results.append(model(batch))
    return torch.allclose(*results, atol=1e-4)


def plain_scan(inputs, weight, hidden, memory, diagonal: bool) -> Tensor:
    """Do what `scan` does, as one writes it first: a loop, and autograd for the gradient."""
    if not diagonal:
        return plain_rows(inputs[:, 0], weight[0], hidden[0], memory[0])[:, None]
    left = plain_diagonals(inputs[:, 0], weight[0], hidden[0], memory[0])
    right = plain_diagonals(inputs[:, 1].flip(3), weight[1], hidden[1], memory[1])
    return torch.stack([left, right.flip(3)], dim=1)


def cell(z: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    o, f, i, g = z.chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def plain_rows(inputs: Tensor, weight: Tensor, hidden: Tensor, memory: Tensor) -> Tensor:
    batch, _, height, width = inputs.shape
    reach = weight.shape[2] // 2
    h, c = (outside[None, :, None].expand(batch, -1, width) for outside in (hidden, memory))
    edge = hidden[None, :, None].expand(batch, -1, reach)
    rows = []
    for row in range(height):
        z = inputs[:, :, row] + F.conv1d(torch.cat([edge, h, edge], dim=2), weight)
        h, c = cell(z, c)  # (B, h, W)
        rows.append(h)
    return torch.stack(rows, dim=2)  # (B, h, H, W)


def plain_diagonals(inputs: Tensor, weight: Tensor, hidden: Tensor, memory: Tensor) -> Tensor:
    batch, _, height, width = inputs.shape
    skewed = diagonal_bilstm.skew(inputs)  # (B, 4h, H, W + H - 1)
    outside = [state[None, :, None].expand(batch, -1, height) for state in (hidden, memory)]
    h, c = outside
    rows = torch.arange(height)
    columns = []
    for step in range(height + width - 1):
        z = skewed[..., step] + F.conv1d(torch.cat([outside[0][..., :1], h], dim=2), weight)
        h, c = cell(z, c)  # (B, h, H)
        begun = rows <= step  # the other rows are still outside the image
        h, c = torch.where(begun, h, outside[0]), torch.where(begun, c, outside[1])
        columns.append(h)
    return diagonal_bilstm.unskew(torch.stack(columns, dim=3), width)


if __name__ == "__main__":
    main()
