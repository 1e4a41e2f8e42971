"""The folder of a training run: what is kept in it, and how a run goes on from there."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from pixeledu.checkpoints import (
    BEST,
    LAST,
    checked_info,
    config_of,
    refuse_broken_weights,
)
from pixeledu.files import cannot_write, only_user_of, remove_leftovers, write_atomically
from pixeledu.tensor_files import Announced, read_tensors, write_tensors
from pixeledu.training.board import Board
from pixeledu.training.processes import SINGLE, ProcessGroup
from pixeledu.training.run import RECORD, Run, best_of

METRICS = "metrics.jsonl"
# Names that the checkpoints use themselves.
TAKEN = ("kind", "config", "sha256", "settings", "nats", "records", *RECORD)


class RunFolder:
    """Keeps a run in a folder, so that it can go on after it was stopped at any moment.

    Every file is replaced whole. `last.safetensors` is the truth; when a run goes on, the best
    model and the records are written again as it knows them. Of several processes the leader alone
    touches the folder; the others wait for it, and fail when it fails.

    Args:
        path: the folder; it is made when it is opened.
        model: the model that is trained.
        settings: all that the outcome depends on; a run goes on only if none has changed.
        info: JSON-able facts to keep in the checkpoints.
        group: the processes that train together.
    Raises:
        ValueError: the model has no `config`, or `info` is not JSON-able or uses a taken name.
    """

    def __init__(
        self,
        path: str | Path,
        model: nn.Module,
        settings: dict,
        info: dict,
        group: ProcessGroup = SINGLE,
    ):
        self.path = Path(path)
        self.group = group
        self.config = config_of(model)
        self.settings = settings
        self.info = checked_info(info, TAKEN)
        self.saved_step = 0
        self._board = None

    @contextlib.contextmanager
    def opened(self, run: Run) -> Iterator[None]:
        """Hold the folder for one run, which goes on from what is there or starts anew.

        Raises:
            ValueError: the folder holds another run, or what it holds is damaged.
            OSError: it cannot be written, or another process is training in it.
        """
        with contextlib.ExitStack() as held:
            self.group.run_on_leader(self._open, run, held)
            yield

    def save(self, run: Run) -> None:
        """Write the checkpoint that the run can go on from."""
        refuse_broken_weights(run.model, f"{self.path / LAST} was not written")
        self.group.run_on_leader(self._save, run)
        self.saved_step = run.step

    def record(self, run: Run) -> None:
        """Write down the epoch that has just ended, and its model if it is the best."""
        self.group.run_on_leader(self._record, run)

    def _open(self, run: Run, held: contextlib.ExitStack) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        held.enter_context(only_user_of(self.path, "training"))
        remove_leftovers(self.path, LAST, BEST, METRICS)
        self._start(run)
        self._board = Board(self.path, run.step)
        held.callback(self._board.close)

    def _save(self, run: Run) -> None:
        info = {"kind": "run", "config": self.config, "settings": self.settings, **run.facts()}
        write_tensors(self.path / LAST, run.tensors(), {**self.info, **info})

    def _record(self, run: Run) -> None:
        if best_of(run.records) is run.records[-1]:
            self._write_best(run)
        self._write_metrics(run)
        self._board.add(run.records[-1])

    def _start(self, run: Run) -> None:
        for name in (LAST, BEST, METRICS):
            if (self.path / name).is_dir():
                raise ValueError(
                    f"{self.path / name} is a folder: choose another folder to train in"
                )
        if not (self.path / LAST).exists():
            for name in (BEST, METRICS):
                if (self.path / name).exists():
                    raise ValueError(
                        f"{self.path} holds {name} but no {LAST} to go on from; to keep it from "
                        f"being overwritten, choose another folder or move it away"
                    )
            self._save(run)
            return

        def check(announced: dict[str, Announced], info: dict) -> None:
            self._refuse_another_run(info)
            try:
                run.refuse_another(announced, info)
            except ValueError as error:
                raise ValueError(
                    f"{self.path / LAST} does not fit this model: {error}; choose another folder"
                ) from error

        run.restore(*read_tensors(self.path / LAST, check))
        self.saved_step = run.step
        if run.records:
            self._write_best(run)
            self._write_metrics(run)

    def _refuse_another_run(self, info: dict) -> None:
        if info.get("kind") != "run":
            raise ValueError(f"{self.path / LAST} is a model alone, not a run to go on from")
        config, settings = info.get("config"), info.get("settings")
        if not isinstance(config, dict) or not isinstance(settings, dict):
            raise ValueError(
                f"{self.path / LAST} does not say what it was trained with: choose another folder"
            )
        then = {f"the model's {name}": value for name, value in config.items()}
        now = {f"the model's {name}": value for name, value in self.config.items()}
        then, now = then | settings, now | self.settings
        differences = [
            f"{name} images are not the same"
            if name in ("train", "valid")
            else f"{name} was {then.get(name)!r} and is now {now.get(name)!r}"
            for name in {**then, **now}
            if then.get(name) != now.get(name)
        ]
        if differences:
            raise ValueError(
                f"{self.path} holds another run: {'; '.join(differences)}. Choose another folder, "
                f"or delete this one to start again"
            )

    def _write_best(self, run: Run) -> None:
        facts = {"kind": "model", "config": self.config, **best_of(run.records)}
        write_tensors(self.path / BEST, run.best, {**self.info, **facts})

    def _write_metrics(self, run: Run) -> None:
        lines = "".join(json.dumps(record) + "\n" for record in run.records)
        write_atomically(self.path / METRICS, lines.encode())


def fingerprint(images: Tensor | None, labels: Tensor | None = None) -> str | None:
    """Return a short text that changes when an image does, or a label where there are some."""
    if images is None:
        return None
    text = sha256_of(images)
    if labels is not None:
        text = hashlib.sha256(f"{text} {labels.tolist()}".encode()).hexdigest()
    return text[:16]


def sha256_of(images: Tensor) -> str:
    """Return the SHA-256 of an image batch: of its shape as text, then of its values as bytes."""
    digest = hashlib.sha256(str(tuple(images.shape)).encode())
    at_once = max(1, 2**20 // max(1, images[:1].numel()))
    for part in images.split(at_once):  # a set on disk may be larger than the memory
        digest.update(part.to("cpu", torch.uint8).contiguous().numpy())
    return digest.hexdigest()
