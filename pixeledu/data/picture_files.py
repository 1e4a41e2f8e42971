"""Pictures of any kind and size in a folder: which there are, and each as an image of one size."""

import os
from contextlib import nullcontext
from hashlib import sha256
from math import prod
from pathlib import Path
from threading import Lock

import numpy as np

# What counts as a picture, and the only decoders of Pillow that are let near it: others may start
# programs. What a file is called does not decide which of these reads it.
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
TOO_LARGE = "it does not fit into memory"
LARGE = 2**24  # pixels; of pictures with more, one at a time is in memory

_large = Lock()


def picture_names(folder: Path) -> list[str]:
    """Return the paths of all pictures inside a folder, in the order of their SHA-256.

    Folders in it are searched too, but not those that it only links to; what is hidden is left out.

    Raises:
        ValueError: there is no such folder.
        OSError: it or a folder in it cannot be read.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} must be a folder of pictures: there is none")
    names = [
        (Path(place) / name).relative_to(folder).as_posix()
        for place, _, files in os.walk(folder, onerror=_fail)
        for name in files
        if name.lower().endswith(SUFFIXES) and not name.startswith(".")
    ]
    return sorted(names, key=lambda name: sha256(name.encode(errors="surrogateescape")).digest())


def _fail(error: OSError):
    raise error


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
            return "it is no file"  # a pipe, say, which would never end
        with (
            Image.open(path, formats=FORMATS) as picture,
            _large if prod(picture.size) > LARGE else nullcontext(),
        ):
            if picture.mode.startswith(("I", "F")):
                return f"it has more than 8 bits a colour (mode {picture.mode})"
            upright = ImageOps.exif_transpose(picture)
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
