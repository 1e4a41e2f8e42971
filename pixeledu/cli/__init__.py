"""The command line: `python -m pixeledu COMMAND`; `python -m pixeledu --help` lists the commands.

Results go to stdout, bars and errors to stderr. An error is one line, with exit code 2. Started
several times by `torchrun` or `accelerate launch`, the processes share the work; one of them speaks.

Here is the way in; `parser` knows all commands, and a group of commands has a module of its own,
with the options it takes (from `arguments`) above the functions that carry them out.
"""

import contextlib
import os
import signal


def main(arguments: list[str] | None = None) -> int:
    """Run one command of the command line.

    Args:
        arguments: the words after the program's name; None takes those of this process, which is
            then the command's own: streams that are closed or cannot show a name are mended.
    Returns:
        The exit code: 0, or 2 after an error, or 130 after Ctrl-C.
    Raises:
        SystemExit: the arguments cannot be understood (code 2), or help was asked for (code 0).
    """
    owns_process = arguments is None
    answers = owns_process and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if answers:  # else Ctrl-C is ignored, as in a job that runs in the background
        signal.signal(signal.SIGINT, _end_at_once)
    from pixeledu import streams

    if owns_process:
        streams.open_missing_streams()
        streams.make_safe_to_print()
    try:
        with streams.closed_ones_lead_nowhere():
            from pixeledu.cli.running import run  # loads torch: a second in which Ctrl-C may come

            if answers:  # from now on there may be something to bring to a good end
                signal.signal(signal.SIGINT, _raise_once)
            return run(arguments)
    except KeyboardInterrupt:  # a library has let it pass, or this was called by a program
        streams.complain("\npixeledu: stopped")
        return 130
    finally:
        if answers:  # what is left to do is to end, and nothing shall disturb that
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end_at_once(*_) -> None:
    """Answer Ctrl-C while nothing has begun: an exception would end in a library's traceback."""
    with contextlib.suppress(OSError):
        os.write(2, b"\npixeledu: stopped\n")
    os._exit(130)


def _raise_once(*_) -> None:
    """Answer the first Ctrl-C as Python does, and leave the second one to whoever is in a hurry."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    raise KeyboardInterrupt
