"""What an answer and its check may use of a machine."""

import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """Hold what a task may use, besides its seconds.

    Args:
        memory: bytes, of each process besides what PyTorch takes, and of all of them together.
        storage: bytes of all files that it writes.
        processes: processes and threads at the same time.
    """

    memory: int = 4 * 2**30
    storage: int = 64 * 2**20
    processes: int = 32


def limit_process(limits: Limits) -> None:
    """Limit what this process and those that it starts may have; there is no way back.

    The limit on memory is one on address space, and holds on Linux only.
    """
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _limit(resource.RLIMIT_AS, pages * os.sysconf("SC_PAGE_SIZE") + limits.memory)
    _limit(resource.RLIMIT_FSIZE, limits.storage)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 256)


def limit_processes(most: int) -> None:
    """Limit how many processes and threads the user of this process may have."""
    _limit(resource.RLIMIT_NPROC, most)


def limit_time(seconds: int) -> None:
    """Limit the seconds of a processor from now on, for this process and each that it starts."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + seconds)


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def wall_seconds(seconds: int) -> int:
    """How long a task may take by the clock, if it may take `seconds` of a processor.

    A busy machine makes no answer fail: this ends only what waits for something that never comes.
    """
    return 30 + 2 * seconds


def used_by_others() -> tuple[float, int]:
    """Seconds of a processor and bytes of memory of all processes but this one.

    For the first process of a process namespace: all others are those of the task that it runs.
    """
    seconds, memory = 0.0, 0
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) == os.getpid():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile; its parent has its seconds
            continue
        # utime, stime, and those of children that it has waited for: fields 14 to 17 of proc(5).
        seconds += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
        memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return seconds, memory
