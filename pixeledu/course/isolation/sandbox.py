"""A locked-up process for the answers of one submission, seen from the side that grades."""

import contextlib
import dataclasses
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pixeledu
from pixeledu.course.isolation.messages import ConnectionBroken
from pixeledu.course.isolation.rpc import Peer
from pixeledu.course.isolation.walls import FIRST_USER, Limits

_START = 50  # seconds in which PyTorch has to be loaded, on a busy machine
_UNSHARE = (
    *("unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child=SIGKILL"),
    "--",
)
_AS_OTHER_ROOT = ("unshare", "--user", "--map-root-user", *_UNSHARE[1:])


class Sandbox:
    """Run answers in a process that can reach nothing: `with Sandbox(setup) as sandbox`.

    Args:
        setup: code that runs before every answer; it is trusted.
        namespaces: how to get the namespaces, see `namespaces`; () does without.
        user: number of the user that answers run as; None stays who it is.
        limits: see `Limits`.
    """

    def __init__(
        self,
        setup: str,
        *,
        namespaces: tuple[str, ...],
        user: int | None,
        limits: Limits | None = None,
    ) -> None:
        self.setup, self.limits = setup, limits or Limits()
        self.prefix, self.user = namespaces, user
        if user is None and not namespaces and os.geteuid() == 0:
            raise ValueError("answers of others never run as root: user must be a number")
        self.process: subprocess.Popen | None = None
        self.peer: Peer | None = None

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self, given: str, before: list[str], answer: str, seconds: int) -> Peer:
        """Run an answer in a process of its own.

        Args:
            given: code that runs just before it; it is trusted.
            before: earlier answers of the same learner; their errors do not matter.
            answer: the code of the answer.
            seconds: of a processor that the whole task may take; see `wall_seconds`.
        Returns:
            The other side, to be asked for names and called.
        Raises:
            ConnectionBroken: the process ended or took too long.
            Exception: what the answer raised.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            self.start()
            try:
                socket.send_fds(self.control, [b"t"], [theirs.fileno()])
            except OSError:  # an answer has ended the whole process
                self.stop()
                self.start()
                socket.send_fds(self.control, [b"t"], [theirs.fileno()])
        if self.peer is not None:
            self.peer.connection.socket.close()
        self.peer = Peer(ours, guarded=True)
        self.peer.connection.deadline = time.monotonic() + wall_seconds(seconds)
        self.peer.ask("run", given, before, answer, seconds)
        return self.peer

    def stop(self) -> None:
        """End the process and all that it has started."""
        if self.process is None:
            return
        self.control.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if not self.prefix and self.user is not None:
            _end_all_of(self.user)
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.process = None

    def _limits(self) -> Limits:
        """The limits; the one on processes counts all that the user of the process has."""
        if self.user is not None:
            return self.limits
        return dataclasses.replace(
            self.limits, processes=self.limits.processes + _processes_of_this_user()
        )

    def start(self) -> None:
        """Start the process, if none is running; it takes the seconds that PyTorch takes to load.

        Raises:
            ConnectionBroken: it does not start.
        """
        if self.process is not None:
            if self.process.poll() is None:
                return
            self.stop()
        self.scratch = Path(tempfile.mkdtemp(prefix="pixeledu-scratch-"))
        self.control, theirs = socket.socketpair()
        settings = {
            "socket": theirs.fileno(),
            "scratch": str(self.scratch),
            "user": self.user,
            "private_root": bool(self.prefix),
            "limits": dataclasses.asdict(self._limits()),
            "setup": self.setup,
        }
        command = [sys.executable, "-s", "-P", "-m", "pixeledu.course.isolation.worker"]
        with theirs, tempfile.TemporaryFile() as errors:
            self.process = subprocess.Popen(
                [*self.prefix, *command, json.dumps(settings)],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd="/",
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
            theirs.close()
            self.control.settimeout(_START)
            try:
                ready = self.control.recv(1)
            except TimeoutError:
                ready = b""
            if not ready:
                self.stop()
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().splitlines() or ["no reason"]
                raise ConnectionBroken(f"the process for answers does not start: {said[-1]}")


def wall_seconds(seconds: int) -> int:
    """How long a task may take by the clock, if it may take `seconds` of a processor."""
    return max(30, 2 * seconds)  # a busy machine makes no answer fail


def _processes_of_this_user() -> int:
    count = 0
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if entry.stat().st_uid == os.getuid():
                count += sum(1 for _ in (entry / "task").iterdir())
    return count


def _environment() -> dict[str, str]:
    """What an answer sees of the environment: nothing of the person who grades."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "USER": "learner",
        "LOGNAME": "learner",
        "PYTHONPATH": str(Path(pixeledu.__file__).resolve().parents[1]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
    }


def _end_all_of(user: int) -> None:
    """End every process of a user that exists for one sandbox alone."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if entry.stat().st_uid == user:
                os.kill(int(entry.name), signal.SIGKILL)


def sandbox_user(slot: int) -> int | None:
    """The user that answers run as: for root, one that has no files and no other process."""
    return FIRST_USER + slot if os.geteuid() == 0 else None


@functools.cache
def namespaces() -> tuple[str, ...]:
    """The command that starts a program in namespaces of its own, or () where the system has none."""
    if shutil.which("unshare") is None:
        return ()
    for prefix in (_UNSHARE, _AS_OTHER_ROOT):
        try:
            with Sandbox("", namespaces=prefix, user=sandbox_user(0)) as sandbox:
                sandbox.run("", [], "", _START)
            return prefix
        except (ConnectionBroken, OSError):
            continue
    return ()


def warnings() -> list[str]:
    """Say what this system does not keep from the answers that are graded on it."""
    if namespaces():
        return []
    root = os.geteuid() == 0
    found = [
        "No network namespace can be made here: answers can reach the network.",
        "No file system of its own can be made here: answers can "
        + (
            "read every file that all users of this machine can read."
            if root
            else "read and change every file that you can, other submissions and the reference "
            "notebook too."
        ),
    ]
    if not root:
        found.append(
            "No process namespace can be made here: answers run as you and can end any program "
            "of yours, the grading too."
        )
    found[-1] += " Grade on Linux where `unshare --user --net true` works, or as root."
    if sys.platform != "linux":
        found.append("The limit on memory does not hold on this system.")
    return found
