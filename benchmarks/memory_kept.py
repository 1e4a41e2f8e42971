"""What keeping freed memory gains in a fresh process (glibc): `python benchmarks/memory_kept.py`.

Measures a forward pass and a training step of every model in processes of their own, in turn: with
glibc as it comes, and as `pixeledu.keep_freed_memory()` sets it. The time is that of the processor, of a single
thread, so that other programs disturb it little; pages are those that the system handed out.

`--rehearse` does it with a tiny model.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time

import speed_tables as tables
import timing
import torch

from pixeledu import build_model, keep_freed_memory

SETTINGS = {"images": 16, "size": 28, "layers": tables.LAYERS, "repeats": 7}
TINY = {"images": 2, "size": 4, "layers": 1, "repeats": 1}


def main() -> None:
    options = timing.read(timing.parser(__doc__, rounds=3))
    names, works, settings = list(tables.HIDDEN), ("forward", "training"), SETTINGS
    if options.rehearse:
        names, works, settings = ["pixelcnn"], ["forward"], TINY
    rows = [
        compared({"model": name, "work": work, **settings}, options.rounds)
        for name in names
        for work in works
    ]
    timing.report("memory_kept", rows, folder=options.out, **settings)


def compared(task: dict, rounds: int) -> dict:
    """Measure a piece of work both ways, in several pairs of processes."""
    turns = [(fresh(task), fresh({**task, "kept": True})) for _ in range(rounds)]
    before, after = zip(*turns, strict=True)

    def median(figures: tuple[dict, ...], key: str) -> float:
        return statistics.median(figure[key] for figure in figures)

    return {
        "model": task["model"],
        "work": task["work"],
        "as it comes ms": median(before, "ms"),
        "kept ms": median(after, "ms"),
        "gain": statistics.median(b["ms"] / a["ms"] for b, a in turns),
        "as it comes pages": median(before, "pages"),
        "kept pages": median(after, "pages"),
        "as it comes peak MB": median(before, "peak MB"),
        "kept peak MB": median(after, "peak MB"),
    }


def fresh(task: dict) -> dict:
    """Measure in a process of its own, without other settings of glibc."""
    ours = {key: value for key, value in os.environ.items() if key not in timing.MALLOC}
    command = [sys.executable, __file__, "--measure", json.dumps(task)]
    done = subprocess.run(command, env=ours, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def measure(task: dict) -> dict:
    """Do a piece of work again and again in this process."""
    if task.get("kept"):
        keep_freed_memory()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    hidden = tables.HIDDEN[task["model"]]
    model = build_model(task["model"], hidden=hidden, layers=task["layers"])
    images = torch.randint(2, (task["images"], 1, task["size"], task["size"]))

    def forward():
        with torch.inference_mode():
            model(images)

    function = forward if task["work"] == "forward" else timing.stepper(model, images)
    function()
    function()
    pages, seconds = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, []
    for _ in range(task["repeats"]):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "ms": 1000 * statistics.median(seconds),
        "pages": (usage.ru_minflt - pages) // task["repeats"],
        "peak MB": usage.ru_maxrss / 1024,
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(json.loads(sys.argv[2]))))
    else:
        main()
