"""The one test that every causal layer and model must pass: both faces compute the same function."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pixeledu import DiagonalBiLSTM, MaskedConv2d, RowLSTM, build_model
from pixeledu.fast.arithmetic import NumPyArithmetic, TorchArithmetic
from pixeledu.layers import diagonal_bilstm, masked_conv
from pixeledu.masks import by_colour, group_slices

ODD = st.sampled_from([1, 3, 5])
LAYERS = {
    "masked convolution, mask A": lambda features, out, channels, kernel: MaskedConv2d(
        features, out, kernel, "A", channels
    ),
    "masked convolution, mask B": lambda features, out, channels, kernel: MaskedConv2d(
        features, out, kernel, "B", channels
    ),
    "masked convolution, four gates": lambda features, out, channels, kernel: MaskedConv2d(
        features, 4 * out, kernel, "B", channels, gates=4
    ),
    "Row LSTM": lambda features, out, channels, kernel: RowLSTM(
        features, out, max(3, kernel[1]), channels
    ),
    "Diagonal BiLSTM": lambda features, out, channels, kernel: DiagonalBiLSTM(
        features, out, channels
    ),
}
MODELS = {
    "pixelcnn": {"hidden": 5, "layers": 2},
    "row-lstm": {"hidden": 5, "layers": 2},
    "diagonal-bilstm": {"hidden": 5, "layers": 2},
    "gated-pixelcnn": {"hidden": 5, "layers": 2},
}


def randomise(module):
    """Give every weight a random value, those too that begin at zero."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.5)


def in_steps(layer, x):
    """Run a layer pixel by pixel over x (B, F, H, W), as sampling would."""
    batch, features, height, width = x.shape
    inputs = group_slices(features, layer.channels)
    gates = getattr(layer, "gates", 1)
    order, outputs = by_colour(layer.out_features, layer.channels, gates)
    y = torch.full((batch, layer.out_features, height, width), torch.nan, dtype=x.dtype)
    steps = layer.steps(batch, width)
    for row in range(height):
        steps.start_row()
        for column in range(width):
            for colour in range(layer.channels):
                value = x[:, inputs[colour], row, column]
                if getattr(layer, "mask_type", "B") == "B":
                    steps.put(value, column, colour)
                y[:, order[outputs[colour]], row, column] = steps.read(column, colour)
                if getattr(layer, "mask_type", "B") == "A":
                    steps.put(value, column, colour)
    return y


def model_in_steps(model, images):
    """Run a model value by value over images (B, C, H, W), as sampling would."""
    batch, channels, height, width = images.shape
    logits = torch.full((batch, model.levels, channels, height, width), torch.nan).double()
    steps = model.steps(batch, width)
    for row in range(height):
        steps.start_row()
        for column in range(width):
            for colour in range(channels):
                logits[:, :, colour, row, column] = steps.logits(column, colour)
                steps.put(images[:, colour, row, column], column, colour)
    return logits


@pytest.mark.parametrize("name", LAYERS)
@given(
    channels=st.sampled_from([1, 2, 3]),
    more=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    kernel=st.tuples(ODD, ODD),
    size=st.tuples(st.integers(0, 3), st.integers(1, 6), st.integers(1, 6)),
    seed=st.integers(0, 2**31),
)
def test_a_layer_computes_the_same_in_parallel_and_in_steps(
    name, channels, more, kernel, size, seed
):
    torch.manual_seed(seed)
    layer = LAYERS[name](channels + more[0], channels + more[1], channels, kernel).double()
    randomise(layer)
    batch, height, width = size
    x = torch.randn(batch, layer.in_features, height, width, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(in_steps(layer, x), layer(x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
@given(
    channels=st.sampled_from([1, 3]),
    levels=st.sampled_from([2, 3, 17]),
    size=st.tuples(st.integers(0, 2), st.integers(1, 7), st.integers(1, 7)),
    seed=st.integers(0, 2**31),
)
def test_a_model_computes_the_same_in_parallel_and_in_steps(name, channels, levels, size, seed):
    torch.manual_seed(seed)
    model = build_model(name, channels=channels, levels=levels, **MODELS[name]).double()
    randomise(model)
    images = torch.randint(levels, (size[0], channels, *size[1:]))
    with torch.no_grad():
        torch.testing.assert_close(
            model_in_steps(model, images), model(images), rtol=1e-10, atol=1e-12
        )


def through_torch(monkeypatch):
    """Let steps compute through PyTorch, as they do away from the CPU."""
    for module in (masked_conv, diagonal_bilstm):
        monkeypatch.setattr(module, "arithmetic_for", lambda tensor: TorchArithmetic)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", MODELS)
def test_the_steps_are_the_same_through_numpy_and_through_torch(name, channels, monkeypatch):
    model = build_model(name, channels=channels, levels=5, **MODELS[name]).double()
    randomise(model)
    images = torch.randint(5, (2, channels, 4, 6))
    with torch.no_grad():
        through_numpy = model_in_steps(model, images)
        through_torch(monkeypatch)
        torch.testing.assert_close(
            model_in_steps(model, images), through_numpy, rtol=1e-10, atol=1e-12
        )
        assert isinstance(model.steps(2, 6).scaled, torch.Tensor)


def test_large_products_leave_numpy_and_small_ones_do_not():
    small, large = torch.randn(2, 8), torch.randn(600, 64)
    for a, function in ((small, np.dot), (large, torch.mm)):
        b = torch.randn(a.shape[1], 16)
        out = torch.empty(len(a), 16)
        product = NumPyArithmetic.product(a, b, out)
        product()
        torch.testing.assert_close(out, a @ b)
        assert product.func is function


def test_half_precision_steps_compute_through_torch():
    model = build_model("row-lstm", hidden=4, layers=1).bfloat16()
    images = torch.randint(2, (2, 1, 4, 4))
    with torch.no_grad():
        torch.testing.assert_close(
            model_in_steps(model, images).float(), model(images).float(), rtol=0.1, atol=0.1
        )


@pytest.mark.parametrize("name", MODELS)
def test_steps_hold_rows_and_never_the_whole_image(name):
    model = build_model(name, **MODELS[name])
    steps = model.steps(2, 6)
    sizes = set()
    for row in range(40):
        steps.start_row()
        for column in range(6):
            steps.logits(column)
            steps.put(torch.zeros(2, dtype=torch.long), column)
        if row:
            sizes.add(bytes_held(steps))
    assert len(sizes) == 1


def bytes_held(steps) -> int:
    """Sum the memory of all tensors that can be reached from an object."""
    storages, seen, todo = {}, set(), [steps]
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, torch.Tensor):
            storage = item.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        elif isinstance(item, list | tuple):
            todo.extend(item)
        elif hasattr(item, "__dict__") and not callable(item):
            todo.extend(vars(item).values())
    return sum(storages.values())
