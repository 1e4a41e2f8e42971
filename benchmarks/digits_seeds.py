"""How much the scores of chapters 7 and 8 depend on chance: `python benchmarks/digits_seeds.py`.

Trains the models of both chapters on the digits with several seeds, one thread, and reports the
nats of a test digit. Takes about eight minutes.
"""

import statistics
from collections.abc import Callable
from functools import partial

import timing
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu import GatedBlock, GatedPixelCNN, MaskedConv2d, build_model, fit, load_images, nats

SEEDS = range(7)
LAYERS, LEVELS = 3, 17
SETTINGS = {"epochs": 14, "batch_size": 32, "learning_rate": 1e-2}


class ReluBlock(GatedBlock):
    """The gated block with a ReLU in the place of the gate, which needs half as many sums."""

    def __init__(self, in_features: int, hidden: int, kernel_size: int, mask_type: str):
        super().__init__(in_features, hidden, kernel_size, mask_type)
        window = self.vertical.kernel_size
        self.vertical = nn.Conv2d(in_features, hidden, window, padding=(0, self.reach))
        self.horizontal = MaskedConv2d(in_features, hidden, (1, kernel_size), mask_type)
        self.link = nn.Conv2d(hidden, hidden, 1, bias=False)

    def forward(self, vertical: Tensor, horizontal: Tensor) -> tuple[Tensor, Tensor]:
        reads_image = self.mask_type == "A"
        rows = vertical[:, :, :-1] if reads_image else vertical
        sums = self.vertical(F.pad(rows, (0, 0, self.reach, 0)))  # (B, h, H, W)
        new = self.expand(F.relu(self.horizontal(horizontal) + self.link(sums)))  # (B, h, H, W)
        return F.relu(sums), new if reads_image else horizontal + new


def wider_windows(hidden: int) -> nn.Module:
    """Build a PixelCNN whose blocks look through 5×5 windows."""
    model = build_model("pixelcnn", levels=LEVELS, hidden=hidden, layers=LAYERS)
    for block in model.blocks:
        block.convolve = MaskedConv2d(hidden, hidden, 5)
    return model


def relu_twin(hidden: int) -> GatedPixelCNN:
    """Build the two stacks without gates."""
    model = GatedPixelCNN(levels=LEVELS, hidden=hidden, layers=0)
    model.first = ReluBlock(1, hidden, 7, "A")
    model.blocks = nn.ModuleList(ReluBlock(hidden, hidden, 5, "B") for _ in range(LAYERS))
    return model


def started_larger(build: Callable[[], GatedPixelCNN], factor: float = 2) -> GatedPixelCNN:
    """Multiply the weights that a model of two stacks starts with, biases and head left out."""
    model = build()
    with torch.no_grad():
        for block in (model.first, *model.blocks):
            for name, weight in block.named_parameters():
                if name.endswith("weight"):
                    weight *= factor
    return model


def built(kind: str, hidden: int) -> Callable[[], nn.Module]:
    return partial(build_model, kind, levels=LEVELS, hidden=hidden, layers=LAYERS)


MODELS = {
    "PixelCNN": built("pixelcnn", 16),
    "Row LSTM": built("row-lstm", 16),
    "Diagonal BiLSTM": built("diagonal-bilstm", 16),
    "PixelCNN, wider": built("pixelcnn", 29),
    "PixelCNN, 5×5 windows": partial(wider_windows, 22),
    "two stacks, ReLU": partial(relu_twin, 21),
    "two stacks, ReLU, started larger": partial(started_larger, partial(relu_twin, 21)),
    "Gated PixelCNN": built("gated-pixelcnn", 15),
    "Gated PixelCNN, started larger": partial(started_larger, built("gated-pixelcnn", 15)),
}


def main() -> None:
    torch.set_num_threads(1)
    scores = {name: [score(build, seed) for seed in SEEDS] for name, build in MODELS.items()}
    rows = [
        {
            "model": name,
            "weights": sum(weight.numel() for weight in MODELS[name]().parameters()),
            "lowest": min(of_seeds),
            "median": statistics.median(of_seeds),
            "highest": max(of_seeds),
            "nats by seed": [round(value, 2) for value in of_seeds],
        }
        for name, of_seeds in scores.items()
    ]
    timing.report("digits_seeds", rows, settings=SETTINGS, layers=LAYERS, levels=LEVELS)


def score(build: Callable[[], nn.Module], seed: int) -> float:
    """Train a model with this seed and return the mean nats of the test digits."""
    train, valid, test = (load_images("digits", split) for split in ("train", "valid", "test"))
    torch.manual_seed(seed)
    model = build()
    fit(model, train, valid, seed=seed, device="cpu", **SETTINGS)
    return nats(model, test.images).mean().item()


if __name__ == "__main__":
    main()
