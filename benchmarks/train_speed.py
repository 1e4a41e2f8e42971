"""How fast every model trains, and what that depends on: `python benchmarks/train_speed.py TABLE`.

`forms` times a training step of each model in several forms, in turn: features of a pixel apart in
memory (NCHW), as the package is (eager), compiled, in bfloat16, on a GPU also as a CUDA graph.
`growth` times it for batches, images and models of several sizes, and fits exponents.

`--device cuda` measures a GPU; `--rehearse` does everything with tiny models in seconds.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import timing
import torch
import torch._inductor.config
import torch.nn.functional as F
import work
from torch import Tensor, nn

from pixeledu import build_model
from pixeledu.cuda_graphs import Repeated

HIDDEN = {"pixelcnn": 64, "row-lstm": 16, "diagonal-bilstm": 16, "gated-pixelcnn": 64}
LAYERS = 7
FORMS = ("NCHW", "eager", "compiled", "bf16", "compiled bf16", "graph", "graph bf16")
LIKE_EAGER = {False: 1e-4, True: 2e-2}  # how far the first loss may be from eager's; bf16 or not


def main() -> None:
    options = parse(__doc__, {"forms": forms, "growth": growth})
    torch.set_num_threads(timing.THREADS)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch._inductor.config.force_disable_caches = True  # or the second run would compile nothing
    options.table(options)


def parse(description: str, tables: dict[str, Callable]) -> argparse.Namespace:
    """Read the command line that the benchmarks of speed share."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("table", choices=tables)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--models", nargs="+", choices=HIDDEN, default=list(HIDDEN))
    parser.add_argument("--batch", type=int, help="images in a batch")
    parser.add_argument("--minutes", type=float, default=60, help="begin no model after these")
    parser.add_argument("--rounds", type=int, default=9, help="repeats of each measurement")
    parser.add_argument("--rehearse", action="store_true", help="tiny sizes")
    parser.add_argument("--out", type=Path, default=timing.RESULTS, help="folder of the JSON")
    options = parser.parse_args()
    options.table = tables[options.table]
    options.end = time.monotonic() + 60 * options.minutes
    if options.rehearse:
        options.rounds = 1
    return options


def settings_of(options: argparse.Namespace, name: str, **changed) -> dict:
    """Return the configuration of a model of the tables."""
    hidden, layers = (4, 1) if options.rehearse else (HIDDEN[name], LAYERS)
    return {"model": name, "levels": 2, "hidden": hidden, "layers": layers, **changed}


def in_time(options: argparse.Namespace):
    """Go through the models as long as there is time; the report is written after each."""
    for name in options.models:
        if time.monotonic() > options.end:
            print(f"No time is left for {name}.")
            return
        yield name


# ---- forms ------------------------------------------------------------------------------------


def forms(options: argparse.Namespace) -> None:
    device = options.device
    images = options.batch or (2 if options.rehearse else 256 if device.type == "cuda" else 16)
    size = 6 if options.rehearse else 28
    kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    peaks = {name: work.peak_flops(device, kind) for name, kind in kinds.items()}
    rows = []
    for name in in_time(options):
        rows += forms_of(options, name, images, size, peaks)
        timing.save(
            f"train_forms_{device.type}",
            rows,
            options.out,
            size=size,
            batch=images,
            layers=LAYERS,
            peak_flops=peaks,
        )
    timing.show(rows)


def forms_of(options, name: str, images: int, size: int, peaks: dict) -> list[dict]:
    """Time all forms of one model in turn."""
    device, config = options.device, settings_of(options, name)
    batch = work.random_images(build_model(**config), images, size, device)
    flops = 3 * work.flops_of_pass(build_model(**config), images, size * size)
    steps, rows, losses = {}, {}, {}
    torch._dynamo.reset()  # it compiles a piece of Python for so many models and no more
    for form in FORMS:
        if "graph" in form and device.type != "cuda":
            continue
        try:
            rows[form], losses[form], steps[form] = first_steps(form, config, batch)
        except Exception as error:  # a machine without a compiler has the other forms all the same
            print(f"{name}, {form}: {type(error).__name__}: {str(error)[:200]}")

    def timed(step):
        def run():
            step()
            work.wait_for(device)

        return run

    seconds = timing.rounds(options.rounds, **{form: timed(step) for form, step in steps.items()})
    for form, row in rows.items():
        median = statistics.median(seconds[form])
        peak = peaks["bfloat16" if "bf16" in form else "float32"]
        row |= {
            "step ms": 1000 * median,
            "images/s": images / median,
            "of peak %": 100 * flops / median / peak,
            "eager / this": timing.ratio(seconds["eager"], seconds[form]),
            "loss as eager's": abs(losses[form] - losses["eager"]) < LIKE_EAGER["bf16" in form],
        }
    return list(rows.values())


def first_steps(form: str, config: dict, batch: Tensor) -> tuple[dict, float, Callable]:
    """Take the first steps in a form; the second may compile, or record, as the first does."""
    step = stepper(form, config, batch)
    start = time.perf_counter()
    loss = step().item()
    step()
    work.wait_for(batch.device)
    row = {
        "model": config["model"],
        "form": form,
        "first two steps s": time.perf_counter() - start,
        "step adds MB": work.memory_of(step, batch.device),
    }
    return row, loss, step


def stepper(form: str, config: dict, images: Tensor) -> Callable[[], Tensor]:
    """Return a function that takes one training step in this form and returns the loss."""
    device, graph = images.device, "graph" in form
    torch.manual_seed(0)
    model = build_model(**config).to(device)
    if form == "NCHW":
        keep_features_apart(model)
    elif device.type == "cuda":
        model.to(memory_format=torch.channels_last)  # the weights too, as `fit` does
    forward = torch.compile(model) if "compiled" in form else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True, capturable=graph)

    def step(images: Tensor) -> Tensor:
        optimizer.zero_grad()
        with torch.autocast(
            device.type, torch.bfloat16, enabled="bf16" in form, cache_enabled=not graph
        ):
            loss = F.cross_entropy(forward(images), images.long())
        loss.backward()
        optimizer.step()
        return loss.detach()

    repeated = Repeated(step) if graph else step
    return lambda: repeated(images)


def keep_features_apart(model: nn.Module) -> None:
    """Undo that the model lays the features of a pixel side by side in memory."""

    def apart(module, inputs):
        return tuple(x.contiguous() for x in inputs)

    first = model.first if model.config["model"] == "gated-pixelcnn" else model.blocks[0]
    first.register_forward_pre_hook(apart)


# ---- growth -----------------------------------------------------------------------------------


def growth(options: argparse.Namespace) -> None:
    on_gpu = options.device.type == "cuda"
    base = options.batch or (256 if on_gpu else 16)
    grown = {
        "batch": (64, 256, 1024) if on_gpu else (1, 4, 16, 64),
        "size": (14, 28, 56),
        "hidden": (0.5, 1, 2, 4),  # times that of the model
        "layers": (2, 4, 7, 14),
    }
    if options.rehearse:
        base = 2
        grown = {"batch": (1, 2), "size": (3, 6), "hidden": (1, 2), "layers": (1, 2)}
    rows, exponents = [], {}
    for name in in_time(options):
        for what, values in grown.items():
            measured = [grown_step(options, name, what, value, base) for value in values]
            rows += measured
            sizes, seconds = ([row[key] for row in measured] for key in ("value", "step ms"))
            exponents.setdefault(name, {})[what] = work.exponent(sizes, seconds)
        timing.save(f"train_growth_{options.device.type}", rows, options.out, exponents=exponents)
    timing.show(rows)


def grown_step(options, name: str, what: str, value: float, images: int) -> dict:
    """Time the training step of a model with one size changed."""
    device, config = options.device, settings_of(options, name)
    size = 6 if options.rehearse else 28
    if what == "batch":
        images = value
    elif what == "size":
        size = value
    else:
        value = int(value * config["hidden"]) if what == "hidden" else value
        config[what] = value
    batch = work.random_images(build_model(**config), images, size, device)
    step = stepper("graph bf16" if device.type == "cuda" else "eager", config, batch)

    def timed():
        step()
        work.wait_for(device)

    timed()
    seconds = timing.rounds(options.rounds, step=timed)["step"]
    median = statistics.median(seconds)
    return {
        "model": name,
        "grows": what,
        "value": value,
        "step ms": 1000 * median,
        "images/s": images / median,
        "step adds MB": work.memory_of(step, device),
    }


if __name__ == "__main__":
    main()
