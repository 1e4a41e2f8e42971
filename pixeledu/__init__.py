"""Autoregressive image models, built to be read: PixelCNN and its relatives.

Every name, and every module, is imported when it is first used: what is built and measured needs
torch and numpy alone, data, training, figures and widgets need more. And the command line, which
imports this first, can be stopped at once.
"""

from importlib import import_module

__version__ = "0.1.0"

_LOADED_WHEN_USED = {
    "PAPER_CONFIGS": "registry",
    "CausalityReport": "reports",
    "DiagonalBiLSTM": "layers",
    "GatedBlock": "layers",
    "GatedPixelCNN": "models",
    "MaskedConv2d": "layers",
    "PixelCNN": "models",
    "PixelRNN": "models",
    "RowLSTM": "layers",
    "best_device": "devices",
    "bits_per_dim": "likelihood",
    "build_model": "registry",
    "causal_mask": "masks",
    "check_causality": "causality",
    "class_nats": "likelihood",
    "colour_groups": "masks",
    "complete": "sampling",
    "nats": "likelihood",
    "receptive_field": "inspection",
    "sample": "sampling",
    "skew": "layers",
    "unskew": "layers",
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
    "LearningPixelCNN": "widgets",
    "LiveSampler": "widgets",
    "MaskExplorer": "widgets",
    "ReceptiveField": "widgets",
    "SamplingPlayer": "widgets",
    "Wavefront": "widgets",
}

__all__ = [*_LOADED_WHEN_USED]


def __getattr__(name: str):
    from pkgutil import iter_modules

    if name in _LOADED_WHEN_USED:
        value = getattr(import_module(f"pixeledu.{_LOADED_WHEN_USED[name]}"), name)
    elif name in {module.name for module in iter_modules(__path__)}:
        value = import_module(f"pixeledu.{name}")
    else:
        raise AttributeError(f"module 'pixeledu' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
