"""The process that runs the answers of one submission, seen from the side that checks them."""

import contextlib
import dataclasses
import itertools
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

from pixeledu.course.isolation.isolation import Isolation
from pixeledu.course.isolation.limits import wall_seconds
from pixeledu.course.isolation.messages import ConnectionBroken
from pixeledu.course.isolation.rpc import Peer

_START = 300  # seconds in which PyTorch has to be loaded, on a busy machine with a slow disk
_numbers = itertools.count()


class AnswerProcess:
    """Run answers elsewhere: `with AnswerProcess(setup, isolation) as process`.

    Args:
        setup: code that runs before every answer; it is trusted.
        isolation: how the process is started.
    """

    def __init__(self, setup: str, isolation: Isolation) -> None:
        self.setup, self.isolation = setup, isolation
        self.user = isolation.user(next(_numbers))
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "AnswerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self, given: str, earlier: dict[str, int], answer: str, seconds: int) -> Peer:
        """Run an answer in a process of its own, which ends when the connection is closed.

        Args:
            given: code that runs just before it; it is trusted.
            earlier: earlier answers of the same learner and the seconds that each may take; their
                errors do not matter, and their time is not that of this answer.
            answer: the code of the answer.
            seconds: of a processor that the answer and its check may take; see `wall_seconds`.
        Returns:
            The other side, to be asked for names and called.
        Raises:
            ConnectionBroken: the process ended or took too long.
            Exception: what the answer raised.
        """
        before = sum(earlier.values())
        ours, theirs = socket.socketpair()
        with theirs:
            if self.process is None:
                self.start()
            socket.send_fds(self.control, [b"%d\n" % (before + seconds)], [theirs.fileno()])
        peer = Peer(ours, guarded=True)
        peer.connection.deadline = time.monotonic() + wall_seconds(before)
        peer.ask("prepare", given, list(earlier))
        peer.connection.deadline = time.monotonic() + wall_seconds(seconds)
        peer.ask("run", answer, seconds)
        return peer

    def start(self) -> None:
        """Start the process, if none is running; it takes the seconds that PyTorch takes to load.

        Raises:
            ConnectionBroken: it does not start; says why.
        """
        if self.process is not None:
            if self.process.poll() is None:
                return
            self.stop()
        self.scratch = Path(tempfile.mkdtemp(prefix="pixeledu-scratch-"))
        self.control, theirs = socket.socketpair()
        settings = {
            "socket": theirs.fileno(),
            "scratch": None if self.isolation.walls else str(self.scratch),
            "user": self.user,
            "limits": dataclasses.asdict(self.isolation.limits),
            "setup": self.setup,
        }
        command = [sys.executable, "-s", "-P", "-m", "pixeledu.course.isolation.worker"]
        with theirs, tempfile.TemporaryFile() as errors:
            self.process = self.isolation.start(
                [*command, json.dumps(settings)], theirs.fileno(), errors
            )
            theirs.close()
            self.control.settimeout(_START)
            try:
                ready = self.control.recv(1)
            except (TimeoutError, ConnectionResetError):
                ready = b""
            if not ready:
                self.stop()
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().splitlines() or ["no reason"]
                raise ConnectionBroken(f"the process for answers does not start: {said[-1]}")

    def stop(self) -> None:
        """End the process and all that it has started."""
        if self.process is None:
            return
        self.control.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.process = None
