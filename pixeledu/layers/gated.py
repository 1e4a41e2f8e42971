"""The gated block: two stacks of convolutions, so that no pixel in the past stays unseen."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu import fast
from pixeledu.checks import checked_condition, checked_features, number, one_of, whole_number, wrong
from pixeledu.conditions import condition_layer, project
from pixeledu.layers.masked_conv import MaskedConv2d
from pixeledu.masks import by_colour, group_slices, kernel_shape
from pixeledu.steps import Steps


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
        condition_features: features of what else the block depends on; None for nothing.
        dropout: share of the gated features of the horizontal map that training leaves out.
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
        condition_features: int | None = None,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.in_features = whole_number("in_features", in_features)
        self.hidden = self.out_features = whole_number("hidden", hidden)
        if one_of("mask_type", mask_type, "A", "B") == "B" and in_features != hidden:
            raise wrong("in_features", f"equal hidden={hidden} with mask B", in_features)
        size, _ = kernel_shape(kernel_size)
        if size < 3:
            raise wrong("kernel_size", "be at least 3 to reach a row above", size)
        self.kernel_size, self.mask_type, self.channels = kernel_size, mask_type, channels
        self.reach = size // 2
        rows = self.reach + (mask_type == "B")
        self.vertical = nn.Conv2d(in_features, 2 * hidden, (rows, size), padding=(0, self.reach))
        self.horizontal = MaskedConv2d(
            in_features, 2 * hidden, (1, size), mask_type, channels, gates=2
        )
        self.link = nn.Conv2d(2 * hidden, 2 * hidden, 1, bias=False)
        self.expand = MaskedConv2d(hidden, hidden, 1, "B", channels)
        self.dropout = nn.Dropout(number("dropout", dropout, most=1))
        self.condition = condition_layer(condition_features, 4 * hidden)  # for both maps

    def forward(
        self, vertical: Tensor, horizontal: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute both maps of all pixels at once.

        Args:
            vertical, horizontal: features, each of shape (B, in_features, H, W); for the first
                block the image, twice.
            condition: what else the block depends on, shape (B, condition_features, H, W) or
                (B, condition_features, 1, 1).
        Returns:
            The new vertical and horizontal map, each of shape (B, hidden, H, W).
        Raises:
            ValueError: a map has another shape.
        """
        checked_features(vertical, self.in_features, "vertical")
        if checked_features(horizontal, self.in_features, "horizontal").shape != vertical.shape:
            raise wrong("horizontal", f"have the shape of vertical, {vertical.shape}", horizontal)
        checked_condition(condition, vertical, self.condition.in_channels if self.condition else 0)
        if self.mask_type == "A":
            vertical = vertical[:, :, :-1]  # (B, in, H - 1, W): row r shall end at row r - 1
        above = F.pad(vertical, (0, 0, self.reach, 0))  # (B, in, H - 1 + rows, W)
        # [f, g] = K^vertical ⊛ v
        sums = self.vertical(above)  # (B, 2h, H, W)
        # [f, g]^horizontal = K^horizontal ⊛ h + K^link [f, g]^vertical
        gates = self.horizontal(horizontal) + self.link(sums)  # (B, 2h, H, W)
        # [f, g] = [f, g] + V ⊛ condition, for both maps
        if condition is not None:
            for_vertical, for_horizontal = self.condition(condition).chunk(2, dim=1)
            sums, gates = sums + for_vertical, gates + for_horizontal  # (B, 2h, H, W) each
        # v = tanh(f) · σ(g)
        new_vertical = gate(sums)  # (B, h, H, W)
        # h = h_before + K^expand (tanh(f) · σ(g)), without h_before where that is the image
        new_horizontal = self.expand(self.dropout(gate(gates)))  # (B, h, H, W)
        if self.mask_type == "B":
            new_horizontal = horizontal + new_horizontal
        return new_vertical, new_horizontal

    def steps(self, batch: int, width: int) -> Steps:
        """Start a computation pixel by pixel; see `pixeledu.steps`."""
        return fast.steps_of(self, GatedBlockSteps)(self, batch, width)


def gate(sums: Tensor) -> Tensor:
    """Let one half of the features decide how much of the other passes: tanh(f) · σ(g).

    Args:
        sums: f and g, one after the other, shape (B, 2h, H, W).
    Returns:
        Tensor of shape (B, h, H, W).
    """
    f, g = sums.chunk(2, dim=1)
    return torch.tanh(f) * torch.sigmoid(g)


class GatedBlockSteps(Steps):
    """The gated block, one pixel of the horizontal map at a time.

    The vertical map of a row depends on finished rows alone: it is computed for the whole row when
    the row starts, and with it the share that the horizontal gates take from it.
    """

    def __init__(self, block: GatedBlock, batch: int, width: int):
        self.block = block
        self.reads_image = block.mask_type == "A"
        self.horizontal = block.horizontal.steps(batch, width)
        self.expand = block.expand.steps(batch, width)
        # The rows that the vertical convolution looks at.
        weight = block.vertical.weight
        self.rows = weight.new_zeros(batch, block.in_features, weight.shape[2], width)
        self.row = weight.new_zeros(batch, block.in_features, 1, width)  # of the image
        order, targets = by_colour(2 * block.hidden, block.channels, gates=2)
        self.targets = [order[target] for target in targets]
        self.sources = group_slices(block.in_features, block.channels)

    @torch.no_grad()
    def start_row(self, vertical: Tensor | None = None, condition: Tensor | None = None) -> Tensor:
        self.horizontal.start_row()
        self.expand.start_row()
        # The block that reads the image ends at the row above, every later one at its own row.
        newest = self.row if self.reads_image else vertical[:, :, None]  # (B, in, 1, W)
        self.rows = torch.cat([self.rows[:, :, 1:], newest], dim=2)  # (B, in, rows, W)
        self.row = torch.zeros_like(self.row)
        # [f, g] = K^vertical ⊛ v
        sums = self.block.vertical(self.rows)  # (B, 2h, 1, W)
        # [f, g]^horizontal = K^horizontal ⊛ h + K^link [f, g]^vertical, without the first part
        gates = self.block.link(sums)  # (B, 2h, 1, W)
        # [f, g] = [f, g] + V ⊛ condition, for both maps
        if condition is not None:
            both = project(self.block.condition, condition).unsqueeze(2)  # (B, 4h, 1, W)
            for_vertical, for_horizontal = both.chunk(2, dim=1)
            sums, gates = sums + for_vertical, gates + for_horizontal
        self.share = gates.squeeze(2)  # (B, 2h, W)
        # v = tanh(f) · σ(g)
        return gate(sums).squeeze(2)  # (B, h, W)

    def put(self, x: Tensor, column: int, colour: int = 0) -> None:
        self.horizontal.put(x, column, colour)
        self.x = x
        if self.reads_image:
            self.row[:, self.sources[colour], 0, column] = x

    def read(self, column: int, colour: int = 0) -> Tensor:
        share = self.share[:, self.targets[colour], column]  # (B, 2h of this colour)
        # h = h_before + K^expand (tanh(f) · σ(g)), without h_before where that is the image
        gated = gate(share + self.horizontal.read(column, colour))  # (B, h of this colour)
        new = self.expand.step(gated, column, colour)
        return new if self.reads_image else self.x + new
