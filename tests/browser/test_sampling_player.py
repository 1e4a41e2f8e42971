"""The sampling player in Chromium: on the book's page, and on pages with traces of known numbers."""

import json
import re
from base64 import b64encode

import numpy as np
import players
import pytest
from figures import LOOKS, PHONE, THOROUGH, WIDTHS
from players import CHAPTER, TRACES, Player
from playwright.sync_api import expect

from pixeledu.widgets import SamplingPlayer


@pytest.fixture(scope="module")
def gallery(tmp_path_factory) -> str:
    """The address of a page with one player for each trace."""
    return players.write_all(tmp_path_factory.mktemp("gallery"))


@pytest.fixture(params=["chapter", "gallery"])
def address(request) -> str:
    """A page with a player: the book's chapter, and the gallery."""
    return CHAPTER if request.param == "chapter" else request.getfixturevalue("gallery")


@pytest.fixture(params=["gallery", pytest.param("chapter", marks=THOROUGH)])
def standing(request) -> str:
    """The same, for what `test_site` looks at in each chapter as well."""
    return CHAPTER if request.param == "chapter" else request.getfixturevalue("gallery")


# ---- by mouse, by touch, by keyboard ----------------------------------------------------------


def test_a_mouse_alone_is_enough(visit, address):
    player = Player(visit(address).page)
    player.button("To the end").click()
    assert player.position == player.last
    player.button("To the start").click()
    assert player.position == 0
    player.button("One value forward").click(click_count=3)
    assert player.position == 3
    player.button("One value back").click()
    assert player.position == 2

    row, column = player.shape[0] - 2, player.shape[1] // 2
    x, y = player.pixel(row, column)
    player.picture.click(position={"x": x, "y": y})
    assert player.place == (row, column)

    player.scrubber.scroll_into_view_if_needed()
    box = player.scrubber.bounding_box()
    player.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert abs(player.position - player.last / 2) < player.last / 20 + 1

    # Slow enough that what is left to draw outlasts the two clicks, on a busy machine too.
    player.speed.select_option("4")
    player.button("Play").click()
    expect(player.button("Pause")).to_be_visible()
    player.button("Pause").click()
    assert not player.playing


def test_dragging_over_the_picture_follows_the_mouse(visit, gallery):
    player = Player(visit(gallery).page, "an image of 17 greys")
    player.group.scroll_into_view_if_needed()
    player.page.mouse.move(*player.pixel_on_page(1, 1))
    player.page.mouse.down()
    for row, column in [(2, 3), (6, 7), (0, 0), (4, 2)]:
        player.page.mouse.move(*player.pixel_on_page(row, column))
        assert player.place == (row, column)
    player.page.mouse.move(*player.pixel_on_page(3, 30))  # far to the right of the picture
    assert player.place == (3, 7)
    player.page.mouse.up()
    player.page.mouse.move(*player.pixel_on_page(5, 5))
    assert player.place == (3, 7)


def test_a_finger_alone_is_enough(visit, address):
    player = Player(visit(address, **PHONE).page)
    player.button("To the end").tap()
    assert player.position == player.last
    player.button("One value back").tap()
    assert player.position == player.last - 1
    x, y = player.pixel(1, 2)
    player.picture.tap(position={"x": x, "y": y})
    assert player.place == (1, 2)
    before = player.position
    player.scrubber.scroll_into_view_if_needed()
    box = player.scrubber.bounding_box()
    player.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(player.scrubber).not_to_have_value(str(before))  # a tap may take a moment
    assert abs(player.position - player.last / 2) < player.last / 10
    player.button("Play").tap()
    expect(player.button("Pause")).to_be_visible()
    player.button("Pause").tap()
    assert not player.playing


def swipe(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Move a finger over the screen, as the browser itself would report it."""
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y} for x, y in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    touch("touchStart", start)
    for share in np.linspace(0, 1, 12)[1:]:
        touch("touchMove", tuple(np.array(start) * (1 - share) + np.array(end) * share))
        page.wait_for_timeout(16)
    touch("touchEnd")


def test_a_finger_moves_the_replay_sideways_and_the_page_up(visit, gallery):
    player = Player(visit(gallery, **PHONE).page, "an image of 17 greys")
    player.page.evaluate("scrollTo(0, 0)")
    player.group.scroll_into_view_if_needed()
    swipe(player.page, player.pixel_on_page(4, 1), player.pixel_on_page(4, 6))
    assert player.place == (4, 6)

    before = player.page.evaluate("scrollY")
    swipe(player.page, player.pixel_on_page(6, 3), player.pixel_on_page(1, 3))
    player.page.wait_for_function(f"scrollY > {before + 50}")
    assert player.place == (4, 6)


def test_a_keyboard_alone_is_enough(visit, address):
    player = Player(visit(address).page)
    page, (_, width) = player.page, player.shape
    for _ in range(200):
        page.keyboard.press("Tab")
        if player.button("To the start").evaluate("b => b === document.activeElement"):
            break
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert player.button("Play").evaluate("b => b === document.activeElement")
    assert player.button("Play").evaluate("b => getComputedStyle(b).outlineStyle") == "solid"
    page.keyboard.press("Space")
    expect(player.button("Pause")).to_be_visible()
    page.keyboard.press("Enter")
    expect(player.button("Play")).to_be_visible()

    def position_after(key: str) -> int:
        page.keyboard.press(key)
        return player.position

    assert position_after("End") == player.last
    assert position_after("ArrowRight") == player.last
    assert position_after("Home") == 0
    assert position_after("ArrowLeft") == 0
    place = player.place
    assert position_after("ArrowDown") >= width
    assert player.place == (place[0] + 1, place[1])
    assert position_after("ArrowUp") == 0
    for _ in range(3):  # past "one forward" and "to the end", on to the scrubber
        page.keyboard.press("Tab")
    assert player.scrubber.evaluate("s => s === document.activeElement")
    assert position_after("ArrowRight") == 1
    assert position_after("ArrowDown") > width
    assert player.scrubber.get_attribute("aria-valuetext").startswith("pixel (row 1, column ")

    for key, changes in (("+", 1), ("-", -1), ("=", 1)):
        index = player.speed.evaluate("s => s.selectedIndex")
        page.keyboard.press(key)
        assert player.speed.evaluate("s => s.selectedIndex") == index + changes
    page.keyboard.press("Space")
    assert player.playing
    page.keyboard.press("Space")
    assert not player.playing
    page.keyboard.press("Tab")
    index = player.speed.evaluate("s => s.selectedIndex")
    page.keyboard.press("ArrowUp")
    assert player.speed.evaluate("s => s.selectedIndex") == index - 1


def test_keys_of_the_player_reach_nobody_else_and_other_keys_do(visit, gallery):
    player = Player(visit(gallery).page)
    player.page.evaluate(
        "document.addEventListener('keydown', e => (window.heard ??= []).push(e.key))"
    )
    player.scrubber.focus()
    for key in ("ArrowDown", " ", " ", "+", "x", "Control+ArrowLeft", "Home", "End"):
        player.page.keyboard.press(key)
    assert player.page.evaluate("heard") == ["x", "Control", "ArrowLeft"]
    assert player.position == player.last


# ---- what is shown ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", TRACES)
def test_each_step_shows_what_was_drawn_and_how_likely_it_was(visit, gallery, name):
    player = Player(visit(gallery).page, name)
    trace = TRACES[name]
    channels, height, width = trace.image.shape
    values = trace.image.transpose(1, 2, 0).ravel()
    known = trace.known.transpose(1, 2, 0).ravel()
    flat = trace.probabilities.reshape(-1, trace.levels)
    steps = np.flatnonzero(~known)
    for step in sorted({0, 1, len(steps) // 2, len(steps) - 1} & set(range(len(steps)))):
        player.scrubber.fill(str(step))
        place = steps[step]
        row, column, channel = np.unravel_index(place, (height, width, channels))
        colour = f", {('red', 'green', 'blue')[channel]}" if channels == 3 else ""
        text = player.readout.inner_text()
        assert f"pixel (row {row}, column {column}){colour}\n" in text
        p = flat[place, values[place]]
        shown = float(re.search(rf"drawn {values[place]}, probability ([\d.]+)", text)[1])
        assert shown == pytest.approx(p, rel=0.051)
        nats = -np.log([flat[s, values[s]] for s in steps[: step + 1]]).sum()
        assert float(re.search(r"so far: ([\d.]+) nats", text)[1]) == pytest.approx(nats, abs=0.051)
        assert f"value {step + 1} of {len(steps)}" in text
        chain = player.group.locator(".pixeledu-chain").all_inner_texts()
        if channels == 1:
            assert chain == []
        else:
            assert chain[0].count("p(") == sum(s // 3 == place // 3 for s in steps[: step + 1])

        drawn = known | (np.arange(values.size) <= place)
        shades = np.where(drawn, np.rint(values * (255 / (trace.levels - 1))), 0)
        painted = player.painted()
        shades = np.broadcast_to(shades.reshape(height, width, channels), (height, width, 3))
        np.testing.assert_allclose(painted[..., :3], shades, atol=0.5)
        alpha = 255 * drawn.reshape(height, width, channels).any(-1)
        np.testing.assert_array_equal(painted[..., 3], alpha)

        cursor = player.group.locator(".pixeledu-cursor").bounding_box()
        x, y = player.pixel_on_page(row, column)
        middle = cursor["x"] + cursor["width"] / 2, cursor["y"] + cursor["height"] / 2
        assert middle == pytest.approx((x, y), abs=0.6)

        bars = player.group.locator(".pixeledu-bars > i")
        heights = bars.evaluate_all(
            "all => all.map(i => i.firstChild.getBoundingClientRect().height / i.clientHeight)"
        )
        in_a_bar = -(-trace.levels // 32)
        wanted = np.add.reduceat(flat[place], range(0, trace.levels, in_a_bar))
        np.testing.assert_allclose(heights, wanted, atol=0.01)
        (marked,) = bars.evaluate_all(
            "all => [...all.keys()].filter(i => all[i].matches('.pixeledu-drawn'))"
        )
        assert marked == values[place] // in_a_bar


def test_given_pixels_are_framed_and_said_to_be_given(visit, gallery):
    player = Player(visit(gallery).page, "a completed image")
    assert player.place == (6, 0)
    assert "Pixels inside the blue line were given." in player.readout.inner_text()
    frame = player.group.locator("path.pixeledu-given").evaluate(
        "path => { const { x, y, width, height } = path.getBBox(); return [x, y, width, height]; }"
    )
    assert frame == [0, 0, 12, 6]
    x, y = player.pixel(2, 2)
    player.picture.click(position={"x": x, "y": y})
    assert player.place == (6, 0)  # the first pixel that was drawn after it


def test_a_dot_is_a_whole_number_of_screen_pixels(visit, gallery):
    page = visit(gallery).page
    for name, trace in TRACES.items():
        box = Player(page, name).picture.bounding_box()
        scale = 280 // max(trace.image.shape[1:])
        assert (box["height"], box["width"]) == tuple(scale * n for n in trace.image.shape[1:])


# ---- playing ----------------------------------------------------------------------------------


@pytest.fixture
def with_clock(visit, gallery):
    """Open a player of the gallery on a page whose time the test moves."""

    def open_player(name: str, **options) -> Player:
        page = visit(gallery, **options).page
        page.clock.install(time=0)
        page.reload()
        page.clock.pause_at(1000)
        return Player(page, name)

    return open_player


@pytest.mark.parametrize("name", ["a binary image", "a colour image"])
def test_playing_draws_the_chosen_number_of_pixels_a_second(with_clock, name):
    player = with_clock(name)
    channels = TRACES[name].image.shape[0]
    for speed in (1, 4, 16, 64, 256):
        player.button("To the start").click()
        player.speed.select_option(str(speed))
        player.button("Play").click()
        seconds = min(3, 200 / speed)
        player.page.clock.run_for(1000 * seconds + 50)
        wanted = seconds * speed * channels
        assert (
            wanted - 0.05 * speed * channels <= player.position <= wanted + 0.05 * speed * channels
        )
        assert player.playing


def test_playing_stops_at_the_end_and_begins_again(with_clock):
    player = with_clock("an image of 17 greys")
    player.speed.select_option("256")
    player.button("Play").click()
    player.page.clock.run_for(2000)
    assert player.position == player.last
    assert not player.playing
    player.button("Play").click()
    player.page.clock.run_for(100)
    assert 0 < player.position < player.last


def test_nothing_plays_by_itself(with_clock):
    page = with_clock("a binary image").page
    page.clock.run_for(5000)
    for player in (Player(page, name) for name in TRACES):
        assert (player.position, player.playing) == (0, False)


def test_any_move_by_hand_stops_playing(with_clock):
    player = with_clock("a binary image")
    moves = [
        lambda: player.page.keyboard.press("ArrowLeft"),
        lambda: player.button("One value forward").click(),
        lambda: player.scrubber.fill("300"),
        lambda: player.picture.click(position={"x": 50, "y": 50}),
    ]
    for move in moves:
        player.button("Play").click()
        player.page.clock.run_for(200)
        assert player.playing
        move()
        position = player.position
        player.page.clock.run_for(2000)
        assert (player.playing, player.position) == (False, position)


def test_reduced_motion_moves_on_by_rows_twice_a_second_at_most(with_clock):
    player = with_clock("an image of 17 greys", reduced_motion="reduce")
    player.speed.select_option("256")
    player.button("Play").click()
    seen = []
    for _ in range(50):
        player.page.clock.run_for(100)
        seen.append(player.position)
    stops = sorted(set(seen))
    assert stops == [0, 7, 15, 23, 31, 39, 47, 55, 63]
    assert all(seen.count(stop) >= 4 for stop in stops[1:-1])
    assert not player.playing


def test_a_page_in_the_background_does_not_catch_up(with_clock):
    player = with_clock("a binary image")
    player.speed.select_option("16")
    player.button("Play").click()
    player.page.clock.run_for(1000)
    before = player.position
    player.page.clock.fast_forward(20_000)  # no frames were drawn meanwhile
    player.page.clock.run_for(500)
    assert before < player.position <= before + 12


def test_a_player_taken_off_the_page_stops(with_clock):
    player = with_clock("a binary image")
    player.page.evaluate(
        "() => { const ask = requestAnimationFrame; window.frames_ = 0;"
        "window.requestAnimationFrame = f => (frames_++, ask(f)); }"
    )
    player.button("Play").click()
    player.page.clock.run_for(300)
    assert player.page.evaluate("frames_") > 3
    player.page.evaluate("document.querySelector('pixeledu-widget').remove()")
    player.page.clock.run_for(300)
    before = player.page.evaluate("frames_")
    player.page.clock.run_for(1000)
    assert player.page.evaluate("frames_") == before


def test_players_on_one_page_do_not_disturb_each_other(with_clock):
    first = with_clock("a binary image")
    others = [Player(first.page, name) for name in TRACES if name != "a binary image"]
    first.button("Play").click()
    first.page.clock.run_for(500)
    others[0].button("To the end").click()
    first.page.clock.run_for(500)
    assert first.playing
    assert first.position > 20
    assert [other.position for other in others] == [others[0].last, *[0] * (len(others) - 1)]


# ---- one model, two views: as in a notebook ----------------------------------------------------


@pytest.fixture
def two_views(visit, tmp_path):
    """A page with two views `first` and `second` of one `model`, drawn from the notebook's module."""
    player = SamplingPlayer(TRACES["a binary image"], speed=16)
    state = {name: getattr(player, name) for name in ("data", "position", "playing", "speed")}
    opened = visit(players.write_views(tmp_path, "sampling_player", state)).page
    opened.clock.install(time=0)
    opened.reload()
    opened.clock.pause_at(1000)
    opened.locator("#second canvas").wait_for()
    return opened


def positions(page) -> list[int]:
    return [int(slider.input_value()) for slider in page.get_by_role("slider").all()]


def test_two_views_of_one_player_agree_and_play_at_one_speed(two_views):
    two_views.locator("#second").get_by_role("button", name="One value forward").click()
    assert positions(two_views) == [1, 1]
    two_views.locator("#first").get_by_role("button", name="Play").click()
    two_views.clock.run_for(3000)
    first, second = positions(two_views)
    assert first == second
    assert 1 + 46 <= first <= 1 + 50
    assert two_views.evaluate("saves") < 40


def test_python_moves_plays_and_sets_the_speed(two_views):
    two_views.evaluate("model.set('position', 100)")
    assert positions(two_views) == [100, 100]
    two_views.evaluate("model.set('speed', 256)")
    assert two_views.get_by_role("combobox").first.input_value() == "256"
    two_views.evaluate("model.set('playing', true)")
    two_views.clock.run_for(500)
    assert 200 < positions(two_views)[0] < 240
    two_views.evaluate("model.set('playing', false)")
    stopped = positions(two_views)
    two_views.clock.run_for(500)
    assert positions(two_views) == stopped


def test_cleaning_up_a_view_leaves_nothing_behind(two_views):
    two_views.evaluate("model.set('playing', true)")
    two_views.evaluate("cleanUps[0]()")
    assert two_views.locator("#first > *").count() == 0
    two_views.clock.run_for(500)
    assert positions(two_views)[0] >= 7  # the other view goes on
    two_views.evaluate("cleanUps[1]()")
    assert two_views.evaluate("Object.values(heard).map(s => s.size)") == [0, 0, 0]


# ---- for everybody ----------------------------------------------------------------------------


@pytest.mark.parametrize(("theme", "options"), LOOKS)
def test_axe_finds_nothing(visit, standing, theme, options):
    page = visit(standing, theme=theme, **options).page
    player = Player(page)
    assert players.violations(page) == ""
    player.button("To the end").click()
    player.button("Play").click()
    assert players.violations(page) == ""


@pytest.mark.parametrize(("options", "least"), [({}, 24), (PHONE, 44)], ids=["mouse", "finger"])
def test_controls_are_large_enough_to_hit(visit, standing, options, least):
    player = Player(visit(standing, **options).page)
    controls = [*player.group.get_by_role("button").all(), player.scrubber, player.speed]
    assert len(controls) == 7
    for control in controls:
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= least


@pytest.mark.parametrize("width", WIDTHS)
def test_drawing_the_figures_moves_nothing_on_the_page(visit, standing, width):
    page, drawn, plain = players.heights_with_and_without_javascript(visit, standing, width)
    assert 0 < page.locator("pixeledu-widget .pixeledu-player").count() <= len(drawn)
    np.testing.assert_allclose(drawn, plain, atol=2)
    for player in page.get_by_role("group", name="Replay: ").all():
        assert player.evaluate("group => group.scrollWidth <= group.clientWidth")


@pytest.mark.parametrize("width", [390, 700, 1000, 1600])
def test_the_controls_stand_below_the_picture_and_the_chart(visit, gallery, width):
    page = visit(gallery, width=width).page
    page.evaluate("document.body.style.maxWidth = 'none'")  # as wide as a notebook can be
    figures = page.locator("pixeledu-widget .pixeledu-player").all()
    assert figures
    for figure in figures:
        boxes = [
            figure.locator(f".pixeledu-{part}").bounding_box()
            for part in ("picture", "chart", "transport", "scrub")
        ]
        bottom = max(box["y"] + box["height"] for box in boxes[:2])
        assert all(box["y"] >= bottom for box in boxes[2:])


def test_without_javascript_there_is_the_finished_picture_and_a_sentence(visit, standing):
    page = visit(standing, java_script_enabled=False).page
    element = page.locator("pixeledu-widget[data-name=sampling_player]").first
    picture = element.locator("img")
    expect(picture).to_be_visible()
    assert re.search(r", \d+×\d+ pixels, finished$", picture.get_attribute("alt"))
    assert picture.bounding_box()["width"] > 200
    expect(element.get_by_text("The finished picture")).to_be_visible()
    assert "{" not in element.inner_text()


def test_only_a_still_player_speaks(with_clock):
    player = with_clock("a binary image")
    assert player.readout.get_attribute("aria-live") == "polite"
    player.button("Play").click()
    player.page.clock.run_for(200)
    assert player.readout.get_attribute("aria-live") == "off"
    player.button("Pause").click()
    assert player.readout.get_attribute("aria-live") == "polite"
    player.scrubber.focus()
    player.page.keyboard.press("ArrowLeft")
    assert player.readout.get_attribute("aria-live") == "off"  # the slider says it itself


def test_names_and_state_are_there_for_a_screen_reader(visit, gallery):
    player = Player(visit(gallery).page, "an image of 17 greys")
    player.button("One value forward").click()
    snapshot = player.group.aria_snapshot()
    for line in (
        'group "Replay: an image of 17 greys"',
        'img "an image of 17 greys: 2 of 64 values drawn"',
        'img "Most probable values: ',
        'button "Play"',
        'slider "Position in the replay"',
        'combobox "Speed"',
        'option "4 pixels/s" [selected]',
    ):
        assert line in snapshot


COLOURS = """
group => {
  const paper = getComputedStyle(group).backgroundColor, ink = getComputedStyle(group).color;
  const grey = c => c.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0) / 3;
  return [grey(paper), grey(ink)];
}
"""


THEMES = {
    "document.documentElement.dataset.theme = 'dark'": True,
    "document.documentElement.dataset.theme = 'light'": False,
    "document.body.dataset.jpThemeLight = 'false'": True,
    "document.body.dataset.jpThemeLight = 'true'": False,
    "document.documentElement.setAttribute('theme', 'dark')": True,
    "document.body.dataset.vscodeThemeKind = 'vscode-dark'": True,
    "document.body.dataset.vscodeThemeKind = 'vscode-light'": False,
}


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_pages_theme_wins_and_without_one_the_systems(visit, gallery, system):
    page = visit(gallery, theme=system).page

    def looks_dark() -> bool:
        paper, ink = Player(page).group.evaluate(COLOURS)
        assert abs(paper - ink) > 150
        return paper < ink

    assert looks_dark() == (system == "dark")
    for theme, dark in THEMES.items():
        page.reload()
        page.evaluate(theme)
        assert looks_dark() == dark, theme


# ---- damaged data ------------------------------------------------------------------------------


def damaged(**changes) -> str:
    html = SamplingPlayer(TRACES["an image of 17 greys"]).html()
    state = json.loads(re.search(r'json">(.*?)</script', html)[1])
    state["data"] = {**state["data"], **changes} if changes else None
    return re.sub(r'(json">).*?(</script)', lambda m: m[1] + json.dumps(state) + m[2], html)


def test_damaged_data_say_so_in_the_figure_and_the_page_lives_on(visit, tmp_path):
    data = SamplingPlayer(TRACES["an image of 17 greys"]).data
    not_a_number = b64encode(np.full(64, np.nan, "<f4").tobytes()).decode()
    cases = {
        "image should be 64 bytes long": damaged(image=data["image"][:-8]),
        "bars is not base64": damaged(bars="§" + data["bars"]),
        "nats holds a number that is not finite": damaged(nats=not_a_number),
        "nats should be 256 bytes long": damaged(nats=""),
        "width should be a whole number": damaged(width=None),
        "image should be 72 bytes": damaged(width=9),
        "image holds a value too large": damaged(levels=2, bars=""),
        "data is missing": damaged(),
    }
    sound = SamplingPlayer(TRACES["an image of 17 greys"], description="sound").html()
    page = visit(players.write_page(tmp_path, *cases.values(), sound)).page
    players.all_drawn(page)
    messages = page.get_by_role("alert")
    assert messages.count() == len(cases)
    for reason, message in zip(cases, messages.all_inner_texts(), strict=True):
        assert message.startswith("This figure cannot be shown. Its stored data are damaged: ")
        assert reason in message
    assert players.violations(page) == ""
    player = Player(page, "sound")
    player.button("To the end").click()
    assert player.position == 63


def test_a_position_or_speed_out_of_range_is_put_right(visit, tmp_path):
    html = SamplingPlayer(TRACES["an image of 17 greys"]).html()
    wrong = [("-5", "0"), ("1e9", "63"), ("null", "0"), ('"x"', "0"), ("3.7", "3")]
    elements = [html.replace('"position":0', f'"position":{value}') for value, _ in wrong]
    elements += [html.replace('"speed":4', '"speed":"fast"')]
    page = visit(players.write_page(tmp_path, *elements)).page
    players.all_drawn(page)
    shown = [slider.input_value() for slider in page.get_by_role("slider").all()]
    assert shown == [*(right for _, right in wrong), "0"]
    assert page.get_by_role("combobox").last.input_value() == "16"
