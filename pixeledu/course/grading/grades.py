"""Grading: the answers of each submission, checked as the notebook that was handed out says."""

import importlib.util
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pixeledu.course.grading import checker
from pixeledu.course.grading.checking import CheckingProcesses
from pixeledu.course.grading.submissions import (
    Reference,
    Submission,
    read_reference,
    read_submission,
    submissions,
    take_answers,
)
from pixeledu.course.isolation.isolation import Isolation
from pixeledu.course.notebooks import source_of

PASSED, FAILED, NOT_ATTEMPTED, NOT_GRADED = "passed", "failed", "not attempted", "not graded"


@dataclass(frozen=True)
class Grade:
    """Hold what became of one task of one student.

    Args:
        task, title: its id and its name.
        status: "passed", "failed", "not attempted", or "not graded" if this machine is to blame.
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
    """Hold the grades of one submission.

    Args:
        student: who handed it in.
        notes: what was unusual.
        grades: one for each task.
        problem: why no answer of it could be graded, or "".
    """

    student: str
    notes: tuple[str, ...]
    grades: tuple[Grade, ...]
    problem: str = ""


@dataclass(frozen=True)
class GradedFolder:
    """Hold the grades of a folder.

    Args:
        stem: of the chapter, such as 01_sequence.
        graded: one for each notebook, in the order of the students.
        passed_over: files and folders below the folder that are no notebooks.
    """

    stem: str
    graded: tuple[Graded, ...]
    passed_over: tuple[str, ...]


def grade_folder(
    folder: Path,
    exercises: Path,
    isolation: Isolation,
    chapter: str | None = None,
    *,
    workers: int = 2,
    started: Callable[[int], object] = lambda count: None,
    done: Callable[[], object] = lambda: None,
) -> GradedFolder:
    """Grade every notebook below a folder.

    Args:
        folder: holds the submissions, in folders of their own or not.
        exercises: holds the notebooks that were handed out.
        isolation: how answers are run.
        chapter: two digits; None takes the chapter that most of the notebooks are for.
        workers: submissions graded at the same time.
        started: called once, with the number of submissions.
        done: called when a submission has been graded.
    Raises:
        ValueError: the folder holds no notebook, or, without a chapter, none that can be read or
            none that names one; or it lies where answers can look.
    """
    need("IPython")
    isolation.refuse_shown(Path(folder))
    found, passed_over = submissions(Path(folder))
    read = [read_submission(*one) for one in found]
    reference = read_reference(_reference_path(exercises, chapter, [one for one, _ in read]))
    for submission, cells in read:
        _take(submission, cells, reference)
    started(len(read))
    checking = CheckingProcesses(reference, isolation)

    def one(submission: Submission) -> dict[str, tuple[str, str]]:
        answers = {} if submission.problem else submission.answers
        result = checking.check(answers) if answers else {}
        done()
        return result

    try:
        with ThreadPoolExecutor(workers) as pool:
            waiting = [pool.submit(one, submission) for submission, _ in read]
            try:
                results = [future.result() for future in waiting]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                checking.stop()
                raise
        # What ran out of time beside others, which may have taken it, gets a second try alone.
        for (submission, _), result in zip(read, results, strict=True):
            if any(status == checker.LATE for status, _ in result.values()):
                result |= checking.check(submission.answers)
    finally:
        checking.stop()
    graded = [
        _graded(submission, result, reference)
        for (submission, _), result in zip(read, results, strict=True)
    ]
    return GradedFolder(reference.stem, tuple(graded), tuple(passed_over))


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
        if all(one.problem for one in found):
            raise ValueError("; ".join(sorted({one.problem for one in found})))
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


def _graded(
    submission: Submission, results: dict[str, tuple[str, str]], reference: Reference
) -> Graded:
    grades = [
        _grade(task, roles, submission, results.get(task, (checker.NOT_CHECKED, "")))
        for task, roles in reference.tasks.items()
    ]
    attempted = [grade for grade in grades if grade.status != NOT_ATTEMPTED]
    problem = submission.problem
    if attempted and all(grade.status == NOT_GRADED for grade in attempted):
        problem = attempted[0].message
    return Graded(submission.student, tuple(submission.notes), tuple(grades), problem)


def _grade(task: str, roles: dict, submission: Submission, result: tuple[str, str]) -> Grade:
    title = source_of(roles["question"]).splitlines()[0].partition(": ")[2]
    most = roles["check"]["metadata"]["nbgrader"]["points"]
    if submission.problem:
        return Grade(task, title, FAILED, 0, most, submission.problem)
    if task not in submission.answers:
        return Grade(task, title, NOT_ATTEMPTED, 0, most, "")
    status, message = result
    if status == checker.PASSED:
        return Grade(task, title, PASSED, most, most, "")
    if status == checker.NOT_CHECKED:
        return Grade(task, title, NOT_GRADED, 0, most, message)
    # Part of the stub still stands there; what raises this error by itself has been attempted.
    unfinished = "raise NotImplementedError" in submission.answers[task]
    if unfinished and message.startswith("NotImplementedError"):
        return Grade(task, title, NOT_ATTEMPTED, 0, most, "")
    return Grade(task, title, FAILED, 0, most, message)
