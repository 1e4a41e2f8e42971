"""The mask explorer's Python half: which masks, what is stored, what is refused."""

import json
import re
from itertools import product
from urllib.parse import unquote

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from pixeledu import causal_mask
from pixeledu.widgets import MaskExplorer
from pixeledu.widgets.mask_explorer import COLOURS, KERNEL_SIZES, MASK_TYPES

SETTINGS = list(product(KERNEL_SIZES, MASK_TYPES, (1, 3), COLOURS, COLOURS))


def state_of(html: str) -> dict:
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html)[1])


@pytest.mark.parametrize(("size", "kind", "channels", "reads", "computes"), SETTINGS)
def test_the_mask_is_that_of_the_package_for_any_features(size, kind, channels, reads, computes):
    explorer = MaskExplorer(size, kind, channels, reads=reads, computes=computes)
    # Seven features for each colour: the mask of each pair of features of these two groups.
    whole = causal_mask(size, kind, 7 * channels, 7 * channels, channels).numpy()
    source, target = (COLOURS.index(c) if channels > 1 else 0 for c in (reads, computes))
    groups = whole[7 * target : 7 * target + 7, 7 * source : 7 * source + 7]
    np.testing.assert_array_equal(
        np.broadcast_to(explorer.mask()[: size // 2 + 1], groups.shape), groups
    )
    assert not explorer.mask()[size // 2 + 1 :].any()


@given(
    st.sampled_from(SETTINGS), st.integers(1, 6), st.integers(1, 6), st.integers(0, 35)
)  # fmt: skip
def test_the_touched_pixels_are_those_with_a_gradient(setting, height, width, position):
    size, kind, channels, reads, computes = setting
    position %= height * width
    explorer = MaskExplorer(
        *(size, kind, channels),
        **{"reads": reads, "computes": computes, "height": height, "width": width},
        position=position,
    )
    image = torch.ones(1, 1, height, width, requires_grad=True)
    weight = torch.from_numpy(explorer.mask()).float()[None, None]
    F.conv2d(image, weight, padding=size // 2).flatten()[position].backward()
    np.testing.assert_array_equal(explorer.touched(), image.grad[0, 0] > 0)


def test_the_html_carries_the_state_that_the_live_widget_has_and_stays_small():
    explorer = MaskExplorer(7, "B", 3, reads="G", computes="B", position=5, offset=(-3, 3))
    explorer.playing, explorer.speed = True, 16
    state = state_of(explorer.html())
    live = explorer.get_state()
    assert {**state, "offset": tuple(state["offset"])} == {
        name: live[name] for name in explorer.trait_names(page=True)
    }
    assert "playing" not in state  # it never slides alone
    assert explorer.html() == explorer.html()
    assert len(explorer.html()) < 6000
    assert repr(explorer) == "MaskExplorer(7×7, B, G read for B)"
    assert repr(MaskExplorer()) == "MaskExplorer(5×5, A, grey)"


def test_the_picture_without_javascript_shows_what_is_read():
    explorer = MaskExplorer(5, "B", position=12, height=4, width=6)
    html = explorer.html()
    picture = unquote(re.search(r'src="data:image/svg\+xml,(.*?)"', html)[1])
    filled = re.search(r'fill="#0b6e99" d="(.*?)"', picture)[1]
    shown = {(int(r), int(c)) for c, r in re.findall(r"M(\d+) (\d+)h1v1h-1z", filled)}
    assert shown == set(map(tuple, np.argwhere(explorer.touched()).tolist()))
    assert f"{len(shown)} of 4×6 pixels are read" in re.search('alt="(.*?)"', html)[1]


def test_everything_can_be_set_while_it_lives():
    explorer = MaskExplorer()
    for name, value in (
        *(("kernel_size", 7), ("offset", (-3, 3)), ("mask_type", "B"), ("channels", 3)),
        *(("reads", "B"), ("computes", "G"), ("position", 62), ("speed", 1), ("playing", True)),
    ):
        setattr(explorer, name, value)
        assert getattr(explorer, name) == value
    explorer.kernel_size = (
        3  # the weight that was looked at is gone: the nearest one takes its place
    )
    assert explorer.offset == (-1, 1)
    explorer.height = 2
    assert explorer.position == 17
    explorer.set_state({"offset": [1, -1]})  # as the page sends it
    assert explorer.offset == (1, -1)


REFUSED = [
    ("kernel_size", 4, r"kernel_size must be one of \(3, 5, 7\), got 4"),
    ("kernel_size", 5.0, "kernel_size must be one of .*, got 5.0"),
    ("mask_type", "C", "mask_type must be one of .*, got 'C'"),
    ("channels", 2, r"channels must be one of \(1, 3\), got 2"),
    ("channels", True, "channels must be one of .*, got True"),
    ("reads", 0, "reads must be one of .*, got 0"),
    ("computes", "RG", "computes must be one of .*, got 'RG'"),
    ("height", 0, "height must be a whole number of at least 1, got 0"),
    ("width", 17, "width must be at most 16, got 17"),
    ("offset", (0, 3), "offset must be two whole numbers from -2 to 2 .*, got .0, 3."),
    ("offset", 3, "offset must be two whole numbers .*, got 3"),
    ("offset", (0.0, 1), "offset must be two whole numbers"),
    ("position", 63, r"position must be from 0 to 62 \(7×9 pixels\), got 63"),
    ("position", -1, "position must be a whole number of at least 0, got -1"),
]


@pytest.mark.parametrize(("name", "value", "message"), REFUSED)
def test_an_argument_out_of_range_is_refused(name, value, message):
    with pytest.raises(ValueError, match=message):
        MaskExplorer(**{name: value})
    explorer = MaskExplorer(position=7)
    before = explorer.html()
    with pytest.raises(ValueError, match=message):
        setattr(explorer, name, value)
    assert explorer.html() == before
