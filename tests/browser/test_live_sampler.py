"""The live sampler in Chromium: on a page of its own, opened from its folder."""

import json
import re

import numpy as np
import players
import pytest
import torch
from figures import LOOKS, PHONE
from playwright.sync_api import Locator, expect

from pixeledu import build_model, list_pretrained, load_export, pretrained_card, sample_trace
from pixeledu.png import as_rgb
from pixeledu.web.noise import SharedNoise
from pixeledu.web.page_models import page_models
from pixeledu.widgets import LiveSampler
from pixeledu.widgets.live_sampler import MANY

SIZE = (8, 7)
TIP = "The arrow keys move a frame"


def tiny(kind: str, seed: int, **config):
    """A small model that is sure of some pixels and not of others."""
    torch.manual_seed(seed)
    model = build_model(kind, **{"levels": 5, "hidden": 6, "layers": 2} | config)
    for weight in model.parameters():
        weight.data *= 2.5
    return model


MODELS = {
    "Convolution": tiny("pixelcnn", 0),
    "Rows": tiny("row-lstm", 1),
    "Diagonals": tiny("diagonal-bilstm", 2),
    "Gates": tiny("gated-pixelcnn", 3),
    "Colours": tiny("pixelcnn", 4, channels=3, levels=3),
    "Depth": tiny("pixelcnn", 5, levels=256),
}


def twin(**options) -> LiveSampler:
    """A sampler as it is on the page; what Python changes in it, the page does not see.

    It begins with a finished picture.
    """
    sampler = LiveSampler(MODELS, size=SIZE, **options)
    sampler.position = max(0, sampler.steps - 1)
    return sampler


@pytest.fixture(scope="module")
def single(tmp_path_factory) -> str:
    """The address of a page with one sampler."""
    return players.write_page(tmp_path_factory.mktemp("live"), twin().html())


class Figure:
    """A live sampler on a page, seen as a reader sees it."""

    def __init__(self, page, index: int = 0):
        self.page = page
        self.group: Locator = page.locator(".pixeledu-live").nth(index)
        self.group.wait_for()
        self.picture = self.group.get_by_role("application")
        self.model = self.group.get_by_role("combobox", name="Model")
        self.seed = self.group.get_by_role("spinbutton", name="Seed")
        self.temperature = self.group.get_by_role("slider", name="Temperature")
        self.ink = self.group.get_by_role("slider", name="Ink")
        self.pen = self.group.get_by_role("combobox", name="Width of the pen")
        self.scrubber = self.group.get_by_role("slider", name="Position in the picture")
        self.speed = self.group.get_by_role("combobox", name="Speed")
        self.readout = self.group.locator(".pixeledu-readout")
        self.chart = self.group.locator(".pixeledu-bars")
        self.spot = self.group.locator(".pixeledu-spot")

    def button(self, name: str) -> Locator:
        return self.group.get_by_role("button", name=name, exact=True)

    def settle(self) -> None:
        """Wait until nothing is computed and nothing plays."""
        self.group.scroll_into_view_if_needed()
        expect(self.group).to_have_attribute("aria-busy", "false")
        expect(self.button("Pause")).to_have_count(0)

    def unfold(self) -> None:
        """Open what a narrow page shows folded."""
        folded = self.group.locator("details:not([open]) > summary")
        while folded.count():
            folded.first.click()

    def painted(self, index: int = 0) -> np.ndarray:
        """The dots of a picture as RGBA, (H, W, 4)."""
        self.group.scroll_into_view_if_needed()
        expect(self.group).to_have_attribute("aria-busy", "false")
        canvas = self.group.locator(".pixeledu-pictures canvas").nth(index)
        dots = canvas.evaluate(
            "c => { const copy = new OffscreenCanvas(c.width, c.height).getContext('2d');"
            "copy.drawImage(c, 0, 0);"
            "return [c.height, c.width, ...copy.getImageData(0, 0, c.width, c.height).data]; }"
        )
        return np.array(dots[2:], np.uint8).reshape(*dots[:2], 4)

    def shows(self, sampler: LiveSampler) -> None:
        """Check that the finished picture is the one that Python draws."""
        self.settle()
        levels = load_export(sampler._content).levels
        wanted = as_rgb(sampler.picture[None], levels)[0]
        np.testing.assert_array_equal(self.painted()[..., :3], wanted)
        assert (self.painted()[..., 3] == 255).all()

    def pixel(self, row: int, column: int) -> tuple[float, float]:
        """The middle of a pixel in the window."""
        box = self.picture.locator("canvas").bounding_box()
        height, width = (
            int(self.picture.locator("canvas").get_attribute(n)) for n in ("height", "width")
        )
        return (
            box["x"] + (column + 0.5) * box["width"] / width,
            box["y"] + (row + 0.5) * box["height"] / height,
        )

    def drag(self, *places: tuple[int, int]) -> None:
        """Press the mouse on a pixel, move it to others, and let go."""
        self.page.mouse.move(*self.pixel(*places[0]))
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*self.pixel(*place))
        self.page.mouse.up()

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the current pixel, as the text says."""
        self.settle()
        row, column = re.search(r"row (\d+), column (\d+)", self.readout.inner_text()).groups()
        return int(row), int(column)

    @property
    def steps(self) -> int:
        return int(self.scrubber.get_attribute("max")) + 1

    @property
    def given(self) -> int:
        """How many edges of pixels the line around what is given has."""
        return self.group.locator(".pixeledu-edge-line").get_attribute("d").count("M")


def gave(sampler: LiveSampler, places: list[tuple[int, int]], value: int) -> None:
    """The same in Python: some pixels of a grey picture are given."""
    image, known = torch.zeros(1, *SIZE, dtype=torch.uint8), torch.zeros(SIZE, dtype=torch.bool)
    for row, column in places:
        image[0, row, column], known[row, column] = value, True
    sampler.give(image, known)


# ---- by mouse, by touch, by keyboard ----------------------------------------------------------


def test_a_mouse_alone_is_enough(visit, single):
    figure, python = Figure(visit(single).page), twin()
    figure.shows(python)
    figure.model.select_option("Rows")
    python.model = "Rows"
    figure.shows(python)
    figure.button("New sample").click()
    python.seed = 1
    figure.shows(python)
    assert figure.seed.input_value() == "1"
    box = figure.temperature.bounding_box()
    figure.page.mouse.click(box["x"] + 12, box["y"] + box["height"] / 2)
    python.temperature = float(figure.temperature.input_value())
    assert python.temperature < 0.4
    figure.shows(python)

    # Look at a pixel, and one back.
    figure.page.mouse.click(*figure.pixel(3, 2))
    assert figure.place == (3, 2)
    figure.button("One value back").click()
    assert figure.place == (3, 1)
    figure.button("To the end").click()

    # Draw a stroke: it is given, what is before it stays, and the rest is drawn anew.
    figure.button("Draw").click()
    figure.drag((2, 1), (2, 5))
    gave(python, [(2, column) for column in range(1, 6)], 4)
    figure.shows(python)
    assert (figure.steps, figure.given) == (56 - 5, 12)

    # Erase: all beside it stays, the gap is drawn with another seed.
    before = figure.painted()
    figure.button("Erase").click()
    figure.drag((5, 3), (6, 3))
    assert figure.steps == 2
    assert figure.seed.input_value() == "2"
    after = figure.painted()
    changed = (before != after).any(2)
    changed[5:7, 3] = False
    assert not changed.any()

    figure.button("Give nothing").click()
    python.seed, python.given = 2, []
    figure.shows(python)
    figure.button("Blank upper half").click()
    gave(python, [(row, column) for row in range(4) for column in range(7)], 0)
    figure.shows(python)
    figure.button("Erase lower half").click()
    python.seed = 3
    figure.shows(python)

    figure.speed.select_option("1")
    figure.button("New sample").click()
    expect(figure.button("Pause")).to_be_visible()
    figure.button("Pause").click()
    assert figure.steps == 28


def test_a_finger_alone_is_enough(visit, single):
    page = visit(single, theme="dark", **PHONE).page
    figure, python = Figure(page), twin()
    figure.button("New sample").tap()
    python.seed = 1
    figure.shows(python)
    figure.unfold()
    figure.button("Draw").tap()
    figure.picture.scroll_into_view_if_needed()
    top = page.evaluate("scrollY")
    # A drag straight down over the picture paints and does not scroll the page.
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[int, int]) -> None:
        points = [dict(zip("xy", figure.pixel(*place), strict=True)) for place in places]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (1, 3))
    for row in (3, 5):
        touch("touchMove", (row, 3))
    touch("touchEnd")
    assert page.evaluate("scrollY") == top
    gave(python, [(row, 3) for row in range(1, 6)], 4)
    figure.shows(python)
    figure.button("Erase").tap()
    page.touchscreen.tap(*figure.pixel(2, 3))
    expect(figure.scrubber).to_have_attribute("max", "0")  # one step: a tap may take a moment
    figure.button("Look").tap()
    figure.button("Give nothing").tap()
    figure.picture.scroll_into_view_if_needed()
    page.touchscreen.tap(*figure.pixel(4, 4))
    expect(figure.readout).to_contain_text("row 4, column 4")
    figure.button("Sixteen").tap()
    expect(figure.group.get_by_role("button", name="Picture ")).to_have_count(MANY)
    figure.group.get_by_role("button", name="Picture 6: ").tap()
    expect(figure.picture).to_be_visible()


def test_a_keyboard_alone_is_enough(visit, single):
    figure, python = Figure(visit(single, theme="dark").page), twin()
    page = figure.page

    def press(*keys: str) -> None:
        for key in keys:
            page.keyboard.press(key)

    def go_to(control: Locator, key: str = "Tab") -> None:
        for _ in range(30):
            if control.evaluate("node => node === document.activeElement"):
                return
            press(key)
        expect(control).to_be_focused()

    press("Tab")
    expect(figure.picture).to_be_focused()
    expect(figure.spot).to_have_text(re.compile(r"Row 4, column 3: drawn, \d"))
    press("ArrowUp", "ArrowLeft")  # looking, the arrows go through the pixels
    assert figure.place == (3, 2)
    expect(figure.spot).to_have_text(re.compile("Row 3, column 2: drawn"))
    press("Home", "ArrowUp", "PageUp", "ArrowUp")
    assert figure.place == (0, 0)
    expect(figure.spot).to_have_text(re.compile("Row 0, column 0"))
    press("PageDown", "End")
    assert figure.place == (7, 6)

    go_to(figure.button("Draw"))
    press("Space")
    go_to(figure.picture, "Shift+Tab")
    expect(figure.button("Draw")).to_have_attribute("aria-pressed", "true")
    expect(figure.picture).to_be_focused()
    outline = figure.group.locator(".pixeledu-brush").evaluate("b => getComputedStyle(b).display")
    assert outline == "block"
    press(
        "PageUp", "Home", "ArrowDown", "ArrowRight", "Space", "Shift+ArrowRight", "Shift+ArrowDown"
    )
    press("ArrowRight")
    gave(python, [(1, 1), (1, 2), (2, 2)], 4)
    figure.shows(python)
    expect(figure.spot).to_have_text(re.compile("Row 2, column 3: drawn"))
    press("ArrowLeft")
    expect(figure.spot).to_have_text("Row 2, column 2: given, 4")

    go_to(figure.button("Erase"))
    press("Space")
    go_to(figure.picture, "Shift+Tab")
    press("Space")
    assert (figure.steps, figure.seed.input_value()) == (1, "1")
    expect(figure.spot).to_have_text(re.compile("Row 2, column 2: drawn"))

    go_to(figure.ink)
    press("ArrowLeft", "ArrowLeft")
    expect(figure.group.get_by_text("Ink 2")).to_be_visible()
    go_to(figure.button("Give nothing"))
    press("Enter")
    assert figure.steps == 56
    go_to(figure.button("Undo"), "Shift+Tab")
    press("Enter")
    assert figure.steps == 1
    press("Enter")
    assert figure.steps == 56 - 3
    go_to(figure.button("Reset"))
    press("Enter")
    assert figure.steps == 56
    go_to(figure.model)
    press("ArrowDown")
    assert figure.model.input_value() == "Rows"
    press("Tab")
    page.keyboard.type("7")
    press("Enter", "Tab", "ArrowLeft", "ArrowLeft")
    python = twin(model="Rows", seed=int(figure.seed.input_value()), temperature=0.9)
    assert python.seed in (17, 7, 71)
    figure.shows(python)
    go_to(figure.button("New sample"), "Shift+Tab")
    press("Space")
    assert int(figure.seed.input_value()) == python.seed + 1
    figure.settle()
    press("Tab", "Space")
    expect(figure.button("Draw at once")).to_be_focused()
    assert int(figure.seed.input_value()) == python.seed + 2
    press("Tab", "Space")
    expect(figure.group.get_by_role("button", name="Picture ")).to_have_count(MANY)
    press("Space")
    expect(figure.picture).to_be_visible()

    go_to(figure.button("Play"), "Shift+Tab")
    press("Home", "ArrowRight", "ArrowDown")
    assert figure.place == (1, 1)
    press("End")
    assert figure.place == (7, 6)
    for key, speed in (("-", "64"), ("-", "16"), ("+", "64"), ("+", "256"), ("+", "256")):
        press(key)
        assert figure.speed.input_value() == speed


@pytest.mark.parametrize(("theme", "options"), LOOKS)
def test_every_model_of_the_book_draws_on_its_page(visit, site, theme, options):
    phone = "width" in options
    playground = "book/playground.html"
    address = playground if phone else (site / playground).as_uri()  # served, or from a folder
    figure = Figure(visit(address, theme=theme, **options).page)
    press = Locator.tap if phone else Locator.click
    figure.settle()
    press(figure.button("Draw at once"))
    press(figure.button("Draw at once"))
    figure.unfold()
    names = figure.model.locator("option").evaluate_all("all => all.map(o => o.value)")
    assert names == page_models()
    for name in names[:: 1 if theme == "light" else 3]:
        figure.model.select_option(name)
        figure.shows(LiveSampler(model=name, seed=1))
    press(figure.button("Erase lower half"))
    assert figure.steps == figure.painted().shape[0] // 2 * figure.painted().shape[1]


# ---- what is shown ----------------------------------------------------------------------------


def test_the_page_draws_what_python_draws_whatever_the_model(visit, single):
    figure, python = Figure(visit(single).page), twin()
    for model in MODELS:
        figure.model.select_option(model)
        python.model = model
        for seed in (0, 7, 2**32 - 1):
            figure.seed.fill(str(seed))
            figure.seed.press("Enter")
            python.seed = seed
            figure.shows(python)


@pytest.mark.parametrize("name", ["Convolution", "Colours", "Depth"])
def test_the_bars_are_the_distribution_that_the_pixel_was_drawn_from(visit, single, name):
    figure = Figure(visit(single).page)
    figure.model.select_option(name)
    python = twin(model=name)
    model, noise = load_export(python._content), SharedNoise(0)
    trace = sample_trace(model, *SIZE, generator=noise)
    unit = -(-model.levels // 32)
    values = trace.image.permute(1, 2, 0).flatten()
    figure.settle()
    for step in (0, len(values) // 2, len(values) - 1):
        figure.scrubber.fill(str(step))
        p = trace.probabilities.flatten(0, 2)[step].numpy()
        wanted = [p[i : i + unit].sum() for i in range(0, len(p), unit)]
        heights = figure.chart.locator("b").evaluate_all("all => all.map(b => b.style.height)")
        found = [float(height[:-1]) / 100 for height in heights]
        np.testing.assert_allclose(found, wanted, atol=1e-4)
        marked = figure.chart.locator("i").evaluate_all(
            "all => all.findIndex(i => i.className === 'pixeledu-drawn')"
        )
        assert marked == values[step] // unit
        figure.settle()
        text = figure.readout.inner_text()
        assert f"drawn {values[step]}, probability" in text
        shares = trace.probabilities.flatten(0, 2)[: step + 1].gather(
            1, values[: step + 1, None].long()
        )
        nats = -shares.log().sum().item()
        assert abs(float(re.search(r"so far: ([\d.]+) nats", text)[1]) - nats) < 0.06


def test_sixteen_at_once_are_the_sixteen_that_python_draws(visit, single):
    figure = Figure(visit(single).page)
    figure.button("Sixteen").click()
    figure.seed.fill("5")
    figure.seed.press("Enter")
    wanted = as_rgb(twin(seed=5).pictures, 5)
    last = figure.group.get_by_role("button", name=f"Picture {MANY}: ")
    figure.page.wait_for_function(
        # From a copy: Chromium warns when a canvas is read again and again.
        "c => { const copy = new OffscreenCanvas(1, 1).getContext('2d'); copy.drawImage(c, 0, 0);"
        "return copy.getImageData(0, 0, 1, 1).data[3] === 255; }",
        arg=last.locator("canvas").element_handle(),
    )
    for i in range(MANY):
        np.testing.assert_array_equal(figure.painted(i)[..., :3], wanted[i])
    figure.scrubber.fill("20")  # all of them are seen at the same moment
    for i in (0, 9):
        assert (figure.painted(i)[..., 3] == 255).sum() == 21
    figure.group.get_by_role("button", name="Picture 10: ").click()
    expect(figure.picture).to_be_focused()
    figure.button("To the end").click()
    figure.shows(twin(seed=5, image=9))


def test_colours_are_drawn_with_a_colour(visit, single):
    figure, python = Figure(visit(single).page), twin(model="Colours")
    figure.model.select_option("Colours")
    figure.group.get_by_label("Ink").fill("#ff8000")
    figure.button("Draw").click()
    figure.drag((4, 2), (4, 2))
    image, known = torch.zeros(3, *SIZE, dtype=torch.uint8), torch.zeros(SIZE, dtype=torch.bool)
    image[:, 4, 2], known[4, 2] = torch.tensor([2, 1, 0]), True
    python.give(image, known)
    figure.shows(python)
    assert figure.steps == 3 * 55


def test_a_wider_pen_paints_more_and_the_window_may_change_its_size(visit, single):
    figure, python = Figure(visit(single).page), twin()
    figure.button("Draw").click()
    figure.pen.select_option("3")
    figure.page.set_viewport_size({"width": 330, "height": 700})
    figure.drag((4, 4), (4, 4))
    gave(python, [(row, column) for row in (3, 4, 5) for column in (3, 4, 5)], 4)
    figure.shows(python)
    assert figure.group.evaluate("group => group.scrollWidth <= group.clientWidth")
    figure.page.set_viewport_size({"width": 1280, "height": 900})
    figure.pen.select_option("1")
    figure.drag((0, 0), (0, 0))
    assert figure.steps == 56 - 10


# ---- what is computed, and when ---------------------------------------------------------------


def test_nothing_is_computed_before_a_figure_comes_into_view(visit, tmp_path):
    high = '<div style="height:3000px">A long text.</div>'
    page = visit(players.write_page(tmp_path, twin().html(), high, twin(seed=2).html())).page
    near, far = Figure(page), Figure(page, 1)
    near.settle()
    assert far.group.get_attribute("aria-busy") == "true"
    expect(far.readout).to_contain_text("the model has not drawn yet")
    far.shows(twin(seed=2))


COUNTED = """
window.counts = { main: 0, asked: 0, workers: 0 };
const exp = Math.exp;
Math.exp = (x) => { counts.main += 1; return exp(x); };
const Real = window.Worker;
window.Worker = class extends Real {
  constructor(...all) { super(...all); counts.workers += 1; }
  postMessage(...all) { counts.asked += 1; super.postMessage(...all); }
};
"""


def test_a_page_of_the_site_leaves_the_drawing_to_a_worker(visit, single, site_url):
    page = visit(single).page
    page.add_init_script(COUNTED)
    page.goto(site_url + "book/playground.html")
    expect(page.locator(".pixeledu-live")).to_have_count(6)
    counts = page.evaluate("counts")
    assert (counts["workers"], counts["asked"]) == (0, 0)  # none is in view yet
    first = Figure(page)
    first.settle()
    counts = page.evaluate("counts")
    assert (counts["workers"], counts["asked"]) == (1, 1)
    assert counts["main"] < 28 * 28  # some words about probabilities, and not a value of a network


# ---- on a phone -------------------------------------------------------------------------------


@pytest.mark.parametrize("many", [False, True])
def test_on_a_phone_picture_play_and_tools_are_on_one_screen(visit, tmp_path, many):
    address = players.write_page(tmp_path, twin(sixteen=many).html())
    figure = Figure(visit(address, **PHONE, screen={"width": 390, "height": 844}).page)
    figure.page.set_viewport_size({"width": 390, "height": 844})
    figure.page.evaluate("node => node.scrollIntoView()", figure.group.element_handle())
    names = (
        "Play",
        "New sample",
        "Draw at once",
        "Sixteen",
        "Look",
        "Draw",
        "Erase",
        "Undo",
        "Reset",
    )
    shown = [figure.group.locator(".pixeledu-pictures"), *map(figure.button, names)]
    boxes = [node.bounding_box() for node in (*shown, figure.scrubber, figure.speed)]
    assert min(box["y"] for box in boxes) >= 0
    assert max(box["y"] + box["height"] for box in boxes) <= 844
    play, drawn = figure.button("Play").bounding_box(), shown[0].bounding_box()
    assert drawn["y"] + drawn["height"] <= play["y"] < drawn["y"] + drawn["height"] + 60
    assert figure.model.is_hidden()  # folded
    assert figure.ink.is_hidden()


@pytest.mark.parametrize("options", [{}, PHONE], ids=["wide", "phone"])
def test_no_name_of_a_model_is_cut_off(visit, tmp_path, options):
    names = [name for name in list_pretrained() if "guide" not in pretrained_card(name)["config"]]
    listed = LiveSampler(names, size=SIZE)
    page = visit(players.write_page(tmp_path, listed.html()), **options).page
    figure = Figure(page)
    figure.unfold()
    room = figure.model.evaluate(
        """select => {
          const pen = document.createElement("canvas").getContext("2d");
          pen.font = getComputedStyle(select).font;
          const longest = [...select.options].map((o) => pen.measureText(o.text).width);
          return select.clientWidth - Math.max(...longest);
        }"""
    )
    assert room >= 24  # the arrow


# ---- what is given, and what a press does -----------------------------------------------------


def test_it_begins_in_the_middle_of_a_picture_and_play_shows_the_rest(visit, tmp_path):
    sampler = LiveSampler(MODELS, size=SIZE)
    figure = Figure(visit(players.write_page(tmp_path, sampler.html())).page)
    shown = figure.painted()[..., 3].flatten() == 255
    assert shown.sum() == 56 // 2 + 1
    figure.button("Play").click()
    figure.shows(sampler)
    figure.scrubber.fill("3")
    figure.button("Draw at once").click()
    assert figure.seed.input_value() == "0"  # this one, to its end
    figure.shows(sampler)
    figure.button("Draw at once").click()
    sampler.seed = 1
    figure.shows(sampler)
    assert figure.scrubber.input_value() == "55"


def test_a_figure_to_paint_in_begins_with_the_tool_that_draws(visit, tmp_path):
    figure = Figure(visit(players.write_page(tmp_path, twin(tool="draw").html())).page)
    expect(figure.button("Draw")).to_have_attribute("aria-pressed", "true")
    figure.drag((2, 1), (2, 5))
    python = twin()
    gave(python, [(2, column) for column in range(1, 6)], 4)
    figure.shows(python)


def test_undo_and_reset_bring_back_what_was_given(visit, tmp_path):
    python = twin(tool="draw", seed=3)
    gave(python, [(0, 0), (0, 1)], 4)
    python.position = python.steps - 1
    figure = Figure(visit(players.write_page(tmp_path, python.html())).page)
    expect(figure.button("Undo")).to_have_attribute("aria-disabled", "true")
    figure.drag((3, 3), (3, 3))
    figure.button("Erase").click()
    figure.drag((0, 0), (0, 1))
    figure.button("Give nothing").click()
    for steps in (2, 53, 54):
        figure.button("Undo").click()
        assert figure.steps == steps
    figure.shows(python)
    figure.button("Blank upper half").click()
    figure.button("Reset").click()
    figure.shows(python)
    figure.button("Undo").click()
    assert figure.steps == 28


def test_with_sixteen_pictures_the_active_tool_is_the_one_that_acts(visit, tmp_path):
    figure = Figure(
        visit(players.write_page(tmp_path, twin(tool="draw", sixteen=True).html())).page
    )
    expect(figure.button("Look")).to_have_attribute("aria-pressed", "true")
    expect(figure.button("Draw")).to_have_attribute("aria-pressed", "false")
    figure.group.get_by_role("button", name="Picture 3: ").click()
    expect(figure.button("Draw")).to_have_attribute("aria-pressed", "true")
    figure.button("Sixteen").click()
    figure.button("Erase").click()  # a tool that needs a picture alone brings it back
    expect(figure.picture).to_be_visible()
    expect(figure.button("Erase")).to_have_attribute("aria-pressed", "true")


# ---- playing ----------------------------------------------------------------------------------


@pytest.fixture
def with_clock(visit, single):
    """Open the page with a time that the test moves."""

    def open_page(**options) -> Figure:
        page = visit(single, **options).page
        page.clock.install(time=0)
        page.reload()
        page.clock.pause_at(1000)
        return Figure(page)

    return open_page


def test_playing_shows_the_chosen_number_of_pixels_a_second(with_clock):
    figure = with_clock()
    assert figure.scrubber.input_value() == "55"
    figure.speed.select_option("1")
    figure.button("New sample").click()
    figure.page.clock.run_for(3050)
    assert abs(int(figure.scrubber.input_value()) - 3) <= 1
    shown = figure.painted()[..., 3].flatten() == 255
    assert shown.sum() == int(figure.scrubber.input_value()) + 1
    figure.speed.select_option("16")
    figure.page.clock.run_for(6000)
    assert figure.scrubber.input_value() == "55"
    expect(figure.button("Play")).to_be_visible()
    figure.shows(twin(seed=1))


def test_nothing_plays_by_itself(with_clock):
    figure = with_clock()
    figure.scrubber.fill("9")
    figure.page.clock.run_for(3000)
    assert figure.scrubber.input_value() == "9"


def test_reduced_motion_moves_on_row_by_row(with_clock):
    figure = with_clock(reduced_motion="reduce")
    figure.scrubber.fill("0")
    figure.speed.select_option("64")
    figure.button("Play").click()
    stops, seen = range(6, 56, 7), []
    for _ in range(5 * len(stops) + 5):
        figure.page.clock.run_for(100)
        seen.append(int(figure.scrubber.input_value()))
    assert sorted(set(seen) - {0}) == list(stops)


def test_only_a_still_figure_speaks(with_clock):
    figure = with_clock()
    assert figure.readout.get_attribute("aria-live") == "polite"
    figure.speed.select_option("4")
    figure.button("New sample").click()
    figure.page.clock.run_for(500)
    assert figure.readout.get_attribute("aria-live") == "off"


# ---- one model, two views: as in a notebook ----------------------------------------------------


@pytest.fixture
def two_views(visit, tmp_path):
    """A page with two views of one model, drawn from the notebook's module."""
    state = {name: value for name, value in twin().get_state().items() if not name.startswith("_")}
    page = visit(players.write_views(tmp_path, "live_sampler", state)).page
    Figure(page, 1)
    return page


def test_two_views_of_one_sampler_agree(two_views):
    first, second = Figure(two_views), Figure(two_views, 1)
    second.model.select_option("Gates")
    first.button("Draw").click()
    first.drag((1, 1), (1, 1))
    np.testing.assert_array_equal(first.painted(), second.painted())
    assert (second.model.input_value(), second.steps) == ("Gates", 55)


def test_python_sets_everything_and_is_told_what_was_drawn(two_views):
    figure, python = Figure(two_views), twin()

    def sets(name: str, value) -> None:
        setattr(python, name, value)
        two_views.evaluate(f"model.set('{name}', {json.dumps(value)})")

    for name, value in (
        *(("model", "Diagonals"), ("seed", 77), ("temperature", 0.55), ("image", 4)),
        ("given", [3] * 20 + [-1] * 36),
    ):
        sets(name, value)
        figure.shows(python)
    sets("position", 3)
    assert figure.place == (3, 2)
    sets("speed", 64)
    assert figure.speed.input_value() == "64"
    sets("sixteen", True)
    two_views.wait_for_function("Object.keys(model.get('drawn').images ?? {}).length === 16")
    drawn = two_views.evaluate("model.get('drawn')")
    pictures = python.pictures
    python.drawn = {
        "of": drawn["of"],
        "images": dict.fromkeys(drawn["images"], "AAAA" * 18 + "AAA="),
    }
    assert not python.pictures.any()  # Python reads what the page says: it was drawn of this state
    python.drawn = drawn
    assert torch.equal(python.pictures, pictures)


def test_cleaning_up_a_view_leaves_nothing_behind(two_views):
    two_views.evaluate("cleanUps.map(f => f())")
    assert two_views.locator("#first > *, #second > *").count() == 0
    assert set(two_views.evaluate("Object.values(heard).map(s => s.size)")) == {0}


# ---- for everybody ----------------------------------------------------------------------------


@pytest.mark.parametrize(("theme", "options"), LOOKS)
def test_axe_finds_nothing(visit, single, theme, options):
    figure = Figure(visit(single, theme=theme, **options).page)
    assert players.violations(figure.page) == ""
    figure.button("Draw").click()
    figure.unfold()
    figure.button("Blank upper half").click()
    assert players.violations(figure.page) == ""
    figure.button("Sixteen").click()
    assert players.violations(figure.page) == ""


@pytest.mark.parametrize(("options", "least"), [({}, 24), (PHONE, 44)], ids=["mouse", "finger"])
def test_controls_are_large_enough_to_hit(visit, single, options, least):
    figure = Figure(visit(single, **options).page)
    figure.unfold()
    controls = figure.group.locator("button, select, input").all()
    assert len(controls) == 23
    for control in controls:
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= least, control.get_attribute("aria-label")


@pytest.mark.parametrize("options", [{}, PHONE], ids=["wide", "phone"])
def test_drawing_the_figure_moves_nothing_and_no_control_moves_while_it_is_used(
    visit, single, options
):
    width = options.get("width", 1280)
    _, drawn, plain = players.heights_with_and_without_javascript(visit, single, width)
    np.testing.assert_allclose(drawn, plain, atol=2)
    figure = Figure(visit(single, **options).page)
    shifts = players.layout_shifts(figure.page)
    assert shifts == []

    def places() -> list:
        moving = [figure.button("Draw"), figure.button("Play"), figure.chart, figure.scrubber]
        on_page = "e => { const b = e.getBoundingClientRect(); return [b.x, b.y + scrollY]; }"
        return [node.evaluate(on_page) for node in moving]

    figure.unfold()
    figure.settle()
    before = places()
    for name in ("Draw", "Blank upper half", "Sixteen", "New sample"):
        figure.button(name).click()
        figure.settle()
        assert places() == before, name
    for model in MODELS:
        figure.model.select_option(model)
        figure.settle()
        assert places() == before, model


def test_without_javascript_there_is_a_picture_and_a_sentence(visit, single):
    page = visit(single, java_script_enabled=False).page
    picture = page.locator("pixeledu-widget img")
    expect(picture).to_be_visible()
    assert picture.evaluate("img => img.complete && img.naturalWidth > 0")
    assert picture.get_attribute("alt") == "A sample of Convolution, seed 0, 8×7 pixels"
    expect(page.get_by_text("With JavaScript, or in a running notebook")).to_be_visible()
    assert "{" not in page.locator("pixeledu-widget").inner_text()


def test_names_and_state_are_there_for_a_screen_reader(visit, single):
    figure = Figure(visit(single).page)
    figure.scrubber.fill("10")
    snapshot = figure.group.aria_snapshot()
    for line in (
        'group "A trained model draws"',
        f'application "Convolution. {TIP}',
        'group "Tool"',
        'button "Look" [pressed]',
        'combobox "Model"',
        'option "Convolution" [selected]',
        'spinbutton "Seed": "0"',
        'slider "Temperature": "1"',
        'slider "Ink": "4"',
        'button "New sample"',
        'img "Most probable values: ',
        'slider "Position in the picture"',
        'option "256 pixels/s" [selected]',
    ):
        assert line in snapshot, snapshot


def test_figures_of_one_page_have_names_of_their_own(visit, tmp_path):
    html = [twin().html(), twin(description="Paint a digit").html(), twin().html()]
    page = visit(players.write_page(tmp_path, *html)).page
    groups = page.locator(".pixeledu[role=group]")
    names = groups.evaluate_all("all => all.map(g => g.getAttribute('aria-label'))")
    assert names == ["A trained model draws", "Paint a digit", "A trained model draws (2)"]


def test_a_figure_says_when_it_has_finished_and_what_is_drawn(with_clock):
    figure = with_clock()
    status = figure.group.get_by_role("status")
    figure.scrubber.fill("20")
    about = figure.group.locator(".pixeledu-left > .pixeledu-hidden")
    expect(about).to_contain_text("38 percent drawn")
    expect(status).to_have_text("")
    figure.button("Play").click()
    figure.page.clock.run_for(1000)
    expect(status).to_contain_text("The picture is finished: ")
    expect(about).not_to_contain_text("percent")
    assert figure.picture.get_attribute("aria-describedby") == about.get_attribute("id")
    figure.button("Play").click()
    expect(status).to_have_text("")


# ---- damaged data ------------------------------------------------------------------------------


SCRIPT = re.compile(r'(<script type="application/json">)(.*?)(</script>)')


def state_of(html: str) -> dict:
    return json.loads(SCRIPT.search(html)[2])


def with_state(html: str, **changes) -> str:
    """The figure with another state, as the page reads it."""
    text = json.dumps(state_of(html) | changes)
    return SCRIPT.sub(lambda found: found[1] + text + found[3], html)


def test_damaged_data_say_so_in_the_figure_and_the_page_lives_on(visit, tmp_path):
    sound = LiveSampler({"One": MODELS["Convolution"]}, size=(6, 6)).html()
    weights = state_of(sound)["own"]["One"]
    listed = state_of(sound)["models"][0]
    other = "B" if weights[200] == "A" else "A"
    cases = [
        ("weights do not match their checksum", {"own": {"One": weights[:-40]}}),
        ("do not match", {"own": {"One": weights[:200] + other + weights[201:]}}),
        ("weights are no export of pixeledu", {"own": {"One": "AAAA"}}),
        ("weights are not base64", {"own": {"One": "%" + weights}}),
        ("weights are missing", {"own": {}}),
        ("height should be a whole number", {"models": [listed | {"height": 0}]}),
        ("models should be a list of at least one", {"models": []}),
    ]
    damaged = [with_state(sound, **changes) for _, changes in cases]
    assert all(html != sound for html in damaged)
    page = visit(players.write_page(tmp_path, *damaged, sound)).page
    for widget in page.locator("pixeledu-widget").all():  # what is out of sight is not even read
        widget.scroll_into_view_if_needed()
        expect(widget.locator("[aria-busy=true]")).to_have_count(0)
    messages = page.locator(".pixeledu-problem:not(:empty)").filter(has_text="damaged")
    expect(messages).to_have_count(len(cases))
    for (reason, _), message in zip(cases, messages.all_inner_texts(), strict=True):
        assert re.match("This (figure|model) cannot be shown. Its stored data are damaged", message)
        assert reason in message
    assert players.violations(page) == ""
    figure = Figure(page, len(cases) - 2)
    figure.button("New sample").click()
    figure.shows(LiveSampler({"One": MODELS["Convolution"]}, size=(6, 6), seed=1))


def test_a_model_that_is_damaged_leaves_the_others_as_they_are(visit, tmp_path):
    html = twin().html()
    own = state_of(html)["own"]
    broken = with_state(html, own=own | {"Rows": own["Rows"][:-4]})
    figure = Figure(visit(players.write_page(tmp_path, broken)).page)
    figure.model.select_option("Rows")
    expect(figure.group.get_by_role("alert")).to_contain_text("do not match their checksum")
    expect(figure.picture).to_be_hidden()
    figure.model.select_option("Gates")
    expect(figure.picture).to_be_visible()
    assert figure.group.get_by_text("cannot be shown").count() == 0
    figure.shows(twin(model="Gates"))


def test_values_that_mean_nothing_are_put_right(visit, tmp_path):
    html = twin().html()
    wrong = [
        *(("seed", -5), ("seed", "x"), ("temperature", None), ("temperature", "NaN")),
        *(("image", 99), ("given", [1, 2]), ("given", None), ("position", 1e9)),
        *(("position", "x"), ("speed", "fast"), ("model", "gru"), ("sixteen", "yes")),
        ("tool", "pen"),
    ]
    elements = [with_state(html, **{name: value}) for name, value in wrong]
    page = visit(players.write_page(tmp_path, *elements)).page
    for index, (name, _) in enumerate(wrong):
        figure = Figure(page, index)
        if name == "position":
            figure.button("To the end").click()
        figure.shows(twin(image=15 if name == "image" else 0))
        assert figure.speed.input_value() == "256"


def test_ten_samplers_on_a_page_do_not_disturb_each_other(visit, tmp_path):
    names = list(MODELS)
    samplers = [twin(model=names[i % 6], seed=i) for i in range(10)]
    page = visit(players.write_page(tmp_path, *(one.html() for one in samplers))).page
    figures = [Figure(page, i) for i in range(10)]
    figures[3].button("New sample").click()
    figures[5].model.select_option("Rows")
    samplers[3].seed, samplers[5].model = 4, "Rows"
    for figure, python in zip(figures, samplers, strict=True):
        figure.shows(python)
