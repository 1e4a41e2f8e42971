"""The arguments of the command line: names, defaults, help and examples."""

import argparse
import re

from pixeledu import __version__
from pixeledu.data import DATASETS
from pixeledu.models import MODEL_NAMES


def parser() -> argparse.ArgumentParser:
    """Return what understands the arguments; the name of the command is its `command`."""
    whole = _Parser(
        prog="pixeledu",
        description="Train autoregressive image models, measure them and draw from them.",
        epilog="Each command says more: pixeledu train --help\n"
        "Without the script: python -m pixeledu train --help",
    )
    whole.add_argument("--version", action="version", version=f"pixeledu {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    models = "\n".join(f"  {name}" for name in MODEL_NAMES)
    sets = "\n".join(f"  {name:16} {text}" for name, text in DATASETS.items())

    command = commands.add_parser(
        "train",
        help="train a model and save it",
        description="Train a model, say how well it predicts held-out images, and save it.\n"
        "Stopped at any moment, the same command goes on from the last checkpoint.",
        epilog=f"models:\n{models}\n\nimage sets:\n{sets}\n\nexamples:\n  pixeledu train\n"
        "  pixeledu train --data mnist-5k --levels 2 --hidden 32 --out runs/mnist-2",
    )
    command.add_argument(
        "--model", metavar="NAME", default="pixelcnn", help="one of those below (%(default)s)"
    )
    command.add_argument(
        "--data",
        metavar="NAME",
        default="digits",
        help="the image set, or the folder of one (%(default)s)",
    )
    command.add_argument(
        "--levels", metavar="N", type=int, help="reduce the images to this many levels"
    )
    command.add_argument(
        "--hidden", metavar="N", type=int, help="the paper's h (the model's own default)"
    )
    command.add_argument(
        "--layers", metavar="N", type=int, help="number of blocks (the model's own default)"
    )
    command.add_argument(
        "--epochs", metavar="N", type=int, default=8, help="at most this many (%(default)s)"
    )
    command.add_argument(
        "--batch-size", metavar="N", type=int, default=16, help="images in a step (%(default)s)"
    )
    command.add_argument(
        "--learning-rate", metavar="X", type=float, default=3e-3, help="peak (%(default)s)"
    )
    command.add_argument(
        "--weight-decay", metavar="X", type=float, default=0.01, help="AdamW's (%(default)s)"
    )
    command.add_argument(
        "--patience", metavar="N", type=int, help="stop after this many epochs without gain"
    )
    command.add_argument(
        "--seed", metavar="N", type=int, default=0, help="fixes all chance (%(default)s)"
    )
    command.add_argument("--out", metavar="PATH", help="folder of the run (runs/MODEL-DATA)")
    command.add_argument(
        "--checkpoint-every", metavar="N", type=int, help="steps (those of an epoch)"
    )
    command.add_argument("--compile", action="store_true", help="use torch.compile")
    command.add_argument(
        "--ema",
        metavar="X",
        type=float,
        default=0.999,
        help="how much of the averaged weights stays at each step (%(default)s)",
    )
    command.add_argument(
        "--precision",
        metavar="TYPE",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="auto, float32 or bfloat16 (%(default)s: bfloat16 on a GPU that has it)",
    )
    command.add_argument(
        "--start",
        metavar="MODEL",
        help="begin with the weights of a saved model, or of one that ships with pixeledu",
    )
    _add_device(command)

    command = commands.add_parser(
        "evaluate",
        help="measure a model on held-out images",
        description="Say how well a saved model predicts images: nats per image with their\n"
        "standard error, and bits per dimension.",
        epilog=f"image sets:\n{sets}\n\nexample:\n"
        "  pixeledu evaluate --checkpoint runs/pixelcnn-digits --split test",
    )
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
    _add_checkpoint(command)
    command.add_argument(
        "-n", "--n", metavar="N", type=_count, default=16, help="number of images (%(default)s)"
    )
    command.add_argument(
        "--size", metavar="HxW", type=_size, help="height and width (that of the training images)"
    )
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
    _add_checkpoint(command)
    _add_data(command)
    command.add_argument(
        "-n", "--n", metavar="N", type=_count, default=8, help="number of images (%(default)s)"
    )
    command.add_argument(
        "--keep",
        choices=("top", "bottom", "left", "right"),
        default="top",
        help="the half that is kept: top, bottom, left or right (%(default)s)",
        metavar="HALF",
    )
    command.add_argument(
        "--completions", metavar="N", type=_count, default=3, help="of each (%(default)s)"
    )
    _add_drawing(command, "completed.png")
    _add_device(command)

    commands.add_parser(
        "pretrained",
        help="list the models that ship with pixeledu",
        description="List the models that ship with pixeledu, and how well they predict held-out\n"
        "test images: nats per image with their standard error, and bits per dimension.",
        epilog="example:\n  pixeledu pretrained",
    )
    command = commands.add_parser(
        "export",
        help="pack a model for a web page",
        description="Write a saved model as one small file that a web page can run, and say how much\n"
        "worse it predicts held-out images than the model itself.",
        epilog=f"image sets:\n{sets}\n\nexamples:\n"
        "  pixeledu export --checkpoint runs/pixelcnn-digits --out pixelcnn.pxe\n"
        "  pixeledu export --pretrained digits-row-lstm --dtype float16",
    )
    _add_checkpoint(command)
    _add_data(command)
    command.add_argument(
        *("-n", "--n"),
        metavar="N",
        type=_count,
        default=1000,
        help="images to measure it on (%(default)s)",
    )
    command.add_argument(
        "--dtype",
        choices=("int8", "float16"),
        default="int8",
        help="how weights are stored: int8 or float16 (%(default)s)",
        metavar="TYPE",
    )
    command.add_argument(
        "--out", metavar="PATH", default="model.pxe", help="the file to write (%(default)s)"
    )
    _add_prepare(commands)
    _add_exercise(commands)
    return whole


def _add_prepare(commands) -> None:
    command = commands.add_parser(
        "data",
        help="make an image set of your own pictures",
        description="Make an image set of your own pictures, for --data of the other commands.",
        epilog="example:\n  pixeledu data prepare holiday --out sets/holiday --size 32x32",
    )
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    action = actions.add_parser(
        "prepare",
        help="turn a folder of pictures into an image set",
        description="Cut the middle out of every picture below a folder, scale it, and write all\n"
        "of them into one file that is read as it is used: the set may be larger than the\n"
        "memory. A tenth of the pictures is for testing and a tenth for validation; the\n"
        "SHA-256 of its path decides. What cannot be read is named and left out. Stopped at\n"
        "any moment, the same command goes on where it was.",
        epilog="example:\n  pixeledu data prepare holiday --out sets/holiday --size 32x32",
    )
    action.add_argument("folder", metavar="FOLDER", help="pictures, in folders or not")
    action.add_argument("--out", metavar="SET", required=True, help="the folder of the image set")
    action.add_argument(
        "--size", metavar="HxW", type=_size, default=(64, 64), help="of the images (64x64)"
    )
    action.add_argument("--grey", action="store_true", help="one channel instead of three colours")
    action.add_argument(
        "--levels",
        metavar="N",
        type=int,
        default=256,
        help="values a pixel can take (%(default)s)",
    )


def _add_exercise(commands) -> None:
    command = commands.add_parser(
        "exercise",
        help="get, check and grade the exercises of the book",
        description="Get an exercise notebook, check it, see its solutions, or grade those of a class.",
        epilog="examples:\n  pixeledu exercise new 01\n  pixeledu exercise check 01\n"
        "  pixeledu exercise grade submissions --out grades.csv",
    )
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("new", "write the notebook of a chapter, to be filled in"),
        ("solution", "write the notebook of a chapter with all solutions"),
    ):
        action = actions.add_parser(name, help=text, description=text.capitalize() + ".")
        action.add_argument("chapter", metavar="NN", help="the chapter, such as 01")
        action.add_argument("--out", metavar="PATH", help="the file to write (the chapter's name)")
    action = actions.add_parser(
        "check",
        help="grade a notebook of your own",
        description="Grade one notebook, in the way in which an instructor does, and say what is wrong.\n"
        "The exit code is 1 unless every task is passed.",
    )
    action.add_argument(
        "notebook", metavar="NN", help="a chapter, such as 01, or a notebook's path"
    )
    action = actions.add_parser(
        "grade",
        help="grade a folder of notebooks",
        description="Grade every notebook below a folder, with its answers locked up, and write a\n"
        "table (.csv), a page to read (.html) and JUnit's form (.xml).",
        epilog="example:\n  pixeledu exercise grade submissions --chapter 01 --out grades.csv",
    )
    action.add_argument("folder", metavar="FOLDER", help="notebooks, in folders or not")
    action.add_argument(
        "--chapter", metavar="NN", help="the chapter (the one that most notebooks are for)"
    )
    action.add_argument(
        "--out", metavar="PATH", default="grades.csv", type=_csv, help="the table (%(default)s)"
    )
    action.add_argument(
        "--workers", metavar="N", type=_count, help="graded at the same time (the processors)"
    )


def _add_checkpoint(command: argparse.ArgumentParser) -> None:
    model = command.add_mutually_exclusive_group(required=True)
    model.add_argument("--checkpoint", metavar="PATH", help="a saved model, or a run's folder")
    model.add_argument(
        "--pretrained",
        metavar="NAME",
        help="a model that ships with pixeledu (pixeledu pretrained)",
    )


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        metavar="NAME",
        help="the image set, or the folder of one (the one the model was trained on)",
    )
    command.add_argument(
        "--split", metavar="NAME", default="test", help="train, valid or test (%(default)s)"
    )


def _add_drawing(command: argparse.ArgumentParser, out: str) -> None:
    command.add_argument(
        "--temperature",
        metavar="X",
        type=float,
        default=1.0,
        help="below 1, likely values win (%(default)s)",
    )
    command.add_argument(
        "--seed", metavar="N", type=int, default=0, help="fixes what is drawn (%(default)s)"
    )
    command.add_argument(
        "--out", metavar="PATH", default=out, type=_png, help="the file to write (%(default)s)"
    )


def _add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, cuda:1, mps (the fastest there is)"
    )


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


def _csv(text: str) -> str:
    if not text.lower().endswith(".csv"):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .csv")
    return text


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def __init__(self, **options):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str):
        self.exit(2, f"pixeledu: error: {message} (see: {self.prog} --help)\n")
