"""How a command is run: alone or in several processes, and what is said when it fails."""

import argparse
import contextlib
import io
import sys
import textwrap

import torch

from pixeledu.cli.parser import parser
from pixeledu.fast.memory import keep_freed_memory
from pixeledu.streams import complain, lead_stdout_nowhere
from pixeledu.training.processes import (
    SINGLE,
    LeaderFailed,
    ProcessGroup,
    group_from_environment,
    joined,
)

_ERRORS = (ValueError, OSError, ArithmeticError, RuntimeError, MemoryError, ImportError)


def run(arguments: list[str] | None = None) -> int:
    """Run one command, and say in one line what has gone wrong.

    Args, Returns, Raises: as for `pixeledu.cli.main`.
    """
    group, options = SINGLE, None
    try:
        group = group_from_environment()
        with _silent_unless_leader(group, contextlib.redirect_stdout):
            with _silent_unless_leader(group, contextlib.redirect_stderr):
                options = parser().parse_args(arguments)
            _run(options, group)
            sys.stdout.flush()
    except LeaderFailed:  # it has said why
        return 2
    except KeyboardInterrupt:
        again = "" if options is None else options.after_ctrl_c
        _complain(group, f"\npixeledu: stopped{again}")
        return 130
    except BrokenPipeError:  # the reader of stdout has left: nobody is there to be told
        lead_stdout_nowhere()
        return 2
    except _ERRORS as error:
        _complain(group, f"pixeledu: error: {_one_line(error)}")
        return 2
    return 0


def _run(options: argparse.Namespace, group: ProcessGroup) -> None:
    if options.keeps_freed_memory:
        keep_freed_memory()
    if options.shared:  # by all processes; else the first one works alone
        with joined():
            options.run(options)
    elif group.is_leader:
        options.run(options)


def _silent_unless_leader(group: ProcessGroup, redirect) -> contextlib.AbstractContextManager:
    return contextlib.nullcontext() if group.is_leader else redirect(io.StringIO())


def _complain(group: ProcessGroup, text: str) -> None:
    if group.first_to_say(text):
        complain(text)


def _one_line(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror + (f": {error.filename}" if error.filename else "")
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or _is_out_of_memory(text):
        text = f"out of memory: {text}; use a smaller --batch-size, --n or --size, or --device cpu"
    return textwrap.shorten(text or type(error).__name__, 600, placeholder=" ...")


def _is_out_of_memory(text: str) -> bool:
    # What PyTorch says in a plain RuntimeError, where the processor's own memory is too small.
    return "can't allocate memory" in text or "Storage size calculation overflowed" in text
