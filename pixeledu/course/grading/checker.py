"""The process that checks answers: reads submissions from standard input, a line of JSON each.

It has PyTorch loaded, has the answers run by an `AnswerProcess`, and forks once for each check: no
check sees what another one did, and one that an answer's values exhaust ends alone. The code of an
answer never runs here.
"""

import contextlib
import json
import os
import random
import select
import signal
import sys
import time
import types

import numpy as np
import torch

from pixeledu.course.isolation import limits as using
from pixeledu.course.isolation.answer_process import AnswerProcess
from pixeledu.course.isolation.isolation import Isolation
from pixeledu.course.isolation.limits import Limits, wall_seconds
from pixeledu.course.isolation.messages import ConnectionBroken
from pixeledu.course.isolation.rpc import Peer

_MOST_TEXT = 3000  # characters of a message
PASSED, FAILED, LATE, NOT_CHECKED = "passed", "failed", "late", "not checked"


def main() -> None:
    """Check one submission after the other, until there is none."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped, too
    said = os.fdopen(os.dup(1), "w")
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    torch.set_num_threads(1)
    # What this loads when it is first called, half a second of work, would be lost with each fork.
    torch.testing.assert_close(torch.ones(1), torch.ones(1))
    for line in sys.stdin:
        said.write(json.dumps(check_submission(json.loads(line))) + "\n")
        said.flush()


def check_submission(plan: dict) -> dict[str, tuple[str, str]]:
    """Check the answers of one submission.

    Args:
        plan: "isolation" (the fields of `Isolation`), "setup" (code that runs before every answer)
            and "tasks": for each its "id", "given", "names", "seconds", "check" and "answer".
    Returns:
        Task -> what became of it, and a text for whoever handed it in.
    """
    about = plan["isolation"]
    isolation = Isolation(about["walls"], Limits(**about["limits"]), tuple(about["hidden"]))
    results: dict[str, tuple[str, str]] = {}
    earlier: dict[str, int] = {}  # answers that did no harm -> the seconds that each may take
    with AnswerProcess(plan["setup"], isolation) as process:
        for task in plan["tasks"]:
            try:
                process.start()
            except ConnectionBroken as error:
                results[task["id"]] = (NOT_CHECKED, str(error))
                continue
            result, ran = check_task(plan["setup"], task, earlier, process)
            results[task["id"]] = result
            if ran:
                earlier[task["answer"]] = task["seconds"]
    return results


def check_task(
    setup: str, task: dict, earlier: dict[str, int], process: AnswerProcess
) -> tuple[tuple[str, str], bool]:
    """Check an answer in a process forked for it.

    Args:
        setup: code that runs before every answer.
        task: one of those of `check_submission`.
        earlier: earlier answers that run before it, and the seconds that each may take.
        process: runs the answers.
    Returns:
        What became of it and a text; and whether the answer did no harm to those after it.
    """
    limits = process.isolation.limits
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reading)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            using.limit_process(limits)
            using.limit_time(task["seconds"] + 10)
            with os.fdopen(writing, "w") as file:
                json.dump(_check(setup, task, earlier, process), file)
        finally:
            os._exit(0)
    os.close(writing)
    # Whoever waits for the other side stops by himself; this is for a check that does not end.
    most = wall_seconds(sum(earlier.values())) + 2 * wall_seconds(task["seconds"])
    try:
        text = _read(reading, time.monotonic() + most)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if text is None:
        return (LATE, f"checking it took longer than {most} seconds and was stopped"), False
    if not text:
        return (FAILED, "checking what it returned took too much time or memory"), False
    status, message, ran = json.loads(text)
    return (status, message), ran


def _read(descriptor: int, deadline: float) -> str | None:
    """All that a child says, or None if it is late."""
    said = b""
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        while select.select([file], [], [], max(0.0, deadline - time.monotonic()))[0]:
            if not (part := file.read(65536)):
                return said.decode()
            said += part
    return None


def _check(
    setup: str, task: dict, earlier: dict[str, int], process: AnswerProcess
) -> tuple[str, str, bool]:
    """Run an answer and its check: status, message, and whether the answer did no harm."""
    # After a fork all of them would go on from the same state.
    random.seed()
    np.random.seed()  # noqa: NPY002
    torch.seed()
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    ran = False
    try:
        for name, code in (("setup", setup), ("given", task["given"])):
            exec(compile(code, f"<{name}>", "exec"), module.__dict__)
        peer = process.run(task["given"], earlier, task["answer"], task["seconds"])
        ran = True
        process.control.close()
        for name in task["names"]:
            module.__dict__[name] = _value(peer, name)
        exec(compile(task["check"], "<check>", "exec"), module.__dict__)
    except ConnectionBroken as error:
        status, message = _why_broken(str(error), task["seconds"])
        return status, message, False
    except BaseException as error:
        return FAILED, _short(f"{type(error).__name__}: {error}"), ran
    return PASSED, "", ran


def _value(peer: Peer, name: str) -> object:
    try:
        return peer.ask("name", name)
    except AttributeError:
        raise NameError(f"the answer does not define {name}") from None


def _why_broken(reason: str, seconds: int) -> tuple[str, str]:
    if reason == "late":
        most = wall_seconds(seconds)
        return LATE, f"it took longer than {most} seconds and was stopped"
    if reason == "gone":
        return FAILED, (
            "its process ended before the check was done: it called `os._exit` or the like, or it "
            f"used too much memory or more than {seconds} seconds of the processor"
        )
    return FAILED, f"the check could not be done: {reason}"


def _short(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]} …"


if __name__ == "__main__":
    main()
