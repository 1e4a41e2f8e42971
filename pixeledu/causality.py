"""What a network sees, measured by changing its input: the causality test.

It can be asked of any function of images, ours or yours, right or wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product

import torch
from torch import Tensor, nn

from pixeledu.checks import whole_number
from pixeledu.conditions import random_conditions, repeated
from pixeledu.masks import Offset, is_past

_CHUNK = 64  # changed images in one call


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
        from pixeledu.reports import causality_map

        return causality_map(self)

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
    labels: Tensor | None = None,
    guide: Tensor | None = None,
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
        labels, guide: what else the function is called with, for one image: shapes (1,) and
            (1, C, h, w). Left out, they are chosen at random for each image if the function has
            `classes` or a `guide`, as this package's models. They are no pixels: what they reach is
            neither a leak nor asked for.
    Returns:
        The report; `str(report)` draws it.
    Raises:
        ValueError: the output has another shape, or two equal calls gave different results.
    """
    sizes = {"channels": channels, "height": height, "width": width, "repeats": repeats}
    for name, value in sizes.items():
        whole_number(name, value)
    whole_number("levels", levels, least=2)
    shape = (channels, height, width)
    given = {"labels": labels, "guide": guide}
    generator = torch.Generator("cpu").manual_seed(0)
    parameters = function.parameters() if isinstance(function, nn.Module) else iter(())
    device = next((parameter.device for parameter in parameters), torch.device("cpu"))
    places = channels * height * width
    changed = torch.zeros(places, *shape, dtype=torch.bool, device="cpu")
    for _ in range(repeats):
        image = torch.randint(levels, shape, generator=generator, device="cpu")
        shift = torch.randint(1, levels, (places,), generator=generator, device="cpu")
        depends = random_conditions(function, shape, given, generator)
        depends = {name: x.to(device) for name, x in depends.items()}
        for some in torch.arange(places, device="cpu").split(_CHUNK):
            together = repeated(depends, len(some))
            calls = partial(function, **together)
            changed[some] |= _changes(calls, image.to(device), some, shift[some], levels)
    depends = changed.view(*shape, *shape)
    return CausalityReport(depends, *_offsets(depends))


def _changes(
    function: Callable, image: Tensor, places: Tensor, shift: Tensor, levels: int
) -> Tensor:
    """Return which outputs change with each of the places, bool (places, C, H, W)."""
    before = image.expand(len(places), *image.shape).clone()
    after = before.clone()
    flat = after.flatten(1)  # (places, C·H·W), shares memory with `after`
    each = torch.arange(len(places), device="cpu")
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
    past = {offset for offset in every if is_past(offset)}
    return frozenset(seen - past), frozenset(past - seen)
