"""Training: the loop, the state of a run, the folder that keeps it, and several processes."""

from pixeledu.training.loop import fit
from pixeledu.training.run import History

__all__ = ["History", "fit"]
