"""The exercises of the book: their checks tell right from wrong, and what is made from them is current."""

import json
from pathlib import Path

import address
import nbformat
import pytest
from classes import filled
from exercise_checks import faults
from exercise_files import everything, sources
from exercise_source import read_chapter
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import ClearSolutions
from traitlets.config import Config

from pixeledu.course.grading.grades import PASSED, grade_folder
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


def test_every_solution_passes_its_check_and_every_wrong_answer_fails_it(source):
    assert faults(read_chapter(source)) == []


def test_all_that_is_made_from_the_sources_is_current():
    for path, text in everything(EXERCISES, address.show()).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make exercises`"
    made = {path.stem for path in SOURCES}
    for folder, ending in ((EXERCISES, "ipynb"), (EXERCISES / "solutions", "ipynb")):
        assert {path.stem for path in folder.glob(f"*.{ending}")} == made
    assert {path.stem for path in (EXERCISES / "pages").glob("*.md")} == made


def test_every_exercise_belongs_to_a_chapter(source):
    assert (ROOT / "book" / f"{source.stem}.ipynb").exists()


def test_the_solutions_pass_when_they_are_graded(source, tmp_path):
    chapter = read_chapter(source)
    answers = {task.id: task.solution for task in chapter.tasks}
    (tmp_path / "solved.ipynb").write_text(
        json.dumps(filled(notebook(EXERCISES / f"{source.stem}.ipynb"), answers))
    )
    _, (graded,) = grade_folder(tmp_path, EXERCISES, source.stem, workers=1)
    assert [(g.task, g.status, g.message) for g in graded.grades] == [
        (task.id, PASSED, "") for task in chapter.tasks
    ]


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
