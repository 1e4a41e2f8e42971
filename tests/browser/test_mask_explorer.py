"""The mask explorer in Chromium, by mouse, by touch and by keyboard."""

import figures
import numpy as np
import players
import pytest
from figures import PHONE, Figure
from playwright.sync_api import expect

from pixeledu.widgets import MaskExplorer

KERNEL, IMAGE = 0, 1  # the two maps


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("explorer")
    return players.write_page(folder, MaskExplorer(height=6, width=8).html())


def says(figure: Figure, *texts: str) -> None:
    for text in texts:
        expect(figure.group.get_by_text(text)).to_be_visible()


def test_a_mouse_alone_is_enough(visit, address):
    figure = Figure(visit(address).page, "mask_explorer")
    says(figure, "Mask A, 5×5: 12 of 25 weights open", "Pixel (row 3, column 4) reads 12 pixels")
    figure.button("Mask: B").click()
    figure.button("Kernel: 3×3").click()
    says(figure, "Mask B, 3×3: 5 of 9 weights open")
    assert figure.pressed == ["Mask: B", "Kernel: 3×3", "Colours: grey"]
    figure.page.mouse.move(*figure.pixel(2, KERNEL))  # over the weight at the upper right
    says(figure, "Weight (−1, +1), open: row 2, column 5")
    figure.page.mouse.move(*figure.pixel(3 * 8 + 5, IMAGE))  # over the pixel to the right
    says(figure, "Weight (0, +1), closed", "what is to the right comes later: closed")
    figure.page.mouse.move(*figure.pixel(0, IMAGE))  # which the kernel does not reach
    says(figure, "Weight (0, +1), closed")
    figure.page.mouse.click(*figure.pixel(8 * 2 + 7, IMAGE))
    assert figure.position == 23
    says(figure, "Weight (0, +1), closed: outside the image")
    table = figure.group.get_by_role("table", name="The weight at the centre")
    assert table.count() == 0
    figure.button("Colours: RGB").click()
    expect(table).to_be_visible()
    figure.page.mouse.click(*figure.pixel(4, KERNEL))
    figure.button("B computed, G read: open").click()
    says(figure, "The pixel itself, G read for B: open, G comes earlier.")
    figure.button("Mask: A").click()
    figure.button("G computed, G read: closed").click()
    says(figure, "The pixel itself, G read for G: closed, no colour may see itself.")


def test_a_finger_alone_is_enough(visit, address):
    figure = Figure(visit(address, theme="dark", **PHONE).page, "mask_explorer")
    figure.button("Kernel: 7×7").tap()
    figure.page.touchscreen.tap(*figure.pixel(0, KERNEL))
    says(figure, "Mask A, 7×7: 24 of 49 weights open", "Weight (−3, −3), open")
    figure.page.touchscreen.tap(*figure.pixel(8 * 5 + 1, IMAGE))
    expect(figure.scrubber).to_have_value("41")  # a tap may take a moment
    figure.button("One pixel back").tap()
    says(figure, "Pixel (row 5, column 0) reads 12 pixels", "Weight (−3, −3), open: outside")
    figure.button("Play").tap()
    expect(figure.button("Pause")).to_be_visible()
    figure.button("Pause").tap()
    assert not figure.playing


def test_a_keyboard_alone_is_enough(visit, address):
    figure = Figure(visit(address).page, "mask_explorer")
    figure.press("Tab", "Tab", "Enter")  # mask B
    figure.press("Tab", "Space")  # 3×3
    assert figure.pressed == ["Mask: B", "Kernel: 3×3", "Colours: grey"]
    figure.press("Home", "ArrowRight", "ArrowDown")
    assert figure.position == 9
    weights = figure.group.get_by_role("slider", name="Weight")
    figure.press(*["Tab"] * 5)
    expect(weights).to_be_focused()
    figure.press("ArrowLeft", "ArrowDown")  # its own arrows: the kernel stays
    assert figure.position == 9
    said = "Weight (0, −1), open: row 1, column 0"
    assert weights.get_attribute("aria-valuetext") == said
    figure.press("ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowRight")
    says(figure, "Weight (+1, +1), closed", "Rows below come later: closed")
    figure.press("Tab", "Tab", "Tab")
    expect(figure.button("Play")).to_be_focused()
    figure.press("End", "ArrowDown", "ArrowLeft")
    assert figure.position == 46
    figure.press("+", " ")
    expect(figure.button("Play")).to_be_visible()  # it has come to the end
    assert figure.position == 47
    assert figure.group.get_by_role("combobox", name="Speed").input_value() == "16"


def test_each_square_shows_what_python_names(visit, tmp_path):
    cases = [
        MaskExplorer(3, "A", position=0, height=6, width=8),
        MaskExplorer(7, "B", position=21, height=6, width=8),
        MaskExplorer(5, "A", 3, reads="G", computes="B", position=47, height=6, width=8),
        MaskExplorer(5, "B", 3, reads="B", computes="G", position=20, height=6, width=8),
    ]
    page = visit(players.write_page(tmp_path, *(case.html() for case in cases))).page
    for index, explorer in enumerate(cases):
        figure = Figure(page, "mask_explorer", index)
        image = np.reshape(figure.states(IMAGE), (6, 8))
        np.testing.assert_array_equal(image == "open", explorer.touched())
        row, column = divmod(explorer.position, 8)
        near = np.maximum.outer(abs(np.arange(6) - row), abs(np.arange(8) - column))
        covered = near <= explorer.kernel_size // 2
        np.testing.assert_array_equal(image == "closed", covered & ~explorer.touched())
        size = explorer.kernel_size
        kernel = np.reshape(figure.states(KERNEL), (size, size))
        np.testing.assert_array_equal(kernel != "closed", explorer.mask())
        assert (kernel == "open").sum() == explorer.touched().sum()


def test_names_and_state_are_there_for_a_screen_reader(visit, tmp_path):
    page = visit(players.write_page(tmp_path, figures.widgets()["mask_explorer"].html())).page
    snapshot = Figure(page, "mask_explorer").group.aria_snapshot()
    for line in (
        'group "What the weights of a masked kernel touch"',
        'button "Mask: B" [pressed]',
        'button "G computed, R read: open" [pressed]',
        'table "The weight at the centre"',
        'slider "Weight"',
        'img "The kernel: 13 of 25 weights open"',
        'img "The image: Pixel (row 3, column 4) reads 13 pixels"',
        'slider "Where the kernel lies"',
    ):
        assert line in snapshot, snapshot
