"""Drawings of the networks, made from the modules they show, in the colours of the page around them."""

from pixeledu.diagrams.networks import (
    diagonal_bilstm,
    gated_block,
    network,
    residual_block,
    row_lstm,
)

__all__ = ["diagonal_bilstm", "gated_block", "network", "residual_block", "row_lstm"]
