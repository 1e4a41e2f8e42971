"""An image set on disk that need not fit into memory: how it is laid out, and how it is opened.

A folder with three files, which `pixeledu data prepare` writes:

* `images.npy`: all images, uint8, shape (N, C, H, W), as `numpy.load` reads it. The images of a
  split lie one after the other.
* `index.jsonl`: one line of JSON for each picture: its file, and its row or why it has none.
* `set.json`: the shape, the levels, and the first and last row of each split. It is written last.
"""

import errno
import io
import json
import mmap
import os
import sys
import weakref
from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

SET, IMAGES, INDEX = "set.json", "images.npy", "index.jsonl"
KIND = "pixeledu images 1"
SPLITS = ("train", "valid", "test")


def is_image_set(path: str | Path) -> bool:
    """Tell whether this is the folder of an image set."""
    return (Path(path) / SET).is_file()


def read_facts(path: str | Path) -> dict:
    """Read what an image set says of itself.

    Returns:
        A dict with "shape" (N, C, H, W), "levels", "splits" (for each its first row and the one
        after its last), "settings" and "unreadable" (how many pictures could not be read).
    Raises:
        ValueError: it is damaged, or of another kind.
    """
    file = Path(path) / SET
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        if facts["kind"] != KIND or not isinstance(facts["settings"], dict):
            raise ValueError(f"its kind is {facts['kind']!r}")
        count, channels, height, width = facts["shape"]
        bounds = [facts["splits"][split] for split in SPLITS]
        numbers = [
            *facts["shape"],
            facts["levels"],
            *(number for pair in bounds for number in pair),
        ]
        sound = all(type(number) is int for number in numbers) and (
            min(count, channels, height, width) >= 1
            and 2 <= facts["levels"] <= 256
            and all(0 <= first <= last <= count for first, last in bounds)
        )
        if not sound:
            raise ValueError("its numbers do not fit together")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file} is damaged or of another kind ({error}): delete {path} and prepare it again"
        ) from error
    return facts


def open_images(path: str | Path, split: str) -> tuple[Tensor, int]:
    """Open one split of an image set, without reading it.

    Args:
        path: the folder of the set.
        split: "train", "valid" or "test".
    Returns:
        A uint8 tensor (N, C, H, W) that lies on disk, and the number of levels. What is used of it
        is read when it is used; what is changed in it stays in memory and never reaches the file.
    Raises:
        ValueError: the set is damaged.
    """
    facts = read_facts(path)
    file, shape = Path(path) / IMAGES, tuple(facts["shape"])
    header = npy_header(shape)
    try:
        with open(file, "rb") as opened:
            whole = opened.read(len(header)) == header
            if not whole or file.stat().st_size != len(header) + prod(shape):
                raise ValueError(
                    f"{file} is damaged, it does not hold {shape}: delete {path} and prepare it "
                    f"again"
                )
            mapped = _mapped(opened.fileno())
            kept = os.dup(opened.fileno())
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}") from error
    images = torch.frombuffer(mapped, dtype=torch.uint8, offset=len(header)).view(shape)
    first, last = facts["splits"][split]
    return ImagesOnDisk.of(images[first:last], _Whole(file, kept, mapped)), facts["levels"]


class _Whole:
    """Sees that a file is still as long as it was when it was mapped."""

    def __init__(self, file: Path, descriptor: int, mapped: mmap.mmap):
        self.file, self.descriptor, self.size = file, descriptor, len(mapped)
        weakref.finalize(self, os.close, descriptor)

    def check(self) -> None:
        """Raise OSError if the file was cut short: what was mapped is no longer there."""
        if os.fstat(self.descriptor).st_size < self.size:
            raise OSError(
                errno.EIO,
                f"{self.file} was cut short while it was in use: restore it, or prepare the set "
                f"again; a training goes on from its last checkpoint",
            )


class ImagesOnDisk(Tensor):
    """Images that lie in a file. Before they are used, the file is checked to be still there.

    A process that reads what is no longer in a file ends at once, without a word (SIGBUS). What is
    computed from these images is a plain tensor, unless it is another view of the file.
    """

    whole: _Whole

    @staticmethod
    def of(images: Tensor, whole: _Whole) -> "ImagesOnDisk":
        """Return the same images, checked from now on."""
        images = Tensor.as_subclass(images, ImagesOnDisk)
        images.whole = whole
        return images

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), options=None):
        """Carry out any function of PyTorch on the images, if they are still there."""
        on_disk = [it for it in _flat((arguments, options or {})) if isinstance(it, cls)]
        for images in on_disk:
            images.whole.check()
        if function in _UNCHECKED and on_disk:
            arguments = (arguments[0].clone(), *arguments[1:])
        with torch._C.DisableTorchFunctionSubclass():
            result = function(*arguments, **options or {})
        return _still_on_disk(result, on_disk[0]) if on_disk else result

    def as_subclass(self, cls: type) -> Tensor:
        """Give a copy in memory, of another class."""
        return self.clone().as_subclass(cls)

    def __deepcopy__(self, memo: dict) -> Tensor:
        """Give a copy in memory."""
        return self.clone()

    def __reduce_ex__(self, protocol: int):
        """Give other processes the images themselves, in memory."""
        return self.clone().__reduce_ex__(protocol)


# What these give reads the file whenever it likes, with no one there to check it: NumPy arrays and
# their kind. They are given a copy in memory.
_UNCHECKED = (Tensor.numpy, Tensor.__array__, Tensor.__dlpack__)


def _flat(values) -> Iterator:
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, tuple | list | dict):
            yield from _flat(value)
        else:
            yield value


def _still_on_disk(result, images: ImagesOnDisk):
    """Return a result of a function; as images on disk if it is a view of these."""
    if isinstance(result, tuple | list):
        return type(result)(_still_on_disk(part, images) for part in result)
    if not isinstance(result, Tensor):
        return result
    with torch._C.DisableTorchFunctionSubclass():
        shared = (
            result.device.type == "cpu"
            and result.untyped_storage().data_ptr() == images.untyped_storage().data_ptr()
        )
        plain = Tensor.as_subclass(result, Tensor)
    return ImagesOnDisk.of(plain, images.whole) if shared else plain


def _mapped(descriptor: int) -> mmap.mmap:
    """Map a whole file: its pages are read on demand, and copied when they are written to."""
    if sys.platform != "linux":
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)
    # The same, but Linux shall not set memory aside for copies of all pages (MAP_NORESERVE): it
    # refuses to, where a set is larger than the memory.
    return mmap.mmap(
        descriptor, 0, flags=mmap.MAP_PRIVATE | 0x4000, prot=mmap.PROT_READ | mmap.PROT_WRITE
    )


def npy_header(shape: tuple[int, ...]) -> bytes:
    """Return what stands before the bytes of an array in a .npy file; the same length for all N."""
    file = io.BytesIO()
    about = {"descr": "|u1", "fortran_order": False, "shape": tuple(shape)}
    np.lib.format.write_array_header_1_0(file, about)
    return file.getvalue()
