"""Checks on what callers pass in: one place, one tone, errors that say what to do."""

import torch
from torch import Tensor


def whole_number(name: str, value: int, least: int = 1) -> int:
    """Return `value` if it is a whole number of at least `least`.

    Raises:
        ValueError: names the argument, what came and what was expected.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return value


def checked_images(model, images: Tensor, name: str = "images") -> Tensor:
    """Return `images` if `model` can read them: (B, C, H, W) integers from 0 to levels-1.

    Args:
        model: anything with `channels` and `levels`.
        images: the batch to check; it may be empty, or live on another device than the model.
        name: what the caller calls this argument.
    Raises:
        ValueError: the shape, the type or the range of values is not what the model expects.
    """
    check_image_shape(images, model.channels, name)
    if images.is_floating_point() or images.is_complex() or images.dtype == torch.bool:
        raise ValueError(
            f"{name} must hold integers from 0 to {model.levels - 1}, got {images.dtype}; "
            f"for floats between 0 and 1 use ({name} * {model.levels - 1}).round().to(torch.uint8)"
        )
    if images.numel() and not (images.dtype == torch.uint8 and model.levels >= 256):
        # As Python numbers: compared as a uint8 tensor, 256 levels would wrap round to 0.
        least, most = images.min().item(), images.max().item()
        if least < 0 or most >= model.levels:
            raise ValueError(
                f"{name} must hold values from 0 to {model.levels - 1} (levels={model.levels}), "
                f"got values from {least} to {most}"
            )
    return images


def check_image_shape(images: Tensor, channels: int, name: str = "images") -> None:
    """Check that `images` is a tensor (B, channels, H, W) with at least one pixel.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(images, Tensor):
        raise ValueError(f"{name} must be a torch.Tensor, got {type(images).__name__}")
    if images.dim() != 4 or images.shape[1] != channels or 0 in images.shape[2:]:
        raise ValueError(
            f"{name} must have shape (B, {channels}, H, W) with H, W >= 1, "
            f"got {tuple(images.shape)}"
        )


def checked_features(x: Tensor, features: int) -> Tensor:
    """Return `x` if a layer can read it: (B, features, H, W).

    Raises:
        ValueError: it has another shape.
    """
    if x.dim() != 4 or x.shape[1] != features:
        raise ValueError(f"x must have shape (B, {features}, H, W), got {tuple(x.shape)}")
    return x
