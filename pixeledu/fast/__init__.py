"""Kernels: other code than the equation, where the equation as it stands would be slow.

A layer's own file has the equation, and one line that hands over to the kernel of the same signature
here. `with pixeledu.fast.off():` leaves that line out everywhere: whoever changes an equation
changes one file and turns the kernels off. A layer that is not one of this package's, also one
derived from it, never meets a kernel made for another.
"""

import contextlib
from collections.abc import Callable, Iterator
from importlib import import_module

from torch import Tensor, channels_last, nn

from pixeledu.steps import Steps

_on = True


@contextlib.contextmanager
def off() -> Iterator[None]:
    """Compute everything in this process by the equations as they stand, for a while."""
    global _on
    before, _on = _on, False
    try:
        yield
    finally:
        _on = before


# Where the kernels are: of a function the one of the same name, of a layer that of its step face.
_KERNELS = {"convolve_down": "convolution", "row_scan": "scan", "diagonal_scan": "scan"}
_STEPS = {
    "MaskedConv2d": ("convolution", "MaskedConv2dSteps"),
    "RowLSTM": ("lstm", "RowLSTMSteps"),
    "DiagonalBiLSTM": ("lstm", "DiagonalBiLSTMSteps"),
    "ResidualBlock": ("blocks", "ResidualBlockSteps"),
    "RecurrentBlock": ("blocks", "RecurrentBlockSteps"),
    "GatedBlock": ("gated", "GatedBlockSteps"),
    "SoftmaxOutput": ("blocks", "OutputSteps"),
    "LogisticsOutput": ("blocks", "OutputSteps"),
    "PixelCNN": ("models", "ModelSteps"),
    "PixelRNN": ("models", "ModelSteps"),
    "GatedPixelCNN": ("models", "ModelSteps"),
}
_loaded: dict[tuple[str, str], Callable] = {}


def kernel(readable: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Choose how a function is computed: by its kernel of the same signature, or as it stands."""
    name = readable.__name__
    return _load(_KERNELS[name], name) if _on else readable


def steps_of(network: nn.Module, readable: type[Steps]) -> type[Steps]:
    """Choose the step face of a layer, block or model: its kernel, or the readable one.

    Args:
        network: what is to be computed in steps.
        readable: its step face as the equations say it.
    Returns:
        A class that takes the arguments of `readable`.
    """
    name = type(network).__name__
    if not _on or name not in _STEPS or not all(map(_is_ours, network.modules())):
        return readable
    return _load(*_STEPS[name])


def _load(module: str, name: str) -> Callable:
    if (module, name) not in _loaded:
        _loaded[module, name] = getattr(import_module(f"pixeledu.fast.{module}"), name)
    return _loaded[module, name]


def _is_ours(module: nn.Module) -> bool:
    return type(module).__module__.split(".")[0] in ("pixeledu", "torch")


def features_side_by_side(x: Tensor) -> Tensor:
    """Lay the features of a pixel side by side in memory: 1×1 convolutions become plain products."""
    return x.contiguous(memory_format=channels_last) if _on else x
