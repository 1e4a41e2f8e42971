"""What a network sees, measured from outside: receptive fields and the causality test.

Both work on any `torch.nn.Module`, ours or yours, right or wrong.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pixeledu.checks import whole_number
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
    Returns:
        float64 tensor of shape (C, H, W): the mean absolute gradient.
    Raises:
        ValueError: the pixel lies outside the image, or no gradient reaches the input.
    Source: Luo et al. 2016, "Understanding the effective receptive field".
    """
    whole_number("height", height)
    whole_number("width", width)
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(
            f"(row, column) must lie in the {height}×{width} image, got ({row}, {column})"
        )
    features = _input_features(model) if features is None else whole_number("features", features)
    pixel = torch.tensor([row * width + column])
    return _fields(model, (features, height, width), channel, pixel, _PROBES)[0]


_PROBES = 8


def receptive_fields(
    model: nn.Module, height: int, width: int, channel: int = 0, *, probes: int = _PROBES
) -> Tensor:
    """Measure `receptive_field` from every pixel of an image, many of them in one pass.

    Args:
        model, height, width, channel: as for `receptive_field`. The model must treat each image
            of a batch alone.
        probes: random inputs to average over.
    Returns:
        float64 tensor of shape (H, W, C, H, W): first the pixel that looks.
    Raises:
        ValueError: see `receptive_field`.
    """
    pixels = whole_number("height", height) * whole_number("width", width)
    shape = (_input_features(model), height, width)
    fields = _fields(model, shape, channel, torch.arange(pixels), whole_number("probes", probes))
    return fields.unflatten(0, (height, width))


def _fields(
    model: nn.Module, shape: tuple[int, int, int], channel: int, pixels: Tensor, probes: int
) -> Tensor:
    """Average the gradients of the outputs at some pixels: (n,) -> (n, C, H, W)."""
    probe = copy.deepcopy(model).double().cpu()
    scale = getattr(model, "levels", 2) - 1
    generator = torch.Generator().manual_seed(0)
    rows, columns = pixels // shape[2], pixels % shape[2]
    total = torch.zeros(len(pixels), *shape, dtype=torch.float64)
    for _ in range(probes):
        x = torch.rand(1, *shape, generator=generator, dtype=torch.float64)
        weights = None
        for part in torch.arange(len(pixels)).split(_CHUNK):
            each = (x * scale).repeat(len(part), 1, 1, 1).requires_grad_()
            output = _colour_of(model, _run(probe, each), channel)  # (n, outputs, H, W)
            here = (torch.arange(len(part)), slice(None), rows[part], columns[part])
            output = output[here]  # (n, outputs)
            if weights is None:
                weights = torch.randn(output[:1].shape, generator=generator, dtype=torch.float64)
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


def _run(probe: nn.Module, x: Tensor) -> Tensor:
    try:
        return probe(x)
    except (RuntimeError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"model must accept float input of shape {tuple(x.shape)}, so that there is a "
            f"gradient to measure; it said: {reason}"
        ) from error


def _colour_of(model: nn.Module, output: Tensor, channel: int) -> Tensor:
    """Pick the outputs of one colour: (1, levels, C, H, W) or (1, F, H, W) -> (1, n, H, W)."""
    colours = output.shape[2] if output.dim() == 5 else getattr(model, "channels", 1)
    if not 0 <= channel < colours:
        raise ValueError(f"channel must be 0 to {colours - 1}, got {channel}")
    if output.dim() == 5:
        return output[:, :, channel]
    return output[:, group_slices(output.shape[1], colours)[channel]]


def _gradient(output: Tensor, x: Tensor) -> Tensor:
    if not output.requires_grad:
        raise ValueError("model must be differentiable with respect to a float input; it is not")
    (gradient,) = torch.autograd.grad(output, x, allow_unused=True)
    return torch.zeros_like(x) if gradient is None else gradient


class Offset(NamedTuple):
    """Where an input value lies, seen from the output value that it reaches or should reach.

    (-1, 2, 0, 0) is the pixel in the row above, two columns further right. `source` and `target`
    are the colours of the input and of the output.
    """

    row: int
    column: int
    source: int = 0
    target: int = 0


@dataclass(frozen=True)
class CausalityReport:
    """What `check_causality` found; print it to see a map.

    Attributes:
        depends: bool, shape (C, H, W, C, H, W): whether the output at the last three places
            changed with the input at the first three.
        leaks: offsets at which a value reaches an output that comes at or before it.
        unseen: earlier offsets whose value never reaches an output, at any place of the image.
    """

    depends: Tensor
    leaks: frozenset[Offset]
    unseen: frozenset[Offset]

    @property
    def causal(self) -> bool:
        """Whether nothing leaks. A blind model is causal too: look at `unseen` as well."""
        return not self.leaks

    @property
    def complete(self) -> bool:
        """Whether everything that comes before a value reaches it from somewhere in the image."""
        return not self.unseen

    def __str__(self) -> str:
        return _describe(self)

    __repr__ = __str__


@torch.no_grad()
def check_causality(
    function: Callable[[Tensor], Tensor],
    channels: int,
    height: int,
    width: int,
    levels: int,
    *,
    repeats: int = 4,
) -> CausalityReport:
    """Change one input value at a time and see which outputs change.

    A model is right if it is causal (no output depends on its own value or on a later one) and
    complete (every earlier value arrives). Choose an image no larger than the model's reach if
    you ask for completeness: a distant value that no layer reaches counts as unseen. An offset that
    arrives at some places of the image and not at others counts as seen; `depends` tells which.

    The function is called as it is. A module in training mode stays there, because a layer that
    mixes pixels only while training (BatchNorm) leaks only then.

    Args:
        function: maps integer images (B, C, H, W) to logits (B, levels, C, H, W).
        channels: colours of the image.
        height: rows to test on.
        width: columns to test on.
        levels: values a pixel can take.
        repeats: random images to test on; one may leave a path switched off by chance.
    Returns:
        The report; `str(report)` draws it.
    Raises:
        ValueError: the output has another shape, or two equal calls gave different results.
    """
    for name, value, least in (
        ("channels", channels, 1),
        ("height", height, 1),
        ("width", width, 1),
        ("levels", levels, 2),
        ("repeats", repeats, 1),
    ):
        whole_number(name, value, least)
    shape = (channels, height, width)
    generator = torch.Generator().manual_seed(0)
    parameters = function.parameters() if isinstance(function, nn.Module) else iter(())
    device = next((parameter.device for parameter in parameters), torch.device("cpu"))
    places = channels * height * width
    changed = torch.zeros(places, *shape, dtype=torch.bool)
    for _ in range(repeats):
        image = torch.randint(levels, shape, generator=generator)
        shift = torch.randint(1, levels, (places,), generator=generator)
        for some in torch.arange(places).split(_CHUNK):
            changed[some] |= _changes(function, image.to(device), some, shift[some], levels)
    depends = changed.view(*shape, *shape)
    return CausalityReport(depends, *_offsets(depends))


_CHUNK = 64


def _changes(
    function: Callable, image: Tensor, places: Tensor, shift: Tensor, levels: int
) -> Tensor:
    """Return which outputs change with each of the places, bool (places, C, H, W)."""
    before = image.expand(len(places), *image.shape).clone()
    after = before.clone()
    flat = after.flatten(1)  # (places, C·H·W), shares memory with `after`
    each = torch.arange(len(places))
    flat[each, places] = (flat[each, places] + shift.to(flat.device)) % levels

    first, again, other = _call(function, before, levels), function(before), function(after)
    if not torch.equal(first, again):
        raise ValueError(
            "function must give the same result for the same images, and it does not; "
            "is dropout on? Call model.eval() first"
        )
    # Equal inputs run through equal arithmetic here, so any difference at all is a dependence.
    return (first != other).any(dim=1).cpu()  # over levels


def _call(function: Callable, images: Tensor, levels: int) -> Tensor:
    logits = function(images)
    expected = (len(images), levels, *images.shape[1:])
    if not isinstance(logits, Tensor) or tuple(logits.shape) != expected:
        came = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(
            f"function must return logits of shape {expected} (B, levels, C, H, W), got {came}"
        )
    return logits


def _offsets(depends: Tensor) -> tuple[frozenset[Offset], frozenset[Offset]]:
    """Sort what was found into leaks and past offsets that arrive nowhere."""
    source, row, column, target, to_row, to_column = depends.nonzero().unbind(1)
    found = torch.stack([row - to_row, column - to_column, source, target], dim=1)  # (n, 4)
    seen = {Offset(*offset) for offset in found.unique(dim=0).tolist()}
    channels, height, width = depends.shape[:3]
    rows, columns, colours = range(1 - height, 1), range(1 - width, width), range(channels)
    every = (Offset(*offset) for offset in product(rows, columns, colours, colours))
    past = {offset for offset in every if _is_past(offset)}
    return frozenset(seen - past), frozenset(past - seen)


def _is_past(offset: Offset) -> bool:
    # Row by row, then left to right, then colour by colour.
    return (offset.row, offset.column, offset.source) < (0, 0, offset.target)


def _describe(report: CausalityReport) -> str:
    channels, height, width = report.depends.shape[:3]
    verdict = "causal" if report.causal else f"NOT causal: {len(report.leaks)} offsets leak"
    coverage = "complete" if report.complete else f"{len(report.unseen)} offsets never arrive"
    down = max((offset.row for offset in report.leaks), default=0)
    across = range(max(1 - width, -_SHOWN), min(width, _SHOWN + 1))
    lines = [f"{verdict}; {coverage}"]
    for row in range(max(1 - height, -_SHOWN), min(down, _SHOWN) + 1):
        cells = [_cell(report, row, column, channels) for column in across]
        lines.append(f"  row {row:+d}  " + " ".join(cells).rstrip())
    lines.append(
        "  ■ the pixel itself   ● arrives   ◐ some colours arrive   ○ never arrives   ✗ leaks"
    )
    for name, offsets in (("leaks", report.leaks), ("never arrive", report.unseen)):
        if offsets:
            lines.append(f"  {name}: {_list(offsets, channels)}")
    return "\n".join(lines)


_SHOWN = 6  # rows and columns on each side of the pixel that the map has room for
_LISTED = 8


def _cell(report: CausalityReport, row: int, column: int, channels: int) -> str:
    pairs = [Offset(row, column, *pair) for pair in product(range(channels), repeat=2)]
    past = [offset for offset in pairs if _is_past(offset)]
    arriving = [offset for offset in past if offset not in report.unseen]
    if any(offset in report.leaks for offset in pairs):
        return "✗"
    if (row, column) == (0, 0) and len(arriving) == len(past):
        return "■"
    if not past:
        return " "
    return "●" if len(arriving) == len(past) else "◐" if arriving else "○"


def _list(offsets: frozenset[Offset], channels: int) -> str:
    """Name the nearest offsets, with their colours where there are several."""
    nearest = sorted(offsets, key=lambda o: (abs(o.row) + abs(o.column), o))[:_LISTED]
    names = "RGB" if channels == 3 else "0123456789"
    colours = "" if channels == 1 else " {}→{}"
    shown = [
        f"({o.row:+d}, {o.column:+d})"
        + colours.format(names[o.source % len(names)], names[o.target % len(names)])
        for o in nearest
    ]
    more = len(offsets) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
