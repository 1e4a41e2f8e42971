"""The front page: what a reader sees in the first five seconds, and what leads on from there."""

import re
from pathlib import Path

import yaml
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]
FRONT = "book/index.html"
CHAPTERS = [
    page["file"]
    for part in yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    if part.get("numbered")
    for page in part["chapters"]
]


def test_a_phone_s_first_screen_shows_the_first_button_and_the_pictures(visit):
    page = visit(FRONT, width=390).page
    page.set_viewport_size({"width": 390, "height": 664})  # what a browser's bars leave of 844
    expect(page.get_by_role("link", name="Start reading")).to_be_in_viewport(ratio=1)
    expect(page.locator("#paint canvas").first).to_be_in_viewport(ratio=1)
    expect(page.locator("#paint canvas").nth(7)).to_be_in_viewport(ratio=1)


def test_the_front_page_begins_with_sixteen_endings_of_one_top(visit):
    page = visit(FRONT).page
    expect(page.locator("#paint pixeledu-widget > div")).to_be_visible()
    state = page.evaluate("document.querySelectorAll('#paint canvas').length")
    assert state >= 16


def test_the_buttons_lead_to_the_first_chapter_and_to_the_painting_pen_in_hand(visit):
    page = visit(FRONT, width=390).page
    expect(page.locator("#paint canvas").nth(15)).to_be_attached()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.evaluate("document.querySelector('.ways-in a[href=\"#paint\"]').click()")
    expect(page.locator("#paint")).to_be_in_viewport()
    draw = page.locator("#paint").get_by_role("button", name="Draw", exact=True)
    expect(draw).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="Start reading").click()
    page.wait_for_url(f"**/{CHAPTERS[0]}.html")


def test_each_chapter_has_a_card_with_a_picture_a_reading_time_and_what_it_asks_for(visit, site):
    page = visit(FRONT).page
    cards = page.locator(".chapter-cards > li")
    links = [
        (site / "book" / card.get_by_role("link").get_attribute("href")) for card in cards.all()
    ]
    assert links == [site / f"{chapter}.html" for chapter in CHAPTERS]
    assert all(link.is_file() for link in links)
    for card in cards.all():
        assert re.search(r"\d+ minutes", card.inner_text())
        assert re.search(r"You need \w+", card.inner_text())
        box = card.locator("svg").bounding_box()
        assert box["width"] > 100
        assert box["height"] > 60
    pictures = [card.locator("svg").inner_html() for card in cards.all()]
    assert len(set(pictures)) == len(pictures)


def test_the_front_page_says_how_to_cite_the_book_and_what_is_new(visit):
    page = visit(FRONT).page
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    entry = page.locator(".highlight-bibtex").inner_text()
    for text in (citation["title"], citation["authors"][0]["name"], str(citation["version"])):
        assert text in entry
    newest = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    first = re.search(r"^\* (\w+ \w+)", newest, re.MULTILINE)[1]
    assert first in page.locator("details", has_text="The newest changes").text_content()
