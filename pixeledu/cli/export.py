"""`pixeledu export`: a model as one small file for a web page."""

import argparse

from pixeledu.checkpoints import load_checkpoint, read_info
from pixeledu.cli.arguments import (
    IMAGE_SETS,
    add_checkpoint,
    add_count,
    add_held_out_images,
    add_option,
    add_out,
)
from pixeledu.cli.loading import checkpoint_of, data_for, labels_for
from pixeledu.files import write_atomically
from pixeledu.web.export import CHOICES, export_model, quantising_cost


def add_to(commands) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "export",
        help="pack a model for a web page",
        description="Write a saved model as one small file that a web page can run, and say how much\n"
        "worse it predicts held-out images than the model itself.",
        epilog=f"{IMAGE_SETS}\n\nexamples:\n"
        "  pixeledu export --checkpoint runs/pixelcnn-digits --out pixelcnn.pxe\n"
        "  pixeledu export --pretrained digits-row-lstm --dtype float16",
    )
    command.set_defaults(run=_export)
    add_checkpoint(command)
    add_held_out_images(command)
    add_count(command, 1000, "images to measure it on")
    add_option(
        command,
        export_model,
        "dtype",
        choices=CHOICES,
        help="how weights are stored: auto, int8 or float16 (%(default)s: int8, and float16 for a\n"
        "model of 64 levels or more)",
        metavar="TYPE",
    )
    add_out(command, "model.pxe")


def _export(options: argparse.Namespace) -> None:
    checkpoint = checkpoint_of(options)
    model, info = load_checkpoint(checkpoint), read_info(checkpoint)
    facts = {name: info[name] for name in ("size", "data") if name in info}
    content = export_model(model, options.dtype, **facts)
    data = data_for(model, options)
    labels = labels_for(model, data)
    labels = labels if labels is None else labels[: options.n]
    cost = quantising_cost(model, content, data.images[: options.n], labels)
    write_atomically(options.out, content)
    print(f"weights: {sum(weight.numel() for weight in model.parameters())}")
    print(
        f"{options.split}: {cost['before']:.3f} nats before, {cost['after']:.3f} after "
        f"({cost['percent']:+.3f} %), {cost['images']} images"
    )
    print(f"saved: {options.out} ({len(content)} bytes)")
