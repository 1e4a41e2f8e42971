"""The state of a training run: all that changes from step to step, and that resuming needs."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from pixeledu.checkpoints import part_of, refuse_broken_weights
from pixeledu.training.processes import SINGLE, ProcessGroup
from pixeledu.training.sharding import nats_in

# What is written down after each epoch; see `History`.
RECORD = (
    "epoch",
    "step",
    "train_nats",
    "valid_nats",
    "bits_per_dim",
    "learning_rate",
    "seconds",
)


@dataclass
class Run:
    """All that changes while a model is trained.

    Attributes:
        model: the weights that the optimizer moves.
        average: their moving average, the model that is measured and kept.
        optimizer: with its moments.
        group: the processes that train it together.
        best: the averaged weights of the best epoch; before the first epoch ends, those at the
            start.
        step: steps taken.
        nats: summed over the images of the epoch so far.
        seconds: time spent.
        records: one dict for each finished epoch.
        unseen: steps whose loss nobody has looked at yet.
    """

    model: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    group: ProcessGroup = SINGLE
    best: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0
    nats: float = 0.0
    seconds: float = 0.0
    records: list[dict] = field(default_factory=list)
    unseen: list[tuple[int, int, Tensor]] = field(default_factory=list)

    def __post_init__(self):
        self.keep_as_best()

    def keep_as_best(self) -> None:
        """Remember the averaged weights as they are now."""
        self.best = {name: value.clone() for name, value in self.average.state_dict().items()}

    def take_note(self, loss: Tensor, length: Tensor, values: int) -> None:
        """Count a step with its loss (nats per value), gradient length and number of values.

        The two tensors are not read before `look`: reading makes the processor wait for a GPU.
        """
        self.step += 1
        self.unseen.append((self.step, values, torch.stack([loss.detach(), length])))

    def look(self) -> None:
        """Add up the nats of the steps since the last look.

        Raises:
            FloatingPointError: a loss or a gradient was infinite or NaN.
        """
        if not self.unseen:
            return
        steps, values, numbers = zip(*self.unseen, strict=True)
        self.unseen = []
        for step, count, (loss, length) in zip(
            steps, values, torch.stack(numbers).tolist(), strict=True
        ):
            if not math.isfinite(loss) or not math.isfinite(length):
                what = "gradient" if math.isfinite(loss) else "loss"
                raise FloatingPointError(f"the {what} became infinite or NaN at step {step}")
            self.nats += loss * count

    def finish_epoch(self, epoch: int, rate: float, train: Tensor, valid: Tensor | None) -> None:
        """Measure the averaged weights, and remember them if they are the best so far.

        Each process of the group measures its part of the images.

        Raises:
            FloatingPointError: the validation nats are infinite or NaN.
        """
        train_nats, self.nats = self.nats / len(train), 0.0
        valid_nats = (
            None if valid is None else nats_in(self.group, self.average, valid).mean().item()
        )
        if valid_nats is not None and not math.isfinite(valid_nats):
            raise FloatingPointError(f"the validation nats became {valid_nats} at step {self.step}")
        refuse_broken_weights(self.average, f"epoch {epoch} is not kept")
        measured = train_nats if valid_nats is None else valid_nats
        bits_per_dim = measured / (train[0].numel() * math.log(2))
        numbers = (epoch, self.step, train_nats, valid_nats, bits_per_dim, rate, self.seconds)
        record = dict(zip(RECORD, numbers, strict=True))
        self.records.append(record)
        if best_of(self.records) is record:
            self.keep_as_best()

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that going on from here needs, by name."""
        parts = {
            "weights": self.model.state_dict(),
            "average": self.average.state_dict(),
            "best": self.best,
        }
        states = self.optimizer.state_dict()["state"]
        for place, (name, _) in enumerate(self.model.named_parameters()):
            parts[f"optimizer.{name}"] = states.get(place, {})  # empty before the first step
        return {
            f"{part}.{name}": value
            for part, named in parts.items()
            for name, value in named.items()
        }

    def facts(self) -> dict:
        """Return every number that going on from here needs."""
        return {
            "step": self.step,
            "nats": self.nats,
            "seconds": self.seconds,
            "records": self.records,
        }

    def restore(self, tensors: dict[str, Tensor], facts: dict) -> None:
        """Go back to where `tensors` and `facts` were taken.

        Raises:
            ValueError: they were taken from a model of other weights; nothing has changed then.
        """
        mine = {(name, value.shape) for name, value in self.best.items()}
        theirs = {(name, value.shape) for name, value in part_of(tensors, "best.").items()}
        if mine != theirs:
            names = sorted({name for name, _ in mine ^ theirs})
            raise ValueError(f"not all weights have their counterpart: {', '.join(names)}")
        self.model.load_state_dict(part_of(tensors, "weights."))
        self.average.load_state_dict(part_of(tensors, "average."))
        best = part_of(tensors, "best.")
        for name, value in self.best.items():
            value.copy_(best[name])
        names = [name for name, _ in self.model.named_parameters()]
        states = {place: part_of(tensors, f"optimizer.{name}.") for place, name in enumerate(names)}
        groups = self.optimizer.state_dict()["param_groups"]
        states = {place: state for place, state in states.items() if state}
        self.optimizer.load_state_dict({"state": states, "param_groups": groups})
        self.step, self.nats, self.seconds = facts["step"], facts["nats"], facts["seconds"]
        self.records = facts["records"]


@dataclass(frozen=True)
class History:
    """What a training run has measured.

    Attributes:
        records: one dict for each finished epoch, with "epoch" and "step" (counted from 1),
            "train_nats" (mean over the epoch, while the weights were changing), "valid_nats" (of
            the averaged weights; None without validation images), "bits_per_dim" (of the
            validation images, else of the training images), "learning_rate" and "seconds" (spent
            training since the start, over all resumed parts).
    """

    records: list[dict]

    @property
    def best_epoch(self) -> int:
        """The epoch whose averaged weights the model was given in the end."""
        return best_of(self.records)["epoch"]


def best_of(records: list[dict]) -> dict:
    """Return the record with the fewest validation nats; the last one if none were measured."""
    if records[-1]["valid_nats"] is None:
        return records[-1]
    return min(records, key=lambda record: record["valid_nats"])
