"""What the figures show, read back from matplotlib's axes."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

mpl.use("Agg")

import matplotlib.pyplot as plt

from pixeledu.plots import show_images


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    plt.close("all")


def _shown(figure) -> list[np.ndarray]:
    return [np.asarray(ax.images[0].get_array()) for ax in figure.axes]


def _random_images(n: int, channels: int, height: int, width: int, levels: int) -> torch.Tensor:
    return torch.randint(levels, (n, channels, height, width), dtype=torch.uint8)


@given(
    n=st.integers(1, 7),
    channels=st.sampled_from([1, 3]),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    levels=st.sampled_from([2, 17, 256]),
    columns=st.integers(1, 9),
)
def test_every_image_is_shown_once_in_order_with_its_own_values(
    n, channels, height, width, levels, columns
):
    images = _random_images(n, channels, height, width, levels)
    figure = show_images(images, levels, columns=columns)
    shown = _shown(figure)
    assert len(shown) == n
    for image, tile in zip(images, shown, strict=True):
        for row in range(height):
            for column in range(width):
                values = [int(image[c % channels, row, column]) for c in range(3)]
                assert tile[row, column].tolist() == [round(255 * v / (levels - 1)) for v in values]
    grid = figure.axes[0].get_gridspec()
    assert (grid.nrows, grid.ncols) == (-(-n // min(columns, n)), min(columns, n))
    plt.close(figure)


def test_white_is_the_greatest_level_even_if_no_image_reaches_it():
    shown = _shown(show_images(torch.full((1, 1, 2, 2), 8), 17))
    assert (shown[0] == 128).all()


def test_titles_stand_above_the_images_they_are_given_for():
    figure = show_images(_random_images(3, 1, 2, 2, 2), 2, columns=2, titles=["one", "two"])
    assert [ax.get_title() for ax in figure.axes] == ["one", "two", ""]


@pytest.mark.parametrize("colours", [1, 3])
def test_unknown_pixels_are_painted_in_a_colour_no_grey_image_has(colours):
    known = torch.tensor([[True, True, True], [False, True, False]])
    images = _random_images(2, colours, 2, 3, 256)
    plain, painted = (_shown(show_images(images, 256, known=k)) for k in (None, known))
    for before, after in zip(plain, painted, strict=True):
        assert (before[known.numpy()] == after[known.numpy()]).all()
        unknown = after[~known.numpy()]
        assert (unknown == unknown[0]).all()
        assert len(set(unknown[0].tolist())) == 3


def test_each_image_can_have_its_own_known_pixels():
    images = torch.zeros(2, 1, 1, 2, dtype=torch.uint8)
    known = torch.tensor([[True, False], [True, True]]).view(2, 1, 1, 2)
    first, second = _shown(show_images(images, 2, known=known))
    assert first[0, 0].tolist() == [0, 0, 0] != first[0, 1].tolist()
    assert second.sum() == 0


def test_the_images_are_left_as_they_were():
    images = _random_images(2, 1, 3, 3, 17)
    before = images.clone()
    show_images(images, 17, known=torch.zeros(3, 3, dtype=torch.bool))
    assert torch.equal(images, before)


_GOOD = torch.zeros(2, 1, 4, 5, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"images": _GOOD[0]}, r"images must have shape .* got \(1, 4, 5\)"),
        ({"images": _GOOD.numpy()}, "images must be a torch.Tensor, got ndarray"),
        ({"images": _GOOD.float()}, "images must hold integers"),
        ({"images": _GOOD.expand(2, 2, 4, 5)}, "images must have 1 or 3 colours.* got 2"),
        ({"images": _GOOD[:0]}, "images is empty"),
        ({"images": _GOOD + 17}, "images must hold values from 0 to 16 .* got values from 17"),
        ({"levels": 1}, "levels must be .* at least 2, got 1"),
        ({"levels": 257}, "levels must be at most 256, got 257"),
        ({"columns": 0}, "columns must be .* at least 1, got 0"),
        ({"size": 0}, "size must be .* above 0, got 0"),
        ({"size": float("nan")}, "size must be .* above 0, got nan"),
        ({"titles": "ab"}, "titles must be a list .* got 'ab'"),
        ({"titles": ["a", "b", "c"]}, "titles must be a list of at most .* 2 images"),
        ({"known": [[True]]}, "known must be a bool tensor, got list"),
        ({"known": torch.ones(4, 5)}, "known must be a bool tensor, got torch.float32"),
        ({"known": torch.ones(5, 4, dtype=torch.bool)}, r"known must have .* got \(5, 4\)"),
    ],
)
def test_a_wrong_argument_is_named_with_what_came(change, complaint):
    arguments = {"images": _GOOD, "levels": 17, **change}
    with pytest.raises(ValueError, match=complaint):
        show_images(arguments.pop("images"), arguments.pop("levels"), **arguments)
    assert not plt.get_fignums()


def test_importing_the_package_does_not_import_matplotlib():
    code = "import pixeledu, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
