"""How much the scores of chapter 7 depend on chance: `python benchmarks/digits_seeds.py`.

Trains the four models of the chapter on the digits with several seeds, one thread, and reports the
nats of a test digit. Takes about five minutes.
"""

import statistics

import timing
import torch

from pixeledu import build_model, fit, load_images, nats

SEEDS = range(7)
MODELS = {
    "PixelCNN": ("pixelcnn", 16),
    "Row LSTM": ("row-lstm", 16),
    "Diagonal BiLSTM": ("diagonal-bilstm", 16),
    "PixelCNN, wider": ("pixelcnn", 29),
}
SETTINGS = {"epochs": 14, "batch_size": 32, "learning_rate": 1e-2}


def main() -> None:
    torch.set_num_threads(1)
    scores = {name: [score(*shape, seed) for seed in SEEDS] for name, shape in MODELS.items()}
    rows = [
        {
            "model": name,
            "lowest": min(of_seeds),
            "median": statistics.median(of_seeds),
            "highest": max(of_seeds),
            "nats by seed": [round(value, 2) for value in of_seeds],
        }
        for name, of_seeds in scores.items()
    ]
    timing.report("digits_seeds", rows, settings=SETTINGS, layers=3, levels=17)


def score(kind: str, hidden: int, seed: int) -> float:
    """Train a model with this seed and return the mean nats of the test digits."""
    train, valid, test = (load_images("digits", split) for split in ("train", "valid", "test"))
    torch.manual_seed(seed)
    model = build_model(kind, levels=17, hidden=hidden, layers=3)
    fit(model, train, valid, seed=seed, device="cpu", **SETTINGS)
    return nats(model, test.images).mean().item()


if __name__ == "__main__":
    main()
