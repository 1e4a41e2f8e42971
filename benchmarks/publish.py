"""Make the best model of a run one that ships: `python benchmarks/publish.py RUN NAME`.

Measures it on the whole validation and test sets, and writes `pixeledu/weights/NAME.safetensors`
and its card `NAME.json`. NAME says data and model, such as binarized-mnist-pixelcnn.
"""

import argparse
import json
import platform
import shlex
from pathlib import Path

import numpy
import timing
import torch

from pixeledu import __version__, best_device, load_images, nats
from pixeledu.checkpoints import LAST, load_checkpoint, read_info, save_checkpoint
from pixeledu.data import SPLITS
from pixeledu.files import write_atomically
from pixeledu.measuring import measure
from pixeledu.pretrained import WEIGHTS
from pixeledu.training.folder import METRICS, fingerprint, sha256_of


def main() -> None:
    options = _options()
    run = Path(options.run)
    facts, best = read_info(run / LAST), read_info(run)
    model = load_checkpoint(run, best_device())
    splits = {split: _images(facts["data"], split, model.levels) for split in SPLITS}
    if fingerprint(splits["train"]) != facts["settings"]["train"]:
        raise SystemExit(f"{run} was trained on other images than {facts['data']} holds here")
    curve = [json.loads(line) for line in (run / METRICS).read_text().splitlines()]
    card = {
        "name": options.name,
        "config": model.config,
        "weights": sum(weight.numel() for weight in model.parameters()),
        "data": {
            "name": facts["data"],
            "sha256": {split: sha256_of(images) for split, images in splits.items()},
        },
        "command": _command(options.name, facts),
        "settings": facts["settings"],
        **({"start": facts["start"]} if "start" in facts else {}),
        "epoch": best["epoch"],
        "steps": best["step"],
        "seconds": round(curve[-1]["seconds"]),
        "machine": options.machine or timing.conditions()["processor"],
        "versions": {
            "pixeledu": __version__,
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "python": platform.python_version(),
        },
        "nats": {split: rounded(measure(model, splits[split])) for split in SPLITS[1:]},
        "check": check(model, facts["data"]),
        "curve": curve,
    }
    info = {key: best[key] for key in ("size", "data", "epoch", "valid_nats")}
    save_checkpoint(WEIGHTS / f"{options.name}.safetensors", model.cpu(), **info)
    text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
    write_atomically(WEIGHTS / f"{options.name}.json", text.encode())
    print(json.dumps(card["nats"], indent=1))


def rounded(measured: dict) -> dict:
    """Round the figures of `measure` to what a card needs."""
    places = {"mean": 4, "standard_error": 4, "bits_per_dim": 5, "images": None}
    return {name: round(measured[name], digits) for name, digits in places.items()}


def check(model, data: str) -> dict:
    """Measure a few images that are on every machine, for a test to measure again."""
    name = BUNDLED.get(data, data)
    images = _images(name, "test", model.levels)[:32]
    return {"data": name, "images": 32, "mean": round(nats(model, images).mean().item(), 4)}


BUNDLED = {"mnist": "mnist-5k", "binarized-mnist": "mnist-5k", "cifar10": "patches"}


def _images(name: str, split: str, levels: int):
    return load_images(name, split).with_levels(levels).images


def _command(name: str, facts: dict) -> str:
    """Return the command line that makes the run again."""
    config, settings = facts["config"], facts["settings"]
    words = ["python", "-m", "pixeledu", "train", "--model", config["model"]]
    words += ["--data", facts["data"], "--levels", config["levels"]]
    words += ["--hidden", config["hidden"], "--layers", config["layers"]]
    options = ("epochs", "batch_size", "learning_rate", "weight_decay", "patience", "seed")
    for option in (*options, "ema", "precision"):
        if settings.get(option) is not None:
            words += [f"--{option.replace('_', '-')}", settings[option]]
    if "start" in facts:
        words += ["--start", facts["start"]]
    return shlex.join(map(str, [*words, "--out", f"runs/{name}"]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", help="the folder of a run of `pixeledu train`")
    parser.add_argument("name", help="the name under which it ships")
    parser.add_argument("--machine", help="what it was trained on, if not this machine")
    return parser.parse_args()


if __name__ == "__main__":
    main()
