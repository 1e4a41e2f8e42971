"""The exercises of the book: their checks tell right from wrong, and what is made from them is current."""

import json
from pathlib import Path

import address
import nbformat
import pytest
from classes import cell_of, filled
from exercise_checks import faults, run_task
from exercise_files import everything, sources
from exercise_source import SECONDS, Chapter, Task, read_chapter
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import ClearSolutions
from right_answers import right_answers
from traitlets.config import Config

from pixeledu.course.grading.checker import FAILED, PASSED, check_task
from pixeledu.course.grading.checking import plan_of
from pixeledu.course.grading.submissions import read_reference, read_submission, take_answers
from pixeledu.course.isolation.answer_process import AnswerProcess
from pixeledu.course.isolation.isolation import find_walls
from pixeledu.course.notebooks import mark_of, source_of

ROOT = Path(__file__).parents[3]

EXERCISES = ROOT / "book" / "exercises"
SOURCES = sources(EXERCISES)
if not SOURCES:
    raise pytest.UsageError("There are no exercises in book/exercises/source.")


@pytest.fixture(params=SOURCES, ids=lambda path: path.stem)
def source(request) -> Path:
    return request.param


def notebook(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


# Their wrong answers train for a minute in all, here and once more below.
TRAINING = ("04", "05", "07", "08")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path,
            id=path.stem,
            marks=[pytest.mark.thorough] if path.stem.startswith(TRAINING) else [],
        )
        for path in SOURCES
    ],
)
def test_in_the_notebook_a_stub_and_every_wrong_answer_fail(path):
    # Solutions pass: nbval runs their notebook, where it finds what is stored.
    chapter = read_chapter(path)
    stored = {task.id: printed_by(chapter, task) for task in chapter.tasks}
    assert faults(chapter, stored) == []


@pytest.fixture(scope="module")
def answers():
    """One process for all chapters, which has loaded all that their set-ups import.

    What an optimiser loads when it is first made would be loaded again after each fork.
    """
    modules = ("torch._dynamo", "numpy", "matplotlib.pyplot", "pixeledu")
    with AnswerProcess(f"list(map(__import__, {modules}))", find_walls([EXERCISES])) as process:
        yield process


@pytest.mark.parametrize("trained", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_every_answer_has_one_verdict_in_its_notebook_and_in_grading(source, trained, answers):
    chapter = read_chapter(source)
    reference = read_reference(EXERCISES / f"{source.stem}.ipynb")
    # All answers one after the other: those of a learner come so, too.
    for task in chapter.tasks:

        def status(answer: str, task=task) -> tuple[str, str]:
            answers.start()
            plan = plan_of(task.id, reference.tasks[task.id], answer)
            plan["given"] = f"{reference.setup()}\n{plan['given']}"
            result, _ = check_task("", plan, {}, answers)
            return result

        assert status(task.solution) == (PASSED, "")
        printed = printed_by(chapter, task)
        for name, answer in right_answers(task).items():
            outcome = run_task(chapter, task, answer)
            assert (outcome.printed, outcome.error) == (printed, ""), (task.id, name)
            assert status(answer) == (PASSED, ""), (task.id, name)
        # A training task has five to eight wrong answers that train: the last one, which copies
        # what it is asked about, stands for them unless all are asked for.
        few = task.seconds > SECONDS and not trained
        for wrong in task.wrong[-1:] if few else task.wrong:
            verdict, message = status(wrong.code)
            assert verdict == FAILED, (task.id, wrong.name, message)
            assert message, (task.id, wrong.name)


def printed_by(chapter: Chapter, task: Task) -> str:
    """What is stored below the check of a solution."""
    solved = notebook(EXERCISES / "solutions" / f"{chapter.stem}.ipynb")
    outputs = cell_of(solved, task.id, "check")["outputs"]
    return "".join("".join(output["text"]) for output in outputs)


def test_all_that_is_made_from_the_sources_is_current():
    for path, text in everything(EXERCISES, address.show(), printed_by).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make exercises`"
    made = {path.stem for path in SOURCES}
    for folder, ending in ((EXERCISES, "ipynb"), (EXERCISES / "solutions", "ipynb")):
        assert {path.stem for path in folder.glob(f"*.{ending}")} == made
    assert {path.stem for path in (EXERCISES / "pages").glob("*.md")} == made


def test_every_exercise_belongs_to_a_chapter(source):
    assert (ROOT / "book" / f"{source.stem}.ipynb").exists()


def test_a_learner_is_given_no_solution(source):
    text = (EXERCISES / f"{source.stem}.ipynb").read_text(encoding="utf-8")
    assert "SOLUTION" not in text
    out = json.loads(text)
    for task in read_chapter(source).tasks:
        (stub,) = (
            source_of(cell)
            for cell in out["cells"]
            if mark_of(cell) == {**mark_of(cell), "role": "answer", "task": task.id}
        )
        assert stub == task.stub
        assert "raise NotImplementedError" in stub


@pytest.mark.parametrize("folder", ["", "solutions"])
def test_nbgrader_takes_the_notebooks(source, folder):
    path = EXERCISES / folder / source.name.replace(".md", ".ipynb")
    made = nbformat.read(path, as_version=4)
    nbformat.validate(made)
    MetadataValidator().validate_nb(made)
    assert path.stat().st_size < 300_000


def test_nbgrader_makes_the_same_notebook_for_learners_from_the_solutions(source):
    stub = Config()
    stub.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
    solved = nbformat.read(EXERCISES / "solutions" / f"{source.stem}.ipynb", as_version=4)
    cleared, _ = ClearSolutions(config=stub).preprocess(solved, {})
    out = notebook(EXERCISES / f"{source.stem}.ipynb")
    pairs = zip(cleared.cells, out["cells"], strict=True)
    for theirs, ours in list(pairs)[1:]:  # the titles differ
        assert theirs.source == source_of(ours)


def test_colab_writes_no_answers_and_a_round_through_it_loses_none(source, tmp_path):
    made = notebook(EXERCISES / f"{source.stem}.ipynb")
    assert made["metadata"]["colab"] == {"generative_ai_disabled": True}
    chapter = read_chapter(source)
    back = filled(made, {task.id: task.solution for task in chapter.tasks})
    back["nbformat_minor"] = 0
    back["metadata"]["colab"] |= {"provenance": [], "name": "a copy"}
    for cell in back["cells"]:  # as Colab writes them
        cell["metadata"] |= {"id": cell.pop("id"), "outputId": "1f", "colab": {"base_uri": "https"}}
        cell["source"] = source_of(cell).splitlines(keepends=True)
    path = tmp_path / "copy.ipynb"
    path.write_text(json.dumps(back))
    submission, cells = read_submission("ada", path)
    take_answers(submission, cells, read_reference(EXERCISES / f"{source.stem}.ipynb"))
    assert submission.exercises == source.stem
    assert submission.answers == {task.id: task.solution for task in chapter.tasks}
    assert submission.notes == []
