"""A training step of the paper's Row LSTM for ImageNet 64×64: `python benchmarks/imagenet_step.py`.

What it takes for all of ImageNet on many GPUs is worked out from these figures in the book, on the
page `book/reference/imagenet.ipynb`.

`--device cuda` measures a GPU; `--rehearse` does everything with a tiny model and tiny images.
"""

import argparse
import statistics
from functools import partial

import timing
import torch
import torch.nn.functional as F
import work
from torch import Tensor
from train_speed import stepper, task_of

from pixeledu import build_model

# Source: van den Oord et al. 2016, section 5: a Row LSTM of 4 layers with h = 512 for 64×64.
CONFIG = {"model": "row-lstm", "channels": 3, "levels": 256, "hidden": 512, "layers": 4}
TINY = CONFIG | {"hidden": 3, "layers": 1}


def main() -> None:
    parser = timing.parser(__doc__, rounds=3)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    options = timing.read(parser)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    on_gpu = options.device.type == "cuda"
    config, size = (TINY, 4) if options.rehearse else (CONFIG, 64)
    machine = work.machine(options.device, small=options.rehearse)
    task = task_of(config, 1, size, options.device)
    task["kept_bytes"] = kept_for_an_image(config, size, options.device)
    forms, batches = (("eager", "graph bf16"), (8, 32)) if on_gpu else (("eager",), (1,))
    rows = [
        measured(options, form, config, images, size, machine["peak_flops"], task["flops"])
        for images in batches
        for form in forms
    ]
    settings = {"config": config, "size": size, "machine": machine, "one_image": task}
    timing.report(f"imagenet_step_{options.device.type}", rows, folder=options.out, **settings)


def kept_for_an_image(config: dict, size: int, device: torch.device) -> int:
    """Count what a forward pass keeps of one image more, until the backward pass needs it."""
    model = build_model(**config).to(device)
    one, two = (work.random_images(model, images, size, device) for images in (1, 2))

    def kept(images: Tensor) -> int:
        return work.kept_bytes(lambda: F.cross_entropy(model(images), images.long()))

    return kept(two) - kept(one)


def measured(
    options: argparse.Namespace,
    form: str,
    config: dict,
    images: int,
    size: int,
    peaks: dict,
    flops: int,
) -> dict:
    """Time a training step of a batch; `flops` are those of one image."""
    device = options.device
    step = stepper(form, config, work.random_images(build_model(**config), images, size, device))
    step()
    seconds = timing.rounds(options.rounds, step=partial(work.done, step, device))["step"]
    median = statistics.median(seconds)
    peak = peaks["bfloat16" if "bf16" in form else "float32"]
    return {
        "form": form,
        "images": images,
        "step s": median,
        "images/s": images / median,
        "of peak %": 100 * images * flops / median / peak,
        "step adds MB": work.memory_of(step, device),
    }


if __name__ == "__main__":
    main()
