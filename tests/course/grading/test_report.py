"""The reports: complete, readable, and safe to open whatever learners have written into them."""

import csv
import io
import re
from xml.etree import ElementTree

from pixeledu.course.grading.grades import FAILED, NOT_ATTEMPTED, PASSED, Grade, Graded
from pixeledu.course.grading.report import as_csv, as_html, as_junit, write_reports

NASTY = (
    '=HYPERLINK("http://evil.example")<script>document.title = "broken"</script>\x00\x1b[31m\ud800'
)
GRADED = [
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
]


def test_the_table_has_a_line_for_each_task_and_holds_no_formula():
    lines = list(csv.DictReader(io.StringIO(as_csv("01_sequence", GRADED))))
    assert len(lines) == 6
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
    root = ElementTree.fromstring(as_junit("01_sequence", GRADED))
    suites = root.findall("testsuite")
    assert len(suites) == 2
    for suite in suites:
        counts = [suite.get(name) for name in ("tests", "failures", "skipped", "errors")]
        assert counts == ["3", "1", "1", "0"]
        assert [[child.tag for child in case] for case in suite] == [[], ["failure"], ["skipped"]]
    assert suites[0][1][0].text == "AssertionError: expected 3,\ngot 4"


def test_all_three_files_are_written_beside_each_other(tmp_path):
    paths = write_reports(tmp_path / "grades.csv", "01_sequence", GRADED, [])
    assert [path.name for path in paths] == ["grades.csv", "grades.html", "grades.xml"]
    assert all(path.stat().st_size > 100 for path in paths)


def test_the_page_escapes_what_learners_wrote():
    page = as_html("01_sequence", GRADED, ["Answers can <b>read</b>."])
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page)
