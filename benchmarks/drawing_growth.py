"""How the time of a drawing grows with the image and with the batch: `python benchmarks/drawing_growth.py`.

For images of several sizes, and for batches of several sizes, it times one forward pass, the cached
sampler, and the naive one where that ends soon. The seconds are those that one thread of one processor
core has worked, so that other programs on the machine change them little. Takes about two minutes.
"""

import argparse
import contextlib
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import timing
import torch
import work

from pixeledu import build_model, keep_freed_memory, sample
from pixeledu.models import AutoregressiveModel

MODELS = {
    "pixelcnn": {"hidden": 24, "layers": 7},
    "row-lstm": {"hidden": 8, "layers": 7},
}
SIZES = (8, 16, 32, 64, 128)  # pixels, the side of an image
BATCHES = (1, 4, 16, 64, 256)
USUAL_SIZE, USUAL_BATCH = 28, 4  # of what does not grow
LARGEST_NAIVE = 32


def main() -> None:
    options = timing.read(timing.parser(__doc__, rounds=2))
    with ProcessPoolExecutor(len(MODELS)) as workers:  # each counts the work of its own process
        parts = list(workers.map(partial(rows_of, options), MODELS))
    rows = [row for part in parts for row in part]
    torch.set_num_threads(1)
    machine = {"peak_flops": peak_of_one_thread(64 if options.rehearse else 1024)}
    timing.show(rows)
    timing.save("drawing_growth", rows, options.out, models=MODELS, machine=machine)


def rows_of(options: argparse.Namespace, name: str) -> list[dict]:
    """Measure one model: all sizes, and all batches."""
    torch.set_num_threads(1)
    keep_freed_memory()  # as the chapters do
    sizes, batches = ((2, 4), (1, 2)) if options.rehearse else (SIZES, BATCHES)
    model = build_model(name, levels=2, **MODELS[name]).eval()
    rows = []
    with one_thread():
        for size in sizes:
            row = measure(model, USUAL_BATCH, size, options.rounds, naive=size <= LARGEST_NAIVE)
            rows.append({"model": name, "grows": "size", **row})
        for batch in batches:
            row = measure(model, batch, USUAL_SIZE, options.rounds, naive=False)
            rows.append({"model": name, "grows": "batch", **row})
    return rows


def one_thread() -> contextlib.AbstractContextManager:
    """Let NumPy, too, use one thread."""
    if timing.threadpoolctl is None:
        return contextlib.nullcontext()
    return timing.threadpoolctl.threadpool_limits(1)


def measure(model: AutoregressiveModel, images: int, size: int, rounds: int, naive: bool) -> dict:
    """Time a forward pass, and the ways to draw a batch; `naive ms` is None where it was not tried."""
    batch = work.random_images(model, images, size, torch.device("cpu"))

    def forward():
        with torch.inference_mode():
            model(batch)

    def draw(method: str) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        return sample(model, images, size, size, method=method, generator=generator)

    return {
        "images": images,
        "size": size,
        "pass flops": work.flops_of_pass(model, images, size * size),
        "forward ms": 1000 * median_work(forward, 1 + 2 * rounds),
        "cached ms": 1000 * median_work(lambda: draw("cached"), rounds),
        "naive ms": 1000 * timing.seconds_worked(lambda: draw("naive")) if naive else None,
    }


def peak_of_one_thread(size: int) -> float:
    """Measure how many additions and multiplications a second a product of large matrices gets."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    with one_thread():
        seconds = [median_work(lambda: a @ b, 9), median_work(lambda: a.numpy() @ b.numpy(), 9)]
    return 2 * size**3 / min(seconds)


def median_work(function: Callable[[], object], rounds: int) -> float:
    function()
    return statistics.median(timing.seconds_worked(function) for _ in range(rounds))


if __name__ == "__main__":
    main()
