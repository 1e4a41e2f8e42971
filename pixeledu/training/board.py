"""TensorBoard, where it is installed and works: it shows a run, and never stops one."""

import warnings
from pathlib import Path

from pixeledu.training.run import RECORD


class Board:
    """Writes the records of a run as TensorBoard's event files, as long as that works.

    Args:
        folder: where they lie.
        step: what lies behind this step will be measured again, and is no longer shown.
    """

    def __init__(self, folder: Path, step: int):
        self._writer = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:  # it is not installed
            return
        except Exception as error:  # it is, and does not fit what else is installed
            self._give_up(error)
            return
        self._try(lambda: setattr(self, "_writer", SummaryWriter(folder, purge_step=step + 1)))

    def add(self, record: dict) -> None:
        """Show the numbers of an epoch."""
        for name in RECORD[2:]:
            if self._writer is not None and record[name] is not None:
                self._try(
                    lambda name=name: self._writer.add_scalar(name, record[name], record["step"])
                )

    def close(self) -> None:
        """Write what is still to be written."""
        if self._writer is not None:
            self._try(self._writer.close)

    def _try(self, action) -> None:
        try:
            action()
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._writer = None
        warnings.warn(
            f"TensorBoard is left out, the training goes on: {type(error).__name__}: {error}",
            stacklevel=2,
        )
