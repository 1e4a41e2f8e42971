"""The steps of the recurrent layers over arrays."""

import torch
from torch import Tensor

from pixeledu.fast.arithmetic import arithmetic_for
from pixeledu.fast.arrays import ArraySteps, by_pixel
from pixeledu.fast.convolution import WindowSteps
from pixeledu.masks import by_colour, group_slices


def halved_gates(hidden: int, like: Tensor) -> Tensor:
    """Return the factors, (4h,), of the sums for o, f, i and g that a `Cell` wants: ½, ½, ½ and 1."""
    return torch.cat([like.new_full((3 * hidden,), 0.5), like.new_ones(hidden)])


class Cell:
    """Turn the gates of some pixels into their memory and their hidden state.

    Since σ(z) = (1 + tanh(z / 2)) / 2, one tanh serves all four gates.

    Args:
        ops: the arithmetic of the arrays.
        gates: array (B, 4h) in which each call finds the sums for o, f, i and g, those for the
            first three halved (see `halved_gates`).
    """

    def __init__(self, ops: type, gates):
        size = gates.shape[1] // 4
        self.ops, self.gates = ops, gates
        self.ofi = gates[:, : 3 * size]
        self.o, self.f, self.i, self.g = (gates[:, n * size : (n + 1) * size] for n in range(4))

    def advance(self, memory, hidden) -> None:
        """Overwrite `memory`, which is that of the cell before, and write to `hidden`; (B, h)."""
        ops = self.ops
        ops.tanh(self.gates, out=self.gates)
        ops.multiply(self.ofi, 0.5, out=self.ofi)
        ops.add(self.ofi, 0.5, out=self.ofi)
        # c = f · c_before + i · g
        ops.multiply(self.f, memory, out=memory)
        ops.multiply(self.i, self.g, out=self.i)
        ops.add(memory, self.i, out=memory)
        # h = o · tanh(c)
        ops.tanh(memory, out=hidden)
        ops.multiply(self.o, hidden, out=hidden)


class RowLSTMSteps(ArraySteps):
    """The Row LSTM, one pixel at a time.

    The state-to-state part looks at the row above alone: it is computed for the whole row when the
    row starts. The input-to-state part looks at the pixels to the left.
    """

    def __init__(self, layer, batch: int, width: int):
        order, _ = by_colour(4 * layer.hidden, layer.channels, gates=4)
        factors = halved_gates(layer.hidden, layer.state_to_state.detach())  # (4h,)
        self.factors = factors
        weight = layer.state_to_state.detach() * factors[:, None, None]  # (4h, h, k)
        self.taps = weight[order].permute(2, 1, 0).flatten(0, 1)  # (k·h, 4h)
        self.gates = WindowSteps(layer.input_to_state, batch, width, factors)
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

    def start_row(self, vertical=None, condition: Tensor | None = None) -> None:
        """Finish the row computed so far and compute what the next one takes from its states."""
        self.above[self.reach : -self.reach] = self.row
        windows = self.above.unfold(0, 2 * self.reach + 1, 1)  # (W, B, h, k)
        windows = windows.transpose(2, 3).flatten(2).flatten(0, 1)  # (W·B, k·h)
        shares = self.gates.shares.flatten(0, 1)  # (W·B, 4h)
        torch.addmm(self.gates.bias, windows, self.taps, out=shares)
        if condition is not None:
            shares += (by_pixel(condition) * self.factors)[:, self.gates.order]

    def slot(self, column: int, colour: int = 0):
        """Return the array that takes the input features of one colour of one pixel."""
        return self.gates.slot(column, colour)

    def compute(self, column: int, colour: int = 0):
        """Return the hidden state of one colour of one pixel as an array (B, features)."""
        self.gates.compute(column, colour)
        cell, memory, hidden = self.places[colour]
        cell.advance(memory[column], hidden[column])
        return hidden[column]


class DiagonalBiLSTMSteps(ArraySteps):
    """The Diagonal BiLSTM, one pixel at a time.

    From left to right the state moves on with each pixel. From right to left it can only run over a
    row that is complete: it does so when the next row starts, which is the first to use it.
    """

    def __init__(self, layer, batch: int, width: int):
        size, features = layer.hidden, layer.in_features
        factors = halved_gates(size, layer.state_to_state.detach())  # (4h,)
        weight = layer.input_to_state.masked_weight().detach()[:, :, 0, 0].T  # (in, 8h)
        weight, bias = (x * factors.repeat(2) for x in (weight, layer.input_to_state.bias.detach()))
        above, before = layer.state_to_state.detach().permute(3, 0, 2, 1) * factors  # (2, h, 4h)
        hidden, memory = layer.outside_hidden.detach(), layer.outside_memory.detach()
        self.ops = arithmetic_for(weight)
        self.begun = False
        self.factors = factors

        # A row lies so that what a pixel reads stands side by side: h_-1, x_0, h_0, x_1, h_1, …
        self.row = weight.new_zeros(batch, size + width * (features + size))
        self.row[:, :size] = hidden[0]
        pixels = self.row[:, size:].unflatten(1, (width, features + size))
        self.inputs, self.hidden = pixels.split([features, size], dim=2)  # (B, W, in), (B, W, h)
        self.above = hidden[0].repeat(width, batch, 1)  # (W, B, h)
        self.memory, self.outside_memory = memory[0].repeat(batch, 1), memory[0]  # (B, h), (h,)

        order, targets = by_colour(4 * size, layer.channels, gates=4)
        self.order = order
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

    def start_row(self, vertical=None, condition: Tensor | None = None) -> None:
        """Run over the finished row from the right, and compute what the next one takes from it."""
        if self.begun:
            self.above.copy_(self.hidden.movedim(1, 0))
            self.right.run(self.inputs.movedim(1, 0))
        self.begun = True
        # K for the pixel above ⊛ h of the row above
        shares = self.shares.flatten(0, 1)  # (W·B, 4h)
        torch.addmm(self.bias, self.above.flatten(0, 1), self.taps_above, out=shares)
        self.right.condition = None
        if condition is not None:
            left, right = (by_pixel(condition) * self.factors.repeat(2)).chunk(2, dim=1)
            shares += left[:, self.order]
            self.right.condition = right  # (W·B, 4h), for the time when the row is complete
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
        self.condition = None
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
        if self.condition is not None:
            shares += self.condition
        self.memory.copy_(self.outside_memory)
        z, memory = self.gates, self.ops.view(self.memory)
        for product, share, hidden in self.places:
            product()
            self.ops.add(z, share, out=z)
            self.cell.advance(memory, hidden)
        self.above.copy_(self.hidden)
