"""Replays of sampled images."""

from pixeledu.widgets.sampling_player.widget import SamplingPlayer

__all__ = ["SamplingPlayer"]
