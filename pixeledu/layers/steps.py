"""What the step faces of the layers share."""

import torch
from torch import Tensor


class LayerSteps:
    """What the step faces of all layers share: tensors for callers, arrays for each other.

    A step face has, for a column and a colour, a `slot` for the input features and a `compute`
    that returns the output features, both arrays (see `arithmetic`); it may use the memory of
    what `compute` returns again for the next value.
    """

    ops: type

    def start_row(self) -> None:
        """Finish the row computed so far and begin the next one."""

    def put(self, x: Tensor, column: int, colour: int = 0) -> None:
        """Take in the input features of one colour of one pixel, shape (B, features)."""
        self.ops.copy(self.ops.view(x), out=self.slot(column, colour))

    def read(self, column: int, colour: int = 0) -> Tensor:
        """Return the output features of one colour of one pixel, shape (B, features)."""
        return torch.as_tensor(self.compute(column, colour)).clone()


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
