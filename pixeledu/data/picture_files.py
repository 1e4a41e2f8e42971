"""Pictures of any kind and size in a folder: which there are, and each as an image of one size."""

import os
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest, sha256
from math import prod
from pathlib import Path

import numpy as np

# What counts as a picture, and the only decoders of Pillow that are let near it: others may start
# programs. What a file is called does not decide which of these reads it.
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
TOO_LARGE = "it does not fit into memory"
LARGE = 2**24  # pixels of all pictures that are in memory at a time, or of a single larger one
ORIENTATION = 0x0112  # the number by which a camera says how it was held


class _Room:
    """Lets pictures into memory as long as they have at most `LARGE` pixels together, or one alone."""

    def __init__(self):
        self.pixels = 0
        self.changed = threading.Condition()

    @contextmanager
    def of(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for so many pixels, and hold it."""
        with self.changed:
            self.changed.wait_for(lambda: self.pixels == 0 or self.pixels + pixels <= LARGE)
            self.pixels += pixels
        try:
            yield
        finally:
            with self.changed:
                self.pixels -= pixels
                self.changed.notify_all()


_room = _Room()


def picture_names(folder: Path) -> tuple[list[str], dict[str, int]]:
    """Find all pictures inside a folder.

    Folders in it are searched too, but not those that it only links to. What is hidden is left out,
    files and whole folders: copies of pictures may lie there.

    Returns:
        The paths of the pictures in the order of the SHA-256 of their names, which are the same
        names however a system writes their accents (Unicode's NFC); and how many other files
        there are of each ending.
    Raises:
        ValueError: there is no such folder.
        OSError: it or a folder in it cannot be read.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} must be a folder of pictures: there is none")
    names, others = [], Counter()
    for place, folders, files in os.walk(folder, onerror=_fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.startswith("."):
                continue
            if name.lower().endswith(SUFFIXES):
                names.append((Path(place) / name).relative_to(folder).as_posix())
            else:
                others[Path(name).suffix.lower() or "no ending"] += 1
    return sorted(names, key=lambda name: (_place_of(name), name)), dict(sorted(others.items()))


def _place_of(name: str) -> bytes:
    name = unicodedata.normalize("NFC", name)
    return sha256(name.encode(errors="surrogateescape")).digest()


def _fail(error: OSError):
    raise error


def sha256_of_file(path: Path) -> str | None:
    """Return the SHA-256 of what a file holds, or None if it cannot be read or is no file."""
    try:
        if not path.is_file():  # a pipe, say, which would never end
            return None
        with open(path, "rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def read_picture(path: Path, shape: tuple[int, int, int], levels: int) -> np.ndarray | str:
    """Read a picture as an image; see `prepare_images` for what becomes of it.

    Args:
        path: where it is.
        shape: (C, H, W) of the image.
        levels: number of values a pixel can take, 2 to 256.
    Returns:
        uint8 array (C, H, W), or the reason why the picture cannot be read.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    channels, height, width = shape
    try:
        if not path.is_file():
            return "it is no file"
        with Image.open(path, formats=FORMATS) as picture, _room.of(prod(picture.size)):
            if picture.mode.startswith(("I", "F")):
                return f"it has more than 8 bits a colour (mode {picture.mode})"
            picture.load()
            upright = _upright(picture)
            if upright.has_transparency_data:
                paper = Image.new("RGBA", upright.size, "white")
                upright = Image.alpha_composite(paper, upright.convert("RGBA"))
            upright = upright.convert("L" if channels == 1 else "RGB")
            image = ImageOps.fit(upright, (width, height), method=Image.Resampling.BOX)
        values = np.asarray(image).reshape(height, width, channels).transpose(2, 0, 1)  # (C, H, W)
        return (np.arange(256) * levels // 256).astype(np.uint8)[values]
    except UnidentifiedImageError:
        return "it is no picture, or not one that can be read here"
    except MemoryError:
        return TOO_LARGE
    except Exception as error:  # decoders fail in many ways, and no file may stop the others
        return " ".join(f"{error}".split()) or type(error).__name__


def _upright(picture):
    """Turn a picture as the camera was held, if it says how in a way that can be read."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        turn = turns.get(picture.getexif().get(ORIENTATION))
    except Exception:  # what a camera wrote beside the picture may be broken, the picture is not
        turn = None
    return picture if turn is None else picture.transpose(turn)
