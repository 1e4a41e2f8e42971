"""The receptive field in Chromium, by mouse, by touch and by keyboard."""

import figures
import numpy as np
import players
import pytest
from figures import PHONE, Figure
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("field")
    return players.write_page(folder, figures.widgets()["receptive_field"].html())


def choice(figure: Figure, side: str):
    return figure.group.get_by_role("combobox", name=f"Model on the {side}")


def check(figure: Figure, which: int, name: str, position: int) -> None:
    """Compare a map with what Python measured."""
    widget = figures.widgets()["receptive_field"]
    seen, blind = widget.seen(name, position), widget.blind(name, position)
    states = np.reshape(figure.states(which), (6, 10))
    np.testing.assert_array_equal(states == "seen", seen)
    np.testing.assert_array_equal(states == "blind", blind)
    assert states.ravel()[position] == "self"
    assert set(states.ravel()[position + 1 :]) <= {"later"}
    counts = f"{seen.sum()} of {position} earlier pixels arrive"
    assert counts in figure.maps.nth(which).get_attribute("aria-label")


def test_a_mouse_alone_is_enough(visit, address):
    figure = Figure(visit(address).page, "receptive_field")
    check(figure, 0, "PixelCNN", 53)
    check(figure, 1, "Diagonal BiLSTM", 53)
    figure.page.mouse.click(*figure.pixel(32, 1))  # in either map
    assert figure.position == 32
    check(figure, 0, "PixelCNN", 32)
    check(figure, 1, "Diagonal BiLSTM", 32)
    choice(figure, "left").select_option("Diagonal BiLSTM")
    choice(figure, "right").select_option("PixelCNN")
    check(figure, 0, "Diagonal BiLSTM", 32)
    check(figure, 1, "PixelCNN", 32)
    figure.press("ArrowRight")  # the keys work after a click in the figure
    expect(figure.group.get_by_text("From pixel (row 3, column 3)")).to_be_visible()


def test_a_finger_alone_is_enough(visit, address):
    figure = Figure(visit(address, theme="dark", **PHONE).page, "receptive_field")
    figure.page.touchscreen.tap(*figure.pixel(45, 0))
    expect(figure.scrubber).to_have_value("45")  # a tap may take a moment
    check(figure, 1, "Diagonal BiLSTM", 45)
    choice(figure, "right").select_option("PixelCNN")
    check(figure, 1, "PixelCNN", 45)
    figure.button("To the start").tap()
    expect(figure.group.get_by_text("0 of 0 earlier pixels arrive").first).to_be_visible()
    figure.button("Play").tap()
    expect(figure.button("Pause")).to_be_visible()
    figure.button("Pause").tap()
    assert not figure.playing


def test_a_keyboard_alone_is_enough(visit, address):
    figure = Figure(visit(address).page, "receptive_field")
    figure.press("Tab")
    expect(choice(figure, "left")).to_be_focused()
    figure.press("ArrowDown")  # chooses, and does not move the pixel
    assert (choice(figure, "left").input_value(), figure.position) == ("Diagonal BiLSTM", 53)
    figure.press("Tab", "Tab", "Home", "ArrowUp", "ArrowDown", "ArrowDown", "ArrowRight")
    assert figure.position == 21
    check(figure, 0, "Diagonal BiLSTM", 21)
    figure.press("End", "ArrowDown", "ArrowLeft")
    assert figure.position == 58
    figure.press("Tab", "Tab", " ")
    expect(figure.button("Play")).to_be_visible()  # it has come to the end
    assert figure.position == 59
    figure.press("Tab", "Tab", "Tab")
    expect(figure.scrubber).to_be_focused()
    assert figure.scrubber.get_attribute("aria-valuetext") == "row 5, column 9"


def test_strong_and_weak_and_blind_differ_without_their_colours(visit, address):
    figure = Figure(visit(address).page, "receptive_field")
    squares = figure.maps.first.locator(".pixeledu-square")
    shades = [
        float(shade)
        for shade in squares.evaluate_all(
            "all => all.filter(g => g.dataset.state === 'seen')"
            ".map(g => g.style.getPropertyValue('--shade'))"
        )
    ]
    assert max(shades) == 1
    assert min(shades) < 0.8
    crosses = squares.evaluate_all(
        "all => all.map(g => getComputedStyle(g.children[1]).display !== 'none')"
    )
    states = figure.states(0)
    assert crosses == [state == "blind" for state in states]
    assert "blind" in states
    assert "unseen" in states
