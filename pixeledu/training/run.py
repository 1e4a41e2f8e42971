"""The state of a training run: all that changes from step to step, and that resuming needs."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from pixeledu.checkpoints import (
    give_weights,
    plain_name,
    refuse_broken_weights,
    refuse_other_weights,
    weights_of,
)
from pixeledu.tensor_files import Announced, announced_of, part_of
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
        steps_per_epoch: after so many steps an epoch ends and gets its record.
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
    steps_per_epoch: int
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
        self.best = {name: value.clone() for name, value in weights_of(self.average).items()}

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

    def finish_epoch(
        self,
        epoch: int,
        rate: float,
        train: Tensor,
        valid: Tensor | None,
        labels: Tensor | None = None,
    ) -> None:
        """Measure the averaged weights, and remember them if they are the best so far.

        Each process of the group measures its part of the images.

        Raises:
            FloatingPointError: the validation nats are infinite or NaN.
        """
        train_nats, self.nats = self.nats / len(train), 0.0
        valid_nats = (
            None
            if valid is None
            else nats_in(self.group, self.average, valid, labels).mean().item()
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
            "weights": weights_of(self.model),
            "average": weights_of(self.average),
            "best": self.best,
        }
        states = self.optimizer.state_dict()["state"]
        for place, (name, _) in enumerate(self.model.named_parameters()):
            # Empty before the first step.
            parts[f"optimizer.{plain_name(name)}"] = states.get(place, {})
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

    def refuse_another(self, announced: dict[str, Announced], facts: dict) -> None:
        """Refuse what a file announces unless `restore` can go back to it, before it is read.

        Raises:
            ValueError: it was taken from a model of other weights, or a number is none.
        """
        expected = announced_of(self.best)
        for part in ("weights", "average", "best"):
            refuse_other_weights(part_of(announced, f"{part}."), expected)
        moments = part_of(announced, "optimizer.")
        for name, weight in self.model.named_parameters():
            name = plain_name(name)
            mine = {"step": _COUNT, **dict.fromkeys(_MOMENTS, expected[name])}
            mine = {f"{name}.{of_adam}": entry for of_adam, entry in mine.items()}
            theirs = {entry: moments.pop(entry) for entry in mine if entry in moments}
            if theirs or not weight.requires_grad:  # none: it had no gradient yet
                refuse_other_weights(theirs, mine if theirs else {})
        refuse_other_weights(moments, {})
        _refuse_broken_facts(facts, self.steps_per_epoch)

    def restore(self, tensors: dict[str, Tensor], facts: dict) -> None:
        """Go back to where `tensors` and `facts` were taken.

        Raises:
            ValueError: they were taken from a model of other weights; nothing has changed then.
        """
        self.refuse_another(announced_of(tensors), facts)
        give_weights(self.model, part_of(tensors, "weights."))
        give_weights(self.average, part_of(tensors, "average."))
        best = part_of(tensors, "best.")
        for name, value in self.best.items():
            value.copy_(best[name])
        names = [plain_name(name) for name, _ in self.model.named_parameters()]
        states = {place: part_of(tensors, f"optimizer.{name}.") for place, name in enumerate(names)}
        groups = self.optimizer.state_dict()["param_groups"]
        states = {place: state for place, state in states.items() if state}
        self.optimizer.load_state_dict({"state": states, "param_groups": groups})
        self.step, self.nats, self.seconds = facts["step"], facts["nats"], facts["seconds"]
        self.records = facts["records"]


# What AdamW keeps for each weight: its moments, and the steps taken.
_MOMENTS, _COUNT = ("exp_avg", "exp_avg_sq"), Announced("F32", ())


def _refuse_broken_facts(facts: dict, steps_per_epoch: int) -> None:
    """Raise ValueError unless the numbers of a checkpoint are such that a run can go on with them."""
    records = facts.get("records")
    sound = (
        _is_whole(facts.get("step"))
        and all(_is_number(facts.get(name)) for name in ("nats", "seconds"))
        and isinstance(records, list)
        and all(isinstance(record, dict) and _is_record(record) for record in records)
        and len({record["valid_nats"] is None for record in records}) <= 1
        and len(records) == facts["step"] // steps_per_epoch
    )
    if not sound:
        raise ValueError("its step, its times or its records are not those of a run")


def _is_record(record: dict) -> bool:
    return record.keys() == set(RECORD) and all(
        _is_whole(value)
        if name in ("epoch", "step")
        else _is_number(value) or (name == "valid_nats" and value is None)
        for name, value in record.items()
    )


def _is_whole(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


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
