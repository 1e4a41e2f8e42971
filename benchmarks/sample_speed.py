"""How fast every model draws, and what that depends on: `python benchmarks/sample_speed.py TABLE`.

`methods` draws a batch with each method of `pixeledu.sample` in turn and counts in forward passes of
the same batch: 1 is the limit. `growth` draws with the fastest for batches, images and models of
several sizes, and fits exponents.

`--device cuda` measures a GPU; `--rehearse` does everything with tiny models in seconds.
"""

import argparse
import statistics
import time
from functools import partial

import speed_tables as tables
import timing
import torch
import work
from torch import Tensor

from pixeledu import build_model, sample


def main() -> None:
    choices = {"methods": methods, "growth": growth}
    options = timing.read(tables.parser(__doc__, choices))
    choices[options.table](options)


def fastest(device: torch.device) -> str:
    """Name the method of `pixeledu.sample` that is the fastest on a device."""
    return "replayed" if device.type == "cuda" else "cached"


def draw(model, images: int, size: int, method: str) -> Tensor:
    """Draw images, always the same ones."""
    generator = torch.Generator().manual_seed(0)
    return sample(model, images, size, size, method=method, generator=generator)


# ---- methods ----------------------------------------------------------------------------------


def methods(options: argparse.Namespace) -> None:
    record = tables.earlier(options, "sample_methods")
    rows, machine = record["rows"], work.machine(options.device, small=options.rehearse)
    for name in tables.in_time(options):
        rows.append(methods_of(options, tables.config_of(options, name), machine["peak_flops"]))
        tables.save(options, "sample_methods", rows, machine=machine)
    timing.show(rows)


def methods_of(options: argparse.Namespace, config: dict, peaks: dict) -> dict:
    """Time a forward pass, and each way to draw a batch."""
    device, (images, size) = options.device, tables.base(options)
    torch.manual_seed(0)
    model = build_model(**config).to(device).eval()
    batch = work.random_images(model, images, size, device)

    def forward():
        with torch.inference_mode():
            model(batch)

    best = fastest(device)
    ways = {way: partial(draw, model, images, size, way) for way in dict.fromkeys(("cached", best))}
    timed = {"forward": forward, **ways}
    timed = {way: partial(work.done, function, device) for way, function in timed.items()}
    seconds = timing.rounds(options.rounds, **timed)
    median = statistics.median(seconds[best])
    start = time.perf_counter()
    naive = work.done(partial(draw, model, images, size, "naive"), device)  # once: it takes so long
    slow = time.perf_counter() - start
    drawn = ways[best]()
    flops = work.flops_of_pass(model, images, size * size)
    return {
        "model": config["model"],
        **{f"{way} ms": 1000 * statistics.median(times) for way, times in seconds.items()},
        "naive ms": 1000 * slow,
        "images/s": images / median,
        "in forward passes": timing.ratio(seconds[best], seconds["forward"]),
        "naive / fastest": slow / median,
        "of peak %": 100 * flops / median / peaks["float32"],
        "drawing adds MB": work.memory_of(ways[best], device),
        "like naive %": 100 * (drawn == naive).float().mean().item(),
        "like cached": torch.equal(drawn, ways["cached"]()),
    }


# ---- growth -----------------------------------------------------------------------------------


def growth(options: argparse.Namespace) -> None:
    device = options.device

    def measure(config: dict, images: int, size: int) -> dict:
        model = build_model(**config).to(device).eval()
        drawing = partial(draw, model, images, size, fastest(device))
        seconds = timing.rounds(options.rounds, draw=partial(work.done, drawing, device))["draw"]
        median = statistics.median(seconds)
        return {"ms": 1000 * median, "images/s": images / median}

    tables.growth(options, "sample_growth", measure)


if __name__ == "__main__":
    main()
