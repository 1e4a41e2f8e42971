"""What `python -m pixeledu exercise …` does."""

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tqdm import tqdm

import pixeledu
from pixeledu.course.grading.grades import FAILED, PASSED, Graded, grade_folder, need, stem_of
from pixeledu.course.grading.report import write_reports
from pixeledu.course.isolation.sandbox import warnings
from pixeledu.files import write_atomically


def exercise(options: argparse.Namespace) -> None:
    """Run one of the commands for exercises.

    Args:
        options: what the command line says: `action` and its arguments.
    Raises:
        ValueError, OSError: an argument is wrong, or a file cannot be read or written.
        SystemExit: a check has found something wrong (code 1).
    """
    {"new": _new, "check": _check, "solution": _solution, "grade": _grade}[options.action](options)


def exercises_folder() -> Path:
    """Find `book/exercises`: beside the package, or in the current folder or one above it.

    Raises:
        ValueError: it is nowhere.
    """
    here = Path.cwd()
    for root in (Path(pixeledu.__file__).resolve().parents[1], here, *here.parents):
        folder = root / "book" / "exercises"
        if any(folder.glob("[0-9][0-9]_*.ipynb")):
            return folder
    raise ValueError(
        "the exercises are in the project's folder book/exercises, not in the package: "
        "get the project and run this inside it"
    )


def _new(options: argparse.Namespace) -> None:
    _copy(options, exercises_folder(), "")


def _solution(options: argparse.Namespace) -> None:
    _copy(options, exercises_folder() / "solutions", "_solutions")


def _copy(options: argparse.Namespace, folder: Path, ending: str) -> None:
    """Write a notebook of the project to where the learner is; nothing is overwritten."""
    stem = stem_of(options.chapter, folder)
    path = Path(options.out or f"{stem}{ending}.ipynb")
    if path.exists():
        raise ValueError(f"{path} is there already: move it away, or name another file with --out")
    write_atomically(path, (folder / f"{stem}.ipynb").read_bytes())
    print(f"saved: {path}")


def _check(options: argparse.Namespace) -> None:
    """Grade one notebook as an instructor would, and say what is wrong with it."""
    exercises = exercises_folder()
    path = Path(options.notebook)
    if options.notebook.isdecimal():
        path = Path(f"{stem_of(options.notebook, exercises)}.ipynb")
    if not path.is_file():
        raise ValueError(f"there is no notebook {path}: `exercise new` makes one to fill in")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "yours.ipynb").write_bytes(path.read_bytes())
        _, (graded,) = grade_folder(Path(folder), exercises, workers=1)
    for grade in graded.grades:
        print(f"{grade.status}: {grade.title} ({grade.task})")
        if grade.message:
            print("  " + grade.message.replace("\n", "\n  "))
    for note in graded.notes:
        print(f"note: {note}")
    print(_points(graded))
    if any(grade.status != PASSED for grade in graded.grades):
        raise SystemExit(1)


def _points(graded: Graded) -> str:
    points = sum(grade.points for grade in graded.grades)
    return f"points: {points} of {sum(grade.most for grade in graded.grades)}"


def _grade(options: argparse.Namespace) -> None:
    """Grade a folder and write the reports."""
    need("nbval", "pytest", "nbformat", "ipykernel")
    found = warnings()
    for warning in found:
        print(f"pixeledu: warning: {warning}", file=sys.stderr)
    with tqdm(unit="submission", disable=not sys.stderr.isatty()) as bar:
        stem, graded = grade_folder(
            Path(options.folder),
            exercises_folder(),
            options.chapter,
            workers=options.workers or _processors(),
            started=bar.reset,
            done=bar.update,
        )
    paths = write_reports(Path(options.out), stem, graded, found)
    statuses = Counter(grade.status for one in graded for grade in one.grades)
    print(f"exercises: {stem}")
    print(f"submissions: {len(graded)}")
    print(f"tasks: {', '.join(f'{count} {status}' for status, count in sorted(statuses.items()))}")
    unread = [one.student for one in graded if _is_unread(one)]
    if unread:
        print(f"not graded: {', '.join(map(repr, unread))}")
    print(f"saved: {', '.join(map(str, paths))}")


def _processors() -> int:
    """How many processors this program may use, where the system tells; else how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_unread(graded: Graded) -> bool:
    messages = {grade.message for grade in graded.grades}
    return len(messages) == 1 and all(grade.status == FAILED for grade in graded.grades)
