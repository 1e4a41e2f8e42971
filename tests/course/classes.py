"""A small chapter of exercises, and what a class hands in."""

import json
import textwrap
from pathlib import Path

from exercise_files import dump, learners
from exercise_source import Chapter, Task

from pixeledu.course.notebooks import mark_of

ADDRESS = "https://github.com/owner/pixeledu"
CHECK = """
import random

import torch

for _ in range(5):
    height, width = random.randint(1, 5), random.randint(2, 6)
    x = torch.randn(height, width)
    mine = NAME(x)
    assert isinstance(mine, torch.Tensor), f"expected a tensor, got {type(mine).__name__}"
    torch.testing.assert_close(mine, x.cumsum(1) - x)
print("ok: the last of four ones has", int(NAME(torch.ones(1, 4))[0, 3]), "before it")
"""
PRINTED = "ok: the last of four ones has 3 before it\n"
RIGHT = "def NAME(x):\n    return x.cumsum(1) - x"
WRONG = "def NAME(x):\n    return x.cumsum(1)"


def chapter(
    *names: str,
    seconds: int = 25,
    shorter: dict[str, int] | None = None,
    setup: str = "import torch",
) -> Chapter:
    """A chapter of one task for each name; all ask for the same function, under their own name.

    A task may take `seconds` of a processor, or less if `shorter` says so.
    """
    tasks = tuple(
        Task(
            id=name,
            title=f"Add up what comes before, {name}",
            question="Return the exclusive running sum of each row.",
            points=1,
            seconds=(shorter or {}).get(name, seconds),
            given="",
            answer=f"def {name}(x):\n    ### BEGIN SOLUTION\n    return x.cumsum(1) - x\n    ### END SOLUTION",
            check=CHECK.strip().replace("NAME", name),
            hint="Take the value itself away.",
            wrong=(),
        )
        for name in names
    )
    return Chapter("01_sums", "Sums", "An intro.", "- Add.", setup, tasks)


def handed_out(made: Chapter, folder: Path) -> dict:
    """Write the learners' notebook of a chapter to a folder, and return it."""
    printed = dict.fromkeys((task.id for task in made.tasks), PRINTED)
    notebook = learners(made, printed, ADDRESS)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{made.stem}.ipynb").write_text(dump(notebook), encoding="utf-8")
    return notebook


def filled(notebook: dict, answers: dict[str, str]) -> dict:
    """A copy of a notebook with answers; `NAME` in one stands for the function of its task."""
    copy = json.loads(json.dumps(notebook))
    for cell in copy["cells"]:
        mark = mark_of(cell)
        if mark["role"] == "answer" and mark["task"] in answers:
            answer = textwrap.dedent(answers[mark["task"]]).strip()
            cell["source"] = answer.replace("NAME", mark["task"])
    return copy


def cell_of(notebook: dict, task: str, role: str) -> dict:
    """The cell of a task that has a role."""
    for cell in notebook["cells"]:
        mark = mark_of(cell)
        if mark.get("task") == task and mark["role"] == role:
            return cell
    raise LookupError(task, role)
