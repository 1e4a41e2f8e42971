"""The Diagonal BiLSTM: two LSTMs that go over an image diagonal by diagonal, from both top corners."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu import fast
from pixeledu.checks import a_tensor, checked_condition, checked_features, whole_number, wrong
from pixeledu.layers.masked_conv import MaskedConv2d
from pixeledu.layers.row_lstm import gates
from pixeledu.masks import by_colour, group_slices
from pixeledu.steps import Steps


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
    if a_tensor("x", x).dim() != 4:
        raise wrong("x", "have shape (B, C, H, W)", x)
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
    whole_number("width", width)
    if a_tensor("x", x).dim() != 4 or x.shape[3] != width + x.shape[2] - 1:
        raise wrong("x", f"have shape (B, C, H, {width} + H - 1) for width={width}", x)
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

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Compute all diagonals of both directions, one after the other.

        Args:
            x: features, shape (B, in_features, H, W).
            condition: what is added to the gates o, f, i, g of the direction from the left and
                then of that from the right, shape (B, 8h, H, W) or (B, 8h, 1, 1).
        Returns:
            The sum of the hidden states of both directions, shape (B, hidden, H, W).
        Raises:
            ValueError: `x` has another shape.
        """
        left, right = self.directions(x, condition)
        # Down by one row: what a pixel gets from the right ends in the row above.
        return left + F.pad(right[:, :, :-1], (0, 0, 1, 0))

    def directions(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Compute the maps of both directions, in place but not yet moved down.

        Args:
            x, condition: as for `forward`.
        Returns:
            Hidden states from the left and from the right, each of shape (B, hidden, H, W).
        Raises:
            ValueError: `x` has another shape.
        """
        # K^is ⊛ x, for the four gates o, f, i, g of both directions at all pixels
        inputs = self.input_to_state(checked_features(x, self.in_features))  # (B, 8h, H, W)
        if checked_condition(condition, x, 8 * self.hidden) is not None:
            inputs = inputs + condition
        inputs = inputs.unflatten(1, (2, -1))  # (B, 2, 4h, H, W)
        scan = fast.kernel(diagonal_scan)  # the function below, or the same, its gradient by hand
        hidden = scan(inputs, self.state_to_state, self.outside_hidden, self.outside_memory)
        return hidden.unbind(1)  # (B, h, H, W) each

    def steps(self, batch: int, width: int) -> Steps:
        """Start a computation pixel by pixel; see `pixeledu.steps`."""
        return fast.steps_of(self, DiagonalBiLSTMSteps)(self, batch, width)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.hidden}, channels={self.channels}"


def diagonal_scan(
    inputs: Tensor, weight: Tensor, outside_hidden: Tensor, outside_memory: Tensor
) -> Tensor:
    """Let one LSTM cross an image from the upper left, and another one from the upper right.

    Args:
        inputs: K^is ⊛ x, the input-to-state part of the gates o, f, i, g of both directions, shape
            (B, 2, 4h, H, W).
        weight: K^ss, shape (2, 4h, h, 2); the last index: the pixel above, the pixel before.
        outside_hidden, outside_memory: h and c of every pixel outside the image, shape (2, h).
    Returns:
        Hidden states of both directions, shape (B, 2, h, H, W).
    Source: van den Oord et al. 2016, section 3.2.
    """
    left, right = inputs.unbind(1)  # (B, 4h, H, W) each
    from_left = one_direction(left, weight[0], outside_hidden[0], outside_memory[0])
    # What comes from the right comes from the left in the mirror.
    from_right = one_direction(right.flip(3), weight[1], outside_hidden[1], outside_memory[1])
    return torch.stack([from_left, from_right.flip(3)], dim=1)  # (B, 2, h, H, W)


def one_direction(
    inputs: Tensor,
    weight: Tensor,
    outside_hidden: Tensor,
    outside_memory: Tensor,
) -> Tensor:
    """Let an LSTM cross an image from the upper left, diagonal by diagonal.

    Args:
        inputs: shape (B, 4h, H, W).
        weight: shape (4h, h, 2).
        outside_hidden, outside_memory: shape (h,).
    Returns:
        Hidden states, shape (B, h, H, W).
    """
    batch, _, height, width = inputs.shape
    above, before = weight.unbind(2)  # (4h, h) each
    h_outside = outside_hidden[:, None].expand(batch, -1, height)
    c_outside = outside_memory[:, None].expand(batch, -1, height)
    h, c = h_outside, c_outside
    row = torch.arange(height, device=inputs.device)
    diagonals = []
    for d, column in enumerate(skew(inputs).unbind(3)):  # (B, 4h, H)
        # The pixel above stood one row further up in the last column.
        h_above = torch.cat([h_outside[:, :, :1], h[:, :, :-1]], dim=2)
        # [o, f, i, g] = σ, σ, σ, tanh (K^ss ⊛ h_before + K^is ⊛ x)
        sums = above @ h_above + before @ h + column  # (B, 4h, H)
        o, f, i, g = gates(sums)  # (B, h, H) each
        # c = f · c_before + i · g
        c = f * c + i * g  # (B, h, H)
        # h = o · tanh(c)
        h = o * torch.tanh(c)  # (B, h, H)
        begun = row <= d  # rows further down are not in the image yet
        h = torch.where(begun, h, h_outside)
        c = torch.where(begun, c, c_outside)
        diagonals.append(h)
    return unskew(torch.stack(diagonals, dim=3), width)  # (B, h, H, W)


class DiagonalBiLSTMSteps(Steps):
    """The Diagonal BiLSTM, one pixel at a time.

    From left to right the state moves on with each pixel. From right to left it can only run over a
    row that is complete: it does so when the next row starts, which is the first to use it.
    """

    def __init__(self, layer: DiagonalBiLSTM, batch: int, width: int):
        self.inputs = layer.input_to_state.steps(batch, width)
        weight = layer.state_to_state.detach()  # (2, 4h, h, 2)
        (self.above, self.right_above), (self.before, self.right_before) = weight.permute(
            3, 0, 1, 2
        )
        h, self.right_h = layer.outside_hidden.detach()  # (h,) each
        self.outside_c, self.right_c = layer.outside_memory.detach()  # (h,) each
        # Column 0 stands for the pixel left of the image.
        self.h = h[:, None].repeat(batch, 1, 1 + width)  # (B, h, 1 + W)
        self.right = self.right_h[:, None].repeat(batch, 1, width)  # (B, h, W): the row above
        self.from_right = torch.zeros_like(self.right)  # above the first row there is nothing
        self.right_sums = None  # K^is ⊛ x of the row being drawn, for the direction from the right
        self.groups = group_slices(layer.hidden, layer.channels)
        order, targets = by_colour(4 * layer.hidden, layer.channels, gates=4)
        self.targets = [order[target] for target in targets]

    def start_row(self, vertical=None, condition: Tensor | None = None) -> None:
        self.inputs.start_row()
        if self.right_sums is not None:
            self._run_from_the_right()
        # K^ss of the pixel above ⊛ h
        self.share = self.above @ self.h[:, :, 1:]  # (B, 4h, W)
        self.right_sums = torch.zeros_like(self.share)  # (B, 4h, W)
        if condition is not None:
            left, right = condition.chunk(2, dim=1)
            self.share, self.right_sums = self.share + left, self.right_sums + right
        self.c = self.outside_c.repeat(len(self.h), 1)  # (B, h)

    def _run_from_the_right(self) -> None:
        """Compute the states from the right of the row that has just been finished."""
        sums = self.right_above @ self.right + self.right_sums  # (B, 4h, W)
        h, c = self.right_h.expand(len(sums), -1), self.right_c.expand(len(sums), -1)  # (B, h) each
        for column in reversed(range(sums.shape[2])):
            # [o, f, i, g] = σ, σ, σ, tanh (K^ss ⊛ h_before + K^is ⊛ x)
            o, f, i, g = gates(h @ self.right_before.T + sums[:, :, column])
            # c = f · c_before + i · g
            c = f * c + i * g
            # h = o · tanh(c)
            h = o * torch.tanh(c)
            self.right[:, :, column] = h
        self.from_right = self.right

    def put(self, x: Tensor, column: int, colour: int = 0) -> None:
        self.inputs.put(x, column, colour)

    def read(self, column: int, colour: int = 0) -> Tensor:
        group, target = self.groups[colour], self.targets[colour]
        # K^is ⊛ x, for both directions
        sums, right_sums = self.inputs.read(column, colour).chunk(
            2, dim=1
        )  # (B, 4h of this colour)
        self.right_sums[:, target, column] += right_sums
        # [o, f, i, g] = σ, σ, σ, tanh (K^ss ⊛ h_before + K^is ⊛ x)
        before = self.h[:, :, column] @ self.before[target].T
        o, f, i, g = gates(before + self.share[:, target, column] + sums)
        # c = f · c_before + i · g
        self.c[:, group] = f * self.c[:, group] + i * g
        # h = o · tanh(c)
        h = self.h[:, group, 1 + column] = o * torch.tanh(self.c[:, group])
        # What comes from the right ends in the row above.
        return h + self.from_right[:, group, column]
