"""What the pictures of a live sampler depend on: a class, and smaller pictures to draw from."""

import torch
from torch import Tensor

from pixeledu.checks import wrong
from pixeledu.widgets.bundle import constants_of

_CONSTANTS = constants_of("live_sampler")
MANY = _CONSTANTS["many"]  # pictures at once
EACH = _CONSTANTS["each_class"]  # the label that gives each picture a class of its own


def checked_label(label, model: dict):
    """Return a label that a listed model can draw: a class, `EACH`, or None for one drawn first.

    Raises:
        ValueError: the model knows no classes, or not that one.
    """
    names = model.get("classes")
    if label is None or (names and isinstance(label, str) and label == EACH):
        return label
    if names is None:
        raise wrong("label", f"be None: {model['name']!r} knows no classes", label)
    if type(label) is not int or not 0 <= label < len(names):
        raise wrong("label", f"be None, {EACH!r} or a class from 0 to {len(names) - 1}", label)
    return label


def checked_guides(guides, models: list[dict]) -> list[list[int]] | None:
    """Return the pictures that listed models draw from as lists of values, pixel by pixel.

    Args:
        guides: a tensor of shape (n, C, h, w), or such lists; None if no model needs any.
        models: the descriptions of the models; see `models_for_page`.
    Raises:
        ValueError: they fit one of the models not, or are missing, or there is no use for them.
    """
    guided = [one for one in models if "guide" in one]
    if not guided:
        if guides is not None:
            raise ValueError("guides must be None: none of the models draws from smaller pictures")
        return None
    shapes = {(one["channels"], *_small(one)) for one in guided}
    if isinstance(guides, Tensor) and guides.dim() == 4 and {tuple(guides.shape[1:])} == shapes:
        guides = guides.permute(0, 2, 3, 1).flatten(1).tolist()  # (n, h·w·C)
    for one in guided:
        channels, (height, width) = one["channels"], _small(one)
        values = _Values(channels * height * width, one["levels"])
        if (
            not isinstance(guides, list)
            or not 1 <= len(guides) <= MANY
            or not all(map(values, guides))
        ):
            raise ValueError(
                f"guides must be 1 to {MANY} pictures of shape {(channels, height, width)} with whole "
                f"numbers from 0 to {one['levels'] - 1}: {one['name']!r} draws from those"
            )
    return guides


class _Values:
    """Tells whether something is a list of so many whole numbers, each a level."""

    def __init__(self, count: int, levels: int):
        self.count, self.levels = count, levels

    def __call__(self, given: object) -> bool:
        return (
            isinstance(given, list)
            and len(given) == self.count
            and all(type(value) is int and 0 <= value < self.levels for value in given)
        )


def conditions_of(model: dict, label, guides: list | None, numbers: range) -> dict[str, Tensor]:
    """Say what pictures depend on, as `sample` takes it.

    Args:
        model: the description of a model.
        label, guides: checked; see above.
        numbers: of the pictures.
    Returns:
        A dict with "labels" and "guide", as far as they are given.
    """
    options = {}
    if label is not None:
        labels = [n % len(model["classes"]) if label == EACH else label for n in numbers]
        options["labels"] = torch.tensor(labels)
    if "guide" in model:
        small = torch.tensor(guides).view(len(guides), *_small(model), model["channels"])
        options["guide"] = small[[n % len(guides) for n in numbers]].permute(0, 3, 1, 2)
    return options


def _small(model: dict) -> tuple[int, int]:
    """Height and width of the pictures that a model draws from."""
    return model["height"] // model["guide"], model["width"] // model["guide"]
