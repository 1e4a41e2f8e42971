"""The steps of residual blocks and outputs over arrays."""

import torch
from torch import Tensor

from pixeledu.conditions import project
from pixeledu.fast.arrays import ArraySteps, BlockSteps, by_pixel
from pixeledu.fast.convolution import MaskedConv2dSteps, PointwiseSteps, WindowSteps
from pixeledu.fast.lstm import DiagonalBiLSTMSteps, RowLSTMSteps


class ResidualBlockSteps(BlockSteps):
    """The residual block, one value at a time."""

    def __init__(self, block, batch: int, width: int):
        self.condition = block.condition
        self.reduce = PointwiseSteps(block.reduce, batch)
        self.convolve = WindowSteps(block.convolve, batch, width)
        self.expand = PointwiseSteps(block.expand, batch)
        self.ops = self.reduce.ops

    def start_row(self, vertical=None, condition: Tensor | None = None) -> None:
        self.convolve.start_row()
        if condition is not None:
            added = by_pixel(project(self.condition, condition))  # (W·B, h)
            self.convolve.shares.flatten(0, 1).add_(added[:, self.convolve.order])

    def add_to(self, x, column: int, colour: int) -> None:
        ops = self.ops
        ops.relu(x, out=self.reduce.slot(column, colour))
        ops.relu(self.reduce.compute(column, colour), out=self.convolve.slot(column, colour))
        ops.relu(self.convolve.compute(column, colour), out=self.expand.slot(column, colour))
        ops.add(x, self.expand.compute(column, colour), out=x)


class RecurrentBlockSteps(BlockSteps):
    """The recurrent block, one value at a time."""

    def __init__(self, block, batch: int, width: int):
        self.condition = block.condition
        kernels = {"RowLSTM": RowLSTMSteps, "DiagonalBiLSTM": DiagonalBiLSTMSteps}
        self.lstm = kernels[type(block.lstm).__name__](block.lstm, batch, width)
        self.expand = MaskedConv2dSteps(block.expand, batch, width)
        self.ops = self.lstm.ops

    def start_row(self, vertical=None, condition: Tensor | None = None) -> None:
        self.lstm.start_row(None, project(self.condition, condition))

    def add_to(self, x, column: int, colour: int) -> None:
        ops = self.ops
        ops.copy(x, out=self.lstm.slot(column, colour))
        ops.copy(self.lstm.compute(column, colour), out=self.expand.slot(column, colour))
        ops.add(x, self.expand.compute(column, colour), out=x)


class OutputSteps(ArraySteps):
    """An output, one value at a time."""

    def __init__(self, output, batch: int, width: int):
        self.logits = output.logits
        self.mix = PointwiseSteps(output.mix, batch)
        self.predict = PointwiseSteps(output.predict, batch)
        self.ops = self.mix.ops

    def logits_of(self, x, column: int, colour: int) -> Tensor:
        """Turn the trunk at one colour of one pixel, an array, into its logits, (B, levels)."""
        self.ops.relu(x, out=self.mix.slot(column, colour))
        self.ops.relu(self.mix.compute(column, colour), out=self.predict.slot(column, colour))
        return self.logits(torch.as_tensor(self.predict.compute(column, colour)))

    def put(self, x: Tensor, column: int, colour: int = 0) -> None:
        self.x = self.ops.view(x)

    def read(self, column: int, colour: int = 0) -> Tensor:
        return self.logits_of(self.x, column, colour).clone()
