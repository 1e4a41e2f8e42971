"""Named tensors and JSON-able facts in one safetensors file, of which nothing is believed unchecked.

The facts and a checksum over everything stand as one JSON text in the file's header. The header is
read first, and whoever opens a file can refuse what it announces before any of it is loaded.
"""

import contextlib
import errno
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import BinaryIO, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from pixeledu.files import write_atomically

LONGEST_HEADER = 10**8  # bytes; safetensors takes no longer one either
DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


class Announced(NamedTuple):
    """What a header says of one tensor."""

    dtype: str  # in safetensors' words, such as F32
    shape: tuple[int, ...]


# Looks at what a header announces, and raises ValueError if that is not what is wanted.
Check = Callable[[dict[str, Announced], dict], None]


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


def read_tensors(path: str | Path, check: Check | None = None) -> tuple[dict[str, Tensor], dict]:
    """Read a file of `write_tensors`: the tensors, and the facts beside them.

    Args:
        path: the file.
        check: is shown what the header announces, before a tensor is read.
    Raises:
        ValueError: the file is damaged, is not one of this package, or `check` refuses it.
        OSError: it cannot be read.
    """
    with _opened(path) as file:
        return _read(file, path, check)


def read_facts(path: str | Path) -> dict:
    """Read the facts of a file of `write_tensors` without its tensors.

    Raises:
        ValueError, OSError: as for `read_tensors`.
    """
    with _opened(path) as file:
        return _read_header(file, path)[1]


def unpacked(content: bytes, name: str) -> tuple[dict[str, Tensor], dict]:
    """Return the tensors and the facts of `packed`; `name` is what an error calls the content.

    Raises:
        ValueError: the content is damaged or was packed by another program.
    """
    return _read(io.BytesIO(content), name, None)


def part_of(tensors: dict, prefix: str) -> dict:
    """Return the entries whose names begin with `prefix`, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file, and name it in every error of reading it."""
    try:
        # Opened once: another process may replace the file at any moment.
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError:
        raise
    except OSError as error:
        raise OSError(
            error.errno,
            f"{path} cannot be read: {os.strerror(error.errno or errno.EIO)}. If something else "
            f"lies in the place of a checkpoint, move it away",
        ) from error


def _read(file: BinaryIO, path: str | Path, check: Check | None) -> tuple[dict[str, Tensor], dict]:
    announced, info, checksum = _read_header(file, path)
    if check is not None:
        check(announced, info)
    file.seek(0)
    try:
        tensors = load(file.read())
    except (SafetensorError, ValueError) as error:
        raise damaged(path, f"it is not a whole safetensors file ({error})") from error
    if checksum != _checksum(tensors, json.dumps(info)):
        raise damaged(path, "its content does not match its checksum")
    return tensors, info


def _read_header(file: BinaryIO, path: str | Path) -> tuple[dict[str, Announced], dict, str]:
    """Read what a file announces, and see that it is as long as it has to be."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, LONGEST_HEADER):
        raise damaged(path, "it is not a whole safetensors file")
    header = _json_object(file.read(length), path)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or "pixeledu" not in metadata:
        raise ValueError(f"{path} was not written by pixeledu, so no model can be built from it")
    info = _json_object(metadata["pixeledu"], path)
    checksum = info.pop("sha256", None)
    try:
        announced = {
            name: Announced(entry["dtype"], tuple(entry["shape"])) for name, entry in header.items()
        }
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        whole = 8 + length + end == size
        numbers = [number for entry in announced.values() for number in entry.shape]
    except (TypeError, KeyError, IndexError) as error:
        raise damaged(path, "its header cannot be read") from error
    if not whole or any(type(number) is not int or number < 0 for number in numbers):
        raise damaged(path, "it is not a whole safetensors file")
    return announced, info, checksum


def _json_object(text: bytes | str, path: str | Path) -> dict:
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise damaged(path, "its header cannot be read") from error
    if not isinstance(value, dict):
        raise damaged(path, "its header cannot be read")
    return value


def damaged(path: str | Path, what: str) -> ValueError:
    """Return the error that says that a file cannot be used."""
    return ValueError(
        f"{path} is damaged or no checkpoint: {what}. Name another file, or restore this one from "
        f"a copy"
    )


def count_of(announced: dict[str, Announced]) -> int:
    """Return how many numbers all these tensors hold."""
    return sum(prod(entry.shape) for entry in announced.values())


def announced_of(tensors: dict[str, Tensor]) -> dict[str, Announced]:
    """Return what the header of a file with these tensors would announce."""
    names = {dtype: name for name, dtype in DTYPES.items()}
    return {
        name: Announced(names.get(tensor.dtype, str(tensor.dtype)), tuple(tensor.shape))
        for name, tensor in tensors.items()
    }


def _checksum(tensors: dict[str, Tensor], text: str) -> str:
    # safetensors notices a file that was cut off, but not bytes that changed on the way.
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
