"""The reports: complete, readable, and safe to open whatever learners have written into them."""

import csv
import io
import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from pixeledu.course.grading.grades import (
    FAILED,
    NOT_ATTEMPTED,
    NOT_GRADED,
    PASSED,
    Grade,
    Graded,
    GradedFolder,
)
from pixeledu.course.grading.report import as_csv, as_html, as_junit, write_reports

NASTY = (
    '=HYPERLINK("http://evil.example")<script>document.title = "broken"</script>\x00\x1b[31m\ud800'
)
GRADED = tuple(
    Graded(
        student,
        notes,
        (
            Grade("one", "The first", PASSED, 2, 2, ""),
            Grade("two", "The second", FAILED, 0, 1, message),
            Grade("three", "The third", NOT_ATTEMPTED, 0, 3, ""),
        ),
    )
    for student, notes, message in (
        ("ada", (), "AssertionError: expected 3,\ngot 4"),
        (NASTY, (NASTY,), NASTY),
    )
)
FOLDER = GradedFolder("01_sequence", GRADED, (NASTY, "fay.zip"))


def test_the_table_has_a_line_for_each_task_and_holds_no_formula():
    lines = list(csv.DictReader(io.StringIO(as_csv(FOLDER))))
    assert len(lines) == 8
    assert [line["student"] for line in lines[6:]][1] == "fay.zip"
    assert {line["status"] for line in lines[6:]} == {"not graded"}
    assert lines[1] == {
        "student": "ada",
        "exercises": "01_sequence",
        "task": "two",
        "title": "The second",
        "status": "failed",
        "points": "0",
        "of": "1",
        "message": "AssertionError: expected 3,\ngot 4",
        "notes": "",
    }
    for line in lines:
        for field in line.values():
            assert not field.lstrip().startswith(("=", "+", "-", "@"))
            assert "\x00" not in field


def test_junit_counts_what_was_passed_failed_and_not_attempted():
    root = ElementTree.fromstring(as_junit(FOLDER))
    suites = root.findall("testsuite")
    assert len(suites) == 2
    for suite in suites:
        counts = [suite.get(name) for name in ("tests", "failures", "skipped", "errors")]
        assert counts == ["3", "1", "1", "0"]
        assert [[child.tag for child in case] for case in suite] == [[], ["failure"], ["skipped"]]
    assert suites[0][1][0].text == "AssertionError: expected 3,\ngot 4"


def test_all_three_files_are_written_beside_each_other(tmp_path):
    paths = write_reports(tmp_path / "grades.csv", FOLDER)
    assert [path.name for path in paths] == ["grades.csv", "grades.html", "grades.xml"]
    assert all(path.stat().st_size > 100 for path in paths)


def test_the_page_escapes_what_learners_wrote():
    assert "fay.zip" in as_html(FOLDER)
    page = as_html(FOLDER, ["Answers can <b>read</b>."])
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page)


@given(st.lists(st.text("=+-@|;\n\t\"', aé1", max_size=8), min_size=1, max_size=4))
def test_no_cell_is_a_formula_in_whatever_dialect_the_table_is_read(texts):
    grades = tuple(Grade("one", "The first", FAILED, 0, 1, text) for text in texts)
    made = as_csv(
        GradedFolder("01_sequence", (Graded(texts[0], tuple(texts), grades),), (texts[-1],))
    )
    for separator in ",;\t":
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            for row in csv.reader(
                io.StringIO(made, newline=""), delimiter=separator, quoting=quoting
            ):
                for cell in row if (separator, quoting) != (",", csv.QUOTE_NONE) else []:
                    assert not cell.strip(' \n\t"').startswith(("=", "+", "-", "@", "|")), (
                        row,
                        separator,
                    )


def test_what_keeps_a_submission_from_being_graded_is_said_once():
    grades = tuple(Grade(task, task, FAILED, 0, 1, "it is a link") for task in ("one", "two"))
    folder = GradedFolder("01_sequence", (Graded("ada", (), grades, "it is a link"),), ())
    assert as_html(folder).count("it is a link") == 1


def test_the_colours_of_a_terminal_are_in_no_report():
    grade = Grade("one", "The first", FAILED, 0, 1, "\x1b[31mred\x1b[39m")
    folder = GradedFolder("01_sequence", (Graded("ada", (), (grade,)),), ())
    for text in (as_csv(folder), as_html(folder), as_junit(folder)):
        assert "red" in text
        assert "[31m" not in text


def test_who_could_not_be_graded_is_an_error_for_continuous_integration():
    grade = Grade("one", "The first", NOT_GRADED, 0, 1, "no memory")
    folder = GradedFolder("01_sequence", (Graded("ada", (), (grade,)),), ())
    (suite,) = ElementTree.fromstring(as_junit(folder)).findall("testsuite")
    assert suite.get("errors") == "1"
    assert [child.tag for child in suite[0]] == ["error"]
