"""A model as one small file for a web page, and back: half or quarter of the bytes, no masked weight.

    4 bytes   "PXE1"
    4 bytes   CRC-32 of all that follows, little endian as every number here
    4 bytes   length of the header
    header    JSON: "config" rebuilds the model, "dtype" says how weights are stored, "info" what else
    weights   those of the model's `state_dict`, in its order, without the ones a mask closes

A weight that multiplies is a matrix with one row for each output feature (of a transposed convolution
for each input feature): its first dimension, or as
many as a layer's `dimensions_of_rows` says (0: it is a vector). As "int8" a matrix is
the scale of each row (float32), then the rows as whole numbers from -127 to 127; everything else,
and everything as "float16", is float16. The reader in the page is `weights.js`.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pixeledu.checkpoints import checked_info, config_of, refuse_broken_weights, refuse_giant
from pixeledu.checks import checked_images, checked_model, wrong
from pixeledu.files import checked_path, header_and_rest, with_header, write_atomically
from pixeledu.layers import MaskedConv2d
from pixeledu.likelihood import nats
from pixeledu.registry import build_model

DTYPES = ("int8", "float16")
CHOICES = ("auto", *DTYPES)
_FINE = 64  # levels from which on neighbouring ones lie too close for weights of 8 bits
_MAGIC = b"PXE1"
_LONGEST_HEADER = 10_000  # bytes


def export_model(model: nn.Module, dtype: str = "auto", **info) -> bytes:
    """Pack a model into the few bytes that a web page can run it from.

    Args:
        model: one of this package's models.
        dtype: how weights are stored. "int8" takes a quarter of the bytes of a checkpoint,
            "float16" half. Either changes them a little: `load_export` gives the changed model.
            "auto" takes "int8", and "float16" for a model of 64 levels or more.
        info: facts to keep beside the weights, anything JSON can hold.
    Returns:
        The content of the file.
    Raises:
        ValueError: the type is unknown, `info` is not JSON-able, or a weight is too large.
        FloatingPointError: a weight is infinite or not a number.

    Example:
        >>> model = pixeledu.load_pretrained("digits-pixelcnn")
        >>> twin = load_export(export_model(model, size=[8, 8]))
    """
    if not isinstance(dtype, str) or dtype not in CHOICES:
        raise wrong("dtype", f"be one of {CHOICES}", dtype)
    config = config_of(model)
    if dtype == "auto":
        dtype = "int8" if model.levels < _FINE else "float16"
    refuse_broken_weights(model, "it was not exported")
    header = {"config": config, "dtype": dtype, "info": checked_info(info, taken=())}
    parts = []
    for name, weight, kept in _tensors(model):
        quantised = dtype == "int8" and kept.ndim == 2
        parts.append(_packed(weight, kept) if quantised else _halves(name, weight[kept]))
    weights = b"".join(parts)
    content = with_header(_MAGIC, header, weights)
    if (size := len(content) - len(weights) - 12) > _LONGEST_HEADER:
        raise ValueError(
            f"info must fit into {_LONGEST_HEADER} bytes with the rest of the header, "
            f"which are {size}"
        )
    return content


def save_export(path: str | Path, model: nn.Module, dtype: str = "auto", **info) -> int:
    """Write a model to a file for a web page, whole or not at all.

    Args:
        path: the file to write; it is replaced whole.
        model, dtype, info: as for `export_model`.
    Returns:
        The size of the file in bytes.
    Raises:
        ValueError, FloatingPointError: see `export_model`.
        OSError: the file cannot be written; what was there before is kept.
    """
    checked_path("path", path)
    content = export_model(model, dtype, **info)
    write_atomically(path, content)
    return len(content)


def load_export(source: str | Path | bytes) -> nn.Module:
    """Rebuild the model that a web page runs: the same weights, bit for bit.

    Args:
        source: a file of `save_export`, or the bytes of `export_model`.
    Returns:
        The model in evaluation mode, on the CPU, its masked weights 0.
    Raises:
        ValueError: the content is damaged, or is not an export of a model known here.
        FileNotFoundError: there is no such file.
    """
    header, weights = _parts_of(source)
    try:
        config, dtype = header["config"], header["dtype"]
        if dtype not in DTYPES:
            raise ValueError(f"dtype is {dtype!r}")
        _refuse_giant(config, len(weights))
        model = build_model(**config)
        _fill(model, dtype, weights)
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(source, f"its content makes no model ({error})") from error
    return model.eval()


def quantising_cost(
    model: nn.Module, source: str | Path | bytes, images: Tensor, labels: Tensor | None = None
) -> dict:
    """Measure how much worse an export predicts images than the model it was made of.

    Args:
        model: the model.
        source: its export.
        images: held-out images, integers 0 … levels-1, shape (B, C, H, W), at least one.
        labels: their classes, shape (B,), for a model that knows classes; see `nats`.
    Returns:
        "before" and "after", the mean nats of an image, "percent" by which they have grown, and the
        number of "images".
    Raises:
        ValueError: the export is damaged or that of another model, the images are not of the
            model's shape or range, or the labels do not fit.
    """
    if not len(checked_images(checked_model(model), images)):
        raise ValueError("images is empty: there is nothing to average, pass at least one image")
    header, weights = _parts_of(source)
    if header.get("dtype") in DTYPES:
        same = header.get("config") == config_of(model)
        if not same or _parts_of(export_model(model, header["dtype"]))[1] != weights:
            raise ValueError("source must be an export of this model, and its weights are others")
    before, after = (
        nats(its, images, labels).mean().item() for its in (model, load_export(source))
    )
    percent = 100 * (after - before) / before
    return {"before": before, "after": after, "percent": percent, "images": len(images)}


def read_export_info(source: str | Path | bytes) -> dict:
    """Read what an export says about itself.

    Args:
        source: a file of `save_export`, or the bytes of `export_model`.
    Returns:
        A dict with "config" (the arguments of `build_model`), "dtype" and all that was saved
        beside the weights.
    Raises:
        ValueError: the content is damaged.
        FileNotFoundError: there is no such file.
    """
    header, _ = _parts_of(source)
    try:
        return {**header["info"], "config": header["config"], "dtype": header["dtype"]}
    except (KeyError, TypeError) as error:
        raise _unreadable(source, "its header lacks a part") from error


def _refuse_giant(config: dict, size: int) -> None:
    """Refuse a config whose model has more weights than a file has bytes, before it is built."""
    refuse_giant(config, size)
    shallow = [build_model(**config | {"layers": layers}) for layers in (0, 1)]
    none, one = (sum(int(kept.sum()) for *_, kept in _tensors(model)) for model in shallow)
    if none + config["layers"] * (one - none) > size:
        raise ValueError(f"{size} bytes are too few for {config}")


def _tensors(model: nn.Module):
    """Yield name, weights and what the masks leave of them, as arrays, in the order of the file.

    A matrix comes with two dimensions, one row for each output feature; a vector with one.
    """
    masks = {
        f"{name}.weight": module.mask.cpu().numpy()
        for name, module in model.named_modules()
        if isinstance(module, MaskedConv2d)
    }
    of_rows = {
        f"{name}.{weight}": dimensions
        for name, module in model.named_modules()
        for weight, dimensions in getattr(module, "dimensions_of_rows", {}).items()
    }
    for name, tensor in model.state_dict().items():
        weight = tensor.detach().cpu().float().numpy()
        dimensions = of_rows.get(name, min(1, weight.ndim - 1))
        rows = int(np.prod(weight.shape[:dimensions]))
        shape = (rows, -1) if dimensions else (-1,)
        kept = masks.get(name, np.ones(weight.shape, bool))
        yield name, weight.reshape(shape), kept.reshape(shape)


def _packed(weight: np.ndarray, kept: np.ndarray) -> bytes:
    """A matrix in eight bits: the scale of each row, then its whole numbers."""
    largest = np.abs(np.where(kept, weight, 0)).max(1)  # (rows,)
    # Rounded up to 16 bits, so that a whole number times its scale is a float32 without rounding.
    bits = (largest / np.float32(127)).astype("<f4").view("<u4")
    scales = ((bits + np.uint32(255)) & ~np.uint32(255)).view("<f4")
    steps = weight / np.where(scales > 0, scales, np.float32(1))[:, None]
    return scales.tobytes() + np.rint(steps[kept]).astype(np.int8).tobytes()


def _halves(name: str, values: np.ndarray) -> bytes:
    with np.errstate(over="ignore"):
        halves = values.astype("<f2")
    if not np.isfinite(halves).all():
        raise ValueError(f"the weights {name} are too large for 16 bits: the model has come apart")
    return halves.tobytes()


def _fill(model: nn.Module, dtype: str, content: bytes) -> None:
    """Overwrite the weights of a model with those of a file."""
    state, at = model.state_dict(), 0

    def take(kind: str, count: int) -> np.ndarray:
        nonlocal at
        values = np.frombuffer(content, kind, count, at)  # a ValueError if there are too few
        at += values.nbytes
        return values.astype(np.float32)

    for name, weight, kept in _tensors(model):
        restored = np.zeros_like(weight)
        if dtype == "int8" and kept.ndim == 2:
            scales = take("<f4", len(kept))
            restored[kept] = take("i1", kept.sum())
            with np.errstate(all="ignore"):  # what is not finite is found below
                restored *= scales[:, None]
        else:
            restored[kept] = take("<f2", kept.sum())
        if not np.isfinite(restored).all():
            raise ValueError(f"the weights {name} hold a number that is not finite")
        state[name].copy_(torch.from_numpy(restored).view_as(state[name]))
    if at != len(content):
        raise ValueError(f"{len(content) - at} bytes are left over")


def _parts_of(source: str | Path | bytes) -> tuple[dict, bytes]:
    """The header and the weights of an export, its checksum verified."""
    content = source if isinstance(source, bytes) else checked_path("source", source).read_bytes()
    if content[:4] != _MAGIC:
        raise _unreadable(source, "it is no export of pixeledu")
    try:
        return header_and_rest(content)
    except ValueError as error:
        raise _unreadable(source, str(error)) from error


def _unreadable(source: str | Path | bytes, what: str) -> ValueError:
    name = "the export" if isinstance(source, bytes) else str(source)
    return ValueError(f"{name} is damaged: {what}. Export the model again")
