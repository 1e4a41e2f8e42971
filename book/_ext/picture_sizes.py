"""Every picture of a page says how large it is, so that nothing moves when it arrives, and of what kind."""

import html
import re
from base64 import b64decode
from functools import cache
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote_to_bytes

import imagesize
import numpy as np
from PIL import Image
from sphinx.application import Sphinx

IMG = re.compile(r"<img\b[^>]*>")
SOURCE = re.compile(r'\bsrc="([^"]+)"')
# What Sphinx makes of a size: no narrower on a narrow screen.
FIXED = re.compile(r' style="width: [0-9.]+px; height: [0-9.]+px;"')
UNLABELLED = re.compile(r'\bclass="[^"]*\bunlabelled\b')
PAGE_DPI = 100  # what a figure's size in inches is for on a page; stored are more dots
AT_ONCE = 2  # pictures of a page's text that are loaded before they come into view
WHITE, CHART = 245, 0.8  # a chart is a picture of which this share is white, and brighter than this


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", _change_pages, priority=550)
    return {"version": "1", "parallel_read_safe": True}


def _change_pages(app: Sphinx, failure: Exception | None) -> None:
    if failure or app.builder.format != "html":
        return
    for path in sorted(Path(app.outdir).rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        new = with_sizes(text, path.parent)
        if new != text:
            path.write_text(new, encoding="utf-8")


def with_sizes(page: str, folder: Path) -> str:
    """A page whose pictures have width and height; charts are marked, and late ones load late.

    One of the text carries its width as `--natural` too: on a phone it gets no smaller than its
    labels allow, unless it has none (class "unlabelled").

    Args:
        page: the page as HTML.
        folder: where it lies; its pictures are found from there.
    """
    places = iter(range(len(page)))
    return IMG.sub(lambda tag: _with_size(tag[0], folder, places), page)


def _with_size(tag: str, folder: Path, places) -> str:
    tag = FIXED.sub("", tag)
    source = html.unescape(SOURCE.search(tag)[1])
    if source.startswith("data:"):
        kind, _, data = source.partition(",")
        file = BytesIO(b64decode(data) if kind.endswith(";base64") else unquote_to_bytes(data))
    else:
        file = folder / source.partition("?")[0]
        if not file.is_file():
            return tag
    added = ""
    width, height = imagesize.get(file)
    if isinstance(file, Path) and (dpi := imagesize.getDPI(file)[0]) > 0:
        width, height = (side * PAGE_DPI / dpi for side in (width, height))
    if " width=" not in tag and width > 0:
        added += f' width="{width:.0f}" height="{height:.0f}"'
    if isinstance(file, Path) and file.parent.name == "_images":  # a picture of the text
        if is_chart(file):
            tag = _with_class(tag, "chart")
        if not UNLABELLED.search(tag) and " width=" not in tag:
            tag = _with_class(tag, "labelled")
            added += f' style="--natural: {width:.0f}px"'
        if next(places) >= AT_ONCE:
            added += ' loading="lazy"'
    return f"<img{added}{tag[len('<img') :]}"


def _with_class(tag: str, name: str) -> str:
    if ' class="' in tag:
        return tag.replace(' class="', f' class="{name} ', 1)
    return f'<img class="{name}"{tag[len("<img") :]}'


@cache
def is_chart(path: Path) -> bool:
    """Whether a picture is thin lines on white, which a dark page can show the other way round.

    Not one of pixels, where black and white mean something.
    """
    if path.suffix != ".png":
        return False
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    return bool((pixels.min(axis=2) > WHITE).mean() > CHART)
