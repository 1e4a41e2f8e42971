"""Checks on what callers pass in: one place, and one sentence that says what came and what to do.

Each returns what it was given, or raises a ValueError that names the argument.
"""

import math
from numbers import Real
from pathlib import PurePath

import torch
from torch import Tensor, nn

LARGEST = 2**24  # of a size: no memory holds what would be made of more


def wrong(name: str, expected: str, came, *, advice: str = "") -> ValueError:
    """Make the error that says what an argument must be, and what came."""
    return ValueError(f"{name} must {expected}, got {said(came)}{advice and '; '}{advice}")


def said(value) -> str:
    """Tell a value in a few words: numbers and texts as they are, all else by its kind."""
    if hasattr(value, "dtype") and hasattr(value, "shape") and not isinstance(value, type | Real):
        kind = "" if isinstance(value, Tensor) else f"{type(value).__name__} of "
        return f"{kind}{value.dtype} of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list) and 0 < len(value) < 4:
        inside = ", ".join(map(said, value))
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of {value.bit_length()} bits"
    plain = (int, float, complex, str, bytes, PurePath, torch.dtype, type(None))
    text = repr(value) if isinstance(value, plain) else type(value).__name__
    return text if len(text) <= 80 else f"{text[:80]}…"


def whole_number(name: str, value: int, least: int = 1, most: float = LARGEST) -> int:
    """Accept a whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise wrong(name, f"be a whole number of at least {least}", value)
    if value > most:
        raise wrong(name, f"be a whole number from {least} to {most}", value)
    return value


def number(name: str, value: float, most: float = math.inf, *, zero: bool = True) -> float:
    """Accept a finite number from 0, or from just above it, to `most`; it becomes a float."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not real or not 0 <= value <= min(most, 1e300) or (value == 0 and not zero):
        least, limit = "of at least 0" if zero else "above 0", f" and at most {most}"
        raise wrong(name, f"be a number {least}{limit * (most < math.inf)}", value)
    return float(value)


def one_of(name: str, value, *allowed):
    """Accept one of some values, of the same type: 1 is not True."""
    if not any(type(value) is type(one) and value == one for one in allowed):
        known = ", ".join(map(str, allowed))
        raise ValueError(f"{name} must be one of: {known}; got {said(value)}")
    return value


def a_tensor(name: str, value: Tensor) -> Tensor:
    """Accept any tensor."""
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} must be a torch.Tensor, got {type(value).__name__}")
    return value


def checked_model(model: nn.Module) -> nn.Module:
    """Accept a module, anybody's, that says which images it reads: `channels` and `levels`."""
    says = isinstance(model, nn.Module) and hasattr(model, "channels") and hasattr(model, "levels")
    if not says:
        raise wrong("model", "be a torch.nn.Module with `channels` and `levels`", model)
    whole_number("model.channels", model.channels)
    whole_number("model.levels", model.levels, least=2)
    return model


def device_of(model: nn.Module) -> torch.device:
    """Tell which device a model is on: that of its weights, or the CPU if it has none."""
    return next((w.device for w in (*model.parameters(), *model.buffers())), torch.device("cpu"))


def checked_images(model, images: Tensor, name: str = "images", floats: bool = False) -> Tensor:
    """Accept images that `model` can read: (B, C, H, W) integers from 0 to levels-1.

    Args:
        model: anything with `channels` and `levels`.
        images: the batch to check; it may be empty, or live on another device than the model.
        name: what the caller calls this argument.
        floats: whether floats from 0 to levels-1 will do as well.
    """
    check_image_shape(images, model.channels, name)
    most = model.levels - 1
    if images.is_complex() or images.dtype == torch.bool or images.is_floating_point() > floats:
        advice = f"for floats between 0 and 1 use ({name} * {most}).round().to(torch.uint8)"
        raise wrong(name, f"hold integers from 0 to {most}", images.dtype, advice=advice)
    if images.numel() and not (images.dtype == torch.uint8 and most >= 255):
        # As Python numbers: compared as a uint8 tensor, 256 levels would wrap round to 0.
        low, high = images.min().item(), images.max().item()  # both NaN if one value is
        if not (low >= 0 and high <= most):
            expected = f"{name} must hold values from 0 to {most} (levels={model.levels})"
            raise ValueError(f"{expected}, got values from {low} to {high}")
    return images


def check_image_shape(images: Tensor, channels: int, name: str = "images") -> None:
    """Accept a tensor (B, channels, H, W) with at least one pixel."""
    shape = tuple(a_tensor(name, images).shape)
    if len(shape) != 4 or shape[1] != channels or 0 in shape[2:]:
        expected = f"{name} must have shape (B, {channels}, H, W) with H, W >= 1"
        raise ValueError(f"{expected}, got {shape}")


def checked_features(x: Tensor, features: int, name: str = "x") -> Tensor:
    """Accept what a layer can read: floats of shape (B, features, H, W)."""
    if a_tensor(name, x).dim() != 4 or x.shape[1] != features or not x.is_floating_point():
        raise wrong(name, f"have shape (B, {features}, H, W)", x, advice="it must hold floats")
    return x


def checked_condition(condition: Tensor | None, x: Tensor, features: int) -> Tensor | None:
    """Accept a condition of a layer that reads `x`: (B, features, H, W) or (B, features, 1, 1)."""
    shapes = [(len(x), features, *x.shape[2:]), (len(x), features, 1, 1)]
    if condition is not None and tuple(a_tensor("condition", condition).shape) not in shapes:
        raise wrong("condition", f"have one of the shapes {shapes}", condition)
    return condition


def called(name: str, model, x: Tensor, **conditions: Tensor):
    """Call a model, anybody's; say what it was given, or gave, where that is nothing to work with."""
    try:
        output = model(x, **conditions)
    except (torch.OutOfMemoryError, MemoryError, OSError):  # not the model's fault
        raise
    except Exception as error:
        kind = "float input for a gradient" if x.is_floating_point() else "integer images"
        kind = f"{kind}, (B, features or channels, H, W) = {tuple(x.shape)}"
        text = f"{name} must accept {kind}; it said: {type(error).__name__}: {error}"
        raise ValueError(text.split("\n")[0].rstrip(": ")) from error
    if isinstance(output, Tensor):
        if not output.is_floating_point() or output.layout != torch.strided or output.is_meta:
            came = f"{output.dtype} ({output.layout}, on {output.device})"
            raise ValueError(f"{name} must return a dense tensor of floats, got {came}")
        output = output.to(x.device)
    return output


def finite(name: str, logits: Tensor) -> Tensor:
    """Accept logits that give probabilities; -inf at a level, not at all of them, gives it 0."""
    if logits.numel() and not logits.amax(1).isfinite().all():
        raise FloatingPointError(f"{name} returns NaN or infinity: its weights are broken")
    return logits


def logits_of(model, images: Tensor, levels: int, name: str = "model", **conditions) -> Tensor:
    """Call a model, anybody's, and accept its logits if they have the shape they should."""
    return checked_logits(called(name, model, images, **conditions), images, levels, name)


def checked_logits(logits: Tensor, images: Tensor, levels: int, name: str = "model") -> Tensor:
    """Accept the logits of images, of shape (B, levels, C, H, W)."""
    expected = (len(images), levels, *images.shape[1:])
    came = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if came != expected:
        shape = f"logits of shape {expected} (B, levels, C, H, W)"
        raise ValueError(f"{name} must return {shape}, got {came}")
    return logits
