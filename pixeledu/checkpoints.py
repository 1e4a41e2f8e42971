"""A model in a file: safetensors, with what rebuilds it as JSON in the header; never a pickle."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from pixeledu.devices import usable_device
from pixeledu.files import checked_path
from pixeledu.models import AutoregressiveModel
from pixeledu.registry import build_model
from pixeledu.tensor_files import (
    DTYPES,
    Announced,
    announced_of,
    count_of,
    part_of,
    read_facts,
    read_tensors,
    write_tensors,
)

BEST, LAST = "best.safetensors", "last.safetensors"
COMPILED = "_orig_mod."  # what torch.compile puts into the names of the weights


def save_checkpoint(path: str | Path, model: nn.Module, **info) -> None:
    """Write a model to a file, whole or not at all.

    Args:
        path: the file to write, best with the ending .safetensors; it is replaced whole.
        model: a model with a `config` that `build_model` can rebuild it from, compiled or not.
        info: facts to keep beside the weights, anything JSON can hold; see `read_info`.
    Raises:
        ValueError: the model has no `config`, or its weights are not all of one type, or `info` is
            not JSON-able or uses a taken name.
        FloatingPointError: a weight is infinite or not a number.
        OSError: the file cannot be written (a full disk, say); what was there before is kept.

    Example:
        >>> save_checkpoint("digits.safetensors", model, data="digits")
        >>> model = load_checkpoint("digits.safetensors")
    """
    checked_path("path", path)
    config = config_of(model)
    refuse_mixed_types(model)
    refuse_broken_weights(model, f"{path} was not written")
    info = checked_info(info, taken=("kind", "config", "sha256"))
    info |= {"kind": "model", "config": config}
    write_tensors(path, weights_of(model), info)


def load_checkpoint(path: str | Path, device: str | torch.device = "cpu") -> nn.Module:
    """Rebuild a model from its file, ready to be used.

    Args:
        path: a file of `save_checkpoint` or `fit`, or the folder of a run: its best model.
        device: where the model shall live.
    Returns:
        The model in evaluation mode, its weights of the type they were saved in. From a
        `last.safetensors` it has the averaged weights.
    Raises:
        ValueError: the file is damaged, or is not a checkpoint of a model known here.
        FileNotFoundError: there is no such file.
    """
    device = usable_device(device)
    path, model = file_of(path), None

    def build(announced: dict[str, Announced], info: dict) -> None:
        nonlocal model
        model = _model_for(_weights_in(announced, info), info, path)

    tensors, info = read_tensors(path, build)
    model.load_state_dict(_weights_in(tensors, info))
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
    return read_facts(file_of(path))


def file_of(path: str | Path) -> Path:
    """Return the checkpoint that a path names: the file itself, or the best one of a run's folder.

    Raises:
        FileNotFoundError: there is none.
    """
    path = checked_path("path", path)
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
    if not isinstance(config, dict) or not isinstance(model, nn.Module):
        raise ValueError(
            f"model must have a dict `config` that rebuilds it to be saved, "
            f"and {type(model).__name__} has none; keep its state_dict() yourself"
        )
    return config


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Return the `state_dict` of a model under the names it has when nothing in it is compiled."""
    return {plain_name(name): tensor for name, tensor in model.state_dict().items()}


def give_weights(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Copy what `weights_of` gave into a model, of which other parts may be compiled.

    Raises:
        RuntimeError: a weight is missing, or one is too many, or of another shape.
    """
    names = {plain_name(name): name for name in model.state_dict()}
    model.load_state_dict({names.get(name, name): tensor for name, tensor in weights.items()})


def plain_name(name: str) -> str:
    """Return the name of a weight without what torch.compile has put into it."""
    return name.replace(COMPILED, "")


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


def refuse_mixed_types(model: nn.Module) -> None:
    """Raise ValueError unless all weights are of one type that `load_checkpoint` can give a model."""
    dtypes = {weight.dtype for weight in model.parameters()}
    if len(dtypes) > 1 or not dtypes <= set(DTYPES.values()):
        came = ", ".join(sorted(map(str, dtypes)))
        raise ValueError(f"model must have weights of one floating type to be saved, got {came}")


def refuse_broken_weights(model: nn.Module, consequence: str) -> None:
    """Raise FloatingPointError if a weight of the model is infinite or not a number."""
    for name, weight in model.named_parameters():
        if not weight.isfinite().all():
            raise FloatingPointError(f"the weights {name} hold NaN or infinity, so {consequence}")


def refuse_giant(config: dict, numbers: int) -> None:
    """Refuse a config whose model has more weights than there are numbers for, before it is built.

    Args:
        config: the arguments of `build_model`, as a file holds them.
        numbers: how many weights the file can hold at most.
    Raises:
        ValueError: the model is larger than that, or the config is none.
    """
    if not isinstance(config, dict):
        raise ValueError(f"config must be a dict, got {type(config).__name__}")
    # As long as each of these is a side of some matrix; a block has a square of h or of the colours,
    # and what enlarges a guide has one for each pixel of a square.
    sizes = {n: v for n, v in config.items() if type(v) is int and n != "levels"}
    side, blocks = max(sizes.get("hidden", 0), sizes.get("channels", 0)), sizes.get("layers", 0)
    squares = max(blocks + 1, sizes.get("guide", 0) ** 2)
    if max(sizes.values(), default=0) > numbers or squares * side**2 > numbers:
        raise ValueError(f"{numbers} numbers are too few for {config}")


def _weights_in(named: dict, info: dict) -> dict:
    """Return what a file holds of the model itself, under plain names."""
    named = part_of(named, "average.") if info.get("kind") == "run" else named
    return {plain_name(name): entry for name, entry in named.items()}


def _model_for(announced: dict[str, Announced], info: dict, path: Path) -> AutoregressiveModel:
    """Build the model that a file announces, if the file has what such a model needs."""
    try:
        config = info["config"]
        refuse_giant(config, count_of(announced))
        blocks = {match[0] for name in announced if (match := re.match(r"blocks\.\d+\.", name))}
        if len(blocks) != config.get("layers", len(blocks)):
            raise ValueError(f"it has the weights of {len(blocks)} blocks for {config}")
        dtypes = {entry.dtype for entry in announced.values()}
        if len(dtypes) != 1 or not dtypes <= DTYPES.keys():
            raise ValueError(f"its weights are of the types {', '.join(sorted(dtypes))}")
        model = build_model(**config).to(DTYPES[dtypes.pop()])
        refuse_other_weights(announced, announced_of(model.state_dict()))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{path} holds a model that this version of pixeledu cannot build: {reason}"
        ) from error
    return model


def refuse_other_weights(theirs: dict[str, Announced], mine: dict[str, Announced]) -> None:
    """Refuse tensors that are not, one by one, those of a model: same names, types and shapes.

    Raises:
        ValueError: names some that differ.
    """
    different = sorted(name for name in theirs.keys() | mine if theirs.get(name) != mine.get(name))
    if different:
        name = different[0]
        raise ValueError(
            f"not all weights have their counterpart: {', '.join(different[:5])}"
            f"{' and others' if len(different) > 5 else ''}; {name} is "
            f"{_said(theirs.get(name))} there and {_said(mine.get(name))} here"
        )


def _said(entry: Announced | None) -> str:
    return "nowhere" if entry is None else f"{entry.dtype} {tuple(entry.shape)}"
