"""The weights that ship with the package: what there is, how good it is, and how it was made.

Each model is two files: `weights/NAME.safetensors`, a checkpoint like any other, and
`weights/NAME.json`, its card. A name says data and model: `binarized-mnist-pixelcnn`.
"""

import json
from pathlib import Path

import torch
from torch import nn

from pixeledu.checkpoints import load_checkpoint
from pixeledu.checks import said
from pixeledu.names import hint_at

WEIGHTS = Path(__file__).with_name("weights")


def list_pretrained() -> list[str]:
    """Return the names of the models that ship with the package, in alphabetical order."""
    return sorted(path.stem for path in WEIGHTS.glob("*.json"))


def load_pretrained(name: str, device: str | torch.device = "cpu") -> nn.Module:
    """Load a model that ships with the package, ready to be used.

    Args:
        name: one of `list_pretrained()`.
        device: where the model shall live.
    Returns:
        The model in evaluation mode.
    Raises:
        ValueError: there is no such model, or its file is damaged.
    """
    return load_checkpoint(pretrained_file(name), device)


def pretrained_card(name: str) -> dict:
    """Return what is known of a model that ships with the package.

    Args:
        name: one of `list_pretrained()`.
    Returns:
        A dict with "config" (the arguments of `build_model`), "data" (name of the image set, SHA-256
        of its splits), "command", "settings", "steps", "seconds", "machine" and "versions" (how it
        was made), "nats" (of the validation and test images: mean, standard error, bits per
        dimension), "check" (the mean of a few images that are on every machine) and "curve" (the
        records of its epochs, as in `History`). A model that was trained on from earlier weights of
        its name has "before", what their card said.
    Raises:
        ValueError: there is no such model.
    """
    return json.loads(pretrained_file(name).with_suffix(".json").read_text(encoding="utf-8"))


def pretrained_file(name: str) -> Path:
    """Return the checkpoint of a model that ships with the package.

    Raises:
        ValueError: there is no such model.
    """
    known = list_pretrained()
    if not isinstance(name, str) or name not in known:
        hint = hint_at(known, said(name))
        raise ValueError(f"name must be one of {', '.join(known)}, got {said(name)}{hint}")
    return WEIGHTS / f"{name}.safetensors"
