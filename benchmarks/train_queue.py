"""Train the models that ship, one after the other: `python benchmarks/train_queue.py`.

Goes through `benchmarks/queue.json`, or a queue of your own, and keeps WORKERS trainings running at
the lowest priority, each on its part of the processors. A queue is a JSON object: names of runs, and
for each the arguments of `pixeledu train`. Stopped at any moment, the same command goes on: a run is
in its folder below RUNS, and one that has ended has a file `finished` there. `--list` says how far
all are.
`benchmarks/begun` has runs that were begun on another machine and are not finished: the queue takes
its own copy of each and goes on with it.
What a run has reached becomes a model that ships by `python benchmarks/publish.py RUN NAME`.
"""

import argparse
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

QUEUE = Path(__file__).with_name("queue.json")
BEGUN = Path(__file__).with_name("begun")
FINISHED = "finished"
STOPPED = "stopped; the same command goes on where it was"


def main() -> None:
    options = _options()
    queue = read_queue(Path(options.queue))
    folder = Path(options.runs)
    if options.list:
        for name in queue:
            print(f"{name}: {progress(folder / name)}")
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell ignores it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(STOPPED))
    threads = options.threads or max(1, (os.cpu_count() or 1) // options.workers)
    waiting = [name for name in queue if not (folder / name / FINISHED).exists()]
    running: dict[str, subprocess.Popen] = {}
    failed = []
    with contextlib.ExitStack() as stopping:
        while waiting or running:
            while waiting and len(running) < options.workers:
                name = waiting.pop(0)
                running[name] = started(folder / name, queue[name], threads)
                stopping.callback(stop, running[name])
            time.sleep(1)
            for name, process in list(running.items()):
                if process.poll() is None:
                    continue
                del running[name]
                if process.returncode == 0:
                    (folder / name / FINISHED).touch()
                else:
                    failed.append(name)
                print(f"{name}: exit code {process.returncode}", flush=True)
    if failed:
        sys.exit(f"failed, see log.txt in their folders: {', '.join(failed)}")


def read_queue(path: Path) -> dict[str, str]:
    """Read the arguments of each training, by the name of its run."""
    try:
        queue = json.loads(path.read_text(encoding="utf-8"))
        for name, arguments in queue.items():
            if not re.fullmatch(r"[\w-][\w.-]*", name) or not shlex.split(arguments):
                raise ValueError(f"{name!r} is no name of a run with arguments")
    except (OSError, ValueError, AttributeError, TypeError) as error:
        sys.exit(
            f"{path} must hold a JSON object: names of runs, and for each the arguments of "
            f"`pixeledu train` ({error})"
        )
    return queue


def stop(process: subprocess.Popen) -> None:
    """End a training, if it has not ended yet, and wait until it has let go of its folder."""
    process.terminate()
    process.wait()


def started(run: Path, arguments: str, threads: int) -> subprocess.Popen:
    """Start the training of one run; what it prints is appended to `log.txt` in its folder."""
    if not run.exists() and (BEGUN / run.name).is_dir():
        shutil.copytree(BEGUN / run.name, run)
    run.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "pixeledu",
        "train",
        *shlex.split(arguments),
        "--out",
        str(run),
    ]
    print(f"{run.name}: {shlex.join(command)}", flush=True)
    with open(run / "log.txt", "a") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            # A session of its own: Linux gives priority to whole sessions, and that of the
            # terminal shall keep its own.
            start_new_session=True,
            preexec_fn=lowest_priority if os.name == "posix" else None,
        )


def progress(run: Path) -> str:
    """Say in a few words how far a run is."""
    metrics = run / "metrics.jsonl"
    if not metrics.exists() or not metrics.stat().st_size:
        return "waits" if not run.exists() else "before its first epoch"
    records = [json.loads(line) for line in metrics.read_text().splitlines()]
    best = min(record["valid_nats"] for record in records)
    state = "finished" if (run / FINISHED).exists() else "not finished"
    return f"{state}, epoch {records[-1]['epoch']}, best valid nats {best:.3f}"


def lowest_priority() -> None:
    """Let everything else on the machine go first, where the system can."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(19)
    # Linux shares time between sessions before it looks at what `nice` says inside one.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text("19")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--queue", default=QUEUE, help="the trainings (benchmarks/queue.json)")
    parser.add_argument("--runs", default="runs", help="where the runs are kept (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="at the same time (%(default)s)")
    parser.add_argument("--threads", type=int, help="of each (its part of the processors)")
    parser.add_argument("--list", action="store_true", help="say how far all runs are, and end")
    return parser.parse_args()


def run() -> None:
    """Run `main`, and say after Ctrl-C how to go on."""
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(STOPPED)


if __name__ == "__main__":
    run()
