"""The digits that a page learns from, as letters: one for each value, image after image."""

from functools import lru_cache

from torch import Tensor

from pixeledu.data import load_images

TRAIN = 640
HELD_OUT = 128
_LETTERS = "0123456789abcdefg"  # of the values 0 to 16


@lru_cache(maxsize=1)
def page_digits() -> dict[str, str]:
    """Give the digits that a page trains on and those that it holds out.

    Returns:
        "train", the first 640 training digits, and "held_out", the first 128 validation digits: 64
        letters for each, row by row.
    """
    parts = {"train": ("train", TRAIN), "held_out": ("valid", HELD_OUT)}
    return {
        name: _lettered(load_images("digits", split).images[:count])
        for name, (split, count) in parts.items()
    }


def _lettered(images: Tensor) -> str:
    return "".join(_LETTERS[value] for value in images.flatten().tolist())
