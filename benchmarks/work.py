"""What a model has to do, what a machine could do, and what memory a piece of work takes."""

import ctypes
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

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


def machine(device: torch.device, small: bool = False) -> dict:
    """Measure what a machine can do at best: arithmetic, traffic with its memory, small operations.

    Args:
        device: where to measure.
        small: measure in no time and badly, for a rehearsal.
    """
    on_gpu = device.type == "cuda"
    size, numbers = (64, 2**10) if small else (8192, 2**28) if on_gpu else (2048, 2**26)
    kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    return {
        "peak_flops": {name: peak_flops(device, kind, size) for name, kind in kinds.items()},
        "bytes_per_second": bandwidth(device, numbers),
        "seconds_per_operation": start_of_operation(device),
    }


def peak_flops(device: torch.device, kind: torch.dtype, size: int) -> float:
    """Measure how many additions and multiplications a second a product of large matrices gets.

    On a CPU NumPy multiplies with another library than PyTorch: the faster of the two counts.
    """
    a, b = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    seconds = [seconds_of(lambda: a @ b, device)]
    if device.type == "cpu" and kind == torch.float32:
        seconds.append(seconds_of(lambda: a.numpy() @ b.numpy(), device))
    return 2 * size**3 / min(seconds)


def bandwidth(device: torch.device, numbers: int) -> float:
    """Measure how many bytes a second a copy of a large tensor reads and writes, together."""
    source = torch.zeros(numbers, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / seconds_of(lambda: target.copy_(source), device)


def start_of_operation(device: torch.device) -> float:
    """Measure the seconds that an operation takes when there is next to nothing to do."""
    x = torch.zeros(8, device=device)

    def many():
        for _ in range(1000):
            x.add_(1)

    return seconds_of(many, device) / 1000


def seconds_of(function: Callable[[], object], device: torch.device) -> float:
    """Return the median of several runs after one to warm up."""
    seconds = []
    for _ in range(8):
        start = time.perf_counter()
        done(function, device)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def done(function: Callable[[], object], device: torch.device) -> object:
    """Call a function, and wait until a GPU has done what it was told."""
    result = function()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return result


class Traffic(TorchDispatchMode):
    """Count the operations that run in a `with` block, and the bytes they read and write.

    A tensor counts each time that an operation reads it, and each time that it is written; views
    and fresh memory cost nothing.
    """

    def __init__(self):
        super().__init__()
        self.operations = self.bytes = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = operation(*args, **kwargs)
        if not operation.is_view and operation.overloadpacket.__name__ not in _TOUCH_NOTHING:
            self.operations += 1
            read, written = [], [result]
            for place, argument in enumerate(operation._schema.arguments):
                given = args[place] if place < len(args) else kwargs.get(argument.name)
                changed = argument.alias_info is not None and argument.alias_info.is_write
                if changed:
                    written.append(given)
                # A copy reads nothing of its target, and nothing is read of `out`.
                if not (changed and (argument.kwarg_only or operation._opname == "copy_")):
                    read.append(given)
            self.bytes += _bytes_of(read) + _bytes_of(written)
        return result


_TOUCH_NOTHING = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}


def _bytes_of(things: list) -> int:
    """Return the bytes of all tensors in something, each counted once."""
    tensors = {id(x): x for x in tree_leaves(things) if isinstance(x, Tensor)}
    return sum(x.numel() * x.element_size() for x in tensors.values())


def kept_bytes(forward: Callable[[], Tensor]) -> int:
    """Count the bytes that a forward pass keeps for its backward pass, weights among them."""
    kept = {}

    def keep(x: Tensor) -> Tensor:
        memory = x.untyped_storage()
        kept[memory.data_ptr()] = memory.nbytes()  # views of the same memory count once
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        result = forward()  # it must live until all is counted: else memory would be used again
    return sum(kept.values()) if result.requires_grad else 0


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
