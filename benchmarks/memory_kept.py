"""What keeping freed memory gains in a fresh process (glibc): `python benchmarks/memory_kept.py`.

Measures a forward pass and a training step of every model in processes of their own, in turn: with
glibc as it comes, and as `import pixeledu` sets it. The time is that of the processor, of a single
thread, so that other programs disturb it little; pages are those that the system handed out.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time

import timing
import torch
import torch.nn.functional as F
from train_speed import HIDDEN, LAYERS

from pixeledu import build_model

SIZE, IMAGES = 28, 16
PROCESSES, REPEATS = 3, 7
# `import pixeledu` leaves glibc alone where its tunables are set; this one changes nothing.
AS_IT_COMES = {"GLIBC_TUNABLES": "glibc.malloc.check=0"}


def main() -> None:
    rows = [row(name, work) for name in HIDDEN for work in ("forward", "training")]
    timing.report("memory_kept", rows, size=SIZE, images=IMAGES, layers=LAYERS)


def row(name: str, work: str) -> dict:
    turns = [(fresh(name, work, AS_IT_COMES), fresh(name, work, {})) for _ in range(PROCESSES)]
    before, after = zip(*turns, strict=True)

    def median(figures: tuple[dict, ...], key: str) -> float:
        return statistics.median(figure[key] for figure in figures)

    return {
        "model": name,
        "work": work,
        "as it comes ms": median(before, "ms"),
        "kept ms": median(after, "ms"),
        "gain": statistics.median(b["ms"] / a["ms"] for b, a in turns),
        "as it comes pages": median(before, "pages"),
        "kept pages": median(after, "pages"),
        "as it comes peak MB": median(before, "peak MB"),
        "kept peak MB": median(after, "peak MB"),
    }


def fresh(name: str, work: str, variables: dict) -> dict:
    """Measure in a process of its own, without other settings of glibc."""
    ours = {key: value for key, value in os.environ.items() if key not in timing.MALLOC}
    command = [sys.executable, __file__, name, work]
    done = subprocess.run(command, env={**ours, **variables}, capture_output=True, check=True)
    return json.loads(done.stdout)


def measure(name: str, work: str) -> dict:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build_model(name, hidden=HIDDEN[name], layers=LAYERS)
    images = torch.randint(2, (IMAGES, 1, SIZE, SIZE))
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)

    def forward():
        with torch.inference_mode():
            model(images)

    def training():
        optimizer.zero_grad()
        F.cross_entropy(model(images), images).backward()
        optimizer.step()

    function = {"forward": forward, "training": training}[work]
    function()
    function()
    pages, seconds = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, []
    for _ in range(REPEATS):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "ms": 1000 * statistics.median(seconds),
        "pages": (usage.ru_minflt - pages) // REPEATS,
        "peak MB": usage.ru_maxrss / 1024,
    }


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measure(*sys.argv[1:])))
    else:
        main()
