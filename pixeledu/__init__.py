"""Autoregressive image models, built to be read: PixelCNN and its relatives.

`import pixeledu` loads torch and numpy alone. Names that need more (data, training, figures,
widgets) are imported when first used.
"""

from importlib import import_module

from pixeledu.causality import check_causality
from pixeledu.devices import best_device
from pixeledu.inspection import receptive_field
from pixeledu.layers import DiagonalBiLSTM, GatedBlock, MaskedConv2d, RowLSTM, skew, unskew
from pixeledu.likelihood import bits_per_dim, class_nats, nats
from pixeledu.masks import causal_mask, colour_groups
from pixeledu.models import GatedPixelCNN, PixelCNN, PixelRNN
from pixeledu.registry import PAPER_CONFIGS, build_model
from pixeledu.reports import CausalityReport
from pixeledu.sampling import complete, sample

__version__ = "0.1.0"

_LOADED_WHEN_USED = {
    "compress": "compression",
    "decompress": "compression",
    "SharedNoise": "web.noise",
    "Trace": "tracing",
    "sample_trace": "tracing",
    "ImageData": "data",
    "load_images": "data",
    "fit": "training",
    "keep_freed_memory": "fast.memory",
    "load_checkpoint": "checkpoints",
    "save_checkpoint": "checkpoints",
    "list_pretrained": "pretrained",
    "load_pretrained": "pretrained",
    "pretrained_card": "pretrained",
    "export_model": "web.export",
    "load_export": "web.export",
    "quantising_cost": "web.export",
    "read_export_info": "web.export",
    "save_export": "web.export",
    "LeakHunt": "widgets",
    "LiveSampler": "widgets",
    "MaskExplorer": "widgets",
    "ReceptiveField": "widgets",
    "SamplingPlayer": "widgets",
    "Wavefront": "widgets",
}

__all__ = [
    "PAPER_CONFIGS",
    "CausalityReport",
    "DiagonalBiLSTM",
    "GatedBlock",
    "GatedPixelCNN",
    "MaskedConv2d",
    "PixelCNN",
    "PixelRNN",
    "RowLSTM",
    "best_device",
    "bits_per_dim",
    "build_model",
    "causal_mask",
    "check_causality",
    "class_nats",
    "colour_groups",
    "complete",
    "nats",
    "receptive_field",
    "sample",
    "skew",
    "unskew",
    *_LOADED_WHEN_USED,
]


def __getattr__(name: str):
    if name not in _LOADED_WHEN_USED:
        raise AttributeError(f"module 'pixeledu' has no attribute {name!r}")
    value = getattr(import_module(f"pixeledu.{_LOADED_WHEN_USED[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
