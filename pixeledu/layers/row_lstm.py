"""The Row LSTM: an LSTM that goes down an image row by row, all columns of a row at once."""

import torch
from torch import Tensor, nn

from pixeledu.checks import checked_features, whole_number
from pixeledu.fast.scan import scan
from pixeledu.layers.masked_conv import MaskedConv2d, MaskedConv2dSteps
from pixeledu.layers.steps import Cell, LayerSteps, halved_gates
from pixeledu.masks import by_colour, group_slices


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
            raise ValueError(
                f"kernel_size must be odd (an even window has no centre pixel), got {kernel_size}"
            )
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

    def forward(self, x: Tensor) -> Tensor:
        """Compute all rows, one after the other.

        Args:
            x: features, shape (B, in_features, H, W).
        Returns:
            Hidden states, shape (B, hidden, H, W).
        Raises:
            ValueError: `x` has another shape.
        """
        # K^is ⊛ x, for the four gates o, f, i, g of all pixels
        inputs = self.input_to_state(checked_features(x, self.in_features))  # (B, 4h, H, W)
        # [o, f, i, g] = σ, σ, σ, tanh (K^ss ⊛ h_above + K^is ⊛ x)
        # c = f · c_above + i · g
        # h = o · tanh(c)
        hidden = scan(
            inputs[:, None],
            self.state_to_state[None],
            self.outside_hidden[None],
            self.outside_memory[None],
            diagonal=False,
        )  # (B, 1, h, H, W)
        return hidden.squeeze(1)

    def steps(self, batch: int, width: int) -> "RowLSTMSteps":
        """Start a computation pixel by pixel; see `pixeledu.layers`.

        Args:
            batch: images drawn side by side.
            width: their width in pixels.
        Returns:
            The step face of this layer, with the weights as they are now.
        """
        return RowLSTMSteps(self, batch, width)

    def extra_repr(self) -> str:
        return (
            f"{self.in_features}, {self.hidden}, kernel_size={self.kernel_size}, "
            f"channels={self.channels}"
        )


class RowLSTMSteps(LayerSteps):
    """The Row LSTM, one pixel at a time.

    The state-to-state part looks at the row above alone: it is computed for the whole row when the
    row starts. The input-to-state part looks at the pixels to the left.
    """

    def __init__(self, layer: RowLSTM, batch: int, width: int):
        order, _ = by_colour(4 * layer.hidden, layer.channels, gates=4)
        factors = halved_gates(layer.hidden, layer.state_to_state.detach())  # (4h,)
        weight = layer.state_to_state.detach() * factors[:, None, None]  # (4h, h, k)
        self.taps = weight[order].permute(2, 1, 0).flatten(0, 1)  # (k·h, 4h)
        self.gates = MaskedConv2dSteps(layer.input_to_state, batch, width, factors)
        self.ops = self.gates.ops
        hidden, memory = layer.outside_hidden.detach(), layer.outside_memory.detach()
        self.reach = layer.kernel_size // 2
        self.above = hidden.repeat(width + 2 * self.reach, batch, 1)  # (W + 2·reach, B, h)
        self.row = hidden.repeat(width, batch, 1)  # (W, B, h)
        self.memory = memory.repeat(width, batch, 1)  # (W, B, h)

        self.places = []  # [colour]: (cell, [memory of each column], [hidden of each column])
        for colour, group in enumerate(group_slices(layer.hidden, layer.channels)):
            states = [
                [self.ops.view(pixel) for pixel in row[:, :, group].unbind()]
                for row in (self.memory, self.row)
            ]
            self.places.append((Cell(self.ops, self.gates.outputs[colour]), *states))

    def start_row(self) -> None:
        """Finish the row computed so far and compute what the next one takes from its states."""
        self.above[self.reach : -self.reach] = self.row
        windows = self.above.unfold(0, 2 * self.reach + 1, 1)  # (W, B, h, k)
        windows = windows.transpose(2, 3).flatten(2).flatten(0, 1)  # (W·B, k·h)
        shares = self.gates.shares.flatten(0, 1)  # (W·B, 4h)
        torch.addmm(self.gates.bias, windows, self.taps, out=shares)

    def slot(self, column: int, colour: int = 0):
        """Return the array that takes the input features of one colour of one pixel."""
        return self.gates.slot(column, colour)

    def compute(self, column: int, colour: int = 0):
        """Return the hidden state of one colour of one pixel as an array (B, features)."""
        self.gates.compute(column, colour)
        cell, memory, hidden = self.places[colour]
        cell.advance(memory[column], hidden[column])
        return hidden[column]
