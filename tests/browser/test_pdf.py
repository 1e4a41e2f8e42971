"""`make pdf`: one document, whose contents say where each page of the book begins."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

ROOT = Path(__file__).parents[2]
PAGE = """<!doctype html><html><head><link rel="stylesheet" href="../style.css"></head><body>
<article class="bd-article"><h1 id="top">{title}<a class="headerlink" href="#top">#</a></h1>
{text}</article></body></html>"""
PAGES = {
    "book/index": PAGE.format(
        title="The beginning",
        text='<p>See <a href="second.html#deep">there</a>.</p><button>Press</button>',
    ),
    "book/second": PAGE.format(
        title="The second chapter",
        text="<details><summary>Answer</summary><p>It was folded.</p></details>"
        + "<p>Word by word.</p>" * 120
        + '<h2 id="deep">Deep down</h2>',
    ),
    "book/third": PAGE.format(title="The third chapter", text="<p>The end.</p>"),
}
# In a process of its own: the other tests of this one have Playwright already.
PRINT = """
import sys
from pathlib import Path

sys.path.append(sys.argv[1])
import pdf

pdf.documents = lambda: sys.argv[4:]
pdf.main(Path(sys.argv[2]), Path(sys.argv[3]))
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory) -> PdfReader:
    """A book of three pages as the tool prints it."""
    folder = tmp_path_factory.mktemp("pdf")
    site = folder / "html"
    (site / "book").mkdir(parents=True)
    (site / "style.css").write_text("h1 { color: #123456 }")
    for name, text in PAGES.items():
        (site / f"{name}.html").write_text(text)
    target = folder / "book.pdf"
    command = [sys.executable, "-c", PRINT, ROOT / "book" / "tools", site, target, *PAGES]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["book.pdf"]
    return PdfReader(target)


def texts(printed: PdfReader) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in printed.pages]


def test_the_contents_say_on_which_page_each_chapter_begins(printed):
    pages = texts(printed)
    (contents,) = [text for text in pages if text.startswith("Contents")]
    for title in ("The beginning", "The second chapter", "The third chapter"):
        (number,) = re.findall(rf"{title}\s*(\d+)", contents)
        assert pages[int(number) - 1].startswith(title)


def test_every_page_has_its_number(printed):
    for number, text in enumerate(texts(printed), start=1):
        assert text.endswith(str(number))


def test_folds_are_printed_open_and_buttons_are_not(printed):
    text = " ".join(texts(printed))
    assert "It was folded." in text
    assert "Press" not in text


def test_a_link_between_pages_leads_to_a_place_in_the_document(printed):
    links = [
        annotation.get_object() for page in printed.pages for annotation in page.get("/Annots", [])
    ]
    assert links
    assert not [link for link in links if "file:" in str(link.get("/A"))]
    assert any("book-second--deep" in str(link.get("/Dest")) for link in links)


def test_the_bookmarks_name_the_chapters(printed):
    titles = [mark.title for mark in printed.outline if not isinstance(mark, list)]
    assert {"The second chapter", "The third chapter"} <= set(titles)
