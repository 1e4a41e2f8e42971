"""A causal transformer against a PixelCNN of as many weights, at equal training time.

`python benchmarks/transformer.py` trains both on the digits for the same seconds that one thread of
one processor core has worked, with several seeds, and reports the nats of a test digit. The
transformer is the one that chapter 15 builds. Takes about four minutes.
"""

import statistics
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import timing
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu import PixelCNN, fit, keep_freed_memory, load_images, nats

LEVELS, SIDE = 17, 8
SECONDS = (5, 20)  # of training
SEEDS = range(3)
RATES = (3e-3, 1e-2)  # the validation digits choose one for each model, in the shorter time
BATCH = 32


class CausalAttention(nn.Module):
    """Let every place of a sequence look at itself and at the places before it.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.
    """

    def __init__(self, features: int, heads: int):
        super().__init__()
        self.heads = heads
        self.ask = nn.Linear(features, 3 * features)
        self.join = nn.Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.ask(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        # (B, heads, T, F / heads) each
        scores = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5  # (B, heads, T, T)
        scores = scores + torch.full(scores.shape[2:], -torch.inf).triu(1)
        seen = scores.softmax(3) @ v  # (B, heads, T, F / heads)
        return self.join(seen.transpose(1, 2).flatten(2))  # (B, T, F)


class Block(nn.Module):
    """Add to every place what attention, and then a small network, make of it."""

    def __init__(self, features: int, heads: int):
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.attention = CausalAttention(features, heads)
        self.norm_2 = nn.LayerNorm(features)
        self.widen = nn.Linear(features, 4 * features)
        self.narrow = nn.Linear(4 * features, features)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm(x))  # (B, T, F)
        return x + self.narrow(F.relu(self.widen(self.norm_2(x))))


class PixelTransformer(nn.Module):
    """A transformer over the pixels of grey images of one size, in the order they are drawn.

    Source: Chen et al. 2020, "Generative Pretraining from Pixels", in miniature.
    """

    def __init__(self, features: int, heads: int, layers: int, levels: int = LEVELS):
        super().__init__()
        self.channels, self.levels = 1, levels
        self.value = nn.Embedding(levels + 1, features)  # the last one stands for no pixel yet
        self.row = nn.Embedding(SIDE, features)
        self.column = nn.Embedding(SIDE, features)
        self.blocks = nn.ModuleList(Block(features, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(features)
        self.predict = nn.Linear(features, levels)

    def forward(self, images: Tensor) -> Tensor:
        values = images.flatten(1).long()  # (B, T)
        before = F.pad(values[:, :-1], (1, 0), value=self.levels)  # (B, T)
        places = self.row.weight[:, None] + self.column.weight  # (H, W, F)
        x = self.value(before) + places.flatten(0, 1)  # (B, T, F)
        for block in self.blocks:
            x = block(x)
        logits = self.predict(self.norm(x))  # (B, T, levels)
        return logits.transpose(1, 2).unflatten(2, (1, *images.shape[2:]))


MODELS = {
    "transformer": lambda: PixelTransformer(features=34, heads=2, layers=2),
    "PixelCNN": lambda: PixelCNN(levels=LEVELS, hidden=28, layers=3),
}


def main() -> None:
    options = timing.read(timing.parser(__doc__, rounds=1))
    if options.rehearse:
        parts = [rows_of((0.1,), range(1), (3e-3,), name) for name in MODELS]
    else:
        with ProcessPoolExecutor(len(MODELS)) as workers:  # each counts its own process's work
            parts = list(workers.map(partial(rows_of, SECONDS, SEEDS, RATES), MODELS))
    rows = [row for part in parts for row in part]
    timing.show(rows)
    timing.save("transformer", rows, options.out, rates=RATES, batch=BATCH)


def rows_of(all_seconds: tuple, seeds: range, rates: tuple, name: str) -> list[dict]:
    """Train one model for each of the times with each of the seeds."""
    torch.set_num_threads(1)
    keep_freed_memory()  # as the chapters do
    epoch = seconds_of_an_epoch(name)
    short, rows = epochs_in(all_seconds[0], epoch), []
    chosen = min(rates, key=lambda rate: trained(name, short, rate, seed=100)["valid"])
    for seconds in all_seconds:
        epochs = epochs_in(seconds, epoch)
        runs = [trained(name, epochs, chosen, seed) for seed in seeds]
        rows.append(
            {
                "model": name,
                "weights": sum(weight.numel() for weight in MODELS[name]().parameters()),
                "seconds": seconds,
                "epochs": epochs,
                "learning rate": chosen,
                "valid": statistics.median(run["valid"] for run in runs),
                "test": statistics.median(run["test"] for run in runs),
                "test by seed": [round(run["test"], 2) for run in runs],
            }
        )
    return rows


def epochs_in(seconds: float, epoch: float) -> int:
    return max(1, int(seconds / epoch))


def seconds_of_an_epoch(name: str) -> float:
    """Time an epoch, in seconds that the processor worked: the better of two after one to warm up."""
    train, model = load_images("digits", "train"), MODELS[name]()
    epoch = partial(fit, model, train, epochs=1, batch_size=BATCH, device="cpu")
    seconds = [timing.seconds_worked(epoch) for _ in range(3)]
    return min(seconds[1:])


def trained(name: str, epochs: int, rate: float, seed: int) -> dict:
    """Train a model; return the nats of validation and test digits."""
    train, valid, test = (load_images("digits", split) for split in ("train", "valid", "test"))
    torch.manual_seed(seed)
    model = MODELS[name]()
    settings = {"epochs": epochs, "batch_size": BATCH, "learning_rate": rate}
    fit(model, train, valid, seed=seed, device="cpu", **settings)
    return {
        split: nats(model, images.images).mean().item()
        for split, images in (("valid", valid), ("test", test))
    }


if __name__ == "__main__":
    main()
