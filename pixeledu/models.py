"""The models of the book: integer images in, the logits of every value of every pixel out."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from pixeledu.checks import check_image_shape, whole_number
from pixeledu.layers import GatedBlock, MaskedConv2d
from pixeledu.layers.blocks import OutputHead, RecurrentBlock, ResidualBlock


class AutoregressiveModel(nn.Module):
    """What all models share: how an image comes in, how a distribution goes out.

    A subclass has a `first` layer and `blocks`, the `trunk` that leads through them, and a `head`.

    Args:
        kind: the name `build_model` knows the model by.
        channels: colours of the image, 1 or more; R→G→B when it is 3.
        levels: values a pixel can take, 2 to 256.
        config: the other arguments of the model.
    """

    def __init__(self, kind: str, channels: int, levels: int, **config):
        super().__init__()
        self.channels = whole_number("channels", channels)
        self.levels = whole_number("levels", levels, least=2)
        if levels > 256:
            raise ValueError(f"levels must be 2 to 256 (images are stored as bytes), got {levels}")
        self.config = {"model": kind, "channels": channels, "levels": levels, **config}

    def forward(self, images: Tensor) -> Tensor:
        """Compute the distribution of every pixel given the pixels before it.

        Args:
            images: values 0 … levels-1, shape (B, C, H, W); integers, or floats on the same scale
                where a gradient with respect to the image is wanted.
        Returns:
            Logits of shape (B, levels, C, H, W).
        Raises:
            ValueError: the shape is not that of an image batch with the model's colours.
        """
        check_image_shape(images, self.channels)
        return self.logits_from(self.head(self.trunk(self.scale(images))))  # (B, levels, C, H, W)

    def steps(self, batch: int, width: int) -> "ModelSteps":
        """Start drawing `batch` images of this width, value by value; see `sampling`."""
        return ModelSteps(self, batch, width)

    def scale(self, images: Tensor) -> Tensor:
        """Map the values 0 … levels-1 to -1 … 1, as floats of the model's own type."""
        return images.to(next(self.parameters()).dtype) * (2 / (self.levels - 1)) - 1

    def logits_from(self, features: Tensor) -> Tensor:
        """Give each colour its own softmax: (B, C·levels, H, W) -> (B, levels, C, H, W)."""
        logits = features.unflatten(1, (self.channels, self.levels))  # (B, C, levels, H, W)
        return logits.transpose(1, 2)  # (B, levels, C, H, W)


class ResidualModel(AutoregressiveModel):
    """A first layer with mask A, residual blocks, an output head: the shape of the paper's models.

    Args:
        kind, channels, levels: as for `AutoregressiveModel`.
        hidden: the paper's h; the trunk carries 2h features.
        layers: number of residual blocks.
        block: makes a block from `hidden` and `channels`.
    Source: van den Oord et al. 2016, table 1.
    """

    def __init__(
        self,
        kind: str,
        channels: int,
        levels: int,
        hidden: int,
        layers: int,
        block: Callable[[int, int], nn.Module],
    ):
        super().__init__(kind, channels, levels, hidden=hidden, layers=layers)
        whole_number("hidden", hidden)
        whole_number("layers", layers, least=0)
        self.first = MaskedConv2d(channels, 2 * hidden, 7, "A", channels)
        self.blocks = nn.ModuleList(block(hidden, channels) for _ in range(layers))
        self.head = OutputHead(2 * hidden, channels, levels)

    def trunk(self, image: Tensor) -> Tensor:
        """Compute the features of an image of scaled values: (B, C, H, W) -> (B, 2h, H, W)."""
        x = self.first(image)  # (B, 2h, H, W)
        # Features of a pixel side by side in memory: the 1×1 convolutions become plain products.
        x = x.contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x = block(x)  # (B, 2h, H, W)
        return x


class PixelCNN(ResidualModel):
    """The PixelCNN: masked convolutions with residual connections, all pixels in parallel.

    Args:
        channels: colours of the image.
        levels: values a pixel can take, 2 to 256.
        hidden: the paper's h; the trunk carries 2h features.
        layers: number of residual blocks.
    Raises:
        ValueError: a number is out of range, or `hidden` is less than `channels`.
    Source: van den Oord et al. 2016, table 1 and figure 5.
    """

    def __init__(self, channels: int = 1, levels: int = 2, hidden: int = 64, layers: int = 7):
        super().__init__("pixelcnn", channels, levels, hidden, layers, ResidualBlock)


class PixelRNN(ResidualModel):
    """The PixelRNN: LSTM layers with residual connections, in fronts of pixels.

    Args:
        cell: "row" for Row LSTMs, whose fronts are rows, or "diagonal" for Diagonal BiLSTMs.
        channels: colours of the image.
        levels: values a pixel can take, 2 to 256.
        hidden: the paper's h; each LSTM has h features, the trunk carries 2h.
        layers: number of LSTM layers.
    Raises:
        ValueError: the cell is unknown, a number is out of range, or `hidden` is less than
            `channels`.
    Source: van den Oord et al. 2016, sections 3.1 to 3.3, table 1 and figure 5.
    """

    def __init__(
        self,
        cell: str,
        channels: int = 1,
        levels: int = 2,
        hidden: int = 16,
        layers: int = 7,
    ):
        if cell not in _CELLS:
            raise ValueError(f"cell must be one of: {', '.join(_CELLS)}; got {cell!r}")
        block = partial(RecurrentBlock, cell)
        super().__init__(_CELLS[cell], channels, levels, hidden, layers, block)


_CELLS = {"row": "row-lstm", "diagonal": "diagonal-bilstm"}


class GatedPixelCNN(AutoregressiveModel):
    """The gated PixelCNN: two stacks of gated convolutions, without the PixelCNN's blind spot.

    Args:
        channels: colours of the image.
        levels: values a pixel can take, 2 to 256.
        hidden: features of each of the two maps.
        layers: number of gated blocks after the one that reads the image.
    Raises:
        ValueError: a number is out of range, or `hidden` is less than `channels`.
    Source: van den Oord et al. 2016, "Conditional Image Generation with PixelCNN Decoders",
        section 2; the windows are 7×7 in the first block and 5×5 in the others.
    """

    def __init__(self, channels: int = 1, levels: int = 2, hidden: int = 64, layers: int = 7):
        super().__init__("gated-pixelcnn", channels, levels, hidden=hidden, layers=layers)
        whole_number("hidden", hidden)
        whole_number("layers", layers, least=0)
        self.first = GatedBlock(channels, hidden, 7, "A", channels)
        self.blocks = nn.ModuleList(
            GatedBlock(hidden, hidden, 5, "B", channels) for _ in range(layers)
        )
        self.head = OutputHead(hidden, channels, levels)

    def trunk(self, image: Tensor) -> Tensor:
        """Compute the features of an image of scaled values: (B, C, H, W) -> (B, h, H, W)."""
        image = image.contiguous(memory_format=torch.channels_last)
        vertical, horizontal = self.first(image, image)  # (B, h, H, W) each
        for block in self.blocks:
            vertical, horizontal = block(vertical, horizontal)  # (B, h, H, W) each
        return horizontal

    def steps(self, batch: int, width: int) -> "GatedPixelCNNSteps":
        """Start drawing `batch` images of this width, value by value; see `sampling`."""
        return GatedPixelCNNSteps(self, batch, width)


class ModelSteps:
    """A model, one value at a time, in the order the values are drawn.

    For each row: `start_row()`. For each value of it: `logits(column, colour)`, then
    `put(values, column, colour)` with what was drawn, or was known already.
    """

    def __init__(self, model: AutoregressiveModel, batch: int, width: int):
        self.first = model.first.steps(batch, width)
        self.blocks = [block.steps(batch, width) for block in model.blocks]
        self.head = model.head.steps(batch, width)
        self.ops = self.first.ops
        # A thread more pays only where a product takes longer than waiting for the thread.
        work = batch * max(weight.numel() for weight in model.parameters())
        self.threads = max(1, work // 2**21)
        # The scaled form of every level, to look up instead of computing it for each value.
        levels = torch.arange(model.levels, device=next(model.parameters()).device)
        self.scaled = self.ops.view(model.scale(levels).detach())

    def start_row(self) -> None:
        """Finish the row drawn so far and start the next one."""
        self.first.start_row()
        for block in self.blocks:
            block.start_row()

    def logits(self, column: int, colour: int = 0) -> Tensor:
        """Return the logits of one colour of one pixel of this row, shape (B, levels).

        The next call may use the same memory.
        """
        x = self.first.compute(column, colour)  # (B, 2h / C): the features of this colour
        for block in self.blocks:
            block.add_to(x, column, colour)
        return torch.as_tensor(self.head.compute(x, column, colour))

    def put(self, values: Tensor, column: int, colour: int = 0) -> None:
        """Take in the values 0 … levels-1 of one colour of one pixel, shape (B,)."""
        self.first.slot(column, colour)[:, 0] = self.scaled[self.ops.view(values)]


class GatedPixelCNNSteps(ModelSteps):
    """The gated PixelCNN, one value at a time."""

    def start_row(self) -> None:
        """Finish the row drawn so far and compute the vertical maps of the next one."""
        row = self.first.start_row()  # (W, B, h)
        for block in self.blocks:
            row = block.start_row(row)  # (W, B, h)


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

MODEL_NAMES = (*_MODELS, *PAPER_CONFIGS)


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
