"""What `python -m pixeledu exercise …` does."""

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tqdm import tqdm

import pixeledu
from pixeledu.course.grading.grades import (
    NOT_ATTEMPTED,
    PASSED,
    Graded,
    GradedFolder,
    grade_folder,
    need,
    stem_of,
)
from pixeledu.course.grading.report import write_reports
from pixeledu.course.isolation.isolation import UNSAFE, Isolation, find_walls
from pixeledu.files import write_atomically

_MOST_NAMES = 20  # that the summary on the screen gives


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
    """Find the notebooks that are handed out: in the package, or in the project that it is part of.

    Raises:
        ValueError: they are nowhere.
    """
    package = Path(pixeledu.__file__).resolve().parent
    for folder in (package / "course" / "exercises", package.parent / "book" / "exercises"):
        if any(folder.glob("[0-9][0-9]_*.ipynb")):
            return folder
    raise ValueError(f"{package} was installed without its exercises: install pixeledu again")


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
    """Grade one notebook of one's own as an instructor would, and say what is wrong with it."""
    exercises, chapter = exercises_folder(), options.chapter
    path = Path(options.notebook)
    if options.notebook.isdecimal():
        chapter = chapter or options.notebook
        path = Path(f"{stem_of(options.notebook, exercises)}.ipynb")
    if not path.is_file():
        raise ValueError(f"there is no notebook {path}: `exercise new` makes one to fill in")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "yours.ipynb").write_bytes(path.read_bytes())
        # Whoever runs this trusts these answers: they are his own.
        own = Isolation(walls=False)
        (graded,) = grade_folder(Path(folder), exercises, own, chapter, workers=1).graded
    if graded.problem:
        raise ValueError(graded.problem)
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
    need("IPython")
    exercises, warnings = exercises_folder(), []
    if options.unsafe:
        isolation = Isolation(walls=False)
        warnings = [UNSAFE]
        print(f"pixeledu: warning: {UNSAFE}", file=sys.stderr)
    else:
        isolation = find_walls(hidden=[exercises])
    with tqdm(unit="submission", disable=not sys.stderr.isatty()) as bar:
        folder = grade_folder(
            Path(options.folder),
            exercises,
            isolation,
            options.chapter,
            workers=options.workers or _processors(),
            started=bar.reset,
            done=bar.update,
        )
    paths = write_reports(Path(options.out), folder, warnings)
    _summarise(folder)
    print(f"saved: {', '.join(map(str, paths))}")
    answered = [
        one for one in folder.graded if any(grade.status != NOT_ATTEMPTED for grade in one.grades)
    ]
    problems = sorted({one.problem for one in answered})
    if answered and all(problems):
        raise ValueError(f"nobody could be graded: {'; '.join(problems)}")


def _summarise(folder: GradedFolder) -> None:
    statuses = Counter(grade.status for one in folder.graded for grade in one.grades)
    print(f"exercises: {folder.stem}")
    print(f"submissions: {len(folder.graded)}")
    print(f"tasks: {', '.join(f'{count} {status}' for status, count in sorted(statuses.items()))}")
    for said, names in (
        ("not graded", [one.student for one in folder.graded if one.problem]),
        ("passed over", folder.passed_over),
    ):
        if names:
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            print(f"{said}: {', '.join(map(repr, names[:_MOST_NAMES]))}{more}")


def _processors() -> int:
    """How many processors this program may use, where the system tells; else how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
