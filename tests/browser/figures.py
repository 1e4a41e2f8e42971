"""The figures of masks, fields, leaks and several samples: on one page, seen as a reader sees them."""

from functools import cache

import players
import pytest
import torch
from playwright.sync_api import Locator

import pixeledu
from pixeledu.widgets import LeakHunt, MaskExplorer, ReceptiveField, SamplingPlayer

PHONE = {"width": 390, "has_touch": True, "is_mobile": True}
# A theme changes colours, a phone the layout: two looks have both of each. `make thorough` takes all.
THOROUGH = pytest.mark.thorough
LOOKS = [
    pytest.param("light", {}, id="light"),
    pytest.param("dark", {}, id="dark", marks=THOROUGH),
    pytest.param("light", PHONE, id="light phone", marks=THOROUGH),
    pytest.param("dark", PHONE, id="dark phone"),
]
WIDTHS = [
    pytest.param(320, marks=THOROUGH),
    390,
    pytest.param(640, marks=THOROUGH),
    pytest.param(760, marks=THOROUGH),
    1280,
]
NAMES = {
    "mask_explorer": "What the weights of a masked kernel touch",
    "receptive_field": "What a pixel sees",
    "leak_hunt": "Leak hunt",
    "sampling_player": "Replay: three samples",
}


@cache
def widgets() -> dict:
    """One figure of each kind, with known content."""
    torch.manual_seed(0)
    models = {
        name: pixeledu.build_model(kind, hidden=16, layers=1)
        for name, kind in (("PixelCNN", "pixelcnn"), ("Diagonal BiLSTM", "diagonal-bilstm"))
    }
    trace = players.TRACES["an image of 17 greys"]
    other = players.make_trace(1, 8, 8, 17)
    other.image = other.image[:, ::-1].copy()
    other.probabilities = other.probabilities[::-1].copy()
    return {
        "mask_explorer": MaskExplorer(5, "B", 3, reads="R", computes="G", height=6, width=8),
        "receptive_field": ReceptiveField(models, 6, 10),
        "leak_hunt": LeakHunt(),
        "sampling_player": SamplingPlayer(
            {"warm": trace, "cold": other, "hot": trace},
            drawn_at=[1, 0.5, 2],
            description="three samples",
        ),
    }


def write_all(folder) -> str:
    """A page with all of them; returns its file:// address."""
    return players.write_page(folder, *(widget.html() for widget in widgets().values()))


class Figure:
    """One of the figures on a page."""

    def __init__(self, page, name: str, index: int = 0):
        self.page = page
        self.group: Locator = page.get_by_role("group", name=NAMES[name]).nth(index)
        self.group.wait_for()
        self.maps = self.group.locator(".pixeledu-pixels")
        self.scrubber = self.group.locator(".pixeledu-scrub input")

    def button(self, name: str, exact: bool = True) -> Locator:
        return self.group.get_by_role("button", name=name, exact=exact)

    @property
    def position(self) -> int:
        return int(self.scrubber.input_value())

    @property
    def playing(self) -> bool:
        return self.button("Pause").count() == 1

    @property
    def pressed(self) -> list[str]:
        """The names of all choices that are taken."""
        found = self.group.locator(".pixeledu-choice[aria-pressed=true]:visible")
        return found.evaluate_all("all => all.map(b => b.getAttribute('aria-label'))")

    def states(self, which: int = 0) -> list[str]:
        """The state of each pixel of a map, row by row."""
        squares = self.maps.nth(which).locator(".pixeledu-square")
        return squares.evaluate_all("all => all.map(g => g.dataset.state)")

    def pixel(self, index: int, which: int = 0) -> tuple[float, float]:
        """The middle of a pixel of a map, in the window."""
        square = self.maps.nth(which).locator(".pixeledu-square").nth(index)
        square.scroll_into_view_if_needed()
        box = square.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
