"""The command line: `python -m pixeledu COMMAND`; `python -m pixeledu --help` lists the commands.

Results go to stdout, bars and errors to stderr. An error is one line, with exit code 2. Started
several times by `torchrun` or `accelerate launch`, the processes share the work; one of them speaks.

Here is the way in; `parser` knows all commands, and a group of commands has a module of its own,
with the options it takes (from `arguments`) above the functions that carry them out.
"""

import signal
import sys

from pixeledu.streams import make_safe_to_print, open_missing_streams


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
    if owns_process:
        open_missing_streams()
        make_safe_to_print()
    try:
        from pixeledu.cli.running import run  # loads torch: a second in which Ctrl-C may come

        return run(arguments)
    except KeyboardInterrupt:  # then, or while the first one was being answered
        if owns_process:  # what is left to do is to end, and no third one shall disturb that
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("\npixeledu: stopped", file=sys.stderr)
        return 130
