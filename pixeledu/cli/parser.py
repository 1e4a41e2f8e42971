"""All commands together: what understands the words of a command line."""

import argparse

from pixeledu import __version__
from pixeledu.cli import compress, draw, exercise, export, measure, prepare, train
from pixeledu.cli.arguments import Parser

# In the order in which the help lists them.
_GROUPS = (train, measure, draw, compress, export, prepare, exercise)


def parser() -> argparse.ArgumentParser:
    """Return what understands the arguments of all commands.

    What it gives has the options of the command and
        run: the function that carries it out, called with all of this.
        shared: whether several processes do it together.
        keeps_freed_memory: whether `fast.memory.keep_freed_memory` makes it faster.
        after_ctrl_c: what can be said of a command that was stopped.
    """
    whole = Parser(
        prog="pixeledu",
        description="Train autoregressive image models, measure them and draw from them.",
        epilog="Each command says more: pixeledu train --help\n"
        "Without the script: python -m pixeledu train --help",
    )
    whole.add_argument("--version", action="version", version=f"pixeledu {__version__}")
    whole.set_defaults(shared=False, keeps_freed_memory=True, after_ctrl_c="")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for group in _GROUPS:
        group.add_to(commands)
    return whole
