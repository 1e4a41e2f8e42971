import math
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pixeledu import PixelCNN, bits_per_dim, build_model, class_nats, likelihood, measuring, nats
from pixeledu.conditions import shrink
from pixeledu.measuring import measure


class Uniform(nn.Module):
    """Give every value the same probability."""

    def __init__(self, channels=1, levels=2):
        super().__init__()
        self.channels, self.levels = channels, levels
        self.zero = nn.Parameter(torch.zeros(()))

    def forward(self, images):
        return self.zero.expand(len(images), self.levels, *images.shape[1:])


def every_image(channels, height, width, levels):
    values = list(product(range(levels), repeat=channels * height * width))
    return torch.tensor(values).view(-1, channels, height, width)


@pytest.mark.parametrize(
    ("channels", "height", "width", "levels"),
    [(1, 3, 3, 2), (1, 2, 2, 4), (3, 1, 2, 3), (2, 1, 1, 9)],
)
@pytest.mark.parametrize("name", ["pixelcnn", "row-lstm", "diagonal-bilstm", "gated-pixelcnn"])
def test_the_probabilities_of_all_images_sum_to_one(name, channels, height, width, levels):
    images = every_image(channels, height, width, levels)
    for seed in range(3):
        torch.manual_seed(seed)
        model = build_model(name, channels=channels, levels=levels, hidden=6, layers=2).double()
        assert (-nats(model, images)).exp().sum().item() == pytest.approx(1, abs=1e-5)


@given(
    channels=st.sampled_from([1, 3]),
    levels=st.sampled_from([2, 5]),
    size=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
    batch_size=st.integers(1, 4),
)
def test_nats_are_the_sum_of_minus_log_p_whatever_the_batch_size(
    channels, levels, size, batch_size
):
    model = PixelCNN(channels, levels, hidden=4, layers=1)
    images = torch.randint(levels, (size[0], channels, *size[1:]))
    probabilities = model(images).softmax(dim=1)
    expected = []
    for image, distribution in zip(images, probabilities, strict=True):
        places = product(*map(range, image.shape))
        expected.append(-sum(distribution[image[p], *p].log().item() for p in places))
    torch.testing.assert_close(
        nats(model, images, batch_size=batch_size),
        torch.tensor(expected).double(),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_a_uniform_guess_costs_log2_of_the_levels_for_each_value(levels):
    images = torch.randint(levels, (4, 3, 5, 6))
    model = Uniform(3, levels)
    assert bits_per_dim(model, images) == pytest.approx(math.log2(levels), rel=1e-6)
    assert nats(model, images).tolist() == pytest.approx([90 * math.log(levels)] * 4, rel=1e-6)


def test_measuring_leaves_the_model_as_it_was():
    model = PixelCNN(hidden=4, layers=1).train()
    nats(model, torch.zeros(2, 1, 3, 3, dtype=torch.uint8))
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_every_value_of_a_byte_is_accepted_with_256_levels():
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert bits_per_dim(Uniform(levels=256), images) == pytest.approx(8)
    with pytest.raises(ValueError, match="got values from 0 to 255"):
        nats(Uniform(levels=255), images)


def test_no_images_have_no_nats_and_no_mean():
    empty = torch.zeros(0, 1, 3, 3, dtype=torch.uint8)
    assert nats(Uniform(), empty).shape == (0,)
    with pytest.raises(ValueError, match="images is empty"):
        bits_per_dim(Uniform(), empty)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 1, 2, 2), "must hold integers from 0 to 1, got torch.float32"),
        (torch.zeros(1, 1, 2, 2, dtype=torch.bool), "must hold integers"),
        (torch.full((1, 1, 2, 2), 2), "got values from 2 to 2"),
        (torch.full((1, 1, 2, 2), -1), "got values from -1 to -1"),
        (torch.zeros(1, 3, 2, 2, dtype=torch.uint8), "must have shape"),
        ([[0]], "must be a torch.Tensor, got list"),
    ],
)
def test_images_that_the_model_cannot_read_are_refused(images, message):
    for function in (nats, bits_per_dim, measure):
        with pytest.raises(ValueError, match=message):
            function(Uniform(), images)


def test_a_batch_size_below_one_is_refused():
    with pytest.raises(ValueError, match="batch_size must be"):
        nats(Uniform(), torch.zeros(1, 1, 2, 2, dtype=torch.uint8), batch_size=0)


@pytest.mark.parametrize(("numbers", "batches"), [(10**9, [7]), (100, [2, 2, 2, 1]), (1, [1] * 7)])
def test_of_large_images_fewer_are_measured_at_once(monkeypatch, numbers, batches):
    monkeypatch.setattr(measuring, "LOGITS", numbers)
    images, seen = torch.zeros(7, 3, 2, 3, dtype=torch.uint8), []
    model = Uniform(channels=3)  # 2 · 3 · 2 · 3 numbers for each image
    model.register_forward_hook(lambda module, args, _: seen.append(len(args[0])))
    assert measure(model, images)["mean"] == pytest.approx(18 * math.log(2))
    assert seen == batches


def test_one_image_has_a_mean_and_an_unknown_error(recwarn):
    measured = measure(Uniform(), torch.zeros(1, 1, 2, 2, dtype=torch.uint8))
    assert measured["mean"] == pytest.approx(4 * math.log(2))
    assert math.isnan(measured["standard_error"])
    assert not recwarn.list


def test_the_guide_of_a_batch_is_made_once_for_all_its_classes(monkeypatch):
    made = []
    monkeypatch.setattr(likelihood, "shrink", lambda *given: made.append(given) or shrink(*given))
    model = PixelCNN(levels=4, hidden=2, layers=0, classes=3, guide=2)
    images = torch.randint(4, (5, 1, 4, 4))
    found = class_nats(model, images, batch_size=2)
    assert len(made) == 3  # batches
    guide = shrink(images, 2)
    for label in range(3):
        labels = torch.full((5,), label)
        torch.testing.assert_close(found[:, label], nats(model, images, labels, guide))
