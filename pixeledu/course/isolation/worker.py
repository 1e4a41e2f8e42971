"""The process that runs answers: started by `pixeledu.course.isolation.sandbox`, one for each submission.

It talks over the socket whose number it is given. It prepares everything that answers need, shuts
itself in, and then forks once for each task: no task sees what another one did.
"""

import contextlib
import gc
import json
import os
import shutil
import signal
import socket
import sys
import types
from pathlib import Path

import torch

from pixeledu.course.isolation.messages import ConnectionBroken
from pixeledu.course.isolation.rpc import ANSWER, Peer
from pixeledu.course.isolation.walls import Limits, enclose, limit_task


def main() -> None:
    """Shut this process in, then serve one task after the other until the socket is closed."""
    settings = json.loads(sys.argv[1])
    limits = Limits(**settings["limits"])
    control = socket.socket(fileno=settings["socket"])
    enclose(Path(settings["scratch"]), settings["user"], settings["private_root"], limits)
    torch.set_num_threads(1)
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    exec(compile(settings["setup"], "<setup>", "exec"), module.__dict__)
    gc.freeze()
    control.sendall(b"r")  # ready
    last = 0
    while True:
        data, descriptors, *_ = socket.recv_fds(control, 1, 1)
        _end(last)
        if not data:
            return
        last = os.fork()
        if not last:
            control.close()
            _serve(socket.socket(fileno=descriptors[0]), module, limits)
        os.close(descriptors[0])


def _end(last: int) -> None:
    """End what the last task has left running, and remove its files."""
    if os.getpid() == 1:  # a process namespace of its own: all the others are the task's
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
    elif last:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(last, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0)[0]:
            pass
    for folder in (os.environ["TMPDIR"], os.environ["HOME"]):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)


def _serve(connection: socket.socket, module: types.ModuleType, limits: Limits) -> None:
    """Run one answer and do what its check asks, until the check is done."""
    try:
        os.setsid()
        with open(os.devnull, "wb") as nowhere:  # where everything goes that answers print
            for number in (1, 2):
                os.dup2(nowhere.fileno(), number)
        peer = Peer(connection, guarded=False)
        while True:
            kind, *parts = peer.connection.receive()
            if kind == "run":
                limit_task(limits, parts.pop())
                peer.answer("call", [_own_number(peer, _runner(module)), tuple(parts), {}, None])
            elif kind == "name":
                peer.answer("get", [_own_number(peer, module), parts[0]])
            else:
                peer.answer(kind, parts)
    except ConnectionBroken:
        pass
    finally:
        os._exit(0)


def _own_number(peer: Peer, value: object) -> int:
    return peer._own(value)[1]


def _runner(module: types.ModuleType):
    def run(given: str, before: list[str], answer: str) -> None:
        # A learner's notebook ran the earlier answers too: an import there is missed here.
        for code in before:
            with contextlib.suppress(BaseException):
                exec(compile(code, "<earlier answer>", "exec"), module.__dict__)
        for code, name in ((given, "<given>"), (answer, ANSWER)):
            exec(compile(code, name, "exec"), module.__dict__)

    return run


if __name__ == "__main__":
    main()
