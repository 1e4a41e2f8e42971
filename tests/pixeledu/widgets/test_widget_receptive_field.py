"""The receptive field's Python half: what is measured, what is stored, what is refused."""

import json
import re
from base64 import b64decode

import numpy as np
import pytest
import torch
from torch import nn

import pixeledu
from pixeledu.inspection import receptive_fields
from pixeledu.widgets import ReceptiveField
from pixeledu.widgets.receptive_field import codes, deep_twin

KINDS = ("pixelcnn", "row-lstm", "diagonal-bilstm", "gated-pixelcnn")
SIZE = (5, 8)


def build(kind: str, layers: int = 1, channels: int = 1) -> nn.Module:
    torch.manual_seed(0)
    return pixeledu.build_model(kind, channels=channels, hidden=16, layers=layers)


@pytest.fixture(scope="module")
def figure() -> ReceptiveField:
    return ReceptiveField({kind: build(kind) for kind in KINDS}, *SIZE)


def edges_of_a_pixelcnn(layers: int, position: int) -> np.ndarray:
    """The formula of chapter 3."""
    row, column = divmod(position, SIZE[1])
    up = row - np.arange(SIZE[0])[:, None]
    right = np.arange(SIZE[1])[None] - column
    above = (up > 0) & (up <= 3 + layers) & (right <= 3 + np.minimum(up - 1, layers))
    return (above | ((up == 0) & (right < 0))) & (right >= -3 - layers)


# ---- what is measured --------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_all_pixels_at_once_see_what_each_sees_alone(kind, channels):
    model = build(kind, channels=channels)
    together = receptive_fields(model, 4, 5, channel=channels - 1)
    assert together.shape == (4, 5, channels, 4, 5)
    for row, column in ((0, 0), (0, 4), (2, 1), (3, 4)):
        alone = pixeledu.receptive_field(model, 4, 5, row, column, channels - 1)
        assert torch.equal(together[row, column] > 0, alone > 0)
        torch.testing.assert_close(together[row, column], alone, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_a_pixelcnn_sees_what_the_formula_says_and_is_blind_where_it_says_so(layers):
    figure = ReceptiveField({"it": build("pixelcnn", layers)}, *SIZE)
    for position in range(40):
        np.testing.assert_array_equal(
            figure.seen("it", position), edges_of_a_pixelcnn(layers, position)
        )
        deep = edges_of_a_pixelcnn(sum(SIZE), position)
        earlier = (np.arange(40) < position).reshape(SIZE)
        np.testing.assert_array_equal(figure.blind("it", position), earlier & ~deep)


@pytest.mark.parametrize("kind", KINDS)
def test_no_model_sees_more_than_its_deep_twin(kind, figure):
    deepest = deep_twin(kind, 1, *SIZE)  # (looks, at)
    assert not np.triu(deepest).any()
    for position in range(40):
        seen = figure.seen(kind, position).ravel()
        assert not (seen & ~deepest[position]).any()
        blind = figure.blind(kind, position).ravel()
        np.testing.assert_array_equal(blind, ~deepest[position] & (np.arange(40) < position))


def test_the_blind_spots_are_those_of_the_book(figure):
    def blind(kind: str, row: int, column: int) -> list[list[int]]:
        return np.argwhere(figure.blind(kind, 8 * row + column)).tolist()

    for position in range(40):
        assert not figure.blind("gated-pixelcnn", position).any()
        wedge = figure.blind("pixelcnn", position)
        np.testing.assert_array_equal(wedge, figure.blind("row-lstm", position))
    assert blind("pixelcnn", 3, 1) == [[0, 7], [1, 6], [1, 7], [2, 5], [2, 6], [2, 7]]
    assert blind("diagonal-bilstm", 3, 1) == [[2, 7]]  # the last pixel of the row above
    assert blind("diagonal-bilstm", 3, 4) == []  # which the first layer sees from here


def test_strengths_are_half_powers_of_ten_of_the_strongest():
    coded = codes(build("pixelcnn"), *SIZE)
    strength = pixeledu.receptive_field(build("pixelcnn"), *SIZE, 4, 3)[0].flatten()
    relative = (strength / strength.max()).numpy()
    for pixel in range(35):
        code = int(coded[35, pixel])
        if 0 < code < 13:
            assert 10 ** (-code / 2) < relative[pixel] <= 10 ** ((1 - code) / 2)
    assert coded[35].clip(1)[strength.argmax()] == 1


# ---- what is stored ----------------------------------------------------------------------------


def test_the_same_models_give_the_same_html_with_any_number_of_threads(figure):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    again = ReceptiveField({kind: build(kind) for kind in KINDS}, *SIZE)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)
    assert again.html() == figure.html()
    assert repr(figure) == f"ReceptiveField(5×8, {', '.join(KINDS)})"


def test_four_bits_are_stored_for_each_pair(figure):
    for field in figure.data["fields"]:
        packed = np.frombuffer(b64decode(field["codes"]), np.uint8)
        assert len(packed) == 40 * 39 // 4
        unpacked = np.stack([packed >> 4, packed & 15], 1).ravel()
        np.testing.assert_array_equal(
            unpacked, figure._codes[field["name"]][np.tri(40, k=-1, dtype=bool)]
        )


def test_the_html_carries_the_state_that_the_live_widget_has(figure):
    state = json.loads(re.search(r'application/json">(.*?)</script>', figure.html())[1])
    live = figure.get_state()
    names = ("data", "left", "right", "position", "speed")
    assert state == {name: live[name] for name in names}
    assert (live["left"], live["right"], live["position"]) == ("pixelcnn", "row-lstm", 34)


def test_names_cannot_break_out_of_the_html():
    name = '</script><img src=x onerror="alert(1)">'
    html = ReceptiveField({name: build("pixelcnn")}, 2, 3).html()
    assert html.count("</script") == 1
    assert "<img src=x" not in html


def test_a_module_of_your_own_is_welcome_and_has_no_twin():
    figure = ReceptiveField({"mine": pixeledu.MaskedConv2d(1, 3, 3, "A")}, 3, 4, position=5)
    assert figure.seen().astype(int).tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert not figure.blind().any()


def test_one_pixel_and_three_colours():
    assert ReceptiveField({"it": build("pixelcnn")}, 1, 1).seen().tolist() == [[False]]
    colours = ReceptiveField({"it": build("pixelcnn", channels=3)}, 2, 3, position=4)
    assert colours.seen().astype(int).tolist() == [[1, 1, 1], [1, 0, 0]]


# ---- what Python sets, and what is refused -----------------------------------------------------


def test_everything_can_be_set_while_it_lives(figure):
    figure = ReceptiveField({"one": build("pixelcnn"), "two": build("row-lstm")}, 3, 4)
    for name, value in (
        *(("left", "two"), ("right", "one"), ("position", 11), ("speed", 64), ("playing", True)),
    ):
        setattr(figure, name, value)
        assert getattr(figure, name) == value
    np.testing.assert_array_equal(figure.seen(), figure.seen("two", 11))


def test_a_model_that_leaks_is_refused():
    with pytest.raises(ValueError, match=r"models must be causal: in MaskedConv2d pixel \(0, 0\)"):
        ReceptiveField({"it": pixeledu.MaskedConv2d(1, 2, 3, "B")}, 3, 4)


def test_a_model_with_a_nan_is_refused():
    broken = build("pixelcnn")
    broken.first.weight.data[0, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="models must have finite weights, PixelCNN has NaN"):
        ReceptiveField({"it": broken}, 3, 4)


@pytest.mark.parametrize("size", [(1, 40), (40, 1), (10, 40)])
def test_the_longest_images_have_a_picture(size):
    html = ReceptiveField({"it": pixeledu.MaskedConv2d(1, 1, 3, "A")}, *size).html()
    assert "nan" not in html
    assert "inf" not in html


REFUSED = [
    ({"position": 12}, r"position must be from 0 to 11 \(3×4 pixels\), got 12"),
    ({"position": -1}, "position must be a whole number of at least 0, got -1"),
    ({"position": 1.5}, "position must be a whole number"),
    ({"left": "three"}, r"left must be one of \['one'\], got 'three'"),
    ({"right": None, "left": 7}, "left must be one of"),
    ({"height": 21, "width": 20}, "at most 400 pixels, got 21×20"),
    ({"width": 41}, "width must be at most 40, got 41"),
    ({"height": 0}, "height must be a whole number of at least 1, got 0"),
    ({"models": {}}, "models must be a dict of 1 to 8 models, got 0"),
    ({"models": [1]}, "models must be a dict of 1 to 8 models, got list"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_an_argument_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ReceptiveField(**{"models": {"one": build("pixelcnn")}, "height": 3, "width": 4} | options)


def test_a_refused_value_leaves_the_figure_as_it_was(figure):
    before = figure.html()
    for name, value in (("position", 40), ("left", "x"), ("speed", 3), ("speed", True)):
        with pytest.raises(ValueError, match=f"{name} must be"):
            setattr(figure, name, value)
    assert figure.html() == before
