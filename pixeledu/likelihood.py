"""How well a model predicts images: nats per image and bits per dimension."""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu.checks import checked_images, checked_model, device_of, logits_of, whole_number
from pixeledu.conditions import check_conditions, shrink

BATCH = 256  # images in one forward pass


@torch.no_grad()
def nats(
    model: nn.Module,
    images: Tensor,
    labels: Tensor | None = None,
    guide: Tensor | None = None,
    *,
    batch_size: int = BATCH,
) -> Tensor:
    """Measure the surprise of a model at each image: -log p(x), natural logarithm.

    The model is switched to evaluation mode for the measurement. Nothing is differentiated: to
    train, call `F.cross_entropy(model(images), images.long())`.

    Args:
        model: maps images (B, C, H, W) to logits (B, levels, C, H, W).
        images: integers 0 … levels-1, shape (B, C, H, W), on any device.
        labels: class of each image, shape (B,), for a model that knows classes: -log p(x | class) is
            measured. Without them it is -log p(x), where every class is equally probable.
        guide: the smaller images, for a model that has a guide: -log p(x | guide) is measured. Left
            out, they are made of the images, as in training (`conditions.shrink`).
        batch_size: images in one forward pass.
    Returns:
        float64 tensor of shape (B,) on the CPU: nats, summed over all values of the image.
    Raises:
        ValueError: the images are not of the model's shape, type or range, labels or guide do not
            fit, or the logits have another shape.
        FloatingPointError: the model's logits hold NaN or infinity.
    Source: van den Oord et al. 2016, section 5.1 (MNIST is reported so).
    """
    _check(model, images, labels, guide, batch_size)
    classes = getattr(model, "classes", None)
    if classes is not None and labels is None:
        each = class_nats(model, images, guide, batch_size=batch_size)  # (B, classes)
        # p(x) = Σ_c p(x | c) / classes
        return -torch.logsumexp(-each, dim=1) + math.log(classes)
    values = torch.empty(len(images), dtype=torch.float64)
    for at, batch in _batches(images, labels, guide, batch_size=batch_size):
        values[at] = _nats_of_batch(model, *batch)  # kept apart, each would split the free memory
    return values


def class_nats(
    model: nn.Module, images: Tensor, guide: Tensor | None = None, *, batch_size: int = BATCH
) -> Tensor:
    """Measure -log p(x | c) for every class c: by Bayes' rule the class with the least is the likeliest.

    Args:
        model: a model that knows classes.
        images, guide, batch_size: as for `nats`.
    Returns:
        float64 tensor of shape (B, classes) on the CPU.
    Raises:
        ValueError: the model knows no classes; else as for `nats`.
    """
    _check(model, images, None, guide, batch_size)
    if getattr(model, "classes", None) is None:
        raise ValueError("model must know classes (classes=10, say) for nats of each class")
    values = torch.empty(len(images), model.classes, dtype=torch.float64)
    for at, (some, small) in _batches(images, guide, batch_size=batch_size):
        small = conditions_for(model, some, guide=small).get("guide")  # the same for every class
        for label in range(model.classes):
            labels = torch.full((len(some),), label)
            values[at, label] = _nats_of_batch(model, some, labels, small)
    return values


def _check(model, images, labels, guide, batch_size) -> None:
    checked_images(checked_model(model), images)
    whole_number("batch_size", batch_size, most=math.inf)
    check_conditions(model, labels, guide, len(images))


def _batches(*given: Tensor | None, batch_size: int) -> Iterator[tuple[slice, tuple]]:
    """Cut what is given into batches, each with its place. No images are one empty batch."""
    for start in range(0, max(1, len(given[0])), batch_size):
        at = slice(start, start + batch_size)
        yield at, tuple(x if x is None else x[at] for x in given)


def _nats_of_batch(
    model: nn.Module, images: Tensor, labels: Tensor | None, guide: Tensor | None
) -> Tensor:
    images = images.to(device_of(model))
    was_training = model.training
    model.eval()
    try:
        depends = conditions_for(model, images, labels, guide)
        logits = logits_of(model, images, model.levels, **depends)
    finally:
        model.train(was_training)
    # -log p(x) = - Σ_i log p(x_i | x_1 … x_{i-1})
    losses = F.cross_entropy(logits.float(), images.long(), reduction="none")  # (B, C, H, W)
    values = losses.flatten(1).sum(1).cpu()  # (B,)
    if values.isnan().any():
        raise FloatingPointError("the model's logits hold NaN or infinity: its weights are broken")
    return values


def conditions_for(
    model: nn.Module, images: Tensor, labels: Tensor | None = None, guide: Tensor | None = None
) -> dict[str, Tensor]:
    """Return what a model is called with besides images, on their device; a missing guide is made."""
    factor = getattr(model, "guide", None)
    if factor is not None and guide is None:
        guide = shrink(images, factor)
    given = {"labels": labels, "guide": guide}
    return {name: x.to(images.device) for name, x in given.items() if x is not None}


def bits_per_dim(
    model: nn.Module,
    images: Tensor,
    labels: Tensor | None = None,
    guide: Tensor | None = None,
    *,
    batch_size: int = BATCH,
) -> float:
    """Measure the mean surprise at one value of an image, in bits.

    Args:
        model, images, labels, guide, batch_size: as for `nats`; at least one image.
    Returns:
        Mean nats per image / (C·H·W · ln 2). A uniform guess scores log2(levels).
    Raises:
        ValueError: no image at all, or images the model cannot read.
    Source: van den Oord et al. 2016, section 5.1 (CIFAR-10 is reported so).
    """
    if not len(checked_images(checked_model(model), images)):
        raise ValueError("images is empty: there is nothing to average, pass at least one image")
    values = nats(model, images, labels, guide, batch_size=batch_size)
    return values.mean().item() / (images[0].numel() * math.log(2))
