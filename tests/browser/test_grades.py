"""The page of grades in a browser: readable on every screen, and deaf to what learners wrote."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import serve

from pixeledu.course.grading.grades import (
    FAILED,
    NOT_ATTEMPTED,
    PASSED,
    Grade,
    Graded,
    GradedFolder,
)
from pixeledu.course.grading.report import as_html

NASTY = "<script>document.title = 'broken'</script><img src='https://evil.example/x' onerror='x'>"
MESSAGE = f"AssertionError: {NASTY}\n" + "a long line " * 40


@pytest.fixture(scope="module")
def page_url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grades")
    grades = (
        Grade("predecessors", "How much has been drawn?", PASSED, 2, 2, ""),
        Grade("chain-rule", "Take a joint probability apart", FAILED, 0, 1, MESSAGE),
        Grade("triangle", "The mask", NOT_ATTEMPTED, 0, 3, ""),
    )
    graded = tuple(Graded(name, (NASTY,), grades) for name in ("ada", NASTY, "o" * 90))
    whole = GradedFolder("01_sequence", graded, (NASTY, "o" * 90 + ".zip"))
    (folder / "grades.html").write_text(as_html(whole, ["Answers ran without walls."]))
    with serve(folder) as url:
        yield f"{url}grades.html"


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_the_page_of_grades_is_accessible_fits_and_runs_no_code(browser, page_url, theme, width):
    page = browser.new_page(color_scheme=theme, viewport={"width": width, "height": 800})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_url)
    assert page.title() == "Grades: 01_sequence"
    assert page.locator("script, img").count() == 0
    assert [url for url in asked if not url.endswith("favicon.ico")] == [page_url]
    assert page.locator("tbody tr").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # However long a name is, the first task's status stands beside it without scrolling.
    box = page.locator("tbody tr").nth(2).locator("td").first.bounding_box()
    assert box["x"] + box["width"] <= width
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert [rule["id"] for rule in found.response["violations"]] == []
    page.close()
