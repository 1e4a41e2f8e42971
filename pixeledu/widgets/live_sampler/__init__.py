"""Trained models that draw in the page."""

from pixeledu.widgets.live_sampler.widget import MANY, SPEEDS, LiveSampler

__all__ = ["MANY", "SPEEDS", "LiveSampler"]
