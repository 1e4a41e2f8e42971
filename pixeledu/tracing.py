"""One drawing with every distribution on the way, for a widget or a figure to replay."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixeledu.models import AutoregressiveModel
from pixeledu.sampling import Drawing


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
    guide: Tensor | None = None,
    images: Tensor | None = None,
    known: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Trace:
    """Draw one image and keep every distribution on the way, for a widget or a figure to replay.

    Args:
        model, height, width, temperature, labels, guide, images, known, generator: as for `sample`
            with n = 1.
    Returns:
        The image with its distributions, after the temperature, on the CPU.
    Raises:
        ValueError: an argument is out of range or contradicts another.
    """
    drawing = Drawing(model, 1, height, width, temperature, generator)
    drawing.depend_on(labels, guide)
    drawing.keep(images, known)
    seen = []
    image = drawing.run("cached", watch=lambda probabilities: seen.append(probabilities[0].cpu()))
    shape = (height, width, model.channels, model.levels)
    given = torch.zeros(drawing.shape[1:], dtype=torch.bool) if known is None else drawing.known[0]
    return Trace(image[0].cpu(), torch.stack(seen).float().view(shape), given.cpu().clone())
