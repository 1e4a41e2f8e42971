"""The command line: `python -m pixeledu COMMAND`; `python -m pixeledu --help` lists the commands.

Results go to stdout, bars and errors to stderr. An error is one line, with exit code 2. Started
several times by `torchrun` or `accelerate launch`, the processes share the work; one of them speaks.
"""

import argparse
import contextlib
import io
import itertools
import math
import os
import sys
import textwrap
from pathlib import Path

import torch
from torch import Tensor, nn

from pixeledu.checkpoints import BEST, LAST, load_checkpoint, read_info
from pixeledu.checks import checked_images
from pixeledu.cli.arguments import parser
from pixeledu.data import SPLITS, ImageData, load_images
from pixeledu.files import write_atomically
from pixeledu.models import build_model
from pixeledu.png import as_rgb, write_png
from pixeledu.pretrained import list_pretrained, pretrained_card, pretrained_file
from pixeledu.training import fit
from pixeledu.training.processes import (
    SINGLE,
    LeaderFailed,
    ProcessGroup,
    current_group,
    group_from_environment,
    joined,
    own_device,
)
from pixeledu.training.sharding import measure_in, sample_in
from pixeledu.web.export import export_model, quantising_cost

_ERRORS = (ValueError, OSError, ArithmeticError, RuntimeError, MemoryError, ImportError)


def main(arguments: list[str] | None = None) -> int:
    """Run one command of the command line.

    Args:
        arguments: the words after the program's name; None takes those of this process.
    Returns:
        The exit code: 0, or 2 after an error, or 130 after Ctrl-C.
    Raises:
        SystemExit: the arguments cannot be understood (code 2), or help was asked for (code 0).
    """
    group, options = SINGLE, None
    try:
        group = group_from_environment()
        with (
            contextlib.nullcontext()
            if group.is_leader
            else contextlib.redirect_stdout(io.StringIO())
        ):
            options = _parsed(arguments, group)
            _run(options, group)
            sys.stdout.flush()
    except LeaderFailed:  # it has said why
        return 2
    except KeyboardInterrupt:
        again = _GOES_ON.get(options and options.command, "")
        _complain(group, f"\npixeledu: stopped{again}")
        return 130
    except BrokenPipeError:  # the reader of stdout has left: nobody is there to be told
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except _ERRORS as error:
        _complain(group, f"pixeledu: error: {_one_line(error)}")
        return 2
    return 0


def _parsed(arguments: list[str] | None, group: ProcessGroup) -> argparse.Namespace:
    with contextlib.nullcontext() if group.is_leader else contextlib.redirect_stderr(io.StringIO()):
        return parser().parse_args(arguments)


def _run(options: argparse.Namespace, group: ProcessGroup) -> None:
    if getattr(options, "pretrained", None) is not None:
        options.checkpoint = pretrained_file(options.pretrained)
    if options.command in _SHARED:
        with joined():
            _COMMANDS[options.command](options)
    elif group.is_leader:
        _COMMANDS[options.command](options)


def _complain(group: ProcessGroup, text: str) -> None:
    if group.first_to_say(text):
        print(text, file=sys.stderr)


def _train(options: argparse.Namespace) -> None:
    group = current_group()
    if group.size > 1:  # a download is made once, and found by the others
        group.run_on_leader(load_images, options.data)
    train, valid, test = (_load(options.data, split, options.levels) for split in SPLITS)
    sizes = {"hidden": options.hidden, "layers": options.layers}
    torch.manual_seed(options.seed)
    model = build_model(
        options.model,
        channels=train.images.shape[1],
        levels=train.levels,
        **{name: size for name, size in sizes.items() if size is not None},
    )
    folder = Path(options.out or f"runs/{options.model}-{Path(os.path.abspath(options.data)).name}")
    info = {"data": options.data}
    if options.start is not None:
        _start_from(model, options.start)
        info["start"] = options.start
    step = read_info(folder / LAST).get("step") if (folder / LAST).exists() else None
    history = fit(
        model,
        train,
        valid,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        patience=options.patience,
        seed=options.seed,
        folder=folder,
        checkpoint_every=options.checkpoint_every,
        ema=options.ema,
        precision=options.precision,
        info=info,
        device=options.device,
        compile=options.compile,
    )
    last = history.records[-1]
    print(f"weights: {sum(weight.numel() for weight in model.parameters())}")
    resumed = "" if step is None else f", resumed at step {step}"
    print(f"epochs: {last['epoch']} (best: {history.best_epoch}), {last['seconds']:.0f} s{resumed}")
    print(f"valid: {_measured(model, valid.images)}")
    print(f"test: {_measured(model, test.images)}")
    print(f"saved: {folder / BEST}")


def _start_from(model: nn.Module, start: str) -> None:
    """Give the model the weights of another one of the same configuration."""
    names = list_pretrained()
    other = load_checkpoint(pretrained_file(start) if start in names else start, "cpu")
    if other.config != model.config:
        raise ValueError(
            f"--start {start} is a model of another configuration, {other.config}: this one has "
            f"{model.config}"
        )
    model.load_state_dict(other.state_dict())


def _evaluate(options: argparse.Namespace) -> None:
    model = load_checkpoint(options.checkpoint, own_device(options.device))
    data = _load_for(model, options)
    print(f"{options.split}: {_measured(model, data.images)}")


def _sample(options: argparse.Namespace) -> None:
    model = load_checkpoint(options.checkpoint, own_device(options.device))
    size = options.size or read_info(options.checkpoint).get("size")
    if size is None:
        raise ValueError(f"{options.checkpoint} names no image size: pass --size, such as 28x28")
    group = current_group()
    images = sample_in(
        group,
        model,
        options.n,
        *size,
        temperature=options.temperature,
        generator=torch.Generator().manual_seed(options.seed),
        progress=group.is_leader and sys.stderr.isatty(),
    )
    columns = math.ceil(math.sqrt(options.n))
    tiles = list(as_rgb(images, model.levels))
    rows = [tiles[i : i + columns] for i in range(0, len(tiles), columns)]
    group.run_on_leader(write_png, options.out, rows)
    print(f"saved: {options.out}")


def _complete(options: argparse.Namespace) -> None:
    model = load_checkpoint(options.checkpoint, own_device(options.device))
    images = _load_for(model, options).images[: options.n]  # (n, C, H, W)
    known = _half(options.keep, *images.shape[2:])  # (H, W)
    generator = torch.Generator().manual_seed(options.seed)
    group = current_group()
    drawn = [
        sample_in(
            group,
            model,
            len(images),
            *images.shape[2:],
            images=checked_images(model, images),
            known=known,
            temperature=options.temperature,
            generator=generator,
            progress=group.is_leader and sys.stderr.isatty(),
        )
        for _ in range(options.completions)
    ]
    columns = [
        as_rgb(images, model.levels),
        as_rgb(images, model.levels, known),
        *(as_rgb(completions, model.levels) for completions in drawn),
    ]
    group.run_on_leader(write_png, options.out, [list(row) for row in zip(*columns, strict=True)])
    print(f"saved: {options.out}")


def _pretrained(options: argparse.Namespace) -> None:
    for name in list_pretrained():
        print(f"{name}: {_said(pretrained_card(name)['nats']['test'])}")


def _exercise(options: argparse.Namespace) -> None:
    from pixeledu.course.commands import exercise  # what it needs is loaded when it is used

    exercise(options)


def _prepare(options: argparse.Namespace) -> None:
    from pixeledu.data.prepare import prepare_images, unreadable

    facts = prepare_images(
        options.folder,
        options.out,
        size=options.size,
        channels=1 if options.grey else 3,
        levels=options.levels,
        progress=sys.stderr.isatty(),
    )
    for split, (first, last) in facts["splits"].items():
        print(f"{split}: {last - first} images")
    print(f"unreadable: {facts['unreadable']} pictures")
    for line in itertools.islice(unreadable(options.out), 10):
        print(f"  {line['file']!a}: {line['unreadable']}")
    print(f"saved: {options.out}")


def _export(options: argparse.Namespace) -> None:
    model, info = load_checkpoint(options.checkpoint), read_info(options.checkpoint)
    facts = {name: info[name] for name in ("size", "data") if name in info}
    content = export_model(model, options.dtype, **facts)
    cost = quantising_cost(model, content, _load_for(model, options).images[: options.n])
    write_atomically(options.out, content)
    print(f"weights: {sum(weight.numel() for weight in model.parameters())}")
    print(
        f"{options.split}: {cost['before']:.3f} nats before, {cost['after']:.3f} after "
        f"({cost['percent']:+.3f} %), {cost['images']} images"
    )
    print(f"saved: {options.out} ({len(content)} bytes)")


_COMMANDS = {
    "train": _train,
    "evaluate": _evaluate,
    "sample": _sample,
    "complete": _complete,
    "pretrained": _pretrained,
    "export": _export,
    "data": _prepare,
    "exercise": _exercise,
}
_GOES_ON = {
    "train": "; the same command goes on from the last checkpoint",
    "data": "; the same command goes on where it was",
}
_SHARED = ("train", "evaluate", "sample", "complete")  # all processes work; else the first one


def _load(name: str, split: str, levels: int | None) -> ImageData:
    data = load_images(name, split)
    return data if levels in (None, data.levels) else data.with_levels(levels)


def _load_for(model: nn.Module, options: argparse.Namespace) -> ImageData:
    """Load the images that were named, else those the model was trained on, at its levels."""
    name = options.data or read_info(options.checkpoint).get("data")
    if name is None:
        raise ValueError(f"{options.checkpoint} names no image set: pass --data, such as digits")
    return _load(name, options.split, model.levels)


def _measured(model: nn.Module, images: Tensor) -> str:
    """Say how well the model predicts the images."""
    return _said(measure_in(current_group(), model, images))


def _said(measured: dict[str, float]) -> str:
    return (
        f"{measured['mean']:.2f} nats (standard error {measured['standard_error']:.2f}), "
        f"{measured['bits_per_dim']:.4f} bits/dim, {measured['images']} images"
    )


def _half(side: str, height: int, width: int) -> Tensor:
    """Return a bool mask (H, W) that is true on one half of the image."""
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None, :]
    half = {
        "top": rows < height // 2,
        "bottom": rows >= height // 2,
        "left": columns < width // 2,
        "right": columns >= width // 2,
    }[side]
    return half.expand(height, width)


def _one_line(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror + (f": {error.filename}" if error.filename else "")
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        text = f"out of memory: {text}; use a smaller --batch-size, --n or --size, or --device cpu"
    return textwrap.shorten(text or type(error).__name__, 600, placeholder=" ...")
