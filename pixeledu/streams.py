"""The standard streams of a process, any of which may be closed, or unable to show a character."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator


def stderr_is_terminal() -> bool:
    """Tell whether somebody may be looking at stderr, so that a bar is worth drawing."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it was closed
        return False


def open_missing_streams() -> None:
    """Let streams that this process was started without (`>&-`) lead nowhere.

    Otherwise the next file that is opened, a checkpoint say, gets the number of such a stream, and
    what a library prints is written into it.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


@contextlib.contextmanager
def closed_ones_lead_nowhere() -> Iterator[None]:
    """Let what is printed vanish for a while where stdout or stderr is closed or not there.

    Where there is none, `print` would write what is meant for stderr to stdout.
    """
    with contextlib.ExitStack() as replaced:
        for name, redirect in (
            ("stdout", contextlib.redirect_stdout),
            ("stderr", contextlib.redirect_stderr),
        ):
            stream = getattr(sys, name)
            if stream is None or getattr(stream, "closed", False):
                replaced.enter_context(redirect(io.StringIO()))
        yield


def make_safe_to_print() -> None:
    """Let stdout write an escape (`\\u017e`) for a character that its encoding has not."""
    with contextlib.suppress(AttributeError):  # it is no text file of Python's
        sys.stdout.reconfigure(errors="backslashreplace")


def complain(text: str) -> None:
    """Print a line to stderr, if it can be written to: a complaint that fails hides its cause."""
    with contextlib.suppress(OSError), closed_ones_lead_nowhere():
        print(text, file=sys.stderr)


def lead_stdout_nowhere() -> None:
    """Throw away what stdout still holds: whoever was reading has left, or the disk is full."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
