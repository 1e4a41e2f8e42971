"""Which device a model is on: the fastest there is, or one that was asked for."""

import torch

from pixeledu.checks import wrong


def best_device() -> torch.device:
    """Return the fastest device there is: CUDA, else Apple's GPU, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def usable_device(device: str | torch.device) -> torch.device:
    """Return the device if this machine has it.

    Raises:
        ValueError: it has not, or PyTorch knows no such device.
    """
    if not isinstance(device, str | torch.device):
        raise wrong("device", 'be a torch.device or its name, such as "cpu"', device)
    try:
        device = torch.device(device)
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f'device {device} cannot be used: {reason}; "cpu" always can') from error
    return device
