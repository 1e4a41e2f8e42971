"""Causal layers. Each has two faces that compute the same function.

* `layer(x)` takes the features of a whole image at once: training and likelihood.
* `layer.steps(batch, width)` takes one pixel at a time and keeps what it has seen: sampling.

The object that `steps` returns is used like this, with `x` the input features of one colour:

    steps = layer.steps(batch, width)
    for row in range(height):
        steps.start_row()                          # what depends on finished rows alone
        for column in range(width):
            for colour in range(channels):
                steps.put(x, column, colour)
                y = steps.read(column, colour)     # (batch, output features of this colour)

With mask A a value does not see itself, so `read` comes before `put`: the value is drawn first.
The object holds a few rows and never the whole image, so its memory does not grow with the height.
"""

from pixeledu.layers.diagonal_bilstm import DiagonalBiLSTM, skew, unskew
from pixeledu.layers.gated import GatedBlock
from pixeledu.layers.masked_conv import MaskedConv2d
from pixeledu.layers.row_lstm import RowLSTM

__all__ = ["DiagonalBiLSTM", "GatedBlock", "MaskedConv2d", "RowLSTM", "skew", "unskew"]
