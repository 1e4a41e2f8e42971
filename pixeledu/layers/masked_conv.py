"""The masked convolution: a layer whose pixels see only what comes before them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu import fast
from pixeledu.checks import checked_features, whole_number
from pixeledu.masks import by_colour, causal_mask, group_slices
from pixeledu.steps import Steps


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
        bound = mask[0].numel() ** -0.5
        self.weight = nn.Parameter(torch.empty(mask.shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound))
        # Derived from the arguments, so not part of the weights that are saved.
        self.register_buffer("mask", mask.to(self.weight.device), persistent=False)
        self.masks_nothing = bool(mask.all())

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
        return fast.kernel(convolve_down)(x, self.masked_weight(), self.bias)

    def steps(self, batch: int, width: int) -> Steps:
        """Start a computation pixel by pixel; see `pixeledu.steps`."""
        return fast.steps_of(self, MaskedConv2dSteps)(self, batch, width)

    def extra_repr(self) -> str:
        rows, width = self.weight.shape[2:]
        return (
            f"{self.in_features}, {self.out_features}, kernel_size=({2 * rows - 1}, {width}), "
            f"mask_type={self.mask_type!r}, channels={self.channels}"
        )


def convolve_down(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve with a window that ends in the row of its pixel.

    Args:
        x: features, shape (B, in, H, W).
        weight: shape (out, in, rows, k), its last row that of the pixel.
        bias: shape (out,).
    Returns:
        Tensor of shape (B, out, H, W).
    """
    rows, width = weight.shape[2:]
    x = F.pad(x, (width // 2, width // 2, rows - 1, 0))  # (B, in, rows - 1 + H, W + k - 1)
    return F.conv2d(x, weight, bias)  # (B, out, H, W)


class MaskedConv2dSteps(Steps):
    """The masked convolution, one pixel at a time.

    The rows of the window above the pixel are finished: their share is computed for the whole row
    when the row starts. The row of the pixel itself is multiplied when the pixel is read.
    """

    def __init__(self, layer: MaskedConv2d, batch: int, width: int):
        self.weight, self.bias = layer.masked_weight().detach(), layer.bias.detach()
        self.sources = group_slices(layer.in_features, layer.channels)  # features of each colour
        order, targets = by_colour(layer.out_features, layer.channels, layer.gates)
        self.targets = [order[target] for target in targets]
        rows, self.kernel = self.weight.shape[2:]
        self.left = self.kernel // 2
        # The rows of the window, the last one being drawn, with padding at both ends.
        shape = (batch, layer.in_features, rows, width + 2 * self.left)
        self.rows = self.weight.new_zeros(shape)

    def start_row(self, vertical=None, condition=None) -> None:
        above, below = self.rows[:, :, 1:], torch.zeros_like(self.rows[:, :, :1])
        self.rows = torch.cat([above, below], dim=2)  # (B, in, rows, W + k - 1)
        batch, _, rows, padded = self.rows.shape
        if rows == 1:
            self.share = self.bias[:, None].expand(batch, -1, padded)  # nothing stands above
            return
        share = F.conv2d(self.rows[:, :, :-1], self.weight[:, :, :-1], self.bias)
        self.share = share.squeeze(2)  # (B, out, W)

    def put(self, x: Tensor, column: int, colour: int = 0) -> None:
        self.rows[:, self.sources[colour], -1, self.left + column] = x

    def read(self, column: int, colour: int = 0) -> Tensor:
        target = self.targets[colour]
        window = self.rows[:, :, -1, column : column + self.kernel]  # (B, in, k)
        here = torch.einsum("bik,oik->bo", window, self.weight[target, :, -1])  # (B, out of colour)
        return here + self.share[:, target, column]
