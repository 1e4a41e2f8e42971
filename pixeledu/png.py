"""Image tensors as a PNG: tiles in rows, each pixel a square that can be seen."""

import io
import math
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


def write_grid(path: str | Path, images: Tensor, levels: int) -> None:
    """Write images side by side into a PNG from which `from_grid` reads them: a pixel for a pixel.

    Args:
        path: the file; it is replaced whole or not at all.
        images: values 0 … levels-1, shape (N, C, H, W) with 1 or 3 colours; at least one.
        levels: the value levels-1 becomes white.
    Raises:
        ValueError: there is no image, or it has neither 1 nor 3 colours.
        OSError: the file cannot be written.
    """
    from PIL import Image

    if not len(images):
        raise ValueError("images is empty: a PNG has at least one pixel")
    tiles = as_rgb(images, levels)  # (N, H, W, 3)
    columns = next(n for n in range(math.isqrt(len(tiles)), 0, -1) if len(tiles) % n == 0)
    rows = tiles.reshape(-1, columns, *tiles.shape[1:])  # (rows, columns, H, W, 3)
    pixels = rows.swapaxes(1, 2).reshape(rows.shape[0] * rows.shape[2], -1, 3)
    content = io.BytesIO()
    Image.fromarray(pixels if images.shape[1] == 3 else pixels[..., 0]).save(content, "PNG")
    write_atomically(path, content.getvalue())


def from_grid(pixels: np.ndarray, levels: int, height: int, width: int, name: str) -> Tensor:
    """Cut images that stand side by side apart, and read their values.

    Args:
        pixels: bytes, shape (H · rows, W · columns) or (H · rows, W · columns, 3).
        levels: white is the value levels-1.
        height, width: of an image.
        name: what an error calls the picture.
    Returns:
        uint8 tensor of shape (N, C, H, W), row by row.
    Raises:
        ValueError: the picture is no multiple of an image, or has shades that are none of the levels.
    """
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    if pixels.shape[0] % height or pixels.shape[1] % width:
        raise ValueError(
            f"{name} must be filled with images of {height}x{width}, and has "
            f"{pixels.shape[0]}x{pixels.shape[1]} pixels"
        )
    shades = np.rint(np.arange(levels) * (255 / (levels - 1))).astype(np.uint8)
    values = np.searchsorted(shades, pixels)
    if (shades[values.clip(0, levels - 1)] != pixels).any():
        raise ValueError(
            f"{name} holds shades that are none of the model's {levels} levels: nothing may be lost, "
            f"so reduce it to {levels} levels first"
        )
    tiles = values.reshape(pixels.shape[0] // height, height, -1, width, pixels.shape[2])
    images = tiles.transpose(0, 2, 4, 1, 3).reshape(-1, pixels.shape[2], height, width)
    return torch.from_numpy(images.astype(np.uint8))
