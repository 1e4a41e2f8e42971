"""What all figures of masks, fields, leaks and several samples keep to, in Chromium."""

import json

import figures
import numpy as np
import players
import pytest
from figures import LOOKS, NAMES, PHONE, WIDTHS, Figure
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def gallery(tmp_path_factory) -> str:
    return figures.write_all(tmp_path_factory.mktemp("figures"))


@pytest.mark.parametrize(("theme", "options"), LOOKS)
def test_axe_finds_nothing_before_and_after_use(visit, gallery, theme, options):
    page = visit(gallery, theme=theme, **options).page
    if theme == "light":  # the dark ones after use: that shows more
        assert players.violations(page) == ""
    page.get_by_role("button", name="Kernel: 7×7").click()
    page.get_by_role("button", name="2. Mask B in the first layer").click()
    page.get_by_role("button", name="cold", exact=True).click()
    page.get_by_role("slider", name="Temperature").fill("2.5")
    page.get_by_role("button", name="Model 4", exact=True).click()
    page.get_by_role("button", name="5. Mirrored images").click()  # wrong
    assert page.get_by_text("Not this one.").count() == 1
    assert players.violations(page) == ""


@pytest.mark.parametrize(("options", "least"), [({}, 24), (PHONE, 44)], ids=["mouse", "finger"])
def test_controls_are_large_enough_to_hit(visit, gallery, options, least):
    page = visit(gallery, **options).page
    Figure(page, "leak_hunt")
    controls = page.locator("pixeledu-widget :is(button, select, input)")
    sizes = controls.evaluate_all(
        "all => all.filter(c => c.offsetParent)"
        ".map(c => { const b = c.getBoundingClientRect(); return Math.min(b.width, b.height); })"
    )
    assert len(sizes) > 60
    assert min(sizes) >= least


@pytest.mark.parametrize("width", WIDTHS)
def test_drawing_the_figures_moves_nothing_on_the_page(visit, gallery, width):
    page, drawn, plain = players.heights_with_and_without_javascript(visit, gallery, width)
    np.testing.assert_allclose(drawn, plain, atol=2)
    for name in NAMES:
        group = Figure(page, name).group
        assert group.evaluate("group => group.scrollWidth <= group.clientWidth")
    assert players.layout_shifts(page) == []
    least = [widget._min_height for widget in figures.widgets().values()]
    assert all(height >= low - 2 for height, low in zip(drawn, least, strict=True))


def test_without_javascript_there_is_a_picture_and_a_sentence(visit, gallery):
    page = visit(gallery, java_script_enabled=False).page
    for element in page.locator("pixeledu-widget").all():
        pictures = element.locator("img")
        assert pictures.count() >= 1
        for picture in pictures.all():
            expect(picture).to_be_visible()
            assert picture.evaluate("img => img.complete && img.naturalWidth > 0")
            assert len(picture.get_attribute("alt").split()) > 3
        expect(element.get_by_text("JavaScript, or in a running notebook")).to_be_visible()
        assert "{" not in element.inner_text()


def test_nothing_plays_by_itself_and_playing_walks_pixel_by_pixel(visit, gallery):
    page = visit(gallery).page
    page.clock.install(time=0)
    page.reload()
    page.clock.pause_at(1000)
    shown = [Figure(page, name) for name in NAMES]
    page.clock.run_for(3000)
    before = [figure.position for figure in shown]
    assert before == [28, 53, 17, 0]
    for figure in shown:
        figure.button("To the start").click()
        figure.button("Play").click()
    page.clock.run_for(3050)
    assert [figure.playing for figure in shown] == [True] * 4
    for figure in shown[:3]:
        assert 11 <= figure.position <= 13  # 4 pixels a second
    page.clock.run_for(30_000)
    assert [figure.playing for figure in shown] == [False] * 4
    assert [figure.position for figure in shown] == [47, 59, 34, 63]


def test_reduced_motion_moves_row_by_row_twice_a_second_at_most(visit, gallery):
    page = visit(gallery, reduced_motion="reduce").page
    page.clock.install(time=0)
    page.reload()
    page.clock.pause_at(1000)
    figure = Figure(page, "receptive_field")
    figure.button("To the start").click()
    figure.group.get_by_role("combobox", name="Speed").select_option("64")
    figure.button("Play").click()
    seen = []
    for _ in range(35):
        page.clock.run_for(100)
        seen.append(figure.position)
    assert sorted(set(seen)) == [0, 9, 19, 29, 39, 49, 59]
    assert all(seen.count(stop) >= 4 for stop in (9, 19, 29, 39, 49))


@pytest.mark.parametrize("name", NAMES)
def test_two_views_agree_hear_python_and_leave_nothing_behind(visit, tmp_path, name):
    widget = figures.widgets()[name]
    state = {trait: getattr(widget, trait) for trait in widget.trait_names(page=True)}
    page = visit(players.write_views(tmp_path, name, {**state, "playing": False})).page
    first, second = Figure(page, name), Figure(page, name, 1)
    first.button("To the end").click()
    assert first.position == second.position > 30
    for trait, value in CHANGES[name].items():
        page.evaluate(f"model.set('{trait}', {json.dumps(value)})")
    assert first.group.inner_text() == second.group.inner_text()
    for text in SAID[name]:
        expect(second.group.get_by_text(text).locator("visible=true").first).to_be_visible()
    page.evaluate("cleanUps.map(f => f())")
    assert page.locator("#first > *, #second > *").count() == 0
    assert set(page.evaluate("Object.values(heard).map(s => s.size)")) == {0}


CHANGES = {  # what Python sets, and what the figure then says
    "mask_explorer": {"position": 9, "kernel_size": 3, "offset": [0, 0], "computes": "R"},
    "receptive_field": {"position": 32, "left": "Diagonal BiLSTM"},
    "leak_hunt": {"shown": 3, "position": 9, "answers": [[], [], ["none"], ["unshifted"], [], []]},
    "sampling_player": {"position": 20, "sample": 1, "temperature": 1.25},
}
SAID = {
    "mask_explorer": ["Mask B, 3×3: 5 of 9 weights open", "R read for R: open"],
    "receptive_field": ["From pixel (row 3, column 2)", "31 of 32 earlier pixels arrive"],
    "leak_hunt": ["Right-hand map not moved down. In the row", "2 of 6 named, 2 at the first try"],
    "sampling_player": ["pixel (row 2, column 4)", "Temperature 1.25"],
}


def test_damaged_data_say_so_in_the_figure_and_the_page_lives_on(visit, tmp_path):
    html = {name: widget.html() for name, widget in figures.widgets().items()}
    cases = [
        ("mask_explorer", ('"kernel_size":5', '"kernel_size":4'), "kernel_size should be one of"),
        ("mask_explorer", ('"mask_type":"B"', '"mask_type":null'), "mask_type should be one of"),
        ("receptive_field", ('"codes":"', '"codes":"AAAA'), "the field of PixelCNN should be"),
        ("receptive_field", ('"fields":[', '"fields":[null,'), "a field should have a name"),
        ("receptive_field", ('"width":10', '"width":0'), "width should be a whole number"),
        ("leak_hunt", ('"depends":"', '"depends":"?'), "what none depends on is not base64"),
        ("leak_hunt", ('"hunted":[1', '"hunted":[99'), "hunted should be a whole number"),
        ("sampling_player", ('"logs":"', '"logs":"AAAA'), "logs should be"),
        ("sampling_player", ('"temperatures":[1', '"temperatures":[-1'), "temperatures should be"),
    ]
    damaged = [html[name].replace(*change, 1) for name, change, _ in cases]
    assert all(text not in html.values() for text in damaged)
    page = visit(players.write_page(tmp_path, *damaged, *html.values())).page
    players.all_drawn(page)
    messages = page.get_by_role("alert")
    assert messages.count() == len(cases)
    for (_, _, reason), message in zip(cases, messages.all_inner_texts(), strict=True):
        assert message.startswith("This figure cannot be shown. Its stored data are damaged: ")
        assert reason in message
    assert players.violations(page) == ""
    for name in NAMES:
        figure = Figure(page, name)
        figure.button("To the end").click()
        assert figure.position > 30


def test_a_choice_out_of_range_is_put_right(visit, tmp_path):
    html = {name: widget.html() for name, widget in figures.widgets().items()}
    wrong = [
        html["mask_explorer"].replace('"offset":[-1,0]', '"offset":[-9,"x"]'),
        html["receptive_field"].replace('"left":"PixelCNN"', '"left":"GRU"'),
        html["leak_hunt"].replace('"shown":0', '"shown":1e9'),
        html["leak_hunt"].replace('"answers":[[]', '"answers":[["x",3]'),
        html["sampling_player"].replace('"sample":0', '"sample":7'),
        html["sampling_player"].replace('"temperature":1.0', '"temperature":"hot"'),
    ]
    assert not set(wrong) & set(html.values())
    page = visit(players.write_page(tmp_path, *wrong)).page
    expect(page.get_by_text("Weight (−2, 0), open")).to_be_visible()
    assert page.get_by_role("combobox", name="Model on the left").input_value() == "PixelCNN"
    assert Figure(page, "leak_hunt").pressed == ["Model 6"]
    expect(Figure(page, "leak_hunt", 1).group.get_by_text("0 of 6 named")).to_be_visible()
    for index in (0, 1):
        player = Figure(page, "sampling_player", index)
        expect(player.button("warm")).to_have_attribute("aria-pressed", "true")
        expect(player.group.get_by_text("Temperature 1.00")).to_be_visible()
