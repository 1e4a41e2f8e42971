"""How fast a model samples, in units of one forward pass of the same batch."""

import statistics
import time

import timing
import torch

from pixeledu import sample
from pixeledu.models import AutoregressiveModel


def sampling(model: AutoregressiveModel, images: int, size: int) -> dict:
    """Time a forward pass, cached and naive sampling of one batch; check that they agree.

    A naive sampler pays one forward pass for each pixel; 1 is the limit, since every step of a full
    set does its share of the arithmetic of one pass.
    """
    model.eval()
    batch = torch.randint(model.levels, (images, model.channels, size, size), dtype=torch.uint8)

    def draw(method):
        generator = torch.Generator().manual_seed(0)
        return sample(model, images, size, size, method=method, generator=generator)

    def forward():
        with torch.inference_mode():
            model(batch)

    seconds = timing.rounds(9, forward=forward, cached=lambda: draw("cached"))
    start = time.perf_counter()
    naive_images = draw("naive")  # once: it takes as long as all the rest together
    naive = time.perf_counter() - start
    return {
        "model": model.config["model"],
        "images": images,
        "forward ms": 1000 * statistics.median(seconds["forward"]),
        "cached ms": 1000 * statistics.median(seconds["cached"]),
        "naive ms": 1000 * naive,
        "cached / forward": timing.ratio(seconds["cached"], seconds["forward"]),
        "naive / cached": naive / statistics.median(seconds["cached"]),
        "same images": torch.equal(naive_images, draw("cached")),
    }
