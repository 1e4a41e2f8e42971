"""What is said of a learner's own model that gives something else than logits."""

import pytest
import torch
from torch import nn

from pixeledu import (
    MaskedConv2d,
    PixelCNN,
    bits_per_dim,
    check_causality,
    complete,
    compress,
    fit,
    nats,
    receptive_field,
    sample,
)

LEVELS, HEIGHT, WIDTH = 4, 3, 5
IMAGES = torch.randint(LEVELS, (2, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(0))
EXPECTED = r"logits of shape \(\d+, 4, 3, 3, 5\) \(B, levels, C, H, W\), got \(\d+, "


class Own(nn.Module):
    """A right model, and what `change` makes of its logits (B, levels, C, H, W)."""

    def __init__(self, change=lambda logits: logits, channels=3, levels=LEVELS):
        super().__init__()
        self.channels, self.levels, self.change = channels, levels, change
        self.convolve = MaskedConv2d(channels, channels * levels, 3, "A", channels)

    def forward(self, images):
        x = self.convolve(images.to(self.convolve.weight.dtype))  # (B, C·levels, H, W)
        return self.change(x.unflatten(1, (self.channels, self.levels)).transpose(1, 2))


# The shapes that learners' models come with; each says all of what came.
SHAPES = {
    "colours left out": (lambda x: x[:, :, 0], "4, 3, 5"),
    "levels after colours": (lambda x: x.transpose(1, 2), "3, 4, 3, 5"),
    "levels last": (lambda x: x.movedim(1, -1), "3, 3, 5, 4"),
    "too many levels": (lambda x: torch.cat([x, x[:, :1]], 1), "5, 3, 3, 5"),
    "too few levels": (lambda x: x[:, 1:], "3, 3, 3, 5"),
    "height and width swapped": (lambda x: x.transpose(3, 4), "4, 3, 5, 3"),
    "an unpadded convolution": (lambda x: x[..., 1:-1, 1:-1], "4, 3, 1, 3"),
    "levels and colours in one": (lambda x: x.flatten(1, 2), "12, 3, 5"),
}
# To a receptive field these are features, (B, F, H, W), and so are those of a model without its head.
AS_FEATURES = ("colours left out", "levels and colours in one")
CALLS = {
    "nats": lambda model: nats(model, IMAGES),
    "bits_per_dim": lambda model: bits_per_dim(model, IMAGES),
    "fit": lambda model: fit(model, IMAGES, epochs=1, device="cpu"),
    "sample": lambda model: sample(model, 1, HEIGHT, WIDTH, method="naive"),
    "complete": lambda model: complete(
        model, IMAGES, torch.zeros(HEIGHT, WIDTH, dtype=torch.bool), method="naive"
    ),
    "check_causality": lambda model: check_causality(model, 3, HEIGHT, WIDTH, LEVELS),
    "receptive_field": lambda model: receptive_field(model, HEIGHT, WIDTH, 1, 1),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_right_model_of_ones_own_is_taken(call):
    CALLS[call](Own())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("call", CALLS)
def test_logits_of_another_shape_are_told_with_what_was_expected(call, shape):
    change, came = SHAPES[shape]
    if call == "receptive_field" and shape in AS_FEATURES:
        assert CALLS[call](Own(change)).shape == IMAGES.shape[1:]
        return
    with pytest.raises(ValueError, match=EXPECTED + came) as caught:
        CALLS[call](Own(change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", [None, (1, 2), "logits"])
@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_tensor_is_told(call, what):
    with pytest.raises(ValueError, match=f"must return.* got {type(what).__name__}"):
        CALLS[call](Own(lambda logits: what))


@pytest.mark.parametrize("call", CALLS)
def test_nan_is_called_nan(call):
    with pytest.raises(FloatingPointError, match=r"NaN"):
        CALLS[call](Own(lambda logits: logits * torch.nan))


@pytest.mark.parametrize("infinity", [torch.inf, -torch.inf])
@pytest.mark.parametrize("call", CALLS)
def test_logits_that_give_no_probabilities_are_no_better_than_nan(call, infinity):
    with pytest.raises(FloatingPointError, match=r"infin"):
        CALLS[call](Own(lambda logits: logits + infinity))


@pytest.mark.parametrize("call", ["sample", "complete", "check_causality", "receptive_field"])
def test_a_level_that_never_comes_may_have_the_logit_minus_infinity(call):
    def without_the_last(logits):
        never = torch.arange(LEVELS).view(1, -1, 1, 1, 1) == LEVELS - 1
        return logits.masked_fill(never, -torch.inf)

    CALLS[call](Own(without_the_last))


NO_FLOATS = {
    "integers": (lambda x: x.long(), r"torch.int64 \(torch.strided, on cpu\)"),
    "bools": (lambda x: x > 0, r"torch.bool \("),
    "complex numbers": (lambda x: x + 0j, r"torch.complex64 \(|torch.complex128 \("),
    "nothing but a shape": (lambda x: x.to("meta"), r"\(torch.strided, on meta\)"),
    "sparse": (lambda x: x.to_sparse(), r"\(torch.sparse_coo, on cpu\)"),
}


@pytest.mark.parametrize("what", NO_FLOATS)
@pytest.mark.parametrize("call", CALLS)
def test_logits_that_are_no_floats_are_told_in_one_line(call, what):
    change, came = NO_FLOATS[what]
    with pytest.raises(ValueError, match=rf"must return a dense tensor of floats, got .*({came})"):
        CALLS[call](Own(change))


def test_logits_without_a_gradient_are_measured_and_not_trained():
    detached = Own(lambda logits: logits.detach())
    assert nats(detached, IMAGES).isfinite().all()
    with pytest.raises(ValueError, match=r"model must return logits with a gradient .*detach\(\)"):
        CALLS["fit"](detached)
    with pytest.raises(ValueError, match="it has none, or all are frozen"):
        CALLS["fit"](Own().requires_grad_(False))


def raising(error):
    def fail(_):
        raise error

    return fail


ERRORS = [
    KeyError("a"),
    IndexError("99"),
    AssertionError("no"),
    StopIteration(),
    ZeroDivisionError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("call", CALLS)
def test_whatever_a_model_raises_is_told_with_what_it_was_called_with(call, error):
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    what = rf"must accept .* = \(\d+, 3, 3, 5\); it said: {said}$"
    with pytest.raises(ValueError, match=what) as caught:
        CALLS[call](Own(raising(error)))
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [MemoryError(), OSError("gone")], ids=["memory", "disk"])
@pytest.mark.parametrize("call", CALLS)
def test_what_is_not_the_fault_of_a_model_passes_as_it_is(call, error):
    with pytest.raises(type(error)) as caught:
        CALLS[call](Own(raising(error)))
    assert caught.value is error


class Uniform(nn.Module):
    """A model without parameters: every level is equally probable."""

    channels, levels = 3, LEVELS

    def forward(self, images):
        return torch.zeros(len(images), LEVELS, *images.shape[1:])


def test_a_model_without_parameters_is_measured_and_drawn_from_and_not_trained():
    expected = torch.full((2,), IMAGES[0].numel(), dtype=torch.float64) * torch.log(
        torch.tensor(4.0)
    )
    torch.testing.assert_close(nats(Uniform(), IMAGES), expected)
    assert sample(Uniform(), 2, 2, 2, method="naive").shape == (2, 3, 2, 2)
    assert check_causality(Uniform(), 3, 2, 2, LEVELS).causal
    with pytest.raises(ValueError, match="model must have parameters to train"):
        fit(Uniform(), IMAGES)


@pytest.mark.parametrize("call", [lambda m: sample(m, 1, 2, 2), lambda m: compress(m, IMAGES)])
def test_a_model_of_ones_own_has_no_steps(call):
    with pytest.raises(ValueError, match=r"model must be one of this package's models.*got Own"):
        call(Own())


class Wrong(nn.Module):
    """A model that cannot take integers, as many first models cannot."""

    channels, levels = 3, LEVELS

    def __init__(self):
        super().__init__()
        self.convolve = nn.Conv2d(3, LEVELS, 3)

    def forward(self, images):
        return self.convolve(images)


@pytest.mark.parametrize("call", ["nats", "sample", "check_causality"])
def test_a_model_that_fails_on_integers_is_named_with_what_it_said(call):
    with pytest.raises(ValueError, match=r"must accept integer images, .*; it said: "):
        CALLS[call](Wrong())


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(1, 2, 3), nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten())]
)
def test_a_field_is_not_measured_where_the_output_is_not_over_the_input(layer):
    with pytest.raises(ValueError, match=r"model must return .* of the size of what it reads, "):
        receptive_field(layer, 5, 5, 2, 2)


VALUES = {
    "NaN": (torch.full((1, 1, 2, 2), torch.nan), "got values from nan to nan"),
    "one NaN": (
        torch.tensor([0.0, 1, 2, torch.nan]).view(1, 1, 2, 2),
        "got values from nan to nan",
    ),
    "infinity": (torch.full((1, 1, 2, 2), torch.inf), "got values from inf to inf"),
    "too large": (torch.full((1, 1, 2, 2), LEVELS), "from 0 to 3 .*got values from 4 to 4"),
    "too large floats": (torch.full((1, 1, 2, 2), 3.01), "got values from 3.0"),
    "negative": (torch.full((1, 1, 2, 2), -1), "got values from -1 to -1"),
    "bools": (torch.ones(1, 1, 2, 2, dtype=torch.bool), "got torch.bool"),
    "complex": (torch.ones(1, 1, 2, 2, dtype=torch.complex64), "got torch.complex64"),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("values", VALUES)
def test_a_model_says_what_images_it_cannot_read(values, training):
    images, message = VALUES[values]
    with pytest.raises(ValueError, match=message):
        PixelCNN(levels=LEVELS, hidden=2, layers=1).train(training)(images)
