"""The models of the book: integer images in, the logits of every value of every pixel out."""

import torch
from torch import Tensor, nn

from pixeledu import fast
from pixeledu.checks import a_tensor, checked_images, number, one_of, whole_number, wrong
from pixeledu.conditions import Condition
from pixeledu.layers import GatedBlock, MaskedConv2d
from pixeledu.layers.blocks import RecurrentBlock, ResidualBlock
from pixeledu.outputs import OUTPUTS
from pixeledu.steps import Steps, rows_of


class AutoregressiveModel(nn.Module):
    """What all models share: how an image comes in, how a distribution goes out.

    A subclass says what its first layer and its blocks are, and how an image goes through them.

    Args:
        kind: the name `build_model` knows the model by.
        channels: colours of the image, 1 or more; R→G→B when it is 3.
        levels: values a pixel can take, 2 to 256.
        hidden: features that a block works on.
        layers: number of blocks.
        classes: number of classes, for a model of labelled images; None for any other.
        guide: how many times smaller the image is that a drawing starts from, in height and in
            width; None for a model that starts from nothing.
        output: "softmax", or "logistics" for a mixture of logistics; see `outputs`.
        dropout: share of the features of each block that training leaves out, 0 to below 1.
    Raises:
        ValueError: a number is out of range, or the output is unknown.
    """

    def __init__(
        self,
        kind: str,
        channels: int,
        levels: int,
        hidden: int,
        layers: int,
        *,
        classes: int | None = None,
        guide: int | None = None,
        output: str = "softmax",
        dropout: float = 0.0,
    ):
        super().__init__()
        self.channels = whole_number("channels", channels)
        self.levels = whole_number("levels", levels, least=2, most=256)  # stored as bytes
        self.hidden = whole_number("hidden", hidden, most=_LARGEST)
        whole_number("layers", layers, least=0, most=_LARGEST)
        one_of("output", output, *OUTPUTS)
        if number("dropout", dropout) >= 1:
            raise wrong("dropout", "be a number from 0 to below 1", dropout)
        for name, value in (("classes", classes), ("guide", guide)):
            if value is not None:
                whole_number(name, value, least=2)
        self.classes, self.guide, self.dropout = classes, guide, dropout
        sizes = {"channels": channels, "levels": levels, "hidden": hidden, "layers": layers}
        options = {"classes": classes, "guide": guide, "output": output, "dropout": dropout}
        chosen = {name: value for name, value in options.items() if value != _USUAL[name]}
        self.config = {"model": kind, **sizes, **chosen}

        # Features of the condition that every block adds; None where there is none.
        self.condition_features = None if classes is None and guide is None else hidden
        self.first = self._first_layer()
        self.blocks = nn.ModuleList(self._block() for _ in range(layers))
        self.head = OUTPUTS[output](self.first.out_features, channels, levels)
        self.condition = Condition(channels, levels, hidden, classes, guide)

    def forward(
        self, images: Tensor, labels: Tensor | None = None, guide: Tensor | None = None
    ) -> Tensor:
        """Compute the distribution of every pixel given the pixels before it.

        Args:
            images: values 0 … levels-1, shape (B, C, H, W); integers, or floats on the same scale
                where a gradient with respect to the image is wanted.
            labels, guide: what a model with `classes` or a `guide` depends on; see `Condition`.
        Returns:
            Logits of shape (B, levels, C, H, W).
        Raises:
            ValueError: the images are not of the model's shape, type or range, or what the model
                depends on is missing or does not fit.
        """
        # To look at values of a GPU is to wait for it, so training there does without.
        waits = self.training and a_tensor("images", images).is_cuda
        if not torch.compiler.is_compiling() and not waits:
            checked_images(self, images, floats=True)
        condition = self.condition(labels, guide, len(images), *images.shape[2:])
        return self.head(self.trunk(self.scale(images), condition))  # (B, levels, C, H, W)

    def trunk(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Compute the features that the head reads: scaled values (B, C, H, W) -> (B, features, H, W)."""
        raise NotImplementedError

    def steps(self, batch: int, width: int, condition: Tensor | None = None) -> Steps:
        """Start drawing images value by value; see `pixeledu.steps`.

        Args:
            batch, width: number of images and their width in pixels.
            condition: what `model.condition` gives, shape (B, hidden, H, W) or (B, hidden, 1, 1).
        """
        return fast.steps_of(self, ModelSteps)(self, batch, width, condition)

    def scale(self, images: Tensor) -> Tensor:
        """Map the values 0 … levels-1 to -1 … 1, as floats of the model's own type."""
        return images.to(next(self.parameters()).dtype) * (2 / (self.levels - 1)) - 1

    def _first_layer(self) -> nn.Module:
        raise NotImplementedError

    def _block(self) -> nn.Module:
        raise NotImplementedError


_LARGEST = 2**14  # features, or blocks: what a model could have
_USUAL = {"classes": None, "guide": None, "output": "softmax", "dropout": 0.0}


class ModelSteps(Steps):
    """A model, one value at a time, in the order the values are drawn."""

    def __init__(
        self, model: AutoregressiveModel, batch: int, width: int, condition: Tensor | None = None
    ):
        self.first = model.first.steps(batch, width)
        self.blocks = [block.steps(batch, width) for block in model.blocks]
        self.head = model.head.steps(batch, width)
        self.scale = model.scale
        self.rows = rows_of(condition, width)

    def start_row(self, vertical=None, condition=None) -> None:
        condition = next(self.rows)  # (B, hidden, W), or None
        row = self.first.start_row(None, condition)
        for block in self.blocks:
            row = block.start_row(row, condition)
        self.head.start_row()

    def put(self, values: Tensor, column: int, colour: int = 0) -> None:
        self.first.put(self.scale(values)[:, None], column, colour)

    def read(self, column: int, colour: int = 0) -> Tensor:
        x = self.first.read(column, colour)  # (B, features of this colour)
        for block in self.blocks:
            x = block.step(x, column, colour)
        return self.head.step(x, column, colour)  # (B, levels)


class ResidualModel(AutoregressiveModel):
    """A first layer with mask A, residual blocks, an output head: the shape of the paper's models.

    Source: van den Oord et al. 2016, table 1.
    """

    def _first_layer(self) -> nn.Module:
        return MaskedConv2d(self.channels, 2 * self.hidden, 7, "A", self.channels)

    def trunk(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        x = self.first(image)  # (B, 2h, H, W)
        x = fast.features_side_by_side(x)
        given = () if condition is None else (condition,)  # a block of one's own may take none
        for block in self.blocks:
            x = block(x, *given)  # (B, 2h, H, W)
        return x


class PixelCNN(ResidualModel):
    """The PixelCNN: masked convolutions with residual connections, all pixels in parallel.

    Args:
        channels: colours of the image.
        levels: values a pixel can take, 2 to 256.
        hidden: the paper's h; the trunk carries 2h features.
        layers: number of residual blocks.
        options: classes, guide, output and dropout; see `AutoregressiveModel`.
    Raises:
        ValueError: a number is out of range, or `hidden` is less than `channels`.
    Source: van den Oord et al. 2016, table 1 and figure 5.
    """

    def __init__(
        self, channels: int = 1, levels: int = 2, hidden: int = 64, layers: int = 7, **options
    ):
        super().__init__("pixelcnn", channels, levels, hidden, layers, **options)

    def _block(self) -> nn.Module:
        return ResidualBlock(self.hidden, self.channels, self.condition_features, self.dropout)


class PixelRNN(ResidualModel):
    """The PixelRNN: LSTM layers with residual connections, in fronts of pixels.

    Args:
        cell: "row" for Row LSTMs, whose fronts are rows, or "diagonal" for Diagonal BiLSTMs.
        channels: colours of the image.
        levels: values a pixel can take, 2 to 256.
        hidden: the paper's h; each LSTM has h features, the trunk carries 2h.
        layers: number of LSTM layers.
        options: classes, guide, output and dropout; see `AutoregressiveModel`.
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
        **options,
    ):
        self._cell = one_of("cell", cell, *_CELLS)
        super().__init__(_CELLS[cell], channels, levels, hidden, layers, **options)

    def _block(self) -> nn.Module:
        condition, dropout = self.condition_features, self.dropout
        return RecurrentBlock(self._cell, self.hidden, self.channels, condition, dropout)


_CELLS = {"row": "row-lstm", "diagonal": "diagonal-bilstm"}


class GatedPixelCNN(AutoregressiveModel):
    """The gated PixelCNN: two stacks of gated convolutions, without the PixelCNN's blind spot.

    Args:
        channels: colours of the image.
        levels: values a pixel can take, 2 to 256.
        hidden: features of each of the two maps.
        layers: number of gated blocks after the one that reads the image.
        options: classes, guide, output and dropout; see `AutoregressiveModel`.
    Raises:
        ValueError: a number is out of range, or `hidden` is less than `channels`.
    Source: van den Oord et al. 2016, "Conditional Image Generation with PixelCNN Decoders",
        section 2; the windows are 7×7 in the first block and 5×5 in the others.
    """

    def __init__(
        self, channels: int = 1, levels: int = 2, hidden: int = 64, layers: int = 7, **options
    ):
        super().__init__("gated-pixelcnn", channels, levels, hidden, layers, **options)

    def _first_layer(self) -> nn.Module:
        condition = self.condition_features
        return GatedBlock(self.channels, self.hidden, 7, "A", self.channels, condition)

    def _block(self) -> nn.Module:
        condition, dropout = self.condition_features, self.dropout
        return GatedBlock(self.hidden, self.hidden, 5, "B", self.channels, condition, dropout)

    def trunk(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        image = fast.features_side_by_side(image)
        given = () if condition is None else (condition,)  # a block of one's own may take none
        vertical, horizontal = self.first(image, image, *given)  # (B, h, H, W) each
        for block in self.blocks:
            vertical, horizontal = block(vertical, horizontal, *given)  # (B, h, H, W) each
        return horizontal
