"""The PixelCNN that learns in the page, in Chromium: played by mouse, by touch and by keyboard."""

import json
import re
from pathlib import Path

import numpy as np
import players
import pytest
from book_site import digits_script, engine_script
from conftest import serve
from figures import LOOKS, PHONE, WIDTHS
from playwright.sync_api import Locator, expect

import pixeledu
from pixeledu.web.export import load_export, read_export_info
from pixeledu.web.noise import SharedNoise
from pixeledu.widgets import LearningPixelCNN

PIXEL = 44  # whose field is shown


def write(folder: Path, *elements: str) -> str:
    """A page with figures, the digits and, for its worker, the engine; returns its file:// address."""
    (folder / "pixeledu-engine.js").write_text(engine_script())
    return players.write_page(folder, f"<script>{digits_script()}</script>", *elements)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    found = tmp_path_factory.mktemp("learning")
    write(found, LearningPixelCNN(8, 1, seed=3).html())
    return found


@pytest.fixture
def address(folder) -> str:
    return (folder / "page.html").as_uri()


class Figure:
    """The figure on a page, seen as a reader sees it."""

    def __init__(self, page):
        self.page = page
        self.group: Locator = page.get_by_role("group", name="A PixelCNN learns")
        self.group.wait_for()
        self.readout = self.group.locator(".pixeledu-readout")
        self.drawings = self.group.locator("canvas")
        self.status = self.group.get_by_role("status")
        self.group.scroll_into_view_if_needed()
        expect(self.readout).to_contain_text("Step 0 · ")

    def button(self, name: str) -> Locator:
        return self.group.get_by_role("button", name=name, exact=True)

    @property
    def step(self) -> int:
        return int(re.search(r"Step (\d+)", self.readout.inner_text())[1])

    @property
    def nats(self) -> float:
        return float(re.search(r"([\d.]+) nats per digit", self.readout.inner_text())[1])

    def reach(self, step: int) -> None:
        """Wait until so many steps are learned."""
        self.page.wait_for_function(
            f"parseInt(document.querySelector('.pixeledu-readout').textContent.slice(5)) >= {step}"
        )

    def pause(self) -> None:
        """Pause, and wait for the report of where it stands."""
        self.button("Pause").click()
        expect(self.button("Learn")).to_be_visible()
        expect(self.drawings).to_have_attribute(
            "aria-label", re.compile(f"after {self.settled()} steps")
        )

    def settled(self) -> int:
        """The number of steps once none is under way."""
        before = -1
        while before != self.step:
            before = self.step
            self.page.wait_for_timeout(300)
        return before

    def states(self) -> list[str]:
        """The state of each pixel of the map."""
        squares = self.group.locator(".pixeledu-pixels .pixeledu-square")
        return squares.evaluate_all("all => all.map(g => g.dataset.state)")

    def drawn(self) -> np.ndarray:
        """The drawings as levels, (16, 8, 8)."""
        dots = self.drawings.evaluate(
            "c => { const copy = new OffscreenCanvas(c.width, c.height).getContext('2d');"
            "copy.drawImage(c, 0, 0);"
            "return Array.from(copy.getImageData(0, 0, c.width, c.height).data); }"
        )
        shades = np.array(dots).reshape(35, 35, 4)[..., 0]
        places = [(9 * (i // 4), 9 * (i % 4)) for i in range(16)]
        parts = [shades[row : row + 8, column : column + 8] for row, column in places]
        return np.rint(np.stack(parts) * (16 / 255)).astype(np.uint8)

    def save(self, folder: Path) -> Path:
        with self.page.expect_download() as waiting:
            self.button("Save").click()
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path


def test_it_learns_when_asked_to_and_python_reads_and_draws_what_it_has_learned(
    visit, address, tmp_path
):
    figure = Figure(visit(address).page)
    before, noise = figure.nats, figure.drawn()
    figure.page.wait_for_timeout(500)
    assert (figure.step, figure.nats) == (0, before)  # it does not begin by itself
    figure.button("Learn").click()
    figure.reach(20)
    figure.pause()
    learned = figure.step
    assert figure.nats < before - 30
    assert (figure.drawn() != noise).any()
    figure.button("One step").click()
    expect(figure.readout).to_contain_text(f"Step {learned + 1} · ")
    expect(figure.drawings).to_have_attribute("aria-label", re.compile(f"after {learned + 1} "))

    path = figure.save(tmp_path)
    assert path.name == f"pixelcnn-digits-{learned + 1}-steps.pxe"
    info = read_export_info(path)
    assert (info["steps"], info["seed"], info["size"]) == (learned + 1, 3, [8, 8])
    assert info["config"] == {
        **{"model": "pixelcnn", "channels": 1, "levels": 17},
        **{"hidden": 8, "layers": 1},
    }
    model = load_export(path)
    held_out = pixeledu.load_images("digits", "valid").images[:128]
    assert abs(pixeledu.nats(model, held_out).mean().item() - figure.nats) < 0.1
    images = pixeledu.sample(model, 16, 8, 8, generator=SharedNoise(3))
    assert (images[:, 0].numpy() == figure.drawn()).all((1, 2)).sum() >= 14  # but for rounding

    figure.button("Start again").click()
    expect(figure.readout).to_contain_text("Step 0 · ")
    expect(figure.drawings).to_have_attribute("aria-label", re.compile("after 0 steps"))
    assert figure.nats == before
    np.testing.assert_array_equal(figure.drawn(), noise)


def test_with_a_worker_and_in_slices_it_learns_the_same(visit, address, folder):
    found = []
    with serve(folder) as url:
        for place in (address, f"{url}page.html"):
            page = visit(place).page
            figure = Figure(page)
            workers = len(page.workers)
            for step in range(3):
                figure.button("One step").click()
                expect(figure.drawings).to_have_attribute(
                    "aria-label", re.compile(f"after {step + 1} steps")
                )
            found.append((figure.readout.inner_text(), figure.drawn().tolist()))
            assert workers == (place != address)
    assert found[0] == found[1]


def test_a_broken_mask_shows_in_the_map_and_in_what_hidden_pixels_cost(visit, address):
    figure = Figure(visit(address, theme="dark", **PHONE).page)
    states = figure.states()
    assert states[PIXEL:] == ["plain"] * (64 - PIXEL)
    assert "seen" in states[:PIXEL]
    assert "hidden from itself" not in figure.readout.inner_text()
    figure.button("First layer: Mask B: broken").tap()
    expect(figure.readout).to_contain_text("With each pixel hidden from itself")
    assert figure.states()[PIXEL:] == ["leak"] + ["plain"] * (63 - PIXEL)
    expect(figure.group.get_by_role("img", name=re.compile("and on itself"))).to_be_visible()
    figure.button("Learn").tap()
    figure.reach(40)
    hidden = int(re.search(r"draws: (\d+) nats", figure.readout.inner_text())[1])
    assert hidden > figure.nats + 10
    figure.button("First layer: Mask A").tap()  # starts again, and goes on learning
    expect(figure.button("Pause")).to_be_visible()
    figure.reach(20)
    assert figure.states()[PIXEL] == "plain"


def test_a_keyboard_alone_is_enough_and_progress_is_spoken(visit, address):
    figure = Figure(visit(address).page)
    press = figure.page.keyboard.press
    press("Tab")
    expect(figure.button("Learn")).to_be_focused()
    press("Space")
    expect(figure.button("Pause")).to_be_focused()
    figure.reach(2)
    press("Enter")
    expect(figure.button("Learn")).to_be_focused()
    expect(figure.status).to_have_text(re.compile(r"Step \d+: a held-out digit costs [\d.]+ nats"))
    step = figure.settled()
    press("Tab")
    press("Space")
    expect(figure.status).to_have_text(re.compile(rf"Step {step + 1}: a held-out digit costs"))
    for _ in range(3):  # past Start again and Save
        press("Tab")
    expect(figure.button("First layer: Mask A")).to_be_focused()
    for name, key, wanted in (
        ("Learning rate", "ArrowDown", "0.03"),
        ("Width", "ArrowDown", "16"),
        ("Depth", "ArrowUp", "0"),
    ):
        choice = figure.group.get_by_role("combobox", name=name)
        while not choice.evaluate("node => node === document.activeElement"):
            press("Tab")
        press(key)
        assert choice.input_value() == wanted
    expect(figure.readout).to_contain_text("Step 0 · ")
    snapshot = figure.group.aria_snapshot()
    for line in (
        'button "First layer: Mask A" [pressed]',
        'img "16 drawings of the model after 0 steps',
        'img "Nats of a held-out digit:',
    ):
        assert line in snapshot, snapshot


def test_where_little_is_to_move_the_drawings_stand_still_for_longer(visit, address):
    figure = Figure(visit(address, reduced_motion="reduce").page)
    figure.button("Learn").click()
    figure.reach(30)
    expect(figure.drawings).to_have_attribute("aria-label", re.compile("after 0 steps"))
    figure.pause()
    expect(figure.drawings).to_have_attribute("aria-label", re.compile(r"after [3-9]\d steps"))


@pytest.mark.parametrize(("theme", "options"), LOOKS)
def test_axe_finds_nothing_before_and_after_use(visit, address, theme, options):
    figure = Figure(visit(address, theme=theme, **options).page)
    if theme == "light":
        assert players.violations(figure.page) == ""
    figure.button("First layer: Mask B: broken").click()
    expect(figure.readout).to_contain_text("hidden from itself")
    figure.button("One step").click()
    expect(figure.readout).to_contain_text("Step 1 · ")
    assert players.violations(figure.page) == ""


def test_nothing_is_computed_before_it_comes_into_view_and_axe_has_nothing_to_say(visit, tmp_path):
    html = LearningPixelCNN(8, 0).html()
    page = visit(write(tmp_path, '<p style="height:3000px">Far above.</p>', html)).page
    group = page.get_by_role("group", name="A PixelCNN learns")
    expect(group).to_have_attribute("aria-busy", "true")
    assert players.violations(page) == ""
    expect(group.locator(".pixeledu-readout")).to_contain_text("…")
    group.scroll_into_view_if_needed()
    expect(group.locator(".pixeledu-readout")).to_contain_text("Step 0 · ")


@pytest.mark.parametrize("width", WIDTHS)
def test_drawing_it_moves_nothing_on_the_page(visit, address, width):
    page, drawn, plain = players.heights_with_and_without_javascript(visit, address, width)
    np.testing.assert_allclose(drawn, plain, atol=2)
    figure = Figure(page)
    figure.button("One step").click()
    expect(figure.readout).to_contain_text("Step 1 · ")
    np.testing.assert_allclose(figure.group.bounding_box()["height"], drawn[0], atol=2)
    assert figure.group.evaluate("group => group.scrollWidth <= group.clientWidth")
    assert players.layout_shifts(page) == []
    assert drawn[0] >= LearningPixelCNN._min_height - 2


@pytest.mark.parametrize(("options", "least"), [({}, 24), (PHONE, 44)], ids=["mouse", "finger"])
def test_its_controls_are_large_enough_to_hit(visit, address, options, least):
    figure = Figure(visit(address, **options).page)
    sizes = figure.group.locator("button, select").evaluate_all(
        "all => all.map(c => { const b = c.getBoundingClientRect();"
        "return Math.min(b.width, b.height); })"
    )
    assert len(sizes) == 9
    assert min(sizes) >= least


def test_without_javascript_there_are_digits_and_a_sentence(visit, address):
    page = visit(address, java_script_enabled=False).page
    picture = page.get_by_role("img", name=re.compile("handwritten digits"))
    expect(picture).to_be_visible()
    assert picture.evaluate("img => img.naturalWidth") == 35
    expect(page.get_by_text("JavaScript, or in a running notebook")).to_be_visible()


def test_without_the_digits_it_says_so_and_the_page_goes_on(visit, tmp_path):
    html = LearningPixelCNN().html()
    page = visit(players.write_page(tmp_path, html, "<p>What comes next.</p>")).page
    expect(page.get_by_role("alert")).to_contain_text("the digits are missing")
    expect(page.get_by_text("What comes next.")).to_be_visible()


def test_in_a_notebook_python_hears_what_was_learned(visit, tmp_path):
    figure = LearningPixelCNN(8, 0)
    names = ("images", "hidden", "layers", "learning_rate", "first_mask", "seed", "description")
    state = {name: getattr(figure, name) for name in names} | {"playing": False, "learned": {}}
    page = visit(players.write_views(tmp_path, "learning_pixelcnn", state)).page
    expect(page.locator("#first .pixeledu-readout")).to_contain_text("Step 0 · ")
    page.evaluate("model.set('playing', true)")
    first = page.locator("#first")
    expect(first.get_by_role("button", name="Pause")).to_be_visible()
    page.wait_for_function(
        "parseInt(document.querySelector('#first .pixeledu-readout').textContent.slice(5)) >= 3"
    )
    first.get_by_role("button", name="Pause").click()
    page.wait_for_function("(model.get('learned').steps ?? 0) >= 3")
    figure.set_state({"learned": json.loads(page.evaluate("JSON.stringify(model.get('learned'))"))})
    assert figure.steps >= 3
    assert figure.model.config["hidden"] == 8
    page.evaluate("cleanUps.forEach(stop => stop())")
    expect(page.locator(".pixeledu")).to_have_count(0)
    assert page.evaluate("Object.values(heard).every(set => !set.size)")
