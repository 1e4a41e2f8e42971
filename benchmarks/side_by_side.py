"""What the models for binarised MNIST cost: `python benchmarks/side_by_side.py`.

Times a training step of 16 images and the drawing of one image and of sixteen, for every model that
ships, all in turn. The chapter "Side by side" shows the result.
"""

import statistics

import timing
import torch

from pixeledu import SharedNoise, build_model, list_pretrained, load_pretrained, sample

DATA, IMAGES, SIZE, BATCH = "binarized-mnist", 50_000, 28, 16


def main() -> None:
    timing.calm()
    models = {name: load_pretrained(name) for name in list_pretrained() if name.startswith(DATA)}
    batch = torch.randint(2, (BATCH, 1, SIZE, SIZE))
    step = timing.rounds(15, **{name: stepper(model, batch) for name, model in models.items()})
    one = timing.rounds(5, **{name: drawer(model, 1) for name, model in models.items()})
    sixteen = timing.rounds(5, **{name: drawer(model, 16) for name, model in models.items()})
    rows = [
        {
            "model": name,
            "seconds per epoch": IMAGES / BATCH * statistics.median(step[name]),
            "seconds for one image": statistics.median(one[name]),
            "seconds for sixteen": statistics.median(sixteen[name]),
        }
        for name in models
    ]
    timing.report("side_by_side", rows, batch=BATCH, size=SIZE, images_in_an_epoch=IMAGES)


def stepper(model, batch):
    """Return a function that takes one training step of a fresh model of the same shape."""
    return timing.stepper(build_model(**model.config), batch)


def drawer(model, images: int):
    """Return a function that draws images with the cached sampler."""
    return lambda: sample(model, images, SIZE, SIZE, generator=SharedNoise(0))


if __name__ == "__main__":
    main()
