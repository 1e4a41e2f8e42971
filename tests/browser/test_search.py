"""The search: what it finds, what it shows of it, and what it understands."""

import pytest
from playwright.sync_api import expect

GLOSSARY = "book/reference/glossary.html#term-"


@pytest.mark.parametrize(
    ("asked", "understood"),
    [
        ("liklihood", "likelihood"),
        ("autoregresive", "autoregressive"),
        ("convolusion", "convolution"),
        ("recieptive field", "receptive field"),
        ("residaul", "residual"),
    ],
)
def test_a_word_with_a_slip_leads_to_the_glossary(visit, asked, understood):
    page = visit(f"search.html?q={asked}").page
    expect(page.get_by_role("status").first).to_contain_text(f"“{understood}”")
    expect(page.locator(f"#search-results a[href^='{GLOSSARY}']").first).to_be_visible()


@pytest.mark.parametrize("asked", ["likelihood", "PixelCNN", "conv", "causality", "nats"])
def test_a_word_of_the_book_is_searched_as_it_is(visit, asked):
    page = visit(f"search.html?q={asked}").page
    expect(page.locator("#search-results a").first).to_be_visible()
    assert "Nothing has" not in page.locator("#search-results").inner_text()


def test_what_is_shown_of_a_page_is_its_text(visit):
    page = visit("search.html?q=blind spot").page
    glossary = page.locator("#search-results li", has=page.locator(f"a[href^='{GLOSSARY}']")).first
    expect(glossary).to_contain_text("Pixels that come before the current one")
    expect(page.locator("#search-results p.context").nth(3)).to_be_visible()
    for text in page.locator("#search-results p.context").all_inner_texts():
        assert "Contents" not in text


@pytest.mark.parametrize("width", [1280, 390])
def test_the_icon_of_the_search_field_covers_no_letter(visit, width):
    page = visit("search.html?q=likelihood", width=width).page
    field = page.locator("main input[type=search]")
    icon = page.locator("main form.bd-search > i").bounding_box()
    start = field.bounding_box()["x"] + field.evaluate(
        "e => parseFloat(getComputedStyle(e).paddingLeft)"
    )
    assert icon["x"] + icon["width"] <= start


@pytest.mark.parametrize("asked", ["掩码卷积", "卷积", "感受野", "自回归"])
def test_a_chinese_name_or_a_part_of_one_leads_to_its_term(visit, asked):
    page = visit(f"search.html?q={asked}").page
    expect(page.locator(f"#search-results a[href^='{GLOSSARY}']").first).to_be_visible()
