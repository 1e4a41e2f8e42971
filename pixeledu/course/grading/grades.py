"""Grading: each submission's answers in the notebook that was handed out, run by `pytest --nbval`."""

import importlib.util
import queue
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pixeledu.course.grading.notebook_run import Runs, graded_cells, run_graded
from pixeledu.course.grading.submissions import (
    Reference,
    Submission,
    read_reference,
    read_submission,
    submissions,
    take_answers,
)
from pixeledu.course.isolation.sandbox import namespaces
from pixeledu.course.isolation.walls import Limits
from pixeledu.course.notebooks import mark_of, source_of

PASSED, FAILED, NOT_ATTEMPTED = "passed", "failed", "not attempted"


@dataclass(frozen=True)
class Grade:
    """Hold what became of one task of one student.

    Args:
        task, title: its id and its name.
        status: "passed", "failed" or "not attempted".
        points, most: what it gets, and what it could get.
        message: what was wrong, or "".
    """

    task: str
    title: str
    status: str
    points: int
    most: int
    message: str


@dataclass(frozen=True)
class Graded:
    """Hold the grades of one submission, and what was unusual about it."""

    student: str
    notes: tuple[str, ...]
    grades: tuple[Grade, ...]


def grade_folder(
    folder: Path,
    exercises: Path,
    chapter: str | None = None,
    *,
    workers: int = 2,
    started: Callable[[int], object] = lambda count: None,
    done: Callable[[], object] = lambda: None,
    limits: Limits | None = None,
    prefix: tuple[str, ...] | None = None,
) -> tuple[str, list[Graded]]:
    """Grade every notebook below a folder.

    Args:
        folder: holds the submissions, in folders of their own or not.
        exercises: holds the notebooks that were handed out: `book/exercises`.
        chapter: two digits; None takes the chapter that most of the notebooks are for.
        workers: submissions graded at the same time.
        started: called once, with the number of submissions.
        done: called when a submission has been graded.
        limits: what an answer may use.
        prefix: how answers get namespaces of their own; None finds it out, () does without.
    Returns:
        The stem of the chapter, and a `Graded` for each notebook, in the order of the students.
    Raises:
        ValueError: the folder holds no notebook, or none that names a chapter.
    """
    need("nbval", "pytest", "nbformat", "ipykernel")
    read = [read_submission(*found) for found in submissions(Path(folder))]
    reference = read_reference(_reference_path(exercises, chapter, [one for one, _ in read]))
    for submission, cells in read:
        _take(submission, cells, reference)
    prefix = namespaces() if prefix is None else prefix
    slots: queue.SimpleQueue[int] = queue.SimpleQueue()
    for slot in range(workers):
        slots.put(slot)
    runs = Runs()
    started(len(read))

    def one(submission: Submission) -> Graded:
        slot = slots.get()
        try:
            return _grade(submission, reference, slot, limits or Limits(), prefix, runs)
        finally:
            slots.put(slot)
            done()

    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(one, submission) for submission, _ in read]
        try:
            return reference.stem, [future.result() for future in waiting]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            runs.stop()
            raise


def need(*packages: str) -> None:
    """See to it that what grading needs beyond the package itself is there.

    Raises:
        ValueError: something is missing.
    """
    if missing := [name for name in packages if importlib.util.find_spec(name) is None]:
        raise ValueError(
            f'grading needs {", ".join(missing)}: install it with pip install "pixeledu[course]"'
        )


def _reference_path(exercises: Path, chapter: str | None, found: list[Submission]) -> Path:
    stems = sorted(path.stem for path in exercises.glob("[0-9][0-9]_*.ipynb"))
    if chapter is None:
        named = Counter(one.exercises for one in found if one.exercises in stems)
        if not named:
            raise ValueError(
                "no notebook says which chapter it is for: name it with --chapter, such as 01"
            )
        # Of two that are named as often, the first.
        return exercises / f"{min(named, key=lambda stem: (-named[stem], stem))}.ipynb"
    return exercises / f"{stem_of(chapter, exercises)}.ipynb"


def stem_of(chapter: str, exercises: Path) -> str:
    """Find the exercises of a chapter.

    Args:
        chapter: its number, such as "1" or "01", or its stem, such as "01_sequence".
        exercises: the folder of the notebooks that are handed out.
    Raises:
        ValueError: there are none.
    """
    stems = sorted(path.stem for path in exercises.glob("[0-9][0-9]_*.ipynb"))
    for stem in stems:
        if chapter == stem or (chapter.isdecimal() and int(chapter) == int(stem[:2])):
            return stem
    raise ValueError(f"there are no exercises {chapter!r}; there are {', '.join(stems)}")


def _take(submission: Submission, cells: list[dict], reference: Reference) -> None:
    if submission.problem:
        return
    if submission.exercises and submission.exercises != reference.stem:
        submission.problem = (
            f"this is a notebook of {submission.exercises!r}, and {reference.stem} is graded"
        )
        return
    take_answers(submission, cells, reference)
    if not submission.answers:
        submission.notes.append("no answer of this chapter was found")


def _grade(
    submission: Submission,
    reference: Reference,
    slot: int,
    limits: Limits,
    prefix: tuple[str, ...],
    runs: Runs,
) -> Graded:
    """Grade one submission."""
    outcomes: dict[int, tuple[str, str]] = {}
    problem = submission.problem
    cells = graded_cells(reference, submission.answers)
    if submission.answers:
        problem, outcomes = run_graded(reference, cells, slot, limits, prefix, runs)
    grades = tuple(
        _grade_of(task, submission, reference, cells, outcomes, problem) for task in reference.tasks
    )
    return Graded(submission.student, tuple(submission.notes), grades)


def _grade_of(
    task: str,
    submission: Submission,
    reference: Reference,
    cells: list[dict],
    outcomes: dict[int, tuple[str, str]],
    problem: str,
) -> Grade:
    roles = reference.tasks[task]
    heading = source_of(roles["question"]).splitlines()[0]
    title = heading.partition(": ")[2]
    most = roles["check"]["metadata"]["nbgrader"]["points"]
    code = [one for one in cells if one["cell_type"] == "code"]  # nbval counts these
    own = [i for i, one in enumerate(code) if mark_of(one).get("task", task) == task]
    said = [outcomes.get(i, ("not run", "")) for i in own]
    wrong = [text for outcome, text in said if outcome != "passed"]
    if problem:
        return Grade(task, title, FAILED, 0, most, problem)
    if task not in submission.answers:
        return Grade(task, title, NOT_ATTEMPTED, 0, most, "")
    if not wrong:
        return Grade(task, title, PASSED, most, most, "")
    message = next((text for text in wrong if text), "the check was not run")
    message = readable(message)
    if message.startswith("NotImplementedError"):
        return Grade(task, title, NOT_ATTEMPTED, 0, most, "")
    return Grade(task, title, FAILED, 0, most, message)


def readable(text: str) -> str:
    """What nbval says of a failed cell, without the source of the cell.

    Args:
        text: nbval's report: the cell, its source, and the error or the difference.
    Returns:
        The error or the difference, at most 3,000 characters.
    """
    text = text.rpartition("\nTraceback:\n")[2].strip()
    return text if len(text) <= 3000 else f"{text[:3000]} …"
