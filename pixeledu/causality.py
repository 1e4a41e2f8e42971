"""What a network sees, measured by changing its input: the causality test.

It can be asked of any function of images, ours or yours, right or wrong.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from pixeledu.checks import device_of, finite, logits_of, whole_number, wrong
from pixeledu.conditions import check_conditions, random_conditions, repeated
from pixeledu.reports import CausalityReport

_CHUNK = 64  # changed images in one call


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
        FloatingPointError: the output holds NaN or infinity.
    """
    sizes = {"channels": channels, "height": height, "width": width, "repeats": repeats}
    for name, value in sizes.items():
        whole_number(name, value)
    whole_number("levels", levels, least=2)
    if not callable(function) or isinstance(function, type):
        raise wrong("function", "be a model, or a function of images", function)
    check_conditions(function, labels, guide, 1)
    shape = (channels, height, width)
    given = {"labels": labels, "guide": guide}
    generator = torch.Generator("cpu").manual_seed(0)
    device = device_of(function) if isinstance(function, nn.Module) else torch.device("cpu")
    places = channels * height * width
    changed = torch.zeros(places, *shape, dtype=torch.bool, device="cpu")
    for _ in range(repeats):
        image = torch.randint(levels, shape, generator=generator, device="cpu")
        shift = torch.randint(1, levels, (places,), generator=generator, device="cpu")
        depends = random_conditions(function, shape, given, generator)
        depends = {name: x.to(device) for name, x in depends.items()}
        for some in torch.arange(places, device="cpu").split(_CHUNK):
            calls = partial(function, **repeated(depends, len(some)))
            changed[some] |= _changes(calls, image.to(device), some, shift[some], levels)
    return CausalityReport.of(changed.view(*shape, *shape))


def _changes(
    function: Callable, image: Tensor, places: Tensor, shift: Tensor, levels: int
) -> Tensor:
    """Return which outputs change with each of the places, bool (places, C, H, W)."""
    before = image.expand(len(places), *image.shape).clone()
    after = before.clone()
    flat = after.flatten(1)  # (places, C·H·W), shares memory with `after`
    each = torch.arange(len(places), device="cpu")
    flat[each, places] = (flat[each, places] + shift.to(flat.device)) % levels

    each = (logits_of(function, x, levels, "function") for x in (before, before, after))
    first, again, other = (finite("function", logits) for logits in each)
    if not torch.equal(first, again):
        raise ValueError(
            "function must give the same result for the same images, and it does not; "
            "is dropout on? Call model.eval() first"
        )
    # Equal inputs run through equal arithmetic here, so any difference at all is a dependence.
    return (first != other).any(dim=1).cpu()  # over levels
