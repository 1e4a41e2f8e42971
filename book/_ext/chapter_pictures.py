"""The pictures of the front page, one for each chapter, drawn by the package that the chapters build.

Each is a small SVG. Its colours are classes of site.css, so that it suits a light page and a dark one.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import pixeledu
from pixeledu.masks import causal_mask
from pixeledu.png import as_rgb
from pixeledu.widgets.leak_hunt.planted_bugs import responses

WIDTH, HEIGHT = 176, 112  # of a picture, in CSS pixels
MODEL, LEVELS, SIZE = "mnist16-diagonal-bilstm", 16, 28  # of the drawings of the front page
ENDINGS = 16
_KEPT = 12  # rows of the digit that is completed
PAST, NOW, FUTURE, BLIND, OTHER = "past", "now", "future", "blind", "other"  # classes in site.css


def picture_of(document: str) -> str:
    """The picture of a chapter, as SVG that hides from screen readers: a title stands beside it.

    Args:
        document: name of the chapter's file, such as `book/02_masked_convolutions`.
    """
    words = document.rsplit("/", 1)[-1].split("_", 1)[-1]
    body = _PICTURES.get(words, _raster)()
    return (
        f'<svg class="chapter-picture" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" aria-hidden="true" focusable="false">{body}</svg>'
    )


def painted_top() -> tuple[Tensor, Tensor]:
    """The digit whose top stands on the front page, (1, 28, 28), and what is given of it, (28, 28)."""
    image = pixeledu.load_images("mnist-5k", "test").with_levels(LEVELS).images[8]
    known = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    known[:_KEPT] = True
    return image, known


@cache
def endings() -> Tensor:
    """Sixteen pictures that begin with this top, uint8, (16, 1, 28, 28)."""
    image, known = painted_top()
    shape = (ENDINGS, 1, SIZE, SIZE)
    model = pixeledu.load_pretrained(MODEL)
    noise = pixeledu.SharedNoise(3)
    return pixeledu.complete(model, image.expand(shape), known.expand(shape), generator=noise)


def preview_picture(path: Path) -> None:
    """Write the picture that stands for the book where somebody shares a link: 1200 by 630."""
    image, known = painted_top()
    sheet = Image.new("RGB", (1200, 630), "#0f2f45")
    top = Image.fromarray(as_rgb(image[None], LEVELS, known)[0])
    sheet.paste(top.resize((504, 504), Image.Resampling.NEAREST), (63, 63))
    for place, drawn in enumerate(as_rgb(endings(), LEVELS)):
        row, column = divmod(place, 4)
        tile = Image.fromarray(drawn).resize((112, 112), Image.Resampling.NEAREST)
        sheet.paste(tile, (630 + 131 * column, 63 + 131 * row))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, "PNG", optimize=True)


# ---- one for each chapter -----------------------------------------------------------------------


def _sequence() -> str:
    digit = pixeledu.load_images("digits", "train").images[0, 0]  # (8, 8), 17 levels
    now = 4 * 8 + 3
    kinds = [PAST if i < now else NOW if i == now else FUTURE for i in range(64)]
    inks = [0.15 + 0.85 * value / 16 if i < now else 1 for i, value in enumerate(digit.flatten())]
    return _grid(8, kinds, inks)


def _masks() -> str:
    mask = causal_mask(7, "A")[0, 0].flatten()  # rows above the centre, and its own
    kinds = [PAST if weight else FUTURE for weight in mask] + [FUTURE] * (49 - len(mask))
    kinds[24] = NOW
    return _grid(7, kinds)


def _seen_by(model, height: int = 9, width: int = 13) -> list[str]:
    """What the pixel in the middle of the last row but one sees of the past, as it is measured."""
    row, column = height - 2, width // 2
    field = pixeledu.receptive_field(model, height, width, row, column)[0].flatten() > 0
    place = row * width + column
    kinds = [PAST if seen else BLIND for seen in field[:place]]
    return kinds + [NOW] + [FUTURE] * (height * width - place - 1)


def _fields() -> str:
    return _grid(13, _seen_by(pixeledu.PixelCNN(hidden=4, layers=3)))


def _pixelcnn() -> str:
    return _samples("digits-pixelcnn", 8, 8, columns=4)


def _row_lstm() -> str:
    return _grid(13, _seen_by(pixeledu.RowLSTM(1, 2)))


def _diagonals() -> str:
    steps = [row + column for row in range(7) for column in range(11)]
    kinds = [PAST if step < 8 else NOW if step == 8 else FUTURE for step in steps]
    return _grid(11, kinds, [0.3 + 0.09 * step if step < 8 else 1 for step in steps])


def _pixelrnn() -> str:
    image, known = painted_top()
    given = as_rgb(image[None], LEVELS, known)[0]
    return _tiles([given, as_rgb(endings()[1:2], LEVELS)[0]], 2)


def _gated() -> str:
    kinds = [OTHER] * 4 * 11 + [PAST] * 5 + [NOW] + [FUTURE] * (5 + 2 * 11)
    return _grid(11, kinds)


def _side_by_side() -> str:
    kinds = ("pixelcnn", "row-lstm", "diagonal-bilstm", "gated-pixelcnn")
    both = [_drawn(f"mnist16-{kind}", 2, SIZE, seed=5) for kind in kinds]
    return _tiles([drawn[place] for place in (0, 1) for drawn in both], 4)


def _colour() -> str:
    labels = torch.tensor([8, 0, 3, 7, 1, 8, 2, 6])
    return _tiles(list(_drawn("emoji-gated-pixelcnn", 8, 16, seed=1, labels=labels)), 4)


def _classes() -> str:
    labels = torch.arange(8)
    return _tiles(list(_drawn("mnist16-class-row-lstm", 8, SIZE, seed=0, labels=labels)), 4)


def _likelihood() -> str:
    """The bits of a digit in a file."""
    model = pixeledu.load_pretrained("digits-gated-pixelcnn")
    file = pixeledu.compress(model, pixeledu.load_images("digits", "test").images[:1])
    code = file[12 + int.from_bytes(file[8:12], "little") :]
    bits = f"{int.from_bytes(code, 'big'):0{8 * len(code)}b}"[:112]
    return _grid(14, [PAST if bit == "1" else FUTURE for bit in bits])


def _drawing_fast() -> str:
    kept = [BLIND] * 2 * 11 + [
        PAST
    ] * 2 * 11  # rows that no window reaches, and those that are kept
    return _grid(11, [*kept, *[OTHER] * 5, NOW, *[FUTURE] * (5 + 2 * 11)])


def _attention() -> str:
    looks = {(3, 4): 1, (2, 4): 0.8, (4, 2): 0.7, (0, 6): 0.6, (1, 5): 0.45, (3, 7): 0.35}
    places = [(row, column) for row in range(7) for column in range(11)]
    now = places.index((4, 4))
    kinds = [PAST if place < now else NOW if place == now else FUTURE for place in range(77)]
    inks = [looks.get(at, 0.12) if place < now else 1 for place, at in enumerate(places)]
    return _grid(11, kinds, inks)


def _bug_gallery() -> str:
    now = 4 * 11 + 5
    sees = responses("own-row", 7, 11)[:, now]  # a vertical stack that reads its own row
    kinds = [PAST if seen else BLIND for seen in sees[:now]] + [NOW]
    return _grid(11, kinds + [OTHER if seen else FUTURE for seen in sees[now + 1 :]])


def _playground() -> str:
    return _tiles(list(as_rgb(endings()[:8], LEVELS)), 4)


def _raster() -> str:
    """For a chapter without a picture of its own: half a drawing."""
    return _grid(11, [PAST] * 38 + [NOW] + [FUTURE] * 38)


_PICTURES: dict[str, Callable[[], str]] = {
    "sequence": _sequence,
    "masked_convolutions": _masks,
    "receptive_fields": _fields,
    "pixelcnn": _pixelcnn,
    "row_lstm": _row_lstm,
    "diagonal_bilstm": _diagonals,
    "pixelrnn": _pixelrnn,
    "gated_pixelcnn": _gated,
    "side_by_side": _side_by_side,
    "colour": _colour,
    "classes": _classes,
    "likelihood_at_work": _likelihood,
    "drawing_fast": _drawing_fast,
    "what_came_after": _attention,
    "bug_gallery": _bug_gallery,
    "playground": _playground,
}


# ---- what they are made of ----------------------------------------------------------------------


def _grid(columns: int, kinds: Sequence[str], inks: Sequence[float] | None = None) -> str:
    """Squares in rows: `kinds` are classes of site.css, `inks` how strong their colours are."""
    rows = len(kinds) // columns
    side = min(WIDTH / columns, HEIGHT / rows)
    left, top = (WIDTH - side * columns) / 2, (HEIGHT - side * rows) / 2
    squares = []
    for place, kind in enumerate(kinds):
        row, column = divmod(place, columns)
        x, y, size = left + column * side + 0.75, top + row * side + 0.75, side - 1.5
        ink = "" if inks is None or inks[place] == 1 else f' fill-opacity="{inks[place]:.2f}"'
        square = f'x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{size:.1f}" rx="1.5"'
        squares.append(f'<rect class="{kind}" {square}{ink}/>')
    return "".join(squares)


def _samples(name: str, count: int, size: int, columns: int) -> str:
    return _tiles(list(_drawn(name, count, size, seed=0)), columns)


def _drawn(name: str, count: int, size: int, seed: int, labels: Tensor | None = None) -> np.ndarray:
    model = pixeledu.load_pretrained(name)
    noise = pixeledu.SharedNoise(seed)
    drawn = pixeledu.sample(model, count, size, size, labels=labels, generator=noise)
    return as_rgb(drawn, model.levels)


def _tiles(pictures: Sequence[np.ndarray], columns: int) -> str:
    """Pictures of pixels in rows."""
    rows = -(-len(pictures) // columns)
    side = min((WIDTH + 4) / columns, (HEIGHT + 4) / rows) - 4
    left = (WIDTH - (side + 4) * columns + 4) / 2
    top = (HEIGHT - (side + 4) * rows + 4) / 2
    tiles = []
    for place, pixels in enumerate(pictures):
        row, column = divmod(place, columns)
        file = BytesIO()
        Image.fromarray(pixels).save(file, "PNG", optimize=True)
        source = b64encode(file.getvalue()).decode()
        box = f'x="{left + column * (side + 4):.1f}" y="{top + row * (side + 4):.1f}"'
        size = f'width="{side:.1f}" height="{side:.1f}"'
        tiles.append(f'<image {box} {size} href="data:image/png;base64,{source}"/>')
    return "".join(tiles)
