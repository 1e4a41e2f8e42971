"""The Python half of the figure that learns: what is stored, what it gives back, what is refused."""

import json
import re
from base64 import b64decode, b64encode
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

import pixeledu
from pixeledu.web.export import export_model
from pixeledu.web.page_images import HELD_OUT, TRAIN, page_digits
from pixeledu.widgets import LearningPixelCNN
from pixeledu.widgets.bundle import module_source
from pixeledu.widgets.learning_pixelcnn import FIRST_MASKS, HIDDEN, LAYERS, LEARNING_RATES


def test_the_page_gets_the_digits_value_by_value_and_no_test_digit():
    digits = page_digits()
    for name, split, count in (("train", "train", TRAIN), ("held_out", "valid", HELD_OUT)):
        values = [int(letter, 36) for letter in digits[name]]
        wanted = pixeledu.load_images("digits", split).images[:count].flatten().tolist()
        assert values == wanted
    assert TRAIN % 16 == HELD_OUT % 16 == 0  # whole batches


def test_the_html_is_small_and_always_the_same_and_the_digits_are_not_in_it():
    first, second = (LearningPixelCNN(first_mask="B", seed=3) for _ in range(2))
    assert first.html() == second.html()
    state = json.loads(re.search(r'application/json">(.*?)</script>', first.html())[1])
    live = first.get_state()
    names = ("hidden", "layers", "learning_rate", "first_mask", "seed", "description")
    assert state == {name: live[name] for name in names}
    assert live["images"] == page_digits()
    assert len(first.html()) < 3500
    assert repr(first) == "LearningPixelCNN(hidden 16, layers 2, mask B, seed 3)"


def test_a_notebook_s_module_stands_alone():
    text = module_source("learning_pixelcnn")
    assert not re.search(r"^(import|export (?!default))", text, re.MULTILINE)


def test_without_javascript_there_are_digits_that_it_learns_from():
    source = re.search(r'src="data:image/png;base64,(.*?)"', LearningPixelCNN().html())[1]
    shown = np.asarray(Image.open(BytesIO(b64decode(source))))
    images = pixeledu.load_images("digits").images[:16, 0].numpy()
    assert shown.shape == (35, 35)
    for i, image in enumerate(images):
        row, column = 9 * (i // 4), 9 * (i % 4)
        part = shown[row : row + 8, column : column + 8]
        np.testing.assert_array_equal(part, np.rint(image * (255 / 16)))


def test_what_the_page_has_learned_can_be_used_in_python():
    figure = LearningPixelCNN()
    assert figure.steps == 0
    with pytest.raises(RuntimeError, match="no weights yet: show it in a notebook, press Learn"):
        figure.model  # noqa: B018
    model = pixeledu.PixelCNN(levels=17, hidden=8, layers=1)
    weights = b64encode(export_model(model, "float16", steps=40)).decode()
    figure.set_state({"learned": {"steps": 40, "nats": 100.5, "weights": weights}})
    assert figure.steps == 40
    images = pixeledu.load_images("digits", "test").images[:4]
    torch.testing.assert_close(figure.model(images), model(images), rtol=0, atol=1e-2)


def test_each_setting_can_be_chosen_and_a_refused_one_changes_nothing():
    figure = LearningPixelCNN()
    choices = {"hidden": HIDDEN, "layers": LAYERS, "first_mask": FIRST_MASKS}
    choices |= {"learning_rate": LEARNING_RATES, "seed": (0, 2**32 - 1)}
    for name, values in choices.items():
        for value in values:
            setattr(figure, name, value)
            assert LearningPixelCNN(**{name: value}).html() is not None
            assert getattr(figure, name) == value
    before = figure.html()
    for name, value in (
        *(("hidden", 7), ("hidden", "8"), ("layers", 5), ("layers", True), ("seed", -1)),
        *(("learning_rate", 0), ("first_mask", "C"), ("seed", 2**32), ("seed", 1.5)),
    ):
        with pytest.raises(ValueError, match=f"{name} must be"):
            setattr(figure, name, value)
        with pytest.raises(ValueError, match=f"{name} must be"):
            LearningPixelCNN(**{name: value})
    assert figure.html() == before
