"""Text that fits: on a phone, and on paper."""

import pytest
from playwright.sync_api import expect

CHAPTER = "book/04_pixelcnn.html"
PLAYGROUND = "book/playground.html"
CUT_CODE = """() => [...document.querySelectorAll("pre:has(> .line)")]
  .filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText)"""

# How many rows a line of code takes, and how many marks are drawn beside it: one in each row's height.
ROWS_AND_MARKS = """() => [...document.querySelectorAll("pre > .line")].filter(e => e.checkVisibility())
  .map(e => {
    const mark = getComputedStyle(e, "::before");
    if (!mark.maskImage.startsWith("url(")) throw Error("no mark is drawn");
    const row = parseFloat(getComputedStyle(e).lineHeight);
    return [e.clientHeight, parseFloat(mark.height)].map(height => Math.round(height / row));
  })"""


def test_a_phone_cuts_no_line_of_code_and_marks_those_that_it_wraps(visit):
    page = visit(CHAPTER, width=390).page
    assert page.evaluate(CUT_CODE) == []
    rows = page.evaluate(ROWS_AND_MARKS)
    assert {marks for _, marks in rows} >= {0, 1, 2}
    assert all(marks == count - 1 for count, marks in rows)
    page.set_viewport_size({"width": 1280, "height": 900})
    line = page.locator("pre > .line").first
    assert line.evaluate("e => getComputedStyle(e, '::before').content") == "none"


@pytest.mark.parametrize(
    "name", [CHAPTER, "book/exercises/pages/08_gated_pixelcnn.html", "book/exercises/guide.html"]
)
def test_a_wide_screen_cuts_no_line_of_code_in_a_fold_either(visit, name):
    page = visit(name).page
    page.evaluate("for (const e of document.querySelectorAll('article details')) e.open = true")
    # The address of the repository is longer before it is set than an address can be.
    assert [code for code in page.evaluate(CUT_CODE) if "set-this-with" not in code] == []


def test_code_that_is_copied_has_no_marks_in_it(visit):
    page = visit(CHAPTER, width=390).page
    first = page.locator("pre:has(> .line)").first
    assert "↪" not in first.evaluate("e => e.textContent")


SCROLLS = """() => [...document.querySelectorAll("div.math, .pst-scrollable-table-container, .output pre")]
  .filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)"""


@pytest.mark.parametrize(
    "name", [CHAPTER, "book/06_diagonal_bilstm.html", "book/reference/speed.html"]
)
def test_what_scrolls_on_a_phone_fades_where_there_is_more_of_it(visit, name):
    page = visit(name, width=390).page
    page.wait_for_load_state("load")
    fades = f"({SCROLLS})().map(e => [e.matches('.more-left'), e.matches('.more-right')])"
    assert page.evaluate(f"({SCROLLS})().length") > 0
    assert all(fade == [False, True] for fade in page.evaluate(fades))
    page.evaluate(f"for (const e of ({SCROLLS})()) e.scrollLeft = 1e6")
    page.wait_for_function(f"{fades}.every(([left, right]) => left && !right)")


def test_a_picture_keeps_labels_that_a_phone_can_show(visit):
    page = visit("book/09_side_by_side.html", width=390).page
    labelled = page.locator("article .cell_output > img.labelled")
    expect(labelled.first).to_be_visible()
    shares = labelled.evaluate_all(
        "all => all.map(e => e.width / parseInt(e.getAttribute('width')))"
    )
    assert min(shares) > 0.59  # of 14 pixels: more than eight
    pictures = page.locator("article .cell_output > img")
    assert pictures.evaluate_all(
        "all => all.every(e => Math.abs(e.width / e.height - e.getAttribute('width') / "
        "e.getAttribute('height')) < 0.05 * e.width / e.height)"
    )
    scrolling = page.locator(".cell_output.more-right:has(> img.labelled)").first
    expect(scrolling).to_have_attribute("tabindex", "0")
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(page.locator(".cell_output.more-right")).to_have_count(0)


def test_paper_shows_what_is_folded_and_cuts_no_line(visit):
    page = visit(CHAPTER, theme="dark").page
    folds = page.locator("article details")
    assert folds.count() > 3
    assert page.locator("article details[open]").count() == 0
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("article details:not([open])").count() == 0
    assert page.locator("html").get_attribute("data-theme") == "light"
    assert page.locator("img[loading=lazy]").count() == 0
    page.set_viewport_size({"width": 700, "height": 900})
    assert page.evaluate(CUT_CODE) == []
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("article details[open]").count() == 0
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_paper_shows_the_picture_that_stands_for_a_figure_that_moves(visit):
    page = visit(PLAYGROUND).page
    widget = page.locator("pixeledu-widget").first
    expect(widget.locator("> div")).to_be_visible()
    expect(widget.locator("> .pixeledu-still")).to_be_hidden()
    page.emulate_media(media="print")
    expect(widget.locator("> .pixeledu-still img").first).to_be_visible()
    expect(widget.locator("> div")).to_be_hidden()


def test_a_dark_page_shows_charts_light_on_dark_and_pictures_of_pixels_as_they_are(visit):
    page = visit("book/09_side_by_side.html", theme="dark").page
    filters = page.evaluate(
        "[...document.querySelectorAll('article img')].map("
        "e => [e.matches('.chart'), getComputedStyle(e).filter.includes('invert')])"
    )
    assert {chart for chart, _ in filters} == {True, False}
    assert all(chart == inverted for chart, inverted in filters)
