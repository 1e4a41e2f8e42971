"""The wavefront's Python half: which pixels a step computes, what is stored, what is refused."""

import json
import re
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
import traitlets
from hypothesis import given
from hypothesis import strategies as st

from pixeledu.widgets import Wavefront
from pixeledu.widgets.wavefront import MODELS, PHASES, SPEEDS

STATES = st.fixed_dictionaries(
    {
        "height": st.integers(1, 9),
        "width": st.integers(1, 9),
        "model": st.sampled_from(list(MODELS)),
        "phase": st.sampled_from(PHASES),
    }
)


def state_of(html: str) -> dict:
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html)[1])


def picture_of(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(unquote(re.search(r'src="data:image/svg\+xml,(.*?)"', html)[1]))


# ---- which pixels ----------------------------------------------------------------------------


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("height", "width"), [(8, 8), (3, 5), (1, 1), (32, 1)])
def test_the_steps_are_as_many_as_the_paper_says(height, width, model, phase):
    training = {"pixelcnn": 1, "row-lstm": height, "diagonal-bilstm": height + width - 1}
    steps = training[model] if phase == "training" else height * width
    assert Wavefront(height, width, model=model, phase=phase).steps == steps


def test_one_step_of_each_kind_computes_the_pixels_that_it_should():
    def pixels(step, **options):
        return Wavefront(3, 4, **options).pixels(step)

    assert pixels(2) == [[(0, 2), (1, 1), (2, 0)], [(0, 1), (1, 2), (2, 3)]]
    assert pixels(1, model="row-lstm") == [[(1, 0), (1, 1), (1, 2), (1, 3)]]
    assert pixels(0, model="pixelcnn") == [[(r, c) for r in range(3) for c in range(4)]]
    for model in MODELS:
        assert pixels(6, model=model, phase="sampling") == [[(1, 2)]]


@given(STATES)
def test_every_pixel_of_a_scan_is_computed_once(state):
    wavefront = Wavefront(**state)
    for scan in zip(*map(wavefront.pixels, range(wavefront.steps)), strict=True):
        assert all(scan)
        everything = sorted(pixel for pixels in scan for pixel in pixels)
        assert everything == [(r, c) for r in range(state["height"]) for c in range(state["width"])]


def test_without_a_number_the_pixels_are_those_of_the_shown_step():
    wavefront = Wavefront(step=3)
    assert wavefront.pixels() == wavefront.pixels(3)
    wavefront.step = 7
    assert wavefront.pixels() == wavefront.pixels(7)


# ---- what is stored and shown ------------------------------------------------------------------


def test_the_same_choice_gives_the_same_html_and_repr_every_time():
    first, second = (Wavefront(6, 10, model="row-lstm", step=2) for _ in range(2))
    assert first.html() == second.html()
    assert repr(first) == repr(second) == "Wavefront(6×10, row-lstm, training)"
    assert repr(Wavefront()) == "Wavefront(8×8, diagonal-bilstm, training)"


def test_the_html_carries_the_state_that_the_live_widget_has():
    wavefront = Wavefront(5, 4, phase="sampling", skewed=True, step=7)
    wavefront.speed, wavefront.playing = 16, True
    live = wavefront.get_state()
    names = ("height", "width", "model", "phase", "skewed", "step", "speed")
    assert state_of(wavefront.html()) == {
        name: live[name] for name in names
    }  # it never plays alone
    assert live["playing"] is True


def test_an_output_holds_the_live_view_and_the_page_and_a_text():
    wavefront = Wavefront()
    data, _ = wavefront._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == wavefront.model_id
    assert data["text/html"] == wavefront.html()
    assert data["text/plain"] == repr(wavefront)


def test_an_output_stays_small():
    assert len(Wavefront().html()) < 5_000
    assert max(len(Wavefront(32, 32, skewed=skewed).html()) for skewed in (False, True)) < 40_000


@given(STATES, st.booleans(), st.data())
def test_the_picture_without_javascript_shows_the_pixels_of_a_step(state, skewed, data):
    wavefront = Wavefront(**state, skewed=skewed)
    wavefront.step = data.draw(st.integers(0, wavefront.steps - 1))
    shown = wavefront.step or wavefront.steps // 2
    height, width = state["height"], state["width"]
    wanted = set()
    for scan, pixels in enumerate(wavefront.pixels(shown)):
        for row, column in pixels:
            if skewed and state["model"] == "diagonal-bilstm" and state["phase"] == "training":
                column = row + (width - 1 - column if scan else column)
            wanted.add((column, row + scan * (height + 1)))
    html = wavefront.html()
    *_, now = picture_of(html)
    cells = re.findall(r"M(\d+) (\d+)h1v1h-1z", now.get("d"))
    assert {(int(x), int(y)) for x, y in cells} == wanted
    assert f"step {shown + 1} of {wavefront.steps}: " in re.search('alt="(.*?)"', html)[1]


def test_without_javascript_the_numbers_stand_in_a_sentence():
    html = Wavefront(model="row-lstm", phase="sampling").html()
    assert "1 in a PixelCNN, 8 in a Row LSTM, 15 in a Diagonal BiLSTM;" in html
    assert "sampling, in every model: 64." in html


# ---- what Python sets, and what is refused -----------------------------------------------------


def test_everything_can_be_set_while_it_lives():
    wavefront = Wavefront()
    for name, value in (
        *(("height", 4), ("width", 6), ("phase", "sampling"), ("step", 23), ("model", "pixelcnn")),
        *(("skewed", True), ("speed", 64), ("playing", True)),
    ):
        setattr(wavefront, name, value)
        assert getattr(wavefront, name) == value
    assert repr(wavefront) == "Wavefront(4×6, pixelcnn, sampling)"


def test_a_step_that_is_no_longer_there_becomes_the_last():
    wavefront = Wavefront(phase="sampling", step=40)
    wavefront.phase = "training"
    assert wavefront.step == 14
    wavefront.model = "row-lstm"
    assert wavefront.step == 7
    wavefront.height = 3
    assert wavefront.step == 2


def test_what_the_page_sends_at_once_is_taken_at_once():
    wavefront = Wavefront(step=14)
    wavefront.set_state({"model": "row-lstm", "phase": "sampling", "step": 40, "playing": False})
    assert (wavefront.model, wavefront.phase, wavefront.step) == ("row-lstm", "sampling", 40)


REFUSED = [
    ("height", 0, "height must be a whole number of at least 1, got 0"),
    ("height", "x", "height must be a whole number of at least 1, got 'x'"),
    ("height", 33, "height must be at most 32, got 33"),
    ("width", 2.5, "width must be a whole number of at least 1, got 2.5"),
    ("width", True, "width must be a whole number of at least 1, got True"),
    ("model", "gru", "model must be one of .*'diagonal-bilstm'.*, got 'gru'"),
    ("model", None, "model must be one of .*, got None"),
    ("phase", "dreaming", "phase must be one of .'training', 'sampling'., got 'dreaming'"),
    ("skewed", "yes", "skewed must be one of .False, True., got 'yes'"),
    ("skewed", 1, "skewed must be one of .False, True., got 1"),
    ("step", -1, "step must be a whole number of at least 0, got -1"),
    ("step", 1.0, "step must be a whole number of at least 0, got 1.0"),
    ("step", 15, r"step must be from 0 to 14 \(Wavefront\(8×8, diagonal-bilstm, training\) has 15"),
]


@pytest.mark.parametrize(("name", "value", "message"), REFUSED)
def test_an_argument_out_of_range_is_refused(name, value, message):
    with pytest.raises(ValueError, match=message):
        Wavefront(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [*REFUSED, ("speed", 3, r"speed must be one of \(1, 2, 4, 16, 64\), got 3")],
)
def test_a_refused_value_leaves_the_widget_as_it_was(name, value, message):
    wavefront = Wavefront(step=3)
    before = wavefront.html()
    with pytest.raises(ValueError, match=message):
        setattr(wavefront, name, value)
    assert wavefront.html() == before


def test_there_are_no_pixels_of_a_step_that_is_not_there():
    with pytest.raises(ValueError, match="step must be from 0 to 14"):
        Wavefront().pixels(15)


def test_playing_is_true_or_false():
    with pytest.raises(traitlets.TraitError):
        Wavefront().playing = "fast"


@pytest.mark.parametrize("speed", SPEEDS)
def test_every_speed_on_offer_can_be_chosen(speed):
    wavefront = Wavefront()
    wavefront.speed = speed
    assert state_of(wavefront.html())["speed"] == speed
