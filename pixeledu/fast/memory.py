"""Freed memory is kept for the next tensor, where the C library would give it back to the system.

glibc, the C library of most Linux systems, returns the memory of large buffers as soon as they are
freed, and asks the system for it again when the next one is made. The system hands it out page by
page, each filled with zeros first. A forward pass frees and makes a buffer for every layer, so that
a small model can spend as much time on that as on its arithmetic.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Buffers from this size on still come and go one by one. Older glibc accepts no larger number.
SINGLE = 32 * 2**20
# The most freed memory that stays at the end of the heap; with less, training in batches of 64
# would give back at the end of a step what the next one needs.
KEPT = 2**30

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # the numbers of the two options in malloc.h


def keep_freed_memory() -> bool:
    """Tell glibc to keep up to 1 GiB of freed memory, of what the process has used at its peak.

    It holds for the whole process, so importing the package does not do it: the command line and
    the first cell of every chapter do. Whoever sets glibc's own variables (`MALLOC_TRIM_THRESHOLD_`,
    `MALLOC_MMAP_THRESHOLD_`, `GLIBC_TUNABLES`) has decided, and nothing is changed.

    Returns:
        Whether it was done: not without glibc, and not against the variables.
    Source: the manual of glibc, "Malloc Tunable Parameters".
    """
    global _kept
    _kept = _set(KEPT, SINGLE)
    return _kept


@contextmanager
def large_buffers_given_back() -> Iterator[None]:
    """Let glibc return buffers from 1 MiB on as soon as they are freed, for a while.

    Many threads have a heap each, and each would keep what its largest pictures took.
    """
    changed = _set(2**20, 2**20)
    try:
        yield
    finally:
        if changed:  # back to what it was, or to where glibc ends by itself
            _set(KEPT if _kept else 2 * SINGLE, SINGLE)


_kept = False


def _set(kept: int, single: int) -> bool:
    """Set both numbers, unless the user has or there is no glibc; return whether it was done."""
    if sys.platform != "linux" or any(_is_about_malloc(name) for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is None:
        return False
    # The first of the two also stops glibc from moving both numbers as it sees fit.
    return bool(mallopt(_TRIM_THRESHOLD, kept)) and bool(mallopt(_MMAP_THRESHOLD, single))


def _is_about_malloc(variable: str) -> bool:
    if variable == "GLIBC_TUNABLES":
        return "glibc.malloc." in os.environ[variable]
    return variable.startswith("MALLOC_") and variable.endswith("_THRESHOLD_")
