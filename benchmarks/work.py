"""What a model has to do, what a machine could do, and what memory a piece of work takes."""

import ctypes
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pixeledu.layers import MaskedConv2d


def flops_of_pass(model: nn.Module, images: int, pixels: int) -> int:
    """Count the additions and multiplications of a forward pass that the formulas ask for.

    Every weight is used once at every pixel: one multiplication and one addition. Weights that a
    mask closes do not count, although most machines multiply with their zeros. A training step
    takes three times as many: the gradient of the features and that of the weights cost as much as
    the features themselves.
    """
    return 2 * images * pixels * sum(map(_open_weights, model.modules()))


def _open_weights(layer: nn.Module) -> int:
    if isinstance(layer, MaskedConv2d):
        return int(layer.mask.expand_as(layer.weight).sum())
    own = dict(layer.named_parameters(recurse=False))
    return sum(own[name].numel() for name in ("weight", "state_to_state") if name in own)


def peak_flops(device: torch.device, kind: torch.dtype = torch.float32) -> float:
    """Measure how many additions and multiplications a second a product of large matrices gets."""
    size = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    seconds = []
    for _ in range(7):
        wait_for(device)
        start = time.perf_counter()
        a @ b
        wait_for(device)
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / statistics.median(seconds[1:])


def wait_for(device: torch.device) -> None:
    """Wait until a GPU has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def memory_of(function: Callable[[], object], device: torch.device) -> float | None:
    """Measure the memory in MB that a function takes beyond what was in use before it.

    Returns:
        None where the system does not tell (it does on Linux, and for a GPU).
    """
    if device.type == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        function()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    reset = Path("/proc/self/clear_refs")
    if not reset.exists():
        return None
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)  # give back what was kept of freed memory, so that it is not taken for used
    reset.write_text("5")  # the peak begins again at the present size
    before = _status("VmRSS")
    function()
    return (_status("VmHWM") - before) / 1024


def _status(name: str) -> int:
    """Return a number of KiB that Linux keeps about this process."""
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0])


def exponent(sizes: list[float], seconds: list[float]) -> float:
    """Fit seconds = a · size^b in the logarithms of both, and return b."""
    x, y = np.log(sizes), np.log(seconds)
    columns = np.stack([np.ones_like(x), x], axis=1)  # (points, 2)
    return float(np.linalg.lstsq(columns, y)[0][1])


def random_images(model: nn.Module, images: int, size: int, device: torch.device) -> Tensor:
    """Make noise that a model can be trained on, shape (images, C, size, size)."""
    shape = (images, model.channels, size, size)
    return torch.randint(model.levels, shape, dtype=torch.uint8).to(device)
