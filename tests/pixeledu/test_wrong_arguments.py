"""Wrong things for every argument of every public function: an error that names the argument."""

import inspect
import json
import math
import re
import warnings
from copy import deepcopy
from numbers import Real
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from torch import nn

import pixeledu
from pixeledu.data import ImageData
from pixeledu.plots import show_images

LEVELS = 4
API = Path(pixeledu.__file__).parents[1] / "book" / "reference" / "api.md"

# Wrong things, by what they are. Where one of them is right after all, `fine` below says so.
WRONG = {
    "None": lambda: None,
    "True": lambda: True,
    "a text": lambda: "seven",
    "an empty text": lambda: "",
    "bytes": lambda: b"seven",
    "an empty list": list,
    "a list": lambda: [1, 2],
    "a list of lists": lambda: [[0, 1], [1, 0]],
    "a tuple": lambda: (1.5, "a"),
    "an empty dict": dict,
    "a dict": lambda: {"a": 1},
    "a dict with a number": lambda: {1: object()},
    "a function": lambda: lambda *given, **named: None,
    "an object": object,
    "a class": lambda: nn.Linear,
    "a complex number": lambda: 1 + 2j,
    "NaN": lambda: math.nan,
    "infinity": lambda: math.inf,
    "a fraction": lambda: 1.5,
    "a float": lambda: 2.0,
    "zero": lambda: 0,
    "minus one": lambda: -1,
    "ten": lambda: 10,
    "2³¹": lambda: 2**31,
    "2⁶⁴": lambda: 2**64,
    "-10³⁰": lambda: -(10**30),
    "a number of 5001 digits": lambda: 10**5000,
    "a generator": lambda: torch.Generator().manual_seed(0),
    "NumPy's generator": lambda: np.random.default_rng(0),
    "a path that is not there": lambda: Path("no", "such", "thing"),
    "a folder": lambda: Path("."),
    "a whole number of NumPy": lambda: np.int64(2),
    "a number of no size": lambda: torch.tensor(1.0),
    "an array": lambda: np.zeros((2, 1, 4, 4)),
    "an array of images": lambda: np.zeros((2, 1, 4, 4), np.uint8),
    "ImageData": lambda: ImageData(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), None, LEVELS),
    "floats": lambda: torch.rand(2, 1, 4, 4),
    "bools": lambda: torch.zeros(2, 1, 4, 4, dtype=torch.bool),
    "complex numbers": lambda: torch.zeros(2, 1, 4, 4, dtype=torch.complex64),
    "NaN everywhere": lambda: torch.full((2, 1, 4, 4), math.nan),
    "too large values": lambda: torch.full((2, 1, 4, 4), 200, dtype=torch.uint8),
    "negative values": lambda: torch.full((2, 1, 4, 4), -1),
    "two channels": lambda: torch.zeros(2, 2, 4, 4, dtype=torch.uint8),
    "another size": lambda: torch.zeros(2, 1, 5, 3, dtype=torch.uint8),
    "three dimensions": lambda: torch.zeros(2, 4, 4, dtype=torch.uint8),
    "five dimensions": lambda: torch.zeros(2, 4, 1, 4, 4),
    "a vector": lambda: torch.zeros(3, dtype=torch.int64),
    "negative labels": lambda: torch.tensor([-1, 0]),
    "no image": lambda: torch.zeros(0, 1, 4, 4, dtype=torch.uint8),
    "images without pixels": lambda: torch.zeros(2, 1, 0, 4, dtype=torch.uint8),
    "a module": lambda: nn.Linear(3, 3),
    "a module without weights": nn.Identity,
    "a model's class": lambda: pixeledu.PixelCNN,
}


# What is right: a predicate for each argument, written without the package's own checks.


def whole(least=1, most=2**24):
    return lambda value: type(value) is int and least <= value <= most


def real(least, most=math.inf, *, least_too=True):
    def fine(value):
        number = (
            isinstance(value, Real)
            and not isinstance(value, bool)
            and least <= value <= min(most, 1e300)
        )
        return number and (least_too or value > least)

    return fine


def one_of(*values):
    return lambda value: any(type(value) is type(one) and value == one for one in values)


def or_none(fine):
    return lambda value: value is None or fine(value)


def anything(value):  # where there is no use for it
    return True


def what_json_can_hold(value):
    try:
        return bool(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        return False


def nothing(value):
    return False


flag = one_of(True, False)


def integers(value, least, most):
    whole = isinstance(value, torch.Tensor) and not (
        value.is_floating_point() or value.is_complex() or value.dtype == torch.bool
    )
    return whole and (not value.numel() or (least <= value.min() and value.max() <= most))


def images_of(*shape, levels=LEVELS, floats=False):
    """Images whose shape is this one, None standing for any number but 0."""

    def fine(value):
        if not isinstance(value, torch.Tensor) or value.dim() != len(shape):
            return False
        sides = zip(value.shape, shape, strict=True)
        if not all(side == wanted or (wanted is None and side) for side, wanted in sides):
            return False
        if floats and value.is_floating_point():
            return bool(((value >= 0) & (value < levels)).all())
        return integers(value, 0, levels - 1)

    return fine


def any_batch(value):
    """Images of the grey models here, of any number, also none."""
    return images_of(None, 1, None, None)(value) or (
        isinstance(value, torch.Tensor) and tuple(value.shape) == (0, 1, 4, 4)
    )


def labels_of(n, classes=3):
    return lambda value: integers(value, 0, classes - 1) and tuple(value.shape) == (n,)


def features_of(channels):
    def fine(value):
        return four_dimensions(value) and value.is_floating_point() and value.shape[1] == channels

    return fine


def four_dimensions(value):
    return isinstance(value, torch.Tensor) and value.dim() == 4


def model_of_ours(value):
    return isinstance(value, pixeledu.models.AutoregressiveModel)


def generator(value):
    return value is None or isinstance(value, torch.Generator)


def path(value):
    """Of a file or folder: whether it is there is another question."""
    return isinstance(value, str | Path) and str(value) != ""


# What there is: how each public function is called rightly, and what is right for each argument.

torch.manual_seed(0)
MODEL = pixeledu.PixelCNN(levels=LEVELS, hidden=2, layers=0)
CLASSES = pixeledu.PixelCNN(levels=LEVELS, hidden=2, layers=0, classes=3)
GUIDED = pixeledu.PixelCNN(levels=LEVELS, hidden=2, layers=0, guide=2)
IMAGES = torch.randint(LEVELS, (2, 1, 4, 4), dtype=torch.uint8)
GUIDE = IMAGES[:, :, :2, :2]
LABELS = torch.tensor([0, 2])
KNOWN = torch.zeros(4, 4, dtype=torch.bool)
X = torch.rand(2, 1, 4, 4)
RAISED = {"levels": LEVELS, "hidden": 2, "layers": 0}
EXPORT = pixeledu.export_model(MODEL)
COMPRESSED = pixeledu.compress(MODEL, IMAGES)
TRACE = pixeledu.sample_trace(MODEL, 4, 4)
DATA = ImageData(IMAGES, LABELS, LEVELS, ("a", "b", "c"))
FIELD = pixeledu.ReceptiveField({"one": MODEL}, 3, 3)
HUNT = pixeledu.LeakHunt(height=3, width=3)
SAMPLER = pixeledu.LiveSampler({"one": MODEL}, size=(4, 4))
WAVES = pixeledu.Wavefront()


MEASURED = {
    "model": model_of_ours,
    "images": images_of(None, 1, None, None),
    "batch_size": whole(most=math.inf),
}
MEASURED |= {"labels": one_of(None), "guide": one_of(None)}
DRAWN = {
    "model": model_of_ours,
    "temperature": real(0, least_too=False),
    "labels": one_of(None),
    "guide": one_of(None),
    "images": nothing,
    "known": nothing,
    "method": one_of("cached", "naive"),
    "generator": generator,
    "progress": flag,
}
TRACED = {name: DRAWN[name] for name in DRAWN if name not in ("method", "progress")}
TRACED |= {"images": one_of(None), "known": one_of(None)}
SIDES = {"height": whole(most=16), "width": whole(most=16)}
KERNEL = {
    "kernel_size": nothing,
    "mask_type": one_of("A", "B"),
    "in_features": whole(most=16),
    "out_features": whole(most=16),
    "channels": one_of(1, 2),
    "gates": one_of(1, 2),
}
LAYER = {"in_features": whole(most=16), "hidden": whole(most=16), "channels": one_of(1)}
MODELS = {
    "channels": one_of(1, 2),  # no more colours than features
    "levels": whole(2, 256),
    "hidden": whole(most=16),
    "layers": whole(0, 16),
    "classes": or_none(whole(2)),
    "guide": or_none(whole(2, 16)),
    "output": one_of("softmax", "logistics"),
    "dropout": real(0, 0.999),
}
TRAINED = {
    "model": model_of_ours,
    "train": lambda value: images_of(None, 1, 4, 4)(value) or isinstance(value, ImageData),
    "valid": lambda value: (
        value is None or images_of(None, 1, 4, 4)(value) or isinstance(value, ImageData)
    ),
    "epochs": whole(most=16),
    "batch_size": whole(most=math.inf),
    "learning_rate": real(0, least_too=False),
    "warm_up": real(0, 1),
    "weight_decay": real(0),
    "clip": real(0, least_too=False),
    "ema": real(0, 1),
    "patience": or_none(whole(most=math.inf)),
    "seed": whole(0, math.inf),
    "folder": or_none(path),
    "checkpoint_every": or_none(whole(most=math.inf)),
    "info": or_none(lambda value: isinstance(value, dict)),
    "device": or_none(one_of("cpu")),
    "precision": one_of("auto", "float32", "bfloat16"),
    "compile": flag,
    "mirror": flag,
    "shift": whole(0),
    "progress": or_none(flag),
}


class Call:
    """A function, right arguments for it, and what is right for each of them.

    Args:
        function: the function, or a class.
        right: arguments that are right.
        fine: for each argument a predicate; of none of them a wrong value may be accepted.
        named: how an error calls an argument, where that is not its name.
    """

    def __init__(self, function, right, fine, **named):
        self.function, self.right, self.fine, self.named = function, right, fine, named


CALLS = {
    "build_model": Call(
        lambda name, **config: pixeledu.build_model(name, **config),
        {"name": "pixelcnn", **RAISED},
        {"name": one_of("pixelcnn"), **MODELS},
        name="model",
    ),
    "PixelCNN": Call(pixeledu.PixelCNN, RAISED, MODELS),
    "PixelRNN": Call(
        pixeledu.PixelRNN, {"cell": "row", **RAISED}, {"cell": one_of("row"), **MODELS}
    ),
    "GatedPixelCNN": Call(pixeledu.GatedPixelCNN, RAISED, MODELS),
    "a model": Call(
        MODEL,
        {"images": IMAGES},
        {
            "images": lambda value: any_batch(value) or images_of(2, 1, 4, 4, floats=True)(value),
            "labels": one_of(None),
            "guide": one_of(None),
        },
    ),
    "a model of classes": Call(
        CLASSES,
        {"images": IMAGES, "labels": LABELS},
        {"images": images_of(2, 1, None, None, floats=True), "labels": labels_of(2)},
        images="labels",
    ),
    "a model with a guide": Call(
        GUIDED,
        {"images": IMAGES, "guide": GUIDE},
        {"images": images_of(2, 1, 4, 4, floats=True), "guide": images_of(2, 1, 2, 2)},
        images="guide",
    ),
    "MaskedConv2d": Call(
        pixeledu.MaskedConv2d,
        {"in_features": 2, "out_features": 2, "kernel_size": 3},
        KERNEL,
        in_features="features",
        out_features="features",
    ),
    "RowLSTM": Call(
        pixeledu.RowLSTM,
        {"in_features": 1, "hidden": 2},
        {**LAYER, "kernel_size": nothing},
    ),
    "DiagonalBiLSTM": Call(pixeledu.DiagonalBiLSTM, {"in_features": 1, "hidden": 2}, LAYER),
    "GatedBlock": Call(
        pixeledu.GatedBlock,
        {"in_features": 1, "hidden": 2, "mask_type": "A"},
        {
            **LAYER,
            "kernel_size": nothing,
            "mask_type": one_of("A"),
            "condition_features": or_none(whole()),
            "dropout": real(0, 1),
        },
    ),
    "a masked convolution": Call(pixeledu.MaskedConv2d(1, 2, 3), {"x": X}, {"x": features_of(1)}),
    "a Row LSTM": Call(
        pixeledu.RowLSTM(1, 2), {"x": X}, {"x": features_of(1), "condition": one_of(None)}
    ),
    "a Diagonal BiLSTM": Call(
        pixeledu.DiagonalBiLSTM(1, 2), {"x": X}, {"x": features_of(1), "condition": one_of(None)}
    ),
    "DiagonalBiLSTM.directions": Call(
        pixeledu.DiagonalBiLSTM(1, 2).directions,
        {"x": X},
        {"x": features_of(1), "condition": one_of(None)},
    ),
    "a gated block": Call(
        pixeledu.GatedBlock(1, 2, mask_type="A"),
        {"vertical": X, "horizontal": X},
        {
            "vertical": lambda value: features_of(1)(value) and value.shape == X.shape,
            "horizontal": lambda value: features_of(1)(value) and value.shape == X.shape,
            "condition": one_of(None),
        },
    ),
    "skew": Call(pixeledu.skew, {"x": X}, {"x": four_dimensions}),
    "unskew": Call(
        pixeledu.unskew,
        {"x": X, "width": 1},
        {
            "x": lambda value: four_dimensions(value) and value.shape[2] == value.shape[3],
            "width": one_of(1),
        },
        width="width",
    ),
    "causal_mask": Call(
        pixeledu.causal_mask,
        {"kernel_size": 3, "in_features": 2, "out_features": 2},
        KERNEL,
        in_features="features",
        out_features="features",
    ),
    "colour_groups": Call(
        pixeledu.colour_groups,
        {"features": 2, "channels": 1},
        {"features": whole(), "channels": one_of(1, 2), "gates": one_of(1, 2)},
    ),
    "nats": Call(
        pixeledu.nats, {"model": MODEL, "images": IMAGES}, MEASURED | {"images": any_batch}
    ),
    "nats of a model of classes": Call(
        pixeledu.nats,
        {"model": CLASSES, "images": IMAGES, "labels": LABELS},
        {"labels": or_none(labels_of(2)), "guide": one_of(None)},
    ),
    "nats of a model with a guide": Call(
        pixeledu.nats,
        {"model": GUIDED, "images": IMAGES, "guide": GUIDE},
        {"guide": or_none(images_of(2, 1, 2, 2)), "labels": one_of(None)},
    ),
    "bits_per_dim": Call(pixeledu.bits_per_dim, {"model": MODEL, "images": IMAGES}, MEASURED),
    "class_nats": Call(
        pixeledu.class_nats,
        {"model": CLASSES, "images": IMAGES},
        {
            "model": model_of_ours,
            "images": any_batch,
            "guide": one_of(None),
            "batch_size": whole(most=math.inf),
        },
    ),
    "compress": Call(
        pixeledu.compress,
        {"model": MODEL, "images": IMAGES},
        {"model": model_of_ours, "images": any_batch, "labels": one_of(None)},
    ),
    "compress by a model of classes": Call(
        pixeledu.compress,
        {"model": CLASSES, "images": IMAGES, "labels": LABELS},
        {"labels": or_none(labels_of(2))},
    ),
    "decompress": Call(
        pixeledu.decompress,
        {"model": MODEL, "data": COMPRESSED},
        {"model": model_of_ours, "data": nothing},
    ),
    "sample": Call(
        pixeledu.sample,
        {"model": MODEL, "n": 2, "height": 4, "width": 4},
        {**DRAWN, **SIDES, "n": whole(0, 16), "images": one_of(None), "known": one_of(None)},
    ),
    "sample from classes": Call(
        pixeledu.sample,
        {"model": CLASSES, "n": 2, "height": 2, "width": 2, "labels": LABELS},
        {"labels": or_none(labels_of(2)), "guide": one_of(None)},
    ),
    "sample from a guide": Call(
        pixeledu.sample,
        {"model": GUIDED, "n": 2, "height": 4, "width": 4, "guide": GUIDE},
        {"guide": images_of(2, 1, 2, 2), "labels": one_of(None)},
    ),
    "complete": Call(
        pixeledu.complete,
        {"model": MODEL, "images": IMAGES, "known": KNOWN},
        {
            **DRAWN,
            "images": lambda value: (
                isinstance(value, torch.Tensor)
                and tuple(value.shape[1:]) == (1, 4, 4)
                and not (
                    value.is_floating_point() or value.is_complex() or value.dtype == torch.bool
                )
            ),
            "known": lambda value: (
                isinstance(value, torch.Tensor)
                and value.dtype == torch.bool
                and tuple(value.shape) in ((4, 4), (2, 1, 4, 4))
            ),
        },
        images="known",
    ),
    "sample_trace": Call(
        pixeledu.sample_trace, {"model": MODEL, "height": 2, "width": 2}, {**TRACED, **SIDES}
    ),
    "SharedNoise": Call(
        pixeledu.SharedNoise,
        {"seed": 1},
        {"seed": whole(0, 2**32 - 1), "first": whole(0, 2**32 - 1)},
    ),
    "SharedNoise.uniform": Call(
        pixeledu.SharedNoise(1).uniform,
        {"start": 0, "values": 2, "n": 2},
        {"start": whole(-1, 2**32 - 1), "values": whole(0), "n": whole(0)},
    ),
    "receptive_field": Call(
        pixeledu.receptive_field,
        {"model": MODEL, "height": 3, "width": 3, "row": 1, "column": 1},
        {
            "model": lambda value: model_of_ours(value) or isinstance(value, nn.Linear),
            **SIDES,
            "row": whole(0, 2),
            "column": whole(0, 2),
            "channel": one_of(0),
            "features": or_none(one_of(1)),
            "labels": one_of(None),
            "guide": one_of(None),
        },
        height="row",
        width="column",
    ),
    "check_causality": Call(
        pixeledu.check_causality,
        {"function": MODEL, "channels": 1, "height": 2, "width": 2, "levels": LEVELS},
        {
            "function": model_of_ours,
            "channels": one_of(1),
            "height": whole(most=16),
            "width": whole(most=16),
            "levels": one_of(LEVELS),
            "repeats": whole(most=16),
            "labels": one_of(None),
            "guide": one_of(None),
        },
    ),
    "load_images": Call(
        pixeledu.load_images,
        {"name": "digits"},
        {"name": one_of("digits"), "split": one_of("train", "valid", "test")},
        name="folder",
    ),
    "ImageData": Call(
        ImageData,
        {"images": IMAGES, "labels": LABELS, "levels": LEVELS},
        {
            "images": lambda value: (
                isinstance(value, torch.Tensor)
                and (value.dtype, value.dim(), *value.shape[:1]) == (torch.uint8, 4, 2)
                and (not value.numel() or value.max() < LEVELS)  # a set may have no pixels
            ),
            "labels": or_none(lambda value: integers(value, -1, 9) and tuple(value.shape) == (2,)),
            "levels": whole(LEVELS, 256),
            "classes": or_none(one_of(("a", "b", "c"))),
        },
        images="labels",
    ),
    "ImageData.with_levels": Call(DATA.with_levels, {"levels": 2}, {"levels": whole(2, LEVELS)}),
    "fit": Call(
        lambda model, **options: pixeledu.fit(
            deepcopy(model), **{"epochs": 1, "device": "cpu", **options}
        ),
        {"model": MODEL, "train": IMAGES, "valid": IMAGES},
        TRAINED,
    ),
    "save_checkpoint": Call(
        pixeledu.save_checkpoint,
        {"path": "model.safetensors", "model": MODEL},
        {"path": path, "model": model_of_ours, "info": what_json_can_hold},
    ),
    "load_checkpoint": Call(
        pixeledu.load_checkpoint,
        {"path": "saved.safetensors"},
        {"path": path, "device": one_of("cpu")},
    ),
    "list_pretrained": Call(pixeledu.list_pretrained, {}, {}),
    "load_pretrained": Call(
        pixeledu.load_pretrained,
        {"name": "digits-pixelcnn"},
        {"name": nothing, "device": one_of("cpu")},
    ),
    "pretrained_card": Call(
        pixeledu.pretrained_card, {"name": "digits-pixelcnn"}, {"name": nothing}
    ),
    "export_model": Call(
        pixeledu.export_model,
        {"model": MODEL},
        {"model": model_of_ours, "dtype": one_of("int8", "float16"), "info": what_json_can_hold},
    ),
    "save_export": Call(
        pixeledu.save_export,
        {"path": "model.bin", "model": MODEL},
        {
            "path": path,
            "model": model_of_ours,
            "dtype": one_of("int8", "float16"),
            "info": what_json_can_hold,
        },
    ),
    "load_export": Call(
        pixeledu.load_export, {"source": EXPORT}, {"source": path}, source="export"
    ),
    "read_export_info": Call(
        pixeledu.read_export_info, {"source": EXPORT}, {"source": path}, source="export"
    ),
    "quantising_cost": Call(
        pixeledu.quantising_cost,
        {"model": MODEL, "source": EXPORT, "images": IMAGES},
        {
            "model": model_of_ours,
            "source": path,
            "images": images_of(None, 1, None, None),
            "labels": one_of(None),
        },
        source="export",
    ),
    "best_device": Call(pixeledu.best_device, {}, {}),
    "keep_freed_memory": Call(pixeledu.keep_freed_memory, {}, {}),
    "plots.show_images": Call(
        show_images,
        {"images": IMAGES, "levels": LEVELS},
        {
            "images": lambda value: images_of(None, 1, None, None)(value),
            "levels": whole(LEVELS, 256),
            "columns": whole(),
            "titles": or_none(lambda value: type(value) is list and not value),
            "known": or_none(
                lambda value: (
                    isinstance(value, torch.Tensor)
                    and value.dtype == torch.bool
                    and value.shape == (2, 1, 4, 4)
                )
            ),
            "size": real(0, 100, least_too=False),
        },
    ),
    "MaskExplorer": Call(
        pixeledu.MaskExplorer,
        {},
        {
            "kernel_size": nothing,
            "mask_type": one_of("A", "B"),
            "channels": one_of(1, 3),
            "reads": one_of("R"),
            "computes": one_of("R"),
            "position": or_none(whole(0, 62)),
            "offset": lambda value: type(value) is list and value == [1, 2],
            "height": whole(most=16),
            "width": whole(most=16),
        },
    ),
    "ReceptiveField": Call(
        pixeledu.ReceptiveField,
        {"models": {"one": MODEL}, "height": 3, "width": 3},
        {
            "models": nothing,
            **SIDES,
            "position": or_none(whole(0, 8)),
            "left": one_of(None),
            "right": one_of(None),
        },
    ),
    "ReceptiveField.seen": Call(
        FIELD.seen, {}, {"name": one_of(None), "position": or_none(whole(0, 8))}
    ),
    "ReceptiveField.blind": Call(
        FIELD.blind, {}, {"name": one_of(None), "position": or_none(whole(0, 8))}
    ),
    "LeakHunt": Call(
        pixeledu.LeakHunt,
        {"height": 3, "width": 3},
        {"hunted": nothing, "height": whole(3, 10), "width": whole(3, 10)},
    ),
    "LeakHunt.changed": Call(
        HUNT.changed,
        {},
        {"position": or_none(whole(0, 8)), "shown": or_none(whole(0, 5))},
    ),
    "LiveSampler": Call(
        pixeledu.LiveSampler,
        {"models": {"one": MODEL}, "size": (4, 4)},
        {
            "models": nothing,
            "model": one_of(None),
            "size": lambda value: type(value) is list and value == [1, 2],
            "classes": anything,
            "label": one_of(None),
            "guides": one_of(None),
            "seed": whole(0, 2**32 - 1),
            "image": whole(0, 15),
            "sixteen": flag,
            "temperature": real(0.1, 2),
            "position": or_none(whole(0, 15)),
            "tool": one_of("look"),
            "description": lambda value: isinstance(value, str),
        },
    ),
    "LiveSampler of classes": Call(
        pixeledu.LiveSampler,
        {"models": {"one": CLASSES}, "size": (4, 4)},
        {"classes": one_of(None), "label": one_of(None, 0), "guides": one_of(None)},
    ),
    "LearningPixelCNN": Call(
        pixeledu.LearningPixelCNN,
        {},
        {
            "hidden": one_of(8, 16, 24),
            "layers": one_of(0, 1, 2, 3, 4),
            "learning_rate": one_of(0.001, 0.003, 0.01, 0.03),
            "first_mask": one_of("A", "B"),
            "seed": whole(0, 2**32 - 1),
            "description": lambda value: isinstance(value, str),
        },
    ),
    "LiveSampler.give": Call(
        SAMPLER.give,
        {"image": IMAGES[0], "known": KNOWN},
        {"image": nothing, "known": nothing},
    ),
    "SamplingPlayer": Call(
        pixeledu.SamplingPlayer,
        {"trace": TRACE},
        {
            "trace": nothing,
            "position": whole(0, 15),
            "speed": or_none(nothing),
            "description": lambda value: isinstance(value, str),
            "drawn_at": or_none(real(0.1, 3)),
        },
    ),
    "SamplingPlayer.from_model": Call(
        pixeledu.SamplingPlayer.from_model,
        {"model": MODEL, "height": 2, "width": 2},
        {
            **TRACED,
            **SIDES,
            "position": whole(0, 3),
            "speed": or_none(nothing),
            "description": lambda value: isinstance(value, str),
        },
    ),
    "Wavefront": Call(
        pixeledu.Wavefront,
        {},
        {
            "height": whole(most=32),
            "width": whole(most=32),
            "model": nothing,
            "phase": nothing,
            "skewed": flag,
            "step": whole(0, 14),
        },
    ),
    "Wavefront.pixels": Call(WAVES.pixels, {}, {"step": or_none(whole(0, 14))}),
}
# Nothing to call, or records of results that hold what they are given.
NOT_CALLED = {"PAPER_CONFIGS", "CausalityReport", "Trace"}
# What is shown and takes nothing, and what the other entry of the same function tries.
NOT_CALLED |= {"MaskExplorer.mask", "MaskExplorer.touched", "LeakHunt.score"}
NOT_CALLED |= {"LiveSampler.picture", "LiveSampler.pictures"}
NOT_CALLED |= {"LearningPixelCNN.steps", "LearningPixelCNN.model"}
PARTS = {
    "a model of classes": {"guide"},
    "a model with a guide": {"labels"},
    "nats of a model of classes": {"model", "images", "batch_size"},
    "nats of a model with a guide": {"model", "images", "batch_size"},
    "compress by a model of classes": {"model", "images"},
    "LiveSampler of classes": {*inspect.signature(pixeledu.LiveSampler).parameters},
    "sample from classes": {*DRAWN, *SIDES, "n"},
    "sample from a guide": {*DRAWN, *SIDES, "n"},
}


def problems_of(call, argument):
    """What is wrong with how a function takes the wrong things as one of its arguments."""
    for kind, make in WRONG.items():
        value = make()
        if value is None and (call.function, argument) == (pixeledu.LiveSampler, "models"):
            continue  # right, and all models that ship are packed: its own tests have that
        fine = bool(call.fine[argument](value))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call.function(**{**call.right, argument: value})
            if not fine:
                yield f"{argument}: {kind} is accepted"
        except (ValueError, TypeError) as error:
            names = {argument, call.named.get(argument, argument)}
            if not any(re.search(rf"\b{name}\b", str(error)) for name in names):
                yield f"{argument}: {kind} gives {error}"
            if fine and path not in (call.fine[argument],):
                yield f"{argument}: {kind} is refused: {error}"
        except FloatingPointError as error:  # a learning rate of 2³¹, say
            if not fine:
                yield f"{argument}: {kind} gives {error!r}"
        except OSError as error:
            if not path(value):
                yield f"{argument}: {kind} gives {error!r}"
        except BaseException as error:
            yield f"{argument}: {kind} gives {error!r}"


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_argument_is_an_error_that_names_it(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Compiling takes long, and is not the question.
    monkeypatch.setattr(torch, "compile", lambda model: model)
    pixeledu.save_checkpoint("saved.safetensors", MODEL)
    call = CALLS[name]
    call.function(**call.right)
    found = [problem for argument in call.fine for problem in problems_of(call, argument)]
    pyplot.close("all")
    assert found == []


def test_every_public_function_is_called():
    text = API.read_text(encoding="utf-8")
    listed = set(re.findall(r":: (?:pixeledu\.reports\.)?(\w+)$", text, re.M))
    called = {name.split(".")[0] for name in CALLS}
    assert (listed | {*pixeledu.__all__}) - NOT_CALLED <= called | {"Offset", "pixeledu"}
    members = re.findall(r"autoclass:: (\w+)\n +:members: (\w.*)", text)
    methods = {f"{owner}.{name}" for owner, names in members for name in names.split(", ")}
    assert methods - NOT_CALLED <= {*CALLS}


@pytest.mark.parametrize("name", CALLS)
def test_every_argument_of_a_public_function_is_tried(name):
    call = CALLS[name]
    function = call.function.forward if isinstance(call.function, nn.Module) else call.function
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(function).parameters.values()
    tried = call.fine.keys() | PARTS.get(name, set())
    assert {one.name for one in parameters if one.kind not in kinds} <= tried
