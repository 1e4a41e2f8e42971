"""The masked convolution: half a kernel where that is enough, and its steps over arrays."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pixeledu.fast.arithmetic import arithmetic_for
from pixeledu.fast.arrays import ArraySteps
from pixeledu.masks import by_colour, group_slices


def convolve_down(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve with a window that ends in the row of its pixel; see `layers.masked_conv`."""
    rows, width = weight.shape[2:]
    left = width // 2
    if rows > 1:
        x = F.pad(x, (0, 0, rows - 1, 0))  # (B, in, rows - 1 + H, W): nothing below the last row
        return F.conv2d(x, weight, bias, padding=(0, left))
    # In a single row the mask closes all to the right: half of the kernel is enough.
    if left:
        x = F.pad(x, (left, 0))  # (B, in, H, left + W)
    return F.conv2d(x, weight[..., : left + 1], bias)


def MaskedConv2dSteps(layer, batch: int, width: int) -> ArraySteps:
    """Choose the steps of a masked convolution by the size of its window."""
    if layer.weight.shape[2:] == (1, 1):
        return PointwiseSteps(layer, batch)
    return WindowSteps(layer, batch, width)


class WindowSteps(ArraySteps):
    """The masked convolution with a window of several pixels, one pixel at a time.

    The window of a pixel has two parts. The rows above are finished, so one convolution computes
    their share for the whole row when the row starts. The pixels to the left are multiplied when
    the pixel is read. Together this is the arithmetic of `forward`, and no more.
    """

    def __init__(self, layer, batch: int, width: int, factors: Tensor | None = None):
        weight, bias = layer.masked_weight().detach(), layer.bias.detach()
        if factors is not None:  # of the output features, (out,)
            weight, bias = weight * factors[:, None, None, None], bias * factors
        order, targets = by_colour(layer.out_features, layer.channels, layer.gates)
        self.order = order
        weight, self.bias = weight[order], bias[order]  # (out, in, rows, kernel width)
        out_features, in_features, rows, kernel_width = weight.shape
        self.ops = arithmetic_for(weight)
        self.left = left = kernel_width // 2
        # Both weight matrices list their inputs in the order in which they lie in memory.
        self.taps_above = weight[:, :, :-1].permute(2, 3, 1, 0).reshape(-1, out_features)
        taps = weight[:, :, -1, : left + 1].permute(2, 1, 0).flatten(0, 1)  # ((left+1)·in, out)

        # `left` pixels of padding stand before a row, and behind it too once it is finished.
        self.row = weight.new_zeros(batch, left + width, in_features)
        self.finished = weight.new_zeros(rows - 1, width + 2 * left, batch, in_features)
        # What a pixel gets from finished rows, and the bias.
        self.shares = self.bias.repeat(width, batch, 1)  # (W, B, out)

        sources = group_slices(in_features, layer.channels)
        self.places = [  # [colour][column]: the views a step needs, made once for all rows
            self._places(taps, source, target, layer.mask_type)
            for source, target in zip(sources, targets, strict=True)
        ]
        self.outputs = [places[0][-1] for places in self.places]  # [colour]

    def _places(self, taps: Tensor, source: slice, target: slice, mask_type: str) -> list[tuple]:
        """List (slot, product, share, output) of one colour for each column."""
        view, (batch, _, in_features) = self.ops.view, self.row.shape
        # At the pixel itself, mask B sees the colours up to its own, mask A the earlier ones.
        seen = self.left * in_features + (source.stop if mask_type == "B" else source.start)
        slots = self.row[:, self.left :, source].unbind(1)  # W times (B, in of this colour)
        shares = self.shares[:, :, target].unbind()  # W times (B, out of this colour)
        pixels = self.row.flatten(1)  # (B, (left + W)·in)
        taps = taps[:seen, target].contiguous()
        output = taps.new_empty(batch, taps.shape[1])
        starts = range(0, len(slots) * in_features, in_features)
        products = [self.ops.product(pixels[:, at : at + seen], taps, out=output) for at in starts]
        return [
            (view(slot), product, view(share), view(output))
            for slot, product, share in zip(slots, products, shares, strict=True)
        ]

    def start_row(self, vertical=None, condition: Tensor | None = None) -> None:
        """Finish the row computed so far and compute what the next one takes from those above."""
        if len(self.finished):
            row = self.row[:, self.left :].movedim(1, 0)  # (W, B, in)
            self.finished[:-1] = self.finished[1:].clone()
            self.finished[-1, self.left : self.left + len(row)] = row
            windows = self.finished.unfold(1, 2 * self.left + 1, 1)  # (rows, W, B, in, kernel)
            windows = windows.permute(1, 2, 0, 4, 3).flatten(2)  # (W, B, rows·kernel·in)
            shares = self.shares.flatten(0, 1)  # (W·B, out)
            torch.addmm(self.bias, windows.flatten(0, 1), self.taps_above, out=shares)

    def slot(self, column: int, colour: int = 0):
        """Return the array that takes the input features of one colour of one pixel."""
        return self.places[colour][column][0]

    def compute(self, column: int, colour: int = 0):
        """Return the output features of one colour of one pixel as an array (B, features)."""
        _, product, share, y = self.places[colour][column]
        # y = W · (pixels to the left, the pixel itself) + (share of the rows above and bias)
        product()
        self.ops.add(y, share, out=y)
        return y


class PointwiseSteps(ArraySteps):
    """A 1×1 convolution, one pixel at a time: it remembers nothing, and one place serves all.

    A feature that is always 1 stands before the others, so that its weight is the bias.
    """

    def __init__(self, layer, batch: int):
        weight = layer.masked_weight().detach().flatten(1)  # (out, in)
        order, targets = by_colour(layer.out_features, layer.channels, layer.gates)
        taps = torch.cat([layer.bias.detach()[:, None], weight], dim=1)[order].T  # (1 + in, out)
        self.ops = arithmetic_for(weight)
        self.pixel = weight.new_zeros(batch, len(taps))
        self.pixel[:, 0] = 1
        self.places = []  # [colour]: (slot, product, output)
        sources = group_slices(layer.in_features, layer.channels)
        for source, target in zip(sources, targets, strict=True):
            seen = 1 + (source.stop if layer.mask_type == "B" else source.start)
            slot = self.pixel[:, 1 + source.start : 1 + source.stop]
            output = weight.new_empty(batch, target.stop - target.start)
            taps_seen = taps[:seen, target].contiguous()
            product = self.ops.product(self.pixel[:, :seen], taps_seen, out=output)
            self.places.append((self.ops.view(slot), product, self.ops.view(output)))

    def slot(self, column: int, colour: int = 0):
        """Return the array that takes the input features of one colour of a pixel."""
        return self.places[colour][0]

    def compute(self, column: int, colour: int = 0):
        """Return the output features of one colour of the pixel as an array (B, features)."""
        _, product, y = self.places[colour]
        product()
        return y
