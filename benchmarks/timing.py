"""What all benchmarks share: calm conditions, medians, ratios inside one run, one JSON a run."""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

try:
    import threadpoolctl
except ModuleNotFoundError:  # comes with scikit-learn, which a GPU machine may lack
    threadpoolctl = None

RESULTS = Path(__file__).parents[1] / "pixeledu" / "measured"
# glibc gives large buffers back to the system after each use and fetches them again for the next
# one. For small networks that costs more than the arithmetic, so it is switched off here.
MALLOC = {"MALLOC_TRIM_THRESHOLD_": "4294967296", "MALLOC_MMAP_THRESHOLD_": "4294967296"}
THREADS = 2
QUIET = 0.05  # the share of the processors that other programs may use before the report says so


def calm() -> None:
    """Fix the number of threads, and start again with the malloc settings if they are not set."""
    if any(os.environ.get(name) != value for name, value in MALLOC.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **MALLOC})
    torch.set_num_threads(THREADS)


def parser(description: str, rounds: int) -> argparse.ArgumentParser:
    """Make the part of the command line that the benchmarks of speed share; see `read`."""
    shared = argparse.ArgumentParser(description=description.split("\n")[0])
    shared.add_argument("--rounds", type=int, default=rounds, help="repeats of each measurement")
    shared.add_argument("--rehearse", action="store_true", help="tiny sizes; keeps no figures")
    shared.add_argument("--out", type=Path, help="folder of the JSON (pixeledu/measured)")
    return shared


def read(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line, and fix the number of threads.

    A rehearsal writes only where `--out` says, never over real figures. It takes one thread: where
    other programs are at work, two that wait for each other would take a hundred times as long.
    """
    options = parser.parse_args()
    torch.set_num_threads(1 if options.rehearse else THREADS)
    if options.rehearse:
        options.rounds = 1
    elif options.out is None:
        options.out = RESULTS
    return options


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


def seconds_worked(function: Callable[[], object]) -> float:
    """Return how many seconds the processor worked on a function, in this process."""
    start = time.process_time()
    function()
    return time.process_time() - start


def stepper(model: nn.Module, batch: Tensor) -> Callable[[], None]:
    """Return a function that takes one training step of a model, with an optimiser of its own."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(batch), batch).backward()
        optimizer.step()

    return step


def ratio(above: list[float], below: list[float]) -> float:
    """Return the median of the ratios of two lists of seconds, round by round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def report(name: str, rows: list[dict], **settings) -> None:
    """Print rows as a table and write them with the conditions to `results/NAME.json`."""
    show(rows)
    save(name, rows, **settings)


def show(rows: list[dict]) -> None:
    """Print rows as a table; what a row does not have is left empty."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [columns, *([_format(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def save(name: str, rows: list[dict], folder: Path | None = RESULTS, **settings) -> None:
    """Write rows with the conditions to `NAME.json` in a folder; say so if others were at work."""
    if folder is None:
        return
    record = {"benchmark": name, **settings, "rows": rows, "conditions": conditions()}
    others = record["conditions"]["share of them that other programs used"]
    if others is not None and others > QUIET:
        print(f"The machine was not quiet: other programs used {others:.0%} of its processors.")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    partial.replace(path)


def _format(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def conditions() -> dict:
    """Describe what the figures depend on."""
    on_gpu = {"GPU": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {
        "processor": _processor(),
        **on_gpu,
        "processors": os.cpu_count(),
        "share of them that other programs used": share_of_others(),
        "threads": torch.get_num_threads(),
        "malloc": {name: os.environ.get(name) for name in MALLOC},
        "kernels of NumPy's BLAS": _kernels(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.system(),
    }


def share_of_others() -> float | None:
    """Return how busy the machine was with other things since the start, 0 to 1; Linux only."""
    now = _processor_seconds()
    if now is None or _AT_START is None:
        return None
    ours, busy, all_of_it = (after - before for before, after in zip(_AT_START, now, strict=True))
    return round(max(0.0, busy - ours) / max(all_of_it, 1e-9), 3)


def _processor_seconds() -> tuple[float, float, float] | None:
    """Return the processor time of this process and its children, of all programs, and of all."""
    statistics_of_linux = Path("/proc/stat")
    if not statistics_of_linux.exists():
        return None
    ticks = [int(word) for word in statistics_of_linux.read_text().split("\n")[0].split()[1:9]]
    all_of_it = sum(ticks) / os.sysconf("SC_CLK_TCK")
    idle = (ticks[3] + ticks[4]) / os.sysconf("SC_CLK_TCK")
    return sum(os.times()[:4]), all_of_it - idle, all_of_it


_AT_START = _processor_seconds()


def _kernels() -> str | None:
    """Name what NumPy multiplies with: an environment variable can hold it to those of an old CPU."""
    if threadpoolctl is None:
        return None
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
