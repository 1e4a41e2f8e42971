"""Drawing images value by value: new ones, the missing part of given ones, and a trace to replay.

There are two methods. The naive one runs the whole model for every value and throws away all but
one pixel of the result: C·H·W forward passes. The cached one keeps what it has computed and does
the arithmetic of a single forward pass. Both use the same random numbers and draw the same images.
On a GPU the rows of the cached one can be replayed from a recording.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixeledu.checks import checked_images
from pixeledu.drawing import Drawing
from pixeledu.models import AutoregressiveModel
from pixeledu.noise import SharedNoise


def sample(
    model: AutoregressiveModel,
    n: int,
    height: int,
    width: int,
    *,
    temperature: float = 1.0,
    labels: Tensor | None = None,
    images: Tensor | None = None,
    known: Tensor | None = None,
    method: str = "cached",
    generator: torch.Generator | SharedNoise | None = None,
    progress: bool = False,
) -> Tensor:
    """Draw images from a model, row by row, left to right, R then G then B.

    Args:
        model: one of this package's models.
        n: number of images.
        height: rows of each image; any, not only what the model was trained on.
        width: columns of each image.
        temperature: the logits are divided by it. 1 samples the model; towards 0 the most
            likely value wins; above 1 the distribution gets flatter.
        labels: classes to draw, shape (n,), for a model that is conditioned on a class.
        images: values to keep where `known` is true, shape (n, C, height, width).
        known: bool, shape (height, width), (n, 1, height, width) or (n, C, height, width).
        method: "cached", or "naive" for the slow reference, or "replayed": cached, with rows that
            an NVIDIA GPU replays from a recording of the second one.
        generator: source of randomness, on any device; the global one of the CPU if left out. With
            a `SharedNoise` a web page draws the same images.
        progress: show a bar that counts rows.
    Returns:
        uint8 tensor of shape (n, C, height, width), on the model's device.
    Raises:
        ValueError: an argument is out of range or contradicts another.
    Source: van den Oord et al. 2016, section 2.1; Ramachandran et al. 2017 for the cache.
    """
    drawing = Drawing(model, n, height, width, temperature, labels, images, known, generator)
    return drawing.run(method, progress)


def complete(
    model: AutoregressiveModel,
    images: Tensor,
    known: Tensor,
    *,
    temperature: float = 1.0,
    labels: Tensor | None = None,
    method: str = "cached",
    generator: torch.Generator | SharedNoise | None = None,
    progress: bool = False,
) -> Tensor:
    """Draw the unknown part of images; known pixels come back untouched.

    Each value is drawn given everything before it, known or drawn. What is known further down
    does not influence what is drawn above it: the order of generation does not allow that.

    Args:
        model: one of this package's models.
        images: values 0 … levels-1, shape (B, C, H, W); what stands at unknown pixels is ignored.
        known: bool, shape (H, W), (B, 1, H, W) or (B, C, H, W).
        temperature, labels, method, generator, progress: as for `sample`.
    Returns:
        uint8 tensor of shape (B, C, H, W), on the device of `images`.
    Raises:
        ValueError: an argument is out of range or contradicts another.
    Source: van den Oord et al. 2016, figure 10 (occluded images).
    """
    checked_images(model, images)
    drawn = sample(
        model,
        len(images),
        *images.shape[2:],
        temperature=temperature,
        labels=labels,
        images=images,
        known=known,
        method=method,
        generator=generator,
        progress=progress,
    )
    return drawn.to(images.device)


@dataclass(frozen=True)
class Trace:
    """One image and the distribution that each of its values was drawn from.

    Attributes:
        image: the finished image, uint8, shape (C, H, W).
        probabilities: float32, shape (H, W, C, levels): row by row, left to right, R then G then B.
        known: bool, shape (C, H, W): true where the value was given and not drawn.
    """

    image: Tensor
    probabilities: Tensor
    known: Tensor

    @property
    def levels(self) -> int:
        """Values a pixel can take."""
        return self.probabilities.shape[-1]


def sample_trace(
    model: AutoregressiveModel,
    height: int,
    width: int,
    *,
    temperature: float = 1.0,
    labels: Tensor | None = None,
    images: Tensor | None = None,
    known: Tensor | None = None,
    generator: torch.Generator | SharedNoise | None = None,
) -> Trace:
    """Draw one image and keep every distribution on the way, for a widget or a figure to replay.

    Args:
        model, height, width, temperature, labels, images, known, generator: as for `sample`
            with n = 1.
    Returns:
        The image with its distributions, after the temperature, on the CPU.
    Raises:
        ValueError: an argument is out of range or contradicts another.
    """
    drawing = Drawing(model, 1, height, width, temperature, labels, images, known, generator)
    kept = []
    image = drawing.run("cached", keep=lambda probabilities: kept.append(probabilities[0].cpu()))
    shape = (height, width, model.channels, model.levels)
    given = torch.zeros(drawing.shape[1:], dtype=torch.bool) if known is None else drawing.known[0]
    return Trace(image[0].cpu(), torch.stack(kept).float().view(shape), given.cpu().clone())
