"""The Row LSTM: an LSTM that goes down an image row by row, all columns of a row at once."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu import fast
from pixeledu.checks import checked_condition, checked_features, whole_number, wrong
from pixeledu.layers.masked_conv import MaskedConv2d
from pixeledu.masks import by_colour, group_slices
from pixeledu.steps import Steps


class RowLSTM(nn.Module):
    """Carry a state down the rows of an image; convolutions take the place of matrices.

    The input-to-state part is a convolution along the row with mask B, computed for the whole image
    at once. The state-to-state part is a convolution over the hidden states of the row above, which
    are all past, so it has no mask. Wherever a state is read outside the image, it is learned.

    Args:
        in_features: features of each input pixel.
        hidden: h, features of the state, and of each output pixel.
        kernel_size: odd width k of both convolutions, at least 3.
        channels: colours of the image; see `colour_groups`.
    Raises:
        ValueError: a number is out of range, or there are fewer features than colours.
    Source: van den Oord et al. 2016, section 3.1.
    """

    def __init__(self, in_features: int, hidden: int, kernel_size: int = 3, channels: int = 1):
        super().__init__()
        if whole_number("kernel_size", kernel_size, least=3) % 2 == 0:
            raise wrong("kernel_size", "be odd (an even window has no centre pixel)", kernel_size)
        self.in_features = whole_number("in_features", in_features)
        self.out_features = self.hidden = whole_number("hidden", hidden)
        self.kernel_size, self.channels = kernel_size, channels
        self.input_to_state = MaskedConv2d(
            in_features, 4 * hidden, (1, kernel_size), "B", channels, gates=4
        )
        bound = (hidden * kernel_size) ** -0.5
        weight = torch.empty(4 * hidden, hidden, kernel_size).uniform_(-bound, bound)
        self.state_to_state = nn.Parameter(weight)
        # What pixels outside the image have for h and c.
        self.outside_hidden = nn.Parameter(torch.zeros(hidden))
        self.outside_memory = nn.Parameter(torch.zeros(hidden))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Compute all rows, one after the other.

        Args:
            x: features, shape (B, in_features, H, W).
            condition: what is added to the gates o, f, i, g, shape (B, 4h, H, W) or (B, 4h, 1, 1).
        Returns:
            Hidden states, shape (B, hidden, H, W).
        Raises:
            ValueError: `x` has another shape.
        """
        # K^is ⊛ x, for the four gates o, f, i, g of all pixels
        inputs = self.input_to_state(checked_features(x, self.in_features))  # (B, 4h, H, W)
        if checked_condition(condition, x, 4 * self.hidden) is not None:
            inputs = inputs + condition
        scan = fast.kernel(row_scan)  # the function below, or the same with its gradient by hand
        return scan(inputs, self.state_to_state, self.outside_hidden, self.outside_memory)

    def steps(self, batch: int, width: int) -> Steps:
        """Start a computation pixel by pixel; see `pixeledu.steps`."""
        return fast.steps_of(self, RowLSTMSteps)(self, batch, width)

    def extra_repr(self) -> str:
        sizes = f"{self.in_features}, {self.hidden}, kernel_size={self.kernel_size}"
        return f"{sizes}, channels={self.channels}"


def row_scan(
    inputs: Tensor,
    weight: Tensor,
    outside_hidden: Tensor,
    outside_memory: Tensor,
) -> Tensor:
    """Let an LSTM go down the rows of an image.

    Args:
        inputs: K^is ⊛ x, for the gates o, f, i, g, shape (B, 4h, H, W).
        weight: K^ss, shape (4h, h, k).
        outside_hidden, outside_memory: h and c of every pixel outside
            the image, shape (h,).
    Returns:
        Hidden states, shape (B, h, H, W).
    Source: van den Oord et al. 2016, section 3.1, equation 3.
    """
    batch, _, _, width = inputs.shape
    # The row above the first one.
    h = outside_hidden[:, None].expand(batch, -1, width)  # (B, h, W)
    c = outside_memory[:, None].expand(batch, -1, width)  # (B, h, W)
    rows = []
    for row in inputs.unbind(2):  # (B, 4h, W)
        # [o, f, i, g] = σ, σ, σ, tanh (K^ss ⊛ h_above + K^is ⊛ x)
        states = convolve_states(h, weight, outside_hidden)  # (B, 4h, W)
        o, f, i, g = gates(states + row)  # (B, h, W) each
        # c = f · c_above + i · g
        c = f * c + i * g  # (B, h, W)
        # h = o · tanh(c)
        h = o * torch.tanh(c)  # (B, h, W)
        rows.append(h)
    return torch.stack(rows, dim=2)  # (B, h, H, W)


def gates(sums: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Turn the sums of the gates, (B, 4h, …), into o, f, i and g, (B, h, …) each."""
    o, f, i, g = sums.chunk(4, dim=1)
    return torch.sigmoid(o), torch.sigmoid(f), torch.sigmoid(i), torch.tanh(g)


def convolve_states(h: Tensor, weight: Tensor, outside: Tensor) -> Tensor:
    """Compute K^ss ⊛ h along a row, whose neighbours outside the image have the state `outside`.

    Args:
        h: hidden states of a row, shape (B, h, W).
        weight: K^ss, shape (4h, h, k).
        outside: shape (h,).
    Returns:
        Tensor of shape (B, 4h, W).
    """
    side = outside[:, None].expand(len(h), -1, weight.shape[2] // 2)  # (B, h, k // 2)
    return F.conv1d(torch.cat([side, h, side], dim=2), weight)  # (B, 4h, W)


class RowLSTMSteps(Steps):
    """The Row LSTM, one pixel at a time.

    The state-to-state part looks at the row above alone: it is computed for the whole row when the
    row starts. The input-to-state part looks at the pixels to the left.
    """

    def __init__(self, layer: RowLSTM, batch: int, width: int):
        self.weight, self.outside = layer.state_to_state.detach(), layer.outside_hidden.detach()
        self.inputs = layer.input_to_state.steps(batch, width)
        self.h = self.outside[:, None].repeat(batch, 1, width)  # (B, h, W)
        self.c = layer.outside_memory.detach()[:, None].repeat(batch, 1, width)  # (B, h, W)
        self.groups = group_slices(layer.hidden, layer.channels)
        order, targets = by_colour(4 * layer.hidden, layer.channels, gates=4)
        self.targets = [order[target] for target in targets]

    def start_row(self, vertical=None, condition: Tensor | None = None) -> None:
        self.inputs.start_row()
        # K^ss ⊛ h_above
        self.share = convolve_states(self.h, self.weight, self.outside)  # (B, 4h, W)
        if condition is not None:
            self.share = self.share + condition

    def put(self, x: Tensor, column: int, colour: int = 0) -> None:
        self.inputs.put(x, column, colour)

    def read(self, column: int, colour: int = 0) -> Tensor:
        here = (slice(None), self.groups[colour], column)
        # [o, f, i, g] = σ, σ, σ, tanh (K^ss ⊛ h_above + K^is ⊛ x)
        share = self.share[:, self.targets[colour], column]  # (B, 4h of this colour)
        o, f, i, g = gates(share + self.inputs.read(column, colour))
        # c = f · c_above + i · g
        self.c[here] = f * self.c[here] + i * g
        # h = o · tanh(c)
        self.h[here] = o * torch.tanh(self.c[here])
        return self.h[here]
