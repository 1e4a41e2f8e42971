"""The arithmetic of single pixels: through NumPy on the CPU, through PyTorch elsewhere.

A step of a model multiplies matrices of a few thousand numbers and adds vectors of a few hundred.
That takes a microsecond or less, and so does calling the function that does it: NumPy's calls cost
about a third of PyTorch's. Both work on the same memory, so that a layer makes its buffers as
tensors, computes whole rows with PyTorch, and takes views for what happens pixel by pixel. Which
matrices are multiplied is known beforehand: `product` gives a function that does it when called.
"""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import torch
from torch import Tensor


class NumPyArithmetic:
    """For tensors on the CPU; arrays are NumPy's."""

    add, multiply, tanh = np.add, np.multiply, np.tanh

    @staticmethod
    def product(a: Tensor, b: Tensor, out: Tensor) -> Callable[[], object]:
        # From this size on NumPy's BLAS would start threads of its own, which get in the way of
        # PyTorch's: that has been seen to take a hundred times as long.
        if len(a) * b.numel() > 2**18:
            return TorchArithmetic.product(a, b, out)
        return partial(np.dot, a.numpy(), b.numpy(), out.numpy())

    @staticmethod
    def view(tensor: Tensor) -> np.ndarray:
        return tensor.numpy()

    @staticmethod
    def copy(x: np.ndarray, out: np.ndarray) -> None:
        np.copyto(out, x)

    @staticmethod
    def relu(x: np.ndarray, out: np.ndarray) -> None:
        np.maximum(x, _zeros(x.shape, x.dtype), out=out)


@lru_cache(maxsize=64)
def _zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    # With a single 0 in place of this array NumPy takes twice as long to find the larger number.
    return np.zeros(shape, dtype)


class TorchArithmetic:
    """For all other tensors, which are their own arrays."""

    add, multiply, tanh = torch.add, torch.mul, torch.tanh

    @staticmethod
    def product(a: Tensor, b: Tensor, out: Tensor) -> Callable[[], object]:
        return partial(torch.mm, a, b, out=out)

    @staticmethod
    def view(tensor: Tensor) -> Tensor:
        return tensor

    @staticmethod
    def copy(x: Tensor, out: Tensor) -> None:
        out.copy_(x)

    @staticmethod
    def relu(x: Tensor, out: Tensor) -> None:
        torch.clamp_min(x, 0, out=out)


def arithmetic_for(tensor: Tensor) -> type[NumPyArithmetic] | type[TorchArithmetic]:
    """Return the arithmetic for buffers like this one."""
    in_numpy = tensor.device.type == "cpu" and tensor.dtype in (torch.float32, torch.float64)
    return NumPyArithmetic if in_numpy else TorchArithmetic
