"""Work that a GPU repeats without being told each part of it again.

A model on a GPU is a list of kernels, small programs that the processor starts one by one. Where the
tensors are small it takes longer to start a kernel than to run it. A CUDA graph is a recording of
kernels with the memory they work on: the GPU replays all of them at one command.
"""

from collections.abc import Callable

import torch
from torch import Tensor


class Repeated:
    """A function of tensors that is recorded when it is called again, and replayed from then on.

    The first call runs as it is, for it may do what is done once: choose kernels, make buffers. Then
    the function must do the same work on the same memory each time; what it keeps between two calls
    must lie in tensors that it changes in place, not in Python.

    Args:
        function: takes tensors, always of the same shapes, and returns a tensor. It may neither look
            at a value of a tensor nor make a tensor from Python numbers: both would stop the GPU.
        record: runs a function once without effect; returns what replays it, and its result.
    Source: the manual of PyTorch, "CUDA Graphs".
    """

    def __init__(self, function: Callable[..., Tensor], record: Callable | None = None):
        self.function = function
        self.record = record or _record
        self.inputs: tuple[Tensor, ...] | None = None
        self.replay: Callable[[], object] | None = None

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Return the result for these inputs; the next call may overwrite it."""
        if self.inputs is None:
            self.inputs = tuple(tensor.clone() for tensor in inputs)
            return _aside(self.function, self.inputs)
        for own, new in zip(self.inputs, inputs, strict=True):
            own.copy_(new)
        if self.replay is None:
            self.replay, self.result = self.record(lambda: self.function(*self.inputs))
        self.replay()
        return self.result


def _aside(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
    """Run a function in a stream of its own: the usual one must not take part in a recording."""
    if not inputs[0].is_cuda:
        return function(*inputs)
    usual, aside = torch.cuda.current_stream(), torch.cuda.Stream()
    aside.wait_stream(usual)
    with torch.cuda.stream(aside):
        result = function(*inputs)
    usual.wait_stream(aside)
    return result


def _record(function: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = function()
    return graph.replay, result
