"""What other people's pictures, folders and disks do to an image set, and that it is never silent."""

import hashlib
import json
import os
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import torch
from PIL import Image
from test_prepare import content_of, error_of, fill, only_image_of, picture, rows_of, sparse_set

from pixeledu import PixelCNN, cli, fit, load_images, nats
from pixeledu.data import picture_files
from pixeledu.data.image_set import IMAGES, INDEX, SET, ImagesOnDisk
from pixeledu.data.picture_files import picture_names
from pixeledu.data.prepare import prepare_images


def prepared(tmp_path, **options):
    return prepare_images(tmp_path / "pictures", tmp_path / "set", **{"size": (4, 4), **options})


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("change", ["another", "unreadable", "readable", "gone"])
def test_a_picture_that_was_replaced_under_the_same_name_is_noticed(tmp_path, finished, change):
    pictures = tmp_path / "pictures"
    names = fill(pictures, 12)
    if change == "readable":
        (pictures / names[3]).write_bytes(b"no picture")
    prepared(tmp_path)
    if not finished:
        (tmp_path / "set" / SET).unlink()
    before = content_of(tmp_path / "set")
    if change == "gone":  # and back, as a folder
        (pictures / names[3]).unlink()
        (pictures / names[3]).symlink_to("nowhere")
    elif change == "unreadable":
        (pictures / names[3]).write_bytes(b"no picture")
    else:
        picture(99).save(pictures / names[3], format="png")
    with pytest.raises(ValueError, match=rf"holds another set.*other pictures: 1 .*'{names[3]}'"):
        prepared(tmp_path)
    assert content_of(tmp_path / "set") == before


def test_a_copy_of_the_pictures_is_the_same_set_whenever_it_was_made(tmp_path):
    names = fill(tmp_path / "pictures", 9)
    prepared(tmp_path)
    before = content_of(tmp_path / "set")
    for name in names:
        os.utime(tmp_path / "pictures" / name, (1, 1))
    prepared(tmp_path)
    assert content_of(tmp_path / "set") == before


def test_a_set_that_was_made_before_pictures_were_compared_is_still_taken(tmp_path):
    fill(tmp_path / "pictures", 9)
    prepared(tmp_path)
    index = tmp_path / "set" / INDEX
    lines = [json.loads(line) for line in index.read_text().splitlines()]
    for line in lines:
        line.pop("sha256", None)
    index.write_text("".join(json.dumps(line) + "\n" for line in lines))
    facts = json.loads((tmp_path / "set" / SET).read_text())
    del facts["passed over"]
    (tmp_path / "set" / SET).write_text(json.dumps(facts))
    assert prepared(tmp_path) == facts
    (tmp_path / "set" / SET).unlink()
    assert prepared(tmp_path)["shape"] == facts["shape"]


def test_what_is_hidden_is_no_picture_of_the_set(tmp_path):
    names = fill(tmp_path / "pictures", 6)
    for hidden in (".thumbnails", "a/.ipynb_checkpoints"):
        fill(tmp_path / "pictures" / hidden, 4)
    assert prepared(tmp_path)["shape"][0] == 6
    assert rows_of(tmp_path / "set").keys() == set(names)


def test_files_that_are_passed_over_are_counted_by_their_endings(tmp_path, capsys):
    fill(tmp_path / "pictures", 6)
    for name in ("a.avif", "b.HEIC", "c.heic", "d.jp2", "e.tga", "README", "a/f.avif", ".g.avif"):
        (tmp_path / "pictures" / name).write_bytes(b"")
    words = ["data", "prepare", str(tmp_path / "pictures"), "--out", str(tmp_path / "set")]
    for _ in range(2):
        assert cli.main(words) == 0
        said = "passed over, as no picture ends so: .avif (2), .heic (2), .jp2 (1), .tga (1), no ending (1)"
        assert said in capsys.readouterr().out


def test_of_a_folder_with_other_files_alone_it_is_said_what_they_are(tmp_path, capsys):
    (tmp_path / "pictures").mkdir()
    for number in range(5):
        (tmp_path / "pictures" / f"{number}.heic").write_bytes(b"")
    line = error_of(
        capsys, ["data", "prepare", str(tmp_path / "pictures"), "--out", str(tmp_path / "set")]
    )
    assert "got 0; a picture ends in .png" in line
    assert "and here are files with .heic (5)" in line


@pytest.mark.parametrize("name", ["x.jfif", "x.jpe", "x.JPE", "x.pbm"])
def test_rarer_names_of_the_same_kinds_are_pictures(tmp_path, name):
    options = {"format": "ppm" if name.endswith("m") else "jpeg", "quality": 100}
    image = only_image_of(tmp_path, Image.new("RGB", (9, 12), "white"), name, **options)
    assert (image == 255).all()


@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.webp"])
@pytest.mark.parametrize(
    "broken", [b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0garbage", b"\xff" * 40]
)
def test_a_picture_whose_exif_is_broken_is_kept(tmp_path, name, broken):
    shown = Image.fromarray(np.arange(108, dtype=np.uint8).reshape(12, 9)).convert("RGB")
    image = only_image_of(tmp_path, shown, name, exif=broken, quality=100, lossless=True)
    assert np.abs(image.astype(int) - np.asarray(shown)).max() < 20


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_way_of_holding_a_camera_is_turned_back(tmp_path, orientation):
    turned = {  # what a camera held so writes of an upright scene
        1: lambda x: x, 2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1],
        5: lambda x: x.T, 6: lambda x: x.T[::-1], 7: lambda x: x[::-1, ::-1].T,
        8: lambda x: x.T[:, ::-1],
    }  # fmt: skip
    upright = np.arange(108, dtype=np.uint8).reshape(12, 9)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(turned[orientation](upright)))
    image = only_image_of(tmp_path, stored, exif=exif)
    np.testing.assert_array_equal(image[..., 0], upright)


def test_names_with_accents_give_the_same_splits_in_both_spellings_of_unicode(tmp_path):
    names = [f"é{number}ü.png" for number in range(30)]
    orders = []
    for form in ("NFC", "NFD"):
        folder = tmp_path / form
        folder.mkdir()
        for number, name in enumerate(names):
            picture(number, 4, 4).save(folder / unicodedata.normalize(form, name))
        found, _ = picture_names(folder)
        orders.append([unicodedata.normalize("NFC", name) for name in found])
        prepare_images(folder, tmp_path / f"set-{form}", size=(4, 4))
    assert orders[0] == orders[1]
    sets = [np.load(tmp_path / f"set-{form}" / IMAGES) for form in ("NFC", "NFD")]
    np.testing.assert_array_equal(*sets)


def spelled(form, folder):
    """The same pictures, with names in one of Unicode's forms."""
    folder.mkdir()
    for number in range(12):
        name = unicodedata.normalize(form, f"é{number}ü.png")
        picture(number, 4, 4).save(folder / name)
    return folder


def by_an_older_version(out):
    """Let a set say the SHA-256 of its names as they are written."""
    lines = [json.loads(line) for line in (out / INDEX).read_text().splitlines()]
    names = json.dumps([line["file"] for line in lines[1:]])
    lines[0]["pictures"] = hashlib.sha256(names.encode()).hexdigest()
    (out / INDEX).write_text("".join(json.dumps(line) + "\n" for line in lines))
    facts = json.loads((out / SET).read_text())
    facts["settings"] = lines[0]
    (out / SET).write_text(json.dumps(facts) + "\n")


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("older", [True, False])
@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_a_set_is_taken_for_the_same_pictures_in_the_other_spelling(
    tmp_path, forms, older, finished
):
    one = spelled(forms[0], tmp_path / "one")
    other = spelled(forms[1], tmp_path / "other")
    out, options = tmp_path / "set", {"size": (4, 4)}
    prepare_images(one, out, **options)
    if older:
        by_an_older_version(out)
    images = (out / IMAGES).read_bytes()
    if not finished:
        (out / SET).unlink()
        whole = (out / INDEX).read_bytes().splitlines(keepends=True)
        (out / INDEX).write_bytes(b"".join(whole[:6]))
    prepare_images(other, out, **options)
    assert (out / IMAGES).read_bytes() == images
    names = sorted(path.name for path in other.iterdir())
    picture(99, 4, 4).save(other / names[3])
    with pytest.raises(ValueError, match=r"other pictures: 1 have been replaced since"):
        prepare_images(other, out, **options)
    (other / names[3]).unlink()
    with pytest.raises(ValueError, match=r"holds another set, made with other pictures:"):
        prepare_images(other, out, **options)


def test_preparing_needs_no_stream_for_its_bar(tmp_path, monkeypatch):
    fill(tmp_path / "pictures", 6)
    monkeypatch.setattr(sys, "stderr", None)
    assert prepared(tmp_path, progress=True)["shape"][0] == 6


def test_a_size_that_no_memory_holds_is_refused_in_one_line(tmp_path, capsys):
    fill(tmp_path / "pictures", 3)
    words = ["data", "prepare", str(tmp_path / "pictures"), "--out", str(tmp_path / "set")]
    for size in ("99999x99999", "999999x17"):
        line = error_of(capsys, [*words, "--size", size])
        assert f"size must be at most {2**24} pixels in all, got {size}" in line
    assert "is no size such as" in error_of(capsys, [*words, "--size", f"{'9' * 5000}x1"])
    assert not (tmp_path / "set").exists()


# Twenty threads, and pictures of 50 MB each: without a bound they take up several times the room.
MANY_WORKERS = """
import functools, os, resource, threading
os.cpu_count = lambda: 16
threading.stack_size(2**18)
from pixeledu import cli
from pixeledu.data import prepare

read = []
original = prepare.read_picture
prepare.read_picture = lambda *a, **k: read.append(1) or original(*a, **k)
prepare.prepare_images("few", "small", size=(1, 1))  # loads what it needs
read.clear()
(line,) = [line for line in open("/proc/self/status") if line.startswith("VmData")]
limit = int(line.split()[1]) * 1024 + 400 * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
code = cli.main("data prepare pictures --out set --size 8x8".split())
print(code, len(read), threading.active_count())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the data of a process")
def test_many_threads_keep_to_the_memory_that_was_promised(tmp_path):
    fill(tmp_path / "few", 3)
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (4096, 4000), "teal").save(tmp_path / "pictures" / "0.png", compress_level=1)
    for number in range(1, 12):
        os.link(tmp_path / "pictures" / "0.png", tmp_path / "pictures" / f"{number}.png")
    done = subprocess.run(
        [sys.executable, "-c", MANY_WORKERS], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stderr == ""
    assert "unreadable: 0 pictures" in done.stdout
    code, read, _ = done.stdout.splitlines()[-1].split()
    assert (code, read) == ("0", "12")  # none was read again because it had not fitted


# --- A set that is cut short while it is in use


@pytest.fixture
def cut(tmp_path):
    """A set that was opened, and what cuts its file short."""
    train = load_images(sparse_set(tmp_path / "set", 90, 16, levels=2), "train")
    return train, lambda: os.truncate(tmp_path / "set" / IMAGES, 5000)


USES = {
    "a part": lambda images: images[45:].sum(),
    "a batch": lambda images: images[torch.tensor([1, 49])],
    "all": lambda images: images.max(),
    "a part of a part": lambda images: images[20:][29:][0].float(),
    "in a list": lambda images: torch.stack([images[0], images[49]]),
    "as an array": lambda images: images.numpy(),
    "a copy": lambda images: images.clone(),
}


@pytest.mark.parametrize("use", USES)
def test_images_that_are_gone_are_an_error_and_not_the_end_of_the_process(cut, use):
    train, cut_short = cut
    assert isinstance(train.images, ImagesOnDisk)
    part = train.images
    USES[use](part)
    cut_short()
    with pytest.raises(OSError, match=rf"{IMAGES} was cut short while it was in use"):
        USES[use](part)


@pytest.mark.parametrize(
    "handed_on",
    [
        lambda images: images.numpy(),
        lambda images: images[:].detach().numpy(),
        np.asarray,
        np.from_dlpack,
        torch.from_dlpack,
        lambda images: images.as_subclass(torch.Tensor),
    ],
)
def test_images_handed_on_to_who_cannot_check_them_are_a_copy(cut, handed_on):
    train, cut_short = cut
    given = handed_on(train.images)
    values = given.sum()
    cut_short()
    assert given.sum() == values


def test_training_on_a_set_that_is_cut_short_keeps_its_last_checkpoint(cut, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    train, cut_short = cut
    model, steps = PixelCNN(hidden=1, layers=0), []

    def cut_in_the_third_step(*_):
        steps.append(1)
        if len(steps) == 3:
            cut_short()

    model.first.register_forward_hook(cut_in_the_third_step)
    with pytest.raises(OSError, match="a training goes on from its last checkpoint"):
        fit(model, train, batch_size=5, epochs=1, folder=tmp_path / "run", checkpoint_every=1)
    assert len(steps) == 3
    assert (tmp_path / "run" / "last.safetensors").exists()


def test_what_is_computed_from_images_on_disk_is_a_plain_tensor(cut):
    images = cut[0].images
    model = PixelCNN(hidden=1, layers=0)
    assert type(nats(model, images)) is type(model(images[:2])) is torch.Tensor
    assert type(images.float()) is type(images[[0, 1]]) is torch.Tensor
    assert (
        type(images[3:5]) is type(images.split(7)[0]) is type(images.view(50, -1)) is ImagesOnDisk
    )


def test_pictures_wait_until_there_is_room_for_them(monkeypatch):
    monkeypatch.setattr(picture_files, "LARGE", 10)
    room = picture_files._Room()
    with room.of(4), room.of(6):
        assert room.pixels == 10
    with room.of(99):  # alone, as large as it is
        assert room.pixels == 99
    assert room.pixels == 0
