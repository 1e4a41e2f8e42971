"""What an image depends on besides its own pixels: its class, or a smaller image of the same scene.

A condition is known before the first pixel is drawn. It is a map, (B, features, H, W), or the same
for all pixels, (B, features, 1, 1). Every block adds it to its own features before its
non-linearity, without a mask; in the step face it is part of what a row starts with.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu.checks import a_tensor, checked_images, whole_number, wrong


class Condition(nn.Module):
    """Turn the labels of images, or smaller images, into the condition of a model.

    Args:
        channels: colours of the images.
        levels: values a pixel can take.
        features: features of the condition.
        classes: number of classes the labels come from; None for a model that knows none.
        guide: how many times smaller the guide is than the image, in height and in width; None for
            a model that has none.
    Source: van den Oord et al. 2016, section 3.6 (the guide: "multi-scale"); van den Oord et al.
        2016, "Conditional Image Generation with PixelCNN Decoders", section 2.3 (the labels).
    """

    def __init__(
        self, channels: int, levels: int, features: int, classes: int | None, guide: int | None
    ):
        super().__init__()
        self.channels, self.levels, self.classes, self.guide = channels, levels, classes, guide
        if classes is not None:
            self.label = nn.Embedding(classes, features)
        if guide is not None:
            self.read = nn.Conv2d(channels, features, 3, padding=1)
            self.mix = nn.Conv2d(features, features, 3, padding=1)
            self.enlarge = nn.ConvTranspose2d(features, features, guide, stride=guide)

    def forward(
        self, labels: Tensor | None, guide: Tensor | None, batch: int, height: int, width: int
    ) -> Tensor | None:
        """Compute the condition of some images.

        Args:
            labels: class of each image, integers 0 … classes-1, shape (B,).
            guide: values 0 … levels-1, shape (B, C, height / factor, width / factor).
            batch, height, width: of the images.
        Returns:
            The condition, (B, features, H, W), or (B, features, 1, 1) where labels are all there
            is; None for a model that depends on nothing.
        Raises:
            ValueError: what the model needs is missing or does not fit, or is more than it needs.
        """
        self._check(labels, guide, batch, height, width)
        condition = None
        if labels is not None:
            condition = self.label(labels.long())[:, :, None, None]  # (B, features, 1, 1)
        if guide is not None:
            scaled = guide.to(self.read.weight.dtype) * (2 / (self.levels - 1)) - 1
            small = self.mix(F.relu(self.read(scaled)))  # (B, features, h, w)
            large = self.enlarge(F.relu(small))  # (B, features, H, W)
            condition = large if condition is None else condition + large
        return condition

    def _check(self, labels, guide, batch: int, height: int, width: int) -> None:
        if labels is not None:
            checked_labels(labels, self.classes, batch)
        elif self.classes is not None:
            raise ValueError(f"labels are needed: the model knows {self.classes} classes")
        factor = self.guide
        if guide is not None and factor is None:
            raise ValueError("guide must be None: the model draws from no smaller image")
        if factor is None:
            return
        if guide is None:
            raise ValueError(f"guide is needed: the model draws from images {factor} times smaller")
        expected = (batch, self.channels, height / factor, width / factor)
        if tuple(checked_images(self, guide, "guide").shape) != expected:
            sides = f"(B, C, H / {factor}, W / {factor}), for these images {expected}"
            raise wrong("guide", f"have shape {sides}", guide)


def check_conditions(model, labels: Tensor | None, guide: Tensor | None, n: int) -> None:
    """Check that what n images depend on is of the right kind; a model of ours looks closer itself."""
    if labels is not None and hasattr(model, "classes"):
        checked_labels(labels, model.classes, n)
    for name, given in (("labels", labels), ("guide", guide)):
        if given is not None and a_tensor(name, given).shape[:1] != (n,):
            raise wrong(name, f"have one entry for each of the {n} images", given)


def checked_labels(labels: Tensor, classes: int | None, n: int) -> Tensor:
    """Accept n integers from 0 to classes - 1; see `checks`."""
    if classes is None:
        raise ValueError("labels must be None: the model knows no classes")
    kind = a_tensor("labels", labels).dtype
    if kind.is_floating_point or kind.is_complex or kind == torch.bool or labels.shape != (n,):
        raise wrong("labels", f"be integers of shape ({n},)", labels)
    if n and not 0 <= labels.min() <= labels.max() < classes:
        came = f"{labels.min().item()} to {labels.max().item()}"
        raise ValueError(f"labels must be 0 to {classes - 1}, got {came}")
    return labels


def shrink(images: Tensor, factor: int) -> Tensor:
    """Make the guide of images: each of its pixels is the mean of a square of them, rounded.

    Args:
        images: integers, shape (B, C, H, W) with H and W multiples of the factor.
        factor: how many times smaller the guide is.
    Returns:
        Tensor of shape (B, C, H / factor, W / factor), of the type of the images.
    Raises:
        ValueError: H or W is no multiple of the factor.
    """
    height, width = images.shape[2:]
    if height % factor or width % factor:
        expected = f"images must have a height and a width that {factor} divides"
        raise ValueError(f"{expected}, for a guide {factor} times smaller, got {height}×{width}")
    squares = images.unflatten(2, (-1, factor)).unflatten(4, (-1, factor))  # (B, C, h, f, w, f)
    sums = squares.long().sum(dim=(3, 5))  # (B, C, h, w)
    return ((2 * sums + factor**2) // (2 * factor**2)).to(images.dtype)  # halves are rounded up


def condition_layer(condition_features: int | None, features: int) -> nn.Conv2d | None:
    """Make what turns a condition into what a block adds to its own features: a 1×1 convolution."""
    if condition_features is None:
        return None
    whole_number("condition_features", condition_features)
    return nn.Conv2d(condition_features, features, 1, bias=False)


def project(layer: nn.Conv2d | None, condition: Tensor | None) -> Tensor | None:
    """Apply a `condition_layer` to a row of a condition: (B, its features, W) -> (B, features, W)."""
    if condition is None:
        return None
    return layer.weight.detach()[:, :, 0, 0] @ condition


def random_conditions(
    model, shape: tuple[int, int, int], given: dict, generator
) -> dict[str, Tensor]:
    """What a model is called with besides one image: what is given, else chosen at random."""
    channels, height, width = shape
    classes, factor = getattr(model, "classes", None), getattr(model, "guide", None)
    chosen = {name: x.cpu() for name, x in given.items() if x is not None}
    if isinstance(classes, int) and "labels" not in chosen:
        chosen["labels"] = torch.randint(classes, (1,), generator=generator, device="cpu")
    if isinstance(factor, int) and "guide" not in chosen:
        small = (1, channels, height // factor, width // factor)
        chosen["guide"] = torch.randint(model.levels, small, generator=generator, device="cpu")
    return chosen


def repeated(conditions: dict[str, Tensor], n: int) -> dict[str, Tensor]:
    """The same conditions for n images."""
    return {name: x.repeat(n, *[1] * (x.dim() - 1)) for name, x in conditions.items()}
