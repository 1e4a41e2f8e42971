"""What commands read and report alike: models, images, and how well the ones predict the others."""

import argparse
import math
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from pixeledu.checkpoints import read_info
from pixeledu.checks import whole_number
from pixeledu.conditions import shrink
from pixeledu.data import ImageData, load_images
from pixeledu.models import AutoregressiveModel
from pixeledu.pretrained import list_pretrained, pretrained_file
from pixeledu.training.processes import current_group
from pixeledu.training.sharding import measure_in


def checkpoint_of(options: argparse.Namespace) -> str | Path:
    """Return the file of the model that was named, or the folder of its run."""
    if options.pretrained is not None:
        return pretrained_file(options.pretrained)
    return options.checkpoint


def file_of(model: str) -> str | Path:
    """Return the file of a model that ships with the package, if it is one; else what was named."""
    return pretrained_file(model) if model in list_pretrained() else model


def load_split(name: str, split: str, levels: int | None, smaller: int | None = None) -> ImageData:
    """Load one split of an image set, with fewer levels and smaller images if that was asked for."""
    if smaller is not None:
        whole_number("smaller", smaller, least=2)
    data = load_images(name, split)
    if levels not in (None, data.levels):
        data = data.with_levels(levels)
    return data if smaller is None else replace(data, images=shrink(data.images, smaller))


def images_for(model: AutoregressiveModel, options: argparse.Namespace) -> Tensor:
    """Load the images that were named, else those the model was trained on, at its levels."""
    return data_for(model, options).images


def data_for(model: AutoregressiveModel, options: argparse.Namespace) -> ImageData:
    """Load what `images_for` loads, with its labels."""
    info = read_info(checkpoint_of(options))
    name = info.get("data") if options.data is None else options.data
    if not isinstance(name, str):
        raise ValueError(f"{_named(options)} names no image set: pass --data, such as digits")
    return load_split(name, options.split, model.levels, info.get("smaller"))


def size_for(options: argparse.Namespace) -> tuple[int, int]:
    """Return the height and width that were asked for, else those of the training images."""
    named = options.size or read_info(checkpoint_of(options)).get("size")
    if not _is_size(named):
        raise ValueError(f"{_named(options)} names no image size: pass --size, such as 28x28")
    height, width = named
    return height, width


def _is_size(named: object) -> bool:
    return (
        isinstance(named, list | tuple)
        and len(named) == 2
        and all(type(side) is int and side >= 1 for side in named)
    )


def _named(options: argparse.Namespace) -> str:
    return options.pretrained or options.checkpoint


def measured(model: nn.Module, data: ImageData) -> str:
    """Say how well the model predicts the images, given their labels if it knows classes.

    Raises:
        FloatingPointError: it predicts nothing: its logits are infinite or not a number.
    """
    numbers = measure_in(current_group(), model, data.images, labels_for(model, data))
    if not math.isfinite(numbers["mean"]):
        raise FloatingPointError(
            f"the model gives {numbers['mean']} nats: its logits are infinite or not a number, so "
            f"its weights are of no use. Train again with a smaller --learning-rate"
        )
    return in_words(numbers)


def labels_for(model: nn.Module, data: ImageData) -> Tensor | None:
    """Return the labels of the images if the model knows classes and they have some."""
    return None if getattr(model, "classes", None) is None else data.labels


def in_words(numbers: dict[str, float]) -> str:
    """Write what `measuring.measure` gives in one line."""
    return (
        f"{numbers['mean']:.2f} nats (standard error {numbers['standard_error']:.2f}), "
        f"{numbers['bits_per_dim']:.4f} bits/dim, {numbers['images']} images"
    )
