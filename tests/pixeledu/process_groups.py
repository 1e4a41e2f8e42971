"""Start some processes that work together, as `torchrun` does, but within milliseconds."""

import contextlib
import io
import multiprocessing
import os
import sys

import torch
from torch.distributed import TCPStore

from pixeledu import cli
from pixeledu.training.processes import joined

# A server process that has torch loaded forks the processes.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["pixeledu.cli", "torch._dynamo", __name__])


def together(size, function, *arguments, join=True):
    """Call a function in several processes at once; return what it returned or raised in each.

    Args:
        size: how many processes.
        function: one that a module holds; it is called with the arguments.
        join: whether they meet before the call; else the function does that.
    Returns:
        A list with one entry for each process: the result, or the text of the error, or None for
        a process that was killed.
    """
    # The one who starts them keeps the place where they meet, as `torchrun` does.
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    pipes = [context.Pipe(duplex=False) for _ in range(size)]
    group = [
        context.Process(
            target=_member, args=(pipe, rank, size, store.port, join, function, arguments)
        )
        for rank, (_, pipe) in enumerate(pipes)
    ]
    for process, (_, pipe) in zip(group, pipes, strict=True):
        process.start()
        pipe.close()  # only the process itself holds it now, so its end is noticed
    results = [_received(pipe) for pipe, _ in pipes]
    for process in group:
        process.join()
    return results


def command_line(folder, words):
    """Run a command in this process; return its exit code and what it said."""
    os.chdir(folder)
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        try:
            code = cli.main(words)
        except SystemExit as stopped:
            code = stopped.code
    return code, out.getvalue(), err.getvalue()


def _received(pipe):
    assert pipe.poll(100), "a process hangs"
    try:
        return pipe.recv()
    except EOFError:  # it was killed
        return None


def _member(pipe, rank, size, port, join, function, arguments):
    torch.set_num_threads(1)
    sys.modules["torch.utils.tensorboard"] = None
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(size))
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    os.environ.update(TORCHELASTIC_USE_AGENT_STORE="True")
    try:
        with joined() if join else contextlib.nullcontext():
            result = function(*arguments)
    except Exception as error:
        result = f"{type(error).__name__}: {error}"
    pipe.send(result)
