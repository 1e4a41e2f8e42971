"""A set of images to one file and back, the same bits: what a likelihood is worth in bytes.

An arithmetic coder writes a value of probability p with -log2 p bits. The probabilities come from the
step face of a model, which the decoder asks in the same order: before it reads a value it knows all
values before it, as the encoder did. A file is

    4 bytes   "PXC1"
    4 bytes   CRC-32 of all that follows, little endian
    4 bytes   length of the header
    header    JSON: which model wrote it, with which versions, how many images of which shape
    code      the bits of the arithmetic coder
"""

import hashlib
import json
import math
import platform
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from pixeledu import __version__
from pixeledu.arithmetic_coding import Decoder, Encoder
from pixeledu.checks import checked_images, checked_model, finite, wrong
from pixeledu.conditions import checked_labels
from pixeledu.fast.threads import at_most
from pixeledu.files import header_and_rest, with_header
from pixeledu.likelihood import class_nats
from pixeledu.models import AutoregressiveModel

TOGETHER = 64  # images coded side by side
# The frequencies of all levels add up to about as much: what a float32 tells apart.
PRECISION = 2**24
MOST_VALUES = 2**33  # in one file: more than anybody waits for
_MAGIC = b"PXC1"


def compress(model: AutoregressiveModel, images: Tensor, labels: Tensor | None = None) -> bytes:
    """Write images as few bytes as the model needs to tell them.

    Args:
        model: one of this package's models, without a guide.
        images: integers 0 … levels-1, shape (N, C, H, W).
        labels: class of each image, shape (N,), for a model that knows classes; left out, the class
            that the model finds the likeliest. They are part of the file.
    Returns:
        The content of a file for `decompress`.
    Raises:
        ValueError: the model cannot read the images, or has a guide, or the labels do not fit.
        FloatingPointError: the logits of the model hold NaN or infinity.
    Source: Witten, Neal and Cleary 1987, "Arithmetic coding for data compression".
    """
    _refuse_a_guide(model)
    images = checked_images(model, images).to("cpu", torch.uint8)
    if labels is not None:
        checked_labels(labels, model.classes, len(images))
    if model.classes is not None and labels is None:
        labels = class_nats(model, images).argmin(1) if len(images) else torch.zeros(0).long()
    encoder = Encoder()
    for start in range(0, len(images), TOGETHER):
        some = images[start : start + TOGETHER]
        theirs = None if labels is None else labels[start : start + TOGETHER].cpu()
        for label in () if theirs is None else theirs.tolist():
            encoder.write(label, label + 1, model.classes)
        walk = _walk(model, len(some), *images.shape[2:], theirs)
        for (row, column, colour), cumulative, put in walk:
            values = some[:, colour, row, column]
            for value, edges in zip(values.tolist(), cumulative, strict=True):
                encoder.write(edges[value], edges[value + 1], edges[-1])
            put(values)
    header = {**_facts(model), "shape": list(images.shape), "images": _sha256([images])}
    return with_header(_MAGIC, header, encoder.finish())


def decompress(model: AutoregressiveModel, data: bytes) -> Tensor:
    """Read the images of `compress` back.

    Args:
        model: the model that the file was written with.
        data: the content of the file.
    Returns:
        uint8 tensor of shape (N, C, H, W), the same bits that were written.
    Raises:
        ValueError: the file is damaged, was written by another model or with other versions, or
            this machine computes other probabilities than the one that wrote it.
    """
    _refuse_a_guide(model)
    header, code = _parts_of(data)
    for name, ours in _facts(model).items():
        if header.get(name) != ours:
            raise ValueError(
                f"the file was written with {name} {header.get(name)!r}, and here it is {ours!r}: "
                f"only the same can read it"
            )
    shape = _shape_of(header, model, len(code))
    try:
        images = _decoded(model, Decoder(code), shape)
    except EOFError:
        images = None
    if images is None or _sha256([images]) != header.get("images"):
        raise ValueError(
            "the file cannot be read on this machine: it computes other probabilities than the one "
            "that wrote it, or the file was changed since"
        )
    return images


def _decoded(model: AutoregressiveModel, decoder: Decoder, shape: list[int]) -> Tensor:
    """Read images of a shape (N, C, H, W), each value given those before it."""
    count, channels, height, width = shape
    parts = [torch.zeros(0, channels, height, width, dtype=torch.uint8)]
    for start in range(0, count, TOGETHER):
        n = min(TOGETHER, count - start)
        labels = None
        if model.classes is not None:
            labels = torch.tensor([decoder.read(range(model.classes + 1)) for _ in range(n)])
        images = torch.zeros(n, channels, height, width, dtype=torch.uint8)
        for (row, column, colour), cumulative, put in _walk(model, n, height, width, labels):
            values = torch.tensor([decoder.read(edges) for edges in cumulative])
            images[:, colour, row, column] = values
            put(values)
        parts.append(images)
    return torch.cat(parts)


@torch.inference_mode()
def _walk(
    model: AutoregressiveModel, n: int, height: int, width: int, labels: Tensor | None
) -> Iterator[tuple]:
    """Go through all values of n images: place, frequencies and a function that takes the values.

    Yields:
        (row, column, colour); for each image a list of levels + 1 whole numbers, where the stretch
        between two of them is as long as the level between them is probable; and the function.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        # With one thread sums are added in the same order, whatever the machine is busy with.
        with at_most(1):
            labels = labels if labels is None else labels.to(device)
            condition = model.condition(labels, None, n, height, width)
            steps = model.steps(n, width, condition)
            for row in range(height):
                steps.start_row()
                for place in range(width * model.channels):
                    column, colour = divmod(place, model.channels)
                    edges = _frequencies(steps.read(column, colour))

                    def put(values: Tensor, column=column, colour=colour) -> None:
                        steps.put(values.to(device).long(), column, colour)

                    yield (row, column, colour), edges, put
    finally:
        model.train(was_training)


def _frequencies(logits: Tensor) -> list[list[int]]:
    """Turn logits (n, levels) into whole numbers, summed up: n lists from 0 to about `PRECISION`."""
    logits = finite("model", logits.double().cpu())
    probabilities = torch.softmax(logits, dim=1).numpy()  # (n, levels)
    levels = probabilities.shape[1]
    # Every level keeps at least one part: what is improbable can be written too.
    parts = np.floor(probabilities * (PRECISION - levels)).astype(np.int64) + 1
    return np.pad(parts.cumsum(1), ((0, 0), (1, 0))).tolist()


def _facts(model: AutoregressiveModel) -> dict:
    """What the probabilities depend on."""
    return {
        "model": _sha256(model.state_dict().values(), json.dumps(model.config)),
        "pixeledu": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "machine": platform.machine(),
        "device": next(model.parameters()).device.type,
    }


def _sha256(tensors, text: str = "") -> str:
    """The first 16 digits of the SHA-256 of some tensors and a text."""
    digest = hashlib.sha256(text.encode())
    for tensor in tensors:
        whole = tensor.detach().cpu().contiguous()
        digest.update(f"{tuple(whole.shape)} {whole.dtype}".encode())
        digest.update(whole.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def _refuse_a_guide(model: AutoregressiveModel) -> None:
    if not hasattr(checked_model(model), "condition"):
        raise wrong("model", "be one of this package's models", model)
    if model.guide is not None:
        raise ValueError(
            "model must have no guide: whoever reads the file would need the smaller images first"
        )


def _parts_of(data: bytes) -> tuple[dict, bytes]:
    """The header and the code of a file, its checksum verified."""
    if not isinstance(data, bytes) or data[:4] != _MAGIC:
        raise ValueError("data is no file of `compress`")
    try:
        return header_and_rest(data)
    except ValueError as error:
        raise ValueError(f"the file is damaged: {error}") from error


def _shape_of(header: dict, model: AutoregressiveModel, code: int) -> list[int]:
    """The shape of the images in a file, if a code of so many bytes can hold them."""
    shape = header.get("shape")
    right = isinstance(shape, list) and len(shape) == 4 and all(type(n) is int for n in shape)
    if not right or min(shape) < 0 or shape[1] != model.channels or 0 in shape[2:]:
        raise ValueError(f"the file is damaged: its images have the shape {shape!r}")
    # Of at most P = PRECISION parts every other level keeps one, so even the surest value has at most
    # 1 - (levels - 1) / P of them. It costs -log2 of that, more than (levels - 1) / P bits: 1.44 times
    # as much, and the coder's rounding takes less than a fiftieth of it away.
    most = min(8 * code * PRECISION // (model.levels - 1), MOST_VALUES)
    if math.prod(shape) > most:
        raise ValueError(
            f"the file is damaged: it claims {math.prod(shape)} values, and its code of {code} bytes "
            f"holds {most} at most"
        )
    return shape
