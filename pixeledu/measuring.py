"""How well a model predicts a set of images, as reports and cards say it."""

import math

from torch import Tensor, nn

from pixeledu.checks import checked_images
from pixeledu.likelihood import BATCH, nats

LOGITS = 2**26  # numbers in what a model says of a batch; as float32 256 MB


def measure(
    model: nn.Module, images: Tensor, labels: Tensor | None = None, guide: Tensor | None = None
) -> dict[str, float]:
    """Measure how well a model predicts images, with the uncertainty of the mean.

    Args:
        model, images, labels, guide: as for `nats`; at least one image.
    Returns:
        See `summary`.
    Raises:
        ValueError: the images are not of the model's shape, type or range.
    """
    checked_images(model, images)
    batch_size = batch_size_for(model, images)
    return summary(nats(model, images, labels, guide, batch_size=batch_size), images)


def summary(values: Tensor, images: Tensor) -> dict[str, float]:
    """Sum up what `nats` has measured.

    Args:
        values: nats of each image, float64, shape (B,).
        images: the images, shape (B, C, H, W).
    Returns:
        "mean" nats of an image, their "standard_error" (NaN for one image), "bits_per_dim" and the
        number of "images".
    """
    mean, alone = values.mean().item(), len(values) == 1
    return {
        "mean": mean,
        "standard_error": math.nan if alone else values.std().item() / math.sqrt(len(values)),
        "bits_per_dim": mean / (images[0].numel() * math.log(2)),
        "images": len(values),
    }


def batch_size_for(model: nn.Module, images: Tensor) -> int:
    """Return how many of these images one forward pass can measure in moderate memory."""
    return max(1, min(BATCH, LOGITS // (model.levels * math.prod(images.shape[1:]))))
