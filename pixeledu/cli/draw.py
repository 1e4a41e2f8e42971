"""`pixeledu sample` and `pixeledu complete`: pictures drawn from a model."""

import argparse
import math

import torch
from torch import Tensor

from pixeledu.checkpoints import load_checkpoint
from pixeledu.checks import checked_images
from pixeledu.cli.arguments import (
    IMAGE_SETS,
    add_checkpoint,
    add_count,
    add_device,
    add_held_out_images,
    add_option,
    add_out,
    count,
    labels,
    png,
    seed,
    size,
)
from pixeledu.cli.loading import checkpoint_of, data_for, file_of, labels_for, size_for
from pixeledu.likelihood import conditions_for
from pixeledu.models import AutoregressiveModel
from pixeledu.png import as_rgb, refuse_huge, write_png
from pixeledu.sampling import sample
from pixeledu.streams import stderr_is_terminal
from pixeledu.training.processes import current_group, own_device
from pixeledu.training.sharding import sample_in

HALVES = ("top", "bottom", "left", "right")


def add_to(commands) -> None:
    """Add the commands and their options."""
    command = commands.add_parser(
        "sample",
        help="draw images from a model",
        description="Draw images from a saved model, value by value, into one PNG.",
        epilog="examples:\n  pixeledu sample --checkpoint runs/pixelcnn-digits --n 64\n"
        "  pixeledu sample --checkpoint runs/pixelcnn-digits --size 8x32 --temperature 0.8\n"
        "  pixeledu sample --pretrained mnist28-multi-scale --guide mnist7-pixelcnn",
    )
    command.set_defaults(run=_sample, shared=True)
    add_checkpoint(command)
    command.add_argument(
        *("-n", "--n"), metavar="N", type=count, help="number of images (16, or one for each label)"
    )
    _add_classes(command)
    add_option(
        command,
        sample,
        "guide",
        metavar="MODEL",
        help="for a model that draws from smaller images: the model that draws these first, a "
        "saved one or the name of one that ships with pixeledu",
    )
    command.add_argument(
        "--size", metavar="HxW", type=size, help="height and width (that of the training images)"
    )
    _add_drawing(command, "samples.png")

    command = commands.add_parser(
        "complete",
        help="let a model draw the missing half of images",
        description="Hide half of each image and let a saved model draw it. Each row of the PNG\n"
        "shows the image, what is kept of it, and the completions. A pixel is drawn\n"
        "from those before it, so what is kept further down has no influence.",
        epilog=f"{IMAGE_SETS}\n\nexample:\n"
        "  pixeledu complete --checkpoint runs/pixelcnn-digits --keep top",
    )
    command.set_defaults(run=_complete, shared=True)
    add_checkpoint(command)
    add_held_out_images(command)
    add_count(command, 8, "number of images")
    _add_classes(command, " (its own)")
    command.add_argument(
        "--keep",
        choices=HALVES,
        default="top",
        help="the half that is kept: top, bottom, left or right (%(default)s)",
        metavar="HALF",
    )
    command.add_argument(
        "--completions", metavar="N", type=count, default=3, help="of each (%(default)s)"
    )
    _add_drawing(command, "completed.png")


def _add_classes(command: argparse.ArgumentParser, default: str = "") -> None:
    """Add the two ways of saying which classes to draw; see `_labels_of`."""
    add_option(
        command,
        sample,
        "labels",
        metavar="LIST",
        type=labels,
        help=f"the class of each image, such as 0123456789{default}",
    )
    command.add_argument(
        "--class", metavar="N", type=int, dest="label", help="the class of all images"
    )


def _add_drawing(command: argparse.ArgumentParser, out: str) -> None:
    add_option(
        command,
        sample,
        "temperature",
        metavar="X",
        type=float,
        help="below 1, likely values win (%(default)s)",
    )
    command.add_argument(
        "--seed", metavar="N", type=seed, default=0, help="fixes what is drawn (%(default)s)"
    )
    add_out(command, out, png)
    add_device(command)


def _sample(options: argparse.Namespace) -> None:
    model = load_checkpoint(checkpoint_of(options), own_device(options.device))
    height, width = size_for(options)
    classes = _labels_of(options, options.n)
    n = options.n or (16 if classes is None else len(classes))
    columns = math.ceil(math.sqrt(n))
    refuse_huge(math.ceil(n / columns), columns, height, width)
    generator = torch.Generator().manual_seed(options.seed)
    drawing = {"labels": classes, "generator": generator}
    if (small := _model_of_guides(model, options, height, width)) is not None:
        if classes is None and None not in (model.classes, small.classes):
            drawing["labels"] = torch.randint(model.classes, (n,), generator=generator)
        theirs = drawing if small.classes is not None else {"generator": generator}
        factor = model.guide
        drawing["guide"] = _draw(small, options, n, height // factor, width // factor, **theirs)
    images = _draw(model, options, n, height, width, **drawing)
    tiles = list(as_rgb(images, model.levels))
    _write(options, [tiles[i : i + columns] for i in range(0, len(tiles), columns)])


def _labels_of(options: argparse.Namespace, n: int | None) -> Tensor | None:
    """Return the class of each of n images, or None if none was asked for."""
    if options.label is not None:
        if options.labels is not None:
            raise ValueError("--class and --labels cannot go together: each says what to draw")
        return torch.full((n or 16,), options.label)
    if options.labels is None:
        return None
    # A list shorter than the number of images begins anew.
    wanted = torch.arange(n or len(options.labels)) % len(options.labels)
    return torch.tensor(options.labels)[wanted]


def _model_of_guides(
    model: AutoregressiveModel, options: argparse.Namespace, height: int, width: int
) -> AutoregressiveModel | None:
    """Load the model that draws the smaller images first; None where the model needs none."""
    factor, named = model.guide, options.guide
    if factor is None:
        if named is not None:
            raise ValueError("--guide has no use here: the model draws from no smaller image")
        return None
    if named is None:
        raise ValueError(
            f"the model draws from images {factor} times smaller: name the model that draws these, "
            f"such as --guide mnist7-pixelcnn"
        )
    if height % factor or width % factor:
        raise ValueError(f"--size must be multiples of {factor}, got {height}x{width}")
    small = load_checkpoint(file_of(named), own_device(options.device))
    if small.guide is not None:
        raise ValueError("--guide must be a model that draws from nothing, and it needs a guide")
    expected, came = ((m.channels, m.levels) for m in (model, small))
    if expected != came:
        raise ValueError(
            f"--guide must draw images of {expected[0]} channels and {expected[1]} levels, as the "
            f"model does; it draws {came[0]} and {came[1]}"
        )
    return small


def _complete(options: argparse.Namespace) -> None:
    model = load_checkpoint(checkpoint_of(options), own_device(options.device))
    data = data_for(model, options)
    images = checked_images(model, data.images[: options.n])  # (n, C, H, W)
    depends = conditions_for(model, images)  # the guide, of a model that draws from one
    if (asked := _labels_of(options, len(images))) is not None:
        depends["labels"] = asked
    elif (theirs := labels_for(model, data)) is not None:
        depends["labels"] = theirs[: options.n]
    height, width = images.shape[2:]
    refuse_huge(len(images), 2 + options.completions, height, width)
    known = _half(options.keep, height, width)  # (H, W)
    drawing = {"images": images, "known": known, **depends}
    generator = torch.Generator().manual_seed(options.seed)
    drawn = [
        _draw(model, options, len(images), height, width, generator=generator, **drawing)
        for _ in range(options.completions)
    ]
    columns = [
        as_rgb(images, model.levels),
        as_rgb(images, model.levels, known),
        *(as_rgb(completions, model.levels) for completions in drawn),
    ]
    _write(options, [list(row) for row in zip(*columns, strict=True)])


def _draw(
    model: AutoregressiveModel,
    options: argparse.Namespace,
    n: int,
    height: int,
    width: int,
    **drawing,
) -> Tensor:
    """Draw n images in all processes together; return them in each, uint8 (n, C, H, W)."""
    group = current_group()
    return sample_in(
        group,
        model,
        n,
        height,
        width,
        temperature=options.temperature,
        progress=group.is_leader and stderr_is_terminal(),
        **drawing,
    )


def _write(options: argparse.Namespace, rows: list[list]) -> None:
    current_group().run_on_leader(write_png, options.out, rows)
    print(f"saved: {options.out}")


def _half(side: str, height: int, width: int) -> Tensor:
    """Return a bool mask (H, W) that is true on one half of the image."""
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None, :]
    half = {
        "top": rows < height // 2,
        "bottom": rows >= height // 2,
        "left": columns < width // 2,
        "right": columns >= width // 2,
    }[side]
    return half.expand(height, width)
