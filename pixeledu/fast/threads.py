"""How many threads of the CPU PyTorch may use for a while."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def at_most(threads: int | None) -> Iterator[None]:
    """Let PyTorch use no more than this many threads, and afterwards as many as before; None: all.

    Where the tensors are small a second thread gains next to nothing. And it can cost much: threads
    wait for each other by spinning, so that another busy process makes them many times slower.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(before if threads is None else min(threads, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)
