"""The kinds of models by name, the configurations of the paper, and building a model from either."""

from functools import partial

from pixeledu.checks import one_of
from pixeledu.models import AutoregressiveModel, GatedPixelCNN, PixelCNN, PixelRNN

_MODELS = {
    "pixelcnn": PixelCNN,
    "row-lstm": partial(PixelRNN, "row"),
    "diagonal-bilstm": partial(PixelRNN, "diagonal"),
    "gated-pixelcnn": GatedPixelCNN,
}

_MNIST, _CIFAR10 = {"channels": 1, "levels": 2}, {"channels": 3, "levels": 256}
# The models whose likelihoods the paper reports, by name: what `build_model` takes for each.
# Source: van den Oord et al. 2016, sections 5.5 and 5.6.
PAPER_CONFIGS = {
    "mnist-row-lstm": {"model": "row-lstm", **_MNIST, "hidden": 16, "layers": 7},
    "mnist-diagonal-bilstm-1": {"model": "diagonal-bilstm", **_MNIST, "hidden": 32, "layers": 1},
    "mnist-diagonal-bilstm-7": {"model": "diagonal-bilstm", **_MNIST, "hidden": 16, "layers": 7},
    "cifar10-row-lstm": {"model": "row-lstm", **_CIFAR10, "hidden": 128, "layers": 12},
    "cifar10-diagonal-bilstm": {
        "model": "diagonal-bilstm",
        **_CIFAR10,
        "hidden": 128,
        "layers": 12,
    },
}

KINDS = tuple(_MODELS)
MODEL_NAMES = (*KINDS, *PAPER_CONFIGS)


def build_model(name: str | None = None, /, **config) -> AutoregressiveModel:
    """Build a model by name, or again from the `config` of another one.

    Args:
        name: "pixelcnn", "row-lstm", "diagonal-bilstm" or "gated-pixelcnn", or a name of
            `PAPER_CONFIGS`, whose arguments `config` then changes; may be left out if `config`
            holds it as "model".
        config: the arguments of the model's class.
    Returns:
        The model, freshly initialised, on the CPU.
    Raises:
        ValueError: the name is unknown or contradicts the config, or an argument is not one of
            the model's or is out of range.

    Example:
        >>> model = build_model("pixelcnn", hidden=16, layers=2)
        >>> twin = build_model(**model.config)
    """
    for given in (name, config.get("model", name)):
        if given is not None:
            one_of("model", given, *MODEL_NAMES)
    if name in PAPER_CONFIGS:
        config = PAPER_CONFIGS[name] | config
        name = None
    stated = config.pop("model", name)
    name = name or stated
    if name not in _MODELS or stated != name:
        known = ", ".join(MODEL_NAMES)
        raise ValueError(f"model must be one of: {known}; got {name!r}, in config {stated!r}")
    try:
        return _MODELS[name](**config)
    except TypeError as error:
        raise ValueError(f"config does not fit {name}: {error}") from error
