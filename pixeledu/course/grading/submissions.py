"""Reading what learners hand in: only the source of the answer cells is taken, from any notebook."""

import ast
import functools
import json
import os
import re
import stat
import textwrap
from collections import Counter
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

from pixeledu.course.notebooks import CELL_BREAK, mark_of, source_of

_MOST_BYTES = 100_000_000  # of a notebook with its pictures, of which only the source is looked at
_MOST_CELLS, _MOST_SOURCE = 1_000, 300_000  # cells and characters; a notebook has 30 and 20,000
_MOST_CHARACTERS = 100_000  # of an answer, which has a few hundred
_ENDINGS = (".ipynb", ".ipynb.txt", ".ipynb.json")  # browsers and mail programs add one
# What binds a name at the start of a line, in a cell that is not plain Python.
_BINDS = re.compile(r"^(?:>>> )?(?:def |class |(?=\w+ *=[^=]))(\w+)", re.MULTILINE)


@dataclass
class Submission:
    """Hold the answers that were found in one notebook.

    Args:
        student: who handed it in: the file's path below the folder, without its ending.
        path: the file.
        exercises: the stem of the chapter it says it is for, or "".
        answers: task -> source; a task that is missing or untouched is not in it.
        notes: what was unusual, for the report.
        problem: why nothing could be read, or "".
    """

    student: str
    path: Path
    exercises: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True)
class Reference:
    """Hold the notebook that answers are put into, as it was handed out."""

    stem: str
    cells: tuple[dict, ...]

    @property
    def tasks(self) -> dict[str, dict]:
        """Task -> its cells by role, in order."""
        tasks: dict[str, dict] = {}
        for one in self.cells:
            mark = mark_of(one)
            if "task" in mark:
                tasks.setdefault(mark["task"], {})[mark["role"]] = one
        return tasks

    def setup(self) -> str:
        """The code that runs before every answer."""
        return next(source_of(one) for one in self.cells if mark_of(one)["role"] == "setup")


def read_reference(path: Path) -> Reference:
    """Read the notebook that was handed out, from the project's own `book/exercises`.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    made = json.loads(path.read_text(encoding="utf-8"))
    return Reference(made["metadata"]["pixeledu"]["exercises"], tuple(made["cells"]))


def submissions(folder: Path) -> tuple[list[tuple[str, Path]], list[str]]:
    """Find the notebooks below a folder.

    Returns:
        (student, path) for each, sorted; and all else that lies there, to be named: other files,
        what is hidden, such as the copies that Jupyter keeps in `.ipynb_checkpoints`, and folders
        that cannot be read.
    Raises:
        ValueError: it is no folder, or there is no notebook.
        OSError: there is no notebook, and a folder that cannot be read.
    """
    if not folder.is_dir():
        raise ValueError(f"FOLDER must be a folder with notebooks, got {folder}")
    found, others, unread = [], [], []
    for root, folders, files in os.walk(folder, onerror=unread.append):
        inside = Path(root).relative_to(folder)
        closed = [n for n in folders if n.startswith(".") or os.path.islink(Path(root, n))]
        others += [f"{(inside / name).as_posix()}/" for name in closed]
        # A folder that is named like a notebook is somebody's hand-in, too.
        named = [n for n in folders if n.lower().endswith(_ENDINGS) and n not in closed]
        folders[:] = sorted(set(folders) - {*closed, *named})
        for name in [*files, *named]:
            if name.lower().endswith(_ENDINGS) and not name.startswith("."):
                found.append((inside / name).as_posix())
            else:
                others.append((inside / name).as_posix())
    if unread and not found:
        raise unread[0]
    if not found:
        raise ValueError(f"FOLDER must hold notebooks (*.ipynb), there is none in {folder}")
    for error in unread:
        inside = Path(error.filename or folder).relative_to(folder)
        others.append(f"{inside.as_posix()}/ (cannot be read)")
    students = {name: re.sub(r"\.ipynb$", "", name, flags=re.IGNORECASE) for name in found}
    twice = Counter(students.values())
    return [
        (student if twice[student] == 1 else name, folder / name)
        for name, student in sorted(students.items())
    ], sorted(others)


def read_submission(student: str, path: Path) -> tuple[Submission, list[dict]]:
    """Read a notebook that somebody handed in; nothing in it can make this fail.

    Args:
        student: who handed it in.
        path: the file.
    Returns:
        The submission, still without answers, and the cells; a `problem` if there are none.
    """
    submission = Submission(student, path)
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode):
            raise ValueError("it is a link or a device, not a file")
        if about.st_size > _MOST_BYTES:
            raise ValueError(f"it has {about.st_size / 1e6:.0f} MB, at most 100 are read")
        whole = json.loads(path.read_bytes().decode("utf-8-sig"))
        cells = _cells(whole)
    except (OSError, RecursionError, KeyError, TypeError, AttributeError, ValueError) as error:
        said = isinstance(error, OSError) or type(error) is ValueError  # in words of our own
        text = " ".join(str(error).split())[:200] if said else "it is damaged, or something else"
        submission.problem = f"not a notebook that can be read: {text}"
        return submission, []
    metadata = whole.get("metadata")
    ours = metadata.get("pixeledu") if isinstance(metadata, dict) else None
    if isinstance(ours, dict):
        submission.exercises = str(ours.get("exercises", ""))[:100]
    return submission, cells


def _cells(whole: dict) -> list[dict]:
    """The cells of a notebook of format 3, 4 or a later one."""
    cells = whole.get("cells")
    if cells is None:
        cells = [one for sheet in whole["worksheets"] for one in sheet["cells"]]
    cells = [one for one in cells if isinstance(one, dict)]
    if not cells:
        raise ValueError("it has no cells")
    size = sum(len(source_of(one)) for one in cells)
    if len(cells) > _MOST_CELLS or size > _MOST_SOURCE:
        raise ValueError(
            f"it has {len(cells)} cells with {size} characters, at most {_MOST_CELLS} with "
            f"{_MOST_SOURCE} are read"
        )
    return cells


def take_answers(submission: Submission, cells: list[dict], reference: Reference) -> None:
    """Find the answer to each task and put it into the submission.

    A cell is known by our metadata, or by nbgrader's. Where an editor has dropped both, the answer
    is what stands below the heading of its task, or else in its place in the order.

    Args:
        submission: as `read_submission` gives it; its answers and notes are filled in.
        cells: what `read_submission` found.
        reference: what was handed out.
    """
    by_task = _marked(cells, reference)
    if by_task:
        _take_added(cells, reference, by_task, submission)
    else:
        by_task = _below_headings(cells, reference) or _in_order(cells, reference)
        if by_task:
            submission.notes.append("the marks of its cells are lost: found by heading and order")
    for task, roles in reference.tasks.items():
        stub = _plain(source_of(roles["answer"]))
        parts = [part for part in by_task.get(task, []) if _plain(part) not in ("", stub)]
        if sum(map(len, parts)) > _MOST_CHARACTERS:
            submission.notes.append(f"{task}: more than {_MOST_CHARACTERS} characters, not read")
            continue
        if parts:
            submission.answers[task] = CELL_BREAK.join(parts)
        if len(parts) > 1:
            submission.notes.append(f"{task}: {len(parts)} cells, run one after the other")


def _marked(cells: list[dict], reference: Reference) -> dict[str, list[str]]:
    """Task -> the sources of the cells that are marked as its answer, by us or for nbgrader."""
    grade_ids = {
        roles["answer"]["metadata"]["nbgrader"]["grade_id"]: task
        for task, roles in reference.tasks.items()
    }
    found: dict[str, list[str]] = {}
    for one in cells:
        mark = mark_of(one)
        task = mark.get("task") if mark.get("role") == "answer" else None
        if not mark:
            metadata = one.get("metadata")
            other = metadata.get("nbgrader") if isinstance(metadata, dict) else None
            grade_id = other.get("grade_id") if isinstance(other, dict) else None
            task = grade_ids.get(grade_id) if isinstance(grade_id, str) else None
        if isinstance(task, str) and task in reference.tasks:
            found.setdefault(task, []).append(source_of(one))
    return found


def _take_added(
    cells: list[dict], reference: Reference, by_task: dict[str, list[str]], submission: Submission
) -> None:
    """Add what stands in cells of the learner's own: in the notebook it counts as well."""
    known = _known(reference)
    added = [
        source_of(one)
        for one in cells
        if one.get("cell_type") == "code"
        and not mark_of(one)
        and _plain(source_of(one)) not in ("", *known)
    ]
    for task, parts in _by_names(added, reference).items():
        by_task.setdefault(task, []).extend(parts)
        submission.notes.append(f"{task}: an added cell that defines its answer is graded")
    others = len(added) - len([one for one in added if _task_of(one, reference)])
    if others:
        submission.notes.append(
            f"{others} added cells that define no answer are not graded: what an answer needs "
            "belongs into its cell"
        )


def _below_headings(cells: list[dict], reference: Reference) -> dict[str, list[str]]:
    """Task -> the cells below its heading that were not handed out."""
    headings = {_heading(source_of(r["question"])): t for t, r in reference.tasks.items()}
    known = _known(reference)
    found: dict[str, list[str]] = {}
    task = None
    for one in cells:
        source = source_of(one)
        if one.get("cell_type") in ("markdown", "heading"):
            if _heading(source):
                task = headings.get(_heading(source))
        elif task and one.get("cell_type") == "code" and not _is_known(source, known, reference):
            found.setdefault(task, []).append(source)
    return found


def _in_order(cells: list[dict], reference: Reference) -> dict[str, list[str]]:
    """Task -> the cells that define the names of its answer."""
    known = _known(reference)
    sources = [source_of(one) for one in cells if one.get("cell_type") == "code"]
    return _by_names([s for s in sources if not _is_known(s, known, reference)], reference)


def _by_names(sources: list[str], reference: Reference) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for source in sources:
        if task := _task_of(source, reference):
            found.setdefault(task, []).append(source)
    return found


def _task_of(source: str, reference: Reference) -> str:
    """The task whose names a cell defines, or ""."""
    names = _defined(source)
    for task, roles in reference.tasks.items():
        if names & set(mark_of(roles["answer"])["names"]):
            return task
    return ""


def _heading(text: str) -> str:
    """The title in `## Task 3: title`, wherever it stands in a cell; "" if there is none."""
    match = re.search(r"^#{0,3}[ \t]*Task \d+:[ \t]*(.+)$", text, re.MULTILINE)
    return " ".join(match[1].split()).rstrip("#").strip() if match else ""


def _known(reference: Reference) -> set[str]:
    return {
        _plain(source_of(one))
        for one in reference.cells
        if one["cell_type"] == "code" and mark_of(one)["role"] != "answer"
    }


def _is_known(source: str, known: set[str], reference: Reference) -> bool:
    """Whether a cell was handed out, or is a check that somebody has edited."""
    plain = _plain(source)
    if plain in known or len(plain) > _MOST_CHARACTERS:
        return plain in known
    answers = [set(mark_of(r["answer"])["names"]) for r in reference.tasks.values()]
    if any(_defined(source) & names for names in answers):
        return False
    return any(SequenceMatcher(None, plain, other).quick_ratio() > 0.7 for other in known)


@functools.lru_cache(100)
def _defined(source: str) -> set[str]:
    """The names that a cell binds at its top level, as far as that can be told."""
    source = textwrap.dedent(source)
    try:
        if len(source) > _MOST_CHARACTERS:
            raise ValueError("not for the parser of this process")
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # There are magics in it, perhaps. IPython, which could tell, reads a cell anew for each.
        return set(_BINDS.findall(source))
    names = {s.name for s in body if isinstance(s, ast.FunctionDef | ast.ClassDef)}
    for statement in body:
        if isinstance(statement, ast.Assign):
            names |= {t.id for t in statement.targets if isinstance(t, ast.Name)}
    return names


def _plain(source: str) -> str:
    """A source without what editors change: blanks at the ends of lines and empty lines."""
    return "\n".join(line.rstrip() for line in source.splitlines() if line.strip())
