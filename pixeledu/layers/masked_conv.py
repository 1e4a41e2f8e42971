"""The masked convolution: a layer whose pixels see only what comes before them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu.checks import positive_int
from pixeledu.masks import causal_mask, group_slices


class MaskedConv2d(nn.Module):
    """Convolve an image so that no pixel sees itself (mask A) or anything after it (A and B).

    Args:
        in_features: features of each input pixel (for the first layer: the colours).
        out_features: features of each output pixel.
        kernel_size: odd size of the full window, or (height, width). Only the rows down to the
            centre are stored: `weight` has shape (out, in, height // 2 + 1, width).
        mask_type: "A" for the layer that reads the image, "B" for every later one.
        channels: colours of the image; see `colour_groups`.
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
    ):
        super().__init__()
        self.in_features = positive_int("in_features", in_features)
        self.out_features = positive_int("out_features", out_features)
        self.mask_type = mask_type
        self.channels = channels
        mask = causal_mask(kernel_size, mask_type, in_features, out_features, channels)
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
        if x.dim() != 4 or x.shape[1] != self.in_features:
            raise ValueError(
                f"x must have shape (B, {self.in_features}, H, W), got {tuple(x.shape)}"
            )
        above, left = self.weight.shape[2] - 1, self.weight.shape[3] // 2
        if above:
            x = F.pad(x, (0, 0, above, 0))  # (B, in, above + H, W): nothing below the last row
        return F.conv2d(x, self.masked_weight(), self.bias, padding=(0, left))

    def steps(self, batch: int, width: int) -> "MaskedConv2dSteps":
        """Start a computation pixel by pixel; see `pixeledu.layers`.

        Args:
            batch: images drawn side by side.
            width: their width in pixels.
        Returns:
            The step face of this layer, with the weights as they are now.
        """
        return MaskedConv2dSteps(self, batch, width)

    def extra_repr(self) -> str:
        rows, width = self.weight.shape[2:]
        return (
            f"{self.in_features}, {self.out_features}, kernel_size=({2 * rows - 1}, {width}), "
            f"mask_type={self.mask_type!r}, channels={self.channels}"
        )


class MaskedConv2dSteps:
    """The masked convolution, one pixel at a time.

    The window of a pixel has two parts. The rows above are finished, so one convolution computes
    their share for the whole row when the row starts. The pixels to the left are multiplied when
    the pixel is read. Together this is the arithmetic of `forward`, and no more.
    """

    def __init__(self, layer: MaskedConv2d, batch: int, width: int):
        weight = layer.masked_weight().detach()  # (out, in, rows, kernel width)
        out_features, in_features, rows, kernel_width = weight.shape
        self.bias = layer.bias.detach()
        self.left = left = kernel_width // 2
        # Both weight matrices list their inputs in the order in which they lie in memory.
        self.taps_above = weight[:, :, :-1].permute(2, 3, 1, 0).reshape(-1, out_features)
        taps = weight[:, :, -1, : left + 1].permute(2, 1, 0).flatten(0, 1)  # ((left+1)·in, out)

        # A 1×1 convolution remembers nothing, so that one place serves all columns.
        reused, width = (width, 1) if (rows, kernel_width) == (1, 1) else (1, width)
        # `left` pixels of padding stand before a row, and behind it too once it is finished.
        self.row = weight.new_zeros(batch, left + width, in_features)
        self.finished = weight.new_zeros(rows - 1, width + 2 * left, batch, in_features)
        self.from_above = self.bias.repeat(width, batch, 1)  # (W, B, out)

        self.places = [  # [colour][column]: the views a step needs, made once for all rows
            self._places(taps, source, target, layer.mask_type) * reused
            for source, target in zip(
                group_slices(in_features, layer.channels),
                group_slices(out_features, layer.channels),
                strict=True,
            )
        ]

    def _places(self, taps: Tensor, source: slice, target: slice, mask_type: str) -> list[tuple]:
        """List (slot, share, window, taps) of one colour for each column."""
        in_features = self.row.shape[2]
        # At the pixel itself, mask B sees the colours up to its own, mask A the earlier ones.
        seen = self.left * in_features + (source.stop if mask_type == "B" else source.start)
        slots = self.row[:, self.left :, source].unbind(1)  # W times (B, in of this colour)
        shares = self.from_above[:, :, target].unbind()  # W times (B, out of this colour)
        pixels = self.row.flatten(1)  # (B, (left + W)·in)
        starts = range(0, len(slots) * in_features, in_features)
        windows = [pixels[:, start : start + seen] for start in starts]
        taps = taps[:seen, target].contiguous()
        return [(*views, taps) for views in zip(slots, shares, windows, strict=True)]

    def start_row(self) -> None:
        """Finish the row drawn so far and compute what the next one takes from the rows above."""
        if len(self.finished):
            self.finished[:-1] = self.finished[1:].clone()
            self.finished[-1, self.left : -self.left or None] = self.row[:, self.left :].movedim(
                1, 0
            )
            windows = self.finished.unfold(
                1, 2 * self.left + 1, 1
            )  # (rows, W, B, in, kernel width)
            windows = windows.permute(1, 2, 0, 4, 3).flatten(2).flatten(0, 1)  # (W·B, rows·kw·in)
            shares = self.from_above.view(-1, len(self.bias))  # (W·B, out)
            torch.addmm(self.bias, windows, self.taps_above, out=shares)

    def put(self, x: Tensor, column: int, colour: int = 0) -> None:
        """Take in the input features of one colour of one pixel, shape (B, features)."""
        self.slot(column, colour).copy_(x)

    def slot(self, column: int, colour: int = 0) -> Tensor:
        """Return the place that `put` writes to, for operations that can write there directly."""
        return self.places[colour][column][0]

    def read(self, column: int, colour: int = 0, out: Tensor | None = None) -> Tensor:
        """Return the output features of one colour of one pixel, shape (B, features)."""
        _, share, window, taps = self.places[colour][column]
        # y = (share of the rows above and bias) + W · (pixels to the left, the pixel itself)
        return torch.addmm(share, window, taps, out=out)
