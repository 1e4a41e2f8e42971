"""What every widget shares: a live view in a notebook, a standalone figure on a page."""

import json
import sys
from base64 import b64encode
from io import BytesIO
from typing import ClassVar

import anywidget
import numpy as np
from PIL import Image

from pixeledu.widgets.bundle import constants_of, module_source, style_source

_SHARED = constants_of("shared")
MOST_BARS: int = _SHARED["most_bars"]
STEPS_PER_NAT: int = _SHARED["steps_per_nat"]
_SIZES = _SHARED["sizes"]
# For what a page shows without JavaScript: the halves of a figure side by side where there is room,
# and below them the place of the two halves of the controls.
ROW = "display:flex;flex-wrap:wrap;gap:16px 28px"
ROOM_FOR_CONTROLS = "".join(
    f'<div style="flex:{flex}px;height:{_SIZES["controls_height"]}px"></div>'
    for flex in (f"0 1 {_SIZES['buttons_width']}", f"1 1 {_SIZES['slider_width']}")
)


class PageWidget(anywidget.AnyWidget):
    """A widget with two homes.

    In a running notebook it is an ipywidget. Its output also carries `text/html`: an element
    `<pixeledu-widget>` with the same state as JSON, from which the website draws the same figure
    without a kernel, around a picture for readers without JavaScript.

    A subclass sets `_name` (its folder) and `_min_height`, tags the traits that its
    script reads with `sync=True, page=True` (one that is None is left out of a page), and writes
    `__repr__` and `_fallback`.
    """

    _name: ClassVar[str]
    _min_height: ClassVar[int]  # px, kept free on a page until the figure is drawn

    def __init_subclass__(cls, **kwargs) -> None:
        if "_name" in cls.__dict__:  # not in the classes that traitlets derives for each instance
            cls._esm = module_source(cls._name)
            cls._css = style_source(cls._name)
        super().__init_subclass__(**kwargs)

    def html(self) -> str:
        """The figure as HTML for a page that loads the widgets' script.

        Returns:
            One `<pixeledu-widget>` element; the same text whenever the state is the same.
        """
        state = {name: getattr(self, name) for name in self.trait_names(page=True)}
        state = {name: value for name, value in state.items() if value is not None}
        text = json.dumps(state, sort_keys=True, separators=(",", ":"), allow_nan=False)
        # Inside <script> a browser looks for "</script" and "<!--" only; as JSON both stay the same.
        text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        return (
            f'<pixeledu-widget data-name="{self._name}" '
            f'style="display:block;min-height:{self._min_height}px">'
            f'<script type="application/json">{text}</script>{self._fallback()}</pixeledu-widget>'
        )

    def _fallback(self) -> str:
        """What a reader sees until the script has run, or without it: a picture and a sentence."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        # Colab shows an output's HTML in a frame of its own, without our script: live view only.
        if bundle is None or "google.colab" in sys.modules:
            return bundle
        data, metadata = bundle
        return {**data, "text/html": self.html()}, metadata


def base64(array: np.ndarray) -> str:
    """The bytes of an array as text."""
    return b64encode(np.ascontiguousarray(array).tobytes()).decode()


def as_png(pixels: np.ndarray) -> str:
    """A picture as base64 PNG; stored, not compressed: zlibs differ in their output.

    Args:
        pixels: uint8 array of shape (H, W) or (H, W, 3).
    """
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=0)
    return b64encode(file.getvalue()).decode()
