"""Running a graded notebook: `pytest --nbval` in a process of its own, and what it says of each cell."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pixeledu
from pixeledu.course.grading import cell_outcomes
from pixeledu.course.grading.answer_magic import PLAN
from pixeledu.course.grading.submissions import Reference
from pixeledu.course.isolation.sandbox import sandbox_user, wall_seconds
from pixeledu.course.isolation.walls import Limits
from pixeledu.course.notebooks import cell, dump, mark_of, notebook, source_of

_PLUGIN = "pixeledu_cell_outcomes"
_OVERHEAD = 120  # seconds for pytest and the kernel to start and to end, on a busy machine
CELL = 60  # seconds that any cell may take: of the answers, none takes longer than `wall_seconds`


class Runs:
    """The processes that are running, so that an interrupt can end them."""

    def __init__(self) -> None:
        self.lock, self.running, self.stopped = threading.Lock(), set(), False

    def run(self, command: list[str], seconds: float, **options: object) -> str:
        """Run a command in a session of its own; returns why it did not end by itself, or ""."""
        with self.lock:
            if self.stopped:
                return "grading was stopped"
            process = subprocess.Popen(command, start_new_session=True, **options)
            self.running.add(process)
        try:
            process.wait(seconds)
            return ""
        except subprocess.TimeoutExpired:
            return "grading took too long"
        finally:
            _kill(process)
            with self.lock:
                self.running.discard(process)

    def stop(self) -> None:
        with self.lock:
            self.stopped = True
            for process in self.running:
                _kill(process)


def _kill(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def graded_cells(reference: Reference, answers: dict[str, str]) -> list[dict]:
    """Put answers into the cells that were handed out, each where it cannot reach the checks.

    Args:
        reference: what was handed out; its checks and their stored outputs stay as they are.
        answers: task -> source.
    Returns:
        The cells to run: two that provide `%%answer`, then those of the reference.
    """
    # Loading PyTorch here, and again where answers run: the slowest cells, so each has its own time.
    cells = [
        cell("code", f"grading-{i}", source, {"pixeledu": {"role": "grading"}})
        for i, source in enumerate(
            ("%load_ext pixeledu.course.grading.answer_magic", "%start_answers")
        )
    ]
    for one in reference.cells:
        mark = mark_of(one)
        if mark["role"] == "answer":
            # A comment with one of these words could change how nbval treats the cell.
            source = answers.get(mark["task"], source_of(one))
            source = source.replace("NBVAL_", "NBVAL-").replace(
                "PYTEST_VALIDATE", "PYTEST-VALIDATE"
            )
            one = {**one, "source": f"%%answer {mark['task']}\n{source}"}
        cells.append(one)
    return cells


def run_graded(
    reference: Reference,
    cells: list[dict],
    slot: int,
    limits: Limits,
    prefix: tuple[str, ...],
    runs: Runs,
) -> tuple[str, dict[int, tuple[str, str]]]:
    """Run pytest on a graded notebook, in a folder that is removed afterwards.

    Args:
        reference: what was handed out.
        cells: of the notebook, see `graded_cells`.
        slot: a small number that nothing else running has.
        limits: what an answer may use.
        prefix: how answers get namespaces of their own.
        runs: starts the process.
    Returns:
        Why it could not be done, or "", and for each cell of code its outcome and what was said.
    """
    work = Path(tempfile.mkdtemp(prefix="pixeledu-grading-"))
    try:
        why = _run_in(work, reference, cells, slot, limits, prefix, runs)
        return why, _outcomes(work / "private" / "results.jsonl")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run_in(
    work: Path,
    reference: Reference,
    cells: list[dict],
    slot: int,
    limits: Limits,
    prefix: tuple[str, ...],
    runs: Runs,
) -> str:
    os.chmod(work, 0o711)  # the scratch folder of the answers lies in it
    private = work / "private"
    private.mkdir(mode=0o700)
    (private / "graded.ipynb").write_text(dump(notebook(reference.stem, cells)), encoding="utf-8")
    tasks = {
        task: {
            "given": source_of(roles["given"]) if "given" in roles else "",
            "names": mark_of(roles["answer"])["names"],
            "seconds": mark_of(roles["answer"])["seconds"],
        }
        for task, roles in reference.tasks.items()
    }
    times = [wall_seconds(about["seconds"]) for about in tasks.values()]
    plan = {
        "setup": reference.setup(),
        "tasks": tasks,
        "limits": dataclasses.asdict(limits),
        "namespaces": prefix,
        "user": sandbox_user(slot),
    }
    (private / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    # By itself: as a part of the package it would have pytest load PyTorch too.
    shutil.copy(cell_outcomes.__file__, private / f"{_PLUGIN}.py")
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q"]
    command += ["-p", "nbval.plugin", "-p", _PLUGIN, "-p", "no:cacheprovider"]
    # An answer that takes too long is stopped by itself; this is for a check that does.
    command += [f"--nbval-cell-timeout={CELL}", "--noconftest", "-c", os.devnull]
    command += [f"--rootdir={private}", "--color=no", "graded.ipynb"]
    seconds = sum(times) + _OVERHEAD
    with open(private / "log.txt", "wb") as log:
        why = runs.run(
            command,
            seconds,
            env=_environment(work, private),
            cwd=private,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    if why or (private / "results.jsonl").exists():
        return why
    said = (private / "log.txt").read_text(errors="replace").strip().splitlines()
    return f"it could not be graded: {said[-1] if said else 'pytest said nothing'}"


def _environment(work: Path, private: Path) -> dict[str, str]:
    """What pytest and its kernel see: the environment of the person who grades, without settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "IPY", "JUPYTER"))}
    package = str(Path(pixeledu.__file__).resolve().parents[1])
    return {
        **kept,
        PLAN: str(private / "plan.json"),
        cell_outcomes.RESULTS: str(private / "results.jsonl"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])),
        "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": str(private / "ipython"),
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        "TMPDIR": str(work),
        "OMP_NUM_THREADS": "1",
    }


def _outcomes(path: Path) -> dict[int, tuple[str, str]]:
    """Cell -> what became of it; whatever is said of a cell besides "passed" wins."""
    outcomes: dict[int, tuple[str, str]] = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in map(json.loads, lines):
        if outcomes.get(line["cell"], ("passed",))[0] == "passed":
            outcomes[line["cell"]] = (line["outcome"], line["text"])
    return outcomes
