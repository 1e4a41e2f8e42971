"""Several samples in one player, and the temperature, in Chromium."""

import figures
import numpy as np
import players
import pytest
from figures import PHONE, Figure
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("samples")
    return players.write_page(folder, figures.widgets()["sampling_player"].html())


def heights(figure: Figure, what: str) -> np.ndarray:
    """The bars of the chart, or where the lines lie, as probabilities."""
    texts = figure.group.locator(f".pixeledu-bars:visible {what}").evaluate_all(
        "all => all.map(e => e.style.height || e.style.bottom)"
    )
    return np.array([float(text.rstrip("%")) for text in texts]) / 100


def test_samples_are_drawn_in_step_and_one_of_them_tells_its_distribution(visit, address):
    figure = Figure(visit(address).page, "sampling_player")
    pictures = figure.group.locator("canvas")
    figure.scrubber.fill("20")
    for name, picture in zip(("warm", "cold", "hot"), pictures.all(), strict=True):
        label = f"three samples, {name}: 21 of 64 values drawn"
        assert picture.get_attribute("aria-label") == label
    assert figure.group.locator(".pixeledu-chart:visible").count() == 1
    figure.button("cold").click()
    expect(figure.button("cold")).to_have_attribute("aria-pressed", "true")
    expect(figure.group.get_by_text("Temperature 0.50")).to_be_visible()
    box = pictures.nth(2).bounding_box()  # a click into a picture chooses it, and the pixel
    figure.page.mouse.click(box["x"] + box["width"] * 5.5 / 8, box["y"] + box["height"] * 3.5 / 8)
    assert figure.position == 3 * 8 + 5
    expect(figure.button("hot")).to_have_attribute("aria-pressed", "true")
    expect(figure.group.get_by_text("Temperature 2.00")).to_be_visible()
    totals = [
        float(text.split()[0])
        for text in figure.group.locator(".pixeledu-sample > .pixeledu-quiet").all_inner_texts()
    ]
    assert totals[0] == totals[2] != totals[1]


def test_the_temperature_changes_the_bars_and_lines_stay_where_they_were(visit, address):
    figure = Figure(visit(address, **PHONE).page, "sampling_player")
    figure.scrubber.fill("12")
    drawn = heights(figure, "b")
    assert figure.group.locator(".pixeledu-bars:visible u:visible").count() == 0
    slider = figure.group.get_by_role("slider", name="Temperature")
    p = players.TRACES["an image of 17 greys"].probabilities[1, 4, 0]
    np.testing.assert_allclose(drawn, p, atol=0.51 / 255)
    for temperature in ("0.5", "2"):
        slider.fill(temperature)
        hotter = p ** (1 / float(temperature))
        np.testing.assert_allclose(heights(figure, "b"), hotter / hotter.sum(), atol=2e-3)
        np.testing.assert_allclose(heights(figure, "u"), drawn, atol=1e-6)
        assert figure.group.locator(".pixeledu-bars:visible u:visible").count() == 17
        expect(figure.group.get_by_text(f"Temperature {float(temperature):.2f}")).to_be_visible()
    figure.button("One value forward").tap()
    expect(figure.group.get_by_text("Temperature 2.00")).to_be_visible()  # it stays
    figure.button("cold").tap()
    expect(figure.group.get_by_text("The temperature it was drawn at.")).to_be_visible()


def test_a_keyboard_alone_is_enough(visit, address):
    figure = Figure(visit(address, theme="dark").page, "sampling_player")
    figure.press("Tab", "Tab", "Enter")
    expect(figure.button("cold")).to_have_attribute("aria-pressed", "true")
    figure.press("ArrowDown", "ArrowRight")
    assert figure.position == 9
    figure.press("Tab", "Tab")
    slider = figure.group.get_by_role("slider", name="Temperature")
    expect(slider).to_be_focused()
    figure.press("ArrowRight", "ArrowRight", "ArrowUp")  # its own arrows: the step stays
    assert (figure.position, slider.input_value()) == (9, "0.65")
    assert "has probability" in slider.get_attribute("aria-valuetext")
    figure.press("Home")
    assert (figure.position, slider.input_value()) == (9, "0.1")
    figure.press(" ")
    assert figure.playing
    figure.press(" ")
