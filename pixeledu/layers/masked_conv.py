"""The masked convolution: a layer whose pixels see only what comes before them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu.checks import checked_features, whole_number
from pixeledu.fast.arithmetic import arithmetic_for
from pixeledu.layers.steps import LayerSteps
from pixeledu.masks import by_colour, causal_mask, group_slices


class MaskedConv2d(nn.Module):
    """Convolve an image so that no pixel sees itself (mask A) or anything after it (A and B).

    Args:
        in_features: features of each input pixel (for the first layer: the colours).
        out_features: features of each output pixel.
        kernel_size: odd size of the full window, or (height, width). Only the rows down to the
            centre are stored: `weight` has shape (out, in, height // 2 + 1, width).
        mask_type: "A" for the layer that reads the image, "B" for every later one.
        channels: colours of the image; see `colour_groups`.
        gates: equal parts of the output features, each with colour groups of its own.
    Raises:
        ValueError: an even kernel, an unknown mask type, fewer features than colours.
    Source: van den Oord et al. 2016, section 3.4.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: int | tuple[int, int],
        mask_type: str = "B",
        channels: int = 1,
        gates: int = 1,
    ):
        super().__init__()
        self.in_features = whole_number("in_features", in_features)
        self.out_features = whole_number("out_features", out_features)
        self.mask_type = mask_type
        self.channels = channels
        self.gates = gates
        mask = causal_mask(kernel_size, mask_type, in_features, out_features, channels, gates)
        # Derived from the arguments, so not part of the weights that are saved.
        self.register_buffer("mask", mask, persistent=False)
        self.masks_nothing = bool(mask.all())

        bound = mask[0].numel() ** -0.5
        self.weight = nn.Parameter(torch.empty(mask.shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound))

    def masked_weight(self) -> Tensor:
        """Return the weights as they act, (out, in, rows, width); the stored ones stay whole."""
        return self.weight if self.masks_nothing else self.weight * self.mask

    def forward(self, x: Tensor) -> Tensor:
        """Compute all pixels at once.

        Args:
            x: features, shape (B, in_features, H, W).
        Returns:
            Tensor of shape (B, out_features, H, W).
        Raises:
            ValueError: `x` has another shape.
        """
        checked_features(x, self.in_features)
        above, left = self.weight.shape[2] - 1, self.weight.shape[3] // 2
        if above:
            x = F.pad(x, (0, 0, above, 0))  # (B, in, above + H, W): nothing below the last row
            return F.conv2d(x, self.masked_weight(), self.bias, padding=(0, left))
        # In a single row the mask closes all to the right: half of the kernel is enough.
        if left:
            x = F.pad(x, (left, 0))  # (B, in, H, left + W)
        return F.conv2d(x, self.masked_weight()[..., : left + 1], self.bias)

    def steps(self, batch: int, width: int) -> "MaskedConv2dSteps | PointwiseSteps":
        """Start a computation pixel by pixel; see `pixeledu.layers`.

        Args:
            batch: images drawn side by side.
            width: their width in pixels.
        Returns:
            The step face of this layer, with the weights as they are now.
        """
        if self.weight.shape[2:] == (1, 1):
            return PointwiseSteps(self, batch)
        return MaskedConv2dSteps(self, batch, width)

    def extra_repr(self) -> str:
        rows, width = self.weight.shape[2:]
        return (
            f"{self.in_features}, {self.out_features}, kernel_size=({2 * rows - 1}, {width}), "
            f"mask_type={self.mask_type!r}, channels={self.channels}"
        )


class MaskedConv2dSteps(LayerSteps):
    """The masked convolution, one pixel at a time.

    The window of a pixel has two parts. The rows above are finished, so one convolution computes
    their share for the whole row when the row starts. The pixels to the left are multiplied when
    the pixel is read. Together this is the arithmetic of `forward`, and no more.
    """

    def __init__(self, layer: MaskedConv2d, batch: int, width: int, factors: Tensor | None = None):
        weight, bias = layer.masked_weight().detach(), layer.bias.detach()
        if factors is not None:  # of the output features, (out,)
            weight, bias = weight * factors[:, None, None, None], bias * factors
        order, targets = by_colour(layer.out_features, layer.channels, layer.gates)
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

    def start_row(self) -> None:
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


class PointwiseSteps(LayerSteps):
    """A 1×1 convolution, one pixel at a time: it remembers nothing, and one place serves all.

    A feature that is always 1 stands before the others, so that its weight is the bias.
    """

    def __init__(self, layer: MaskedConv2d, batch: int):
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
