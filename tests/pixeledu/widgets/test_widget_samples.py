"""Several samples in one player, and the temperature: what is stored, what is refused."""

import json
import re
from base64 import b64decode
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import pixeledu
from pixeledu.widgets import SamplingPlayer


def make_trace(seed=0, channels=1, height=3, width=4, levels=5, known=0) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (height, width, channels, levels))
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    image = rng.integers(0, levels, (channels, height, width)).astype(np.uint8)
    given = np.zeros(image.shape, bool)
    given[:, :known] = True
    return SimpleNamespace(image=image, probabilities=probabilities, known=given, levels=levels)


def state_of(html: str) -> dict:
    return json.loads(re.search(r'application/json">(.*?)</script>', html)[1])


def test_a_player_of_one_trace_is_stored_as_it_was_before_there_could_be_several():
    player = SamplingPlayer(make_trace())
    assert set(state_of(player.html())) == {"data", "position", "speed"}
    assert not {"names", "others", "temperatures", "logs"} & set(player.data)
    assert (player.sample, player.temperature) == (None, None)


def test_each_sample_is_stored_as_a_player_of_its_own_would_store_it():
    traces = {f"seed {seed}": make_trace(seed, known=1) for seed in range(3)}
    player = SamplingPlayer(traces)
    assert player.data["names"] == list(traces)
    for i, trace in enumerate(traces.values()):
        alone = SamplingPlayer(trace).data
        stored = player.data | (player.data["others"][i - 1] if i else {})
        assert {name: stored[name] for name in alone} == alone
    assert repr(player) == "SamplingPlayer(3 samples, 3×4, 1 channel, 5 levels)"


def test_the_html_carries_the_state_that_the_live_widget_has():
    player = SamplingPlayer({"a": make_trace(), "b": make_trace(1)}, drawn_at=[0.7, 2])
    assert (player.sample, player.temperature) == (0, 0.7)
    player.sample, player.temperature = 1, 1.5
    live = player.get_state()
    names = ("data", "position", "speed", "sample", "temperature")
    assert state_of(player.html()) == {name: live[name] for name in names}


def test_each_log_probability_is_stored_to_a_fraction_of_a_nat():
    trace = make_trace(levels=17)
    player = SamplingPlayer(trace, drawn_at=1)
    below = np.frombuffer(b64decode(player.data["logs"]), "<u2").reshape(12, 17) / 2048
    p = trace.probabilities.reshape(12, 17)
    np.testing.assert_allclose(below, np.log(p.max(1, keepdims=True) / p), atol=0.51 / 2048)


def test_a_level_that_cannot_be_is_stored_as_very_unlikely():
    trace = make_trace()
    trace.probabilities[0, 0, 0] = np.eye(5)[trace.image[0, 0, 0]]
    logs = np.frombuffer(b64decode(SamplingPlayer(trace, drawn_at=1).data["logs"]), "<u2")
    assert sorted(logs[:5]) == [0, 65535, 65535, 65535, 65535]


def test_two_levels_need_no_logarithms():
    assert SamplingPlayer(make_trace(levels=2), drawn_at=1).data["logs"] == ""


def test_samples_of_a_model_at_three_temperatures_stay_small():
    model = pixeledu.load_pretrained("digits-pixelcnn").double()
    drawn_at = [0.7, 1.0, 1.3]
    traces = {
        f"T = {t}": pixeledu.sample_trace(
            model, 8, 8, temperature=t, generator=torch.Generator().manual_seed(0)
        )
        for t in drawn_at
    }
    html = SamplingPlayer(traces, drawn_at=drawn_at).html()
    assert len(html) < 18_000
    assert len(html.splitlines()) == 1
    assert html.count("<img") == 3
    for name in traces:
        assert f'alt="{name}, 8×8 pixels, finished"' in html


def test_names_cannot_break_out_of_the_html():
    name = '</script><img src=x onerror="alert(1)">'
    html = SamplingPlayer({name: make_trace(), "b": make_trace(1)}).html()
    assert html.count("</script") == 1
    assert "<img src=x" not in html


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (make_trace(height=4), r"trace\['b'\] must have the shape, .* got \(4, 4, 1, 5\)"),
        (make_trace(levels=6), r"trace\['b'\] must have the shape"),
        (make_trace(known=1), r"trace\['b'\] must have .* known values' places .*, 4 known"),
        (None, "trace must be a pixeledu.Trace, got NoneType"),
    ],
)
def test_samples_that_do_not_belong_together_are_refused(other, message):
    with pytest.raises(ValueError, match=message):
        SamplingPlayer({"a": make_trace(), "b": other})


@pytest.mark.parametrize(
    ("trace", "options", "message"),
    [
        ({}, {}, "trace must hold 1 to 6 traces, got 0"),
        ({str(i): make_trace() for i in range(7)}, {}, "trace must hold 1 to 6 traces, got 7"),
        (make_trace(), {"drawn_at": 0}, "drawn_at must be a temperature from 0.1 to 3, got 0"),
        (make_trace(), {"drawn_at": "1"}, "drawn_at must be a temperature .* got '1'"),
        (make_trace(), {"drawn_at": True}, "drawn_at must be a temperature"),
        (make_trace(), {"drawn_at": float("nan")}, "drawn_at must be a temperature"),
        (make_trace(), {"drawn_at": [1, 1]}, "drawn_at must hold 1 temperatures, got 2"),
        (make_trace(levels=33), {"drawn_at": 1}, "drawn_at must be None for more than 32 levels"),
    ],
)
def test_an_argument_out_of_range_is_refused(trace, options, message):
    with pytest.raises(ValueError, match=message):
        SamplingPlayer(trace, **options)


def test_a_refused_choice_leaves_the_player_as_it_was():
    several = SamplingPlayer({"a": make_trace(), "b": make_trace(1)}, drawn_at=1)
    before = several.html()
    for name, value in (
        *(("sample", 2), ("sample", -1), ("sample", None)),
        *(("temperature", 0.05), ("temperature", 3.5), ("temperature", None), ("sample", True)),
        *(("temperature", "hot"), ("temperature", float("nan"))),
    ):
        with pytest.raises(ValueError, match=f"{name} must be"):
            setattr(several, name, value)
    assert several.html() == before
    one = SamplingPlayer(make_trace())
    for name, message in (("sample", "one trace is shown"), ("temperature", "without drawn_at")):
        with pytest.raises(ValueError, match=f"{name} must be None .*{message}"):
            setattr(one, name, 1)
