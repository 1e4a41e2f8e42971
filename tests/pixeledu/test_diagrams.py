"""The drawn diagrams: they say what the modules are, and can be read on any page."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest
import torch
from PIL import ImageFont
from torch import nn

import pixeledu
from pixeledu import diagrams
from pixeledu.layers.blocks import ResidualBlock

DRAWN = {
    "PixelCNN": lambda: diagrams.network(pixeledu.PixelCNN(levels=17, hidden=32, layers=6)),
    "PixelRNN": lambda: diagrams.network(pixeledu.PixelRNN("row", levels=256, hidden=64, layers=7)),
    "residual block": lambda: diagrams.residual_block(ResidualBlock(128, 1)),
    "Row LSTM": lambda: diagrams.row_lstm(pixeledu.RowLSTM(128, 64, kernel_size=5)),
    "Diagonal BiLSTM": lambda: diagrams.diagonal_bilstm(pixeledu.DiagonalBiLSTM(128, 64)),
    "first gated block": lambda: diagrams.gated_block(pixeledu.GatedBlock(1, 128, 7, "A")),
    "gated block": lambda: diagrams.gated_block(pixeledu.GatedBlock(128, 128, 5)),
}


@pytest.fixture(params=DRAWN)
def drawing(request):
    return DRAWN[request.param]()


def words_of(drawing) -> str:
    return "\n".join(text.text for text in ET.fromstring(drawing.svg()).iter("text"))


def boxes_of(drawing) -> list[tuple[float, float, float, float]]:
    """Left, upper, right and lower edge of each box; dashed frames stand around boxes."""
    rects = [
        r for r in ET.fromstring(drawing.svg()).iter("rect") if "stroke-dasharray" not in r.attrib
    ]
    edges = [[float(rect.get(name)) for name in ("x", "y", "width", "height")] for rect in rects]
    return [(x, y, x + width, y + height) for x, y, width, height in edges]


def extents_of_text(drawing) -> list[tuple[float, float, float, float]]:
    file = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    font = ImageFont.truetype(str(file), 13)  # wider than what most readers have
    found = []
    for text in ET.fromstring(drawing.svg()).iter("text"):
        x, y, width = float(text.get("x")), float(text.get("y")), font.getlength(text.text)
        left = x - {"start": 0, "end": width}.get(text.get("text-anchor"), width / 2)
        found.append((left, y - 10, left + width, y + 4))
    return found


def test_a_drawing_has_the_colours_of_its_page_but_for_translucent_tints(drawing):
    root = ET.fromstring(drawing.svg())
    assert root.get("stroke") == "currentColor"
    for text in root.iter("text"):
        assert text.get("fill") == "currentColor"
    for box in root.iter("rect"):
        assert box.get("fill") is None or float(box.get("fill-opacity")) < 0.5


def test_a_drawing_is_said_in_words_and_stays_small(drawing):
    assert len(ET.fromstring(drawing.svg()).get("aria-label").split()) > 20
    bundle = drawing._repr_mimebundle_()
    assert bundle["text/html"] == drawing.svg()
    assert re.fullmatch(r"Diagram\(the [\w ]+\)", bundle["text/plain"])
    assert len(drawing.svg()) < 6000


def test_everything_stands_inside_the_drawing_and_boxes_stand_apart(drawing):
    boxes = boxes_of(drawing)
    for left, upper, right, lower in boxes + extents_of_text(drawing):
        assert 0 <= left < right <= 360
        assert 0 <= upper < lower <= drawing.height
    for i, (left, upper, right, lower) in enumerate(boxes):
        for other in boxes[:i]:
            apart = other[0] >= right or other[2] <= left or other[1] >= lower or other[3] <= upper
            assert apart, (boxes[i], other)


def test_a_word_stands_inside_a_box_or_outside_of_all(drawing):
    for left, upper, right, lower in extents_of_text(drawing):
        for box in boxes_of(drawing):
            apart = box[0] >= right or box[2] <= left or box[1] >= lower or box[3] <= upper
            inside = box[0] <= left and right <= box[2] and box[1] <= upper and lower <= box[3]
            assert apart or inside, (left, upper, right, lower, box)


def test_the_network_is_drawn_with_the_sizes_that_the_model_has():
    words = words_of(diagrams.network(pixeledu.PixelCNN(channels=3, levels=5, hidden=7, layers=4)))
    for part in (
        *("7×7 convolution, mask A", "3 → 14 features", "trunk: 14 features", "× 4"),
        *(
            "ReLU, 1×1 convolution, mask B",
            "14 → 14 features",
            "14 → 15 features",
            "5 probabilities",
        ),
    ):
        assert part in words
    assert "residual block" in words
    model = pixeledu.PixelRNN("diagonal", hidden=4, layers=2)
    assert "DiagonalBiLSTM block" in words_of(diagrams.network(model))


def test_the_blocks_and_layers_are_drawn_with_the_sizes_that_they_have():
    words = words_of(diagrams.residual_block(ResidualBlock(7, 1)))
    for part in ("14 → 7 features", "3×3 convolution, mask B", "7 → 7 features", "7 → 14 features"):
        assert part in words
    words = words_of(diagrams.row_lstm(pixeledu.RowLSTM(6, 5, kernel_size=7)))
    assert "1×7, 5 → 20" in words
    assert "1×7, 6 → 20" in words
    assert "1×1, mask B, 6 → 40" in words_of(
        diagrams.diagonal_bilstm(pixeledu.DiagonalBiLSTM(6, 5))
    )
    for block, size in (
        (pixeledu.GatedBlock(6, 6, 5), "3×5"),
        (pixeledu.GatedBlock(1, 6, 7, "A"), "3×7"),
    ):
        words = words_of(diagrams.gated_block(block))
        assert f"{size}, no mask" in words
        assert f"{block.in_features} → 12 features" in words


def filled_cells(drawing) -> list[set[tuple[int, int]]]:
    """The blue cells of each grid, as (row, column) from its framed pixel."""
    paths = [path.attrib for path in ET.fromstring(drawing.svg()).iter("path")]
    corner = r"M([\d.]+) ([\d.]+)h12v12h-12z"
    found = []
    for i, path in enumerate(paths):
        if path.get("stroke") == "none":
            (x, y), cells = re.findall(corner, paths[i + 2]["d"])[0], re.findall(corner, path["d"])
            x, y = float(x), float(y)
            found.append({(int((float(v) - y) / 12), int((float(u) - x) / 12)) for u, v in cells})
    return found


def seen_from(function, row: int, column: int) -> set[tuple[int, int]]:
    """Which cells around a pixel reach it, measured in a 4×7 image with the pixel in its last row."""
    x = torch.randn(1, 6, 4, 7, dtype=torch.float64, requires_grad=True)
    function(x)[0, :, row, column].sum().backward()
    seen = x.grad[0].abs().sum(0).nonzero().tolist()
    return {(r - row, c - column) for r, c in seen}


def test_the_blue_cells_of_the_diagonal_bilstm_are_what_its_maps_know():
    layer = pixeledu.DiagonalBiLSTM(6, 5).double()
    left, right = filled_cells(diagrams.diagonal_bilstm(layer))
    assert left == seen_from(lambda x: layer.directions(x)[0], 3, 3)
    moved = lambda x: nn.functional.pad(layer.directions(x)[1][:, :, :-1], (0, 0, 1, 0))  # noqa: E731
    assert right == seen_from(moved, 3, 3)
    assert left | right == {(r, c) for r in range(-3, 0) for c in range(-3, 4)} | {
        (0, c) for c in range(-3, 1)
    }


@pytest.mark.parametrize(("size", "mask"), [(5, "B"), (7, "A")])
def test_the_blue_cells_of_the_gated_block_are_its_windows(size, mask):
    block = pixeledu.GatedBlock(6, 6, size, mask).double()
    vertical, horizontal = filled_cells(diagrams.gated_block(block))
    assert vertical == seen_from(lambda x: block(x, torch.zeros_like(x))[0], 3, 3)
    assert horizontal == seen_from(lambda x: block(torch.zeros_like(x), x)[1], 3, 3)
