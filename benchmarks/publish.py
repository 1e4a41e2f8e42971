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

from pixeledu import __version__, best_device, nats
from pixeledu.checkpoints import LAST, load_checkpoint, read_info, save_checkpoint
from pixeledu.cli.loading import labels_for, load_split
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
    smaller = facts.get("smaller")
    data = {split: load_split(facts["data"], split, model.levels, smaller) for split in SPLITS}
    labels = {split: labels_for(model, data[split]) for split in SPLITS}
    if fingerprint(data["train"].images, labels["train"]) != facts["settings"]["train"]:
        raise SystemExit(f"{run} was trained on other images than {facts['data']} holds here")
    curve = [json.loads(line) for line in (run / METRICS).read_text().splitlines()]
    card = {
        "name": options.name,
        "config": model.config,
        "weights": sum(weight.numel() for weight in model.parameters()),
        "data": {
            "name": facts["data"],
            **({"smaller": smaller} if smaller else {}),
            "sha256": {split: sha256_of(data[split].images) for split in SPLITS},
        },
        "command": _command(options.name, facts),
        "settings": facts["settings"],
        **({"start": facts["start"]} if "start" in facts else {}),
        **({"before": before(options.name, facts)} if facts.get("start") == options.name else {}),
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
        "nats": {
            split: rounded(measure(model, data[split].images, labels[split]))
            for split in SPLITS[1:]
        },
        "check": check(model, facts["data"], smaller),
        "curve": curve,
    }
    kept = ("size", "data", "smaller", "epoch", "valid_nats")
    info = {key: best[key] for key in kept if key in best}
    save_checkpoint(WEIGHTS / f"{options.name}.safetensors", model.cpu(), **info)
    text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
    write_atomically(WEIGHTS / f"{options.name}.json", text.encode())
    print(json.dumps(card["nats"], indent=1))


def before(name: str, facts: dict) -> dict:
    """What is known of the weights of the same name that a run went on from."""
    card = json.loads((WEIGHTS / f"{name}.json").read_text())
    if card["settings"] == facts["settings"]:  # it ships already, and is published again
        return card["before"]
    return {key: card[key] for key in OF_BEFORE if key in card}


OF_BEFORE = ("before", "command", "settings", "epoch", "steps", "seconds", "nats", "curve")


def rounded(measured: dict) -> dict:
    """Round the figures of `measure` to what a card needs."""
    places = {"mean": 4, "standard_error": 4, "bits_per_dim": 5, "images": None}
    return {name: round(measured[name], digits) for name, digits in places.items()}


def check(model, data: str, smaller: int | None = None) -> dict:
    """Measure a few images that are on every machine, for a test to measure again."""
    name = BUNDLED.get(data, data)
    images = load_split(name, "test", model.levels, smaller).images[:32]
    return {"data": name, "images": 32, "mean": round(nats(model, images).mean().item(), 4)}


BUNDLED = {"mnist": "mnist-5k", "binarized-mnist": "mnist-5k", "cifar10": "patches"}


def _command(name: str, facts: dict) -> str:
    """Return the command line that makes the run again."""
    config, settings = facts["config"], facts["settings"]
    words = (
        ["python", facts["script"]] if "script" in facts else ["python", "-m", "pixeledu", "train"]
    )
    values = {
        "model": config["model"],
        "data": facts["data"],
        "levels": config["levels"],
        "smaller": facts.get("smaller"),
        **{option: config.get(option) for option in OF_MODEL},
        "classes": "classes" in config,
        **{option: settings.get(option) for option in OF_RUN},
        "start": facts.get("start"),
        "out": f"runs/{name}",
    }
    for option, value in values.items():
        if value is None or value is False:
            continue
        words += [f"--{option.replace('_', '-')}", *([] if value is True else [value])]
    return shlex.join(map(str, words))


OF_MODEL = ("hidden", "layers", "guide", "output", "dropout")
OF_RUN = (
    *("epochs", "batch_size", "learning_rate", "weight_decay", "patience", "seed", "ema"),
    *("precision", "mirror", "shift"),
)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", help="the folder of a run of `pixeledu train`")
    parser.add_argument("name", help="the name under which it ships")
    parser.add_argument("--machine", help="what it was trained on, if not this machine")
    return parser.parse_args()


if __name__ == "__main__":
    main()
