"""What the models are stacked from: residual blocks between a first layer and an output head.

Each block adds to a trunk of 2h features, and has two faces like a layer. Its step face has
`start_row`, and `add_to`, which changes the trunk at one colour of one pixel in place.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu.layers import DiagonalBiLSTM, MaskedConv2d, RowLSTM


class ResidualBlock(nn.Module):
    """Add to the trunk what a 1×1, a masked 3×3 and a 1×1 convolution make of it.

    Args:
        hidden: h; the trunk has 2h features, the block works on h.
        channels: colours of the image.
    Source: van den Oord et al. 2016, figure 5 (left).
    """

    def __init__(self, hidden: int, channels: int):
        super().__init__()
        self.reduce = MaskedConv2d(2 * hidden, hidden, 1, "B", channels)
        self.convolve = MaskedConv2d(hidden, hidden, 3, "B", channels)
        self.expand = MaskedConv2d(hidden, 2 * hidden, 1, "B", channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.reduce(F.relu(x))  # (B, h, H, W); x itself is still needed
        y = self.convolve(F.relu_(y))  # (B, h, H, W)
        return x + self.expand(F.relu_(y))  # (B, 2h, H, W)

    def steps(self, batch: int, width: int) -> "ResidualBlockSteps":
        return ResidualBlockSteps(self, batch, width)


class ResidualBlockSteps:
    """The residual block, one value at a time."""

    def __init__(self, block: ResidualBlock, batch: int, width: int):
        self.reduce = block.reduce.steps(batch, width)
        self.convolve = block.convolve.steps(batch, width)
        self.expand = block.expand.steps(batch, width)
        self.ops = self.reduce.ops

    def start_row(self) -> None:
        self.convolve.start_row()

    def add_to(self, x, column: int, colour: int) -> None:
        ops = self.ops
        ops.relu(x, out=self.reduce.slot(column, colour))
        ops.relu(self.reduce.compute(column, colour), out=self.convolve.slot(column, colour))
        ops.relu(self.convolve.compute(column, colour), out=self.expand.slot(column, colour))
        ops.add(x, self.expand.compute(column, colour), out=x)


class RecurrentBlock(nn.Module):
    """Add to the trunk what an LSTM layer and a 1×1 convolution make of it.

    Args:
        cell: "row" or "diagonal".
        hidden: h; the trunk has 2h features, the LSTM h for each gate.
        channels: colours of the image.
    Source: van den Oord et al. 2016, figure 5 (right).
    """

    def __init__(self, cell: str, hidden: int, channels: int):
        super().__init__()
        layer = {"row": RowLSTM, "diagonal": DiagonalBiLSTM}[cell]
        self.lstm = layer(2 * hidden, hidden, channels=channels)
        self.expand = MaskedConv2d(hidden, 2 * hidden, 1, "B", channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.expand(self.lstm(x))  # (B, 2h, H, W)

    def steps(self, batch: int, width: int) -> "RecurrentBlockSteps":
        return RecurrentBlockSteps(self, batch, width)


class RecurrentBlockSteps:
    """The recurrent block, one value at a time."""

    def __init__(self, block: RecurrentBlock, batch: int, width: int):
        self.lstm = block.lstm.steps(batch, width)
        self.expand = block.expand.steps(batch, width)
        self.ops = self.lstm.ops

    def start_row(self) -> None:
        self.lstm.start_row()

    def add_to(self, x, column: int, colour: int) -> None:
        ops = self.ops
        ops.copy(x, out=self.lstm.slot(column, colour))
        ops.copy(self.lstm.compute(column, colour), out=self.expand.slot(column, colour))
        ops.add(x, self.expand.compute(column, colour), out=x)


class OutputHead(nn.Module):
    """Turn trunk features into logits: twice a ReLU and a 1×1 convolution with mask B.

    Args:
        features: features of the trunk.
        channels: colours of the image.
        levels: values a pixel can take.
    Source: van den Oord et al. 2016, table 1.
    """

    def __init__(self, features: int, channels: int, levels: int):
        super().__init__()
        self.mix = MaskedConv2d(features, features, 1, "B", channels)
        self.predict = MaskedConv2d(features, channels * levels, 1, "B", channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.predict(F.relu_(self.mix(F.relu(x))))  # (B, C·levels, H, W)

    def steps(self, batch: int, width: int) -> "OutputHeadSteps":
        return OutputHeadSteps(self, batch, width)


class OutputHeadSteps:
    """The output head, one value at a time."""

    def __init__(self, head: OutputHead, batch: int, width: int):
        self.mix = head.mix.steps(batch, width)
        self.predict = head.predict.steps(batch, width)
        self.ops = self.mix.ops

    def compute(self, x, column: int, colour: int):
        """Turn the trunk at one colour of one pixel into its logits, an array (B, levels)."""
        self.ops.relu(x, out=self.mix.slot(column, colour))
        self.ops.relu(self.mix.compute(column, colour), out=self.predict.slot(column, colour))
        return self.predict.compute(column, colour)
