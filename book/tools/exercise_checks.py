"""Running a task in this process: for the teacher's own answers, which are trusted."""

import contextlib
import io
import re
import time
from dataclasses import dataclass

from exercise_source import Chapter, Task

from pixeledu.course.notebook_shell import NotebookShell


@dataclass(frozen=True)
class Outcome:
    """What came of an answer: what its check printed, or the error that says what is wrong."""

    printed: str
    error: str
    seconds: float


def run_task(chapter: Chapter, task: Task, answer: str) -> Outcome:
    """Run the set-up, what is given, an answer and the check, as in a fresh notebook.

    Args:
        chapter: the chapter of the task.
        task: the task.
        answer: the whole answer cell; it is trusted like any code of one's own.
    Returns:
        What the check printed, or the error. An answer that prints is an error.
    """
    started = time.perf_counter()
    out, err = io.StringIO(), io.StringIO()
    shell = NotebookShell()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            for part in (chapter.setup, task.given, answer):
                shell.run(part)
            quiet = not out.getvalue()
            shell.run(task.check)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        return Outcome(out.getvalue(), text, time.perf_counter() - started)
    finally:
        shell.close()
    seconds = time.perf_counter() - started
    if not quiet or err.getvalue():
        return Outcome(out.getvalue(), "set-up, given or answer printed something", seconds)
    return Outcome(out.getvalue(), "", seconds)


def faults(chapter: Chapter, printed: dict[str, str] | None = None) -> list[str]:
    """Say what is wrong with a source whose parts fit together: nothing, for a good one.

    Every solution must pass its check and print the same each time, though the check draws its
    inputs afresh; the stub and every wrong answer must fail, by an assertion or another error: what
    a check prints is for the eye.

    Args:
        chapter: the source.
        printed: what the check of each task prints, where solutions have been run already; without
            it, each is run twice.
    """
    found = []
    for task in chapter.tasks:
        if printed is None:
            first, again = (run_task(chapter, task, task.solution) for _ in range(2))
            for outcome in (first, again):
                if outcome.error:
                    found.append(f"{task.id}: the solution fails: {outcome.error}")
            text = first.printed
            if text != again.printed:
                found.append(f"{task.id}: the check printed {text!r}, then {again.printed!r}")
        else:
            text = printed[task.id]
        if not text.startswith("ok"):
            found.append(f"{task.id}: the check must print `ok …`, not {text!r}")
        if re.search(r" at 0x[0-9a-f]{6,}", text):
            found.append(f"{task.id}: the check prints the address of an object")
        if not run_task(chapter, task, task.stub).error:
            found.append(f"{task.id}: the stub passes")
        for wrong in task.wrong:
            outcome = run_task(chapter, task, wrong.code)
            if not outcome.error:
                found.append(f"{task.id}: the wrong answer {wrong.name!r} passes")
            elif outcome.error.startswith(("NameError", "SyntaxError")):
                found.append(f"{task.id}: the wrong answer {wrong.name!r}: {outcome.error}")
    return found
