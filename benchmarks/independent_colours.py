"""Train a gated PixelCNN whose colours are independent: `python benchmarks/independent_colours.py`.

Takes the options of `pixeledu train` and does the same, with one difference: in the first layer the
weights at the pixel itself, through which green sees red and blue sees both, are zero and stay zero.
So the colours of a pixel depend on all earlier pixels and not on each other, and all else is equal:
layers, numbers of features, the order of the images. `pixeledu train` must have trained the twin with
the same options.
"""

import sys

import torch

from pixeledu.cli import train
from pixeledu.cli.parser import parser
from pixeledu.models import AutoregressiveModel, GatedPixelCNN
from pixeledu.registry import build_model


def independent(model: AutoregressiveModel) -> AutoregressiveModel:
    """Take from the colours of a pixel what they know of each other; training gives none of it back."""
    if not isinstance(model, GatedPixelCNN):
        raise ValueError(f"the model must be a gated-pixelcnn, got {model.config['model']}")
    layer = model.first.horizontal  # (2h, C, 1, k): its row of the image
    centre = layer.weight.shape[3] // 2
    layer.mask[..., centre] = False  # so no gradient comes to these weights
    with torch.no_grad():
        layer.weight[..., centre] = 0
    return model


def build(*names, **config) -> AutoregressiveModel:
    """Build a model as `build_model` does, with independent colours."""
    return independent(build_model(*names, **config))


if __name__ == "__main__":
    options = parser().parse_args(["train", *sys.argv[1:]])
    train.run(options, build, script="benchmarks/independent_colours.py")
