"""The models of the book: integer images in, the logits of every value of every pixel out."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu.checks import positive_int, shape_of_images
from pixeledu.layers import MaskedConv2d


class AutoregressiveModel(nn.Module):
    """What all models share: how an image comes in, how a distribution goes out.

    Args:
        kind: the name `build_model` knows the model by.
        channels: colours of the image, 1 or more; R→G→B when it is 3.
        levels: values a pixel can take, 2 to 256.
        config: the other arguments of the model.
    """

    def __init__(self, kind: str, channels: int, levels: int, **config):
        super().__init__()
        self.channels = positive_int("channels", channels)
        self.levels = positive_int("levels", levels, least=2)
        if levels > 256:
            raise ValueError(f"levels must be 2 to 256 (images are stored as bytes), got {levels}")
        self.config = {"model": kind, "channels": channels, "levels": levels, **config}

    def scale(self, images: Tensor) -> Tensor:
        """Map the values 0 … levels-1 to -1 … 1, as floats of the model's own type."""
        return images.to(next(self.parameters()).dtype) * (2 / (self.levels - 1)) - 1

    def logits_from(self, features: Tensor) -> Tensor:
        """Give each colour its own softmax: (B, C·levels, H, W) -> (B, levels, C, H, W)."""
        logits = features.unflatten(1, (self.channels, self.levels))  # (B, C, levels, H, W)
        return logits.transpose(1, 2)  # (B, levels, C, H, W)


class PixelCNN(AutoregressiveModel):
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
        super().__init__("pixelcnn", channels, levels, hidden=hidden, layers=layers)
        positive_int("hidden", hidden)
        positive_int("layers", layers, least=0)
        self.first = MaskedConv2d(channels, 2 * hidden, 7, "A", channels)
        self.blocks = nn.ModuleList(ResidualBlock(hidden, channels) for _ in range(layers))
        self.head = OutputHead(2 * hidden, channels, levels)

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
        shape_of_images(images, self.channels)
        x = self.first(self.scale(images))  # (B, 2h, H, W)
        # Features of a pixel side by side in memory: the 1×1 convolutions become plain products.
        x = x.contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x = block(x)  # (B, 2h, H, W)
        return self.logits_from(self.head(x))  # (B, levels, C, H, W)

    def steps(self, batch: int, width: int) -> "PixelCNNSteps":
        """Start drawing `batch` images of this width, value by value; see `sampling`."""
        return PixelCNNSteps(self, batch, width)


class ResidualBlock(nn.Module):
    """Add to the trunk what a 1×1, a masked 3×3 and a 1×1 convolution make of it.

    Args:
        hidden: h; the trunk has 2h features, the block works on h.
        channels: colours of the image.
    Source: van den Oord et al. 2016, figure 5 (left).
    """

    def __init__(self, hidden: int, channels: int):
        super().__init__()
        self.reduce = MaskedConv2d(2 * hidden, hidden, 1, "B", channels)
        self.convolve = MaskedConv2d(hidden, hidden, 3, "B", channels)
        self.expand = MaskedConv2d(hidden, 2 * hidden, 1, "B", channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.reduce(F.relu(x))  # (B, h, H, W); x itself is still needed
        y = self.convolve(F.relu_(y))  # (B, h, H, W)
        return x + self.expand(F.relu_(y))  # (B, 2h, H, W)


class OutputHead(nn.Module):
    """Turn trunk features into logits: twice a ReLU and a 1×1 convolution with mask B.

    Args:
        features: features of the trunk.
        channels: colours of the image.
        levels: values a pixel can take.
    Source: van den Oord et al. 2016, table 1.
    """

    def __init__(self, features: int, channels: int, levels: int):
        super().__init__()
        self.mix = MaskedConv2d(features, features, 1, "B", channels)
        self.predict = MaskedConv2d(features, channels * levels, 1, "B", channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.predict(F.relu_(self.mix(F.relu(x))))  # (B, C·levels, H, W)


class PixelCNNSteps:
    """The PixelCNN, one value at a time, in the order the values are drawn.

    For each row: `start_row()`. For each value of it: `logits(column, colour)`, then
    `put(values, column, colour)` with what was drawn, or was known already.
    """

    def __init__(self, model: PixelCNN, batch: int, width: int):
        # The scaled form of every level, to look up instead of computing it for each value.
        self.scaled = model.scale(torch.arange(model.levels, device=model.first.weight.device))
        self.first = model.first.steps(batch, width)
        self.blocks = [
            [layer.steps(batch, width) for layer in (block.reduce, block.convolve, block.expand)]
            for block in model.blocks
        ]
        self.head = [layer.steps(batch, width) for layer in (model.head.mix, model.head.predict)]

    def start_row(self) -> None:
        """Finish the row drawn so far and start the next one."""
        for layer in (self.first, *(layer for block in self.blocks for layer in block)):
            layer.start_row()

    def logits(self, column: int, colour: int = 0) -> Tensor:
        """Return the logits of one colour of one pixel of this row, shape (B, levels)."""
        x = self.first.read(column, colour)  # (B, 2h / C): the features of this colour
        for reduce, convolve, expand in self.blocks:
            torch.clamp_min(x, 0, out=reduce.slot(column, colour))
            reduce.read(column, colour, out=convolve.slot(column, colour)).relu_()
            convolve.read(column, colour, out=expand.slot(column, colour)).relu_()
            x.add_(expand.read(column, colour))
        mix, predict = self.head
        torch.clamp_min(x, 0, out=mix.slot(column, colour))
        mix.read(column, colour, out=predict.slot(column, colour)).relu_()
        return predict.read(column, colour)

    def put(self, values: Tensor, column: int, colour: int = 0) -> None:
        """Take in the values 0 … levels-1 of one colour of one pixel, shape (B,)."""
        self.first.put(self.scaled[values].unsqueeze(1), column, colour)


_MODELS = {"pixelcnn": PixelCNN}


def build_model(name: str | None = None, /, **config) -> AutoregressiveModel:
    """Build a model by name, or again from the `config` of another one.

    Args:
        name: "pixelcnn"; may be left out if `config` holds it as "model".
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
    known = ", ".join(_MODELS)
    stated = config.pop("model", name)
    name = name or stated
    if name not in _MODELS or stated != name:
        raise ValueError(f"model must be one of: {known}; got {name!r}, in config {stated!r}")
    try:
        return _MODELS[name](**config)
    except TypeError as error:
        raise ValueError(f"config does not fit {name}: {error}") from error


def best_device() -> torch.device:
    """Return the fastest device there is: CUDA, else Apple's GPU, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
