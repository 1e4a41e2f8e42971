"""Classes, colours and smaller pictures in the live sampler, in Chromium."""

import re

import numpy as np
import players
import pytest
import torch
from playwright.sync_api import expect
from test_live_sampler import PHONE, Figure, tiny

from pixeledu.widgets import LiveSampler

NAMES = ["cats", "dogs", "trees", "a name that is longer than a small picture is wide", "cars"]
GUIDES = torch.arange(3 * 2 * 3).view(3, 1, 2, 3) % 5
MODELS = {
    "Emoji": tiny("gated-pixelcnn", 6, channels=3, levels=8, classes=5),
    "Grey": tiny("row-lstm", 7, classes=5),
    "Coarse to fine": tiny("diagonal-bilstm", 8, guide=4),
    "Plain": tiny("pixelcnn", 9, output="logistics"),
}


def twin(**options) -> LiveSampler:
    """A sampler as it is on the page, at the end of a picture."""
    sampler = LiveSampler(MODELS, size=(8, 12), classes=NAMES, guides=GUIDES, **options)
    sampler.position = max(0, sampler.steps - 1)
    return sampler


@pytest.fixture(scope="module")
def single(tmp_path_factory) -> str:
    """The address of a page with one sampler."""
    return players.write_page(tmp_path_factory.mktemp("conditions"), twin().html())


class Conditional(Figure):
    """The same, and what it has for classes and colours."""

    def __init__(self, page, index: int = 0):
        super().__init__(page, index)
        self.classes = self.group.get_by_role("combobox", name="Class")
        self.each = self.button("One of each class")

    def colour(self, name: str):
        return self.group.get_by_role("radio", name=name, exact=True)


def test_a_class_is_chosen_or_drawn_and_named(visit, single):
    figure, python = Conditional(visit(single).page), twin()
    figure.shows(python)  # of a class that is drawn first, as in Python
    expect(figure.spot).to_have_text(re.compile("^Class: (cats|dogs|trees|a name|cars)"))
    expect(figure.picture).to_have_attribute(
        "aria-label", re.compile("^Emoji, (cats|dogs|trees|a|cars)")
    )
    options = figure.classes.locator("option").all_inner_texts()
    assert options == ["Any class", *NAMES, "Each in turn"]
    for label in (2, 4):
        figure.classes.select_option(NAMES[label])
        python.label = label
        figure.shows(python)
        expect(figure.spot).to_have_text(f"Class: {NAMES[label]}")
    figure.model.select_option("Grey")  # it knows the same classes
    python.model = "Grey"
    figure.shows(python)
    figure.model.select_option("Plain")
    expect(figure.classes).to_be_disabled()
    expect(figure.each).to_be_disabled()
    python.model = "Plain"
    figure.shows(python)


def test_one_of_each_class_fills_the_pictures(visit, single):
    figure, python = Conditional(visit(single).page), twin(label="each")
    figure.scrubber.fill("3")
    figure.each.click()
    expect(figure.each).to_have_attribute("aria-pressed", "true")
    pictures = figure.group.get_by_role("button", name="Picture ")
    expect(pictures).to_have_count(5)
    for i, name in enumerate(NAMES):
        python.image = i
        figure.settle()
        shown = figure.painted(i)
        levels = 255 / 7
        wanted = np.rint(python.picture.permute(1, 2, 0).numpy() * levels)
        np.testing.assert_array_equal(shown[..., :3], wanted)
        assert (shown[..., 3] == 255).all()  # they are finished
        expect(pictures.nth(i)).to_have_attribute(
            "aria-label", f"Picture {i + 1}, {name}: look at it alone"
        )
    assert figure.group.locator(".pixeledu-caption").all_inner_texts() == NAMES
    pictures.nth(3).click()
    python.image = 3
    figure.shows(python)
    figure.each.click()
    expect(pictures).to_have_count(5)
    figure.each.click()
    assert figure.classes.input_value() == ""


@pytest.mark.parametrize("options", [{}, PHONE], ids=["mouse", "finger"])
def test_a_colour_of_the_palette_is_painted_and_completed(visit, single, options):
    page = visit(single, **options).page
    figure, python = Conditional(page), twin()
    figure.unfold()
    blue = figure.colour("blue")
    box = blue.bounding_box()
    assert min(box["width"], box["height"]) >= (44 if options else 24)
    (blue.tap if options else blue.click)()
    expect(figure.button("Draw")).to_have_attribute("aria-pressed", "true")
    figure.pen.select_option("1")
    figure.picture.scroll_into_view_if_needed()
    (page.touchscreen.tap if options else page.mouse.click)(*figure.pixel(2, 5))
    image, known = torch.zeros(3, 8, 12).long(), torch.zeros(8, 12, dtype=torch.bool)
    image[:, 2, 5], known[2, 5] = torch.tensor([1, 4, 7]), True
    python.give(image, known)
    figure.shows(python)
    assert figure.steps == 3 * (96 - 1)


def test_colours_are_chosen_with_the_keyboard(visit, single):
    figure = Conditional(visit(single).page)
    expect(figure.colour("red")).to_be_checked()
    figure.colour("red").focus()
    figure.page.keyboard.press("ArrowRight")
    expect(figure.colour("orange")).to_be_focused()
    expect(figure.colour("orange")).to_be_checked()
    expect(figure.button("Draw")).to_have_attribute("aria-pressed", "true")
    for _ in range(40):
        if figure.picture.evaluate("node => node === document.activeElement"):
            break
        figure.page.keyboard.press("Shift+Tab")
    figure.page.keyboard.press("Space")
    expect(figure.spot).to_have_text("Row 4, column 6: given, 7, 4, 0")
    figure.group.get_by_label("Ink").fill("#804020")
    assert figure.group.get_by_role("radio", checked=True).count() == 0


def test_a_picture_shows_the_smaller_one_where_it_is_not_drawn_yet(visit, single):
    figure, python = Conditional(visit(single).page), twin(model="Coarse to fine")
    figure.model.select_option("Coarse to fine")
    figure.shows(python)
    background = "c => getComputedStyle(c).backgroundImage"
    first = figure.picture.locator("canvas").evaluate(background)
    assert first.startswith('url("data:image/png')
    figure.button("Sixteen").click()
    figure.settle()
    canvases = figure.group.locator(".pixeledu-pictures canvas")
    shown = [canvases.nth(i).evaluate(background) for i in range(16)]
    assert shown[0] == first
    assert shown == [shown[i % 3] for i in range(16)]
    assert len(set(shown)) == 3
    for i in (1, 5):
        python.image = i
        wanted = np.rint(python.picture[0].numpy() * (255 / 4))
        np.testing.assert_array_equal(figure.painted(i)[..., 0], wanted)
    figure.model.select_option("Plain")
    figure.settle()
    assert canvases.nth(0).evaluate(background) == "none"


@pytest.mark.parametrize("options", [{}, PHONE], ids=["wide", "phone"])
def test_classes_and_colours_move_nothing(visit, single, options):
    width = options.get("width", 1280)
    _, drawn, plain = players.heights_with_and_without_javascript(visit, single, width)
    np.testing.assert_allclose(drawn, plain, atol=2)
    figure = Conditional(visit(single, **options).page)
    assert players.layout_shifts(figure.page) == []
    figure.unfold()

    def places() -> list:
        moving = [figure.button("Draw"), figure.button("Play"), figure.chart, figure.temperature]
        on_page = "e => { const b = e.getBoundingClientRect(); return [b.x, b.y + scrollY]; }"
        return [node.evaluate(on_page) for node in moving]

    figure.settle()
    before = places()
    figure.each.click()
    figure.settle()
    assert places() == before
    for model in reversed(MODELS):
        figure.model.select_option(model)
        figure.settle()
        assert places() == before, model
    assert figure.group.evaluate("group => group.scrollWidth <= group.clientWidth")


@pytest.mark.parametrize(
    ("theme", "options"), [("light", PHONE), ("dark", {})], ids=["phone", "dark"]
)
def test_axe_finds_nothing_in_classes_and_palettes(visit, single, theme, options):
    figure = Conditional(visit(single, theme=theme, **options).page)
    figure.unfold()
    figure.settle()
    assert players.violations(figure.page) == ""
    figure.each.click()
    figure.settle()
    assert players.violations(figure.page) == ""
