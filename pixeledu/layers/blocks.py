"""The residual blocks of the models: each adds to a trunk of 2h features what its layer makes of it."""

import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu import fast
from pixeledu.conditions import condition_layer, project
from pixeledu.layers.diagonal_bilstm import DiagonalBiLSTM
from pixeledu.layers.masked_conv import MaskedConv2d
from pixeledu.layers.row_lstm import RowLSTM
from pixeledu.masks import group_slices
from pixeledu.steps import Steps


class ResidualBlock(nn.Module):
    """Add to the trunk what a 1×1, a masked 3×3 and a 1×1 convolution make of it.

    Args:
        hidden: h; the trunk has 2h features, the block works on h.
        channels: colours of the image.
        condition_features: features of what else the block depends on; None for nothing.
        dropout: share of the h features that training leaves out.
    Source: van den Oord et al. 2016, figure 5 (left).
    """

    def __init__(
        self,
        hidden: int,
        channels: int,
        condition_features: int | None = None,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.reduce = MaskedConv2d(2 * hidden, hidden, 1, "B", channels)
        self.convolve = MaskedConv2d(hidden, hidden, 3, "B", channels)
        self.expand = MaskedConv2d(hidden, 2 * hidden, 1, "B", channels)
        self.condition = condition_layer(condition_features, hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Compute all pixels of the trunk at once, (B, 2h, H, W) -> (B, 2h, H, W).

        The condition has the shape (B, condition_features, H, W) or (B, condition_features, 1, 1).
        """
        y = self.reduce(F.relu(x))  # (B, h, H, W)
        y = self.convolve(F.relu(y))  # (B, h, H, W)
        if condition is not None:
            y = y + self.condition(condition)  # (B, h, H, W)
        return x + self.expand(self.dropout(F.relu(y)))  # (B, 2h, H, W)

    def steps(self, batch: int, width: int) -> Steps:
        """Start a computation pixel by pixel; see `pixeledu.steps`."""
        return fast.steps_of(self, ResidualBlockSteps)(self, batch, width)


class ResidualBlockSteps(Steps):
    """The residual block, one value at a time."""

    def __init__(self, block: ResidualBlock, batch: int, width: int):
        self.block = block
        self.reduce = block.reduce.steps(batch, width)
        self.convolve = block.convolve.steps(batch, width)
        self.expand = block.expand.steps(batch, width)
        self.groups = group_slices(block.convolve.out_features, block.convolve.channels)

    def start_row(self, vertical=None, condition: Tensor | None = None) -> None:
        for layer in (self.reduce, self.convolve, self.expand):
            layer.start_row()
        self.added = project(self.block.condition, condition)  # (B, h, W), or None

    def put(self, x: Tensor, column: int, colour: int = 0) -> None:
        self.x = x

    def read(self, column: int, colour: int = 0) -> Tensor:
        y = self.reduce.step(F.relu(self.x), column, colour)
        y = self.convolve.step(F.relu(y), column, colour)
        if self.added is not None:
            y = y + self.added[:, self.groups[colour], column]
        return self.x + self.expand.step(F.relu(y), column, colour)


class RecurrentBlock(nn.Module):
    """Add to the trunk what an LSTM layer and a 1×1 convolution make of it.

    Args:
        cell: "row" or "diagonal".
        hidden: h; the trunk has 2h features, the LSTM h for each gate.
        channels: colours of the image.
        condition_features: features of what else the block depends on; None for nothing.
        dropout: share of the h features that training leaves out.
    Source: van den Oord et al. 2016, figure 5 (right).
    """

    def __init__(
        self,
        cell: str,
        hidden: int,
        channels: int,
        condition_features: int | None = None,
        dropout: float = 0.0,
    ):
        super().__init__()
        layer = {"row": RowLSTM, "diagonal": DiagonalBiLSTM}[cell]
        self.lstm = layer(2 * hidden, hidden, channels=channels)
        self.expand = MaskedConv2d(hidden, 2 * hidden, 1, "B", channels)
        gates = self.lstm.input_to_state.out_features  # 4h, or 8h for two directions
        self.condition = condition_layer(condition_features, gates)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Compute all pixels of the trunk at once, (B, 2h, H, W) -> (B, 2h, H, W).

        The condition has the shape (B, condition_features, H, W) or (B, condition_features, 1, 1).
        """
        # The condition is added to the gates: (B, 4h or 8h, H or 1, W or 1).
        given = () if condition is None else (self.condition(condition),)
        y = self.lstm(x, *given)  # (B, h, H, W)
        return x + self.expand(self.dropout(y))  # (B, 2h, H, W)

    def steps(self, batch: int, width: int) -> Steps:
        """Start a computation pixel by pixel; see `pixeledu.steps`."""
        return fast.steps_of(self, RecurrentBlockSteps)(self, batch, width)


class RecurrentBlockSteps(Steps):
    """The recurrent block, one value at a time."""

    def __init__(self, block: RecurrentBlock, batch: int, width: int):
        self.block = block
        self.lstm = block.lstm.steps(batch, width)
        self.expand = block.expand.steps(batch, width)

    def start_row(self, vertical=None, condition: Tensor | None = None) -> None:
        self.lstm.start_row(condition=project(self.block.condition, condition))
        self.expand.start_row()

    def put(self, x: Tensor, column: int, colour: int = 0) -> None:
        self.x = x

    def read(self, column: int, colour: int = 0) -> Tensor:
        y = self.lstm.step(self.x, column, colour)
        return self.x + self.expand.step(y, column, colour)
