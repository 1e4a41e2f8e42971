"""The leak hunt in Chromium: played by mouse, by touch and by keyboard."""

import figures
import numpy as np
import players
import pytest
from figures import PHONE, Figure
from playwright.sync_api import expect

from pixeledu.widgets.leak_hunt import HUNTED
from pixeledu.widgets.leak_hunt.planted_bugs import PLANTED_BUGS


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("hunt")
    return players.write_page(folder, figures.widgets()["leak_hunt"].html())


def name_of(bug: str) -> str:
    return f"{list(PLANTED_BUGS).index(bug) + 1}. {PLANTED_BUGS[bug].title}"


def check(figure: Figure, shown: int, position: int) -> None:
    """Compare the map with what Python measured."""
    changed = figures.widgets()["leak_hunt"].changed(position, shown).ravel()
    states = np.array(figure.states())
    np.testing.assert_array_equal(np.isin(states, ["changed", "leak"]), changed)
    at_or_before = np.arange(35) <= position
    np.testing.assert_array_equal(states == "leak", changed & at_or_before)
    counts = f"at or before it: {(changed & at_or_before).sum()}, after it: "
    assert f"{counts}{(changed & ~at_or_before).sum()}" in figure.group.inner_text()


def test_a_mouse_alone_is_enough_and_all_six_can_be_named(visit, address):
    figure = Figure(visit(address).page, "leak_hunt")
    feedback = figure.group.locator(".pixeledu-feedback")
    for shown, bug in enumerate(HUNTED):
        check(figure, shown, 17)
        figure.page.mouse.click(*figure.pixel(23))
        check(figure, shown, 23)
        figure.button(name_of(bug)).click()
        expect(feedback).to_contain_text(
            f"Yes: {PLANTED_BUGS[bug].title}. {PLANTED_BUGS[bug].explains}"
        )
        expect(figure.button(f"{name_of(bug)}, right")).to_be_visible()
        expect(figure.button(f"Model {shown + 1}, named")).to_be_visible()
        figure.button("Next model").click()
    expect(figure.group.get_by_text("All 6 named, 6 at the first try")).to_be_visible()
    figure.button("Model 2, named").click()
    expect(feedback).to_contain_text(PLANTED_BUGS["scrambled"].explains)
    figure.button(name_of("none")).click()  # another answer to a named one changes nothing
    expect(feedback).to_contain_text("This one was: View that scrambles")
    expect(figure.group.get_by_text("All 6 named, 6 at the first try")).to_be_visible()
    figure.button("Begin again").click()
    expect(figure.group.get_by_text("0 of 6 named, 0 at the first try")).to_be_visible()


def test_a_wrong_name_is_answered_with_a_pixel_that_tells(visit, address):
    figure = Figure(visit(address, theme="dark", **PHONE).page, "leak_hunt")
    feedback = figure.group.locator(".pixeledu-feedback")
    figure.button("Model 3").tap()
    figure.button(name_of("mask-b-first")).tap()
    expect(feedback).to_contain_text(
        "Not this one. With “Mask B in the first layer”, changing pixel (row 2, column 3) would "
        "change output (row 2, column 3). Here it does not change: look at the dashed frame."
    )
    ring = figure.maps.first.locator(".pixeledu-second")
    expect(ring).to_be_visible()
    figure.button("One pixel forward").tap()  # the frame belongs to that pixel
    expect(ring).to_be_hidden()
    expect(figure.button(f"{name_of('mask-b-first')}, not this one")).to_be_visible()
    figure.button(name_of("none")).tap()
    expect(figure.group.get_by_text("1 of 6 named, 0 at the first try")).to_be_visible()
    figure.page.touchscreen.tap(*figure.pixel(0))
    check(figure, 2, 0)


def test_a_keyboard_alone_is_enough(visit, address):
    figure = Figure(visit(address).page, "leak_hunt")
    feedback = figure.group.locator(".pixeledu-feedback")
    figure.press("Tab", "ArrowUp", "ArrowLeft")
    assert figure.position == 9
    check(figure, 0, 9)
    figure.press("3")
    expect(feedback).to_contain_text("Not this one.")
    figure.press("2")
    expect(feedback).to_contain_text("Yes: Mask B in the first layer.")
    figure.press("9")  # there are eight names
    expect(feedback).to_contain_text("Yes: Mask B in the first layer.")
    figure.press("n")
    assert "Model 2" in figure.pressed
    figure.press("7", "N", "1", "n", "8", "n", "4", "n", "6")
    expect(figure.group.get_by_text("All 6 named, 5 at the first try")).to_be_visible()
    figure.press(*["Tab"] * 6, "Enter")  # the first of the names
    expect(feedback).to_contain_text("This one was: Batch normalisation")
    figure.press("End", "Home", "ArrowRight", " ")
    assert figure.position == 1  # Space pressed the button that it was on
    snapshot = figure.group.aria_snapshot()
    for line in (
        'button "Model 6, named" [pressed]',
        'button "6. Batch normalisation, training mode, right"',
        'img "Model 6. Pixel (row 0, column 1) is changed. Changes at or before it: 2, after it: 33"',
        'slider "The pixel that is changed"',
    ):
        assert line in snapshot, snapshot
