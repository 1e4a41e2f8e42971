import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pixeledu.masks import causal_mask, colour_groups, group_slices, kernel_shape

CHANNELS = st.integers(1, 5)
SIDE = st.sampled_from([1, 3, 5, 7])


@given(channels=CHANNELS, more=st.integers(0, 40))
def test_each_colour_gets_neighbouring_features_in_groups_of_equal_size_or_one_more(channels, more):
    groups = colour_groups(channels + more, channels)
    assert groups.diff().ge(0).all()
    sizes = groups.bincount(minlength=channels)
    assert sizes.min() >= 1
    assert sizes.max() - sizes.min() <= 1


@given(channels=CHANNELS, more=st.integers(0, 40))
def test_slices_and_groups_say_the_same(channels, more):
    groups = colour_groups(channels + more, channels)
    slices = group_slices(channels + more, channels)
    assert len(slices) == channels
    for colour, part in enumerate(slices):
        assert (groups[part] == colour).all()
    assert sum(part.stop - part.start for part in slices) == len(groups)


@given(
    kernel=st.tuples(SIDE, SIDE),
    mask_type=st.sampled_from("AB"),
    channels=CHANNELS,
    more=st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
def test_a_weight_is_allowed_exactly_if_it_looks_back(kernel, mask_type, channels, more):
    sources, targets = channels + more[0], channels + more[1]
    mask = causal_mask(kernel, mask_type, sources, targets, channels)
    source_colours = colour_groups(sources, channels).tolist()
    target_colours = colour_groups(targets, channels).tolist()
    height, width = kernel
    assert mask.shape == (targets, sources, height // 2 + 1, width)
    for target, source, row, column in torch.cartesian_prod(
        *map(torch.arange, mask.shape)
    ).tolist():
        offset = (row - height // 2, column - width // 2)
        here = (*offset, source_colours[source])
        limit = (0, 0, target_colours[target])
        allowed = here < limit or (mask_type == "B" and here == limit)
        assert bool(mask[target, source, row, column]) == allowed


def test_mask_b_is_mask_a_and_the_pixel_itself():
    difference = causal_mask(5, "B") ^ causal_mask(5, "A")
    assert difference.nonzero().tolist() == [[0, 0, 2, 2]]


@pytest.mark.parametrize("kernel", [0, 2, -1, (3, 4), (3,), (1, 3, 5), 2.0, "3"])
def test_a_kernel_without_a_centre_is_refused(kernel):
    with pytest.raises(ValueError, match="kernel_size must be an odd number or two"):
        kernel_shape(kernel)


@pytest.mark.parametrize("mask_type", ["a", "C", "", None, 1])
def test_an_unknown_mask_type_is_refused(mask_type):
    with pytest.raises(ValueError, match="mask_type must be one of: A, B; got"):
        causal_mask(3, mask_type)


def test_fewer_features_than_colours_are_refused():
    with pytest.raises(ValueError, match="features=2 for channels=3"):
        colour_groups(2, 3)
    with pytest.raises(ValueError, match="channels must be a whole number"):
        colour_groups(2, 0)
