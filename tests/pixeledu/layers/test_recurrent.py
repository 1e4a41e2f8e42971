"""The recurrent layers against slow loops over pixels, written from the paper's equations."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pixeledu import (
    DiagonalBiLSTM,
    RowLSTM,
    build_model,
    check_causality,
    receptive_field,
    skew,
    unskew,
)
from pixeledu.masks import colour_groups

SIZES = st.tuples(st.integers(0, 2), st.integers(1, 5), st.integers(1, 5))


def randomised(module):
    """The module in float64, every weight random, those too that begin at zero."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.5)
    return module.double()


def open_weight(layer, tap_is_centre):
    """The weights (4h, in) of one tap of an input-to-state convolution, masked by hand."""
    convolution = layer.input_to_state
    target = colour_groups(layer.hidden, layer.channels).repeat(convolution.gates)[:, None]
    source = colour_groups(layer.in_features, layer.channels)[None]
    return (source <= target) if tap_is_centre else torch.ones_like(source <= target)


def cell(z, c_before):
    """One LSTM cell: the sums z (B, 4h) and the memory before, to h and c."""
    o, f, i, g = z.chunk(4, dim=1)
    c = torch.sigmoid(f) * c_before + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def slow_row_lstm(layer, x):
    """Section 3.1: [o, f, i, g] = σ(K^ss ⊛ h_{i-1} + K^is ⊛ x_i), one pixel after the other."""
    batch, _, height, width = x.shape
    reach = layer.kernel_size // 2
    outside = layer.outside_hidden.expand(batch, -1), layer.outside_memory.expand(batch, -1)
    states = {}
    for row in range(height):
        for column in range(width):
            z = layer.input_to_state.bias.expand(batch, -1)
            for tap in range(reach + 1):  # the taps right of the centre are masked
                weight = layer.input_to_state.weight[:, :, 0, tap] * open_weight(
                    layer, tap == reach
                )
                if column + tap - reach >= 0:
                    z = z + x[:, :, row, column + tap - reach] @ weight.T
            for tap in range(layer.kernel_size):
                above, _ = states.get((row - 1, column + tap - reach), outside)
                z = z + above @ layer.state_to_state[:, :, tap].T
            states[row, column] = cell(z, states.get((row - 1, column), outside)[1])
    return as_image([states[place][0] for place in sorted(states)], height, width)


def slow_direction(layer, x, direction):
    """One direction of section 3.2 over images that are already mirrored for it."""
    batch, _, height, width = x.shape
    size = 4 * layer.hidden
    gates = slice(direction * size, (direction + 1) * size)
    open_now = open_weight(layer, tap_is_centre=True)[gates]
    weight = layer.input_to_state.weight[gates, :, 0, 0] * open_now
    outside = (
        layer.outside_hidden[direction].expand(batch, -1),
        layer.outside_memory[direction].expand(batch, -1),
    )
    to_state = layer.state_to_state[direction]  # (4h, h, 2): the pixel above, the pixel before
    states = {}
    for row in range(height):
        for column in range(width):
            above, _ = states.get((row - 1, column), outside)
            before, memory = states.get((row, column - 1), outside)
            z = layer.input_to_state.bias[gates] + x[:, :, row, column] @ weight.T
            z = z + above @ to_state[:, :, 0].T + before @ to_state[:, :, 1].T
            states[row, column] = cell(z, memory)
    return as_image([states[place][0] for place in sorted(states)], height, width)


def slow_diagonal_bilstm(layer, x):
    """Section 3.2: the right-hand map, flipped back and one row down, plus the left-hand map."""
    left = slow_direction(layer, x, 0)
    right = slow_direction(layer, x.flip(3), 1).flip(3)
    height = x.shape[2]
    rows = [left[:, :, 0]]
    rows += [left[:, :, row] + right[:, :, row - 1] for row in range(1, height)]
    return torch.stack(rows, dim=2)


def as_image(pixels, height, width):
    return torch.stack(pixels, dim=2).unflatten(2, (height, width))  # (B, h, H, W)


LAYERS = {
    "row": (lambda i, h, k, c: RowLSTM(i, h, k, c), slow_row_lstm),
    "diagonal": (lambda i, h, k, c: DiagonalBiLSTM(i, h, c), slow_diagonal_bilstm),
}


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=40)
@given(
    channels=st.sampled_from([1, 3]),
    more=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    kernel=st.sampled_from([3, 5]),
    size=SIZES,
    seed=st.integers(0, 2**31),
)
@example(channels=1, more=(1, 1), kernel=3, size=(1, 1, 1), seed=0)
@example(channels=3, more=(2, 1), kernel=3, size=(2, 3, 5), seed=1)
@example(channels=3, more=(0, 2), kernel=5, size=(2, 5, 2), seed=2)
def test_a_layer_is_the_paper_s_equation_and_so_are_its_gradients(
    name, channels, more, kernel, size, seed
):
    torch.manual_seed(seed)
    make, slow = LAYERS[name]
    layer = randomised(make(channels + more[0], channels + more[1], kernel, channels))
    x = torch.randn(size[0], layer.in_features, *size[1:], dtype=torch.float64, requires_grad=True)
    fast, reference = layer(x), slow(layer, x)
    torch.testing.assert_close(fast, reference, rtol=1e-10, atol=1e-12)
    weights = torch.randn_like(reference)
    inputs = (x, *layer.parameters())
    torch.testing.assert_close(
        torch.autograd.grad((fast * weights).sum(), inputs),
        torch.autograd.grad((reference * weights).sum(), inputs, materialize_grads=True),
        rtol=1e-10,
        atol=1e-10,
    )


def test_every_parameter_of_the_recurrent_layers_takes_part():
    for make, _ in LAYERS.values():
        layer = randomised(make(3, 2, 3, 1))
        layer(torch.randn(2, 3, 4, 4).double()).sum().backward()
        assert all(parameter.grad.abs().max() > 0 for parameter in layer.parameters())


@given(size=st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)))
def test_skewing_shifts_row_i_by_i_places_and_unskewing_undoes_it(size):
    x = torch.randn(size)
    skewed = skew(x)
    expected = torch.zeros(*size[:3], size[2] + size[3] - 1)
    for row in range(size[2]):
        expected[:, :, row, row : row + size[3]] = x[:, :, row]
    torch.testing.assert_close(skewed, expected, rtol=0, atol=0)
    torch.testing.assert_close(unskew(skewed, size[3]), x, rtol=0, atol=0)


def test_unskewing_what_no_image_of_this_width_can_give_is_refused():
    with pytest.raises(ValueError, match=r"x must have shape \(B, C, H, 4 \+ H - 1\)"):
        unskew(torch.zeros(1, 1, 3, 5), width=4)
    with pytest.raises(ValueError, match="width must be"):
        unskew(torch.zeros(1, 1, 3, 5), width=0)
    with pytest.raises(ValueError, match="x must have shape"):
        skew(torch.zeros(3, 5))


# ---- what each layer sees -----------------------------------------------------------------------


def seen(module, height, width, row, column, **options):
    """The pixels (row, column) with a gradient; exactly zero everywhere else."""
    strength = receptive_field(module, height, width, row, column, **options).sum(0)
    return {tuple(place) for place in strength.nonzero().tolist()}


def triangle(height, width, row, column, reach=1):
    """What one Row LSTM sees: `reach` columns more on each side for each row further up."""
    return {
        (r, c)
        for r in range(row + 1)
        for c in range(width)
        if column - reach * (row - r) - reach <= c <= column + reach * (row - r)
    }


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("place", [(6, 4), (6, 0), (6, 10), (0, 5), (3, 9)])
def test_a_row_lstm_sees_exactly_its_triangle(kernel, place):
    layer = randomised(RowLSTM(2, 3, kernel))
    assert seen(layer, 7, 11, *place) == triangle(7, 11, *place, reach=kernel // 2)


@pytest.mark.parametrize("place", [(5, 4), (5, 0), (5, 8), (0, 3), (2, 8)])
def test_a_diagonal_bilstm_sees_everything_above_and_to_the_left(place):
    layer = randomised(DiagonalBiLSTM(2, 3))
    row, column = place
    everything = {(r, c) for r in range(row) for c in range(9)}
    everything |= {(row, c) for c in range(column + 1)}  # mask B: itself too
    assert seen(layer, 6, 9, row, column) == everything


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("place", [(5, 4), (5, 0), (3, 2), (5, 7), (1, 9), (0, 4)])
def test_a_diagonal_pixelrnn_misses_one_pixel_the_last_of_the_row_above(layers, place):
    row, column = place
    height, width = 6, 10
    model = randomised(build_model("diagonal-bilstm", hidden=3, layers=layers))
    before = {(r, c) for r in range(row) for c in range(width)}
    before |= {(row, c) for c in range(column)}
    # The 7×7 window of the first layer reaches three columns to the right, and then it is seen.
    blind = {(row - 1, width - 1)} if row and column + 3 < width - 1 else set()
    assert seen(model, height, width, row, column) == before - blind


@pytest.mark.parametrize("layers", [1, 2])
def test_a_row_pixelrnn_sees_the_triangle_of_its_layers_behind_the_window_of_the_first(layers):
    model = randomised(build_model("row-lstm", hidden=3, layers=layers))
    height, width, row, column = 8, 17, 7, 8
    expected = set()
    for r in range(row + 1):
        up = row - r
        right = column + up + 2 if up else column - 1  # 3 in the first row up, 1 in each other
        left = column - 3 - layers - up  # each layer takes one more step to the left
        expected |= {(r, c) for c in range(max(0, left), min(width - 1, right) + 1)}
    assert seen(model, height, width, row, column) == expected


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["row-lstm", "diagonal-bilstm"])
def test_no_value_sees_itself_or_a_later_one_in_any_colour(name, channels):
    for seed in range(3):
        torch.manual_seed(seed)
        model = randomised(build_model(name, channels=channels, levels=4, hidden=5, layers=2))
        report = check_causality(model, channels, 5, 4, 4)
        assert report.causal, report


@pytest.mark.parametrize("name", ["row-lstm", "diagonal-bilstm"])
def test_every_earlier_value_arrives_in_every_colour_on_an_image_within_the_first_window(name):
    model = randomised(build_model(name, channels=3, levels=4, hidden=6, layers=1))
    report = check_causality(model, 3, 4, 4, 4)
    assert report.causal
    assert report.complete, report


def test_each_colour_of_a_layer_sees_the_earlier_ones_of_its_own_pixel_and_its_own():
    for make, _ in LAYERS.values():
        layer = randomised(make(3, 3, 3, 3))
        for target in range(3):
            field = receptive_field(layer, 3, 3, 2, 2, target)
            assert [bool(strength) for strength in field[:, 2, 2]] == [
                source <= target for source in range(3)
            ]


# ---- planted bugs: what the tests above are there to find ---------------------------------------


def leaks_with(change):
    """The offsets that leak from a small Diagonal BiLSTM model whose layer computes `change`."""
    torch.manual_seed(0)
    model = randomised(build_model("diagonal-bilstm", levels=4, hidden=4, layers=1))
    layer = model.blocks[0].lstm
    layer.forward = lambda x: change(*layer.directions(x))
    return {(leak.row, leak.column) for leak in check_causality(model, 1, 4, 5, 4).leaks}


def down(x):
    return F.pad(x[:, :, :-1], (0, 0, 1, 0))


def test_the_layer_itself_does_not_leak():
    assert leaks_with(lambda left, right: left + down(right)) == set()


def test_a_right_hand_map_that_is_not_moved_down_lets_a_pixel_see_itself_and_all_to_its_right():
    leaks = leaks_with(lambda left, right: left + right)
    # Of 5 columns the last is not among them: no pixel of its row has it in its first window.
    assert leaks == {(0, column) for column in range(4)}


def test_a_right_hand_map_that_is_not_flipped_back_misses_most_and_leaks_nothing_all_the_same():
    # The causality test alone is content; a pixel sees the wrong part of the row above.
    assert leaks_with(lambda left, right: left + down(right.flip(3))) == set()
    layer = randomised(DiagonalBiLSTM(1, 3))
    layer.forward = lambda x: (lambda left, right: left + down(right.flip(3)))(*layer.directions(x))
    assert {(3, column) for column in range(9)} - seen(layer, 5, 9, 4, 1) == {
        (3, column) for column in range(2, 7)
    }


def test_rows_that_a_view_takes_for_features_let_a_row_lstm_see_the_future():
    torch.manual_seed(0)
    model = randomised(build_model("row-lstm", levels=4, hidden=4, layers=1))
    layer = model.blocks[0].lstm
    right = layer.forward
    # (B, h, H, W) -> (B, H, h, W), then read as if it were (B, h, H, W) still
    layer.forward = lambda x: right(x).transpose(1, 2).reshape(len(x), 4, *x.shape[2:])
    assert not check_causality(model, 1, 5, 4, 4).causal


# ---- invariance ---------------------------------------------------------------------------------

NAMES = ["row-lstm", "diagonal-bilstm"]


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_batch_and_the_size_of_the_image_do_not_matter(name):
    model = randomised(build_model(name, levels=4, hidden=4, layers=2))
    images = torch.randint(4, (5, 1, 6, 7))
    order = torch.randperm(5)
    whole = model(images)
    torch.testing.assert_close(model(images[order]), whole[order])
    # What comes later changes nothing, so the first rows may stand alone.
    torch.testing.assert_close(model(images[:, :, :3]), whole[:, :, :, :3])


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_threads_does_not_matter(name):
    model = randomised(build_model(name, levels=4, hidden=8, layers=2))
    images = torch.randint(4, (3, 1, 9, 8))
    one = model(images)
    torch.set_num_threads(2)
    torch.testing.assert_close(model(images), one, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_under_autocast_the_scan_keeps_its_precision_and_gradients_arrive(name):
    model = build_model(name, hidden=4, layers=2)
    images = torch.randint(2, (2, 1, 5, 5))
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(images)
    torch.testing.assert_close(logits.float(), model(images), rtol=0.1, atol=0.1)
    logits.float().square().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_a_backward_pass_can_be_repeated(name):
    model = randomised(build_model(name, hidden=4, layers=2))
    loss = model(torch.randint(2, (2, 1, 5, 5))).square().mean()
    first = torch.autograd.grad(loss, model.parameters(), retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(loss, model.parameters()), first)


# ---- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RowLSTM(2, 2, 1), "kernel_size must be a whole number of at least 3, got 1"),
        (lambda: RowLSTM(2, 2, 4), "kernel_size must be odd"),
        (lambda: RowLSTM(2, 0), "hidden must be"),
        (lambda: RowLSTM(0, 2), "in_features must be"),
        (lambda: RowLSTM(3, 2, channels=3), "features must be at least channels"),
        (lambda: DiagonalBiLSTM(2, 2.5), "hidden must be"),
        (lambda: DiagonalBiLSTM(2, 3, channels=3), "features must be at least channels"),
        (lambda: RowLSTM(2, 3)(torch.zeros(1, 3, 4, 4)), r"x must have shape \(B, 2, H, W\)"),
        (lambda: DiagonalBiLSTM(2, 3)(torch.zeros(2, 4, 4)), r"x must have shape \(B, 2, H, W\)"),
    ],
)
def test_arguments_out_of_range_are_refused_with_a_reason(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_layers_print_what_they_are():
    assert repr(RowLSTM(3, 6, 5, 3)).startswith("RowLSTM(\n  3, 6, kernel_size=5, channels=3")
    assert repr(DiagonalBiLSTM(2, 6)).startswith("DiagonalBiLSTM(\n  2, 6, channels=1")
