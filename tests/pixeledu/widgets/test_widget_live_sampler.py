"""The live sampler's Python half: what can be chosen, what is stored, what is drawn and refused."""

import json
import re
from base64 import b64decode, b64encode
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from pixeledu import SharedNoise, build_model, complete, list_pretrained, load_export, sample
from pixeledu.web.page_models import LARGEST, page_export, page_models
from pixeledu.widgets import LiveSampler
from pixeledu.widgets.live_sampler import MANY, SPEEDS

SIZE = (6, 5)


def tiny(**config):
    torch.manual_seed(3)
    return build_model(**{"model": "pixelcnn", "levels": 4, "hidden": 4, "layers": 1} | config)


@pytest.fixture
def sampler() -> LiveSampler:
    """Two small models of its own: one of 4 greys and one of 3 colours with 2 levels."""
    colours = tiny(model="row-lstm", channels=3, levels=2)
    return LiveSampler({"greys": tiny(), "colours": colours}, size=SIZE)


def state_of(html: str) -> dict:
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html)[1])


def exported(sampler: LiveSampler):
    """The model that the page runs."""
    return load_export(b64decode(sampler.weights[sampler.model]))


# ---- what can be chosen ---------------------------------------------------------------------------


def test_every_model_that_ships_and_fits_into_a_page_is_listed():
    names = page_models()
    assert set(names) <= set(list_pretrained())
    grey = {name for name in list_pretrained() if name.startswith(("digits", "mnist16"))}
    # Of the grey models that know classes one is enough: a page has 700 kB for everything.
    assert grey - {*names} == {"mnist16-class-gated-pixelcnn"}
    sampler = LiveSampler()
    assert [model["name"] for model in sampler.models] == names
    assert sampler.model == names[0]
    for name in names:
        content = b64decode(sampler.weights[name])
        assert content == page_export(name)
        assert len(content) <= LARGEST
    assert len({model["title"] for model in sampler.models}) == len(names)


def test_a_page_carries_no_weights_of_models_that_ship_but_those_of_your_own(sampler):
    html = LiveSampler(["digits-pixelcnn"]).html()
    assert state_of(html)["own"] == {}
    assert "weights" not in state_of(html)
    assert len(html) < 4_000
    assert state_of(sampler.html())["own"] == sampler.weights
    assert sampler.get_state()["weights"] == sampler.weights


def test_the_pictures_may_have_another_size_than_the_training_images():
    sampler = LiveSampler(["digits-pixelcnn"], size=(4, 11))
    assert sampler.picture.shape == (1, 4, 11)
    assert (sampler.models[0]["height"], sampler.models[0]["width"]) == (4, 11)
    assert "4×11" in sampler.models[0]["title"]


# ---- what is drawn ------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["greys", "colours"])
def test_the_pictures_are_samples_with_the_noise_of_the_seed(sampler, model):
    sampler.model, sampler.seed, sampler.temperature = model, 11, 0.8
    twin = exported(sampler)
    wanted = sample(twin, MANY, *SIZE, temperature=0.8, generator=SharedNoise(11))
    assert torch.equal(sampler.pictures, wanted)
    sampler.image = 5
    assert torch.equal(sampler.picture, wanted[5])
    assert sampler.picture.dtype == torch.uint8


@pytest.mark.parametrize("model", ["greys", "colours"])
def test_what_is_given_stays_and_the_rest_is_completed(sampler, model):
    sampler.model, sampler.seed = model, 4
    twin = exported(sampler)
    torch.manual_seed(1)
    image = torch.randint(0, twin.levels, (twin.channels, *SIZE))
    known = torch.rand(SIZE) < 0.4
    sampler.give(image, known)
    images = image.expand(MANY, -1, -1, -1)
    assert torch.equal(sampler.pictures, complete(twin, images, known, generator=SharedNoise(4)))
    assert sampler.steps == int((~known).sum()) * twin.channels
    assert sampler.position == sampler.steps // 2
    sampler.give(image, torch.ones(SIZE, dtype=torch.bool))
    assert (sampler.steps, sampler.position) == (0, 0)
    assert torch.equal(sampler.picture.long(), image)
    sampler.give(image, torch.zeros(SIZE, dtype=torch.bool))
    assert sampler.given == []


def test_what_is_given_counts_for_the_models_that_it_fits(sampler):
    sampler.give(torch.full((1, *SIZE), 3), torch.ones(SIZE, dtype=torch.bool))
    sampler.model = "colours"
    assert sampler.steps == 3 * 30
    sampler.model = "greys"
    assert sampler.steps == 0


def test_what_the_page_has_drawn_is_read_as_long_as_nothing_else_is_asked_for(sampler):
    values = np.arange(30, dtype=np.uint8) % 4
    drawn = {"of": ["greys", 2, 1, []], "images": {"0": b64encode(values).decode()}}
    sampler.set_state({"seed": 2, "drawn": drawn})
    assert sampler.picture.flatten().tolist() == values.tolist()
    sampler.image = 1  # one that the page has not drawn
    assert sampler.picture.flatten().tolist() != values.tolist()
    sampler.image, sampler.seed = 0, 3
    assert torch.equal(
        sampler.picture, sample(exported(sampler), 1, *SIZE, generator=SharedNoise(3))[0]
    )


# ---- classes and guides ---------------------------------------------------------------------------


@pytest.fixture
def conditional() -> LiveSampler:
    """A model of three classes in colour, one that draws from a smaller picture, and one of neither."""
    models = {
        "classes": tiny(model="gated-pixelcnn", channels=3, classes=3),
        "guide": tiny(guide=3, classes=3),
        "neither": tiny(),
    }
    guides = torch.arange(5 * 2 * 3).view(5, 1, 2, 3) % 4
    return LiveSampler(models, size=(6, 9), classes=["cat", "dog", "tree"], guides=guides, seed=5)


def test_the_pictures_are_of_the_class_that_is_asked_for(conditional):
    twin, noise = exported(conditional), SharedNoise(5)
    drawn_first = sample(twin, MANY, 6, 9, generator=noise)
    assert torch.equal(conditional.pictures, drawn_first)
    for label, labels in ((2, torch.full((MANY,), 2)), ("each", torch.arange(MANY) % 3)):
        conditional.label = label
        wanted = sample(twin, MANY, 6, 9, labels=labels, generator=noise)
        assert torch.equal(conditional.pictures, wanted)
        assert not torch.equal(wanted, drawn_first)


def test_the_pictures_are_drawn_from_one_guide_after_the_other(conditional):
    conditional.model, conditional.label = "guide", 1
    guide = torch.arange(5 * 2 * 3).view(5, 1, 2, 3)[torch.arange(MANY) % 5] % 4
    options = {"labels": torch.ones(MANY).long(), "guide": guide, "generator": SharedNoise(5)}
    assert torch.equal(conditional.pictures, sample(exported(conditional), MANY, 6, 9, **options))
    stored = state_of(conditional.html())
    assert stored["guides"] == [(torch.arange(6) + 6 * i).remainder(4).tolist() for i in range(5)]
    conditional.guides = stored["guides"]  # as the page sends them
    assert conditional.guides == stored["guides"]


def test_a_class_has_the_name_of_the_image_set_or_the_one_it_is_given(conditional):
    names = [one.get("classes") for one in conditional.models]
    assert names == [["cat", "dog", "tree"], ["cat", "dog", "tree"], None]
    numbered = LiveSampler({"mine": tiny(classes=3)}, size=SIZE)
    assert numbered.models[0]["classes"] == ["0", "1", "2"]
    conditional.label = 1
    assert "A sample of classes, class dog, seed 5" in conditional.html()


def test_a_class_is_forgotten_with_the_model_that_knows_it():
    sampler = LiveSampler(
        {"few": tiny(classes=2), "many": tiny(classes=9), "none": tiny()}, size=SIZE
    )
    for first, label, then, left in (
        *(("many", 1, "few", 1), ("many", 8, "few", None), ("few", 1, "none", None)),
        *(("few", "each", "many", "each"), ("few", "each", "none", None)),
    ):
        sampler.model = first
        sampler.label = label
        sampler.model = then
        assert sampler.label == left


def test_what_the_page_has_drawn_of_another_class_is_not_read(conditional):
    values = b64encode(np.zeros(3 * 54, np.uint8)).decode()
    conditional.set_state(
        {"label": 2, "drawn": {"of": ["classes", 5, 1, [], 2], "images": {"0": values}}}
    )
    assert not conditional.picture.any()
    conditional.label = 1
    assert conditional.picture.any()


def test_figures_of_plain_grey_models_keep_no_room_for_classes_and_colours(conditional):
    plain = LiveSampler({"one": tiny()}, size=SIZE)
    assert "min-height:var(--right-height)" in plain.html()
    assert not {"label", "guides"} & set(state_of(plain.html()))
    assert "var(--right-height) + var(--class-row) + var(--palette-rows)" in conditional.html()
    assert conditional._min_height > plain._min_height


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("label", 3, "label must be None, 'each' or a class from 0 to 2, got 3"),
        ("label", -1, "label must be None, 'each' or a class from 0 to 2, got -1"),
        ("label", "cat", "label must be None, 'each' or a class from 0 to 2, got 'cat'"),
        ("label", True, "label must be None, 'each' or a class from 0 to 2, got True"),
        (
            "guides",
            None,
            r"guides must be 1 to 16 pictures of shape \(1, 2, 3\) with whole numbers",
        ),
        ("guides", [], "guides must be 1 to 16 pictures"),
        ("guides", [[0] * 5], "guides must be 1 to 16 pictures"),
        ("guides", [[0, 1, 2, 3, 4, 0]], "numbers from 0 to 3: 'guide' draws from those"),
        ("guides", torch.zeros(1, 1, 3, 2).long(), "guides must be 1 to 16 pictures"),
        ("guides", torch.zeros(17, 1, 2, 3).long(), "guides must be 1 to 16 pictures"),
    ],
)
def test_a_class_or_a_guide_that_does_not_fit_is_refused(conditional, name, value, message):
    before = conditional.html()
    with pytest.raises(ValueError, match=message):
        setattr(conditional, name, value)
    assert conditional.html() == before


def test_classes_and_guides_nobody_knows_are_refused():
    guides = torch.zeros(1, 1, 2, 2).long()
    for models, options, message in (
        ({"a": tiny()}, {"label": 0}, "label must be None: 'a' knows no classes, got 0"),
        ({"a": tiny()}, {"guides": guides}, "guides must be None: none of the models draws"),
        ({"a": tiny(classes=3)}, {"classes": ["x"]}, "must name the 3 classes of 'a', got 1 names"),
        ({"a": tiny(classes=3)}, {"classes": "abc"}, "classes must be a list of names, got 'abc'"),
        ({"a": tiny(guide=4)}, {"guides": guides}, "size must be a multiple of 4 for 'a'"),
    ):
        with pytest.raises(ValueError, match=message):
            LiveSampler(models, size=SIZE, **options)


# ---- what is stored and shown -------------------------------------------------------------------


def test_the_same_choice_gives_the_same_html_and_repr_every_time():
    first, second = (LiveSampler(["digits-pixelcnn"], seed=3) for _ in range(2))
    assert first.html() == second.html()
    assert repr(first) == repr(second) == "LiveSampler(digits-pixelcnn, seed 3, 1 models)"


def test_the_html_carries_the_state_that_the_live_widget_has(sampler):
    sampler.seed, sampler.sixteen, sampler.temperature, sampler.speed = 5, True, 0.5, 16
    sampler.position, sampler.playing = 7, True
    live, stored = sampler.get_state(), state_of(sampler.html())
    names = {"models", "model", "seed", "image", "sixteen", "temperature", "given", "position"}
    assert set(stored) == names | {"speed", "own", "tool", "description"}  # it never plays alone
    assert {name: stored[name] for name in names} == {name: live[name] for name in names}


@pytest.mark.parametrize("model", ["greys", "colours"])
def test_without_javascript_there_is_the_finished_picture(sampler, model):
    sampler.model, sampler.seed = model, 9
    html = sampler.html()
    png = re.search(r'src="data:image/png;base64,(.*?)"', html)[1]
    shown = np.asarray(Image.open(BytesIO(b64decode(png))).convert("RGB"))
    levels = exported(sampler).levels
    wanted = np.rint(sampler.picture.permute(1, 2, 0).numpy() * 255.0 / (levels - 1))
    np.testing.assert_array_equal(shown, np.broadcast_to(wanted, shown.shape))
    assert f'alt="A sample of {model}, seed 9, 6×5 pixels"' in html


def test_it_begins_in_the_middle_of_a_picture_at_a_speed_that_shows_it(sampler):
    assert (sampler.position, sampler.steps, sampler.speed) == (15, 30, 256)
    assert LiveSampler({"colours": tiny(channels=3)}, size=SIZE).position == 45
    assert sampler.playing is False


def test_the_page_knows_the_shape_of_a_models_pictures_before_it_reads_the_weights(sampler):
    shapes = [(m["height"], m["width"], m["channels"], m["levels"]) for m in sampler.models]
    assert shapes == [(*SIZE, 1, 4), (*SIZE, 3, 2)]


def test_a_description_is_one_line():
    assert LiveSampler({"one": tiny()}, size=SIZE, description=" Paint\n a digit ").description == (
        "Paint a digit"
    )


def test_a_title_is_escaped():
    html = LiveSampler({'<b onclick="x">': tiny()}, size=(2, 2)).html()
    assert "<b onclick" not in html


# ---- what Python sets, and what is refused ------------------------------------------------------


def test_everything_can_be_set_while_it_lives(sampler):
    for name, value in (
        *(("model", "colours"), ("seed", 2**32 - 1), ("image", 15), ("sixteen", True)),
        *(("temperature", 2), ("position", 89), ("speed", 1), ("playing", True), ("tool", "erase")),
    ):
        setattr(sampler, name, value)
        assert getattr(sampler, name) == value


def test_a_position_that_is_no_longer_there_becomes_the_last(sampler):
    sampler.model = "colours"
    sampler.position = 80
    sampler.model = "greys"
    assert sampler.position == 29
    sampler.given = [0] * 20 + [-1] * 10
    assert sampler.position == 9


def test_what_the_page_sends_at_once_is_taken_at_once(sampler):
    sampler.set_state({"given": [1] * 89 + [-1], "model": "colours", "position": 0, "seed": 8})
    assert (sampler.model, sampler.steps, sampler.seed) == ("colours", 1, 8)


REFUSED = [
    ("model", "gru", r"model must be one of \('greys', 'colours'\), got 'gru'"),
    ("seed", -1, "seed must be a whole number of at least 0, got -1"),
    ("seed", 2**32, "seed must be less than 4294967296, got 4294967296"),
    ("seed", 1.5, "seed must be a whole number of at least 0, got 1.5"),
    ("image", 16, "image must be less than 16, got 16"),
    ("sixteen", 1, r"sixteen must be one of \(False, True\), got 1"),
    ("temperature", 0, "temperature must be from 0.1 to 2, got 0"),
    ("temperature", float("nan"), "temperature must be from 0.1 to 2, got nan"),
    ("temperature", "1", "temperature must be from 0.1 to 2, got '1'"),
    ("temperature", True, "temperature must be from 0.1 to 2, got True"),
    ("tool", "pen", r"tool must be one of \('look', 'draw', 'erase'\), got 'pen'"),
    ("position", 30, "position must be from 0 to 29, got 30"),
    ("position", -1, "position must be a whole number of at least 0, got -1"),
]


@pytest.mark.parametrize(("name", "value", "message"), REFUSED)
def test_an_argument_out_of_range_is_refused(name, value, message):
    models = {"greys": tiny(), "colours": tiny(channels=3)}
    with pytest.raises(ValueError, match=message):
        LiveSampler(models, size=SIZE, **{name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *REFUSED,
        ("speed", 3, r"speed must be one of \(1, 4, 16, 64, 256\), got 3"),
        ("given", [0] * 29, "given must be empty or hold 30 whole numbers from -1"),
        ("given", [4] * 30, "given must be empty or hold 30 whole numbers from -1"),
        ("given", [0.0] * 30, "given must be empty or hold 30 whole numbers from -1"),
        ("given", [True] * 30, "given must be empty or hold 30 whole numbers from -1"),
    ],
)
def test_a_refused_value_leaves_the_widget_as_it_was(sampler, name, value, message):
    before = sampler.html()
    with pytest.raises(ValueError, match=message):
        setattr(sampler, name, value)
    assert sampler.html() == before


def test_models_and_sizes_that_make_no_sense_are_refused():
    for models, size, message in (
        ("digits-pixelcnn", None, "models must be a list of names or a dict of models"),
        ([], None, "models must be a list"),
        ({}, (2, 2), "models must be a list"),
        (["digits-pixelcn"], None, "did you mean 'digits-pixelcnn'"),
        ({"mine": tiny()}, None, "size must be given for models of your own"),
        ({"mine": tiny()}, (2,), r"size must be \(height, width\)"),
        ({"mine": tiny()}, (2, 65), "width must be at most 64"),
        ({"mine": tiny()}, (0, 2), "height must be a whole number of at least 1"),
        ({"mine": torch.nn.Linear(1, 1)}, (2, 2), "model must have a dict `config`"),
    ):
        with pytest.raises(ValueError, match=message):
            LiveSampler(models, size=size)


def test_what_is_given_must_fit_the_picture(sampler):
    image, known = torch.zeros(1, *SIZE, dtype=torch.uint8), torch.ones(SIZE, dtype=torch.bool)
    for its_image, its_known, message in (
        (image + 4, known, r"image\[None\] must hold values from 0 to 3"),
        (image.float(), known, r"image\[None\] must hold integers"),
        (image[:, 1:], known[1:], r"image must have shape \(1, 6, 5\)"),
        (image, known[1:], r"known must be a bool tensor of shape \(6, 5\)"),
        (image, known.int(), "known must be a bool tensor"),
    ):
        with pytest.raises(ValueError, match=message):
            sampler.give(its_image, its_known)


@pytest.mark.parametrize("speed", SPEEDS)
def test_every_speed_listed_can_be_chosen(sampler, speed):
    sampler.speed = speed
    assert state_of(sampler.html())["speed"] == speed
