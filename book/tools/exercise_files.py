"""What is made from a teacher source: notebooks for learners, notebooks with solutions, pages."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from exercise_checks import run_task
from exercise_source import Chapter, Task, read_chapter

from pixeledu.files import write_atomically

# What nbgrader does with a cell of ours: its metadata, schema version 3.
_NBGRADER = {
    "question": {"grade": False, "solution": False, "locked": True},
    "given": {"grade": False, "solution": False, "locked": True},
    "answer": {"grade": False, "solution": True, "locked": False},
    "check": {"grade": True, "solution": False, "locked": True},
}
_HOW = """
Write your answers where the cells say `raise NotImplementedError`, in place of that line. Run the check below each: it
says `ok`, or what is wrong and why. What a check says of a right answer stands below it until you run it.

Only these answer cells are graded, so put your own imports and helpers into them. The tasks do not need each other's
answers. Keep the cells with the checks as they are; changing them changes no grade.
"""


def write_all(folder: Path, address: str) -> list[Path]:
    """Write everything that is made from the sources.

    Args:
        folder: the project's `book/exercises`.
        address: where the project is, such as https://github.com/owner/pixeledu.
    Returns:
        The files that were not as they should be.
    Raises:
        ValueError: a source is wrong, or one of its solutions fails its own check.
    """
    changed = []
    for path, text in everything(folder, address).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text.encode())
            changed.append(path)
    return changed


def everything(
    folder: Path, address: str, printed_by: Callable[[Chapter, Task], str] | None = None
) -> dict[Path, str]:
    """Make all files, as text, without writing them; see `write_all`.

    `printed_by` says what the check of a task prints of its solution; without it, all are run.
    """
    chapters = [read_chapter(path) for path in sources(folder)]
    files = {}
    for chapter in chapters:
        printed = {task.id: (printed_by or _printed)(chapter, task) for task in chapter.tasks}
        files[folder / f"{chapter.stem}.ipynb"] = dump(learners(chapter, printed, address))
        files[folder / "solutions" / f"{chapter.stem}.ipynb"] = dump(
            solutions(chapter, printed, address)
        )
        files[folder / "pages" / f"{chapter.stem}.md"] = page(chapter, printed, address)
    guide = (folder / "source" / "guide.md").read_text(encoding="utf-8")
    files[folder / "guide.md"] = fill_guide(guide, chapters)
    return files


def sources(folder: Path) -> list[Path]:
    """The teacher sources below `book/exercises`, in the order of the chapters."""
    return sorted((folder / "source").glob("[0-9][0-9]_*.md"))


def _printed(chapter: Chapter, task: Task) -> str:
    outcome = run_task(chapter, task, task.solution)
    if outcome.error:
        raise ValueError(
            f"{chapter.stem}, {task.id}: the solution fails its check: {outcome.error}"
        )
    return outcome.printed


def learners(chapter: Chapter, printed: dict[str, str], address: str) -> dict:
    """Make the notebook that learners fill in; it is also what answers are graded in.

    Args:
        chapter: the exercises.
        printed: what the check of each task prints for the solution.
        address: of the project.
    Returns:
        The notebook: stubs, and below each its check with the output that it should have.
    """
    return _notebook(chapter, printed, address, solved=False)


def solutions(chapter: Chapter, printed: dict[str, str], address: str) -> dict:
    """Make the notebook with all solutions, as if it had been run; nbgrader takes it as a source."""
    return _notebook(chapter, printed, address, solved=True)


def _notebook(chapter: Chapter, printed: dict[str, str], address: str, solved: bool) -> dict:
    heading = "Solutions" if solved else "Exercises"
    how = "" if solved else f"\n{_HOW}"
    cells = [
        _cell("markdown", "title", f"# {heading}: {chapter.title}\n\n{chapter.intro}{how}", "text"),
        _cell("code", "install", _install(address), "install"),
        _cell("code", "setup", chapter.setup, "setup"),
    ]
    for number, task in enumerate(chapter.tasks, 1):
        question = f"## Task {number}: {task.title}\n\n{task.question}"
        hint = f"\n\n<details>\n<summary>Hint</summary>\n\n{task.hint}\n\n</details>"
        cells.append(_cell("markdown", f"{task.id}-question", question + hint, "question", task))
        if task.given:
            cells.append(_cell("code", f"{task.id}-given", task.given, "given", task))
        answer = task.answer if solved else task.stub
        cells.append(_cell("code", task.id, answer, "answer", task))
        check = _cell("code", f"{task.id}-check", task.check, "check", task)
        check["outputs"] = _stream(printed[task.id])
        cells.append(check)
    counted = [c for c in cells if c["cell_type"] == "code"]
    for count, one in enumerate(counted, 1):
        # nbval compares only what has been run: in a learner's notebook, the checks.
        if solved or one["metadata"]["pixeledu"]["role"] == "check":
            one["execution_count"] = count
    return _as_notebook(chapter.stem, cells)


def _cell(kind: str, identity: str, source: str, role: str, task: Task | None = None) -> dict:
    """A cell that says what it is for, to us and to nbgrader.

    Its role is "text", "install", "setup", "question", "given", "answer" or "check".
    """
    ours = {"role": role}
    metadata = {"pixeledu": ours}
    if task is not None:
        ours["task"] = task.id
        if role == "answer":
            ours |= {"names": task.names, "seconds": task.seconds}
        metadata["nbgrader"] = {
            "cell_type": kind,
            "grade_id": identity,
            **_NBGRADER[role],
            "schema_version": 3,
            "task": False,
        }
        if role == "check":
            metadata["nbgrader"]["points"] = task.points
    return _new_cell(kind, identity, source, metadata)


def _new_cell(kind: str, identity: str, source: str, metadata: dict) -> dict:
    """Make a cell in notebook format 4.5.

    Args:
        kind: "markdown" or "code".
        identity: unique in the notebook.
        source: the text.
        metadata: what is known of it, see `mark_of`.
    """
    made = {"cell_type": kind, "id": identity, "metadata": metadata, "source": _lines(source)}
    if kind == "code":
        made |= {"execution_count": None, "outputs": []}
    return made


def _stream(text: str) -> list[dict]:
    """The outputs of a cell that has printed a text."""
    return [{"name": "stdout", "output_type": "stream", "text": _lines(text)}] if text else []


def _as_notebook(stem: str, cells: list[dict]) -> dict:
    """Make a notebook of the exercises of a chapter."""
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
            "pixeledu": {"exercises": stem},
            "colab": {"generative_ai_disabled": True},  # its assistant would write the answers
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def dump(made: dict) -> str:
    """A notebook as the text of its file, in the form that Jupyter writes."""
    return json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _install(address: str) -> str:
    return (
        "try:\n"
        "    import pixeledu\n"
        "except ModuleNotFoundError:  # in Colab: get the package first\n"
        "    %pip install -q \\\n"
        f'        "git+{address}"\n'
        "    import pixeledu"
    )


def page(chapter: Chapter, printed: dict[str, str], address: str) -> str:
    """Make the page of the website: the tasks, with each solution behind a click."""
    colab = address.replace("https://github.com/", "https://colab.research.google.com/github/")
    colab = f"{colab}/blob/main/book/exercises/{chapter.stem}.ipynb"
    parts = [
        f"# Exercises {int(chapter.number)}: {chapter.title}",
        f"These exercises belong to [chapter {int(chapter.number)}](../../{chapter.stem}.ipynb). "
        + chapter.intro,
        f"Fill in the notebook {{download}}`{chapter.stem}.ipynb <../{chapter.stem}.ipynb>`, or "
        f"[open it in Colab]({colab}). Below each answer it has a check, which says `ok` or what is "
        "wrong. Try before you click on a solution.",
        "Before all tasks, this runs:",
        _code(chapter.setup),
    ]
    for number, task in enumerate(chapter.tasks, 1):
        parts += [f"## Task {number}: {task.title}", task.question]
        if task.given:
            parts += ["This is given:", _code(task.given)]
        parts += ["Write your answer in place of the last line:" if _ends_open(task) else ""]
        parts += [_code(task.stub), _dropdown("Hint", task.hint)]
        said = f"The check says:\n\n```text\n{printed[task.id].rstrip()}\n```"
        parts.append(_dropdown("Solution", f"{_code(task.solution)}\n\n{said}"))
        parts.append(_dropdown("The check", _code(task.check)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _ends_open(task: Task) -> bool:
    return task.stub.rstrip().endswith("raise NotImplementedError")


def _code(code: str) -> str:
    return f"```python\n{code}\n```"


def _dropdown(title: str, text: str) -> str:
    return f":::{{dropdown}} {title}\n{text}\n:::"


def fill_guide(text: str, chapters: list[Chapter]) -> str:
    """Fill in what the instructor guide repeats from the sources.

    Args:
        text: the guide, with the lines `<!-- goals -->` and `<!-- wrong answers -->`.
        chapters: all exercises.
    Returns:
        The guide.
    Raises:
        ValueError: one of the lines is missing.
    """
    made = {"goals": _goals(chapters), "wrong answers": _wrong_answers(chapters)}
    for name, part in made.items():
        if text.count(f"<!-- {name} -->") != 1:
            raise ValueError(f"guide.md must have the line <!-- {name} --> once")
        text = text.replace(f"<!-- {name} -->", part)
    return text


def _goals(chapters: list[Chapter]) -> str:
    parts = []
    for chapter in chapters:
        points = sum(task.points for task in chapter.tasks)
        link = f"[{chapter.title}](pages/{chapter.stem}.md)"
        parts.append(
            f"**{int(chapter.number)}. {link}** ({len(chapter.tasks)} tasks, {points} points)"
        )
        parts.append(chapter.goals)
    return "\n\n".join(parts)


def _wrong_answers(chapters: list[Chapter]) -> str:
    parts = []
    for chapter in chapters:
        parts.append(f"### {int(chapter.number)}. {chapter.title}")
        for task in chapter.tasks:
            lines = [f"{task.title} (`{task.id}`)"]
            for wrong in task.wrong:
                name = wrong.name[0].upper() + wrong.name[1:]
                lines.append(f": *{name}.* {_one_line(wrong.reveals)}\n")
            parts.append("\n".join(lines).rstrip())
    return "\n\n".join(parts)


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)
