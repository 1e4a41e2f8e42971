"""Figures that move: one Python class and one ES module each, at home in a notebook and on a page."""

from importlib import import_module

_LOADED_WHEN_USED = {
    "LeakHunt": "leak_hunt",
    "LearningPixelCNN": "learning_pixelcnn",
    "LiveSampler": "live_sampler",
    "MaskExplorer": "mask_explorer",
    "ReceptiveField": "receptive_field",
    "SamplingPlayer": "sampling_player",
    "Wavefront": "wavefront",
}

__all__ = [
    "LeakHunt",
    "LearningPixelCNN",
    "LiveSampler",
    "MaskExplorer",
    "ReceptiveField",
    "SamplingPlayer",
    "Wavefront",
]


def __getattr__(name: str):
    if name not in _LOADED_WHEN_USED:
        raise AttributeError(f"module 'pixeledu.widgets' has no attribute {name!r}")
    value = getattr(import_module(f"pixeledu.widgets.{_LOADED_WHEN_USED[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
