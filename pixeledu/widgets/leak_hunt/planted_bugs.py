"""The small models of `LeakHunt`: one that is right, and others with a real bug planted in each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu.causality import check_causality
from pixeledu.layers import DiagonalBiLSTM, GatedBlock, MaskedConv2d, RowLSTM
from pixeledu.layers.gated import gate
from pixeledu.models import GatedPixelCNN, PixelCNN, PixelRNN

_LEVELS = 4


@dataclass(frozen=True)
class PlantedBug:
    """A bug and a model that has it.

    Attributes:
        title: names the bug.
        explains: what it does, and why.
        build: makes the model; it maps images (B, 1, H, W) of 4 levels to logits.
    """

    title: str
    explains: str
    build: Callable[[], Callable[[Tensor], Tensor]]


@lru_cache(maxsize=64)
def responses(name: str, height: int, width: int) -> np.ndarray:
    """Change each pixel of an image and see which outputs of a model change.

    Args:
        name: one of `PLANTED_BUGS`.
        height, width: rows and columns of the image.
    Returns:
        bool (H·W, H·W): first the pixel that is changed, then the output.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = PLANTED_BUGS[name].build()
    report = check_causality(model, 1, height, width, _LEVELS, repeats=8)
    depends = report.depends.view(height * width, height * width).numpy()
    depends.flags.writeable = False  # one array for all who ask
    return depends


def _pixelcnn() -> PixelCNN:
    return PixelCNN(levels=_LEVELS, hidden=16, layers=3).double()


def _mask_b_first() -> nn.Module:
    model = _pixelcnn()
    model.first = MaskedConv2d(1, 32, 7, "B").double()
    return model


class _MaskAEverywhere(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = MaskedConv2d(1, 32, 7, "A")
        self.second = MaskedConv2d(32, 32, 7, "A")
        self.head = MaskedConv2d(32, _LEVELS, 1, "B")

    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images.double() / (_LEVELS - 1) * 2 - 1)  # (B, 32, H, W)
        x = self.second(F.relu(x))  # (B, 32, H, W)
        return self.head(F.relu(x)).unsqueeze(2)  # (B, levels, 1, H, W)


def _centre_row_cleared() -> nn.Module:
    model = _pixelcnn()
    model.first.mask[:, :, -1] = False
    return model


def _mirrored() -> Callable[[Tensor], Tensor]:
    model = _pixelcnn()
    return lambda images: model(images.flip(-1)).flip(-1)


def _batch_norm() -> nn.Module:
    model = _pixelcnn()
    model.first = nn.Sequential(model.first, nn.BatchNorm2d(32)).double()
    return model.train()


class _Scrambled(RowLSTM):
    def forward(self, x: Tensor) -> Tensor:
        rows = super().forward(x).transpose(1, 2)  # (B, H, h, W), as stacked row by row
        return rows.reshape(x.shape[0], self.hidden, *x.shape[2:])  # (B, h, H, W)


class _Unshifted(DiagonalBiLSTM):
    def forward(self, x: Tensor) -> Tensor:
        left, right = self.directions(x)
        return left + right


class _WrongSide(DiagonalBiLSTM):
    def forward(self, x: Tensor) -> Tensor:
        left, right = self.directions(x)
        return left + F.pad(right.flip(-1)[:, :, :-1], (0, 0, 1, 0))


def _unmasked() -> nn.Module:
    model = _pixelcnn()
    model.first = nn.Conv2d(1, 32, 3, padding="same").double()
    model.blocks = nn.ModuleList()
    return model


def _transposed() -> Callable[[Tensor], Tensor]:
    model = GatedPixelCNN(levels=_LEVELS, hidden=8, layers=3).double()
    return lambda images: model(images.mT).mT


def _gated() -> GatedPixelCNN:
    return GatedPixelCNN(levels=_LEVELS, hidden=8, layers=2).double()


def _lost_stream() -> nn.Module:
    model = _gated()
    for block in (model.first, *model.blocks):
        nn.init.zeros_(block.link.weight)
    return model


class _OwnRow(GatedBlock):
    def __init__(self):
        super().__init__(1, 8, 7, "A")
        self.vertical = nn.Conv2d(1, 16, (4, 7), padding=(0, 3))

    def forward(self, vertical: Tensor, horizontal: Tensor) -> tuple[Tensor, Tensor]:
        sums = self.vertical(F.pad(vertical, (0, 0, 3, 0)))  # (B, 2h, H, W): ends in the own row
        gates = self.horizontal(horizontal) + self.link(sums)  # (B, 2h, H, W)
        return gate(sums), self.expand(gate(gates))


def _own_row() -> nn.Module:
    model = _gated()
    model.first = _OwnRow().double()
    return model


class _LookAhead(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.shifted = MaskedConv2d(1, 32, 7, "A"), MaskedConv2d(1, 32, 7, "A")
        self.head = MaskedConv2d(32, _LEVELS, 1, "B")

    def forward(self, images: Tensor) -> Tensor:
        x = images.double() / (_LEVELS - 1) * 2 - 1
        left = F.pad(self.shifted(x)[..., 3:], (0, 3))  # (B, 32, H, W), three columns to the left
        return self.head(F.relu(self.before(x) + left)).unsqueeze(2)  # (B, levels, 1, H, W)


def _recurrent(cell: str, layer: type[nn.Module]) -> nn.Module:
    model = PixelRNN(cell, levels=_LEVELS, hidden=8, layers=1)
    model.blocks[0].lstm = layer(16, 8)
    return model.double()


PLANTED_BUGS = {
    "none": PlantedBug(
        "No bug",
        "Nothing at or before the changed pixel changes, and everything after it does: causal and "
        "complete. It is a gated PixelCNN.",
        _gated,
    ),
    "mask-b-first": PlantedBug(
        "Mask B in the first layer",
        "Each pixel changes its own output: mask B is open at the centre, and in the first layer "
        "the centre is the pixel that shall be predicted. Mask A belongs there.",
        _mask_b_first,
    ),
    "mask-a-everywhere": PlantedBug(
        "Mask A in every layer",
        "Nothing leaks, but the next pixel to the right does not change: mask A cannot stay where "
        "it is, so two layers take two steps at least. Mask B belongs behind the first layer.",
        lambda: _MaskAEverywhere().double(),
    ),
    "centre-row": PlantedBug(
        "Mask clears the whole centre row",
        "Nothing leaks, but no output in the row of the changed pixel changes: the mask of the "
        "first layer closes the left half of its last row too. Only rows below learn of the pixel.",
        _centre_row_cleared,
    ),
    "mirrored": PlantedBug(
        "Mirrored images",
        "In the row of the changed pixel, outputs to its left change and those to its right do "
        "not: the model reads each row from right to left.",
        _mirrored,
    ),
    "batch-norm": PlantedBug(
        "Batch normalisation, training mode",
        "Every pixel changes every output: the mean and the deviation of a feature are taken over "
        "all pixels of the batch, later ones too. In evaluation mode the leak is gone.",
        _batch_norm,
    ),
    "scrambled": PlantedBug(
        "View that scrambles rows into features",
        "Even from the last row, all rows above change, from the next column on: `view` does not "
        "exchange axes, so features of a late row stand where those of an early row belong.",
        lambda: _recurrent("row", _Scrambled),
    ),
    "unshifted": PlantedBug(
        "Right-hand map not moved down",
        "In the row of the changed pixel, its own output and those to its left change: the map "
        "from the right of a Diagonal BiLSTM knows what follows, until it is moved down by a row.",
        lambda: _recurrent("diagonal", _Unshifted),
    ),
    "unmasked": PlantedBug(
        "Convolution without a mask",
        "The pixel changes its own output and those all around it, and none further away: an "
        "ordinary 3×3 convolution reads as far ahead as back. A mask has to close half of its window.",
        _unmasked,
    ),
    "lost-stream": PlantedBug(
        "Vertical stream lost",
        "Nothing leaks, but only outputs in the row of the changed pixel change: the link that brings "
        "what the rows above know is missing, so each row is drawn on its own.",
        _lost_stream,
    ),
    "wrong-side": PlantedBug(
        "Right-hand map on the wrong side",
        "Nothing leaks. But change a pixel at the right edge: in the row below, outputs far to its left "
        "stay as they are. The map from the right was moved down, and never flipped back.",
        lambda: _recurrent("diagonal", _WrongSide),
    ),
    "transposed": PlantedBug(
        "Rows and columns exchanged",
        "All outputs to the right change, in the rows above too, and in its own column those below: "
        "the model reads the image column by column. One pair of axes is exchanged.",
        _transposed,
    ),
    "own-row": PlantedBug(
        "Own row left in the vertical stack",
        "In the row of the changed pixel, its own output and outputs on both sides change: the "
        "vertical stack reads its own row of the image. Its first window must end one row higher.",
        _own_row,
    ),
    "look-ahead": PlantedBug(
        "Map shifted to the wrong side",
        "Outputs up to two columns to the left change: a map was shifted by three columns, to the left in "
        "place of the right, so a prediction reads what stands after it.",
        lambda: _LookAhead().double(),
    ),
}
