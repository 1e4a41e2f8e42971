"""What a network sees, measured by its gradients: receptive fields.

They can be measured of any `torch.nn.Module`, ours or yours, right or wrong.
"""

import copy

import torch
from torch import Tensor, nn

from pixeledu.checks import called, checked_logits, finite, whole_number, wrong
from pixeledu.conditions import check_conditions, random_conditions, repeated
from pixeledu.masks import group_slices


def receptive_field(
    model: nn.Module,
    height: int,
    width: int,
    row: int,
    column: int,
    channel: int = 0,
    *,
    features: int | None = None,
    labels: Tensor | None = None,
    guide: Tensor | None = None,
) -> Tensor:
    """Measure how strongly the output at one pixel depends on each value of the input.

    The gradient of the output at (row, column) with respect to the input is exactly zero where
    nothing arrives. It is taken in float64 at several random inputs, and with random weights on
    the outputs, so that no path stays hidden by a ReLU that is off or by terms that cancel.

    Args:
        model: maps (1, C, H, W) to logits (1, levels, C, H, W) or to features (1, F, H, W). It
            must accept float input; it is copied and not changed.
        height: rows of the input.
        width: columns of the input.
        row: row of the output pixel.
        column: column of the output pixel.
        channel: colour of the output. For a model with features as output and `channels`
            colours: the features of this colour.
        features: C, where it cannot be read off `in_features`, `channels` or the first weight.
        labels, guide: what else the model depends on, for one image: shapes (1,) and (1, C, h, w).
            Left out, they are drawn at random for a model that has `classes` or a `guide`.
    Returns:
        float64 tensor of shape (C, H, W): the mean absolute gradient.
    Raises:
        ValueError: the pixel lies outside the image, the output is not of the size of the input, or
            no gradient reaches the input.
        FloatingPointError: the output holds NaN or infinity.
    Source: Luo et al. 2016, "Understanding the effective receptive field".
    """
    whole_number("height", height)
    whole_number("width", width)
    if not (type(row) is type(column) is int and 0 <= row < height and 0 <= column < width):
        raise wrong("(row, column)", f"lie in the {height}×{width} image", (row, column))
    if not isinstance(model, nn.Module):
        raise wrong("model", "be a torch.nn.Module", model)
    check_conditions(model, labels, guide, 1)
    features = _input_features(model) if features is None else whole_number("features", features)
    pixel = torch.tensor([row * width + column], device="cpu")
    given = {"labels": labels, "guide": guide}
    return _fields(model, (features, height, width), channel, pixel, _PROBES, given)[0]


_PROBES = 8
_CHUNK = 64  # pixels in one pass


def receptive_fields(
    model: nn.Module, height: int, width: int, channel: int = 0, *, probes: int = _PROBES
) -> Tensor:
    """Measure `receptive_field` from every pixel of an image, many of them in one pass.

    Args:
        model, height, width, channel: as for `receptive_field`; the model must treat each image
            of a batch alone.
        probes: random inputs to average over.
    Returns:
        float64 tensor of shape (H, W, C, H, W): first the pixel that looks.
    """
    pixels = whole_number("height", height) * whole_number("width", width)
    shape = (_input_features(model), height, width)
    every = torch.arange(pixels, device="cpu")
    fields = _fields(model, shape, channel, every, whole_number("probes", probes), {})
    return fields.unflatten(0, (height, width))


def _fields(
    model: nn.Module, shape: tuple, channel: int, pixels: Tensor, probes: int, given: dict
) -> Tensor:
    """Average the gradients of the outputs at some pixels: (n,) -> (n, C, H, W)."""
    probe = copy.deepcopy(model).double().cpu()
    scale = getattr(model, "levels", 2) - 1
    generator = torch.Generator("cpu").manual_seed(0)
    in_double = {"dtype": torch.float64, "device": "cpu"}
    rows, columns = pixels // shape[2], pixels % shape[2]
    total = torch.zeros(len(pixels), *shape, **in_double)
    for _ in range(probes):
        x = torch.rand(1, *shape, generator=generator, **in_double)
        depends = random_conditions(model, shape, given, generator)
        weights = None
        for part in torch.arange(len(pixels), device="cpu").split(_CHUNK):
            each = (x * scale).repeat(len(part), 1, 1, 1).requires_grad_()
            output = _run(probe, each, repeated(depends, len(part)))
            output = _colour_of(model, output, channel)  # (n, outputs, H, W)
            here = (torch.arange(len(part), device="cpu"), slice(None), rows[part], columns[part])
            output = output[here]  # (n, outputs)
            if weights is None:
                weights = torch.randn(output[:1].shape, generator=generator, **in_double)
            total[part] += _gradient((output * weights).sum(), each).abs() / probes
    return total


def _input_features(model: nn.Module) -> int:
    for name in ("in_features", "channels"):
        if isinstance(getattr(model, name, None), int):
            return getattr(model, name)
    for parameter in model.parameters():
        if parameter.dim() >= 2:
            return parameter.shape[1]
    raise ValueError("features must be given: the model does not tell how many it reads")


def _run(probe: nn.Module, x: Tensor, conditions: dict[str, Tensor]) -> Tensor:
    output = called("model", probe, x, **conditions)
    shape = tuple(output.shape) if isinstance(output, Tensor) else ()
    if len(shape) != 4 and hasattr(probe, "levels") and hasattr(probe, "channels"):
        checked_logits(output, x, probe.levels)
    if len(shape) not in (4, 5) or (shape[0], *shape[-2:]) != (len(x), *x.shape[2:]):
        expected = "(B, levels, C, H, W) or (B, F, H, W), of the size of what it reads"
        raise wrong("model", f"return {expected}, {tuple(x.shape)}", output)
    return finite("model", output)


def _colour_of(model: nn.Module, output: Tensor, channel: int) -> Tensor:
    """Pick the outputs of one colour: (1, levels, C, H, W) or (1, F, H, W) -> (1, n, H, W)."""
    colours = output.shape[2] if output.dim() == 5 else getattr(model, "channels", 1)
    if type(channel) is not int or not 0 <= channel < colours:
        raise wrong("channel", f"be 0 to {colours - 1}", channel)
    if output.dim() == 5:
        return output[:, :, channel]
    return output[:, group_slices(output.shape[1], colours)[channel]]


def _gradient(output: Tensor, x: Tensor) -> Tensor:
    if not output.requires_grad:
        raise ValueError("model must be differentiable with respect to a float input; it is not")
    (gradient,) = torch.autograd.grad(output, x, allow_unused=True)
    return torch.zeros_like(x) if gradient is None else gradient
