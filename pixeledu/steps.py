"""The step protocol: how every layer, block and model is computed one value at a time.

A causal network has two faces that compute the same function. `network(x)` takes a whole image at
once. `network.steps(batch, width)` returns an object with the methods of `Steps`, which takes the
values in the order in which an image is drawn and keeps what it has seen:

    steps = layer.steps(batch, width)
    for row in range(height):
        steps.start_row()                       # what depends on finished rows alone
        for column in range(width):
            for colour in range(channels):
                steps.put(x, column, colour)
                y = steps.read(column, colour)  # (batch, output features of this colour)

Where a value does not see itself (mask A, and so every model) `read` comes before `put`: the value is
drawn from what was read. The row is the seam between the two faces: `start_row` computes for the
whole row, in parallel, what depends on finished rows, and only what depends on the pixels to the
left waits for them. So all steps together do the arithmetic of one forward pass. What is kept are a
few rows and never the whole image: the memory does not grow with the height.
"""

import itertools
from collections.abc import Iterator

from torch import Tensor


class Steps:
    """One value after the other; what is put in and read is that of one colour of one pixel.

    The object takes the weights as they are when it is made, and does not differentiate.
    """

    threads: int | None = None  # how many threads of the processor a step can use; None: all

    def start_row(
        self, vertical: Tensor | None = None, condition: Tensor | None = None
    ) -> Tensor | None:
        """Finish the row computed so far and begin the next one.

        Args:
            vertical: the block before's map of this row, where that depends on finished rows alone
                (the vertical map of the gated blocks), shape (B, features, W); else None.
            condition: what is known of this row before its first pixel is drawn, shape
                (B, features, W).
        Returns:
            This network's own vertical map of the row, for the block behind it, or None.
        """

    def put(self, x: Tensor, column: int, colour: int = 0) -> None:
        """Take in the features of one colour of one pixel, shape (B, features).

        For a model: its values 0 … levels-1, shape (B,).
        """
        raise NotImplementedError

    def read(self, column: int, colour: int = 0) -> Tensor:
        """Return what comes out at one colour of one pixel, shape (B, features).

        For a model: the logits of every level, (B, levels). The next call may use the same memory.
        """
        raise NotImplementedError

    def step(self, x: Tensor, column: int, colour: int = 0) -> Tensor:
        """Put a value in and read what comes out there."""
        self.put(x, column, colour)
        return self.read(column, colour)


def rows_of(condition: Tensor | None, width: int) -> Iterator[Tensor | None]:
    """Yield the rows of a condition, from the top, each (B, features, W); without end if all are one.

    The condition has the shape (B, features, H, W) or (B, features, 1, 1); `width` is W.
    """
    if condition is None:
        return itertools.repeat(None)
    rows = [row.expand(-1, -1, width) for row in condition.unbind(2)]
    return itertools.repeat(rows[0]) if len(rows) == 1 else iter(rows)
