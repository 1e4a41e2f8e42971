"""Several processes at work on one thing: which part is mine, and how the parts become a whole.

`torchrun` and `accelerate launch` start the same command once for each device and tell every
process its number in environment variables. The processes then work in step: each takes its part
of a batch, and what they compute is added up. All of them hold the same weights at every moment.
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from pixeledu.devices import best_device

_stores: list[dist.Store] = []  # where the processes of `joined` found each other


class LeaderFailed(RuntimeError):
    """The first process could not do what it does for all; the message is what it said."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that work together, seen from one of them.

    Args:
        rank: the number of this process, from 0; number 0 leads: it alone writes and shows bars.
        size: how many processes there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_leader(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def shard(self, n: int) -> slice:
        """Return which of n things are this process's own; the parts differ by one at most."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def shard_of(self, batch: Tensor) -> tuple[Tensor, float]:
        """Return this process's part of a batch, and its share in the mean over the batch.

        Where there are more processes than images some get one that another has too, with share 0:
        so every process always computes something, and nothing counts twice.
        """
        mine = batch[self.shard(len(batch))]
        return (mine, len(mine) / len(batch)) if len(mine) else (batch[:1], 0.0)

    def mean(self, loss: Tensor, weights: Iterable[Tensor], share: float) -> Tensor:
        """Turn the loss and the gradients of the parts into those of the whole batch.

        Args:
            loss: mean over this process's part, a scalar.
            weights: parameters, whose gradients are changed in place.
            share: what `part_of` gave.
        Returns:
            The mean loss over the whole batch.
        """
        if self.size == 1:
            return loss
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        numbers = torch.cat([loss.detach().view(1), *(part.flatten() for part in gradients)])
        # mean over all = Σ share · mean over a part
        numbers *= share
        _add_up(numbers)
        loss, *sums = numbers.split([1, *(part.numel() for part in gradients)])
        for gradient, total in zip(gradients, sums, strict=True):
            gradient.copy_(total.view(gradient.shape))
        return loss[0]

    def gather(self, part: Tensor, n: int) -> Tensor:
        """Join the parts, each (len(part(n)), …), to the whole, shape (n, …), in every process."""
        if self.size == 1:
            return part
        whole = part.new_zeros(n, *part.shape[1:])
        whole[self.shard(n)] = part  # all others add 0 to it
        return _add_up(whole)

    def broadcast(self, content: bytes) -> bytes:
        """Return what the leader passes here, in every process; what others pass is ignored."""
        if self.size == 1:
            return content
        length = _add_up(torch.tensor(len(content) if self.is_leader else 0))
        received = torch.zeros(int(length), dtype=torch.uint8)
        if self.is_leader and content:
            received.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
        with _all_there():
            dist.broadcast(received, src=0)
        return received.numpy().tobytes()

    def run_on_leader(self, function: Callable, *arguments) -> None:
        """Let the leader call a function while the others wait, and fail together if it fails.

        Raises:
            LeaderFailed: in the other processes, when the function has raised an error.
        """
        try:
            if self.is_leader:
                function(*arguments)
        except Exception as error:
            with contextlib.suppress(RuntimeError):  # the others may be gone
                self.broadcast(str(error).encode() or type(error).__name__.encode())
            raise
        if failure := self.broadcast(b""):
            raise LeaderFailed(failure.decode())

    def first_to_say(self, text: str) -> bool:
        """Tell whether this process shall say it: of those with the same text, the first one."""
        if self.size == 1 or not dist.is_initialized():
            return True
        try:
            return _stores[-1].add(f"said {text}", 1) == 1
        except RuntimeError:  # whoever kept the count is gone
            return True


SINGLE = ProcessGroup()


def group_from_environment() -> ProcessGroup:
    """Return what the environment says of this process: alone, or which one of several.

    Raises:
        ValueError: `WORLD_SIZE` is there, and it or `RANK` is no number.
    """
    try:
        size = int(os.environ.get("WORLD_SIZE", 1))
        return ProcessGroup(int(os.environ["RANK"]), size) if size > 1 else SINGLE
    except (KeyError, ValueError) as error:
        names = ("RANK", "WORLD_SIZE")
        found = ", ".join(f"{name}={os.environ.get(name)!r}" for name in names)
        raise ValueError(
            f"RANK and WORLD_SIZE must be numbers that `torchrun` or `accelerate launch` sets, got "
            f"{found}; to work in one process, unset WORLD_SIZE"
        ) from error


def current_group() -> ProcessGroup:
    """Return the processes that this one has joined with `torch.distributed`; else it is alone."""
    if dist.is_available() and dist.is_initialized():
        return ProcessGroup(dist.get_rank(), dist.get_world_size())
    return SINGLE


@contextlib.contextmanager
def joined() -> Iterator[ProcessGroup]:
    """Meet the other processes, if `group_from_environment` says that there are some.

    Raises:
        ValueError: a variable that `torchrun` sets is missing.
        RuntimeError: the others cannot be reached.
    """
    group = group_from_environment()
    if group.size == 1:
        yield group
        return
    store, rank, size = next(dist.rendezvous("env://"))
    _stores.append(dist.PrefixStore("pixeledu", store))
    dist.init_process_group(store=store, rank=rank, world_size=size)
    yield group
    # Not after an error: the others may be gone, and a farewell would wait for them.
    dist.destroy_process_group()
    _stores.pop()


def own_device(device: str | torch.device | None) -> torch.device | str:
    """Return the device of this process: of several processes each takes a GPU of its own.

    Args:
        device: what was asked for; None takes the fastest there is.
    Raises:
        ValueError: several processes were sent to one GPU, or there are too few of them.
    """
    if current_group().size == 1:
        return best_device() if device is None else device
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if str(device) == "cpu":
        return device
    if str(device) != "cuda":
        raise ValueError(
            f'device must be "cuda" or "cpu" in several processes, got {device}: "cuda" gives '
            f"each process a GPU of its own"
        )
    place, there = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if place >= there:
        raise ValueError(
            f"there are {there} GPUs for more processes than that on this machine: start {there} "
            f"processes, or pass the device cpu"
        )
    torch.cuda.set_device(place)
    return torch.device("cuda", place)


def _add_up(numbers: Tensor) -> Tensor:
    with _all_there():
        dist.all_reduce(numbers)
    return numbers


@contextlib.contextmanager
def _all_there() -> Iterator[None]:
    """Say what it means when the others do not answer."""
    try:
        yield
    except RuntimeError as error:
        # "[/…/pair.cc:537] Read error: Connection reset by peer. This is typically caused …"
        reason = re.sub(r"^\[\S+\] ", "", str(error).strip()).splitlines()[0].split(". ")[0]
        raise RuntimeError(
            f"another process of this run has stopped or cannot be reached ({reason}). Start the "
            f"same command again: a training goes on from its last checkpoint"
        ) from error
