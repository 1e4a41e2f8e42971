"""Having submissions checked by a process of its own, see `checker`."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading

from pixeledu.course.grading.checker import NOT_CHECKED
from pixeledu.course.grading.submissions import Reference
from pixeledu.course.isolation.isolation import Isolation, environment
from pixeledu.course.notebooks import mark_of, source_of


def plan_of(task: str, roles: dict, answer: str) -> dict:
    """What `checker` needs to know of a task and an answer; `roles` are the cells of the task."""
    return {
        "id": task,
        "given": source_of(roles["given"]) if "given" in roles else "",
        "names": mark_of(roles["answer"])["names"],
        "seconds": mark_of(roles["answer"])["seconds"],
        "check": source_of(roles["check"]),
        "answer": answer,
    }


class CheckingProcesses:
    """Processes that check submissions, each of them one after the other.

    Args:
        reference: what was handed out; its checks decide.
        isolation: how answers are run.
    """

    def __init__(self, reference: Reference, isolation: Isolation) -> None:
        self.reference, self.isolation = reference, isolation
        self._lock, self._all, self._free = threading.Lock(), set(), []
        self._stopped = False

    def check(self, answers: dict[str, str]) -> dict[str, tuple[str, str]]:
        """Check the answers of one submission.

        Args:
            answers: task -> source.
        Returns:
            Task -> what became of it, see `checker`, and a text.
        """
        process = self._take()
        plan = {
            "isolation": dataclasses.asdict(self.isolation),
            "setup": self.reference.setup(),
            "tasks": [
                plan_of(task, roles, answers[task])
                for task, roles in self.reference.tasks.items()
                if task in answers
            ],
        }
        try:
            process.stdin.write(json.dumps(plan).encode() + b"\n")
            process.stdin.flush()
            said = process.stdout.readline()
        except OSError:
            said = b""
        if said:
            with self._lock:
                self._free.append(process)
            return {task: tuple(result) for task, result in json.loads(said).items()}
        why = self._end(process)
        return dict.fromkeys(answers, (NOT_CHECKED, why))

    def _take(self) -> subprocess.Popen:
        with self._lock:
            if self._free:
                return self._free.pop()
            if self._stopped:
                raise RuntimeError("grading was stopped")
            errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with its process, in `_end`
            process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-m", "pixeledu.course.grading.checker"],
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=tempfile.gettempdir(),
                start_new_session=True,  # an interrupt of the keyboard is for this process alone
            )
            process.errors = errors
            self._all.add(process)
            return process

    def _end(self, process: subprocess.Popen) -> str:
        """End a process; returns the last line of what it said."""
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.errors.seek(0)
        lines = process.errors.read().decode(errors="replace").strip().splitlines()
        for file in (process.stdin, process.stdout, process.errors):
            with contextlib.suppress(OSError):
                file.close()
        with self._lock:
            self._all.discard(process)
        return f"the process that checks ended: {lines[-1] if lines else 'it said nothing'}"

    def stop(self) -> None:
        """End all of them, and what they have started."""
        with self._lock:
            self._stopped, ending = True, list(self._all)
            self._free.clear()
        for process in ending:
            self._end(process)
