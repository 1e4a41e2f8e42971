"""The process that runs answers: `AnswerProcess` starts one for each submission.

It talks over the socket whose number it is given. It prepares everything that answers need, gives
up its rights, and then forks once for each task: no task sees what another one did.
"""

import contextlib
import ctypes
import gc
import json
import os
import select
import shutil
import signal
import socket
import sys
from pathlib import Path

import torch

from pixeledu.course.isolation import limits as using
from pixeledu.course.isolation.bubblewrap import SCRATCH
from pixeledu.course.isolation.limits import Limits
from pixeledu.course.isolation.messages import ConnectionBroken
from pixeledu.course.isolation.rpc import Peer
from pixeledu.course.isolation.system_calls import DUMPABLE
from pixeledu.course.notebook_shell import NotebookShell

_LOOK = 0.2  # seconds between two looks at what a task has used


def main() -> None:
    """Give up all rights, then serve one task after the other until the socket is closed."""
    settings = json.loads(sys.argv[1])
    limits = Limits(**settings["limits"])
    control = socket.socket(fileno=settings["socket"])
    _give_up_rights(settings["user"], limits)
    scratch = settings["scratch"] or SCRATCH
    os.environ.update(HOME=scratch, TMPDIR=scratch, IPYTHONDIR=f"{scratch}/.ipython")
    os.chdir(scratch)
    torch.set_num_threads(1)
    shell = NotebookShell()
    shell.run(settings["setup"])
    _wipe(scratch)
    gc.freeze()
    control.sendall(b"r")  # ready
    while True:
        data, descriptors, *_ = socket.recv_fds(control, 16, 1)
        if not data:
            return
        task = os.fork()
        if not task:
            control.close()
            _serve(socket.socket(fileno=descriptors[0]), shell, limits)
        os.close(descriptors[0])
        _watch(control, int(data), limits)
        _end(task)
        _wipe(scratch)


def _give_up_rights(user: int | None, limits: Limits) -> None:
    os.nice(10)  # checks come first
    with contextlib.suppress(OSError):  # if memory runs out, this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000")
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    using.limit_process(limits)
    if os.getpid() == 1:
        using.limit_processes(limits.processes)  # elsewhere, all programs of this user count
        # No process of a task can look into this one, nor into those of another task.
        ctypes.CDLL(None).prctl(DUMPABLE, 0, 0, 0, 0)


def _watch(control: socket.socket, seconds: int, limits: Limits) -> None:
    """Wait until the next task is asked for; end this one if all its processes use too much."""
    alone = os.getpid() == 1  # a process namespace of its own: all the others are the task's
    while not select.select([control], [], [], _LOOK if alone else None)[0]:
        used, memory = using.used_by_others()
        if used > seconds + 1 or memory > limits.memory:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)


def _end(task: int) -> None:
    """End what the last task has left running."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL) if os.getpid() == 1 else os.killpg(task, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0)[0]:
            pass


def _wipe(folder: str) -> None:
    """Remove all files that a task could write."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)


def _serve(connection: socket.socket, shell: NotebookShell, limits: Limits) -> None:
    """Run one answer and do what its check asks, until the check is done."""
    try:
        os.setsid()
        with open(os.devnull, "wb") as nowhere:  # where everything goes that answers print
            for number in (1, 2):
                os.dup2(nowhere.fileno(), number)
        peer = Peer(connection, guarded=False)
        number = peer.number_of(shell.module)
        tasks = {"prepare": peer.number_of(shell.prepare), "run": peer.number_of(shell.answer)}
        while True:
            kind, *parts = peer.connection.receive()
            if kind == "run":
                using.limit_time(parts.pop())
            if kind in tasks:
                peer.answer("call", [tasks[kind], tuple(parts), {}, None])
            else:
                peer.answer(*(("get", [number, *parts]) if kind == "name" else (kind, parts)))
    except ConnectionBroken:
        pass
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
