"""`python -m pixeledu exercise`: what it writes, says and refuses."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from classes import RIGHT, WRONG, cell_of, chapter, filled, handed_out

from pixeledu import cli
from pixeledu.course import commands
from pixeledu.course.grading import checking
from pixeledu.course.grading import grades as grading
from pixeledu.course.isolation import isolation
from pixeledu.course.isolation.isolation import Isolation

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def course(tmp_path, monkeypatch) -> dict:
    """A project with one chapter of two tasks; returns the notebook that is handed out."""
    folder = tmp_path / "book" / "exercises"
    monkeypatch.setattr(commands, "exercises_folder", lambda: folder)
    return handed_out(chapter("one", "two"), folder)


def test_a_learner_gets_the_notebook_of_the_project_and_loses_none(capsys):
    assert cli.main(["exercise", "new", "1"]) == 0
    assert capsys.readouterr().out == "saved: 01_sequence.ipynb\n"
    made = ROOT / "book" / "exercises" / "01_sequence.ipynb"
    assert Path("01_sequence.ipynb").read_bytes() == made.read_bytes()
    Path("01_sequence.ipynb").write_text("my work")
    assert cli.main(["exercise", "new", "01"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert Path("01_sequence.ipynb").read_text() == "my work"
    assert cli.main(["exercise", "solution", "01", "--out", "solved.ipynb"]) == 0
    assert "SOLUTION" in Path("solved.ipynb").read_text()


def test_check_and_grade_say_the_same_of_a_notebook(course, capsys, tmp_path):
    half = filled(course, {"one": RIGHT, "two": WRONG})
    Path("01_sums.ipynb").write_text(json.dumps(half))
    with pytest.raises(SystemExit) as stopped:
        cli.main(["exercise", "check", "01"])
    assert stopped.value.code == 1
    said = capsys.readouterr().out
    assert "passed: Add up what comes before, one (one)" in said
    assert (
        "failed: Add up what comes before, two (two)\n  AssertionError: Tensor-likes are not"
        in said
    )
    assert said.endswith("points: 1 of 2\n")

    Path("in").mkdir()
    Path("in/ada.ipynb").write_text(json.dumps(half))
    Path("in/bob.ipynb").write_text("not json")
    assert cli.main(["exercise", "grade", "in", "--out", "out.csv", "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "submissions: 2\ntasks: 3 failed, 1 passed\nnot graded: 'bob'\n" in said
    with open("out.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["status"] for line in lines] == ["passed", "failed", "failed", "failed"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["new", "99"], "there are no exercises '99'"),
        (["check", "nowhere.ipynb"], "there is no notebook"),
        (["grade", "nowhere"], "must be a folder with notebooks"),
        (["grade", "."], "must hold notebooks"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments, message, capsys):
    assert cli.main(["exercise", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_an_installation_without_what_grading_needs_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(grading.importlib.util, "find_spec", lambda name: None)
    Path("in").mkdir()
    Path("in/ada.ipynb").write_text("{}")
    assert cli.main(["exercise", "grade", "in"]) == 2
    assert 'pip install "pixeledu[course]"' in capsys.readouterr().err


def test_the_package_does_not_load_the_course_by_itself():
    code = "import sys, pixeledu, pixeledu.cli; print([m for m in sys.modules if 'course' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_without_a_chapter_the_one_that_most_notebooks_name_is_graded(course, tmp_path):
    Path("in").mkdir()
    for number in range(3):
        made = json.loads(json.dumps(course))
        if number == 0:
            made["metadata"]["pixeledu"]["exercises"] = "02_others"
        Path(f"in/{number}.ipynb").write_text(json.dumps(made))
    exercises, own = tmp_path / "book" / "exercises", Isolation(walls=False)
    folder = grading.grade_folder(Path("in"), exercises, own)
    assert folder.stem == "01_sums"
    assert "a notebook of '02_others'" in folder.graded[0].problem
    del course["metadata"]["pixeledu"]
    for path in Path("in").iterdir():
        path.write_text(json.dumps(course))
    with pytest.raises(ValueError, match="name it with --chapter"):
        grading.grade_folder(Path("in"), exercises, own)
    for path in Path("in").iterdir():
        path.write_text("{}")
    with pytest.raises(ValueError, match="not a notebook that can be read: it is damaged"):
        grading.grade_folder(Path("in"), exercises, own)


@pytest.mark.parametrize("chapter", [[], ["--chapter", "1"]])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"not json", "it is damaged, or something else"),
        (bytes(range(256)), "it is damaged, or something else"),
        (b'{"cells": []}', "it has no cells"),
    ],
)
def test_check_and_grade_name_the_same_damage(course, chapter, content, problem, capsys):
    Path("in").mkdir()
    Path("in/mine.ipynb").write_bytes(content)
    for command in (["check", "in/mine.ipynb"], ["grade", "in", "--unsafe"]):
        assert cli.main(["exercise", *command, *chapter]) == 2
        assert f"not a notebook that can be read: {problem}\n" in capsys.readouterr().err


def test_a_notebook_whose_metadata_is_lost_is_checked_if_the_chapter_is_named(course, capsys):
    bare = filled(course, {"one": RIGHT, "two": RIGHT})
    bare["metadata"] = {}
    for cell in bare["cells"]:
        cell["metadata"] = {}
    for name in ("mine.ipynb", "01_sums.ipynb"):
        Path(name).write_text(json.dumps(bare))
    assert cli.main(["exercise", "check", "mine.ipynb"]) == 2
    assert "name it with --chapter" in capsys.readouterr().err
    for named in (["mine.ipynb", "--chapter", "01"], ["1"]):
        assert cli.main(["exercise", "check", *named]) == 0
        assert capsys.readouterr().out.endswith("points: 2 of 2\n")


def test_nbval_on_a_filled_in_notebook_checks_it(course, tmp_path):
    right = filled(course, {"one": RIGHT, "two": WRONG})
    Path("mine.ipynb").write_text(json.dumps(right))
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "mine.ipynb"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "1 failed" in done.stdout
    assert "Tensor-likes are not close" in done.stdout
    assert cell_of(right, "one", "check")["execution_count"]


def test_if_nobody_could_be_graded_that_is_an_error_after_the_reports_are_written(
    course, capsys, monkeypatch
):
    Path("in").mkdir()
    Path("in/ada.ipynb").write_text(json.dumps(filled(course, {"one": RIGHT})))
    Path("in/bob.ipynb").write_text(json.dumps(course))  # untouched: there is nothing to grade
    Path("in/notes.txt").write_text("none")
    # The process that checks does not start: its Python is another program.
    monkeypatch.setattr(checking.sys, "executable", "/bin/false")
    assert cli.main(["exercise", "grade", "in", "--unsafe"]) == 2
    said = capsys.readouterr()
    assert "nobody could be graded: the process that checks ended" in said.err
    assert "not graded: 'ada'\npassed over: 'notes.txt'\n" in said.out
    with open("grades.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["status"] for line in lines] == [
        *("not graded", "not attempted"),
        *("not attempted", "not attempted"),
        "not graded",
    ]
    Path("in/ada.ipynb").unlink()
    assert cli.main(["exercise", "grade", "in", "--unsafe"]) == 0


def test_grading_without_walls_is_refused_unless_asked_for_and_says_what_it_means(
    course, capsys, monkeypatch
):
    Path("in").mkdir()
    Path("in/ada.ipynb").write_text(json.dumps(filled(course, {"one": RIGHT, "two": WRONG})))
    monkeypatch.setattr(isolation.shutil, "which", lambda name: None)
    assert cli.main(["exercise", "grade", "in"]) == 2
    err = capsys.readouterr().err
    assert "bubblewrap is not installed" in err
    assert "--unsafe" in err
    assert not Path("grades.csv").exists()
    assert cli.main(["exercise", "grade", "in", "--unsafe"]) == 0
    said = capsys.readouterr()
    assert "grades can be forged" in said.err
    assert "1 failed, 1 passed" in said.out
    assert "grades can be forged" in Path("grades.html").read_text()


def test_a_notebook_of_ones_own_is_checked_without_walls(course, capsys, monkeypatch):
    monkeypatch.setattr(isolation.shutil, "which", lambda name: None)
    Path("mine.ipynb").write_text(json.dumps(filled(course, {"one": RIGHT, "two": RIGHT})))
    assert cli.main(["exercise", "check", "mine.ipynb"]) == 0
    assert capsys.readouterr().out.endswith("points: 2 of 2\n")


def test_the_exercises_come_with_the_package(tmp_path):
    project, built = tmp_path / "project", tmp_path / "built"
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        project.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, project)
    for name in ("pixeledu", "book/exercises"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(built)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    code = "import sys; from pixeledu import cli; sys.exit(cli.main(['exercise', 'new', '1']))"
    environment = {**os.environ, "PYTHONPATH": str(built)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "01_sequence.ipynb").read_bytes() == (
        ROOT / "book" / "exercises" / "01_sequence.ipynb"
    ).read_bytes()
    made = {path.name for path in (built / "pixeledu" / "course" / "exercises").rglob("*.ipynb")}
    assert made == {path.name for path in (ROOT / "book" / "exercises").glob("*.ipynb")}
