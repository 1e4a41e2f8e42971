"""The built site: every page, in every look, without any other host."""

import json
import re
import sys
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from fontTools.ttLib import TTFont
from players import compressed_weights, layout_shifts
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "book" / "tools"))
import address  # noqa: E402

# The dark page differs from the light one in its colours alone, the narrow one in everything else:
# what axe has to look at in each look.
COLOURS = ["color-contrast", "link-in-text-block"]
ALL_BUT_COLOURS = {"rules": {rule: {"enabled": False} for rule in COLOURS}}
NEW_IN = {("light", 390): "all but colours", ("light", 1280): "colours", ("dark", 1280): "colours"}
# What stands around a page on a wide screen is the same on all pages of a kind.
KINDS = ["book/index.html", "book/04_pixelcnn.html", "book/playground.html"]
KINDS += ["book/exercises/pages/04_pixelcnn.html", "book/reference/api.html", "search.html"]
# A page has thousands of coloured words of code and pieces of formulas, and axe's time grows with
# them. Of the words one of each kind is enough, the others become plain text. What is drawn of a
# formula is hidden from screen readers, who get its MathML, and so from axe: an empty box remains.
FEWER_PARTS = """() => {
  const seen = new Set();
  const isRepeated = word => {
    if (!word.checkVisibility()) return true;
    const around = word.closest("div[class*=highlight-], .admonition, details, th, a");
    const kind = `${around?.className} ${word.className}`;
    return seen.has(kind) || !seen.add(kind);
  };
  const words = document.querySelectorAll(".highlight pre span:not(:has(*))");
  const repeated = [...words].filter(isRepeated);
  const formulas = [...document.querySelectorAll(".katex-html")];
  const sizes = formulas.map(formula => formula.getBoundingClientRect());
  for (const word of repeated) word.replaceWith(word.textContent);
  formulas.forEach((formula, place) => {
    const {width, height} = sizes[place];
    formula.style.cssText = `display: inline-block; width: ${width}px; height: ${height}px`;
    formula.replaceChildren();
  });
}"""


# The contrast of a text depends on few things. Of all texts for which they are the same one stays
# visible, and the others are hidden: axe takes a tenth of a second for each that it sees.
ONE_TEXT_OF_EACH_COLOUR = """() => {
  const style = document.createElement("style");
  style.textContent = "[data-again] {visibility: hidden !important}"
    + "[data-first] {visibility: visible !important}";
  document.head.append(style);
  const below = element => {
    const {backgroundColor, backgroundImage, opacity, position} = getComputedStyle(element);
    const kind = `${backgroundColor} ${backgroundImage} ${opacity} ${position}`;
    const opaque = /^rgb\\(/.test(backgroundColor) && opacity === "1";
    return opaque || !element.parentElement ? kind : `${kind}; ${below(element.parentElement)}`;
  };
  const hasText = element => [...element.childNodes]
    .some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const texts = [...document.body.querySelectorAll("*")]
    .filter(element => hasText(element) && element.checkVisibility({visibilityProperty: true}));
  const kinds = texts.map(element => {
    const {color, fontSize, fontWeight, textDecorationLine, textShadow} = getComputedStyle(element);
    const link = element.closest("a, button");
    const around = link ? `${link.tagName} ${getComputedStyle(link.parentElement).color}` : "";
    return [color, fontSize, fontWeight, textDecorationLine, textShadow, around, below(element)].join();
  });
  const seen = new Set();
  texts.forEach((element, place) => {
    element.dataset[seen.has(kinds[place]) ? "again" : "first"] = "";
    seen.add(kinds[place]);
  });
  return seen.size;
}"""
ALL_TEXTS = """() => document.querySelectorAll("[data-again], [data-first]").forEach(element => {
  delete element.dataset.again;
  delete element.dataset.first;
})"""


def violations(page, **options) -> list[str]:
    """What axe-core objects to, as readable lines; `options` are axe's."""
    still(page)
    # preload: axe would fetch style sheets again, by paths that do not lead to them.
    options = {"resultTypes": ["violations"], "preload": False, **options}
    found = Axe().run(page, options=options)
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]


def still(page) -> None:
    """Wait until no colour is on its way to another: it has the contrast of neither."""
    page.wait_for_function(
        "!document.getAnimations().some(a => a instanceof CSSTransition && a.playState === 'running')"
    )


# ---- every page, every look (the fixture `visit` checks requests and the console) -------------


def overflow(page) -> int:
    """How many pixels the page is wider than the screen."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def test_a_page_is_accessible_and_fits_its_screen_in_every_look_and_needs_no_server(
    visit, page_name, site
):
    # From its folder, without a server: so it reads there as well.
    page = visit((site / page_name).as_uri(), width=390).page
    expect(page.locator("h1").last).to_be_visible()
    expect(page.locator("pixeledu-widget:not(:has(> div))")).to_have_count(0)  # all are drawn
    assert overflow(page) <= 0
    page.evaluate(FEWER_PARTS)
    for (theme, width), new in NEW_IN.items():
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": 900})
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        if new == "colours":
            assert colour_violations(page) == [], f"{theme}, {width} pixels"
        else:
            assert violations(page, **ALL_BUT_COLOURS) == [], f"{theme}, {width} pixels"
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, background[4:-1].split(","))) < 3 * 64) == (theme == "dark")


@pytest.mark.parametrize("name", KINDS)
def test_a_page_of_each_kind_is_accessible_on_a_wide_screen(visit, name):
    check_a_wide_screen(visit, name)


@pytest.mark.thorough
def test_every_page_is_accessible_on_a_wide_screen(visit, page_name):
    check_a_wide_screen(visit, page_name)


def check_a_wide_screen(visit, name: str) -> None:
    page = visit(name).page
    expect(page.locator("pixeledu-widget:not(:has(> div))")).to_have_count(0)  # all are drawn
    page.evaluate(FEWER_PARTS)
    assert violations(page, **ALL_BUT_COLOURS) == []


def colour_violations(page) -> list[str]:
    """What axe-core objects to in the colours of a page, of each kind of text once."""
    still(page)
    assert page.evaluate(ONE_TEXT_OF_EACH_COLOUR) >= 3
    found = violations(page, runOnly={"type": "rule", "values": COLOURS})
    page.evaluate(ALL_TEXTS)
    return found


def test_a_text_of_too_little_contrast_is_found_among_many_others(visit):
    page = visit("book/reference/glossary.html").page
    for place in (0, 7, -1):
        page.evaluate(
            "place => {const all = [...document.querySelectorAll('article p')].at(place);"
            "all.innerHTML = '<span style=\"color: #aaa\">pale</span> and <b>bold</b>'}",
            place,
        )
    found = colour_violations(page)
    assert found
    assert all("pale" in one for one in found)


def test_a_page_reads_without_javascript(visit, page_name):
    page = visit(page_name, java_script_enabled=False).page
    expect(page.locator("h1").last).to_be_visible()
    for formula in page.locator("article .katex-html:not(details *)").all()[:5]:
        expect(formula).to_be_visible()
    for widget in page.locator("pixeledu-widget").all():
        assert widget.inner_text().strip()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_first_picture_of_a_page_has_its_theme_before_any_script_has_come(visit, theme):
    page = visit("book/reference/glossary.html", theme=theme).page
    page.route("**/*.js*", lambda route: route.fulfill(body=""))
    page.evaluate("localStorage.clear()")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == theme


def test_a_page_weighs_little_fits_stands_still_and_has_all_its_icons(visit, page_name, site):
    page = visit(page_name).page
    assert overflow(page) <= 0
    weights = compressed_weights(page, site)
    assert sum(weights.values()) < 700_000, sorted(weights.items(), key=lambda item: -item[1])
    assert sum(layout_shifts(page)) < 0.05
    shown = page.evaluate(ICONS)
    assert len(shown) > 5
    assert set("".join(shown)) <= icons_of(site)


# What stands before or after an element in letters for private use: icons, and nothing else.
ICONS = """[...document.querySelectorAll("*")]
  .flatMap(e => ["::before", "::after"].map(part => getComputedStyle(e, part).content))
  .flatMap(text => text.match(/[\\ue000-\\uf8ff]/g) ?? [])"""


@lru_cache
def icons_of(site: Path) -> set[str]:
    """The icons of all fonts that the site has for them."""
    fonts = (site / "_static/vendor/fontawesome/webfonts").glob("*.woff2")
    return {chr(code) for path in fonts for code in TTFont(path).getBestCmap()}


# ---- single places ----------------------------------------------------------------------------


def test_the_root_of_the_site_leads_to_the_book(visit):
    page = visit("").page
    page.wait_for_url("**/book/index.html")
    expect(page.locator("h1").last).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_search_finds_a_word_of_the_book(visit, width):
    page = visit("search.html?q=raster", width=width).page
    expect(page.locator("#search-results a").first).to_be_visible()
    assert violations(page) == []


def test_the_search_works_from_a_folder(visit, site):
    page = visit((site / "search.html").as_uri() + "?q=raster").page
    expect(page.locator("#search-results a").first).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_menu_of_a_phone_is_accessible(visit, theme):
    page = visit("book/index.html", theme=theme, width=390).page
    page.locator("button.primary-toggle").click()
    expect(page.get_by_role("link", name="Glossary").first).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Search").first.click()
    expect(page.get_by_role("searchbox").first).to_be_focused()
    assert violations(page) == []


def test_the_theme_can_be_chosen_and_is_remembered(visit, site_url):
    page = visit("book/index.html").page
    chosen = []
    for _ in range(3):
        page.get_by_role("button", name="Color mode").first.click()
        chosen.append(page.evaluate("document.documentElement.dataset.mode"))
    assert set(chosen) == {"auto", "light", "dark"}
    page.goto(site_url + "book/reference/glossary.html")
    assert page.evaluate("document.documentElement.dataset.mode") == chosen[-1]


def test_the_site_has_every_page_of_its_contents_under_its_title_and_no_other(site):
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]
    built = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    built = {name for name in built if not name.startswith("_static/")}
    assert built == {*listed, "index", "404", "offline", "genindex", "search"}
    for name in listed:
        *_, shown = parsed(site / f"{name}.html").headings  # the theme has one for paper before it
        assert shown.endswith(title_of(name)), name


def title_of(name: str) -> str:
    """The first heading of a page's source, without its marks."""
    source = ROOT / f"{name}.md"
    if not source.exists():
        cells = json.loads((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
        return "".join(cells[0]["source"]).splitlines()[0].removeprefix("# ")
    (first, *_) = re.findall(r"^# (.*)", source.read_text(encoding="utf-8"), re.MULTILINE)
    return first


# ---- what stands in the files -----------------------------------------------------------------


class Parsed(HTMLParser):
    """The tags, the anchors and the title of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.headings: list[str] = []  # of the first level
        self.in_heading = False
        self.feed(path.read_text(encoding="utf-8"))
        self.anchors = {attributes.get("id") for _, attributes in self.tags}

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag == "h1":
            self.headings.append("")
        self.in_heading = self.in_heading or tag == "h1"
        if self.in_heading and tag == "a":  # the mark that links to the heading
            self.in_heading = False

    def handle_endtag(self, tag: str) -> None:
        self.in_heading = self.in_heading and tag != "h1"

    def handle_data(self, data: str) -> None:
        if self.in_heading:
            self.headings[-1] += data

    def addresses(self) -> list[tuple[str, str, str]]:
        """(tag, rel, address) of everything that the page loads or links to."""
        return [
            (tag, attributes.get("rel", ""), attributes[name])
            for tag, attributes in self.tags
            for name in ("href", "src", "data", "poster")
            if attributes.get(name)
        ]


@lru_cache
def parsed(path: Path) -> Parsed:
    return Parsed(path)


def test_every_link_and_anchor_inside_the_site_resolves(site, page_name):
    here = (site / page_name).resolve()
    for tag, rel, link in parsed(here).addresses():
        parts = urlsplit(link)
        if parts.scheme in ("http", "https"):
            assert tag == "a" or rel == "canonical", f"loads {link}"
            continue
        if parts.scheme in ("data", "mailto"):
            continue
        target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
        assert target.is_file(), f"{link} leads nowhere"
        if parts.fragment and target.suffix == ".html":
            anchors = parsed(target).anchors
            assert unquote(parts.fragment) in anchors, f"{link} has no such place"


def test_every_chapter_opens_in_colab_from_its_own_page(site, page_name):
    # A page of exercises opens the notebook that learners fill in, which is no page.
    chapter = (ROOT / page_name.replace("/exercises/pages/", "/exercises/")).with_suffix(".ipynb")
    links = [link for _, _, link in parsed(site / page_name).addresses()]
    colab = [link for link in links if link.startswith("https://colab.research.google.com")]
    path = chapter.relative_to(ROOT).as_posix()
    repository = address.show().removeprefix("https://github.com/")
    at = f"https://colab.research.google.com/github/{repository}/blob/main/{path}"
    expected = {at} if chapter.exists() else set()
    if page_name == "book/index.html":
        expected = {at.replace("book/index.ipynb", "book/01_sequence.ipynb")}
    assert set(colab) == (expected if address.is_published() else set())


def test_no_link_leads_to_an_address_that_is_not_set(site, page_name):
    links = [link for _, _, link in parsed(site / page_name).addresses()]
    assert not [link for link in links if address.PLACEHOLDER_OWNER in link]


def test_every_picture_says_in_words_what_it_shows(site, page_name):
    inside_article = False
    for tag, attributes in parsed(site / page_name).tags:
        inside_article = inside_article or tag == "article"
        if tag == "img":
            assert "alt" in attributes, attributes
            assert attributes["alt"].strip() or not inside_article, attributes


def test_every_picture_has_its_size_so_that_nothing_moves_when_it_arrives(site, page_name):
    pictures = [attributes for tag, attributes in parsed(site / page_name).tags if tag == "img"]
    assert pictures  # at least the logo
    for picture in pictures:
        assert int(picture["width"]) > 0, picture
        assert int(picture["height"]) > 0, picture


def test_a_page_names_its_language_and_says_what_it_is_about(site, page_name):
    tags = parsed(site / page_name).tags
    assert ("html", "en") in [(tag, attributes.get("lang")) for tag, attributes in tags]
    (description,) = [a["content"] for _, a in tags if a.get("name") == "description"]
    assert 10 < len(description) <= 180


def test_no_two_pages_have_the_same_title(site):
    pages = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    titles = [path.read_text().split("<title>")[1].split("</title>")[0] for path in pages]
    assert len(set(titles)) == len(titles), sorted(titles)
    assert all(title.strip() for title in titles)
