"""The steps of the gated block over arrays."""

import torch
from torch import Tensor

from pixeledu.conditions import project
from pixeledu.fast.arrays import ArraySteps, BlockSteps, by_pixel
from pixeledu.fast.convolution import MaskedConv2dSteps, WindowSteps
from pixeledu.masks import by_colour


class GatedBlockSteps(BlockSteps):
    """The gated block, one pixel at a time.

    The vertical map of a row depends on finished rows alone: it is computed for the whole row when
    the row starts, and with it the share that the horizontal gates take from it.
    """

    def __init__(self, block, batch: int, width: int):
        hidden, in_features = block.hidden, block.in_features
        self.reads_image = block.mask_type == "A"
        self.reach = block.reach
        weight = block.vertical.weight.detach()  # (2h, in, rows, k)
        self.vertical_bias = block.vertical.bias.detach()
        self.vertical_taps = weight.permute(2, 3, 1, 0).flatten(0, 2)  # (rows·k·in, 2h)
        # Since σ(z) = (1 + tanh(z / 2)) / 2, one tanh serves both halves.
        factors = weight.new_ones(2 * hidden)
        factors[hidden:] = 0.5
        self.factors, self.condition = factors, block.condition
        self.horizontal = WindowSteps(block.horizontal, batch, width, factors)
        self.ops = self.horizontal.ops
        order, _ = by_colour(2 * hidden, block.channels, gates=2)
        link = block.link.weight.detach().flatten(1) * factors[:, None]  # (2h, 2h)
        self.link_taps = link[order].T.contiguous()  # (2h, 2h)
        self.expand = MaskedConv2dSteps(block.expand, batch, width)

        # The last rows that the vertical convolution looks at, with padding on both sides.
        self.rows = weight.new_zeros(weight.shape[2], width + 2 * self.reach, batch, in_features)
        self.halves = [  # [colour]: the two halves of the gates
            (gates, gates[:, : gates.shape[1] // 2], gates[:, gates.shape[1] // 2 :])
            for gates in self.horizontal.outputs
        ]

    def start_row(self, vertical: Tensor | None = None, condition: Tensor | None = None) -> Tensor:
        """Finish the row computed so far and compute the vertical map of the next one."""
        if self.reads_image:
            row = self.horizontal.row[:, self.reach :].movedim(1, 0)  # (W, B, in): the row above
        else:
            row = vertical.permute(2, 0, 1)  # (W, B, in)
        width, batch, _ = row.shape
        self.rows[:-1] = self.rows[1:].clone()
        self.rows[-1, self.reach : self.reach + width] = row
        windows = self.rows.unfold(1, 2 * self.reach + 1, 1)  # (rows, W, B, in, k)
        windows = windows.permute(1, 2, 0, 4, 3).flatten(2).flatten(0, 1)  # (W·B, rows·k·in)
        sums = torch.addmm(self.vertical_bias, windows, self.vertical_taps)  # (W·B, 2h)
        shares = self.horizontal.shares.flatten(0, 1)  # (W·B, 2h)
        torch.addmm(self.horizontal.bias, sums, self.link_taps, out=shares)
        if condition is not None:
            both = by_pixel(project(self.condition, condition))  # (W·B, 4h)
            for_vertical, for_horizontal = both.chunk(2, dim=1)
            sums = sums + for_vertical
            shares += (for_horizontal * self.factors)[:, self.horizontal.order]
        f, g = sums.chunk(2, dim=1)
        new = torch.tanh(f) * torch.sigmoid(g)  # (W·B, h)
        return new.unflatten(0, (width, batch)).permute(1, 2, 0)  # (B, h, W)

    def slot(self, column: int, colour: int = 0):
        """Return the array that takes the horizontal features of one colour of one pixel."""
        return self.horizontal.slot(column, colour)

    def compute(self, column: int, colour: int = 0):
        """Return what the block adds to one colour of one pixel as an array (B, features)."""
        ops = self.ops
        self.horizontal.compute(column, colour)
        gates, f, g = self.halves[colour]
        ops.tanh(gates, out=gates)
        # tanh(f) · (1 + tanh(g / 2)) / 2
        ops.add(g, 1, out=g)
        ops.multiply(g, 0.5, out=g)
        ops.multiply(f, g, out=self.expand.slot(column, colour))
        return self.expand.compute(column, colour)

    def add_to(self, x, column: int, colour: int) -> None:
        self.ops.copy(x, out=self.slot(column, colour))
        self.ops.add(x, self.compute(column, colour), out=x)

    def put(self, x: Tensor, column: int, colour: int = 0) -> None:
        if self.reads_image:
            ArraySteps.put(self, x, column, colour)
        else:
            super().put(x, column, colour)

    def read(self, column: int, colour: int = 0) -> Tensor:
        if self.reads_image:
            return ArraySteps.read(self, column, colour)
        return super().read(column, colour)
