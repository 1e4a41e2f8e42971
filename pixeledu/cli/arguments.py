"""What the options of several commands have in common: their kinds, their defaults, their errors."""

import argparse
import inspect
import re
import textwrap
from collections.abc import Callable

from pixeledu.data import DATASETS

MOST = 10**6  # of what is counted: images, completions, workers
SIDE_DIGITS = 6  # of a height or width; what a command can do with that size, it says itself
IMAGE_SETS = "image sets:\n" + "\n".join(f"  {name:16} {text}" for name, text in DATASETS.items())


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def __init__(self, **options):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str):
        message = textwrap.shorten(message, 500, placeholder=" ...")
        self.exit(2, f"pixeledu: error: {message} (see: {self.prog} --help)\n")


def default_of(function: Callable, argument: str) -> object:
    """Return the default of a function's argument: the command line's is the same by construction."""
    return inspect.signature(function).parameters[argument].default


def add_option(command: argparse.ArgumentParser, function: Callable, argument: str, **how) -> None:
    """Add the option for an argument of a function that the command calls, with its default.

    Args:
        command: where the option is added, as --the-argument.
        function: the function.
        argument: the name of its argument.
        how: the rest of what `add_argument` takes.
    """
    default = default_of(function, argument)
    command.add_argument(f"--{argument.replace('_', '-')}", default=default, **how)


def add_checkpoint(command: argparse.ArgumentParser) -> None:
    """Add the two ways of naming a saved model; see `loading.checkpoint_of`."""
    model = command.add_mutually_exclusive_group(required=True)
    model.add_argument("--checkpoint", metavar="PATH", help="a saved model, or a run's folder")
    model.add_argument(
        "--pretrained",
        metavar="NAME",
        help="a model that ships with pixeledu (pixeledu pretrained)",
    )


def add_held_out_images(command: argparse.ArgumentParser) -> None:
    """Add what names the images a model is shown; see `loading.images_for`."""
    command.add_argument(
        "--data",
        metavar="NAME",
        help="the image set, or the folder of one (the one the model was trained on)",
    )
    command.add_argument(
        "--split", metavar="NAME", default="test", help="train, valid or test (%(default)s)"
    )


def add_count(command: argparse.ArgumentParser, default: int, what: str) -> None:
    """Add the number of images."""
    command.add_argument(
        *("-n", "--n"), metavar="N", type=count, default=default, help=f"{what} (%(default)s)"
    )


def add_out(command: argparse.ArgumentParser, default: str, kind: Callable = str) -> None:
    """Add the file to write."""
    command.add_argument(
        "--out", metavar="PATH", default=default, type=kind, help="the file to write (%(default)s)"
    )


def add_device(command: argparse.ArgumentParser) -> None:
    """Add the device; without it a command takes the fastest there is."""
    command.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, cuda:1, mps (the fastest there is)"
    )


def count(text: str) -> int:
    """Read a whole number from 1 to `MOST`."""
    return _whole_number(text, 1, MOST)


def seed(text: str) -> int:
    """Read a number that PyTorch takes as a seed."""
    return _whole_number(text, 0, 2**64 - 1)


def _whole_number(text: str, least: int, most: int) -> int:
    if re.fullmatch(r"[0-9]{1,25}", text) and least <= int(text) <= most:
        return int(text)
    raise argparse.ArgumentTypeError(f"{_shown(text)} is no whole number from {least} to {most}")


def size(text: str) -> tuple[int, int]:
    """Read a height and a width."""
    side = rf"([1-9][0-9]{{0,{SIDE_DIGITS - 1}}})"
    if not (match := re.fullmatch(f"{side}x{side}", text)):
        raise argparse.ArgumentTypeError(f"{_shown(text)} is no size such as 28x28")
    return int(match[1]), int(match[2])


def _shown(text: str) -> str:
    return repr(text if len(text) < 50 else f"{text[:40]}...")


def labels(text: str) -> list[int]:
    """Read the class of each image: digits side by side, or numbers with commas between them."""
    words = text.split(",") if "," in text else list(text)
    if not words or not all(re.fullmatch(r"[0-9]{1,6}", word) for word in words):
        raise argparse.ArgumentTypeError(
            f"{_shown(text)} is no list of classes such as 0123456789 or 3,11,11"
        )
    return [int(word) for word in words]


def ending_in(*endings: str) -> Callable[[str], str]:
    """Make what reads the name of a file with one of several endings."""

    def read(text: str) -> str:
        if not text.lower().endswith(endings):
            raise argparse.ArgumentTypeError(
                f"{_shown(text)} does not end in {' or '.join(endings)}"
            )
        return text

    return read


def png(text: str) -> str:
    """Read the name of a PNG."""
    return ending_in(".png")(text)


def csv(text: str) -> str:
    """Read the name of a table."""
    return ending_in(".csv")(text)
