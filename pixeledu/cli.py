"""The command line: `python -m pixeledu train | evaluate | sample | complete | pretrained`.

Results go to stdout, bars and errors to stderr. An error is one line, with exit code 2.
"""

import argparse
import math
import os
import sys
import textwrap
from pathlib import Path

import torch
from torch import Tensor, nn

from pixeledu.arguments import parser
from pixeledu.checkpoints import BEST, LAST, load_checkpoint, read_info
from pixeledu.data import SPLITS, ImageData, load_images
from pixeledu.likelihood import measure
from pixeledu.models import best_device, build_model
from pixeledu.pictures import as_rgb, write_png
from pixeledu.pretrained import list_pretrained, pretrained_card, pretrained_file
from pixeledu.sampling import complete, sample
from pixeledu.training import fit

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
    options = parser().parse_args(arguments)
    try:
        if getattr(options, "pretrained", None) is not None:
            options.checkpoint = pretrained_file(options.pretrained)
        _COMMANDS[options.command](options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        training = options.command == "train"
        again = "; the same command goes on from the last checkpoint" if training else ""
        print(f"\npixeledu: stopped{again}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of stdout has left: nobody is there to be told
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except _ERRORS as error:
        print(f"pixeledu: error: {_one_line(error)}", file=sys.stderr)
        return 2
    return 0


def _train(options: argparse.Namespace) -> None:
    train, valid, test = (_load(options.data, split, options.levels) for split in SPLITS)
    sizes = {"hidden": options.hidden, "layers": options.layers}
    torch.manual_seed(options.seed)
    model = build_model(
        options.model,
        channels=train.images.shape[1],
        levels=train.levels,
        **{name: size for name, size in sizes.items() if size is not None},
    )
    folder = Path(options.out or f"runs/{options.model}-{options.data}")
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
        info={"data": options.data},
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


def _evaluate(options: argparse.Namespace) -> None:
    model = load_checkpoint(options.checkpoint, options.device or best_device())
    data = _load_for(model, options)
    print(f"{options.split}: {_measured(model, data.images)}")


def _sample(options: argparse.Namespace) -> None:
    model = load_checkpoint(options.checkpoint, options.device or best_device())
    size = options.size or read_info(options.checkpoint).get("size")
    if size is None:
        raise ValueError(f"{options.checkpoint} names no image size: pass --size, such as 28x28")
    images = sample(
        model,
        options.n,
        *size,
        temperature=options.temperature,
        generator=torch.Generator().manual_seed(options.seed),
        progress=sys.stderr.isatty(),
    )
    columns = math.ceil(math.sqrt(options.n))
    tiles = list(as_rgb(images, model.levels))
    write_png(options.out, [tiles[i : i + columns] for i in range(0, len(tiles), columns)])
    print(f"saved: {options.out}")


def _complete(options: argparse.Namespace) -> None:
    model = load_checkpoint(options.checkpoint, options.device or best_device())
    images = _load_for(model, options).images[: options.n]  # (n, C, H, W)
    known = _half(options.keep, *images.shape[2:])  # (H, W)
    generator = torch.Generator().manual_seed(options.seed)
    drawn = [
        complete(
            model,
            images,
            known,
            temperature=options.temperature,
            generator=generator,
            progress=sys.stderr.isatty(),
        )
        for _ in range(options.completions)
    ]
    columns = [
        as_rgb(images, model.levels),
        as_rgb(images, model.levels, known),
        *(as_rgb(completions, model.levels) for completions in drawn),
    ]
    write_png(options.out, [list(row) for row in zip(*columns, strict=True)])
    print(f"saved: {options.out}")


def _pretrained(options: argparse.Namespace) -> None:
    for name in list_pretrained():
        print(f"{name}: {_said(pretrained_card(name)['nats']['test'])}")


_COMMANDS = {
    "train": _train,
    "evaluate": _evaluate,
    "sample": _sample,
    "complete": _complete,
    "pretrained": _pretrained,
}


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
    return _said(measure(model, images))


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
