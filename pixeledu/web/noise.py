"""Random numbers that Python and a web page share: the same picture in both, pixel for pixel.

PyTorch's generators cannot be had in a page. Here a number is a hash of its place instead: of the
seed, the number of the image, and the number of the value in it. No state moves on, so a value has
the same chance whatever is drawn before it, and one picture can be drawn without the others.
"""

import math

import numpy as np
import torch
from torch import Tensor

from pixeledu.checks import whole_number, wrong


class SharedNoise:
    """The uniform numbers of the web page, for `sample` and `complete` in place of a generator.

    Args:
        seed: 0 … 2³² - 1.
        first: number of the first image of the batch: `first=5` draws the sixth image of the seed.
    Raises:
        ValueError: a number is out of range.
    Source: the hash is PCG-RXS-M-XS of 32 bits, O'Neill 2014, as in Jarzynski and Olano 2020,
        "Hash Functions for GPU Rendering". The page has the same in `web/sampling.js`.

    Example:
        >>> images = sample(model, 16, 28, 28, generator=SharedNoise(7))
    """

    device = torch.device("cpu")

    def __init__(self, seed: int, first: int = 0):
        for name, value in (("seed", seed), ("first", first)):
            if whole_number(name, value, least=0, most=math.inf) >= 2**32:
                raise wrong(name, "be less than 2**32", value)
        self.seed, self.first = seed, first

    def uniform(self, start: int, values: int, n: int) -> Tensor:
        """Give the numbers of some neighbouring values of some images.

        Args:
            start: the number of the first value: (row · W + column) · C + colour; the class of an
                image, which is drawn before its pixels, has the number -1.
            values: how many.
            n: how many images.
        Returns:
            float32 tensor of shape (values, n), from 0 to below 1 in steps of 2⁻²⁴.
        """
        whole_number("start", start, least=-1, most=2**32 - 1)
        for name, value in (("values", values), ("n", n)):
            whole_number(name, value, least=0)
        images = np.arange(n, dtype=np.uint32) + np.uint32(self.first)
        places = np.arange(values, dtype=np.uint32) + np.uint32(start % 2**32)
        seeds = _hash(images + _hash(np.uint32([self.seed])))  # (n,)
        words = _hash(places[:, None] + seeds)  # (values, n)
        # The upper 24 bits: a float32 holds each of these numbers exactly.
        return torch.from_numpy((words >> 8).astype(np.float32) * np.float32(2**-24))


def _hash(x: np.ndarray) -> np.ndarray:
    """Mix the bits of 32-bit numbers; sums and products wrap round."""
    state = x * np.uint32(747796405) + np.uint32(2891336453)
    word = ((state >> ((state >> np.uint32(28)) + np.uint32(4))) ^ state) * np.uint32(277803737)
    return (word >> np.uint32(22)) ^ word
