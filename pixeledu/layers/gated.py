"""The gated block: two stacks of convolutions, so that no pixel in the past stays unseen."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu.checks import checked_features, whole_number
from pixeledu.layers.masked_conv import MaskedConv2d, MaskedConv2dSteps
from pixeledu.layers.steps import LayerSteps
from pixeledu.masks import by_colour, kernel_shape


class GatedBlock(nn.Module):
    """Carry two maps: one knows all rows above a pixel, the other what stands left of it as well.

    The vertical map of a row is computed from the rows above, as wide as they are, so that it has
    no blind spot. The horizontal map reads its own row through a mask, and the vertical map of the
    same pixel through a 1×1 convolution. Both end in a gate: tanh(f) · σ(g).

    The row itself must be left out of the vertical map once, and only once: the block that reads
    the image (mask A) looks at the rows above, every later one at its own row of the vertical map
    too. That row already stands for the rows above alone.

    Args:
        in_features: features of each input pixel of both maps (for the first block: the colours).
        hidden: features of each output pixel of both maps.
        kernel_size: odd size of the full window of which the stacks take the two halves.
        mask_type: "A" for the block that reads the image, "B" for every later one.
        channels: colours of the image; see `colour_groups`. The vertical map has no colour groups:
            in finished rows every colour is known.
    Raises:
        ValueError: an even kernel, an unknown mask type, fewer features than colours, or mask B
            with `in_features` that are not `hidden`: such a block adds to the horizontal map.
    Source: van den Oord et al. 2016, "Conditional Image Generation with PixelCNN Decoders",
        sections 2.1 and 2.2, figure 2.
    """

    def __init__(
        self,
        in_features: int,
        hidden: int,
        kernel_size: int = 5,
        mask_type: str = "B",
        channels: int = 1,
    ):
        super().__init__()
        self.in_features = whole_number("in_features", in_features)
        self.hidden = whole_number("hidden", hidden)
        if mask_type == "B" and in_features != hidden:
            raise ValueError(
                f"with mask B in_features must equal hidden, got {in_features} and {hidden}"
            )
        size, _ = kernel_shape(kernel_size)
        if size < 3:
            raise ValueError(f"kernel_size must be at least 3 to reach a row above, got {size}")
        self.kernel_size, self.mask_type, self.channels = kernel_size, mask_type, channels
        self.reach = size // 2
        rows = self.reach + (mask_type == "B")
        self.vertical = nn.Conv2d(in_features, 2 * hidden, (rows, size), padding=(0, self.reach))
        self.horizontal = MaskedConv2d(
            in_features, 2 * hidden, (1, size), mask_type, channels, gates=2
        )
        self.link = nn.Conv2d(2 * hidden, 2 * hidden, 1, bias=False)
        self.expand = MaskedConv2d(hidden, hidden, 1, "B", channels)

    def forward(self, vertical: Tensor, horizontal: Tensor) -> tuple[Tensor, Tensor]:
        """Compute both maps of all pixels at once.

        Args:
            vertical, horizontal: features, each of shape (B, in_features, H, W); for the first
                block the image, twice.
        Returns:
            The new vertical and horizontal map, each of shape (B, hidden, H, W).
        Raises:
            ValueError: a map has another shape.
        """
        checked_features(vertical, self.in_features)
        checked_features(horizontal, self.in_features)
        if self.mask_type == "A":
            vertical = vertical[:, :, :-1]  # (B, in, H - 1, W): row r shall end at row r - 1
        above = F.pad(vertical, (0, 0, self.reach, 0))  # (B, in, H - 1 + rows, W)
        # [f, g] = K^vertical ⊛ v
        sums = self.vertical(above)  # (B, 2h, H, W)
        # v = tanh(f) · σ(g)
        new_vertical = gate(sums)  # (B, h, H, W)
        # [f, g] = K^horizontal ⊛ h + K^link [f, g]^vertical
        gates = self.horizontal(horizontal) + self.link(sums)  # (B, 2h, H, W)
        # h = h_before + K^expand (tanh(f) · σ(g)), without h_before where that is the image
        new_horizontal = self.expand(gate(gates))  # (B, h, H, W)
        if self.mask_type == "B":
            new_horizontal = horizontal + new_horizontal
        return new_vertical, new_horizontal

    def steps(self, batch: int, width: int) -> "GatedBlockSteps":
        """Start a computation pixel by pixel.

        Args:
            batch: images drawn side by side.
            width: their width in pixels.
        Returns:
            The step face of this block, with the weights as they are now.
        """
        return GatedBlockSteps(self, batch, width)


def gate(sums: Tensor) -> Tensor:
    """Let one half of the features decide how much of the other passes: tanh(f) · σ(g).

    Args:
        sums: f and g, one after the other, shape (B, 2h, H, W).
    Returns:
        Tensor of shape (B, h, H, W).
    """
    f, g = sums.chunk(2, dim=1)
    return torch.tanh(f) * torch.sigmoid(g)


class GatedBlockSteps(LayerSteps):
    """The gated block, one pixel at a time.

    The vertical map of a row depends on finished rows alone: it is computed for the whole row when
    the row starts, and with it the share that the horizontal gates take from it.
    """

    def __init__(self, block: GatedBlock, batch: int, width: int):
        hidden, in_features = block.hidden, block.in_features
        self.reads_image = block.mask_type == "A"
        self.reach = block.reach
        weight = block.vertical.weight.detach()  # (2h, in, rows, k)
        self.vertical_bias = block.vertical.bias.detach()
        self.vertical_taps = weight.permute(2, 3, 1, 0).flatten(0, 2)  # (rows·k·in, 2h)
        # Since σ(z) = (1 + tanh(z / 2)) / 2, one tanh serves both halves.
        factors = weight.new_ones(2 * hidden)
        factors[hidden:] = 0.5
        self.horizontal = MaskedConv2dSteps(block.horizontal, batch, width, factors)
        self.ops = self.horizontal.ops
        order, _ = by_colour(2 * hidden, block.channels, gates=2)
        link = block.link.weight.detach().flatten(1) * factors[:, None]  # (2h, 2h)
        self.link_taps = link[order].T.contiguous()  # (2h, 2h)
        self.expand = block.expand.steps(batch, width)

        # The last rows that the vertical convolution looks at, with padding on both sides.
        self.rows = weight.new_zeros(weight.shape[2], width + 2 * self.reach, batch, in_features)
        self.halves = [  # [colour]: the two halves of the gates
            (gates, gates[:, : gates.shape[1] // 2], gates[:, gates.shape[1] // 2 :])
            for gates in self.horizontal.outputs
        ]

    def start_row(self, row: Tensor | None = None) -> Tensor:
        """Finish the row computed so far and compute the vertical map of the next one.

        Args:
            row: the vertical map of the next row that the block before has computed, shape
                (W, B, in_features); None for the block that reads the image.
        Returns:
            The vertical map of the next row, shape (W, B, hidden).
        """
        if self.reads_image:
            row = self.horizontal.row[:, self.reach :].movedim(1, 0)  # (W, B, in): the row above
        width, batch, _ = row.shape
        self.rows[:-1] = self.rows[1:].clone()
        self.rows[-1, self.reach : self.reach + width] = row
        windows = self.rows.unfold(1, 2 * self.reach + 1, 1)  # (rows, W, B, in, k)
        windows = windows.permute(1, 2, 0, 4, 3).flatten(2).flatten(0, 1)  # (W·B, rows·k·in)
        sums = torch.addmm(self.vertical_bias, windows, self.vertical_taps)  # (W·B, 2h)
        shares = self.horizontal.shares.flatten(0, 1)  # (W·B, 2h)
        torch.addmm(self.horizontal.bias, sums, self.link_taps, out=shares)
        return gate(sums).unflatten(0, (width, batch))  # (W, B, h)

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
        """Add to one colour of one pixel of the horizontal map, in place; x is (B, features)."""
        self.ops.copy(x, out=self.slot(column, colour))
        self.ops.add(x, self.compute(column, colour), out=x)
