"""A model in a file: safetensors, with what rebuilds it as JSON in the header; never a pickle."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from pixeledu.devices import usable_device
from pixeledu.files import write_atomically
from pixeledu.models import build_model

BEST, LAST = "best.safetensors", "last.safetensors"


def save_checkpoint(path: str | Path, model: nn.Module, **info) -> None:
    """Write a model to a file, whole or not at all.

    Args:
        path: the file to write, best with the ending .safetensors; it is replaced whole.
        model: a model with a `config` that `build_model` can rebuild it from.
        info: facts to keep beside the weights, anything JSON can hold; see `read_info`.
    Raises:
        ValueError: the model has no `config`, or `info` is not JSON-able or uses a taken name.
        FloatingPointError: a weight is infinite or not a number.
        OSError: the file cannot be written (a full disk, say); what was there before is kept.

    Example:
        >>> save_checkpoint("digits.safetensors", model, data="digits")
        >>> model = load_checkpoint("digits.safetensors")
    """
    refuse_broken_weights(model, f"{path} was not written")
    info = checked_info(info, taken=("kind", "config", "sha256"))
    info |= {"kind": "model", "config": config_of(model)}
    write_tensors(path, model.state_dict(), info)


def load_checkpoint(path: str | Path, device: str | torch.device = "cpu") -> nn.Module:
    """Rebuild a model from its file, ready to be used.

    Args:
        path: a file of `save_checkpoint` or `fit`, or the folder of a run: its best model.
        device: where the model shall live.
    Returns:
        The model in evaluation mode. From a `last.safetensors` it has the averaged weights.
    Raises:
        ValueError: the file is damaged, or is not a checkpoint of a model known here.
        FileNotFoundError: there is no such file.
    """
    device = usable_device(device)
    path = file_of(path)
    tensors, info = read_tensors(path)
    if info.get("kind") == "run":
        tensors = part_of(tensors, "average.")
    try:
        model = build_model(**info["config"])
        model.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{path} holds a model that this version of pixeledu cannot build: {reason}"
        ) from error
    return model.to(device).eval()


def read_info(path: str | Path) -> dict:
    """Read what a checkpoint says about itself, without its weights.

    Args:
        path: a file of `save_checkpoint` or `fit`, or the folder of a run: its best model.
    Returns:
        A dict with "config" (the arguments of `build_model`) and all that was saved beside it.
    Raises:
        ValueError: the file is damaged or is not a checkpoint of this package.
        FileNotFoundError: there is no such file.
    """
    return _read(file_of(path), with_tensors=False)[1]


def file_of(path: str | Path) -> Path:
    """Return the checkpoint that a path names: the file itself, or the best one of a run's folder.

    Raises:
        FileNotFoundError: there is none.
    """
    path = Path(path)
    file = path / BEST if path.is_dir() else path
    if file.is_file():
        return file
    if (path / LAST).is_file():
        raise FileNotFoundError(f"{path} has no {BEST} yet: the first epoch has not finished")
    raise FileNotFoundError(f"there is no checkpoint at {file}; `fit` and `train` write one")


def config_of(model: nn.Module) -> dict:
    """Return the config a model can be rebuilt from.

    Raises:
        ValueError: the model has none.
    """
    config = getattr(model, "config", None)
    if not isinstance(config, dict):
        raise ValueError(
            f"model must have a dict `config` that rebuilds it to be saved, "
            f"and {type(model).__name__} has none; keep its state_dict() yourself"
        )
    return config


def checked_info(info: dict, taken: Iterable[str]) -> dict:
    """Return `info` if JSON can hold it and none of its names is taken.

    Raises:
        ValueError: it cannot, or one is.
    """
    try:
        json.dumps(info, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"info must hold what JSON can hold: {error}") from error
    if not info.keys().isdisjoint(taken):
        raise ValueError(
            f"info must use names of its own, got {', '.join(info)}; taken are {', '.join(taken)}"
        )
    return info


def refuse_broken_weights(model: nn.Module, consequence: str) -> None:
    """Raise FloatingPointError if a weight of the model is infinite or not a number."""
    for name, weight in model.named_parameters():
        if not weight.isfinite().all():
            raise FloatingPointError(f"the weights {name} hold NaN or infinity, so {consequence}")


def write_tensors(path: str | Path, tensors: dict[str, Tensor], info: dict) -> None:
    """Write named tensors and a dict of JSON-able facts into one safetensors file, atomically.

    Raises:
        OSError: the file cannot be written; what was there before is kept.
    """
    write_atomically(path, packed(tensors, info))


def packed(tensors: dict[str, Tensor], info: dict) -> bytes:
    """Return the content of a safetensors file with named tensors and a dict of JSON-able facts."""
    text = json.dumps(info, allow_nan=False)
    # Each tensor a copy of its own: safetensors takes no shared and no strided memory.
    tensors = {
        name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()
    }
    # One entry only: safetensors writes several in an order that changes from run to run.
    header = json.dumps({"sha256": _checksum(tensors, text), **info})
    return save(tensors, {"pixeledu": header})


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """Read a file of `write_tensors`: the tensors, and the facts beside them.

    Raises:
        ValueError: the file is damaged or is not one of this package.
    """
    return _read(Path(path), with_tensors=True)


def part_of(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _read(path: Path, with_tensors: bool) -> tuple[dict[str, Tensor], dict]:
    # In one go: another process may replace the file at any moment, and `safe_open` opens it twice.
    return unpacked(path.read_bytes(), path, with_tensors)


def unpacked(content: bytes, path: Path | str, with_tensors: bool = True) -> tuple[dict, dict]:
    """Return the tensors and the facts of `packed`; `path` is what an error calls the content.

    Raises:
        ValueError: the content is damaged or was packed by another program.
    """
    try:
        tensors = load(content)
    except (SafetensorError, ValueError) as error:
        raise _damaged(path, f"it is not a whole safetensors file ({error})") from error
    header_size = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + header_size]).get("__metadata__", {})
    if "pixeledu" not in metadata:
        raise ValueError(f"{path} was not written by pixeledu, so no model can be built from it")
    try:
        info = json.loads(metadata["pixeledu"])
        checksum = info.pop("sha256")
    except (ValueError, KeyError) as error:
        raise _damaged(path, "its header cannot be read") from error
    if with_tensors and checksum != _checksum(tensors, json.dumps(info)):
        raise _damaged(path, "its content does not match its checksum")
    return tensors, info


def _damaged(path: Path | str, what: str) -> ValueError:
    return ValueError(
        f"{path} is damaged: {what}. Restore it from a copy, or delete it and train again"
    )


def _checksum(tensors: dict[str, Tensor], text: str) -> str:
    # safetensors notices a file that was cut off, but not bytes that changed on the way.
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
