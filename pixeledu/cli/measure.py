"""`pixeledu evaluate` and `pixeledu pretrained`: how well a model predicts held-out images."""

import argparse

from pixeledu.checkpoints import load_checkpoint
from pixeledu.cli.arguments import IMAGE_SETS, add_checkpoint, add_device, add_held_out_images
from pixeledu.cli.loading import checkpoint_of, data_for, in_words, measured
from pixeledu.data import ImageData
from pixeledu.likelihood import class_nats
from pixeledu.models import AutoregressiveModel
from pixeledu.pretrained import list_pretrained, pretrained_card
from pixeledu.training.processes import own_device


def add_to(commands) -> None:
    """Add the commands and their options."""
    command = commands.add_parser(
        "evaluate",
        help="measure a model on held-out images",
        description="Say how well a saved model predicts images: nats per image with their\n"
        "standard error, and bits per dimension.",
        epilog=f"{IMAGE_SETS}\n\nexample:\n"
        "  pixeledu evaluate --checkpoint runs/pixelcnn-digits --split test",
    )
    command.set_defaults(run=_evaluate, shared=True)
    add_checkpoint(command)
    add_held_out_images(command)
    command.add_argument(
        "--classify",
        action="store_true",
        help="count how many images Bayes' rule classifies rightly",
    )
    add_device(command)

    command = commands.add_parser(
        "pretrained",
        help="list the models that ship with pixeledu",
        description="List the models that ship with pixeledu, and how well they predict held-out\n"
        "test images: nats per image with their standard error, and bits per dimension.",
        epilog="example:\n  pixeledu pretrained",
    )
    command.set_defaults(run=_pretrained)


def _evaluate(options: argparse.Namespace) -> None:
    model = load_checkpoint(checkpoint_of(options), own_device(options.device))
    data = data_for(model, options)
    print(f"{options.split}: {measured(model, data)}")
    if options.classify:
        print(f"classified: {_classified(model, data)}")


def _classified(model: AutoregressiveModel, data: ImageData) -> str:
    """Say how many images Bayes' rule gives their own class."""
    if data.labels is None:
        raise ValueError("--classify needs images with labels, and these have none")
    guessed = class_nats(model, data.images).argmin(1)
    right = int((guessed == data.labels).sum())
    return f"{right} of {len(guessed)} right by Bayes' rule"


def _pretrained(options: argparse.Namespace) -> None:
    for name in list_pretrained():
        print(f"{name}: {in_words(pretrained_card(name)['nats']['test'])}")
