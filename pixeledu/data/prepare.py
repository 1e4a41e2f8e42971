"""From a folder of pictures to an image set on disk: `pixeledu data prepare`."""

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import islice
from math import prod
from pathlib import Path
from warnings import catch_warnings

import numpy as np
from tqdm.auto import tqdm

from pixeledu.checks import whole_number
from pixeledu.data.image_set import IMAGES, INDEX, KIND, SET, SPLITS, npy_header, read_facts
from pixeledu.data.picture_files import (
    LARGE,
    SUFFIXES,
    TOO_LARGE,
    picture_names,
    read_picture,
    sha256_of_file,
)
from pixeledu.data.sources import imported
from pixeledu.fast.memory import large_buffers_given_back
from pixeledu.files import cannot_write, only_user_of, remove_leftovers, write_atomically

# Between two moments from which the work can go on, there are at most
CHUNK = 256  # pictures
CHUNK_BYTES = 2**23  # bytes of their images, or one image


def prepare_images(
    folder: str | Path,
    out: str | Path,
    *,
    size: tuple[int, int] = (64, 64),
    channels: int = 3,
    levels: int = 256,
    progress: bool = False,
) -> dict:
    """Turn a folder of pictures into an image set that `load_images` opens without reading it.

    The middle of each picture, as large as the shape of the images allows, is scaled to their
    size: a pixel is the mean of those whose centres lie in it, or the nearest one. Transparent
    pictures lie on white, and of moving ones the first frame counts. The pictures are put in the
    order of the SHA-256 of their paths inside the folder: the first tenth is for testing, the
    second for validation, the rest for training. What is hidden is left out.

    Stopped at any moment, the same call goes on where it was. What cannot be read is left out, and
    the index says why. It also says what each picture held, so that one that was replaced since is
    noticed. However many threads read, all pictures in memory together have at most 16 million
    pixels, unless a single one has more.

    Args:
        folder: where the pictures are; folders in it are searched too.
        out: the folder of the set, outside the one of the pictures.
        size: height and width of the images.
        channels: 1 for grey, 3 for colours.
        levels: number of values a pixel can take, 2 to 256: value v becomes v · levels // 256.
        progress: show a bar.
    Returns:
        What `read_facts` says of the set.
    Raises:
        ValueError: an argument is out of range, there are too few pictures that can be read, or
            `out` holds something else, which is left as it is.
        OSError: a folder cannot be read, or a file cannot be written; the same call goes on later.
    """
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise ValueError(f"size must be (height, width), got {size!r}")
    height, width = (whole_number("size", side) for side in size)
    if height * width > LARGE:
        raise ValueError(f"size must be at most {LARGE} pixels in all, got {height}x{width}")
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 (grey) or 3 (colours), got {channels!r}")
    whole_number("levels", levels, least=2, most=256)  # what a byte holds
    imported("PIL.Image", "pillow")
    folder, out = Path(folder), Path(out)
    if out.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"out must be outside the folder of pictures {folder}, got {out}")
    names, others = picture_names(folder)
    if len(names) < len(SPLITS):
        raise ValueError(
            f"{folder} must hold at least {len(SPLITS)} pictures, got {len(names)}; "
            f"a picture ends in {', '.join(SUFFIXES)}"
            + (f", and here are files with {in_words(others)}" if others else "")
        )
    settings = {
        "size": [height, width],
        "channels": channels,
        "levels": levels,
        "pictures": _sha256_of(names, "NFC"),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(out, error) from error
    with only_user_of(out, "preparing a set"):
        if (out / SET).is_file():
            facts = read_facts(out)
            _refuse_another(out, facts["settings"], settings, names)
            _refuse_replaced(folder, names, out)
            return facts
        work = _Work(out, (channels, height, width), settings, names)
        _refuse_replaced(folder, names, out)
        _read_all(folder, names, work, progress)
        return work.finish(len(names), others)


def unreadable(out: str | Path) -> Iterator[dict]:
    """Give, for each picture that is not in a set, its "file" and why it is "unreadable"."""
    for line in _lines(Path(out) / INDEX):
        if "unreadable" in line:
            yield {name: line[name] for name in ("file", "unreadable")}


def in_words(others: dict[str, int]) -> str:
    """Say how many files there are of each ending."""
    return ", ".join(f"{ending} ({count})" for ending, count in others.items())


def _refuse_replaced(folder: Path, names: list[str], out: Path) -> None:
    """Raise ValueError if a picture is no longer what it was when it was read."""
    # The lines have the order of the names, whose accents may be written in another way now.
    pairs = zip(islice(_lines(out / INDEX), 1, None), names, strict=False)
    lines = ((name, line["sha256"]) for line, name in pairs if "sha256" in line)
    replaced = []
    with ThreadPoolExecutor() as pool:
        while some := list(islice(lines, CHUNK)):
            now = pool.map(sha256_of_file, [folder / name for name, _ in some])
            replaced += [name for (name, then), it in zip(some, now, strict=True) if then != it]
    if replaced:
        raise ValueError(
            f"{out} holds another set, made with other pictures: {len(replaced)} have been replaced "
            f"since, such as {replaced[0]!a}: choose another folder, or delete this one"
        )


def _read_all(folder: Path, names: list[str], work: "_Work", progress: bool) -> None:
    """Read the pictures that are not done yet, in several threads."""

    def read(path: Path) -> tuple[np.ndarray | str, str | None]:
        image = read_picture(path, shape=work.shape, levels=work.settings["levels"])
        return image, sha256_of_file(path)

    shown = progress and sys.stderr is not None
    chunk = max(1, min(CHUNK, CHUNK_BYTES // prod(work.shape)))
    with (
        catch_warnings(action="ignore"),  # of what is odd in a picture that can be read
        large_buffers_given_back(),
        ThreadPoolExecutor() as pool,
        tqdm(total=len(names), initial=work.done, unit="picture", disable=not shown) as bar,
    ):
        for start in range(work.done, len(names), chunk):
            some = names[start : start + chunk]
            paths = [folder / name for name in some]
            outcomes = list(pool.map(read, paths))
            # What did not fit into memory beside others may fit alone.
            outcomes = [
                read(path) if outcome[0] is TOO_LARGE else outcome
                for path, outcome in zip(paths, outcomes, strict=True)
            ]
            work.add(some, outcomes)
            bar.update(len(some))


class _Work:
    """A set that is being written: images and index grow by chunks, and lose at most the last one.

    The images of a chunk are written before its lines of the index, whose first line holds the
    settings: whatever a stop leaves, the whole lines of the index say what counts. Without its
    `set.json` nobody takes the folder for a set.
    """

    def __init__(self, out: Path, shape: tuple[int, int, int], settings: dict, names: list[str]):
        self.out, self.shape, self.settings = out, shape, settings
        self.images, self.index = out / IMAGES, out / INDEX
        self.done = self.rows = 0  # pictures that were done before, and images there are
        remove_leftovers(out, IMAGES, INDEX, SET)
        if not self.index.exists():
            if self.images.exists():
                raise ValueError(f"{out} holds {IMAGES} but no {INDEX}: choose another folder")
            write_atomically(self.index, _text([settings]))
        self._go_on(names)

    def _go_on(self, names: list[str]) -> None:
        """Count what has been done, and cut off what a stop has left behind that."""
        lines = _lines(self.index)
        first = next(lines, {})
        if first.keys() != self.settings.keys():
            raise ValueError(f"{self.index} is no index of an image set: choose another folder")
        _refuse_another(self.out, first, self.settings, names)
        for line in lines:
            self.done += 1
            self.rows += "row" in line
        header = npy_header((0, *self.shape))  # as long as that of the finished array
        if self.rows == 0:
            write_atomically(self.images, header)
        end = len(header) + self.rows * prod(self.shape)
        if not self.images.is_file() or self.images.stat().st_size < end:
            raise ValueError(
                f"{self.images} is damaged: delete {self.out} and prepare the set again"
            )
        os.truncate(self.images, end)
        os.truncate(self.index, self.index.read_bytes().rfind(b"\n") + 1)

    def add(self, names: list[str], outcomes: list[tuple[np.ndarray | str, str | None]]) -> None:
        """Write down what became of some pictures: an image or why there is none, and its SHA-256."""
        lines, images = [], []
        for name, (image, digest) in zip(names, outcomes, strict=True):
            if isinstance(image, str):
                lines.append({"file": name, "unreadable": image, "sha256": digest})
            else:
                lines.append({"file": name, "row": self.rows, "sha256": digest})
                images.append(image.tobytes())
                self.rows += 1
        _write(self.images, images)
        _write(self.index, [_text(lines)])

    def finish(self, pictures: int, others: dict[str, int]) -> dict:
        """Write down that the set is complete, and return what it says of itself."""
        tenth = max(1, pictures // 10)
        rows = [0, 0, 0]  # for testing, validation and training
        for place, line in enumerate(islice(_lines(self.index), 1, None)):
            rows[min(place // tenth, 2)] += "row" in line
        if not all(rows):
            raise ValueError(
                f"too few of the {pictures} pictures can be read: {rows[0]} for testing, {rows[1]} "
                f"for validation, {rows[2]} for training. The first that cannot: "
                f"{next(unreadable(self.out))}. Delete {self.out} before you try again"
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
            "unreadable": pictures - self.rows,
            "passed over": others,
            "settings": self.settings,
        }
        _write(self.images, [npy_header((self.rows, *self.shape))], mode="r+b")
        write_atomically(self.out / SET, _text([facts]))
        return facts


def _lines(index: Path) -> Iterator[dict]:
    """Give the whole lines of an index; a stop may have cut the last one."""
    with open(index, "rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            try:
                yield dict(json.loads(line))
            except (ValueError, TypeError) as error:
                raise ValueError(f"{index} is no index of an image set: {error}") from error


def _refuse_another(out: Path, then: dict, now: dict, names: list[str]) -> None:
    """Raise ValueError if what is there was begun with other settings, or from other pictures."""
    different = [name for name, value in now.items() if then.get(name) != value]
    # An older set holds the names as its system wrote their accents.
    if then.get("pictures") in [_sha256_of(names, form) for form in (None, "NFD")]:
        different = [name for name in different if name != "pictures"]
    differences = [
        "other pictures" if name == "pictures" else f"{name} {then.get(name)} and not {now[name]}"
        for name in different
    ]
    if differences:
        raise ValueError(
            f"{out} holds another set, made with {', '.join(differences)}: choose another folder, "
            f"or delete this one"
        )


def _sha256_of(names: list[str], form: str | None) -> str:
    """Return the SHA-256 of names, in one of Unicode's normal forms or as they are written."""
    if form is not None:
        names = [unicodedata.normalize(form, name) for name in names]
    return sha256(json.dumps(names).encode()).hexdigest()


def _text(lines: list[dict]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _write(path: Path, parts: Iterable[bytes], mode: str = "ab") -> None:
    try:
        with open(path, mode) as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(path, error) from error
