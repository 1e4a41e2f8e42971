"""The pages for what is missing: they stand alone, and look right in every look."""

import pytest
from playwright.sync_api import expect
from test_site import violations

PAGES = ["404.html", "offline.html"]


@pytest.mark.parametrize("name", PAGES)
def test_it_is_accessible_in_every_look_and_fits_its_screen(visit, name):
    for theme in ("light", "dark"):
        page = visit(name, theme=theme, width=390).page
        expect(page.locator("h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []


def test_the_page_for_an_unknown_address_leads_to_the_book_and_searches_it(visit):
    page = visit("404.html").page
    page.get_by_role("searchbox").fill("raster")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#search-results a").first).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="To the book").click()
    page.wait_for_url("**/book/index.html")
