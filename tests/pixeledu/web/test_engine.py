"""The models of the page against PyTorch running the very same weights: logits, and whole pictures."""

import copy
import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from javascript import node
from torch import Tensor, nn

from pixeledu import build_model, complete, list_pretrained, load_pretrained, sample
from pixeledu.cli.loading import load_split
from pixeledu.conditions import shrink
from pixeledu.data import ImageData
from pixeledu.pretrained import pretrained_card
from pixeledu.sampling import Drawing
from pixeledu.web.export import export_model, load_export
from pixeledu.web.kinds import KINDS
from pixeledu.web.noise import SharedNoise

HERE = Path(__file__).parent
SEED = 2**32 - 5
TEMPERATURES = (1.0, 0.7)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@dataclass
class Job:
    """A model, images that it is told value by value, and pictures that it draws."""

    content: bytes
    images: Tensor  # (n, C, H, W)
    pictures: int
    known: Tensor | None = None  # (H, W): with the first image, what is given in half the pictures
    # What the images depend on. The pictures have the same guides; those of which nothing is given
    # are of a class that is drawn first.
    labels: Tensor | None = None  # (n,)
    guide: Tensor | None = None  # (n, C, h, w)

    def run(self, folder: Path) -> tuple[Tensor, list[dict]]:
        """The page's logits, (n, levels, C, H, W), and its pictures."""
        n, channels, height, width = self.images.shape
        given = self._flat(self.images[:1])[0]
        if self.known is not None:
            given = np.where(self._flat(self.known.expand(1, channels, -1, -1))[0], given, -1)
        labels = [None] * n if self.labels is None else self.labels.tolist()
        guides = [None] * n if self.guide is None else self._flat(self.guide).tolist()
        conditions = [
            {"label": its[0], "guide": its[1]} for its in zip(labels, guides, strict=True)
        ]
        states = [
            {"seed": SEED, "image": image, "temperature": temperature, "given": its_given}
            | conditions[image % n]
            | ({} if its_given else {"label": None})
            for its_given in (None, given.tolist())
            for temperature in TEMPERATURES
            for image in range(self.pictures)
        ]
        job = {
            "weights": b64encode(self.content).decode(),
            "height": height,
            "width": width,
            "images": self._flat(self.images).tolist(),
            "conditions": conditions,
            "logits": str(folder / "logits"),
            "pictures": states,
        }
        (folder / "jobs.json").write_text(json.dumps([job]))
        (drawn,) = json.loads(node(HERE / "run_models.mjs", folder / "jobs.json"))
        logits = torch.from_numpy(np.fromfile(folder / "logits", np.float32))
        logits = logits.view(n, height, width, channels, -1).permute(0, 4, 3, 1, 2)
        return logits, drawn

    @staticmethod
    def _flat(images: Tensor) -> np.ndarray:
        """Images (n, C, H, W) as the page lists their values, (n, H·W·C)."""
        return images.permute(0, 2, 3, 1).flatten(1).long().numpy()

    def check(self, folder: Path, plant: Callable = lambda model: None) -> None:
        """Compare everything with PyTorch, whose model has a planted bug."""
        model = load_export(self.content)
        plant(model)
        logits, drawn = self.run(folder)
        wanted, exact = self._told(model), self._told(copy.deepcopy(model).double())
        # PyTorch's own rounding, where logits are so large that it is more than the 1e-4.
        rounding = (wanted - exact).abs().max().item()
        torch.testing.assert_close(logits.double(), exact, rtol=0, atol=max(1e-4, rounding))
        compared = 0
        for start, temperature, given in self._batches():
            depends = self._depends(model, given)
            images = self._sampled(model, temperature, given)  # (n, C, H, W)
            batch = drawn[start : start + self.pictures]
            if model.classes is not None:
                assert [one["label"] for one in batch] == depends["labels"].tolist()
            found = np.array([one["values"] for one in batch])
            safe = self._clear(model, images, temperature, given)
            np.testing.assert_array_equal(found[safe], self._flat(images)[safe])
            compared += safe.mean(1).sum()
        assert compared >= 0.8 * len(drawn)

    def _told(self, model: nn.Module) -> Tensor:
        """The logits of the images in PyTorch, (n, levels, C, H, W)."""
        given = {"labels": self.labels, "guide": self.guide}
        given = {name: x.split(25) for name, x in given.items() if x is not None}
        with torch.no_grad():
            parts = [
                model(batch, **{name: x[i] for name, x in given.items()})
                for i, batch in enumerate(self.images.split(25))
            ]
        return torch.cat(parts)

    def _batches(self) -> list[tuple[int, float, bool]]:
        kinds = [(temperature, given) for given in (False, True) for temperature in TEMPERATURES]
        return [(i * self.pictures, *kind) for i, kind in enumerate(kinds)]

    def _depends(self, model: nn.Module, given: bool) -> dict[str, Tensor]:
        """What the pictures depend on; a class that is not given as Python draws it."""
        size = self.images.shape[2:]
        drawing = Drawing(model, self.pictures, *size, generator=SharedNoise(SEED))
        drawing.depend_on(*self._given_conditions(given).values())
        return {"labels": drawing.labels, "guide": drawing.guide}

    def _given_conditions(self, given: bool) -> dict[str, Tensor | None]:
        labels = self.labels if given else None
        its = {"labels": labels, "guide": self.guide}
        return {name: x if x is None else x[: self.pictures] for name, x in its.items()}

    def _sampled(self, model: nn.Module, temperature: float, given: bool) -> Tensor:
        options = {"temperature": temperature, "generator": SharedNoise(SEED)}
        options |= self._given_conditions(given)
        if not given:
            return sample(model, self.pictures, *self.images.shape[2:], **options)
        images = self.images[:1].expand(self.pictures, -1, -1, -1)
        known = torch.ones(images.shape[2:], dtype=torch.bool) if self.known is None else self.known
        return complete(model, images, known, **options)

    def _clear(self, model: nn.Module, images: Tensor, temperature: float, given: bool):
        """Which values of the pictures, (n, H·W·C), no rounding could change.

        Of each picture all those before the first whose random number lies close to a border.
        """
        n, channels, height, width = images.shape
        with torch.no_grad():
            logits = model(images, **self._depends(model, given))
            shares = torch.softmax(logits / temperature, dim=1).double()
        borders = shares.cumsum(1)[:, :-1].permute(0, 3, 4, 2, 1).flatten(1, 3)  # (n, H·W·C, L - 1)
        uniform = SharedNoise(SEED).uniform(0, height * width * channels, n).T  # (n, H·W·C)
        distance = (borders - uniform[..., None]).abs().amin(2)
        if given:
            known = torch.ones(height, width) if self.known is None else self.known
            distance[:, self._flat(known.expand(1, channels, -1, -1))[0].astype(bool)] = 1
        return (distance.cummin(1).values > 5e-6).numpy()


def held_out(card: dict, count: int) -> ImageData:
    """Test images, at the levels of the model, that are on every machine.

    Those that stand for images with classes have none: they are given some, one after the other.
    """
    name, levels = card["check"]["data"], card["config"]["levels"]
    data = load_split(name, "test", levels, card["data"].get("smaller"))
    labels, classes = data.labels, card["config"].get("classes")
    if labels is None and classes:
        labels = torch.arange(len(data)) % classes
    labels = None if labels is None else labels[:count]
    return replace(data, images=data.images[:count], labels=labels)


# The models of each kind below are told 100 images; `make thorough` tells these as many.
@pytest.mark.parametrize("count", [10, pytest.param(100, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("name", list_pretrained())
def test_a_model_of_the_book_does_in_the_page_what_it_does_in_python(name, count, tmp_path):
    model, data = load_pretrained(name), held_out(pretrained_card(name), count)
    images = data.images
    known = torch.zeros(images.shape[2:], dtype=torch.bool)
    known[: len(known) // 2, 1:] = True
    depends = {"labels": None if model.classes is None else data.labels}
    depends |= {"guide": None if model.guide is None else shrink(images, model.guide)}
    Job(export_model(model), images, 4, known, **depends).check(tmp_path)


@pytest.mark.parametrize("dtype", ["int8", "float16"])
@pytest.mark.parametrize(("channels", "size"), [(1, (5, 7)), (3, (4, 5)), (4, (6, 1)), (1, (1, 1))])
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_each_kind_does_in_the_page_what_it_does_in_python(
    kind, channels, size, dtype, tmp_path
):
    torch.manual_seed(channels)
    model = loud(build_model(kind, channels=channels, levels=6, hidden=10, layers=2))
    images = torch.randint(0, 6, (100, channels, *size))
    known = torch.rand(size) < 0.3
    Job(export_model(model, dtype), images, 12, known).check(tmp_path)


DEPENDS = {
    "classes": {"classes": 9},
    "a guide": {"guide": 2},
    "a mixture": {"output": "logistics", "levels": 33},
    "all three": {"classes": 5, "guide": 3, "output": "logistics", "levels": 2},
}


@pytest.mark.parametrize("dtype", ["int8", "float16"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("what", DEPENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_classes_guides_and_mixtures_do_in_the_page_what_they_do_in_python(
    kind, what, channels, dtype, tmp_path
):
    torch.manual_seed(channels)
    options = {"levels": 6} | DEPENDS[what]
    model = loud(build_model(kind, channels=channels, hidden=6, layers=2, **options))
    size = (6, 9) if model.guide == 3 else (6, 4)
    images = torch.randint(0, model.levels, (100, channels, *size))
    depends = {"labels": torch.arange(100) % model.classes if model.classes else None}
    depends |= {"guide": shrink(images, model.guide) if model.guide else None}
    Job(export_model(model, dtype), images, 8, torch.rand(size) < 0.3, **depends).check(tmp_path)


BUGS = {
    "a guide that is enlarged with an offset": lambda model: model.condition.register_forward_hook(
        lambda module, given, condition: condition.roll(1, 3)
    ),
    "the labels of the next images": lambda model: model.condition.label.register_forward_hook(
        lambda module, given, features: features.roll(1, 0)
    ),
    "a mixture whose scales have other bounds": lambda model: setattr(
        model.head, "LEAST_LOG_SCALE", -1.0
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_gives_other_logits(bug, tmp_path):
    model = loud(build_model("gated-pixelcnn", hidden=5, layers=1, **DEPENDS["all three"]))
    images = torch.randint(0, 2, (20, 1, 6, 6))
    depends = {"labels": torch.arange(20) % 5, "guide": shrink(images, 3)}
    job = Job(export_model(model), images, 2, **depends)
    job.check(tmp_path)
    with pytest.raises(AssertionError, match="Tensor-likes are not close"):
        job.check(tmp_path, plant=BUGS[bug])


def loud(model: nn.Module) -> nn.Module:
    """The same model with larger weights and none that are all 0: its logits differ from pixel to pixel."""
    for weight in model.parameters():
        weight.data = weight.data * 2 if weight.abs().max() else 0.5 * torch.randn(weight.shape)
    return model


def test_both_sides_have_the_same_random_numbers(tmp_path):
    model = build_model("pixelcnn", channels=3, levels=2, hidden=3, layers=0)
    job = Job(export_model(model), torch.zeros(1, 3, 7, 9, dtype=torch.uint8), 5)
    _, drawn = job.run(tmp_path)
    wanted = SharedNoise(SEED).uniform(0, 7 * 9 * 3, 5).T
    found = np.array([one["uniform"] for one in drawn[:5]], np.float32)
    np.testing.assert_array_equal(found, wanted.numpy())
