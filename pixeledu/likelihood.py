"""How well a model predicts images: nats per image and bits per dimension."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu.checks import checked_images, whole_number

BATCH = 256  # images in one forward pass, or fewer if they are large:
LOGITS = 2**26  # numbers in what a model says of a batch; as float32 256 MB


@torch.no_grad()
def nats(model: nn.Module, images: Tensor, batch_size: int = BATCH) -> Tensor:
    """Measure the surprise of a model at each image: -log p(x), natural logarithm.

    The model is switched to evaluation mode for the measurement. Nothing is differentiated: to
    train, call `F.cross_entropy(model(images), images.long())`.

    Args:
        model: maps images (B, C, H, W) to logits (B, levels, C, H, W).
        images: integers 0 … levels-1, shape (B, C, H, W), on any device.
        batch_size: images in one forward pass.
    Returns:
        float64 tensor of shape (B,) on the CPU: nats, summed over all values of the image.
    Raises:
        ValueError: the images are not of the model's shape, type or range.
    Source: van den Oord et al. 2016, section 5.1 (MNIST is reported so).
    """
    checked_images(model, images)
    whole_number("batch_size", batch_size)
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        parts = [
            _nats_of_batch(model, batch.to(device)).cpu() for batch in images.split(batch_size)
        ]
    finally:
        model.train(was_training)
    return torch.cat(parts).double()


def _nats_of_batch(model: nn.Module, images: Tensor) -> Tensor:
    # -log p(x) = - Σ_i log p(x_i | x_1 … x_{i-1})
    losses = F.cross_entropy(model(images).float(), images.long(), reduction="none")  # (B, C, H, W)
    return losses.flatten(1).sum(1)  # (B,)


def bits_per_dim(model: nn.Module, images: Tensor, batch_size: int = BATCH) -> float:
    """Measure the mean surprise at one value of an image, in bits.

    Args:
        model: maps images (B, C, H, W) to logits (B, levels, C, H, W).
        images: integers 0 … levels-1, shape (B, C, H, W), at least one image.
        batch_size: images in one forward pass.
    Returns:
        Mean nats per image / (C·H·W · ln 2). A uniform guess scores log2(levels).
    Raises:
        ValueError: no image at all, or images the model cannot read.
    Source: van den Oord et al. 2016, section 5.1 (CIFAR-10 is reported so).
    """
    checked_images(model, images)
    if not len(images):
        raise ValueError("images is empty: there is nothing to average, pass at least one image")
    return nats(model, images, batch_size).mean().item() / (images[0].numel() * math.log(2))


def measure(model: nn.Module, images: Tensor) -> dict[str, float]:
    """Measure how well a model predicts images, with the uncertainty of the mean.

    Args:
        model: maps images (B, C, H, W) to logits (B, levels, C, H, W).
        images: integers 0 … levels-1, shape (B, C, H, W), at least one image.
    Returns:
        See `summary`.
    Raises:
        ValueError: the images are not of the model's shape, type or range.
    """
    checked_images(model, images)
    return summary(nats(model, images, batch_size_for(model, images)), images)


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
