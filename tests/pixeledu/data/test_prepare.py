"""A folder of pictures becomes an image set: each in its place, nothing lost, none read whole."""

import io
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from hashlib import sha256
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from process_groups import command_line, context, together

from pixeledu import PixelCNN, cli, fit, load_images
from pixeledu.checkpoints import save_checkpoint
from pixeledu.cli.parser import parser
from pixeledu.data import SPLITS, picture_files
from pixeledu.data import prepare as module
from pixeledu.data.image_set import IMAGES, INDEX, KIND, SET, npy_header
from pixeledu.data.picture_files import read_picture
from pixeledu.data.prepare import prepare_images, unreadable
from pixeledu.files import LOCK, only_user_of


def picture(seed, height=12, width=9, mode="RGB"):
    shape = (height, width) if mode == "L" else (height, width, len(mode))
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return Image.fromarray(values, mode=None)


def fill(folder, count, some=None, **size):
    """Write pictures into a folder and into folders in it; return their paths there.

    Only some of the pictures are written; the others are links to these.
    """
    names = [f"{'abc'[i % 3]}/{i}.png" if i % 2 else f"{i}.PNG" for i in range(count)]
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if some is None or i < some:
            picture(i, **size).save(folder / name, format="png")
        else:
            os.link(folder / names[i % some], folder / name)
    return names


def content_of(folder):
    """The files of a folder, but for the one by which a process holds it."""
    files = [path for path in folder.iterdir() if path.name != LOCK]
    return {path.name: path.read_bytes() for path in files}


def rows_of(out):
    """The row of each picture in the index."""
    lines = map(json.loads, (out / INDEX).read_text().splitlines()[1:])
    return {line["file"]: line.get("row") for line in lines}


def slow_image(path, height, width, channels):
    """The middle of a picture, scaled by averaging pixels: written out, pixel by pixel."""
    values = np.asarray(Image.open(path).convert("RGB" if channels == 3 else "L"), dtype=float)
    values = values.reshape(*values.shape[:2], channels)
    scale = min(values.shape[0] / height, values.shape[1] / width)

    def covered(place, count, length):
        """The pixels whose centres lie in the place-th of count equal parts of the middle."""
        centre = (length - count * scale) / 2 + (place + 0.5) * scale
        half = max(scale, 1) / 2  # one pixel at least
        return [i for i in range(length) if -half < i + 0.5 - centre <= half]

    image = np.zeros((channels, height, width))
    for row in range(height):
        for column in range(width):
            ys, xs = covered(row, height, len(values)), covered(column, width, len(values[0]))
            image[:, row, column] = values[np.ix_(ys, xs)].mean((0, 1))
    return image


# --- What becomes of a picture


@settings(max_examples=25)
@given(
    picture_size=st.tuples(st.integers(1, 13), st.integers(1, 13)),
    size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    channels=st.sampled_from([1, 3]),
    levels=st.sampled_from([2, 5, 256]),
)
def test_an_image_is_the_middle_of_its_picture_averaged(
    tmp_path_factory, picture_size, size, channels, levels
):
    folder, out = tmp_path_factory.mktemp("pictures"), tmp_path_factory.mktemp("set")
    names = fill(folder, 3, height=picture_size[0], width=picture_size[1])
    prepare_images(folder, out, size=size, channels=channels, levels=levels)
    rows = rows_of(out)
    images = np.load(out / IMAGES)
    assert images.shape == (3, channels, *size)
    for name in names:
        expected = slow_image(folder / name, *size, channels)
        # Rounded to whole numbers once for the rows and once for the columns.
        low, high = (np.floor((expected + off) * levels / 256) for off in (-1, 1))
        assert ((low <= images[rows[name]]) & (images[rows[name]] <= high)).all()


def only_image_of(tmp_path, picture, name="x.png", **options):
    """The image that a picture becomes, beside others, and without scaling."""
    folder, out = tmp_path / "pictures", tmp_path / "set"
    fill(folder, 2)
    picture.save(folder / name, **options)
    size = (max(picture.size), min(picture.size))
    assert prepare_images(folder, out, size=size)["unreadable"] == 0
    return np.load(out / IMAGES)[rows_of(out)[name]].transpose(1, 2, 0)


@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.tif", "x.webp"])
def test_what_a_camera_wrote_sideways_stands_upright(tmp_path, name):
    sideways = Image.Exif()
    sideways[274] = 6  # to be turned by 90 degrees
    upright = Image.fromarray(np.arange(240, dtype=np.uint8).reshape(20, 12)).convert("RGB")
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    image = only_image_of(tmp_path, turned, name, exif=sideways, quality=100)
    assert np.abs(image.astype(int) - np.asarray(upright)).max() < 20


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "LA", "RGBA"])
def test_a_picture_looks_the_same_however_its_colours_are_stored(tmp_path, mode):
    stored = picture(5).convert(mode)
    name, options = "x.tif" if mode in ("CMYK", "YCbCr") else "x.png", {}
    if mode == "YCbCr":  # Pillow 10 cannot read back what it writes uncompressed
        options = {"compression": "tiff_lzw"}
    image = only_image_of(tmp_path, stored, name, **options).astype(int)
    # libtiff rounds the conversion in its own way.
    assert np.abs(image - np.asarray(stored.convert("RGB"))).max() <= (mode == "YCbCr")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "transparent colour"])
def test_what_is_transparent_is_white(tmp_path, mode):
    clear, options = Image.new("RGBA", (9, 12)), {}
    clear.putpixel((2, 3), (0, 0, 0, 255))
    if mode == "transparent colour":
        clear, options = Image.new("RGB", (9, 12), "red"), {"transparency": (255, 0, 0)}
        clear.putpixel((2, 3), (0, 0, 0))
    else:
        clear = clear.quantize(2) if mode == "P" else clear.convert(mode)
    expected = np.full((12, 9, 3), 255)
    expected[3, 2] = 0
    np.testing.assert_array_equal(only_image_of(tmp_path, clear, **options), expected)


@pytest.mark.parametrize("name", ["x.gif", "x.png", "x.webp", "x.tif"])
def test_of_moving_pictures_the_first_one_counts(tmp_path, name):
    frames = [Image.new("RGB", (9, 12), colour) for colour in ("red", "lime", "blue")]
    options = {"save_all": True, "append_images": frames[1:]}
    if name == "x.webp":
        options["lossless"] = True
    image = only_image_of(tmp_path, frames[0], name, **options)
    np.testing.assert_array_equal(image, frames[0])


@settings(max_examples=30)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"]),
    changes=st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=4),
    length=st.integers(0, 400),
)
def test_no_damage_to_a_picture_can_stop_the_work(tmp_path_factory, kind, changes, length):
    path = tmp_path_factory.mktemp("damaged") / "x.png"
    file = io.BytesIO()
    picture(1).save(file, format=kind)
    content = bytearray(file.getvalue())
    for place, value in changes:
        content[place % len(content)] = value
    path.write_bytes(content[:length])
    with warnings.catch_warnings(action="ignore"):
        image = read_picture(path, (3, 4, 5), 256)
    assert image if isinstance(image, str) else image.shape == (3, 4, 5)


# --- Which picture goes where


@settings(max_examples=15)
@given(count=st.integers(3, 45))
def test_each_picture_is_in_one_split_and_its_path_alone_decides(tmp_path_factory, count):
    folder, out = tmp_path_factory.mktemp("pictures"), tmp_path_factory.mktemp("set")
    names = fill(folder, count, height=2, width=2)
    prepare_images(folder, out, size=(2, 2))
    rows = rows_of(out)
    assert sorted(rows.values()) == list(range(count))
    order = sorted(names, key=lambda name: sha256(name.encode()).digest())
    tenth = max(1, count // 10)
    expected = (order[2 * tenth :], order[tenth : 2 * tenth], order[:tenth])
    for split, members in zip(SPLITS, expected, strict=True):
        loaded = load_images(out, split)
        assert len(loaded) == len(members)
        for image, name in zip(loaded.images, members, strict=True):
            pixels = np.asarray(Image.open(folder / name)).transpose(2, 0, 1)
            assert torch.equal(image, torch.tensor(pixels))


BOMB = b"\x89PNG\r\n\x1a\n" + bytes.fromhex(
    "0000000d49484452" + "000186a0000186a0" + "0802000000" + "c86b8dcc" + "0000000049444154"
)  # says that it has 100,000 × 100,000 pixels


def test_what_cannot_be_read_is_named_and_nothing_else_is_lost(tmp_path, capsys):
    folder, out = tmp_path / "pictures", tmp_path / "set"
    names = [*fill(folder, 30), "line\nbreak.png", "byte\udcff.png"]
    for name in names[-2:]:
        picture(len(name)).save(folder / name)
    whole = (folder / names[0]).read_bytes()
    bad = {
        "text.jpg": b"no picture",
        "empty.png": b"",
        "cut.png": whole[: len(whole) // 2],
        "changed.png": whole[:60] + bytes(20) + whole[80:],
        "program.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/tmp/x) (w) file\n",
        "bomb.png": BOMB,
    }
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    Image.fromarray(np.full((5, 5), 700, dtype=np.uint16)).save(folder / "deep.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "dangling.png").symlink_to("nowhere")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "folder").symlink_to(".")
    (folder / "notes.txt").write_text("no picture, and not called one")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "folder.png").mkdir()
    bad = {*bad, "deep.png", "pipe.png", "dangling.png", "loop.png"}

    assert cli.main(["data", "prepare", str(folder), "--out", str(out), "--size", "3x3"]) == 0
    said, errors = capsys.readouterr()
    assert errors == ""
    assert f"unreadable: {len(bad)} pictures\n" in said
    assert all(f"  '{name}': " in said for name in bad)
    assert "'deep.png': it has more than 8 bits a colour" in said
    assert "'program.png': it is no picture, or not one that can be read here" in said
    assert {line["file"] for line in unreadable(out)} == bad
    rows = rows_of(out)
    assert {name for name, row in rows.items() if row is not None} == set(names)
    images = np.load(out / IMAGES)
    for name in names:
        expected = slow_image(folder / name, 3, 3, 3)
        assert np.abs(images[rows[name]] - expected).max() <= 1


def test_what_does_not_fit_into_memory_is_read_again_alone_and_then_named(tmp_path, monkeypatch):
    names, tries = fill(tmp_path / "pictures", 30), []

    def crowded(self):
        name = Path(self.filename).name
        tries.append(name)
        if name == "8.PNG" or (name == "4.PNG" and tries.count(name) < 2):
            raise MemoryError
        return original(self)

    original = PngImageFile.load
    monkeypatch.setattr(PngImageFile, "load", crowded)
    prepare_images(tmp_path / "pictures", tmp_path / "set", size=(4, 4))
    bad = [{"file": "8.PNG", "unreadable": "it does not fit into memory"}]
    assert list(unreadable(tmp_path / "set")) == bad
    assert len(rows_of(tmp_path / "set")) == len(names)


def test_of_large_pictures_one_at_a_time_is_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_files, "LARGE", 12 * 9 - 1)
    fill(tmp_path / "pictures", 30)
    inside = []

    def counting(self):
        inside.append(1)
        time.sleep(0.001)
        assert len(inside) == 1
        inside.pop()
        return original(self)

    original = PngImageFile.load
    monkeypatch.setattr(PngImageFile, "load", counting)
    assert prepare_images(tmp_path / "pictures", tmp_path / "set", size=(4, 4))["unreadable"] == 0


def test_too_few_pictures_are_refused(tmp_path):
    folder, out = tmp_path / "pictures", tmp_path / "set"
    with pytest.raises(ValueError, match="pictures must be a folder of pictures: there is none"):
        prepare_images(folder, out, size=(4, 4))
    folder.mkdir()
    with pytest.raises(ValueError, match=r"must hold at least 3 pictures, got 0; a picture ends"):
        prepare_images(folder, out, size=(4, 4))
    assert not out.exists()
    for name in ("a.png", "b.png", "c.png"):
        (folder / name).write_bytes(b"no picture")
    for _ in range(2):
        with pytest.raises(
            ValueError, match=r"too few .*: 0 for testing, 0 for val.*Delete .*/set"
        ):
            prepare_images(folder, out, size=(4, 4))
        with pytest.raises(ValueError, match="is a folder, but no finished image set"):
            load_images(out)


def test_a_folder_that_cannot_be_searched_is_not_left_out(tmp_path, monkeypatch):
    fill(tmp_path / "pictures", 9)
    scandir = os.scandir

    def locked(path):
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(PermissionError, match=r"Permission denied: .*pictures/b"):
        prepare_images(tmp_path / "pictures", tmp_path / "set", size=(4, 4))


def test_without_pillow_it_says_what_to_install_and_writes_nothing(tmp_path, monkeypatch):
    fill(tmp_path / "pictures", 3)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ValueError, match=r"needs pillow.*pip install pillow"):
        prepare_images(tmp_path / "pictures", tmp_path / "set", size=(4, 4))
    assert not (tmp_path / "set").exists()


# --- Stopped and resumed


class _Stop(Exception):
    """Stands for whatever may stop a process."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with pictures, some of which cannot be read, and their set, made in one go."""
    folder = tmp_path_factory.mktemp("whole")
    for number, name in enumerate(fill(folder / "pictures", 40, height=5, width=5)):
        if number % 9 == 4:
            (folder / "pictures" / name).write_bytes(b"no picture")
    prepare_images(folder / "pictures", folder / "set", size=(4, 4))
    return folder


@settings(max_examples=20)
@given(
    stops=st.lists(st.integers(1, 9), max_size=3),
    after=st.booleans(),
    torn=st.integers(0, 60),
    chunk=st.integers(1, 9),
)
def test_stopped_at_any_moment_the_same_call_ends_with_the_same_bytes(
    tmp_path_factory, whole, stops, after, torn, chunk
):
    pictures, out = whole / "pictures", tmp_path_factory.mktemp("resumed") / "set"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        for count in stops:
            with pytest.MonkeyPatch.context() as stopping:
                stopping.setattr(module, "_write", stopped_write(count, after, torn))
                try:
                    prepare_images(pictures, out, size=(4, 4))
                except _Stop:
                    with pytest.raises(ValueError, match="is a folder, but no finished image set"):
                        load_images(out)
        read, original = [], module.read_picture
        patch.setattr(module, "read_picture", lambda *a, **k: read.append(a) or original(*a, **k))
        prepare_images(pictures, out, size=(4, 4))
    assert content_of(out) == content_of(whole / "set")
    assert len(read) <= 40
    if not stops:
        assert len(read) == 40


def stopped_write(count, after, torn):
    """Make a `_write` that stops at its n-th call: before it, after it, or in the middle."""
    calls, original = iter(range(1, 1000)), module._write

    def write(path, parts, **options):
        if next(calls) < count:
            return original(path, parts, **options)
        content = b"".join(parts)
        original(path, [content if after else content[:torn]], **options)
        raise _Stop

    return write


def prepare_until_killed(pictures, out, moment, count, torn):
    """Prepare in a process of its own that kills itself at its `count`-th picture or writing."""
    calls, originals = itertools.count(1), {name: getattr(module, name) for name in (READ, WRITE)}

    def read(*arguments, **options):
        if moment == READ and next(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return originals[READ](*arguments, **options)

    def write(path, parts, **options):
        if moment != WRITE or next(calls) < count:
            return originals[WRITE](path, parts, **options)
        content = b"".join(parts)
        originals[WRITE](path, [content[: int(torn * len(content))]], **options)
        os.kill(os.getpid(), signal.SIGKILL)

    module.read_picture, module._write = read, write
    prepare_images(pictures, out, size=(4, 4))


READ, WRITE = "read_picture", "_write"
# A chunk is 256 pictures and is written twice: its images, and its lines of the index.
KILLS = [
    (READ, 1, 0),
    (WRITE, 1, 0.5),
    (READ, 700, 0),
    (WRITE, 2, 0),
    (WRITE, 2, 0.9),
    (READ, 9, 0),
]
KILLS += [(WRITE, 1, 1), (WRITE, 3, 0.5), (WRITE, 2, 1)]


def test_killed_again_and_again_the_same_call_ends_with_the_same_bytes(tmp_path):
    pictures, out = tmp_path / "pictures", tmp_path / "set"
    names = fill(pictures, 1500, some=10)
    (pictures / names[4]).write_bytes(b"no picture")  # and all that are linked to it
    for kill in KILLS:
        process = context.Process(target=prepare_until_killed, args=(pictures, out, *kill))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it was over before it was killed"
        assert not (out / SET).exists()
    prepare_images(pictures, out, size=(4, 4))
    prepare_images(pictures, tmp_path / "whole", size=(4, 4))
    assert content_of(out) == content_of(tmp_path / "whole")


def test_what_killed_writers_have_left_is_cleared_away(tmp_path, whole):
    (tmp_path / "set").mkdir()
    for name in (IMAGES, INDEX, SET):
        (tmp_path / "set" / f".{name}.123.tmp").write_bytes(b"half")
    prepare_images(whole / "pictures", tmp_path / "set", size=(4, 4))
    assert content_of(tmp_path / "set") == content_of(whole / "set")


def test_a_second_call_reads_no_picture_again(whole, monkeypatch):
    monkeypatch.setattr(module, "read_picture", None)
    before = content_of(whole / "set")
    facts = prepare_images(whole / "pictures", whole / "set", size=(4, 4))
    assert facts["shape"][1:] == [3, 4, 4]
    assert content_of(whole / "set") == before


def test_two_at_a_time_never_write_the_same_set(tmp_path, whole):
    (tmp_path / "set").mkdir()
    preparing = pytest.raises(OSError, match="another process is preparing a set in")
    with only_user_of(tmp_path / "set", "preparing a set"), preparing:
        prepare_images(whole / "pictures", tmp_path / "set", size=(4, 4))
    prepare_images(whole / "pictures", tmp_path / "set", size=(4, 4))


def test_a_full_disk_is_said_and_the_work_goes_on_when_there_is_space(tmp_path, capsys):
    fill(tmp_path / "pictures", 12)
    words = ["data", "prepare", str(tmp_path / "pictures"), "--size", "12x9"]
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, old[1]))
    try:
        line = error_of(capsys, [*words, "--out", str(tmp_path / "set")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert "images.npy could not be written: File too large" in line
    assert "free some space" in line
    for name in ("set", "again"):
        assert cli.main([*words, "--out", str(tmp_path / name)]) == 0
    assert content_of(tmp_path / "set") == content_of(tmp_path / "again")


def test_ctrl_c_says_how_to_go_on(tmp_path, whole, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "read_picture", interrupted)
    words = ["data", "prepare", str(whole / "pictures"), "--out", str(tmp_path / "set")]
    assert cli.main(words) == 130
    said = "\npixeledu: stopped; the same command goes on where it was\n"
    assert capsys.readouterr() == ("", said)


# --- What is refused

CHANGED = {
    "size": {"size": (5, 4)},
    "channels": {"channels": 1},
    "levels": {"levels": 16},
    "other pictures": {},
}


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("name", CHANGED)
def test_a_set_made_in_another_way_is_not_overwritten(tmp_path, whole, name, finished):
    shutil.copytree(whole / "set", tmp_path / "set")
    if not finished:
        (tmp_path / "set" / SET).unlink()
    folder = whole / "pictures"
    if name == "other pictures":
        folder = tmp_path / "pictures"
        fill(folder, 3)
    before = content_of(tmp_path / "set")
    with pytest.raises(ValueError, match=f"holds another set, made with {name}"):
        prepare_images(folder, tmp_path / "set", **{"size": (4, 4), **CHANGED[name]})
    assert content_of(tmp_path / "set") == before


@pytest.mark.parametrize("name", [IMAGES, INDEX])
@pytest.mark.parametrize("content", [b"precious\n", b"precious", b"7\n", b'{"a": 1}\n', b""])
def test_files_that_belong_to_no_set_are_not_overwritten(tmp_path, whole, name, content):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"holds images\.npy but no index|is no index"):
        prepare_images(whole / "pictures", tmp_path / "set", size=(4, 4))
    assert content_of(tmp_path / "set") == {name: content}


@pytest.mark.parametrize("left", [None, 0, 300])
def test_images_that_are_gone_while_the_work_is_not_done_are_missed(tmp_path, whole, left):
    shutil.copytree(whole / "set", tmp_path / "set")
    (tmp_path / "set" / SET).unlink()
    images = tmp_path / "set" / IMAGES
    if left is None:
        images.unlink()
    else:
        os.truncate(images, left)
    with pytest.raises(ValueError, match=r"images\.npy is damaged: delete .*set and prepare"):
        prepare_images(whole / "pictures", tmp_path / "set", size=(4, 4))


@pytest.mark.parametrize("inside", [".", "set", "a/set"])
def test_a_set_lies_outside_the_folder_of_its_pictures(tmp_path, inside):
    fill(tmp_path / "pictures", 3)
    (tmp_path / "link").symlink_to("pictures")
    for folder in ("link", "pictures"):
        with pytest.raises(ValueError, match=r"^out must be outside the folder of pictures"):
            prepare_images(tmp_path / "pictures", tmp_path / folder / inside, size=(4, 4))
    assert not (tmp_path / "pictures" / "set").exists()
    prepare_images(tmp_path / "pictures", tmp_path / "pictures-set", size=(4, 4))
    prepare_images(tmp_path / "pictures", tmp_path, size=(4, 4))  # around it is outside


@pytest.mark.parametrize(
    ("argument", "value"),
    [("size", (0, 4)), ("size", (4, 2.5)), ("channels", 2), ("levels", 1), ("levels", 257)],
)
def test_wrong_arguments_are_refused_by_name_before_anything_is_written(tmp_path, argument, value):
    fill(tmp_path / "pictures", 3)
    with pytest.raises(ValueError, match=f"^{argument} must be"):
        prepare_images(tmp_path / "pictures", tmp_path / "set", **{"size": (4, 4), argument: value})
    assert not (tmp_path / "set").exists()


# Words of the command line in a folder that holds `pictures` (3 of them), `empty`, a `file` and a
# finished set `done`; and what the line of the error says.
WRONG = {
    "no folder": ("nowhere --out set", "nowhere must be a folder of pictures: there is none"),
    "a file": ("file --out set", "file must be a folder of pictures"),
    "no pictures": ("empty --out set", "empty must hold at least 3 pictures, got 0"),
    "inside": ("pictures --out pictures/set", "out must be outside the folder of pictures"),
    "below a file": ("pictures --out file/set", "file/set could not be written: Not a directory"),
    "onto a file": ("pictures --out file", "file could not be written: File exists"),
    "other settings": ("pictures --out done --grey", "made with channels 3 and not 1"),
    "levels": (
        "pictures --out set --levels 0",
        "levels must be a whole number of at least 2, got 0",
    ),
    "many levels": (
        "pictures --out set --levels 257",
        "levels must be a whole number from 2 to 256",
    ),
    "size": ("pictures --out set --size 4", "'4' is no size such as 28x28"),
    "size 0": ("pictures --out set --size 4x0", "'4x0' is no size"),
    "no out": ("pictures", "the following arguments are required: --out"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_written(
    tmp_path, whole, capsys, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    fill(Path("pictures"), 3)
    Path("empty").mkdir()
    Path("file").write_bytes(b"")
    prepare_images("pictures", "done", size=(64, 64))
    before = sorted(Path().rglob("*"))
    words, message = WRONG[name]
    assert message in error_of(capsys, ["data", "prepare", *words.split()])
    assert sorted(Path().rglob("*")) == before


def error_of(capsys, words):
    """Run a command that fails, and return the line that says why."""
    try:
        code = cli.main(words)
    except SystemExit as stopped:  # of argparse
        code = stopped.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("pixeledu: error: ")
    assert err.count("\n") == 1
    return err


def test_the_command_explains_itself_with_examples_that_work(capsys):
    for words in (["data", "--help"], ["data", "prepare", "--help"]):
        with pytest.raises(SystemExit) as stopped:
            cli.main(words)
        assert stopped.value.code == 0
        (example,) = re.findall(r"^  pixeledu (.+)$", capsys.readouterr().out, re.MULTILINE)
        assert parser().parse_args(example.split()).size == (32, 32)


FACTS = (
    {"shape": [-1, 3, 4, 4]},
    {"shape": [3, 4, 4]},
    {"levels": 1},
    {"levels": "256"},
    {"kind": 1},
)
SPLITS_OF = {"train": [0, 999]}, {"valid": [5, 3]}, {"test": [-9, 2]}, {"test": [0]}, {"test": None}


@pytest.mark.parametrize(
    "damage",
    ["cut", "longer", "changed", "no images", "no json", "a list", *FACTS, *SPLITS_OF],
    ids=str,
)
def test_a_damaged_set_is_refused_by_name(tmp_path, whole, damage):
    shutil.copytree(whole / "set", tmp_path / "set")
    images, facts = tmp_path / "set" / IMAGES, tmp_path / "set" / SET
    content, said = images.read_bytes(), json.loads(facts.read_text())
    if damage == "no images":
        images.unlink()
    elif damage in ("cut", "longer", "changed"):
        damaged = {"cut": content[:-1], "longer": content + b"0", "changed": b"?" + content[1:]}
        images.write_bytes(damaged[damage])
    elif damage in FACTS:
        facts.write_text(json.dumps(said | damage))
    elif damage in SPLITS_OF:
        facts.write_text(json.dumps(said | {"splits": said["splits"] | damage}))
    else:
        facts.write_text({"no json": "{", "a list": "[1]"}[damage])
    said = rf"({IMAGES} is damaged, it does not|{SET} is damaged or).*: delete .*/set and prepare"
    missing = rf"cannot read .*{IMAGES}: No such file"
    with pytest.raises(ValueError, match=missing if damage == "no images" else said):
        load_images(tmp_path / "set")


# --- Larger than the memory


def sparse_set(path, count, side, levels=256):
    """Write a set of black images that takes no space on the disk."""
    path.mkdir()
    shape = (count, 1, side, side)
    splits = {"train": [40, count], "valid": [20, 40], "test": [0, 20]}
    facts = {"kind": KIND, "shape": shape, "levels": levels, "splits": splits, "settings": {}}
    (path / SET).write_text(json.dumps(facts | {"unreadable": 0}))
    with open(path / IMAGES, "wb") as file:
        file.write(npy_header(shape))
        file.truncate(len(npy_header(shape)) + count * side * side)
    return path


def test_a_set_larger_than_the_memory_of_the_machine_opens_at_once(tmp_path):
    count = 3 * psutil.virtual_memory().total // 2**20
    train = load_images(sparse_set(tmp_path / "set", count, 1024), "train")
    assert train.images.nbytes > psutil.virtual_memory().total
    assert train.images[-1].max() == 0


# What each command may use beyond what it has when its work begins is less than the set holds.
# (That the file of a set is mapped takes up addresses and no memory, but counts for RLIMIT_DATA.)
LIMITED = """
import functools, resource, sys, threading, torch
from pixeledu import PixelCNN, cli, measuring
from pixeledu.cli import loading, prepare, train

room = int(sys.argv[1])
measuring.LOGITS = 2**17  # one image is measured at a time
threading.stack_size(2**18)
hard = resource.getrlimit(resource.RLIMIT_DATA)[1]

def data_in_memory():
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmData")]
    return int(line.split()[1]) * 1024

def all_that_is_free():
    # What the process has and does not use could be used without being counted.
    resource.setrlimit(resource.RLIMIT_DATA, (data_in_memory(), hard))
    ballast = []
    for size in (2**24, 2**22, 2**20, 2**18):
        try:
            while True:
                ballast.append(bytearray(size))
        except MemoryError:
            pass
    return ballast

def limited(function):
    @functools.wraps(function)
    def call(*arguments, **options):
        ballast = all_that_is_free()
        resource.setrlimit(resource.RLIMIT_DATA, (data_in_memory() + room, hard))
        try:
            bytearray(int(1.25 * room))  # the training images
        except MemoryError:
            print(function.__name__, "is limited")
        try:
            return function(*arguments, **options)
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    return call

# Let them load what they need.
prepare.prepare_images("few", "small", size=(1, 1))
small = torch.zeros(2, 1, 256, 256, dtype=torch.uint8)
train.fit(PixelCNN(hidden=1, layers=0), small, epochs=1, device="cpu")

for module, name in (
    (prepare, "prepare_images"), (train, "fit"), (loading, "measure_in")
):
    setattr(module, name, limited(getattr(module, name)))
small_model = "--hidden 1 --layers 0 --epochs 1 --batch-size 2"
for words in (
    "data prepare pictures --out set --size 256x256 --grey --levels 2",
    "evaluate --checkpoint model.safetensors --device cpu --data set",
    f"train {small_model} --device cpu --data set --out run",
):
    assert cli.main(words.split()) == 0
"""


def test_more_images_than_a_memory_limit_allows_are_prepared_trained_on_and_measured(tmp_path):
    room = 48 * 10**6
    fill(tmp_path / "few", 3)
    fill(tmp_path / "pictures", 1200, some=1, height=256, width=256, mode="L")
    save_checkpoint(tmp_path / "model.safetensors", PixelCNN(hidden=1, layers=0))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(room)],
        capture_output=True, text=True, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    limited = re.findall("^(.*) is limited$", done.stdout, re.MULTILINE)
    assert limited == ["prepare_images", "measure_in", "fit", "measure_in", "measure_in"]
    assert "train: 960 images\nvalid: 120 images\ntest: 120 images\n" in done.stdout
    assert load_images(tmp_path / "set").images.nbytes > 1.25 * room


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_what_is_changed_stays_in_memory_and_never_reaches_the_file(
    tmp_path, whole, monkeypatch, system
):
    monkeypatch.setattr(sys, "platform", system)
    shutil.copytree(whole / "set", tmp_path / "set")
    before = content_of(tmp_path / "set")
    first = load_images(tmp_path / "set", "train").images
    images = first.clone()
    first.zero_()
    assert first.max() == 0
    assert torch.equal(load_images(tmp_path / "set", "train").images, images)
    assert content_of(tmp_path / "set") == before


def test_a_set_trains_like_its_images_in_memory(tmp_path, whole):
    train, valid = (load_images(whole / "set", split).with_levels(4) for split in SPLITS[:2])
    small = tmp_path / "small"
    prepare_images(whole / "pictures", small, size=(4, 4), levels=4)
    loaded = [load_images(str(small), split) for split in SPLITS[:2]]
    assert torch.equal(loaded[0].images, train.images)
    results = []
    for data in ((train, valid), loaded):
        torch.manual_seed(0)
        model = PixelCNN(channels=3, levels=4, hidden=3, layers=0)
        records = fit(model, *data, epochs=2, batch_size=8, progress=False).records
        results.append([record["valid_nats"] for record in records])
    assert results[0] == results[1]


def test_the_commands_take_the_folder_of_a_set_in_one_process_and_in_two(
    tmp_path, whole, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.chdir(tmp_path)  # and back
    commands = [
        f"data prepare {whole / 'pictures'} --out SET/grey --size 6x4 --grey --levels 2",
        "train --data SET/grey --hidden 2 --layers 0 --epochs 1 --out SET/run",
        "evaluate --checkpoint SET/run",
        "sample --checkpoint SET/run -n 3 --out SET/samples.png",
        "complete --checkpoint SET/run --data SET/grey/ -n 2 --out SET/completed.png",
    ]
    for words in commands:
        alone = command_line(tmp_path, words.replace("SET", "one").split())
        assert (alone[0], alone[2]) == (0, "")
        words = words.replace("SET", "two").split()
        group = together(2, command_line, str(tmp_path), words, join=False)
        assert group[1] == (0, "", "")
        code, out, err = group[0]
        assert (code, re.sub(r", \d+ s", "", out.replace("two", "one")), err) == (
            (0, re.sub(r", \d+ s", "", alone[1]), "")
        )
    for name in (
        "samples.png",
        "completed.png",
        *(f"grey/{name}" for name in (IMAGES, INDEX, SET)),
    ):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_a_run_is_named_after_the_folder_of_its_set(tmp_path, whole, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grey").symlink_to(whole / "set")
    small = ["--hidden", "2", "--layers", "0", "--epochs", "1"]
    assert cli.main(["train", "--data", "./grey/", *small]) == 0
    assert "saved: runs/pixelcnn-grey/best.safetensors" in capsys.readouterr().out


def test_a_folder_of_pictures_is_no_set_and_the_error_says_how_to_make_one(whole, capsys):
    line = error_of(capsys, ["train", "--data", str(whole / "pictures")])
    assert "no finished image set: make one" in line
    assert "with `pixeledu data prepare FOLDER --out SET`" in line


@pytest.mark.parametrize("size", [64, (64,), "64x64", (64, 0)])
def test_a_size_that_is_no_height_and_width_is_refused(tmp_path, size):
    with pytest.raises(ValueError, match="size must be"):
        prepare_images(tmp_path, tmp_path / "set", size=size)
