"""How fast every model draws, and what that depends on: `python benchmarks/sample_speed.py TABLE`.

`methods` draws a batch with each method of `pixeledu.sample` in turn and counts in forward passes of
the same batch: 1 is the limit. `growth` draws with the fastest for batches, images and models of
several sizes, and fits exponents.

`--device cuda` measures a GPU; `--rehearse` does everything with tiny models in seconds.
"""

import statistics
import time

import timing
import torch
import work
from train_speed import LAYERS, in_time, parse, settings_of

from pixeledu import build_model, sample


def main() -> None:
    options = parse(__doc__, {"methods": methods, "growth": growth})
    torch.set_num_threads(timing.THREADS)
    options.table(options)


def batch_of(options) -> int:
    on_gpu = options.device.type == "cuda"
    return options.batch or (2 if options.rehearse else 256 if on_gpu else 16)


def drawing(model, images: int, size: int, method: str, device: torch.device):
    """Return a function that draws images, always the same ones, and waits for them."""

    def draw():
        generator = torch.Generator().manual_seed(0)
        drawn = sample(model, images, size, size, method=method, generator=generator)
        work.wait_for(device)
        return drawn

    return draw


# ---- methods ----------------------------------------------------------------------------------


def methods(options) -> None:
    images, size = batch_of(options), 6 if options.rehearse else 28
    rows = []
    for name in in_time(options):
        rows.append(methods_of(options, name, images, size))
        timing.save(
            f"sample_methods_{options.device.type}",
            rows,
            options.out,
            size=size,
            batch=images,
            layers=LAYERS,
        )
    timing.show(rows)


def methods_of(options, name: str, images: int, size: int) -> dict:
    """Time a forward pass, and each way to draw a batch."""
    device = options.device
    torch.manual_seed(0)
    model = build_model(**settings_of(options, name)).to(device).eval()
    batch = work.random_images(model, images, size, device)
    naive, cached, replayed = (
        drawing(model, images, size, method, device) for method in ("naive", "cached", "replayed")
    )

    def forward():
        with torch.inference_mode():
            model(batch)
        work.wait_for(device)

    def on_one_thread():
        torch.set_num_threads(1)
        forward()
        torch.set_num_threads(timing.THREADS)

    timed = {"forward": forward, "cached": cached}
    if device.type == "cuda":
        timed["replayed"] = replayed
    else:
        timed["forward on one thread"] = on_one_thread
    seconds = timing.rounds(options.rounds, **timed)
    start = time.perf_counter()
    slow = naive()  # once: it takes as long as all the rest together
    fastest = replayed if device.type == "cuda" else cached
    fast = seconds["replayed" if device.type == "cuda" else "cached"]
    return {
        "model": name,
        **{f"{way} ms": 1000 * statistics.median(times) for way, times in seconds.items()},
        "naive ms": 1000 * (time.perf_counter() - start),
        "in forward passes": timing.ratio(fast, seconds["forward"]),
        "naive / fastest": (time.perf_counter() - start) / statistics.median(fast),
        "memory MB": work.memory_of(fastest, device),
        "like naive %": 100 * (fastest() == slow).float().mean().item(),
        "like cached": torch.equal(fastest(), cached()),
    }


# ---- growth -----------------------------------------------------------------------------------


def growth(options) -> None:
    on_gpu = options.device.type == "cuda"
    grown = {
        "batch": (16, 64, 256, 1024) if on_gpu else (1, 4, 16, 64),
        "size": (14, 28, 56),
        "hidden": (0.5, 1, 2, 4),  # times that of the model
        "layers": (2, 4, 7, 14),
    }
    if options.rehearse:
        grown = {"batch": (1, 2), "size": (3, 6), "hidden": (1, 2), "layers": (1, 2)}
    rows, exponents = [], {}
    for name in in_time(options):
        for what, values in grown.items():
            measured = [grown_drawing(options, name, what, value) for value in values]
            rows += measured
            sizes, times = ([row[key] for row in measured] for key in ("value", "draw ms"))
            exponents.setdefault(name, {})[what] = work.exponent(sizes, times)
        timing.save(f"sample_growth_{options.device.type}", rows, options.out, exponents=exponents)
    timing.show(rows)


def grown_drawing(options, name: str, what: str, value: float) -> dict:
    """Time the drawing of a batch with one size changed."""
    config, images = settings_of(options, name), batch_of(options)
    size = 6 if options.rehearse else 28
    if what == "batch":
        images = value
    elif what == "size":
        size = value
    else:
        config[what] = value = int(value * (config["hidden"] if what == "hidden" else 1))
    model = build_model(**config).to(options.device).eval()
    method = "replayed" if options.device.type == "cuda" else "cached"
    draw = drawing(model, images, size, method, options.device)
    seconds = timing.rounds(min(options.rounds, 5), draw=draw)["draw"]
    median = statistics.median(seconds)
    return {
        "model": name,
        "grows": what,
        "value": value,
        "draw ms": 1000 * median,
        "images/s": images / median,
    }


if __name__ == "__main__":
    main()
