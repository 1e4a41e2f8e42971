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
from functools import partial

import speed_tables as tables
import timing
import torch
import torch._inductor.config
import torch.nn.functional as F
import work
from torch import Tensor, nn

from pixeledu import build_model
from pixeledu.fast.cuda_graphs import Repeated

FORMS = ("NCHW", "eager", "compiled", "bf16", "compiled bf16", "graph", "graph bf16")
LIKE_EAGER = {False: 1e-4, True: 2e-2}  # how far the first loss may be from eager's; bf16 or not


def main() -> None:
    choices = {"forms": forms, "growth": growth}
    parser = tables.parser(__doc__, choices)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS, help="beside eager")
    options = timing.read(parser)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch._inductor.config.force_disable_caches = True  # or the second run would compile nothing
    choices[options.table](options)


# ---- forms ------------------------------------------------------------------------------------


def forms(options: argparse.Namespace) -> None:
    machine = work.machine(options.device, small=options.rehearse)
    record = tables.earlier(options, "train_forms")
    rows, tasks = record["rows"], record["tasks"]
    for name in tables.in_time(options):
        config, (images, size) = tables.config_of(options, name), tables.base(options)
        tasks[name] = task_of(config, images, size, options.device)
        rows += forms_of(options, config, images, size, tasks[name]["flops"], machine["peak_flops"])
        tables.save(options, "train_forms", rows, machine=machine, tasks=tasks)
    timing.show(rows)


def task_of(config: dict, images: int, size: int, device: torch.device) -> dict:
    """Count what a training step has to do: arithmetic, operations, and what they read and write."""
    model = build_model(**config)
    step = stepper("eager", config, work.random_images(model, images, size, device))
    step()  # the first one does what is done once
    with work.Traffic() as traffic:
        step()
    return {
        "weights": sum(weight.numel() for weight in model.parameters()),
        "flops": 3 * work.flops_of_pass(model, images, size * size),
        "operations": traffic.operations,
        "bytes": traffic.bytes,
    }


def forms_of(options, config: dict, images: int, size: int, flops: int, peaks: dict) -> list[dict]:
    """Time all forms of one model in turn."""
    device = options.device
    batch = work.random_images(build_model(**config), images, size, device)
    steps, rows, losses = {}, {}, {}
    torch._dynamo.reset()  # it compiles a piece of Python for so many models and no more
    for form in FORMS:
        if form not in ("eager", *options.forms) or ("graph" in form and device.type != "cuda"):
            continue
        try:
            rows[form], losses[form], steps[form] = first_steps(form, config, batch)
        except Exception as error:  # a machine without a compiler has the other forms all the same
            print(f"{config['model']}, {form}: {type(error).__name__}: {str(error)[:200]}")

    timed = {form: partial(work.done, step, device) for form, step in steps.items()}
    seconds = timing.rounds(options.rounds, **timed)
    for form, row in rows.items():
        median = statistics.median(seconds[form])
        peak = peaks["bfloat16" if "bf16" in form else "float32"]
        row |= {
            "ms": 1000 * median,
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
    work.done(step, batch.device)
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
    device = options.device

    def measure(config: dict, images: int, size: int) -> dict:
        batch = work.random_images(build_model(**config), images, size, device)
        step = stepper("graph bf16" if device.type == "cuda" else "eager", config, batch)
        step()
        seconds = timing.rounds(options.rounds, step=partial(work.done, step, device))["step"]
        median = statistics.median(seconds)
        return {
            "ms": 1000 * median,
            "images/s": images / median,
            "step adds MB": work.memory_of(step, device),
        }

    tables.growth(options, "train_growth", measure)


if __name__ == "__main__":
    main()
