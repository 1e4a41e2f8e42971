"""`pixeledu train`."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from pixeledu.checkpoints import BEST, LAST, load_checkpoint, read_info
from pixeledu.cli.arguments import IMAGE_SETS, add_device, add_option, seed
from pixeledu.cli.loading import load_split, measured
from pixeledu.data import SPLITS, ImageData, load_images
from pixeledu.models import AutoregressiveModel
from pixeledu.outputs import OUTPUTS
from pixeledu.pretrained import list_pretrained, pretrained_file
from pixeledu.registry import MODEL_NAMES, build_model
from pixeledu.training import fit
from pixeledu.training.loop import PRECISIONS
from pixeledu.training.processes import current_group

# The options that are arguments of `fit`.
OF_FIT = {
    "epochs": {"metavar": "N", "type": int, "help": "at most this many (%(default)s)"},
    "batch_size": {"metavar": "N", "type": int, "help": "images in a step (%(default)s)"},
    "learning_rate": {"metavar": "X", "type": float, "help": "peak (%(default)s)"},
    "weight_decay": {"metavar": "X", "type": float, "help": "AdamW's (%(default)s)"},
    "patience": {"metavar": "N", "type": int, "help": "stop after this many epochs without gain"},
    "seed": {"metavar": "N", "type": seed, "help": "fixes all chance (%(default)s)"},
    "checkpoint_every": {"metavar": "N", "type": int, "help": "steps (those of an epoch)"},
    "mirror": {"action": "store_true", "help": "turn half of the training images left to right"},
    "shift": {"metavar": "N", "type": int, "help": "move training images by up to N pixels"},
    "compile": {"action": "store_true", "help": "use torch.compile"},
    "ema": {
        "metavar": "X",
        "type": float,
        "help": "how much of the averaged weights stays at each step (%(default)s)",
    },
    "precision": {
        "metavar": "TYPE",
        "choices": PRECISIONS,
        "help": "auto, float32 or bfloat16 (%(default)s: bfloat16 on a GPU that has it)",
    },
}


# Those that are arguments of all models.
OF_MODEL = {
    "output": {
        "metavar": "KIND",
        "choices": tuple(OUTPUTS),
        "help": "softmax, or logistics for a mixture of them (%(default)s)",
    },
    "dropout": {
        "metavar": "X",
        "type": float,
        "help": "share of each block's features that training leaves out (%(default)s)",
    },
}


def add_to(commands) -> None:
    """Add the command and its options."""
    models = "\n".join(f"  {name}" for name in MODEL_NAMES)
    command = commands.add_parser(
        "train",
        help="train a model and save it",
        description="Train a model, say how well it predicts held-out images, and save it.\n"
        "Stopped at any moment, the same command goes on from the last checkpoint.",
        epilog=f"models:\n{models}\n\n{IMAGE_SETS}\n\nexamples:\n  pixeledu train\n"
        "  pixeledu train --data mnist-5k --levels 2 --hidden 32 --out runs/mnist-2",
    )
    command.set_defaults(
        run=run,
        shared=True,
        after_ctrl_c="; the same command goes on from the last checkpoint",
    )
    command.add_argument(
        "--model", metavar="NAME", default="pixelcnn", help="one of those below (%(default)s)"
    )
    command.add_argument(
        "--data",
        metavar="NAME",
        default="digits",
        help="the image set, or the folder of one (%(default)s)",
    )
    command.add_argument(
        "--levels", metavar="N", type=int, help="reduce the images to this many levels"
    )
    command.add_argument(
        "--smaller",
        metavar="N",
        type=int,
        help="make the images N times smaller, as a model with --guide N needs to start from",
    )
    command.add_argument(
        "--hidden", metavar="N", type=int, help="the paper's h (the model's own default)"
    )
    command.add_argument(
        "--layers", metavar="N", type=int, help="number of blocks (the model's own default)"
    )
    command.add_argument(
        "--classes", action="store_true", help="let the model know the classes of the images"
    )
    command.add_argument(
        "--guide", metavar="N", type=int, help="let it draw from images that are N times smaller"
    )
    for argument, how in OF_MODEL.items():
        add_option(command, AutoregressiveModel, argument, **how)
    command.add_argument(
        "--start",
        metavar="MODEL",
        help="begin with the weights of a saved model, or of one that ships with pixeledu",
    )
    command.add_argument("--out", metavar="PATH", help="folder of the run (runs/MODEL-DATA)")
    for argument, how in OF_FIT.items():
        add_option(command, fit, argument, **how)
    add_device(command)


def run(options: argparse.Namespace, build: Callable = build_model, **info) -> None:
    """Do what the command says.

    Args:
        options: those of the command line.
        build: makes the model, as `build_model` does.
        info: more facts to keep in the checkpoints.
    """
    group = current_group()
    if group.size > 1:  # a download is made once, and found by the others
        group.run_on_leader(load_images, options.data)
    train, valid, test = (
        load_split(options.data, split, options.levels, options.smaller) for split in SPLITS
    )
    sizes = {"hidden": options.hidden, "layers": options.layers, "guide": options.guide}
    if options.classes:
        sizes["classes"] = _classes_of(train, options.data)
    torch.manual_seed(options.seed)
    model = build(
        options.model,
        channels=train.images.shape[1],
        levels=train.levels,
        **{name: size for name, size in sizes.items() if size is not None},
        **{argument: getattr(options, argument) for argument in OF_MODEL},
    )
    info["data"] = options.data
    if options.smaller is not None:
        info["smaller"] = options.smaller
    if options.start is not None:
        _start_from(model, options.start)
        info["start"] = options.start
    folder = Path(options.out or f"runs/{options.model}-{Path(os.path.abspath(options.data)).name}")
    step = read_info(folder / LAST).get("step") if (folder / LAST).exists() else None
    history = fit(
        model,
        train,
        valid,
        folder=folder,
        info=info,
        device=options.device,
        **{argument: getattr(options, argument) for argument in OF_FIT},
    )
    last = history.records[-1]
    print(f"weights: {sum(weight.numel() for weight in model.parameters())}")
    resumed = "" if step is None else f", resumed at step {step}"
    print(f"epochs: {last['epoch']} (best: {history.best_epoch}), {last['seconds']:.0f} s{resumed}")
    print(f"valid: {measured(model, valid)}")
    print(f"test: {measured(model, test)}")
    print(f"saved: {folder / BEST}")


def _classes_of(data: ImageData, name: str) -> int:
    if data.labels is None:
        raise ValueError(f"--classes needs images with labels, and {name} has none")
    return int(data.labels.max()) + 1


def _start_from(model: nn.Module, start: str) -> None:
    """Give the model the weights of another one of the same configuration."""
    other = load_checkpoint(pretrained_file(start) if start in list_pretrained() else start)
    if other.config != model.config:
        raise ValueError(
            f"--start {start} is a model of another configuration, {other.config}: this one has "
            f"{model.config}"
        )
    model.load_state_dict(other.state_dict())
