"""Measuring and drawing in several processes: each works on its shard of the images."""

import torch
from torch import Tensor, nn

from pixeledu.checks import checked_images, whole_number
from pixeledu.likelihood import nats
from pixeledu.measuring import batch_size_for, summary
from pixeledu.models import AutoregressiveModel
from pixeledu.sampling import sample, uniform
from pixeledu.training.processes import ProcessGroup
from pixeledu.web.noise import SharedNoise


def nats_in(
    group: ProcessGroup, model: nn.Module, images: Tensor, labels: Tensor | None = None
) -> Tensor:
    """Measure `nats` in several processes, each at its part of the images; all of them call it.

    Returns:
        float64 tensor of shape (B,) on the CPU, in every process.
    """
    checked_images(model, images)
    mine = group.shard(len(images))
    some = None if labels is None else labels[mine]
    part = nats(model, images[mine], some, batch_size=batch_size_for(model, images))
    return group.gather(part, len(images))


def measure_in(
    group: ProcessGroup, model: nn.Module, images: Tensor, labels: Tensor | None = None
) -> dict[str, float]:
    """Measure in several processes what `measuring.measure` measures in one."""
    return summary(nats_in(group, model, images, labels), images)


def sample_in(
    group: ProcessGroup,
    model: AutoregressiveModel,
    n: int,
    height: int,
    width: int,
    *,
    labels: Tensor | None = None,
    guide: Tensor | None = None,
    images: Tensor | None = None,
    known: Tensor | None = None,
    generator: torch.Generator | SharedNoise | None = None,
    **options,
) -> Tensor:
    """Draw in several processes, each its part, the images that `sample` draws in one.

    Args:
        group: the processes; all of them call this with the same arguments.
        model, n, height, width, labels, guide, images, known, generator: as for `sample`, for all n images.
        options: the other arguments of `sample`.
    Returns:
        uint8 tensor of shape (n, C, height, width) in every process, on the model's device.
    """
    mine = group.shard(whole_number("n", n, least=0))
    drawn = sample(
        model,
        mine.stop - mine.start,
        height,
        width,
        labels=None if labels is None else labels[mine],
        guide=None if guide is None else guide[mine],
        images=None if images is None else images[mine],
        known=known if known is None or known.dim() == 2 else known[mine],
        generator=_NoiseOfShard(generator, n, mine),
        **options,
    )
    return group.gather(drawn, n)


class _NoiseOfShard:
    """The random numbers that some of n images get when all n are drawn."""

    device = torch.device("cpu")

    def __init__(self, generator: torch.Generator | SharedNoise | None, n: int, mine: slice):
        self.generator, self.n, self.mine = generator, n, mine

    def uniform(self, start: int, values: int, n: int) -> Tensor:
        """Give the (values, n) numbers; those of the other images are drawn and thrown away."""
        return uniform(self.generator, start, values, self.n)[:, self.mine]
