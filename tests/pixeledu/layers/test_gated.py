import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from pixeledu import GatedBlock, GatedPixelCNN, check_causality, receptive_field
from pixeledu.masks import colour_groups


def at(x, row, column):
    """The features (B, F) of a pixel; outside the map all are 0."""
    inside = 0 <= row < x.shape[2] and 0 <= column < x.shape[3]
    return x[:, :, row, column] if inside else torch.zeros(x.shape[:2], dtype=x.dtype)


def slow_block(block, vertical, horizontal):
    """Compute a gated block pixel by pixel and weight by weight, from the paper's formula."""
    batch, _, height, width = vertical.shape
    hidden, reach, first = block.hidden, block.reach, block.mask_type == "A"
    rows = range(-reach, 0) if first else range(-reach, 1)
    source = colour_groups(block.in_features, block.channels)
    target = colour_groups(hidden, block.channels)
    seen = target[:, None] > source if first else target[:, None] >= source  # (h, in)
    seen = torch.cat([seen, seen])  # (2h, in): the same for both halves
    new = torch.zeros(2, batch, hidden, height, width, dtype=vertical.dtype)

    def gated(sums):
        return torch.tanh(sums[:, :hidden]) * torch.sigmoid(sums[:, hidden:])

    for r in range(height):
        for c in range(width):
            sums = block.vertical.bias.expand(batch, -1)
            for i, row in enumerate(rows):
                for j, column in enumerate(range(-reach, reach + 1)):
                    weight = block.vertical.weight[:, :, i, j]
                    sums = sums + at(vertical, r + row, c + column) @ weight.T
            new[0, :, :, r, c] = gated(sums)
            gates = block.horizontal.bias + sums @ block.link.weight[:, :, 0, 0].T
            for j, column in enumerate(range(-reach, 1)):
                weight = block.horizontal.weight[:, :, 0, j]
                weight = weight * seen if column == 0 else weight
                gates = gates + at(horizontal, r, c + column) @ weight.T
            within = target[:, None] >= target  # (h, h)
            weight = block.expand.weight[:, :, 0, 0] * within
            new[1, :, :, r, c] = gated(gates) @ weight.T + block.expand.bias
            if not first:
                new[1, :, :, r, c] += horizontal[:, :, r, c]
    return new


@pytest.mark.parametrize("mask_type", ["A", "B"])
@given(
    channels=st.sampled_from([1, 2, 3]),
    hidden=st.integers(3, 5),
    kernel=st.sampled_from([3, 5, 7]),
    size=st.tuples(st.integers(0, 2), st.integers(1, 5), st.integers(1, 5)),
    seed=st.integers(0, 2**31),
)
def test_the_block_is_the_one_in_the_paper(mask_type, channels, hidden, kernel, size, seed):
    torch.manual_seed(seed)
    features = channels if mask_type == "A" else hidden
    block = GatedBlock(features, hidden, kernel, mask_type, channels).double()
    batch, height, width = size
    maps = torch.randn(2, batch, features, height, width, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(torch.stack(block(*maps)), slow_block(block, *maps))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_the_model_sees_all_of_the_past_and_nothing_else(channels, seed):
    torch.manual_seed(seed)
    model = GatedPixelCNN(channels, 4, hidden=24, layers=4)
    report = check_causality(model, channels, 5, 8, 4)
    assert report.causal
    assert report.complete


def test_its_receptive_field_is_a_rectangle_above_and_a_strip_to_the_left():
    model = GatedPixelCNN(hidden=8, layers=2).double()
    field = receptive_field(model, 12, 20, 10, 10)[0] > 0
    reach = 3 + 2 + 2  # of the 7×7 window and two 5×5 windows
    expected = torch.zeros(12, 20, dtype=torch.bool)
    expected[10 - reach : 10, 10 - reach : 11 + reach] = True
    expected[10, 10 - reach : 10] = True
    assert torch.equal(field, expected)


def test_leaving_its_own_row_out_in_every_block_brings_the_blind_spot_back():
    """What some implementations do: each vertical convolution looks at the rows above alone."""

    class ShiftedTwice(GatedBlock):
        def forward(self, vertical, horizontal):
            moved = F.pad(vertical, (0, 0, 1, 0))[:, :, :-1]
            return super().forward(moved, horizontal)

    model = GatedPixelCNN(hidden=8, layers=2)
    for block in model.blocks:
        block.__class__ = ShiftedTwice
    report = check_causality(model, 1, 6, 14, 2)
    assert report.causal
    # The row above reaches no further to the right than the first window does.
    assert {o.column for o in report.unseen if o.row == -1 and o.column > 0} == set(range(4, 14))


def test_a_second_shift_less_leaks():
    class Unshifted(GatedBlock):
        def forward(self, vertical, horizontal):
            moved = F.pad(vertical, (0, 0, 0, 1))[:, :, 1:]
            return super().forward(moved, horizontal)

    model = GatedPixelCNN(hidden=8, layers=1)
    model.first.__class__ = Unshifted
    assert not check_causality(model, 1, 4, 5, 2).causal


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_features": 3, "hidden": 4}, "in_features must equal hidden"),
        ({"in_features": 4, "hidden": 4, "kernel_size": 4}, "odd"),
        ({"in_features": 4, "hidden": 4, "kernel_size": 1}, "at least 3"),
        ({"in_features": 4, "hidden": 4, "mask_type": "C"}, "mask_type"),
        ({"in_features": 2, "hidden": 2, "channels": 3}, "at least channels"),
        ({"in_features": 1, "hidden": 0, "mask_type": "A"}, "hidden"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        GatedBlock(**arguments)


def test_a_map_of_the_wrong_shape_is_refused():
    block = GatedBlock(4, 4)
    good, bad = torch.zeros(1, 4, 3, 3), torch.zeros(1, 5, 3, 3)
    for maps in ((bad, good), (good, bad)):
        with pytest.raises(ValueError, match="must have shape"):
            block(*maps)
