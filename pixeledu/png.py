"""Image tensors as a PNG: tiles in rows, each pixel a square that can be seen."""

import io
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pixeledu.files import write_atomically

UNKNOWN = (86, 110, 150)  # a muted blue, which no grey image holds
TILE = 112  # pixels of the picture along an image, if the image has fewer
MOST_PIXELS = 2**28  # of a picture: with more it would fill the memory, and no program shows it


def as_rgb(images: Tensor, levels: int, known: Tensor | None = None) -> np.ndarray:
    """Turn images into red, green and blue bytes.

    Args:
        images: values 0 … levels-1, shape (N, C, H, W) with 1 or 3 colours.
        levels: the value levels-1 becomes white, or the full colour.
        known: bool, shape (H, W); where it is false, the pixel is painted blue.
    Returns:
        uint8 array of shape (N, H, W, 3).
    Raises:
        ValueError: the images have neither 1 nor 3 colours.
    """
    if images.shape[1] not in (1, 3):
        raise ValueError(f"images must have 1 or 3 colours to be drawn, got {images.shape[1]}")
    bytes_ = (images.cpu().double() * (255 / (levels - 1))).round().to(torch.uint8)
    rgb = bytes_.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()  # (N, H, W, 3)
    return rgb if known is None else np.where(known.numpy()[..., None], rgb, np.uint8(UNKNOWN))


def refuse_huge(rows: int, columns: int, height: int, width: int) -> None:
    """Refuse a picture that nobody could look at, before anything is drawn for it.

    Args:
        rows, columns: how many images lie below and beside each other.
        height, width: of each image.
    Raises:
        ValueError: the picture would have more than `MOST_PIXELS` pixels.
    """
    zoom, gap = _zoom_and_gap(height, width)
    tall, wide = rows * (height * zoom + gap) + gap, columns * (width * zoom + gap) + gap
    if tall * wide > MOST_PIXELS:
        raise ValueError(
            f"--n and --size are too large for one picture: {rows * columns} images of "
            f"{height}x{width} take {tall}x{wide} pixels, and at most {MOST_PIXELS} can be written"
        )


def _zoom_and_gap(height: int, width: int) -> tuple[int, int]:
    """Return the side of the square that a pixel becomes, and the space between two images."""
    zoom = max(1, TILE // max(height, width))
    return zoom, max(2, zoom // 2)


def write_png(path: str | Path, rows: list[list[np.ndarray]]) -> None:
    """Write tiles into a PNG, each pixel enlarged to a square, with white lines between.

    Args:
        path: the file; it is replaced whole or not at all.
        rows: uint8 tiles (H, W, 3) of one size; a row may be shorter than the first.
    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib.image import imsave

    height, width, _ = rows[0][0].shape
    zoom, gap = _zoom_and_gap(height, width)
    down, right = height * zoom + gap, width * zoom + gap  # from one tile to the next
    shape = (gap + len(rows) * down, gap + len(rows[0]) * right, 3)
    picture = np.full(shape, 255, dtype=np.uint8)
    for i, row in enumerate(rows):
        for j, tile in enumerate(row):
            top, left = gap + i * down, gap + j * right
            enlarged = tile.repeat(zoom, axis=0).repeat(zoom, axis=1)
            picture[top : top + height * zoom, left : left + width * zoom] = enlarged
    content = io.BytesIO()
    imsave(content, picture, format="png")
    write_atomically(path, content.getvalue())
