"""The Diagonal BiLSTM: two LSTMs that go over an image diagonal by diagonal, from both top corners."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu.checks import checked_features, whole_number
from pixeledu.fast.arithmetic import arithmetic_for
from pixeledu.fast.scan import scan
from pixeledu.layers.masked_conv import MaskedConv2d
from pixeledu.layers.steps import Cell, LayerSteps, halved_gates
from pixeledu.masks import by_colour, group_slices


def skew(x: Tensor) -> Tensor:
    """Shift row i of a map i places to the right, so that diagonals become columns.

    Args:
        x: features, shape (B, C, H, W).
    Returns:
        Tensor of shape (B, C, H, W + H - 1); cells outside the image are 0.
    Raises:
        ValueError: `x` has not four dimensions.
    Source: van den Oord et al. 2016, section 3.2, figure 3.
    """
    if x.dim() != 4:
        raise ValueError(f"x must have shape (B, C, H, W), got {tuple(x.shape)}")
    height, width = x.shape[2:]
    # H zeros behind each row. Read with rows that are one shorter, each begins one place later.
    flat = F.pad(x, (0, height)).flatten(2)[..., : height * (height + width - 1)]
    return flat.unflatten(2, (height, height + width - 1))  # (B, C, H, W + H - 1)


def unskew(x: Tensor, width: int) -> Tensor:
    """Shift row i of a map i places to the left: the inverse of `skew`.

    Args:
        x: skewed features, shape (B, C, H, width + H - 1).
        width: W, the width of the image.
    Returns:
        Tensor of shape (B, C, H, W).
    Raises:
        ValueError: `x` has another shape.
    Source: van den Oord et al. 2016, section 3.2.
    """
    if x.dim() != 4 or x.shape[3] != whole_number("width", width) + x.shape[2] - 1:
        raise ValueError(
            f"x must have shape (B, C, H, {width} + H - 1) for width={width}, got {tuple(x.shape)}"
        )
    flat = F.pad(x.flatten(2), (0, x.shape[2]))
    return flat.unflatten(2, (x.shape[2], x.shape[3] + 1))[..., :width]  # (B, C, H, W)


class DiagonalBiLSTM(nn.Module):
    """Carry one state from the upper left and one from the upper right; add what they say.

    A pixel's state comes from the pixel above and the pixel before it (to the left for the one
    direction, to the right for the other). A whole diagonal is computed at once: in the skewed map
    it is a column, and the state-to-state part a convolution of kernel 2 along it.

    The right-hand map has seen its own pixel and what follows in the row. Moved down by one row it
    has seen the row above instead, which is past. Wherever a state is read outside the image, it
    is learned.

    Args:
        in_features: features of each input pixel.
        hidden: h, features of the states, and of each output pixel.
        channels: colours of the image; see `colour_groups`.
    Raises:
        ValueError: a number is out of range, or there are fewer features than colours.
    Source: van den Oord et al. 2016, section 3.2.
    """

    # Both directions are rows of one matrix, both states outside one vector; see `web.export`.
    dimensions_of_rows: ClassVar = {"state_to_state": 2, "outside_hidden": 0, "outside_memory": 0}

    def __init__(self, in_features: int, hidden: int, channels: int = 1):
        super().__init__()
        self.in_features = whole_number("in_features", in_features)
        self.out_features = self.hidden = whole_number("hidden", hidden)
        self.channels = channels
        # The first half is for the direction from the left, the second for that from the right.
        self.input_to_state = MaskedConv2d(in_features, 8 * hidden, 1, "B", channels, gates=8)
        bound = (hidden * 2) ** -0.5
        # The last index: the pixel above, the pixel before.
        weight = torch.empty(2, 4 * hidden, hidden, 2).uniform_(-bound, bound)
        self.state_to_state = nn.Parameter(weight)
        # What pixels outside the image have for h and c.
        self.outside_hidden = nn.Parameter(torch.zeros(2, hidden))
        self.outside_memory = nn.Parameter(torch.zeros(2, hidden))

    def forward(self, x: Tensor) -> Tensor:
        """Compute all diagonals of both directions, one after the other.

        Args:
            x: features, shape (B, in_features, H, W).
        Returns:
            The sum of the hidden states of both directions, shape (B, hidden, H, W).
        Raises:
            ValueError: `x` has another shape.
        """
        left, right = self.directions(x)
        # Down by one row: what a pixel gets from the right ends in the row above.
        return left + F.pad(right[:, :, :-1], (0, 0, 1, 0))

    def directions(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the maps of both directions, in place but not yet moved down.

        Args:
            x: features, shape (B, in_features, H, W).
        Returns:
            Hidden states from the left and from the right, each of shape (B, hidden, H, W).
        Raises:
            ValueError: `x` has another shape.
        """
        inputs = self.input_to_state(checked_features(x, self.in_features))  # (B, 8h, H, W)
        # For the front of a step, a diagonal:
        # [o, f, i, g] = σ, σ, σ, tanh (K^ss ⊛ h_before + K^is ⊛ x)
        # c = f · c_before + i · g
        # h = o · tanh(c)
        hidden = scan(
            inputs.unflatten(1, (2, -1)),
            self.state_to_state,
            self.outside_hidden,
            self.outside_memory,
            diagonal=True,
        )  # (B, 2, h, H, W)
        return hidden.unbind(1)

    def steps(self, batch: int, width: int) -> "DiagonalBiLSTMSteps":
        """Start a computation pixel by pixel; see `pixeledu.layers`.

        Args:
            batch: images drawn side by side.
            width: their width in pixels.
        Returns:
            The step face of this layer, with the weights as they are now.
        """
        return DiagonalBiLSTMSteps(self, batch, width)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.hidden}, channels={self.channels}"


class DiagonalBiLSTMSteps(LayerSteps):
    """The Diagonal BiLSTM, one pixel at a time.

    From left to right the state moves on with each pixel. From right to left it can only run over a
    row that is complete: it does so when the next row starts, which is the first to use it.
    """

    def __init__(self, layer: DiagonalBiLSTM, batch: int, width: int):
        size, features = layer.hidden, layer.in_features
        factors = halved_gates(size, layer.state_to_state.detach())  # (4h,)
        weight = layer.input_to_state.masked_weight().detach()[:, :, 0, 0].T  # (in, 8h)
        weight, bias = (x * factors.repeat(2) for x in (weight, layer.input_to_state.bias.detach()))
        above, before = layer.state_to_state.detach().permute(3, 0, 2, 1) * factors  # (2, h, 4h)
        hidden, memory = layer.outside_hidden.detach(), layer.outside_memory.detach()
        self.ops = arithmetic_for(weight)
        self.begun = False

        # A row lies so that what a pixel reads stands side by side: h_-1, x_0, h_0, x_1, h_1, …
        self.row = weight.new_zeros(batch, size + width * (features + size))
        self.row[:, :size] = hidden[0]
        pixels = self.row[:, size:].unflatten(1, (width, features + size))
        self.inputs, self.hidden = pixels.split([features, size], dim=2)  # (B, W, in), (B, W, h)
        self.above = hidden[0].repeat(width, batch, 1)  # (W, B, h)
        self.memory, self.outside_memory = memory[0].repeat(batch, 1), memory[0]  # (B, h), (h,)

        order, targets = by_colour(4 * size, layer.channels, gates=4)
        self.taps_above, self.bias = above[0][:, order], bias[: 4 * size][order]
        self.shares = self.bias.repeat(width, batch, 1)  # (W, B, 4h): from the row above, and bias
        self.right = _FromTheRight(
            weight[:, 4 * size :],
            bias[4 * size :],
            above[1],
            before[1],
            hidden[1],
            memory[1],
            self.above,
        )
        taps = torch.cat([before[0], weight[:, : 4 * size]])[:, order]  # (h + in, 4h)
        sources, groups = (group_slices(n, layer.channels) for n in (features, size))
        self.places = [  # [colour][column]: the views a step needs, made once for all rows
            self._places(taps, *slices) for slices in zip(sources, targets, groups, strict=True)
        ]

    def _places(self, taps: Tensor, source: slice, target: slice, group: slice) -> list[tuple]:
        """List (slot, product, share, hidden, from the right, …) of one colour for each column."""
        view, (batch, width, features) = self.ops.view, self.inputs.shape
        size = self.hidden.shape[2]
        taps = taps[: size + source.stop, target].contiguous()
        gates = taps.new_empty(batch, taps.shape[1])
        output = view(taps.new_empty(batch, group.stop - group.start))
        shared = view(gates), Cell(self.ops, view(gates)), view(self.memory[:, group]), output
        places = []
        for column in range(width):
            start = column * (features + size)
            product = self.ops.product(self.row[:, start : start + len(taps)], taps, out=gates)
            views = (
                self.shares[column, :, target],
                self.hidden[:, column, group],
                self.right.hidden[column, :, group],
            )
            slot = view(self.inputs[:, column, source])
            places.append((slot, product, *map(view, views), *shared))
        return places

    def start_row(self) -> None:
        """Run over the finished row from the right, and compute what the next one takes from it."""
        if self.begun:
            self.above.copy_(self.hidden.movedim(1, 0))
            self.right.run(self.inputs.movedim(1, 0))
        self.begun = True
        # K for the pixel above ⊛ h of the row above
        shares = self.shares.flatten(0, 1)  # (W·B, 4h)
        torch.addmm(self.bias, self.above.flatten(0, 1), self.taps_above, out=shares)
        self.memory.copy_(self.outside_memory)

    def slot(self, column: int, colour: int = 0):
        """Return the array that takes the input features of one colour of one pixel."""
        return self.places[colour][column][0]

    def compute(self, column: int, colour: int = 0):
        """Return the summed hidden states of one colour of one pixel, an array (B, features)."""
        _, product, share, hidden, right, z, cell, memory, y = self.places[colour][column]
        product()
        self.ops.add(z, share, out=z)
        cell.advance(memory, hidden)
        self.ops.add(hidden, right, out=y)
        return y


class _FromTheRight:
    """The direction from right to left, over one complete row after the other."""

    def __init__(self, weight, bias, above, before, hidden, memory, like: Tensor):
        width, batch, size = like.shape
        self.ops = arithmetic_for(weight)
        self.weight, self.bias, self.taps_above = weight, bias, above
        self.above = hidden.repeat(width, batch, 1)  # (W, B, h): the states one row further up
        self.hidden = torch.zeros_like(like)  # (W, B, h); above the first row there is nothing
        self.shares = weight.new_empty(width, batch, 4 * size)
        self.memory, self.outside_memory = memory.repeat(batch, 1), memory
        gates, taps, view = weight.new_empty(batch, 4 * size), before.contiguous(), self.ops.view
        self.gates, self.cell = view(gates), Cell(self.ops, view(gates))
        states = self.hidden.unbind()
        earlier = [*states[1:], hidden.repeat(batch, 1)]
        self.places = [  # from right to left: (product, share, hidden)
            (self.ops.product(before, taps, out=gates), view(share), view(now))
            for before, share, now in zip(earlier, self.shares.unbind(), states, strict=True)
        ][::-1]

    def run(self, inputs: Tensor) -> None:
        """Compute the states of a row from its input features, shape (W, B, in)."""
        shares = self.shares.flatten(0, 1)  # (W·B, 4h)
        torch.addmm(self.bias, inputs.flatten(0, 1), self.weight, out=shares)
        shares.addmm_(self.above.flatten(0, 1), self.taps_above)
        self.memory.copy_(self.outside_memory)
        z, memory = self.gates, self.ops.view(self.memory)
        for product, share, hidden in self.places:
            product()
            self.ops.add(z, share, out=z)
            self.cell.advance(memory, hidden)
        self.above.copy_(self.hidden)
