"""`SamplingPlayer`: watch an image being drawn, value by value, from the model's distributions."""

from base64 import b64encode
from html import escape
from io import BytesIO

import numpy as np
import traitlets
from PIL import Image

from pixeledu.checks import positive_int
from pixeledu.widgets.base import PageWidget

SPEEDS = (1, 4, 16, 64, 256)
_MOST_BARS = 32
_PICTURE = 280  # px, the longer side; sampling_player.css says the same


class SamplingPlayer(PageWidget):
    """A replay of one sampled image, with the distribution each value was drawn from.

    Play, pause, step, scrub and change the speed by mouse, touch or keyboard: Space plays, the
    left and right arrows move one value, up and down one row, Home and End to the ends, + and -
    change the speed; a click on a pixel goes to the moment it is drawn. It never starts by itself.
    For a reader who asked for reduced motion, playing moves on row by row, twice a second at most.

    In a running notebook `position`, `playing` and `speed` can be read and set from Python too:
    `player.position = 100` shows the 101st value that was drawn.

    What is stored: the image, -log p of each drawn value (float32) and each distribution in
    steps of 1/255. With more than 32 levels, neighbouring levels share a bar (8 levels
    a bar for 256). A 28×28 image of 256 levels takes about 40 kB, a 16×16 colour image as much.

    Args:
        trace: a `pixeledu.Trace`: `image` (C, H, W) with C = 1 or 3, `probabilities`
            (H, W, C, levels), `known` (C, H, W), `levels`. Known values were given, not drawn:
            they show from the start, and their probabilities are not looked at.
        position: which drawn value to show first, from 0.
        speed: pixels a second: 1, 4, 16, 64 or 256; None plays the whole image in about 15 seconds.
        description: what the image is, for readers who cannot see it.
    Raises:
        ValueError: the trace does not hold together, or an argument is out of range.
    """

    _name = "sampling_player"
    _min_height = 380

    data = traitlets.Dict().tag(sync=True, page=True)
    position = traitlets.Int(0).tag(sync=True, page=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = traitlets.Int(16).tag(sync=True, page=True)

    def __init__(
        self,
        trace,
        *,
        position: int = 0,
        speed: int | None = None,
        description: str = "an image sampled pixel by pixel",
    ) -> None:
        self._image, probabilities, known = _in_drawing_order(trace)
        height, width, channels = self._image.shape
        drawn, values = probabilities[~known], self._image[~known]  # (N, levels), (N,)
        self._steps = len(values)
        levels = drawn.shape[1]
        bar_width = -(-levels // _MOST_BARS)
        data = {
            "height": height,
            "width": width,
            "channels": channels,
            "levels": levels,
            "bar_width": bar_width,
            "description": " ".join(str(description).split()),  # on one line
            "image": _base64(self._image),
            "known": _base64(np.packbits(known)) if known.any() else "",
            "nats": _base64(_nats(drawn, values).astype("<f4")),
            # Of two levels, the probability of the drawn one tells both.
            "bars": "" if levels == 2 else _base64(_bars(drawn, bar_width)),
        }
        if speed is None:
            speed = next((s for s in SPEEDS if height * width <= 16 * s), SPEEDS[-1])
        positive_int("position", position, least=0)
        super().__init__(data=data, position=position, speed=_on_offer(speed))

    @classmethod
    def from_model(
        cls,
        model,
        height: int,
        width: int,
        *,
        position: int = 0,
        speed: int | None = None,
        description: str = "an image sampled pixel by pixel",
        **sampling,
    ) -> "SamplingPlayer":
        """Sample one image and replay it: `SamplingPlayer(pixeledu.sample_trace(…), …)`.

        Args:
            model, height, width, **sampling: as for `pixeledu.sample_trace`.
            position, speed, description: as for `SamplingPlayer`.
        Returns:
            The player.
        Raises:
            ValueError: see `pixeledu.sample_trace` and `SamplingPlayer`.
        """
        from pixeledu.sampling import sample_trace

        trace = sample_trace(model, height, width, **sampling)
        return cls(trace, position=position, speed=speed, description=description)

    def __repr__(self) -> str:
        height, width, channels = self._image.shape
        colours = "1 channel" if channels == 1 else f"{channels} channels"
        return f"SamplingPlayer({height}×{width}, {colours}, {self.data['levels']} levels)"

    @traitlets.validate("position")
    def _position_of_a_drawn_value(self, proposal) -> int:
        if not 0 <= proposal["value"] < self._steps:
            raise ValueError(
                f"position must be from 0 to {self._steps - 1} ({self._steps} values were drawn), "
                f"got {proposal['value']}"
            )
        return proposal["value"]

    @traitlets.validate("speed")
    def _speed_on_offer(self, proposal) -> int:
        return _on_offer(proposal["value"])

    def _fallback(self) -> str:
        height, width, _ = self._image.shape
        scale = _PICTURE // max(height, width)
        shown = scale * width if scale else _PICTURE * width // max(height, width)
        about = escape(self.data["description"])
        # Laid out like the figure that replaces it, so that nothing on the page moves.
        return (
            '<div style="display:flex;flex-wrap:wrap;gap:16px 28px;padding:17px">'
            f'<div style="flex:0 1 {_PICTURE}px">'
            f'<img src="data:image/png;base64,{_png(self._image, self.data["levels"])}" '
            f'alt="{about}, {height}×{width} pixels, finished" style="display:block;'
            f'padding:0;width:{shown}px;max-width:100%;image-rendering:pixelated"></div>'
            f'<p style="flex:1 1 240px;margin:0;min-height:{280 if self.data["known"] else 260}px">'
            f"The finished picture: {about}. With JavaScript, or in a running notebook, this "
            "figure replays how it was drawn, pixel by pixel.</p>"
            f'<div style="flex:0 1 {_PICTURE}px;height:44px"></div>'
            '<div style="flex:1 1 240px;height:44px"></div></div>'
        )


def _on_offer(speed: int) -> int:
    if speed not in SPEEDS:
        raise ValueError(f"speed must be one of {SPEEDS} pixels a second, got {speed!r}")
    return speed


def _in_drawing_order(trace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The trace as arrays (H, W, C), (H, W, C, levels) and (H, W, C), checked."""
    try:
        image, known = np.asarray(trace.image), np.asarray(trace.known)
        probabilities, levels = np.asarray(trace.probabilities, dtype=np.float64), trace.levels
    except AttributeError as error:
        raise ValueError(
            f"trace must be a pixeledu.Trace, got {type(trace).__name__} ({error}); "
            "pixeledu.sample_trace(model, height, width) makes one"
        ) from None
    if positive_int("trace.levels", levels, least=2) > 256:
        raise ValueError(f"trace.levels must be at most 256, got {levels}")
    if image.ndim != 3 or image.shape[0] not in (1, 3) or 0 in image.shape:
        raise ValueError(
            f"trace.image must have shape (C, H, W) with 1 or 3 channels, got {image.shape}"
        )
    channels, height, width = image.shape
    if image.dtype.kind not in "iu" or image.min() < 0 or image.max() >= levels:
        raise ValueError(
            f"trace.image must hold integers from 0 to {levels - 1}, "
            f"got {image.dtype} from {image.min()} to {image.max()}"
        )
    if known.shape != image.shape or known.dtype != bool:
        raise ValueError(
            f"trace.known must be a bool array of shape {image.shape}, "
            f"got {known.dtype} of shape {known.shape}"
        )
    if known.all():
        raise ValueError("trace.known is true everywhere: nothing was drawn, nothing to replay")
    if probabilities.shape != (height, width, channels, levels):
        raise ValueError(
            f"trace.probabilities must have shape (H, W, C, levels) = "
            f"{(height, width, channels, levels)}, got {probabilities.shape}"
        )
    in_order = image.transpose(1, 2, 0).astype(np.uint8)  # (H, W, C)
    return in_order, probabilities, known.transpose(1, 2, 0)


def _nats(drawn: np.ndarray, values: np.ndarray) -> np.ndarray:
    """-log p of each drawn value, (N,), after a look at the distributions (N, levels)."""
    if not np.isfinite(drawn).all() or drawn.min() < 0 or abs(drawn.sum(1) - 1).max() > 1e-3:
        raise ValueError(
            "trace.probabilities must be distributions (numbers from 0 to 1 with sum 1), got "
            f"numbers from {drawn.min()} to {drawn.max()} with sums from {drawn.sum(1).min()} "
            f"to {drawn.sum(1).max()}; take the softmax of logits over the levels first"
        )
    chosen = np.take_along_axis(drawn, values[:, None].astype(int), axis=1)[:, 0]
    if not chosen.all():
        step = int(np.argmin(chosen))
        raise ValueError(
            f"trace.probabilities gives probability 0 to the value {values[step]} drawn at step "
            f"{step}: image and probabilities do not belong together"
        )
    return -np.log(chosen)


def _bars(drawn: np.ndarray, bar_width: int) -> np.ndarray:
    """Each distribution as bytes (N, bars), 255 for probability 1: finer than the chart's pixels."""
    steps, levels = drawn.shape
    padded = np.pad(drawn, ((0, 0), (0, -levels % bar_width)))
    bars = padded.reshape(steps, -1, bar_width).sum(2)  # (N, bars)
    return np.rint(255 * bars.clip(0, 1)).astype(np.uint8)


def _base64(array: np.ndarray) -> str:
    return b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _png(image: np.ndarray, levels: int) -> str:
    """The image (H, W, C) as a base64 PNG. Stored, not compressed: zlibs differ in their output."""
    shades = np.rint(image * (255 / (levels - 1))).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(shades[:, :, 0] if shades.shape[2] == 1 else shades).save(
        file, "PNG", compress_level=0
    )
    return b64encode(file.getvalue()).decode()
