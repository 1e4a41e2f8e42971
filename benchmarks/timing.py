"""What all benchmarks share: calm conditions, medians, ratios inside one run, one JSON a run."""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import threadpoolctl
import torch

RESULTS = Path(__file__).parent / "results"
# glibc gives large buffers back to the system after each use and fetches them again for the next
# one. For small networks that costs more than the arithmetic, so it is switched off here.
MALLOC = {"MALLOC_TRIM_THRESHOLD_": "4294967296", "MALLOC_MMAP_THRESHOLD_": "4294967296"}
THREADS = 2


def calm() -> None:
    """Fix the number of threads, and start again with the malloc settings if they are not set."""
    if any(os.environ.get(name) != value for name, value in MALLOC.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **MALLOC})
    torch.set_num_threads(THREADS)


def rounds(count: int, **functions: Callable[[], object]) -> dict[str, list[float]]:
    """Time functions in turn, `count` rounds after one to warm up.

    Returns:
        Seconds of each function, a list in the order of the rounds: divide them round by round.
    """
    seconds = {name: [] for name in functions}
    for turn in range(count + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(above: list[float], below: list[float]) -> float:
    """Return the median of the ratios of two lists of seconds, round by round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def report(name: str, rows: list[dict], **settings) -> None:
    """Print rows as a table and write them with the conditions to `results/NAME.json`."""
    columns = list(rows[0])
    cells = [columns, *([_format(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    record = {"benchmark": name, **settings, "rows": rows, "conditions": conditions()}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    partial.replace(path)


def _format(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def conditions() -> dict:
    """Describe what the figures depend on."""
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "malloc": {name: os.environ.get(name) for name in MALLOC},
        "kernels of NumPy's BLAS": _kernels(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.system(),
    }


def _kernels() -> str:
    """Name what NumPy multiplies with: an environment variable can hold it to those of an old CPU."""
    libraries = threadpoolctl.threadpool_info()
    return ", ".join(
        sorted(
            {
                f"{lib['internal_api']} {lib.get('architecture', '')}"
                for lib in libraries
                if lib["user_api"] == "blas"
            }
        )
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
