"""`pixeledu compress` and `pixeledu decompress`: images to one file and back, the same bits."""

import argparse
import io
import math
import warnings
from pathlib import Path

import numpy as np
from torch import Tensor

from pixeledu.checkpoints import load_checkpoint
from pixeledu.cli.arguments import (
    IMAGE_SETS,
    add_checkpoint,
    add_held_out_images,
    add_out,
    count,
    ending_in,
    size,
)
from pixeledu.cli.loading import checkpoint_of, images_for, size_for
from pixeledu.compression import compress, decompress
from pixeledu.files import write_atomically
from pixeledu.models import AutoregressiveModel
from pixeledu.png import from_grid, write_grid


def add_to(commands) -> None:
    """Add the commands and their options."""
    command = commands.add_parser(
        "compress",
        help="write images as few bytes as a model needs to tell them",
        description="Write images to one small file, from which `pixeledu decompress` makes the\n"
        "same bits again with the same model: images of a set, or the tiles of a PNG.",
        epilog=f"{IMAGE_SETS}\n\nexamples:\n"
        "  pixeledu compress --pretrained digits-gated-pixelcnn -n 100 --out digits.pxc\n"
        "  pixeledu compress --checkpoint runs/pixelcnn-digits --png tiles.png",
    )
    command.set_defaults(run=_compress)
    add_checkpoint(command)
    add_held_out_images(command)
    command.add_argument(
        "--png", metavar="FILE", help="a PNG with images side by side, in place of --data"
    )
    command.add_argument(
        "--size",
        metavar="HxW",
        type=size,
        help="of an image in the PNG (that of the training images)",
    )
    command.add_argument("-n", "--n", metavar="N", type=count, help="the first so many (all)")
    add_out(command, "images.pxc")

    command = commands.add_parser(
        "decompress",
        help="read what compress has written",
        description="Make the images again that `pixeledu compress` has written with the same model:\n"
        "as a PNG with images side by side, or as an array of NumPy (.npy).",
        epilog="example:\n"
        "  pixeledu decompress digits.pxc --pretrained digits-gated-pixelcnn --out digits.png",
    )
    command.set_defaults(run=_decompress)
    command.add_argument("file", metavar="FILE", help="what compress has written")
    add_checkpoint(command)
    add_out(command, "images.png", ending_in(".png", ".npy"))


def _compress(options: argparse.Namespace) -> None:
    model = load_checkpoint(checkpoint_of(options))
    images = _from_png(model, options) if options.png else images_for(model, options)
    images = images[: options.n]
    content = compress(model, images)
    write_atomically(options.out, content)
    raw = images.numel() * math.log2(model.levels) / 8
    print(f"images: {len(images)}, {raw:.0f} bytes if every value were equally probable")
    print(f"saved: {options.out} ({len(content)} bytes)")


def _from_png(model: AutoregressiveModel, options: argparse.Namespace) -> Tensor:
    if options.data is not None:
        raise ValueError("--png and --data cannot go together: each says which images to compress")
    from PIL import Image  # no other command should wait for it

    height, width = size_for(options)
    with warnings.catch_warnings(), Image.open(options.png) as file:
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        pixels = np.asarray(file.convert("L" if model.channels == 1 else "RGB"))
    return from_grid(pixels, model.levels, height, width, options.png)


def _decompress(options: argparse.Namespace) -> None:
    model = load_checkpoint(checkpoint_of(options))
    data = Path(options.file).read_bytes()
    try:
        images = decompress(model, data)
    except ValueError as error:
        raise ValueError(f"{options.file} cannot be decompressed: {error}") from error
    if options.out.lower().endswith(".npy"):
        content = io.BytesIO()
        np.save(content, images.numpy(), allow_pickle=False)
        write_atomically(options.out, content.getvalue())
    else:
        write_grid(options.out, images, model.levels)
    print(f"images: {len(images)}")
    print(f"saved: {options.out}")
