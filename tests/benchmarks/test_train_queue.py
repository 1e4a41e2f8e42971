"""A queue of trainings goes on where it was, names what failed, and says how far all runs are."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pixeledu.cli.parser import parser
from pixeledu.data import DATASETS
from pixeledu.registry import MODEL_NAMES

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))
import train_queue  # noqa: E402

# The script at the priority of the tests: at its own, a busy machine would let it wait for hours.
SCRIPT = f"""
import sys
sys.path.append({str(ROOT / "benchmarks")!r})
import train_queue
train_queue.lowest_priority = lambda: None
train_queue.run()
"""
TINY = "--data digits --hidden 1 --layers 0 --batch-size 64 --checkpoint-every 3"


def start(folder, *words, **queue):
    """Start the script with a queue of its own; by name, the words of each training."""
    (folder / "queue.json").write_text(json.dumps(queue))
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "--queue", "queue.json", "--runs", "runs", *words],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process):
    out, err = process.communicate()
    return process.returncode, out, err


def test_all_are_trained_one_that_fails_is_named_and_a_second_call_goes_on_with_that_alone(
    tmp_path,
):
    queue = {"bad": f"{TINY} --data nothing", "one": f"{TINY} --epochs 1"}
    code, out, err = finish(start(tmp_path, "--workers", "1", **queue))
    assert code == 1
    assert err.splitlines()[-1] == "failed, see log.txt in their folders: bad"
    ended = re.findall("^(.*): exit code (.*)$", out, re.MULTILINE)
    assert ended == [("bad", "2"), ("one", "0")]  # one worker, in their order
    runs = tmp_path / "runs"
    assert (runs / "one" / "finished").exists()
    assert "test: " in (runs / "one" / "log.txt").read_text()
    assert not (runs / "bad" / "finished").exists()
    assert "name must be one of" in (runs / "bad" / "log.txt").read_text()

    queue["bad"] = f"{TINY} --epochs 2"
    code, out, err = finish(start(tmp_path, **queue))
    assert (code, err, re.findall("^(.*): exit", out, re.MULTILINE)) == (0, "", ["bad"])
    code, out, _ = finish(start(tmp_path, "--list", later=TINY, **queue))
    lines = dict(line.split(": ", 1) for line in out.splitlines())
    assert lines["one"].startswith("finished, epoch 1, best valid nats ")
    assert lines["bad"].startswith("finished, epoch 2, ")
    assert lines["later"] == "waits"


@pytest.mark.skipif(os.name != "posix", reason="there are no signals")
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.thorough)]
)
def test_stopped_it_takes_its_trainings_with_it_and_goes_on_where_they_were(tmp_path, number):
    queue = {"one": "--data digits --hidden 1 --layers 0 --batch-size 1297 --epochs 1000000"}
    metrics = tmp_path / "runs" / "one" / "metrics.jsonl"

    def epochs() -> list[str]:
        return metrics.read_text().splitlines() if metrics.exists() else []

    before = []
    for call in ("a first time", "where it was"):
        process = start(tmp_path, **queue)
        # When there is a second one more, a checkpoint of the first has been written.
        while len(epochs()) < len(before) + 2 and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(number)
        code, _, err = finish(process)
        assert (code, err) == (1, "stopped; the same command goes on where it was\n"), call
        assert epochs()[:1] == before[:1] or not before  # with its seconds: it was not run again
        before = epochs()
        assert [json.loads(line)["epoch"] for line in before] == [*range(1, len(before) + 1)]
    # The training has ended with its queue, or its folder would not be free.
    code, out, _ = finish(start(tmp_path, "--list", **queue))
    assert (code, out.partition(", best")[0]) == (0, f"one: not finished, epoch {len(before)}")


@pytest.mark.skipif(not os.path.exists("/proc/self/autogroup"), reason="Linux alone has that")
def test_whoever_starts_a_queue_keeps_the_priority_of_the_terminal(tmp_path, monkeypatch):
    # In place of Python a script that writes down its own priorities.
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nnice > priorities; cat /proc/self/autogroup >> priorities\n")
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train_queue.sys, "executable", str(script))
    before = Path("/proc/self/autogroup").read_text(), os.nice(0)
    assert train_queue.started(tmp_path / "one", "--epochs 1", 1).wait() == 0
    nice, autogroup = Path("priorities").read_text().splitlines()
    assert (nice, autogroup.partition(" ")[2]) == ("19", "nice 19")
    assert (Path("/proc/self/autogroup").read_text(), os.nice(0)) == before


@pytest.mark.parametrize("content", ["{", "[1]", '{"one": 1}', '{"../one": "--epochs 1"}'])
def test_a_queue_that_is_none_is_refused_in_one_line(tmp_path, content):
    process = start(tmp_path)
    finish(process)
    (tmp_path / "queue.json").write_text(content)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "--queue", "queue.json"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("queue.json must hold a JSON object: names of runs, and for each")
    assert done.stderr.count("\n") == 1


def test_every_training_of_the_project_s_queue_is_understood():
    queue = json.loads((ROOT / "benchmarks" / "queue.json").read_text())
    assert queue
    for words in queue.values():
        options = parser().parse_args(["train", *shlex.split(words)])
        assert options.model in MODEL_NAMES
        assert options.data in DATASETS
        assert options.out is None  # the queue names the folder


def test_a_run_that_was_begun_elsewhere_goes_on_in_a_copy_of_its_own(tmp_path, monkeypatch):
    begun = tmp_path / "begun" / "one"
    begun.mkdir(parents=True)
    (begun / "last.safetensors").write_bytes(b"as far as it was")
    monkeypatch.setattr(train_queue, "BEGUN", begun.parent)
    monkeypatch.setattr(train_queue.subprocess, "Popen", lambda *_, **__: None)
    run = tmp_path / "runs" / "one"
    train_queue.started(run, "--epochs 1", 1)
    assert (run / "last.safetensors").read_bytes() == b"as far as it was"
    (run / "last.safetensors").write_bytes(b"further")
    train_queue.started(run, "--epochs 1", 1)
    assert (run / "last.safetensors").read_bytes() == b"further"
    train_queue.started(tmp_path / "runs" / "two", "--epochs 1", 1)
    assert list((tmp_path / "runs" / "two").iterdir()) == [tmp_path / "runs" / "two" / "log.txt"]
