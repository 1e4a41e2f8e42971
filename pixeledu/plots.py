"""Figures that several chapters share, drawn with matplotlib."""

from collections.abc import Sequence
from types import SimpleNamespace

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pixeledu.checks import checked_images, number, whole_number, wrong
from pixeledu.png import as_rgb


def show_images(
    images: Tensor,
    levels: int,
    *,
    columns: int = 8,
    titles: Sequence[str] | None = None,
    known: Tensor | None = None,
    size: float = 0.9,
) -> Figure:
    """Draw images side by side, in rows; call `plt.show()` afterwards.

    Args:
        images: values 0 … levels-1, shape (N, C, H, W) with 1 or 3 colours, at least one image.
        levels: number of values a pixel can take; levels-1 is white, or the full colour.
        columns: most images in one row.
        titles: short texts to stand above the images; fewer than images leave the last bare.
        known: bool, shape (H, W) or (N, 1, H, W); pixels where it is false are painted blue.
        size: width of an image in inches.
    Returns:
        The figure, with one axes for each image.
    Raises:
        ValueError: an argument is out of range or does not fit the others.
    """
    _check(images, levels, titles)
    whole_number("columns", columns)
    if number("size", size, zero=False) > _LARGEST:
        raise wrong("size", f"be at most {_LARGEST} inches", size)
    tiles = as_rgb(images, levels, _one_mask_each(known, images))  # (N, H, W, 3)
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    titled = sum(any(titles[i : i + columns]) for i in range(0, len(titles or ()), columns))
    height = size * tiles.shape[1] / tiles.shape[2] + _GAP
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=((size + _GAP) * columns, height * rows + _TITLE * titled),
        squeeze=False,
        layout="constrained",
        facecolor="white",
    )
    for place, ax in enumerate(axes.flat):
        if place >= len(tiles):
            ax.remove()
            continue
        ax.imshow(tiles[place], interpolation="nearest")
        ax.set_axis_off()
        if titles is not None and place < len(titles):
            ax.set_title(titles[place], fontsize=9)
    return figure


_LARGEST = 100  # inches
_GAP, _TITLE = 0.08, 0.22  # inches: between images, and for a line of text above them


def _check(images: Tensor, levels: int, titles: Sequence[str] | None) -> None:
    if whole_number("levels", levels, least=2) > 256:
        raise ValueError(f"levels must be at most 256, got {levels}")
    colours = images.shape[1] if isinstance(images, Tensor) and images.dim() == 4 else 1
    checked_images(SimpleNamespace(channels=colours, levels=levels), images)
    if not len(images):
        raise ValueError("images is empty: there is nothing to draw, pass at least one image")
    texts = isinstance(titles, list | tuple) and all(isinstance(text, str) for text in titles)
    if titles is not None and (not texts or len(titles) > len(images)):
        expected = f"be a list of at most one text for each of the {len(images)} images"
        raise wrong("titles", expected, titles)


def _one_mask_each(known: Tensor | None, images: Tensor) -> Tensor | None:
    """Bring `known` to the shape (N, H, W)."""
    if known is None:
        return None
    n, _, height, width = images.shape
    accepted = [(height, width), (n, 1, height, width)]
    if not isinstance(known, Tensor) or known.dtype != torch.bool:
        kind = known.dtype if isinstance(known, Tensor) else type(known).__name__
        raise ValueError(f"known must be a bool tensor, got {kind}")
    if tuple(known.shape) not in accepted:
        raise ValueError(f"known must have one of the shapes {accepted}, got {tuple(known.shape)}")
    return known.cpu().expand(n, 1, height, width)[:, 0]
