import io
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pixeledu import PixelCNN, build_model, complete, nats, sample, sample_trace

NAMES = ("pixelcnn", "row-lstm", "diagonal-bilstm", "gated-pixelcnn")
MODELS = {name: {"hidden": 5, "layers": 2} for name in NAMES}
every_model = pytest.mark.parametrize("name", MODELS)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def model_of(name, channels=1, levels=2):
    return build_model(name, channels=channels, levels=levels, **MODELS[name]).double()


@every_model
@given(
    channels=st.sampled_from([1, 3]),
    levels=st.sampled_from([2, 3, 17]),
    size=st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(1, 5)),
    temperature=st.sampled_from([0.5, 1.0, 2]),
    seed=st.integers(0, 2**31),
)
def test_cached_sampling_draws_what_naive_sampling_draws(
    name, channels, levels, size, temperature, seed
):
    torch.manual_seed(seed)
    model = model_of(name, channels, levels)
    draws = [
        sample(model, *size, temperature=temperature, method=method, generator=seeded(seed))
        for method in ("cached", "naive")
    ]
    torch.testing.assert_close(*draws, rtol=0, atol=0)
    assert draws[0].shape == (size[0], channels, *size[1:])
    assert draws[0].dtype == torch.uint8
    assert (draws[0] < levels).all()


@every_model
@given(
    channels=st.sampled_from([1, 3]),
    form=st.sampled_from(["one for all", "one for all colours", "one for each value"]),
    seed=st.integers(0, 2**31),
)
def test_completion_keeps_what_is_known_and_both_methods_agree(name, channels, form, seed):
    torch.manual_seed(seed)
    model = model_of(name, channels, 5)
    images = torch.randint(5, (2, channels, 4, 3))
    shape = {
        "one for all": (4, 3),
        "one for all colours": (2, 1, 4, 3),
        "one for each value": (2, channels, 4, 3),
    }[form]
    known = torch.rand(shape) < 0.5
    # What stands at unknown places does not matter, not even if no model could read it.
    damaged = torch.where(known, images, 99) if form == "one for each value" else images
    if form == "one for each value":
        drawn = sample(model, 2, 4, 3, images=damaged, known=known, generator=seeded())
    else:
        drawn = complete(model, images, known, generator=seeded())
    naive = complete(model, images, known, method="naive", generator=seeded())
    torch.testing.assert_close(drawn, naive, rtol=0, atol=0)
    keep = known.expand(images.shape)
    assert torch.equal(drawn[keep].long(), images[keep])


@every_model
def test_completing_a_full_image_changes_nothing_and_an_empty_one_samples(name):
    model = model_of(name)
    images = torch.randint(2, (3, 1, 4, 5), dtype=torch.uint8)
    assert torch.equal(complete(model, images, torch.ones(4, 5, dtype=torch.bool)), images)
    none = torch.zeros(4, 5, dtype=torch.bool)
    free = complete(model, images, none, generator=seeded())
    assert torch.equal(free, sample(model, 3, 4, 5, generator=seeded()))


@every_model
def test_images_come_with_the_probability_the_model_gives_them(name):
    # All 16 images of 2×2 pixels: how often each is drawn, beside exp(-nats).
    model = model_of(name)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 2  # far from uniform
    draws = 20_000
    codes = sample(model, draws, 2, 2, generator=seeded()).flatten(1).long() @ torch.tensor(
        [8, 4, 2, 1]
    )
    images = torch.tensor([[code >> bit & 1 for bit in (3, 2, 1, 0)] for code in range(16)])
    expected = (-nats(model, images.view(16, 1, 2, 2))).exp() * draws
    chi_squared = ((codes.bincount(minlength=16) - expected) ** 2 / expected).sum()
    assert expected.max() / expected.min() > 2
    assert chi_squared < 45  # 15 degrees of freedom: exceeded once in 12,000 seeds


@every_model
def test_the_same_seed_draws_the_same_images_and_another_one_others(name):
    model = model_of(name)
    first, again, other = (sample(model, 4, 5, 5, generator=seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@every_model
def test_a_low_temperature_draws_the_most_likely_value(name):
    model = model_of(name, levels=7)
    image = sample(model, 1, 4, 4, temperature=1e-6, generator=seeded())
    with torch.no_grad():
        assert torch.equal(model(image).argmax(dim=1), image.long())


@every_model
@pytest.mark.parametrize("channels", [1, 3])
def test_a_trace_holds_the_image_and_the_distributions_it_was_drawn_from(name, channels):
    model = model_of(name, channels, levels=5)
    trace = sample_trace(model, 4, 3, temperature=0.7, generator=seeded())
    image = sample(model, 1, 4, 3, temperature=0.7, generator=seeded())
    assert torch.equal(trace.image, image[0])
    assert trace.levels == 5
    assert not trace.known.any()
    with torch.no_grad():
        expected = (model(image) / 0.7).softmax(dim=1)[0]  # (levels, C, H, W)
    torch.testing.assert_close(trace.probabilities, expected.permute(2, 3, 1, 0).float())


@every_model
def test_a_trace_of_a_completion_says_what_was_known(name):
    model = model_of(name)
    images, known = torch.ones(1, 1, 4, 4, dtype=torch.uint8), torch.rand(4, 4) < 0.5
    trace = sample_trace(model, 4, 4, images=images, known=known)
    assert torch.equal(trace.known, known[None])
    assert trace.image[trace.known].eq(1).all()


@every_model
def test_drawn_images_can_be_changed_and_trained_on(name):
    model = model_of(name)
    images = sample(model, 2, 3, 3)
    images[0] = 1
    model(images).sum().backward()


@every_model
def test_sampling_leaves_the_model_in_the_mode_it_was_in(name):
    model = model_of(name).train()
    sample(model, 1, 2, 2)
    assert model.training
    with pytest.raises(ValueError, match="method"):
        sample(model, 1, 2, 2, method="fast")
    assert model.training


def test_a_progress_bar_counts_rows(capsys):
    sample(PixelCNN(hidden=2, layers=0), 1, 3, 2, progress=True)
    shown = capsys.readouterr()
    assert "rows:" in shown.err
    assert "/3" in shown.err
    assert not shown.out


@pytest.mark.parametrize("closed", [True, False])
def test_without_a_stream_for_the_bar_the_same_images_are_drawn(monkeypatch, closed):
    model, stream = PixelCNN(hidden=2, layers=0), io.StringIO() if closed else None
    expected = sample(model, 2, 3, 2, generator=torch.Generator().manual_seed(0))
    if closed:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    drawn = sample(model, 2, 3, 2, generator=torch.Generator().manual_seed(0), progress=True)
    assert torch.equal(drawn, expected)


IMAGES, KNOWN = torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.ones(3, 3, dtype=torch.bool)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": -1}, "n must be a whole number of at least 0, got -1"),
        ({"height": 0}, "height must be"),
        ({"width": 2.5}, "width must be"),
        ({"temperature": 0}, "temperature must be a number above 0, got 0"),
        ({"temperature": float("nan")}, "temperature must be"),
        ({"temperature": float("inf")}, "temperature must be"),
        ({"temperature": "1"}, "temperature must be"),
        ({"method": "fast"}, "method must be one of: cached, naive, replayed; got 'fast'"),
        ({"labels": torch.zeros(2)}, "labels must be None: the model knows no classes"),
        ({"images": IMAGES}, "images and known go together"),
        ({"known": KNOWN}, "images and known go together"),
        ({"images": IMAGES[:1], "known": KNOWN}, "images must have shape"),
        ({"images": IMAGES, "known": KNOWN.float()}, "known must be a bool tensor"),
        ({"images": IMAGES, "known": KNOWN[:2]}, "known must have one of the shapes"),
        ({"images": IMAGES + 2, "known": KNOWN}, "got values from 2 to 2"),
        ({"images": IMAGES.float(), "known": KNOWN}, "must hold integers"),
    ],
)
def test_bad_arguments_are_refused_with_a_reason(arguments, message):
    arguments = {"n": 2, "height": 3, "width": 3, **arguments}
    with pytest.raises(ValueError, match=message):
        sample(PixelCNN(hidden=2, layers=0), **arguments)
