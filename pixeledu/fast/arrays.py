"""What the kernels of step faces share: tensors for callers, arrays for each other."""

import torch
from torch import Tensor

from pixeledu.steps import Steps


class ArraySteps(Steps):
    """A step face over arrays (see `arithmetic`), which cost less than tensors when they are small.

    For a column and a colour it has a `slot` for the input features and a `compute` that returns
    the output features, both arrays; what `compute` returns may use the same memory the next time.
    """

    ops: type

    def slot(self, column: int, colour: int = 0):
        """Return the array that takes the input features of one colour of one pixel."""
        raise NotImplementedError

    def compute(self, column: int, colour: int = 0):
        """Return the output features of one colour of one pixel, an array (B, features)."""
        raise NotImplementedError

    def put(self, x: Tensor, column: int, colour: int = 0) -> None:
        self.ops.copy(self.ops.view(x), out=self.slot(column, colour))

    def read(self, column: int, colour: int = 0) -> Tensor:
        return torch.as_tensor(self.compute(column, colour)).clone()


class BlockSteps(ArraySteps):
    """The step face of a block that adds to a trunk: it changes an array in place."""

    def add_to(self, x, column: int, colour: int) -> None:
        """Add to one colour of one pixel of the trunk, an array (B, features)."""
        raise NotImplementedError

    def put(self, x: Tensor, column: int, colour: int = 0) -> None:
        self.x = x.clone()

    def read(self, column: int, colour: int = 0) -> Tensor:
        self.add_to(self.ops.view(self.x), column, colour)
        return self.x


def by_pixel(row: Tensor) -> Tensor:
    """Turn a row (B, features, W) into what the kernels work on, (W·B, features)."""
    return row.permute(2, 0, 1).flatten(0, 1)
