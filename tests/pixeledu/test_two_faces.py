"""The one test that every causal layer, block and model must pass: both faces compute the same.

And both as the equations say it and by kernels: readable × fast × whole image × steps.
"""

import contextlib
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pixeledu import DiagonalBiLSTM, GatedBlock, MaskedConv2d, RowLSTM, build_model, fast
from pixeledu.conditions import shrink
from pixeledu.fast import convolution, lstm
from pixeledu.fast.arithmetic import NumPyArithmetic, TorchArithmetic
from pixeledu.layers.blocks import RecurrentBlock, ResidualBlock
from pixeledu.masks import by_colour, group_slices
from pixeledu.outputs import OUTPUTS

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
CONDITION = 3  # features
BLOCKS = {
    "residual": lambda hidden, channels, depends: ResidualBlock(hidden, channels, depends),
    "row": lambda hidden, channels, depends: RecurrentBlock("row", hidden, channels, depends),
    "diagonal": lambda hidden, channels, depends: RecurrentBlock(
        "diagonal", hidden, channels, depends
    ),
}
MODELS = {
    "pixelcnn": {"hidden": 5, "layers": 2},
    "row-lstm": {"hidden": 5, "layers": 2},
    "diagonal-bilstm": {"hidden": 5, "layers": 2},
    "gated-pixelcnn": {"hidden": 5, "layers": 2},
}
SIZES = st.tuples(st.integers(0, 3), st.integers(1, 6), st.integers(1, 6))
CLOSE = {"rtol": 1e-10, "atol": 1e-12}


def readable_and_fast():
    """Yield the two ways in which everything can be computed."""
    yield fast.off()
    yield contextlib.nullcontext()


def randomise(module):
    """Give every weight a random value, those too that begin at zero."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.5)


def in_steps(layer, x, condition=None):
    """Run a layer or block pixel by pixel over x (B, F, H, W), as sampling would."""
    batch, features, height, width = x.shape
    inputs = group_slices(features, layer.channels)
    gates = getattr(layer, "gates", 1)
    order, outputs = by_colour(layer.out_features, layer.channels, gates)
    y = torch.full((batch, layer.out_features, height, width), torch.nan, dtype=x.dtype)
    steps = layer.steps(batch, width)
    for row in range(height):
        steps.start_row(None, None if condition is None else condition[:, :, row])
        for column in range(width):
            for colour in range(layer.channels):
                value = x[:, inputs[colour], row, column]
                if getattr(layer, "mask_type", "B") == "B":
                    steps.put(value, column, colour)
                y[:, order[outputs[colour]], row, column] = steps.read(column, colour)
                if getattr(layer, "mask_type", "B") == "A":
                    steps.put(value, column, colour)
    return y


def model_in_steps(model, images, labels=None, guide=None):
    """Run a model value by value over images (B, C, H, W), as sampling would."""
    batch, channels, height, width = images.shape
    logits = torch.full((batch, model.levels, channels, height, width), torch.nan).double()
    steps = model.steps(batch, width, model.condition(labels, guide, batch, height, width))
    for row in range(height):
        steps.start_row()
        for column in range(width):
            for colour in range(channels):
                logits[:, :, colour, row, column] = steps.read(column, colour)
                steps.put(images[:, colour, row, column], column, colour)
    return logits


@pytest.mark.parametrize("name", LAYERS)
@given(
    channels=st.sampled_from([1, 2, 3]),
    more=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    kernel=st.tuples(ODD, ODD),
    size=SIZES,
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
        expected = layer(x)
        for way in readable_and_fast():
            with way:
                torch.testing.assert_close(layer(x), expected, **CLOSE)
                torch.testing.assert_close(in_steps(layer, x), expected, **CLOSE)


@pytest.mark.parametrize("name", BLOCKS)
@given(
    channels=st.sampled_from([1, 2, 3]),
    more=st.integers(0, 3),
    depends=st.booleans(),
    size=SIZES,
    seed=st.integers(0, 2**31),
)
def test_a_block_computes_the_same_in_parallel_and_in_steps(
    name, channels, more, depends, size, seed
):
    torch.manual_seed(seed)
    hidden, (batch, height, width) = channels + more, size
    block = BLOCKS[name](hidden, channels, CONDITION if depends else None).double()
    randomise(block)
    block.channels, block.out_features = channels, 2 * hidden
    x = torch.randn(batch, 2 * hidden, height, width, dtype=torch.float64)
    condition = torch.randn(batch, CONDITION, height, width).double() if depends else None
    with torch.no_grad():
        expected = block(x, condition)
        for way in readable_and_fast():
            with way:
                torch.testing.assert_close(block(x, condition), expected, **CLOSE)
                torch.testing.assert_close(in_steps(block, x, condition), expected, **CLOSE)


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("mask_type", ["A", "B"])
@given(
    channels=st.sampled_from([1, 2, 3]),
    more=st.integers(0, 3),
    depends=st.booleans(),
    size=SIZES,
    seed=st.integers(0, 2**31),
)
def test_a_gated_block_computes_the_same_in_parallel_and_in_steps(
    mask_type, kernel, channels, more, depends, size, seed
):
    torch.manual_seed(seed)
    hidden, (batch, height, width) = channels + more, size
    features = channels if mask_type == "A" else hidden
    depends = CONDITION if depends else None
    block = GatedBlock(features, hidden, kernel, mask_type, channels, depends).double()
    randomise(block)
    vertical, horizontal = torch.randn(2, batch, features, height, width).double()
    if mask_type == "A":
        vertical = horizontal  # the image, twice
    condition = torch.randn(batch, CONDITION, height, width).double() if depends else None
    with torch.no_grad():
        expected = block(vertical, horizontal, condition)
        for way in readable_and_fast():
            with way:
                for whole, wanted in zip(
                    block(vertical, horizontal, condition), expected, strict=True
                ):
                    torch.testing.assert_close(whole, wanted, **CLOSE)
                for one, wanted in zip(
                    gated_in_steps(block, vertical, horizontal, condition), expected, strict=True
                ):
                    torch.testing.assert_close(one, wanted, **CLOSE)


def gated_in_steps(block, vertical, horizontal, condition):
    """Run a gated block row by row and pixel by pixel: its vertical and its horizontal map."""
    batch, features, height, width = horizontal.shape
    new_vertical, new_horizontal = torch.full(
        (2, batch, block.hidden, height, width), torch.nan
    ).double()
    sources = group_slices(features, block.channels)
    targets = group_slices(block.hidden, block.channels)
    steps = block.steps(batch, width)
    for row in range(height):
        new_vertical[:, :, row] = steps.start_row(
            None if block.mask_type == "A" else vertical[:, :, row],
            None if condition is None else condition[:, :, row],
        )
        for column in range(width):
            for colour in range(block.channels):
                value = horizontal[:, sources[colour], row, column]
                if block.mask_type == "B":
                    steps.put(value, column, colour)
                new_horizontal[:, targets[colour], row, column] = steps.read(column, colour)
                if block.mask_type == "A":
                    steps.put(value, column, colour)
    return new_vertical, new_horizontal


@pytest.mark.parametrize("name", MODELS)
@given(
    channels=st.sampled_from([1, 3]),
    levels=st.sampled_from([2, 3, 17]),
    size=st.tuples(st.integers(0, 2), st.integers(1, 7), st.integers(1, 7)),
    classes=st.sampled_from([None, 4]),
    guided=st.booleans(),
    output=st.sampled_from(list(OUTPUTS)),
    seed=st.integers(0, 2**31),
)
def test_a_model_computes_the_same_in_parallel_and_in_steps(
    name, channels, levels, size, classes, guided, output, seed
):
    torch.manual_seed(seed)
    options = {"classes": classes, "guide": 2 if guided else None, "output": output}
    model = build_model(name, channels=channels, levels=levels, **MODELS[name], **options).double()
    randomise(model)
    batch, height, width = size
    if guided:
        height, width = 2 * height, 2 * width
    images = torch.randint(levels, (batch, channels, height, width))
    depends = {
        "labels": torch.randint(classes, (batch,)) if classes else None,
        "guide": shrink(images, 2) if guided else None,
    }
    with torch.no_grad():
        expected = model(images, **depends)
        for way in readable_and_fast():
            with way:
                torch.testing.assert_close(model(images, **depends), expected, **CLOSE)
                torch.testing.assert_close(
                    model_in_steps(model, images, **depends), expected, **CLOSE
                )


@pytest.mark.parametrize("name", MODELS)
def test_the_gradients_are_the_same_with_and_without_kernels(name):
    torch.manual_seed(0)
    model = build_model(name, channels=3, levels=5, classes=2, **MODELS[name]).double()
    randomise(model)
    images, labels = torch.randint(5, (2, 3, 5, 4)), torch.tensor([0, 1])
    gradients = []
    for way in readable_and_fast():
        with way:
            model.zero_grad()
            nn.functional.cross_entropy(model(images, labels), images).backward()
            gradients.append([weight.grad.clone() for weight in model.parameters()])
    for readable, by_kernel in zip(*gradients, strict=True):
        torch.testing.assert_close(by_kernel, readable, rtol=1e-9, atol=1e-12)


def test_kernels_are_off_inside_and_on_again_after_an_error():
    model = build_model("row-lstm", hidden=3, layers=1)
    kinds = []

    def note():
        kinds.append(type(model.steps(1, 2)).__module__)

    def fail():
        with fast.off():
            with fast.off():
                note()
            note()
            raise KeyError

    note()
    with pytest.raises(KeyError):
        fail()
    note()
    by_kernel, readable = "pixeledu.fast.models", "pixeledu.models"
    assert kinds == [by_kernel, readable, readable, by_kernel]


def test_a_model_with_a_layer_of_ones_own_meets_no_kernel_made_for_another():
    class Doubled(MaskedConv2d):
        def forward(self, x):
            return 2 * super().forward(x)

        def steps(self, batch, width):
            return DoubledSteps(super().steps(batch, width))

    class DoubledSteps:
        def __init__(self, steps):
            self.start_row, self.put = steps.start_row, steps.put
            self.read = lambda column, colour=0: 2 * steps.read(column, colour)

    model = build_model("pixelcnn", hidden=4, layers=1).double()
    model.first = Doubled(1, 8, 7, "A").double()
    images = torch.randint(2, (2, 1, 4, 5))
    with torch.no_grad():
        torch.testing.assert_close(model_in_steps(model, images), model(images), **CLOSE)


def through_torch(monkeypatch):
    """Let steps compute through PyTorch, as they do away from the CPU."""
    for module in (convolution, lstm):
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
        torch.testing.assert_close(model_in_steps(model, images), through_numpy, **CLOSE)
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


@pytest.mark.parametrize("kernels", [True, False], ids=["fast", "readable"])
@pytest.mark.parametrize("name", MODELS)
def test_steps_hold_rows_and_never_the_whole_image(name, kernels):
    model = build_model(name, **MODELS[name])
    with contextlib.nullcontext() if kernels else fast.off(), torch.no_grad():
        steps = model.steps(2, 6)
        sizes = set()
        for row in range(40):
            steps.start_row()
            for column in range(6):
                steps.read(column)
                steps.put(torch.zeros(2, dtype=torch.long), column)
            if row:
                sizes.add(bytes_held(steps))
    assert len(sizes) == 1


def test_the_memory_of_steps_is_seen_wherever_it_hides():
    class Hiding:
        def __init__(self, things):
            self.things = things

    tensor, array = torch.zeros(10), np.zeros(20)
    assert bytes_held(Hiding({"rows": [array[:5]], "more": (tensor[2:],)})) == 40 + 160

    @dataclasses.dataclass(slots=True)
    class Slotted:
        kept: object

    assert bytes_held(Slotted({1: np.zeros(3)})) == 24


def bytes_held(steps) -> int:
    """Sum the memory of all tensors and arrays that can be reached from an object."""
    storages, seen, todo = {}, set(), [steps]
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, torch.Tensor):
            storage = item.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        elif isinstance(item, np.ndarray):
            while isinstance(item.base, np.ndarray):
                item = item.base
            storages[item.ctypes.data] = item.nbytes
        elif isinstance(item, dict):
            todo.extend(item.values())
        elif isinstance(item, list | tuple | set):
            todo.extend(item)
        elif not callable(item):
            todo.extend(vars(item).values() if hasattr(item, "__dict__") else [])
            todo.extend(getattr(item, name) for name in getattr(item, "__slots__", ()))
    return sum(storages.values())
