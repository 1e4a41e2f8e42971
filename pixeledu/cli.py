"""The command line: `python -m pixeledu train | evaluate | sample | complete`.

Results go to stdout, bars and errors to stderr. An error is one line, with exit code 2.
"""

import argparse
import math
import re
import sys
import textwrap
from pathlib import Path

import torch
from torch import Tensor, nn

from pixeledu import __version__
from pixeledu.checkpoints import BEST, LAST, load_checkpoint, read_info
from pixeledu.data import DATASETS, SPLITS, ImageData, load_images
from pixeledu.likelihood import nats
from pixeledu.models import best_device, build_model
from pixeledu.pictures import as_rgb, write_png
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
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        again = "; the same command goes on from the last checkpoint" if "epochs" in options else ""
        print(f"\npixeledu: stopped{again}", file=sys.stderr)
        return 130
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
    if (folder / LAST).exists():
        print(f"{folder}: goes on from step {read_info(folder / LAST)['step']}", file=sys.stderr)
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
    print(f"epochs: {last['epoch']} (best: {history.best_epoch}), {last['seconds']:.0f} s")
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
    values = nats(model, images)
    mean, error = values.mean().item(), values.std().item() / math.sqrt(len(values))
    bits = mean / (images[0].numel() * math.log(2))
    return (
        f"{mean:.2f} nats (standard error {error:.2f}), {bits:.4f} bits/dim, {len(values)} images"
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


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def __init__(self, **options):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str):
        self.exit(2, f"pixeledu: error: {message} (see: {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pixeledu",
        description="Train autoregressive image models, measure them and draw from them.",
        epilog="Each command says more: pixeledu train --help",
    )
    parser.add_argument("--version", action="version", version=f"pixeledu {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    sets = "\n".join(f"  {name:16} {text}" for name, text in DATASETS.items())

    command = commands.add_parser(
        "train",
        help="train a model and save it",
        description="Train a model, say how well it predicts held-out images, and save it.\n"
        "Stopped at any moment, the same command goes on from the last checkpoint.",
        epilog=f"image sets:\n{sets}\n\nexamples:\n  pixeledu train\n"
        "  pixeledu train --data mnist-5k --levels 2 --hidden 32 --out runs/mnist-2",
    )
    command.set_defaults(run=_train)
    command.add_argument("--model", default="pixelcnn", help="its name (%(default)s)")
    command.add_argument("--data", default="digits", help="the image set (%(default)s)")
    command.add_argument("--levels", type=int, help="reduce the images to this many levels")
    command.add_argument("--hidden", type=int, help="the paper's h (the model's own default)")
    command.add_argument("--layers", type=int, help="number of blocks (the model's own default)")
    command.add_argument("--epochs", type=int, default=8, help="at most this many (%(default)s)")
    command.add_argument(
        "--batch-size", type=int, default=16, help="images in a step (%(default)s)"
    )
    command.add_argument("--learning-rate", type=float, default=3e-3, help="peak (%(default)s)")
    command.add_argument("--weight-decay", type=float, default=0.01, help="AdamW's (%(default)s)")
    command.add_argument("--patience", type=int, help="stop after this many epochs without gain")
    command.add_argument("--seed", type=int, default=0, help="fixes all chance (%(default)s)")
    command.add_argument("--out", help="folder of the run (runs/MODEL-DATA)")
    command.add_argument("--checkpoint-every", type=int, help="steps (those of an epoch)")
    command.add_argument("--compile", action="store_true", help="use torch.compile")
    _add_device(command)

    command = commands.add_parser(
        "evaluate",
        help="measure a model on held-out images",
        description="Say how well a saved model predicts images: nats per image with their\n"
        "standard error, and bits per dimension.",
        epilog=f"image sets:\n{sets}\n\nexample:\n"
        "  pixeledu evaluate --checkpoint runs/pixelcnn-digits --split test",
    )
    command.set_defaults(run=_evaluate)
    _add_checkpoint(command)
    _add_data(command)
    _add_device(command)

    command = commands.add_parser(
        "sample",
        help="draw images from a model",
        description="Draw images from a saved model, value by value, into one PNG.",
        epilog="examples:\n  pixeledu sample --checkpoint runs/pixelcnn-digits --n 64\n"
        "  pixeledu sample --checkpoint runs/pixelcnn-digits --size 8x32 --temperature 0.8",
    )
    command.set_defaults(run=_sample)
    _add_checkpoint(command)
    command.add_argument("--n", type=_count, default=16, help="number of images (%(default)s)")
    command.add_argument("--size", type=_size, help="HEIGHTxWIDTH (that of the training images)")
    _add_drawing(command, "samples.png")
    _add_device(command)

    command = commands.add_parser(
        "complete",
        help="let a model draw the missing half of images",
        description="Hide half of each image and let a saved model draw it. Each row of the PNG\n"
        "shows the image, what is kept of it, and the completions. A pixel is drawn\n"
        "from those before it, so what is kept further down has no influence.",
        epilog=f"image sets:\n{sets}\n\nexample:\n"
        "  pixeledu complete --checkpoint runs/pixelcnn-digits --keep top",
    )
    command.set_defaults(run=_complete)
    _add_checkpoint(command)
    _add_data(command)
    command.add_argument("--n", type=_count, default=8, help="number of images (%(default)s)")
    command.add_argument(
        "--keep",
        choices=("top", "bottom", "left", "right"),
        default="top",
        help="the half that is kept: top, bottom, left or right (%(default)s)",
        metavar="HALF",
    )
    command.add_argument("--completions", type=_count, default=3, help="of each (%(default)s)")
    _add_drawing(command, "completed.png")
    _add_device(command)
    return parser


def _add_checkpoint(command: argparse.ArgumentParser) -> None:
    command.add_argument("--checkpoint", required=True, help="a saved model, or a run's folder")


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", help="the image set (the one the model was trained on)")
    command.add_argument("--split", default="test", help="train, valid or test (%(default)s)")


def _add_drawing(command: argparse.ArgumentParser, out: str) -> None:
    command.add_argument("--temperature", type=float, default=1.0, help="below 1: likelier")
    command.add_argument("--seed", type=int, default=0, help="fixes what is drawn (%(default)s)")
    command.add_argument("--out", default=out, type=_png, help="the file to write (%(default)s)")


def _add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", help="cpu, cuda, cuda:1, mps … (the fastest there is)")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    if not (match := re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 28x28")
    return int(match[1]), int(match[2])


def _png(text: str) -> str:
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .png")
    return text
