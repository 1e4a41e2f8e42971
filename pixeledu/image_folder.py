"""From a folder of pictures to an image set on disk: `pixeledu data prepare`."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from math import prod
from pathlib import Path

import numpy as np

from pixeledu.checkpoints import cannot_write, write_atomically
from pixeledu.checks import positive_int
from pixeledu.data_files import imported
from pixeledu.image_set import IMAGES, INDEX, KIND, SET, SPLITS, npy_header, read_facts
from pixeledu.run_folder import only_user_of

# What counts as a picture, and the only decoders that are let near it: some of Pillow's others start
# programs. What a file is called does not decide which of these reads it.
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
CHUNK = 256  # pictures between two moments from which the work can go on


def prepare_images(
    folder: str | Path,
    out: str | Path,
    *,
    size: tuple[int, int],
    channels: int = 3,
    levels: int = 256,
    progress: bool = False,
) -> dict:
    """Turn a folder of pictures into an image set that `load_images` opens without reading it.

    The middle of each picture, as large as the shape of the images allows, is scaled down to their
    size by averaging. The pictures are put in the order of the SHA-256 of their paths inside the
    folder: the first tenth is for testing, the second for validation, the rest for training.

    Stopped at any moment, the same call goes on where it was. What cannot be read is left out, and
    the index says why.

    Args:
        folder: where the pictures are; folders in it are searched too.
        out: the folder of the set.
        size: height and width of the images.
        channels: 1 for grey, 3 for colours.
        levels: number of values a pixel can take, 2 to 256: value v becomes v · levels // 256.
        progress: show a bar.
    Returns:
        What `read_facts` says of the set.
    Raises:
        ValueError: an argument is out of range, there are too few pictures, or `out` holds
            something else. Nothing has been written then.
        OSError: a file could not be written; the same call goes on when there is space.
    """
    height, width = (positive_int("size", side) for side in size)
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 (grey) or 3 (colours), got {channels!r}")
    if not 2 <= positive_int("levels", levels) <= 256:
        raise ValueError(f"levels must be 2 to 256, what a byte holds, got {levels}")
    folder, out = Path(folder), Path(out)
    names = _pictures(folder)
    settings = {
        "size": [height, width],
        "channels": channels,
        "levels": levels,
        "pictures": sha256("\n".join(names).encode(errors="surrogateescape")).hexdigest(),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(out, error) from error
    with only_user_of(out, "preparing a set"):
        if (out / SET).is_file():
            facts = read_facts(out)
            _refuse_another(out, facts.get("settings"), settings)
            return facts
        work = _Work(out, (channels, height, width), settings)
        read = partial(_read, folder, (channels, height, width), levels)
        with ThreadPoolExecutor() as pool, _bar(len(names), work.done, progress) as advance:
            for start in range(work.done, len(names), CHUNK):
                chunk = names[start : start + CHUNK]
                work.add(chunk, list(pool.map(read, chunk)))
                advance(len(chunk))
        return work.finish(len(names))


def _pictures(folder: Path) -> list[str]:
    """Return the paths of all pictures inside the folder, in the order of their SHA-256."""
    if not folder.is_dir():
        raise ValueError(f"{folder} must be a folder of pictures: there is none")
    names = [
        (Path(place) / name).relative_to(folder).as_posix()
        for place, _, files in os.walk(folder)
        for name in files
        if name.lower().endswith(SUFFIXES) and not name.startswith(".")
    ]
    if len(names) < len(SPLITS):
        raise ValueError(
            f"{folder} must hold at least {len(SPLITS)} pictures, got {len(names)}; "
            f"a picture ends in {', '.join(SUFFIXES)}"
        )
    return sorted(names, key=lambda name: sha256(name.encode(errors="surrogateescape")).digest())


def _read(folder: Path, shape: tuple, levels: int, name: str) -> np.ndarray | str:
    """Return a picture as an image (C, H, W), or say why it cannot be read."""
    image_module, operations = imported("PIL.Image", "pillow"), imported("PIL.ImageOps", "pillow")
    channels, height, width = shape
    try:
        with image_module.open(folder / name, formats=FORMATS) as picture:
            if picture.mode.startswith(("I", "F")):
                return f"it has more than 8 bits a colour (mode {picture.mode})"
            upright = operations.exif_transpose(picture).convert("L" if channels == 1 else "RGB")
        average = image_module.Resampling.BOX
        image = np.asarray(operations.fit(upright, (width, height), method=average))
    except Exception as error:  # decoders fail in many ways, and no file may stop the others
        return " ".join(f"{error}".split()) or type(error).__name__
    image = image.reshape(height, width, channels).transpose(2, 0, 1)  # (C, H, W)
    return (image.astype(np.int32) * levels // 256).astype(np.uint8)


class _Work:
    """A set that is being written: images and index grow by chunks, and lose at most the last one.

    The images of a chunk are written before its lines of the index, whose first line holds the
    settings: whatever a stop leaves, the whole lines of the index say what counts.
    """

    def __init__(self, out: Path, shape: tuple[int, int, int], settings: dict):
        self.out, self.shape, self.settings = out, shape, settings
        self.images, self.index = out / f".{IMAGES}.part", out / f".{INDEX}.part"
        lines = self._lines()
        if not lines:
            lines = [settings]
            write_atomically(self.images, bytes(len(npy_header((0, *shape)))))
        _refuse_another(out, lines[0], settings)
        write_atomically(self.index, _text(lines))
        self.done = len(lines) - 1  # pictures
        self.rows = sum("row" in line for line in lines)  # images
        start = len(npy_header((0, *shape)))
        os.truncate(self.images, start + self.rows * prod(shape))

    def add(self, names: list[str], outcomes: list[np.ndarray | str]) -> None:
        """Write down what became of some pictures."""
        images = [image.tobytes() for image in outcomes if not isinstance(image, str)]
        lines = []
        for name, outcome in zip(names, outcomes, strict=True):
            if isinstance(outcome, str):
                lines.append({"file": name, "unreadable": outcome})
            else:
                lines.append({"file": name, "row": self.rows})
                self.rows += 1
        _append(self.images, b"".join(images))
        _append(self.index, _text(lines))
        self.done += len(names)

    def finish(self, pictures: int) -> dict:
        """Give the files their names, and return the facts."""
        tenth = max(1, pictures // 10)
        lines = self._lines()[1:]
        rows = [
            sum("row" in line for line in part)
            for part in (lines[:tenth], lines[tenth : 2 * tenth], lines[2 * tenth :])
        ]
        if not all(rows):
            reasons = [line for line in lines if "unreadable" in line][:1]
            raise ValueError(
                f"too few of the {pictures} pictures can be read: {rows[0]} for testing, {rows[1]} "
                f"for validation, {rows[2]} for training. The first that cannot: {reasons[0]}"
            )
        test, valid, _ = rows
        facts = {
            "kind": KIND,
            "shape": [self.rows, *self.shape],
            "levels": self.settings["levels"],
            "splits": {
                "train": [test + valid, self.rows],
                "valid": [test, test + valid],
                "test": [0, test],
            },
            "unreadable": len(lines) - self.rows,
            "settings": self.settings,
        }
        with open(self.images, "r+b") as file:
            file.write(npy_header((self.rows, *self.shape)))
            os.fsync(file.fileno())
        os.replace(self.images, self.out / IMAGES)
        os.replace(self.index, self.out / INDEX)
        write_atomically(self.out / SET, (json.dumps(facts, indent=1) + "\n").encode())
        return facts

    def _lines(self) -> list[dict]:
        """Return the whole lines of the index; a stop may have cut the last one."""
        if not self.index.is_file():
            return []
        lines = []
        for line in self.index.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            lines.append(json.loads(line))
        return lines


def _refuse_another(out: Path, then: dict, now: dict) -> None:
    """Raise ValueError if a set was begun with other settings, or from other pictures."""
    for name, value in now.items():
        if not isinstance(then, dict) or then.get(name) != value:
            what = (
                "other pictures" if name == "pictures" else f"{name} {then.get(name)}, not {value}"
            )
            raise ValueError(
                f"{out} holds another set, made of {what}: choose another folder, or delete this one"
            )


def _text(lines: list[dict]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _append(path: Path, content: bytes) -> None:
    try:
        with open(path, "ab") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(path, error) from error


@contextlib.contextmanager
def _bar(total: int, done: int, shown: bool) -> Iterator[Callable[[int], object]]:
    """Give a function to call with the number of pictures that are done."""
    if not shown:
        yield lambda count: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, initial=done, unit="picture") as bar:
        yield bar.update
