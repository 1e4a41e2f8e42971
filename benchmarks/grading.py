"""How long it takes to grade a class: `python benchmarks/grading.py [SUBMISSIONS]`."""

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import timing

from pixeledu.course.grading.grades import FAILED, PASSED, grade_folder
from pixeledu.course.isolation.isolation import find_walls
from pixeledu.course.notebooks import mark_of

sys.path.append(str(Path(__file__).parents[1] / "book" / "tools"))
from exercise_source import Chapter, read_chapter

EXERCISES = Path(__file__).parents[1] / "book" / "exercises"


def main() -> None:
    """Grade a class whose answers are right, wrong, or half of them missing."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    chapter = read_chapter(EXERCISES / "source" / "01_sequence.md")
    with tempfile.TemporaryDirectory() as name:
        for number in range(count):
            hand_in(Path(name) / f"learner {number}.ipynb", chapter, number)
        started, cpu = time.perf_counter(), cpu_seconds()
        walls = find_walls([EXERCISES])
        folder = grade_folder(Path(name), EXERCISES, walls, "01", workers=timing.THREADS)
        seconds, cpu = time.perf_counter() - started, cpu_seconds() - cpu
    statuses = [grade.status for one in folder.graded for grade in one.grades]
    row = {
        "submissions": count,
        "tasks passed": statuses.count(PASSED),
        "tasks failed": statuses.count(FAILED),
        "minutes": seconds / 60,
        "minutes for a hundred": seconds / 60 * 100 / count,
        "processor seconds each": cpu / count,
        "load of the machine": os.getloadavg()[1],
    }
    timing.report("grading", [row], chapter=chapter.stem, workers=timing.THREADS)


def hand_in(path: Path, chapter: Chapter, number: int) -> None:
    """Write a notebook: of three learners, one is right, one is wrong, one has done half."""
    notebook = json.loads((EXERCISES / f"{chapter.stem}.ipynb").read_text(encoding="utf-8"))
    tasks = {task.id: task for task in chapter.tasks}
    for place, cell in enumerate(notebook["cells"]):
        mark = mark_of(cell)
        if mark["role"] == "answer" and (number % 3 < 2 or place % 2):
            task = tasks[mark["task"]]
            wrong = task.wrong[number % len(task.wrong)].code
            cell["source"] = wrong if number % 3 == 1 else task.solution
    path.write_text(json.dumps(notebook), encoding="utf-8")


def cpu_seconds() -> float:
    """Seconds of a processor that the finished processes have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    timing.calm()
    main()
