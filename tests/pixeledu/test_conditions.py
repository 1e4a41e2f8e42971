"""Labels and guides reach every pixel; they open no way from a later pixel to an earlier one."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from pixeledu import (
    PixelCNN,
    build_model,
    check_causality,
    class_nats,
    complete,
    nats,
    receptive_field,
    sample,
)
from pixeledu.conditions import shrink
from pixeledu.registry import KINDS
from pixeledu.web.noise import SharedNoise


def randomised(model, seed=0):
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.5)
    return model.double()


def conditional(kind, **options):
    sizes = {"channels": 3, "levels": 4, "hidden": 6, "layers": 2, "classes": 3, "guide": 2}
    return randomised(build_model(kind, **{**sizes, **options}))


@pytest.mark.parametrize("kind", KINDS)
def test_with_labels_and_a_guide_a_model_is_causal_and_complete(kind):
    """The reach of two blocks covers this image, but for the blind spot of the PixelCNN."""
    report = check_causality(conditional(kind), 3, 4, 4, 4)
    plain = check_causality(conditional(kind, classes=None, guide=None), 3, 4, 4, 4)
    assert report.causal
    assert report.unseen == plain.unseen


@pytest.mark.parametrize("kind", KINDS)
def test_a_label_and_every_pixel_of_a_guide_reach_the_logits(kind):
    model = conditional(kind)
    n = 32  # in some images a ReLU is off that stands in the way
    images, guide = torch.randint(4, (n, 3, 4, 6)), torch.randint(4, (n, 3, 2, 3))
    labels = torch.arange(n) % 3

    def changed(labels, guide):
        """The values whose logits are others in some image: (C, H, W)."""
        return (model(images, labels, guide) != logits).any(1).any(0)

    with torch.no_grad():
        logits = model(images, labels, guide)
        assert changed((labels + 1) % 3, guide).all()
        reached = torch.zeros(3, 4, 6, dtype=torch.bool)
        for place in range(guide[0].numel()):
            other = guide.clone().flatten(1)
            other[:, place] = (other[:, place] + 1) % 4
            here = changed(labels, other.view_as(guide))
            assert here.any()
            reached |= here
    assert reached.all()


def test_a_guide_that_is_made_of_the_pixels_themselves_leaks():
    """The planted bug: the network is given what it should draw, and enlarges it with an offset."""

    class Leaking(PixelCNN):
        def forward(self, images, labels=None, guide=None):
            own = images[:, :, ::2, ::2].contiguous()  # the upper left pixel of each square
            return super().forward(images, labels, own)

    model = randomised(Leaking(levels=4, hidden=4, layers=1, guide=2))
    report = check_causality(model, 1, 4, 4, 4)
    assert not report.causal
    assert (0, 0, 0, 0) in report.leaks


def test_the_images_of_a_class_have_the_probability_1_unless_its_label_is_added_behind_the_softmax():
    """The planted bug: what is added must enter before the softmax, where it changes odds."""
    every = torch.tensor(list(itertools.product((0, 1), repeat=4))).view(16, 1, 2, 2)
    model = randomised(PixelCNN(levels=2, hidden=4, layers=1, classes=3))
    for label in range(3):
        labels = torch.full((16,), label)
        assert abs(nats(model, every, labels).neg().exp().sum() - 1) < 1e-5
        with torch.no_grad():
            probabilities = model(every, labels).softmax(1)  # (16, levels, 1, 2, 2)
        probabilities[:, 0] += 0.1 * (label + 1)
        of_values = probabilities.gather(1, every[:, None]).flatten(1)  # (16, 4)
        assert abs(of_values.prod(1).sum() - (1 + 0.1 * (label + 1)) ** 4) < 1e-5


def test_colours_that_do_not_see_each_other_are_not_sold_as_dependent():
    """The planted bug: all three predicted from earlier pixels alone. Causal, and not complete."""
    model = randomised(build_model("pixelcnn", channels=3, levels=4, hidden=6, layers=1))
    for module in model.modules():
        if hasattr(module, "mask") and module.mask is not None:
            groups = torch.arange(module.mask.shape[1]) * 3 // module.mask.shape[1]
            of = torch.arange(module.mask.shape[0]) * 3 // module.mask.shape[0]
            if module.mask_type == "A":
                module.mask[:, :, -1, module.mask.shape[3] // 2] = False
            else:
                module.mask[:, :, -1, module.mask.shape[3] // 2] = of[:, None] == groups[None]
            module.masks_nothing = False
    report = check_causality(model, 3, 3, 3, 4)
    assert report.causal
    same_pixel = {offset for offset in report.unseen if offset[:2] == (0, 0)}
    assert same_pixel == {(0, 0, 0, 1), (0, 0, 0, 2), (0, 0, 1, 2)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depends", [("labels",), ("guide",), ("labels", "guide")])
def test_cached_drawing_is_naive_drawing_with_labels_and_guides(kind, depends):
    options = {
        "classes": 3 if "labels" in depends else None,
        "guide": 2 if "guide" in depends else None,
    }
    model = conditional(kind, **options)
    given = {
        "labels": torch.tensor([2, 0, 1]) if "labels" in depends else None,
        "guide": torch.randint(4, (3, 3, 2, 3)) if "guide" in depends else None,
    }
    cached, naive = (
        sample(model, 3, 4, 6, method=method, generator=SharedNoise(5), **given)
        for method in ("cached", "naive")
    )
    assert torch.equal(cached, naive)


def test_without_labels_the_class_is_drawn_first():
    model = conditional("pixelcnn", guide=None)
    noise = SharedNoise(9)
    labels = (noise.uniform(-1, 1, 20)[0] * 3).long()
    assert set(labels.tolist()) == {0, 1, 2}
    drawn = sample(model, 20, 3, 3, generator=noise)
    assert torch.equal(drawn, sample(model, 20, 3, 3, generator=noise, labels=labels))


def test_nats_without_a_label_are_those_of_the_mixture_of_all_classes():
    model = conditional("gated-pixelcnn", guide=None)
    images = torch.randint(4, (5, 3, 3, 4))
    each = class_nats(model, images)  # (5, 3)
    for label in range(3):
        told = nats(model, images, torch.full((5,), label))
        torch.testing.assert_close(each[:, label], told)
    mixture = -((-each).exp().mean(1)).log()
    torch.testing.assert_close(nats(model, images), mixture)


@given(
    factor=st.integers(2, 4),
    size=st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 2**31),
)
def test_a_guide_is_the_rounded_mean_of_squares(factor, size, seed):
    torch.manual_seed(seed)
    batch, channels, height, width = size
    images = torch.randint(
        256, (batch, channels, factor * height, factor * width), dtype=torch.uint8
    )
    small = shrink(images, factor)
    assert small.dtype == torch.uint8
    if images.numel():
        mean = F.avg_pool2d(images.double(), factor)
        assert torch.equal(small.double(), (mean + 0.5).floor())


def test_what_does_not_fit_is_refused_in_one_line():
    images = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    plain = PixelCNN(hidden=2, layers=0)
    knows = PixelCNN(hidden=2, layers=0, classes=3)
    guided = PixelCNN(hidden=2, layers=0, guide=2)
    small = torch.zeros(2, 1, 2, 2, dtype=torch.uint8)
    labels = torch.tensor([0, 1])
    for call, message in (
        (lambda: plain(images, labels), "labels must be None: the model knows no classes"),
        (lambda: sample(plain, 2, 4, 4, labels=labels), "labels must be None"),
        (lambda: plain(images, guide=small), "guide must be None"),
        (lambda: sample(plain, 2, 4, 4, guide=small), "guide must be None"),
        (lambda: knows(images), "labels are needed: the model knows 3 classes"),
        (lambda: knows(images, torch.tensor([0, 3])), "labels must be 0 to 2, got 0 to 3"),
        (lambda: knows(images, torch.tensor([-1, 0])), "labels must be 0 to 2, got -1 to 0"),
        (lambda: knows(images, torch.tensor([0])), r"integers of shape \(2,\)"),
        (lambda: knows(images, torch.tensor([0.0, 1.0])), "got torch.float32"),
        (lambda: knows(images, [0, 1]), "labels must be a torch.Tensor, got list"),
        (lambda: nats(knows, images, torch.tensor([0, 9])), "labels must be 0 to 2, got 0 to 9"),
        (lambda: sample(knows, 2, 4, 4, labels=torch.tensor([7, 0])), "labels must be 0 to 2"),
        (lambda: guided(images), "guide is needed: the model draws from images 2 times smaller"),
        (lambda: sample(guided, 2, 4, 4), "guide is needed"),
        (lambda: guided(images, guide=small[:, :, :1]), "guide must have shape"),
        (lambda: guided(images, guide=small + 2), "guide must hold values from 0 to 1"),
        (lambda: complete(guided, images, images > 0, guide=small[:1]), "guide must have"),
        (lambda: class_nats(plain, images), "model must know classes"),
        (lambda: nats(guided, images[:, :, :3]), "that 2 divides"),
        (lambda: PixelCNN(classes=1), "classes must be a whole number of at least 2, got 1"),
        (lambda: PixelCNN(guide=1), "guide must be a whole number of at least 2, got 1"),
        (lambda: PixelCNN(dropout=1), "dropout must be a number from 0 to below 1, got 1"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_receptive_field_is_measured_with_what_the_model_depends_on():
    model = conditional("pixelcnn")
    plain = conditional("pixelcnn", classes=None, guide=None)
    place = {"height": 4, "width": 6, "row": 3, "column": 2}
    seen = receptive_field(model, **place) > 0
    assert torch.equal(seen, receptive_field(plain, **place) > 0)
    told = receptive_field(model, **place, labels=torch.tensor([1]))
    assert told.shape == (3, 4, 6)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_changes_training_alone_and_both_faces_agree(kind):
    model = randomised(build_model(kind, hidden=6, layers=2, dropout=0.5))
    images = torch.randint(2, (2, 1, 4, 4))
    model.train()
    with torch.no_grad():
        assert not torch.equal(model(images), model(images))
        model.eval()
        assert torch.equal(model(images), model(images))
    cached, naive = (
        sample(model, 2, 4, 4, method=method, generator=SharedNoise(1))
        for method in ("cached", "naive")
    )
    assert torch.equal(cached, naive)


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_says_only_what_is_not_usual_and_rebuilds_the_model(kind):
    plain = build_model(kind, hidden=4, layers=1)
    assert set(plain.config) == {"model", "channels", "levels", "hidden", "layers"}
    options = {"classes": 3, "guide": 2, "output": "logistics", "dropout": 0.1}
    model = build_model(kind, hidden=4, layers=1, **options)
    assert {name: model.config[name] for name in options} == options
    twin = build_model(**model.config)
    twin.load_state_dict(model.state_dict())


def test_logits_of_nan_are_an_error_and_no_black_picture():
    model = PixelCNN(hidden=2, layers=0)
    with torch.no_grad():
        model.head.predict.bias.fill_(torch.nan)
    images = torch.zeros(1, 1, 3, 3, dtype=torch.uint8)
    with pytest.raises(FloatingPointError, match="hold NaN"):
        nats(model, images)
    for method in ("cached", "naive"):
        with pytest.raises(FloatingPointError, match="NaN or infinity in row 0"):
            sample(model, 1, 3, 3, method=method)


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-38, 1e-300])
def test_the_coldest_temperature_draws_the_likeliest_value(temperature):
    model = PixelCNN(levels=7, hidden=4, layers=1)
    drawn = sample(model, 3, 3, 4, temperature=temperature)
    with torch.no_grad():
        likeliest = model(drawn).argmax(1)
    assert torch.equal(drawn.long(), likeliest)
    half = sample(model.half(), 2, 3, 3, temperature=temperature)
    assert len(half) == 2


def test_another_default_device_changes_nothing():
    """On `meta` no value can be read: whatever is made without a device of its own fails here."""
    model = conditional("row-lstm")
    expected = check_causality(model, 3, 4, 4, 4)
    with torch.device("meta"):
        report = check_causality(model, 3, 4, 4, 4)
        field = receptive_field(model, 4, 4, 2, 1)
    assert report.leaks == expected.leaks
    assert report.unseen == expected.unseen
    assert field.device.type == "cpu"


def test_drawing_under_autocast_draws_what_the_model_says():
    model = PixelCNN(hidden=4, layers=1)
    gated = build_model("gated-pixelcnn", hidden=4, layers=1)
    for one in (model, gated):
        plain = sample(one, 2, 4, 4, generator=SharedNoise(3))
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(sample(one, 2, 4, 4, generator=SharedNoise(3)), plain)
