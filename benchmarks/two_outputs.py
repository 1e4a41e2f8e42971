"""A softmax against a mixture of logistics, for 256 levels: `python benchmarks/two_outputs.py`.

Trains the same small PixelCNN with each output, for the same number of steps, on few and on more
colour patches of 8×8 pixels, and measures what a training step of each costs: processor seconds, and
bytes that it keeps for its gradient. Takes a few minutes on one free processor.
"""

import timing
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu import bits_per_dim, build_model, fit, load_images

OUTPUTS = ("softmax", "logistics")
LEVELS, SIZE = 256, 8
HIDDEN, LAYERS = 16, 3
IMAGES = (40, 160, 640)  # of the training set
BATCH, STEPS, VALID = 16, 200, 64
ROUNDS = 5


def main() -> None:
    torch.set_num_threads(1)
    timing.report(
        "two_outputs",
        [scores(train_images) for train_images in IMAGES],
        costs={output: cost(output) for output in OUTPUTS},
        levels=LEVELS,
        size=SIZE,
        batch=BATCH,
        steps=STEPS,
    )


def built(output: str) -> nn.Module:
    torch.manual_seed(0)
    return build_model(
        "pixelcnn", channels=3, levels=LEVELS, hidden=HIDDEN, layers=LAYERS, output=output
    )


def patches(split: str, count: int) -> Tensor:
    """Every so-many-th patch of a split, its upper left corner: (count, 3, SIZE, SIZE)."""
    images = load_images("patches", split).images
    return images[:: len(images) // count][:count, :, :SIZE, :SIZE].contiguous()


def scores(train_images: int) -> dict:
    """Train with both outputs on so many images; the best epoch is chosen on the validation patches."""
    row = {"train images": train_images}
    settings = {"epochs": STEPS * BATCH // train_images, "batch_size": BATCH, "device": "cpu"}
    for output in OUTPUTS:
        model = built(output)
        fit(model, patches("train", train_images), patches("valid", VALID), **settings)
        row[output] = bits_per_dim(model, patches("test", VALID))
    return row


def cost(output: str) -> dict:
    """Say what a training step of this output costs."""
    model, batch = built(output), patches("train", BATCH)
    kept = bytes_kept(model, batch)

    def step() -> None:
        loss_of(model, batch).backward()

    seconds = [timing.seconds_worked(step) for _ in range(ROUNDS)]
    return {
        "weights": sum(weight.numel() for weight in model.parameters()),
        "megabytes kept": kept / 1e6,
        "processor seconds of a step": min(seconds),
    }


def loss_of(model: nn.Module, images: Tensor) -> Tensor:
    return F.cross_entropy(model(images), images.long())


def bytes_kept(model: nn.Module, images: Tensor) -> int:
    """Count the bytes of all tensors that a forward pass keeps for the backward pass."""
    sizes = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = loss_of(model, images)
    del loss
    return sum(sizes.values())


if __name__ == "__main__":
    main()
