"""The whole book as one PDF, printed by Chromium: contents with page numbers, links, bookmarks.

python book/tools/pdf.py [SITE] [PDF]   (default: _build/html, _build/pixel-by-pixel.pdf)

All pages of the built site become one document. It is printed twice: the bookmarks of the first
print say on which page each chapter begins, and the second has these numbers in its contents.
"""

import html
import posixpath
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import Page, sync_playwright
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "browser"))
import chromium  # noqa: E402

LINKS = {"a": "href", "img": "src", "object": "data"}
# What only makes sense where something can be pressed.
NOT_PRINTED = (
    ".headerlink, .copybtn, script, noscript, .ways-in, .keep-book, .chapter-cards, button"
)
LAYOUT = """
@page { size: A4; margin: 18mm 16mm 20mm; }
body { max-width: none; font-size: 10.5pt; }
main.paper { padding: 0; }
main.paper > section, main.paper > nav { break-before: page; }
nav.contents { list-style: none; }
nav.contents a { display: flex; color: inherit; text-decoration: none; line-height: 1.9; }
nav.contents a::after { order: 1; flex: 1; content: ""; border-bottom: 1px dotted; margin: 0 .5em .45em; }
nav.contents a span { order: 2; }
.cover { text-align: center; padding-top: 30vh; }
.cover h1 { font-size: 34pt; }
"""
FOOTER = (
    '<div style="width:100%;text-align:center;font:8pt sans-serif">'
    '<span class="pageNumber"></span></div>'
)


def documents() -> list[str]:
    """The pages of the table of contents in order, such as `book/01_sequence`."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]


def one_document(site: Path, names: list[str], numbers: dict[str, int]) -> str:
    """All pages as one, under a cover and contents.

    Args:
        site: folder of the built site.
        names: its pages, without `.html`.
        numbers: on which page of the PDF each heading begins, by its text; {} while nobody knows.
    """
    parts, entries = [], []
    for name in names:
        part, title = _article(site, name, names)
        number = numbers.get(title, "")
        entries.append(f'<a href="#{_anchor(name)}">{html.escape(title)}<span>{number}</span></a>')
        parts.append(f'<section id="{_anchor(name)}">{part}</section>')
    front = (site / f"{names[0]}.html").read_text(encoding="utf-8")
    styles = BeautifulSoup(front, "html.parser").select('link[rel="stylesheet"]')
    folder = site / posixpath.dirname(names[0])
    links = "".join(
        f'<link rel="stylesheet" href="{(folder / link["href"].split("?")[0]).resolve().as_uri()}">'
        for link in styles
    )
    settings = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    title = settings["sphinx"]["config"]["html_title"]
    name, _, rest = title.partition(": ")
    cover = f'<div class="cover"><h1>{name}</h1><p>{rest}</p><p>{settings["author"]}</p></div>'
    contents = f'<nav class="contents"><h1>Contents</h1>{"".join(entries)}</nav>'
    return (
        f'<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title>{links}<style>{LAYOUT}</style></head>"
        f'<body><main class="paper bd-content bd-article">{cover}{contents}{"".join(parts)}</main>'
        "</body></html>"
    )


def _anchor(name: str, fragment: str = "") -> str:
    return f"{name}--{fragment}".replace("/", "-")


def _article(site: Path, name: str, names: list[str]) -> tuple[str, str]:
    """The text of a page, its places and links as they are in the one document; and its title."""
    page = BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
    article = page.select_one("article.bd-article")
    for part in article.select(NOT_PRINTED):
        part.decompose()
    for place in article.select("[id]"):
        place["id"] = _anchor(name, place["id"])
    for fold in article.select("details"):
        fold["open"] = ""
    for tag, attribute in LINKS.items():
        for element in article.select(f"{tag}[{attribute}]"):
            element[attribute] = _target(site, name, names, element[attribute])
            element.attrs.pop("loading", None)
    return str(article), article.find("h1").get_text(" ", strip=True)


def _target(site: Path, name: str, names: list[str], link: str) -> str:
    """Where a link of a page leads in the one document, or a file's own address."""
    parts = urlsplit(link)
    if parts.scheme:
        return link
    folder = posixpath.dirname(name)
    path = posixpath.normpath(posixpath.join(folder, unquote(parts.path))) if parts.path else name
    other = path.removesuffix(".html")
    if other in names:
        return f"#{_anchor(other, parts.fragment)}" if parts.fragment else f"#{_anchor(other)}"
    return (site / path).as_uri()


def print_page(page: Page, document: Path, target: Path) -> None:
    """Print a document with page numbers and bookmarks."""
    page.goto(document.as_uri(), wait_until="load")
    page.pdf(
        path=str(target),
        prefer_css_page_size=True,
        print_background=True,
        outline=True,
        tagged=True,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=FOOTER,
    )


def page_numbers(pdf: Path) -> dict[str, int]:
    """The page, from 1, on which each heading of a PDF stands, from its bookmarks."""
    reader = PdfReader(pdf)
    numbers = {}

    def walk(marks: list) -> None:
        for mark in marks:
            if isinstance(mark, list):
                walk(mark)
            else:
                title = " ".join(mark.title.split())
                numbers.setdefault(title, reader.get_destination_page_number(mark) + 1)

    walk(reader.outline)
    return numbers


def main(site: Path, target: Path) -> None:
    """Print the site in a folder as one PDF."""
    document = site.parent / "book.html"
    names, program = (
        documents(),
        chromium.find(),
    )  # before Playwright starts: the search uses it too
    if program is None:
        raise SystemExit(chromium.MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        numbers: dict[str, int] = {}
        for _ in range(2):
            document.write_text(one_document(site, names, numbers), encoding="utf-8")
            print_page(page, document, target)
            numbers = page_numbers(target)
        browser.close()
    document.unlink()
    print(f"The book is in {target}: {len(PdfReader(target).pages)} pages")


if __name__ == "__main__":
    given = [Path(argument).resolve() for argument in sys.argv[1:]]
    usual = [ROOT / "_build" / "html", ROOT / "_build" / "pixel-by-pixel.pdf"]
    main(*(given + usual[len(given) :]))
