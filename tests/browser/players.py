"""Sampling players with known numbers, on pages of their own and on the book's."""

import gzip
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from pixeledu.widgets import SamplingPlayer
from pixeledu.widgets.bundle import WIDGETS, all_styles, module_source, style_source

ROOT = Path(__file__).parents[2]
CHAPTER = "book/04_pixelcnn.html"

sys.path.append(str(ROOT / "book" / "_ext"))
from book_site import widget_script  # noqa: E402


def make_trace(channels: int, height: int, width: int, levels: int, known=None) -> SimpleNamespace:
    """A trace of an image of rings; the probability of each drawn value grows along the image."""
    rows, columns = np.mgrid[:height, :width]
    rings = np.hypot(rows - height / 2, columns - width / 2) / max(height, width)
    image = np.stack([np.rint(rings * (levels - 1)) * (c + 1) % levels for c in range(channels)])
    image = image.astype(np.uint8)
    drawn = np.linspace(0.2, 0.9, image.size).reshape(height, width, channels, 1)
    probabilities = np.broadcast_to((1 - drawn) / (levels - 1), (*drawn.shape[:3], levels)).copy()
    np.put_along_axis(probabilities, image.transpose(1, 2, 0)[..., None].astype(int), drawn, 3)
    if known is None:
        known = np.zeros(image.shape, bool)
    return SimpleNamespace(image=image, probabilities=probabilities, known=known, levels=levels)


def upper_half(channels: int, height: int, width: int) -> np.ndarray:
    known = np.zeros((channels, height, width), bool)
    known[:, : height // 2] = True
    return known


TRACES = {
    "a binary image": make_trace(1, 28, 28, 2),
    "an image of 17 greys": make_trace(1, 8, 8, 17),
    "an image of 256 greys": make_trace(1, 28, 28, 256),
    "a colour image": make_trace(3, 16, 16, 256),
    "a completed image": make_trace(1, 12, 12, 2, upper_half(1, 12, 12)),
    "a wide image": make_trace(1, 3, 30, 4),
    "a single pixel": make_trace(1, 1, 1, 2),
}


def write_page(folder: Path, *elements: str) -> str:
    """A page with these elements and the site's own script and style; returns its file:// address."""
    (folder / "widgets.css").write_text(all_styles())
    (folder / "widgets.js").write_text(widget_script(WIDGETS))
    page = folder / "page.html"
    page.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Players</title>'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="widgets.css">'
        '<script defer src="widgets.js"></script></head>'
        '<body style="max-width:760px;margin:0 auto;padding:0 16px"><main><h1>Players</h1>\n'
        + "\n".join(elements)
        + "\n</main></body></html>"
    )
    return page.as_uri()


def write_views(folder: Path, name: str, state: dict) -> str:
    """A page with two views `first` and `second` of one `model`, drawn from the notebook's module."""
    module = module_source(name).replace("export default", "const widget =")
    page = folder / "views.html"
    page.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Views</title>'
        f'<link rel="icon" href="data:,"><style>{style_source(name)}</style>'
        '<div id="first"></div><div id="second"></div><script type="module">'
        f"{module}\nconst state = {json.dumps(state)}, heard = {{}}; window.saves = 0;"
        """
        window.model = {
          get: (name) => state[name],
          set(name, value) {
            if (state[name] === value) return;
            state[name] = value;
            for (const f of [...(heard["change:" + name] ?? [])]) f();
          },
          on: (name, f) => (heard[name] ??= new Set()).add(f),
          off: (name, f) => heard[name].delete(f),
          save_changes: () => saves++,
        };
        window.heard = heard;
        window.cleanUps = [first, second].map((el) => widget.render({ model, el }));
        </script></html>"""
    )
    return page.as_uri()


def write_all(folder: Path) -> str:
    """A page with a player for each of the traces."""
    players = (SamplingPlayer(trace, description=name) for name, trace in TRACES.items())
    return write_page(folder, *(player.html() for player in players))


class Player:
    """A player on a page, seen as a reader sees it."""

    def __init__(self, page, name: str | None = None):
        self.page = page
        about = re.compile(f"Replay: {name}" if name else "Replay: ")
        self.group: Locator = page.get_by_role("group", name=about).first
        self.group.wait_for()
        self.picture = self.group.locator("canvas")
        self.scrubber = self.group.get_by_role("slider")
        self.speed = self.group.get_by_role("combobox", name="Speed")
        self.readout = self.group.locator(".pixeledu-readout")

    def button(self, name: str) -> Locator:
        return self.group.get_by_role("button", name=name, exact=True)

    @property
    def position(self) -> int:
        return int(self.scrubber.input_value())

    @property
    def last(self) -> int:
        return int(self.scrubber.get_attribute("max"))

    @property
    def playing(self) -> bool:
        return self.button("Pause").count() == 1

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the current pixel, as the text says."""
        row, column = re.search(r"row (\d+), column (\d+)", self.readout.inner_text()).groups()
        return int(row), int(column)

    @property
    def shape(self) -> tuple[int, int]:
        return tuple(int(self.picture.get_attribute(name)) for name in ("height", "width"))

    def pixel(self, row: int, column: int) -> tuple[float, float]:
        """The middle of a pixel, as an offset into the picture."""
        box = self.picture.bounding_box()
        height, width = self.shape
        return (column + 0.5) * box["width"] / width, (row + 0.5) * box["height"] / height

    def pixel_on_page(self, row: int, column: int) -> tuple[float, float]:
        """The same as an offset into the window."""
        box = self.picture.bounding_box()
        x, y = self.pixel(row, column)
        return box["x"] + x, box["y"] + y

    def painted(self) -> np.ndarray:
        """The picture's dots as RGBA, (H, W, 4)."""
        # From a copy: Chromium warns when a canvas is read again and again.
        dots = self.picture.evaluate(
            "c => { const copy = new OffscreenCanvas(c.width, c.height).getContext('2d');"
            "copy.drawImage(c, 0, 0);"
            "return Array.from(copy.getImageData(0, 0, c.width, c.height).data); }"
        )
        return np.array(dots, np.uint8).reshape(*self.shape, 4)


def heights_with_and_without_javascript(visit, address: str, width: int):
    """Open a page both ways and measure its figures, which must not be wider than the page.

    Returns:
        The page with JavaScript, and the heights of its figures with and without it.
    """
    heights = {}
    for javascript in (False, True):
        page = visit(address, width=width, java_script_enabled=javascript).page
        if javascript:
            all_drawn(page)
        boxes = [found.bounding_box() for found in page.locator("pixeledu-widget").all()]
        heights[javascript] = [box["height"] for box in boxes]
        assert all(box["x"] + box["width"] <= width for box in boxes)
    return page, heights[True], heights[False]


def all_drawn(page) -> None:
    """Wait until each figure of a page stands where its fallback was: they are drawn one by one."""
    expect(page.locator("pixeledu-widget > script")).to_have_count(0)


def violations(page) -> str:
    """What axe-core objects to in the figures of a page."""
    all_drawn(page)
    # Without preload it does not fetch the style sheets again, which file:// forbids.
    options = {"preload": False, "rules": {"target-size": {"enabled": True}}}
    results = Axe().run(page, context="pixeledu-widget", options=options)
    return results.generate_report() if results.violations_count else ""


def layout_shifts(page) -> list[float]:
    """How far, and how often, what stood on a page has been moved by what came later."""
    all_drawn(page)
    return page.evaluate(
        """new Promise(done => {
          const seen = [];
          new PerformanceObserver(list => seen.push(...list.getEntries().map(e => e.value)))
            .observe({ type: "layout-shift", buffered: true });
          setTimeout(() => done(seen), 200);
        })"""
    )


def compressed_weights(page, site: Path) -> dict[str, int]:
    """The bytes of each file that a page of the site has loaded, as a server compresses it."""
    all_drawn(page)
    page.wait_for_function("document.fonts.status === 'loaded'")
    loaded = page.evaluate(
        "performance.getEntries().filter(e => e.decodedBodySize).map(e => e.name)"
    )
    paths = {unquote(urlsplit(name).path.removeprefix("/")) for name in loaded}
    return {path: len(gzip.compress((site / path).read_bytes(), 6)) for path in sorted(paths)}
