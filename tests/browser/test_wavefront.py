"""The wavefront in Chromium: on a page of its own, opened from its folder."""

import json
import re

import numpy as np
import players
import pytest
from figures import LOOKS, PHONE, WIDTHS
from playwright.sync_api import Locator, expect

from pixeledu.widgets import Wavefront
from pixeledu.widgets.wavefront import MODELS, PHASES

GALLERY = [
    Wavefront(),
    Wavefront(6, 10, model="row-lstm", step=2),
    Wavefront(32, 32, skewed=True, step=40),
    Wavefront(1, 1, model="pixelcnn", phase="sampling"),
    Wavefront(5, 3, phase="sampling", step=7),
]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory) -> str:
    """The address of a page with several wavefronts."""
    folder = tmp_path_factory.mktemp("wavefronts")
    return players.write_page(folder, *(wavefront.html() for wavefront in GALLERY))


class Figure:
    """A wavefront on a page, seen as a reader sees it."""

    def __init__(self, page, index: int = 0):
        self.page = page
        name = "Which pixels are computed at the same moment"
        self.group: Locator = page.get_by_role("group", name=name).nth(index)
        self.group.wait_for()
        self.scrubber = self.group.get_by_role("slider", name="Step")
        self.speed = self.group.get_by_role("combobox", name="Speed")
        self.skewing = self.group.get_by_role("checkbox", name="Skew the rows")
        self.readout = self.group.locator(".pixeledu-readout")
        self.maps = self.group.locator(".pixeledu-map")

    def button(self, name: str) -> Locator:
        return self.group.get_by_role("button", name=name, exact=True)

    def choice(self, model: str, phase: str) -> Locator:
        return self.group.get_by_role("button", name=f"{MODELS[model]}, {phase}: ")

    @property
    def chosen(self) -> list[str]:
        pressed = self.group.get_by_role("button", pressed=True).all()
        return [button.get_attribute("aria-label").split(":")[0] for button in pressed]

    @property
    def counter(self) -> tuple[int, int]:
        """Step and number of steps, as the text says."""
        return tuple(
            map(int, re.search(r"Step (\d+) of (\d+)", self.readout.inner_text()).groups())
        )

    @property
    def playing(self) -> bool:
        return self.button("Pause").count() == 1

    def cells(self, scan: int) -> list[dict]:
        """State and middle (on the page) of each pixel of a map, row by row."""
        self.page.wait_for_function(  # pixels on their way to the skewed view
            "document.getAnimations().every(a => a.playState === 'finished')"
        )
        return (
            self.maps.nth(scan)
            .locator(".pixeledu-pixel")
            .evaluate_all(
                "all => all.map(g => { const b = g.firstChild.getBoundingClientRect(); return {"
                "state: g.dataset.state, x: b.x + b.width / 2, y: b.y + b.height / 2}; })"
            )
        )

    def computed_now(self, width: int) -> list[list[tuple[int, int]]]:
        """The pixels that are marked, for each map."""
        return [
            [divmod(i, width) for i, its in enumerate(self.cells(scan)) if its["state"] == "now"]
            for scan in range(self.maps.count())
        ]


# ---- by mouse, by touch, by keyboard ----------------------------------------------------------


def test_a_mouse_alone_is_enough(visit, gallery):
    figure = Figure(visit(gallery).page)
    assert (figure.chosen, figure.counter) == (["Diagonal BiLSTM, training"], (1, 15))
    figure.choice("row-lstm", "training").click()
    assert (figure.chosen, figure.counter) == (["Row LSTM, training"], (1, 8))
    figure.button("One step forward").click(click_count=3)
    assert figure.counter == (4, 8)
    figure.button("One step back").click()
    assert figure.counter == (3, 8)
    figure.button("To the end").click()
    assert figure.counter == (8, 8)
    figure.choice("diagonal-bilstm", "training").click()
    assert figure.counter == (1, 15)
    figure.skewing.click()
    expect(figure.skewing).to_be_checked()
    box = figure.scrubber.bounding_box()
    figure.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert figure.counter == (8, 15)
    figure.speed.select_option("1")
    figure.button("To the start").click()
    figure.button("Play").click()
    expect(figure.button("Pause")).to_be_visible()
    figure.button("Pause").click()
    assert not figure.playing


def test_a_finger_alone_is_enough(visit, gallery):
    figure = Figure(visit(gallery, **PHONE).page)
    figure.choice("pixelcnn", "sampling").tap()
    assert (figure.chosen, figure.counter) == (["PixelCNN, sampling"], (1, 64))
    figure.button("To the end").tap()
    assert figure.scrubber.input_value() == "63"  # the slider has become as long as the steps
    figure.button("One step back").tap()
    assert figure.counter == (63, 64)
    cell = figure.cells(0)[8 * 2 + 5]
    figure.page.touchscreen.tap(cell["x"], cell["y"])
    expect(figure.readout).to_contain_text("Step 22 of 64")  # a tap may take a moment
    figure.choice("diagonal-bilstm", "training").tap()
    figure.skewing.tap()
    expect(figure.skewing).to_be_checked()
    figure.button("Play").tap()
    expect(figure.button("Pause")).to_be_visible()
    figure.button("Pause").tap()
    assert not figure.playing


def test_a_keyboard_alone_is_enough(visit, gallery):
    figure = Figure(visit(gallery).page)
    page = figure.page

    def counter_after(*keys: str) -> tuple[int, int]:
        for key in keys:
            page.keyboard.press(key)
        return figure.counter

    assert counter_after("Tab") == (1, 15)  # on the first choice: PixelCNN, training
    assert counter_after("Enter") == (1, 1)
    assert counter_after("Tab", "Space") == (1, 64)
    assert figure.chosen == ["PixelCNN, sampling"]
    assert not figure.playing
    assert counter_after("ArrowRight", "ArrowRight") == (3, 64)
    assert counter_after("ArrowDown") == (11, 64)
    assert counter_after("ArrowLeft", "ArrowUp") == (2, 64)
    assert counter_after("End", "ArrowDown") == (64, 64)
    assert counter_after("Home", "ArrowLeft", "ArrowUp") == (1, 64)
    assert counter_after("Tab", "Tab", "Tab", "Space") == (1, 15)  # Diagonal BiLSTM, training
    assert counter_after("ArrowDown", "ArrowDown", "ArrowUp") == (2, 15)  # a step is a row here
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(figure.skewing).to_be_focused()
    page.keyboard.press("Space")
    expect(figure.skewing).to_be_checked()
    assert (figure.playing, counter_after("ArrowRight")) == (False, (3, 15))
    for key, speed in (("-", "2"), ("-", "1"), ("-", "1"), ("+", "2"), ("=", "4")):
        page.keyboard.press(key)
        assert figure.speed.input_value() == speed
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(figure.button("Play")).to_be_focused()
    outline = "b => getComputedStyle(b).outlineStyle"
    assert figure.button("Play").evaluate(outline) == "solid"
    page.keyboard.press("Space")
    expect(figure.button("Pause")).to_be_visible()
    page.keyboard.press("Enter")
    assert not figure.playing
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(figure.scrubber).to_be_focused()
    assert counter_after("Home", "ArrowRight", "ArrowUp", "ArrowRight") == (2, 15)
    said = figure.scrubber.get_attribute("aria-valuetext")
    assert said == "Step 2 of 15. Now: a diagonal of 2 pixels in each scan"


def test_a_click_on_a_pixel_goes_to_the_step_that_computes_it(visit, gallery):
    figure = Figure(visit(gallery).page)
    for skewed in (False, True):
        figure.skewing.set_checked(skewed)
        for scan, row, column in [(0, 2, 3), (1, 6, 0), (1, 0, 7), (0, 7, 7)]:
            cell = figure.cells(scan)[8 * row + column]
            figure.page.mouse.click(cell["x"], cell["y"])
            step = row + (7 - column if scan else column)
            assert figure.counter == (step + 1, 15)
            assert (row, column) in figure.computed_now(8)[scan]
    figure.page.keyboard.press("ArrowLeft")  # the keys work after a click
    assert figure.counter == (14, 15)


# ---- what is shown ----------------------------------------------------------------------------


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("model", MODELS)
def test_a_step_marks_the_pixels_that_python_names(visit, tmp_path, model, phase):
    wavefront = Wavefront(4, 6, model=model, phase=phase)
    figure = Figure(visit(players.write_page(tmp_path, wavefront.html())).page)
    for step in {0, 1, wavefront.steps // 2, wavefront.steps - 1} & set(range(wavefront.steps)):
        figure.scrubber.fill(str(step))
        assert figure.counter == (step + 1, wavefront.steps)
        assert figure.computed_now(6) == wavefront.pixels(step)
        before = [wavefront.pixels(earlier) for earlier in range(step)]
        for scan in range(figure.maps.count()):
            done = {pixel for pixels in before for pixel in pixels[scan]}
            states = [its["state"] for its in figure.cells(scan)]
            assert {divmod(i, 6) for i, its in enumerate(states) if its == "done"} == done
            now = len(wavefront.pixels(step)[scan])
            counts = f"{len(done)} done, {now} computed now, {24 - len(done) - now} not yet"
            name = f"Pixels at step {step + 1} of {wavefront.steps}: {counts}"
            assert figure.maps.nth(scan).get_attribute("aria-label") == name


def test_the_numbers_in_the_pixels_are_the_steps_where_there_is_room(visit, gallery):
    page = visit(gallery).page
    numbers = Figure(page).maps.nth(1).locator("text").all_text_contents()
    assert numbers == [str(1 + row + 7 - column) for row in range(8) for column in range(8)]
    told = "Number: the step that computes it."
    expect(Figure(page).group.get_by_text(told)).to_be_visible()
    assert Figure(page, 2).maps.nth(0).locator("text").count() == 0
    expect(Figure(page, 2).group.get_by_text(told)).to_be_hidden()


def test_skewing_makes_columns_of_diagonals_and_back(visit, gallery):
    figure = Figure(visit(gallery).page)
    expect(figure.group.get_by_text("Right-to-left scan", exact=True)).to_be_visible()
    plain = [figure.cells(scan) for scan in (0, 1)]
    side = plain[0][1]["x"] - plain[0][0]["x"]
    for cells in plain:
        for i, cell in enumerate(cells):
            row, column = divmod(i, 8)
            assert cell["x"] == pytest.approx(cells[0]["x"] + side * column, abs=0.6)
            assert cell["y"] == pytest.approx(cells[0]["y"] + side * row, abs=0.6)
    figure.skewing.check()
    expect(figure.group.get_by_text("Right-to-left scan, mirrored first")).to_be_visible()
    expect(figure.group.get_by_text("Row i is shifted i places")).to_be_visible()
    for scan in (0, 1):
        for i, cell in enumerate(figure.cells(scan)):
            row, column = divmod(i, 8)
            step = row + (7 - column if scan else column)
            assert cell["x"] == pytest.approx(plain[scan][0]["x"] + side * step, abs=0.6)
            assert cell["y"] == pytest.approx(plain[scan][i]["y"], abs=0.6)
    figure.skewing.uncheck()
    for scan in (0, 1):
        np.testing.assert_allclose(
            [cell["x"] for cell in figure.cells(scan)],
            [cell["x"] for cell in plain[scan]],
            atol=0.1,
        )


def test_only_the_diagonal_bilstm_in_training_can_be_skewed(visit, gallery):
    figure = Figure(visit(gallery).page)
    for model in MODELS:
        for phase in PHASES:
            figure.choice(model, phase).click()
            wanted = (model, phase) == ("diagonal-bilstm", "training")
            assert figure.skewing.count() == wanted  # hidden ones have no role
            assert figure.maps.count() == 1 + wanted


def test_the_table_compares_all_models_for_this_size(visit, gallery):
    page = visit(gallery).page

    def rows(index: int) -> list[str]:
        found = Figure(page, index).group.get_by_role("table").get_by_role("row").all()
        return [" | ".join(row.locator("th, td").all_inner_texts()) for row in found[1:]]

    assert rows(0) == [
        "PixelCNN | 1 | n² = 64",
        "Row LSTM | n = 8 | n² = 64",
        "Diagonal BiLSTM | 2n−1 = 15 | n² = 64",
    ]
    assert rows(1) == [
        "PixelCNN | 1 | H·W = 60",
        "Row LSTM | H = 6 | H·W = 60",
        "Diagonal BiLSTM | H+W−1 = 15 | H·W = 60",
    ]


LOOK_OF_A_PIXEL = """
g => { const s = getComputedStyle(g.firstChild); return [s.fill, s.stroke, s.strokeWidth]; }
"""


def luminance(colour: str) -> float:
    parts = np.array([int(part) for part in re.findall(r"\d+", colour)[:3]]) / 255
    linear = np.where(parts > 0.04045, ((parts + 0.055) / 1.055) ** 2.4, parts / 12.92)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_states_of_a_pixel_differ_without_their_colours(visit, gallery, theme):
    figure = Figure(visit(gallery, theme=theme).page)
    figure.scrubber.fill("5")
    look = {
        state: figure.maps.first.locator(f"[data-state={state}]").first.evaluate(LOOK_OF_A_PIXEL)
        for state in ("waiting", "now", "done")
    }
    hollow, filled, frame = look["waiting"][0], look["done"][0], look["now"][1]
    for one, other in [(hollow, filled), (frame, hollow), (frame, filled)]:
        dark, bright = sorted(map(luminance, (one, other)))
        assert (bright + 0.05) / (dark + 0.05) >= 3
    assert (look["waiting"][2], look["done"][2], look["now"][2]) == ("1px", "1px", "2px")


# ---- playing ----------------------------------------------------------------------------------


@pytest.fixture
def with_clock(visit, gallery):
    """Open the gallery on a page whose time the test moves."""

    def open_page(**options):
        page = visit(gallery, **options).page
        page.clock.install(time=0)
        page.reload()
        page.clock.pause_at(1000)
        Figure(page)
        return page

    return open_page


@pytest.mark.parametrize("speed", [1, 4, 16])
def test_playing_shows_the_chosen_number_of_steps_a_second(with_clock, speed):
    figure = Figure(with_clock())
    figure.choice("pixelcnn", "sampling").click()
    figure.speed.select_option(str(speed))
    figure.button("Play").click()
    figure.page.clock.run_for(3050)
    assert abs(figure.counter[0] - 1 - 3 * speed) <= 1
    assert figure.playing


def test_playing_stops_at_the_end_and_begins_again(with_clock):
    figure = Figure(with_clock())
    figure.speed.select_option("16")
    figure.button("Play").click()
    figure.page.clock.run_for(2000)
    assert (figure.counter, figure.playing) == ((15, 15), False)
    figure.button("Play").click()
    figure.page.clock.run_for(300)
    assert 1 < figure.counter[0] < 15


def test_nothing_plays_by_itself_and_figures_do_not_disturb_each_other(with_clock):
    page = with_clock()
    figures = [Figure(page, index) for index in range(len(GALLERY))]
    page.clock.run_for(3000)
    start = [wavefront.step + 1 for wavefront in GALLERY]
    assert [figure.counter[0] for figure in figures] == start
    figures[1].button("To the start").click()
    figures[1].button("Play").click()
    figures[4].choice("pixelcnn", "training").click()
    page.clock.run_for(1000)
    assert figures[1].counter[0] in (4, 5)
    assert figures[4].chosen == ["PixelCNN, training"]
    assert [figures[i].counter[0] for i in (0, 2, 3)] == [start[i] for i in (0, 2, 3)]
    assert [figure.playing for figure in figures] == [False, True, False, False, False]


def test_choosing_something_else_stops_and_begins_at_the_first_step(with_clock):
    figure = Figure(with_clock())
    figure.button("Play").click()
    figure.page.clock.run_for(1000)
    figure.choice("row-lstm", "training").click()
    figure.page.clock.run_for(1000)
    assert (figure.counter, figure.playing) == ((1, 8), False)


@pytest.mark.parametrize(
    ("phase", "stops"), [("training", range(1, 16)), ("sampling", [1, *range(8, 65, 8)])]
)
def test_reduced_motion_moves_on_twice_a_second_at_most(with_clock, phase, stops):
    figure = Figure(with_clock(reduced_motion="reduce"))
    figure.choice("diagonal-bilstm", phase).click()
    figure.speed.select_option("64")
    figure.button("Play").click()
    seen = []
    for _ in range(10 * len(stops) // 2 + 10):
        figure.page.clock.run_for(100)
        seen.append(figure.counter[0])
    assert sorted(set(seen)) == list(stops)
    assert all(seen.count(stop) >= 4 for stop in stops[1:-1])


def test_with_reduced_motion_the_pixels_jump_to_the_skewed_view(visit, gallery):
    moving, still = (
        Figure(visit(gallery, reduced_motion=motion).page) for motion in ("no-preference", "reduce")
    )
    for figure, animated in ((moving, True), (still, False)):
        figure.skewing.check()
        assert (figure.page.evaluate("document.getAnimations().length") > 0) == animated


def test_only_a_still_figure_speaks(with_clock):
    figure = Figure(with_clock())
    assert figure.readout.get_attribute("aria-live") == "polite"
    figure.button("Play").click()
    figure.page.clock.run_for(200)
    assert figure.readout.get_attribute("aria-live") == "off"
    figure.button("Pause").click()
    assert figure.readout.get_attribute("aria-live") == "polite"


# ---- one model, two views: as in a notebook ----------------------------------------------------


@pytest.fixture
def two_views(visit, tmp_path):
    """A page with two views of one model, drawn from the notebook's module."""
    names = ("height", "width", "model", "phase", "skewed", "step", "playing", "speed")
    state = {name: getattr(GALLERY[0], name) for name in names}
    page = visit(players.write_views(tmp_path, "wavefront", state)).page
    Figure(page, 1)
    return page


def test_two_views_of_one_wavefront_agree(two_views):
    first, second = Figure(two_views), Figure(two_views, 1)
    second.choice("row-lstm", "training").click()
    first.button("One step forward").click()
    assert (first.chosen, first.counter) == (second.chosen, second.counter)
    assert (first.chosen, first.counter) == (["Row LSTM, training"], (2, 8))


def test_python_sets_everything(two_views):
    figure = Figure(two_views)

    def sets(name: str, value) -> None:
        two_views.evaluate(f"model.set('{name}', {json.dumps(value)})")

    sets("step", 9)
    assert figure.counter == (10, 15)
    sets("skewed", True)
    expect(figure.skewing).to_be_checked()
    sets("height", 4)  # Python then sends the last step that there is
    sets("step", 5)
    assert figure.counter == (6, 11)
    assert len(figure.cells(0)) == 32
    sets("model", "pixelcnn")
    sets("phase", "sampling")
    assert (figure.chosen, figure.counter) == (["PixelCNN, sampling"], (6, 32))
    sets("width", 5)
    assert figure.counter == (6, 20)
    sets("speed", 64)
    assert figure.speed.input_value() == "64"
    sets("playing", True)
    expect(figure.button("Play")).to_be_visible()  # once it has come to the end
    assert figure.counter == (20, 20)


def test_cleaning_up_a_view_leaves_nothing_behind(two_views):
    two_views.evaluate("cleanUps.map(f => f())")
    assert two_views.locator("#first > *, #second > *").count() == 0
    assert set(two_views.evaluate("Object.values(heard).map(s => s.size)")) == {0}


# ---- for everybody ----------------------------------------------------------------------------


@pytest.mark.parametrize(("theme", "options"), LOOKS)
def test_axe_finds_nothing(visit, tmp_path, theme, options):
    page = visit(players.write_page(tmp_path, GALLERY[0].html()), theme=theme, **options).page
    figure = Figure(page)
    assert players.violations(page) == ""
    figure.skewing.check()
    figure.scrubber.fill("7")
    assert players.violations(page) == ""
    figure.choice("row-lstm", "sampling").click()
    assert players.violations(page) == ""


@pytest.mark.parametrize(("options", "least"), [({}, 24), (PHONE, 44)], ids=["mouse", "finger"])
def test_controls_are_large_enough_to_hit(visit, gallery, options, least):
    figure = Figure(visit(gallery, **options).page)
    skewing = figure.group.locator("label")
    controls = [*figure.group.get_by_role("button").all(), figure.scrubber, figure.speed, skewing]
    assert len(controls) == 14
    for control in controls:
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= least


@pytest.mark.parametrize("width", WIDTHS)
def test_drawing_the_figures_moves_nothing_on_the_page(visit, gallery, width):
    page, drawn, plain = players.heights_with_and_without_javascript(visit, gallery, width)
    assert page.locator("pixeledu-widget .pixeledu-wavefront").count() == len(GALLERY)
    np.testing.assert_allclose(drawn, plain, atol=2)
    for index in range(len(GALLERY)):
        group = Figure(page, index).group
        assert group.evaluate("group => group.scrollWidth <= group.clientWidth")


@pytest.mark.parametrize("options", [{}, PHONE], ids=["wide", "phone"])
def test_nothing_shifts_while_it_loads_and_no_control_moves_while_it_is_used(
    visit, gallery, options
):
    figure = Figure(visit(gallery, **options).page)
    assert players.layout_shifts(figure.page) == []

    def places() -> list:
        moving = [figure.maps.first, figure.button("Play"), figure.scrubber]
        on_page = "e => { const b = e.getBoundingClientRect(); return [b.x, b.y + scrollY]; }"
        return [node.evaluate(on_page) for node in moving]

    before = places()
    figure.skewing.check()
    assert places() == before
    for model in MODELS:
        for phase in PHASES:
            figure.choice(model, phase).click()
            figure.button("To the end").click()
            assert places() == before


def test_without_javascript_there_is_a_picture_and_a_sentence(visit, gallery):
    page = visit(gallery, java_script_enabled=False).page
    for element, wavefront in zip(page.locator("pixeledu-widget").all(), GALLERY, strict=True):
        picture = element.locator("img")
        expect(picture).to_be_visible()
        assert picture.evaluate("img => img.complete && img.naturalWidth > 0")
        assert picture.get_attribute("alt").startswith(MODELS[wavefront.model])
        expect(element.get_by_text("With JavaScript, or in a running notebook")).to_be_visible()
        assert "{" not in element.inner_text()


def test_names_and_state_are_there_for_a_screen_reader(visit, gallery):
    figure = Figure(visit(gallery).page)
    figure.button("One step forward").click()
    snapshot = figure.group.aria_snapshot()
    for line in (
        'group "Which pixels are computed at the same moment"',
        'table "Sequential steps, 8×8 pixels (n = 8)"',
        'columnheader "Sampling per image"',
        'rowheader "Row LSTM"',
        'button "PixelCNN, training: 1 step"',
        'button "Diagonal BiLSTM, training: 2n−1 = 15 steps" [pressed]',
        'checkbox "Skew the rows"',
        'img "Pixels at step 2 of 15: 1 done, 2 computed now, 61 not yet"',
        'slider "Step"',
        'option "4 steps/s" [selected]',
    ):
        assert line in snapshot
    assert "The right-to-left scan of a row" not in snapshot  # the reason of another choice


# ---- damaged data ------------------------------------------------------------------------------


def test_damaged_data_say_so_in_the_figure_and_the_page_lives_on(visit, tmp_path):
    sound = GALLERY[0].html()
    cases = {
        "height should be a whole number from 1 to 32 and is 0": ('"height":8', '"height":0'),
        "height should be a whole number from 1 to 32 and is x": ('"height":8', '"height":"x"'),
        "width should be a whole number from 1 to 32 and is 33": ('"width":8', '"width":33'),
        "model should be one of pixelcnn,": ('"diagonal-bilstm"', '"gru"'),
        "phase should be one of training,sampling and is null": ('"training"', "null"),
    }
    damaged = [sound.replace(*change) for change in cases.values()]
    assert all(html != sound for html in damaged)
    page = visit(players.write_page(tmp_path, *damaged, sound)).page
    players.all_drawn(page)
    messages = page.get_by_role("alert")
    assert messages.count() == len(cases)
    for reason, message in zip(cases, messages.all_inner_texts(), strict=True):
        assert message.startswith("This figure cannot be shown. Its stored data are damaged: ")
        assert reason in message
    assert players.violations(page) == ""
    figure = Figure(page)
    figure.button("To the end").click()
    assert figure.counter == (15, 15)


def test_a_step_or_speed_out_of_range_is_put_right(visit, tmp_path):
    html = GALLERY[0].html()
    wrong = [("-5", 1), ("1e9", 15), ("null", 1), ('"x"', 1), ("3.7", 4)]
    elements = [html.replace('"step":0', f'"step":{value}') for value, _ in wrong]
    elements += [html.replace('"speed":4', '"speed":"fast"')]
    page = visit(players.write_page(tmp_path, *elements)).page
    shown = [Figure(page, index).counter[0] for index in range(len(wrong))]
    assert shown == [right for _, right in wrong]
    assert Figure(page, len(wrong)).speed.input_value() == "4"
