"""A game on the causality test."""

from pixeledu.widgets.leak_hunt.widget import HUNTED, LeakHunt

__all__ = ["HUNTED", "LeakHunt"]
