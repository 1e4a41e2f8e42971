"""Causal layers, each with two faces that compute the same function.

* `layer(x)` takes the features of a whole image at once: training and likelihood.
* `layer.steps(batch, width)` takes one pixel at a time and keeps what it has seen: sampling. The
  protocol of these steps is described in `pixeledu.steps`.
"""

from pixeledu.layers.diagonal_bilstm import DiagonalBiLSTM, skew, unskew
from pixeledu.layers.gated import GatedBlock
from pixeledu.layers.masked_conv import MaskedConv2d
from pixeledu.layers.row_lstm import RowLSTM

__all__ = ["DiagonalBiLSTM", "GatedBlock", "MaskedConv2d", "RowLSTM", "skew", "unskew"]
