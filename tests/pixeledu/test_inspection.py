import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pixeledu import MaskedConv2d, PixelCNN, check_causality, receptive_field
from pixeledu.reports import Offset

HEIGHT, WIDTH = 5, 5


class Net(nn.Module):
    """Let `trunk` turn images into features, a 1×1 convolution turn these into logits."""

    def __init__(self, trunk, features, channels=1, levels=2):
        super().__init__()
        self.channels, self.levels = channels, levels
        self.trunk = trunk
        self.head = MaskedConv2d(features, channels * levels, 1, "B", channels)

    def forward(self, images):
        x = images.to(self.head.weight.dtype) / (self.levels - 1) * 2 - 1
        x = self.head(self.trunk(x))
        return x.unflatten(1, (self.channels, self.levels)).transpose(1, 2)


class Lambda(nn.Module):
    def __init__(self, function, *modules):
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(modules)

    def forward(self, x):
        return self.function(x, *self.parts)


def conv(features, out, kernel, mask, channels=1):
    return MaskedConv2d(features, out, kernel, mask, channels)


def offsets(*pairs, colours=((0, 0),)):
    return {Offset(row, column, *pair) for row, column in pairs for pair in colours}


def everything(channels=1):
    places = [(r, c) for r in range(1 - HEIGHT, HEIGHT) for c in range(1 - WIDTH, WIDTH)]
    pairs = [(s, t) for s in range(channels) for t in range(channels)]
    return {Offset(r, c, s, t) for r, c in places for s, t in pairs}


def past(channels=1):
    return {o for o in everything(channels) if (o.row, o.column, o.source) < (0, 0, o.target)}


def stack(*masks, channels=1, features=12, kernel=9):
    layers = [conv(channels, features, kernel, masks[0], channels)]
    for mask in masks[1:]:
        layers += [nn.ReLU(), conv(features, features, 3, mask, channels)]
    return Net(nn.Sequential(*layers), features, channels, 4 if channels > 1 else 2)


def test_a_right_model_is_causal_and_complete():
    # A 9×9 window covers a 5×5 image: the first layer alone sees everything.
    for channels in (1, 3):
        model = stack("A", "B", channels=channels)
        report = check_causality(model, channels, 5, 5, model.levels)
        assert report.causal
        assert report.complete
        assert not report.leaks
        assert not report.unseen


# Each planted bug, with what must be found: (model, leaks, offsets that never arrive).


def mask_b_first():
    return stack("B", "B"), offsets((0, 0)), set()


def mask_a_in_every_layer():
    # Two A layers with nothing round them: the shortest path to the left goes two pixels, and
    # the last pixel of the row above reaches the first one only through a place off the image.
    return stack("A", "A", kernel=11), set(), offsets((0, -1), (-1, WIDTH - 1))


def mask_a_in_every_layer_loses_colours():
    lost = offsets((0, 0), colours=((0, 1), (1, 2))) | {Offset(0, -1, 2, 0)}
    lost |= offsets((-1, WIDTH - 1), colours=((0, 0), (1, 0), (2, 0)))
    return stack("A", "A", channels=3, kernel=11), set(), lost


def centre_row_cleared():
    layer = conv(1, 12, 9, "A")
    layer.mask[:, :, -1] = False
    return Net(layer, 12), set(), {o for o in past() if o.row == 0}


def batch_norm_while_training():
    trunk = nn.Sequential(conv(1, 12, 9, "A"), nn.BatchNorm2d(12))
    return Net(trunk, 12).train(), everything() - past(), set()


def rows_scrambled_by_view():
    # (B, F, H, W) -> (B, H, W, F), then read as if it were (B, F, H, W) still.
    scramble = Lambda(
        lambda x, first: first(x).permute(0, 2, 3, 1).reshape(len(x), 12, *x.shape[2:]),
        conv(1, 12, 9, "A"),
    )
    return Net(scramble, 12), offsets((0, 0), (1, 0), (4, 0)), None


def mirrored():
    flip = Lambda(lambda x, first: first(x.flip(3)).flip(3), conv(1, 12, 9, "A"))
    leaks = {Offset(0, column) for column in range(1, WIDTH)}
    return Net(flip, 12), leaks, {Offset(0, -column) for column in range(1, WIDTH)}


def rows_and_columns_exchanged():
    turned = Lambda(lambda x, first: first(x.transpose(2, 3)).transpose(2, 3), conv(1, 12, 9, "A"))
    leaks = {o for o in everything() - past() if o.column < 0}
    return Net(turned, 12), leaks, {o for o in past() if o.column > 0}


def right_hand_map_without_its_shift():
    def both(x, first, left, right):
        x = first(x)
        return left(x) + right(x.flip(3)).flip(3)

    trunk = Lambda(both, conv(1, 12, 9, "A"), conv(12, 12, 3, "B"), conv(12, 12, 3, "B"))
    # The pixel to the right has seen this one.
    return Net(trunk, 12), offsets((0, 0)), set()


def colours_from_earlier_pixels_alone():
    layer = MaskedConv2d(3, 12, 9, "A", channels=3)
    layer.mask[:, :, -1, 4] = False
    lost = offsets((0, 0), colours=((0, 1), (0, 2), (1, 2)))
    return Net(layer, 12, 3, 4), set(), lost


def logits_of_colours_mixed_up():
    class Mixed(Net):
        def forward(self, images):
            x = self.head(self.trunk(images.float() / 3))  # groups of levels, one after another ...
            return x.unflatten(1, (self.levels, self.channels))  # ... read as groups of colours

    leaks = offsets((0, 0), colours=((0, 0), (1, 0), (1, 1)))
    return Mixed(conv(3, 12, 9, "A", 3), 12, 3, 4), leaks, None


def vertical_stack_with_its_own_row():
    layer = conv(1, 12, 9, "A")
    layer.mask[:, :, -1] = True
    leaks = {Offset(0, column) for column in range(WIDTH)}
    return Net(layer, 12), leaks, set()


def window_off_by_one():
    late = Lambda(lambda x, first: F.pad(first(x), (1, 0))[..., :-1], conv(1, 12, 9, "A"))
    unseen = offsets((0, -1), *((row, WIDTH - 1) for row in range(-HEIGHT + 1, 0)))
    return Net(late, 12), set(), unseen


def blind_to_everything():
    return Net(Lambda(lambda x: x.new_zeros(len(x), 12, *x.shape[2:])), 12), set(), past()


def one_of_two_streams_lost():
    # Only pixels above and to the left: what a single diagonal direction sees.
    def upper_left(x, first):
        first.mask[:, :, :, 5:] = False
        return first(x)

    return (
        Net(Lambda(upper_left, conv(1, 12, 9, "A")), 12),
        set(),
        {o for o in past() if o.column > 0},
    )


PLANTED = [
    mask_b_first,
    mask_a_in_every_layer,
    mask_a_in_every_layer_loses_colours,
    centre_row_cleared,
    batch_norm_while_training,
    rows_scrambled_by_view,
    mirrored,
    rows_and_columns_exchanged,
    right_hand_map_without_its_shift,
    colours_from_earlier_pixels_alone,
    logits_of_colours_mixed_up,
    vertical_stack_with_its_own_row,
    window_off_by_one,
    blind_to_everything,
    one_of_two_streams_lost,
]


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found_and_its_offsets_are_named(bug):
    model, leaks, unseen = bug()
    report = check_causality(model, model.channels, HEIGHT, WIDTH, model.levels)
    if bug in (rows_scrambled_by_view, right_hand_map_without_its_shift):
        assert leaks <= report.leaks  # these let in more than the nearest pixels
    else:
        assert report.leaks == leaks
    if unseen is not None:
        assert report.unseen == unseen
    assert report.causal == (not report.leaks)
    assert report.complete == (not report.unseen)
    first = next(iter(sorted(report.leaks or report.unseen, key=_nearest)))
    assert f"({first.row:+d}, {first.column:+d})" in str(report)
    assert ("NOT causal" in str(report)) == bool(report.leaks)


def _nearest(offset):
    return abs(offset.row) + abs(offset.column), offset


def test_the_map_shows_the_blind_spot():
    report = check_causality(PixelCNN(1, 2, hidden=16, layers=4), 1, 3, 7, 2)
    shown = str(report)
    assert shown.splitlines()[0] == "causal; 5 offsets never arrive"
    assert "  row -1  ● ● ● ● ● ● ● ● ● ● ○ ○ ○" in shown
    assert "  row +0  ● ● ● ● ● ● ■" in shown
    assert "never arrive: (-1, +4), (-1, +5), (-2, +5), (-1, +6), (-2, +6)" in shown


def test_the_report_says_how_much_of_it_lies_outside_its_map():
    shown = str(check_causality(PixelCNN(1, 2, hidden=16, layers=4), 1, 3, 10, 2))
    assert shown.splitlines()[0] == "causal; 17 offsets never arrive"
    assert shown.count("○") == 5 + 1  # and in the legend
    assert "  (cut: 6 pixels on each side are shown)" in shown
    assert "    (12 of these lie outside the map)" in shown


@given(st.sampled_from(PLANTED))
def test_a_report_fits_on_a_page_and_breaks_no_offset(bug):
    model, *_ = bug()
    report = check_causality(model, model.channels, HEIGHT, WIDTH, model.levels)
    for line in str(report).splitlines():
        assert len(line) <= 76
        assert line.count("(") == line.count(")")


def test_colours_are_named_in_the_map():
    model, *_ = colours_from_earlier_pixels_alone()
    shown = str(check_causality(model, 3, 3, 3, 4))
    assert "R→G" in shown
    assert "R→B" in shown
    assert "G→B" in shown


@given(
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 1000),
)
def test_perturbation_and_gradient_agree(height, width, channels, seed):
    torch.manual_seed(seed)
    model = PixelCNN(channels, 4, hidden=9, layers=1)
    depends = check_causality(model, channels, height, width, 4, repeats=6).depends
    row, column, channel = height // 2, width // 2, channels - 1
    field = receptive_field(model, height, width, row, column, channel)
    assert field.shape == (channels, height, width)
    assert torch.equal(field > 0, depends[..., channel, row, column])


def test_a_field_of_a_bare_layer_is_its_window():
    field = receptive_field(MaskedConv2d(2, 3, 3, "B"), 4, 5, 2, 2)
    expected = torch.zeros(4, 5, dtype=torch.bool)
    expected[1, 1:4] = expected[2, 1:3] = True
    assert torch.equal(field > 0, expected.expand(2, 4, 5))


def test_a_field_works_on_any_module_and_leaves_it_alone():
    module = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 1))
    before = [parameter.clone() for parameter in module.parameters()]
    field = receptive_field(module, 5, 5, 0, 0)
    assert (field > 0).sum() == 2 * 4  # a corner: four pixels of two features
    for parameter, old in zip(module.parameters(), before, strict=True):
        assert torch.equal(parameter, old)
        assert parameter.grad is None
        assert parameter.dtype == torch.float32


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x.float(), r"must return logits of shape \(9, 2, 1, 3, 3\).*got \(9, 1, 3, 3\)"),
        (lambda x: None, "got NoneType"),
        (lambda x: torch.rand(len(x), 2, 1, 3, 3), "same result for the same images"),
        (nn.Sequential(PixelCNN(hidden=4, layers=0), nn.Dropout()), "model.eval()"),
    ],
)
def test_a_function_that_cannot_be_tested_is_refused(function, message):
    with pytest.raises(ValueError, match=message):
        check_causality(function, 1, 3, 3, 2)


@pytest.mark.parametrize("name", ["channels", "height", "width", "levels", "repeats"])
def test_sizes_below_the_least_are_refused(name):
    sizes = {"channels": 1, "height": 2, "width": 2, "levels": 2, name: 0}
    with pytest.raises(ValueError, match=f"{name} must be"):
        check_causality(PixelCNN(hidden=2), **sizes)


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (PixelCNN(hidden=2), (3, 3, 3, 0), "must lie in the 3×3 image"),
        (PixelCNN(hidden=2), (3, 3, 0, -1), "must lie in"),
        (PixelCNN(hidden=2), (3, 3, 0, 0, 1), "channel must be 0 to 0, got 1"),
        (nn.ReLU(), (3, 3, 0, 0), "features must be given"),
        (nn.Sequential(nn.Embedding(2, 4)), (3, 3, 0, 0), "model must accept float input"),
    ],
)
def test_a_field_that_cannot_be_measured_is_refused(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        receptive_field(model, *arguments)
