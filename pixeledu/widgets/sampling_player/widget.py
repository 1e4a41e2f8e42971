"""`SamplingPlayer`: watch an image being drawn, value by value, from the model's distributions."""

from html import escape
from numbers import Real

import numpy as np
import traitlets

from pixeledu.checks import whole_number, wrong
from pixeledu.widgets.base import MOST_BARS, ROOM_FOR_CONTROLS, ROW, PageWidget, as_png, base64
from pixeledu.widgets.bundle import constants_of
from pixeledu.widgets.sampling_player.packing import bars_of, in_drawing_order, logs_of, nats_of

_CONSTANTS = constants_of("sampling_player")
_SIZES = _CONSTANTS["sizes"]
SPEEDS = tuple(_CONSTANTS["speeds"])
TEMPERATURES = tuple(_CONSTANTS["temperatures"])  # the least and the most to show
_MOST_SAMPLES = _CONSTANTS["most_samples"]
_PICTURE = _SIZES["picture_side"]  # px, the longer side

_Anything = traitlets.TraitType  # of any type: `SamplingPlayer` checks it, in the project's words


class SamplingPlayer(PageWidget):
    """A replay of one sampled image, with the distribution each value was drawn from.

    Play, pause, step, scrub and change the speed by mouse, touch or keyboard: Space plays, the
    left and right arrows move one value, up and down one row, Home and End to the ends, + and -
    change the speed; a click on a pixel goes to the moment it is drawn. It never starts by itself.
    For a reader who asked for reduced motion, playing moves on row by row, twice a second at most.

    Several traces, of other seeds, models or temperatures, are drawn side by side in the same
    step; a click on one of them, or on its name, shows its distributions. With `drawn_at` a slider
    shows what another temperature does to the distribution of the current value.

    In a running notebook `position`, `playing`, `speed`, `sample` (which of several, from 0) and
    `temperature` can be read and set from Python too: `player.position = 100` shows the 101st value
    that was drawn. `sample` and `temperature` are None where there is nothing to choose.

    What is stored: the image, -log p of each drawn value (float32) and each distribution in
    steps of 1/255. With more than 32 levels, neighbouring levels share a bar (8 levels
    a bar for 256). A 28×28 image of 256 levels takes about 40 kB, a 16×16 colour image as much.
    With `drawn_at` each log p is stored too, in 1/2048 nat.

    Args:
        trace: a `pixeledu.Trace`: `image` (C, H, W) with C = 1 or 3, `probabilities`
            (H, W, C, levels), `known` (C, H, W), `levels`. Known values were given, not drawn:
            they show from the start, and their probabilities are not looked at. Or a dict of up to
            6 traces by the names to show; all of one shape, with the same known values' places.
        position: which drawn value to show first, from 0.
        speed: pixels a second: 1, 4, 16, 64 or 256; None plays the whole image in about 15 seconds.
        description: what the image is, for readers who cannot see it.
        drawn_at: the temperature, from 0.1 to 3, that the trace was drawn at, or a list of one for
            each trace; for at most 32 levels. None leaves the temperature out.
    Raises:
        ValueError: the trace does not hold together, or an argument is out of range.
    """

    _name = "sampling_player"
    _min_height = 380

    data = traitlets.Dict().tag(sync=True, page=True)
    position = traitlets.Int(0).tag(sync=True, page=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = traitlets.Int(16).tag(sync=True, page=True)
    sample = _Anything(None).tag(sync=True, page=True)
    temperature = _Anything(None).tag(sync=True, page=True)

    def __init__(
        self,
        trace,
        *,
        position: int = 0,
        speed: int | None = None,
        description: str = "an image sampled pixel by pixel",
        drawn_at: float | list[float] | None = None,
    ) -> None:
        if not isinstance(description, str):
            raise wrong("description", "be a text", description)
        traces = _by_name(trace)
        several = isinstance(trace, dict)
        in_order = [in_drawing_order(one) for one in traces.values()]
        self._images = [image for image, _, _ in in_order]
        image, probabilities, known = in_order[0]
        height, width, channels = image.shape
        self._steps, levels = int((~known).sum()), probabilities.shape[-1]
        bar_width = -(-levels // MOST_BARS)
        temperatures = _temperatures(drawn_at, len(traces), levels)
        packed = [_packed(*one, bar_width, bool(temperatures)) for one in in_order]
        for name, (_, other, given) in zip(traces, in_order, strict=True):
            if other.shape != probabilities.shape or (given != known).any():
                raise ValueError(
                    f"trace[{name!r}] must have the shape, the levels and the known values' places "
                    f"of the first trace, {probabilities.shape} (H, W, C, levels); "
                    f"got {other.shape}, {int(given.sum())} known"
                )
        data = {
            "height": height,
            "width": width,
            "channels": channels,
            "levels": levels,
            "bar_width": bar_width,
            "description": _line(description),
            "known": base64(np.packbits(known)) if known.any() else "",
            **packed[0],
        }
        if several:
            data |= {"names": [_line(name) for name in traces], "others": packed[1:]}
        if temperatures:
            data["temperatures"] = temperatures
        if speed is None:
            speed = next((s for s in SPEEDS if height * width <= 16 * s), SPEEDS[-1])
        whole_number("position", position, least=0)
        super().__init__(data=data, position=position, speed=_allowed_speed(speed))
        if several:
            self.sample = 0
        if temperatures:
            self.temperature = temperatures[0]

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
        from pixeledu.tracing import sample_trace

        trace = sample_trace(model, height, width, **sampling)
        return cls(trace, position=position, speed=speed, description=description)

    def __repr__(self) -> str:
        height, width, channels = self._images[0].shape
        colours = "1 channel" if channels == 1 else f"{channels} channels"
        samples = f"{len(self._images)} samples, " if self.sample is not None else ""
        return f"SamplingPlayer({samples}{height}×{width}, {colours}, {self.data['levels']} levels)"

    @traitlets.validate("position")
    def _position_of_a_drawn_value(self, proposal) -> int:
        if not 0 <= proposal["value"] < self._steps:
            raise ValueError(
                f"position must be from 0 to {self._steps - 1} ({self._steps} values were drawn), "
                f"got {proposal['value']}"
            )
        return proposal["value"]

    @traitlets.validate("speed")
    def _an_allowed_speed(self, proposal) -> int:
        return _allowed_speed(proposal["value"])

    @traitlets.validate("sample")
    def _sample_there_is(self, proposal) -> int | None:
        value = proposal["value"]
        if "names" not in self.data:
            return _nothing("sample", value, "where one trace is shown")
        if type(value) is not int or not 0 <= value < len(self._images):
            raise ValueError(f"sample must be from 0 to {len(self._images) - 1}, got {value!r}")
        return value

    @traitlets.validate("temperature")
    def _temperature_to_show(self, proposal) -> float | None:
        if "temperatures" not in self.data:
            return _nothing("temperature", proposal["value"], "in a player made without drawn_at")
        return _temperature("temperature", proposal["value"])

    def _fallback(self) -> str:
        about = escape(self.data["description"])
        if self.sample is not None or self.temperature is not None:
            return self._fallback_of_several(about)
        height, width, _ = self._images[0].shape
        shown = _width(height, width, _PICTURE)
        # Laid out like the figure that replaces it, so that nothing on the page moves.
        return (
            f'<div style="{ROW};padding:17px">'
            f'<div style="flex:0 1 {_PICTURE}px">'
            f'<img src="data:image/png;base64,{_png(self._images[0], self.data["levels"])}" '
            f'alt="{about}, {height}×{width} pixels, finished" style="display:block;'
            f'padding:0;width:{shown}px;max-width:100%;image-rendering:pixelated"></div>'
            f'<p style="flex:1 1 240px;margin:0;min-height:{self._panel_height()}px">'
            f"The finished picture: {about}. With JavaScript, or in a running notebook, this "
            "figure replays how it was drawn, pixel by pixel.</p>"
            f"{ROOM_FOR_CONTROLS}</div>"
        )

    def _panel_height(self) -> int:
        """Pixels of what stands beside the picture."""
        tall = 260 + (20 if self.data["known"] else 0)
        tall += _SIZES["chain_height"] if self.data["channels"] > 1 else 0
        return tall + (_SIZES["temperature_height"] if self.temperature is not None else 0)

    def _fallback_of_several(self, about: str) -> str:
        height, width, _ = self._images[0].shape
        names = self.data.get("names", [""])
        most, columns = side_of(len(names))
        shown = _width(height, width, most)
        below = _SIZES["name_height"] if self.sample is not None else 0
        pictures = "".join(
            f'<div style="max-width:{most}px"><img src="data:image/png;base64,'
            f'{_png(image, self.data["levels"])}" alt="{escape(name) or about}, '
            f'{height}×{width} pixels, finished" style="display:block;padding:0;width:{shown}px;'
            f'max-width:100%;image-rendering:pixelated"><p style="margin:0;height:{below}px;'
            f'overflow:hidden;font-size:14px">{escape(name)}</p></div>'
            for name, image in zip(names, self._images, strict=True)
        )
        # Laid out like the figure that replaces it, so that nothing on the page moves.
        return (
            f'<div style="{ROW};padding:17px">'
            f'<div style="flex:0 1 {_PICTURE}px"><div style="display:grid;'
            f"gap:{_SIZES['gap']}px;"
            f'grid-template-columns:repeat({columns},minmax(0,{most}px))">{pictures}</div></div>'
            f'<p style="flex:1 1 240px;margin:0;min-height:{self._panel_height()}px">'
            f"The finished pictures: {about}. With JavaScript, or in a running notebook, this "
            "figure replays how they were drawn, pixel by pixel.</p>"
            f"{ROOM_FOR_CONTROLS}</div>"
        )


def side_of(samples: int) -> tuple[int, int]:
    """The longer side of each picture in px at most, and how many stand side by side."""
    columns = {1: 1, 2: 2, 4: 2}.get(samples, 3)
    return (_PICTURE - _SIZES["gap"] * (columns - 1)) // columns, columns


def _width(height: int, width: int, most: int) -> int:
    """How wide a picture is shown, in px: whole pixels of the screen where there is room."""
    scale = most // max(height, width)
    return scale * width if scale else most * width // max(height, width)


def _line(text) -> str:
    return " ".join(str(text).split())


def _by_name(trace) -> dict:
    if not isinstance(trace, dict):
        return {"": trace}
    if not 1 <= len(trace) <= _MOST_SAMPLES:
        raise ValueError(f"trace must hold 1 to {_MOST_SAMPLES} traces, got {len(trace)}")
    return trace


def _temperatures(drawn_at, samples: int, levels: int) -> list[float]:
    """The temperature of each trace; an empty list if none is known."""
    if drawn_at is None:
        return []
    if levels > MOST_BARS:
        raise ValueError(
            f"drawn_at must be None for more than {MOST_BARS} levels, which share bars: their "
            f"distribution at another temperature is not stored; got {drawn_at} for {levels} levels"
        )
    each = list(drawn_at) if isinstance(drawn_at, list | tuple) else [drawn_at] * samples
    if len(each) != samples:
        raise ValueError(f"drawn_at must hold {samples} temperatures, got {len(each)}")
    return [_temperature("drawn_at", value) for value in each]


def _nothing(name: str, value, where: str) -> None:
    if value is not None:
        raise ValueError(f"{name} must be None {where}, got {value!r}")


def _temperature(name: str, value) -> float:
    least, most = TEMPERATURES
    if isinstance(value, bool) or not isinstance(value, Real) or not least <= value <= most:
        raise wrong(name, f"be a temperature from {least} to {most}", value)
    return float(value)


def _packed(image, probabilities, known, bar_width: int, with_logs: bool) -> dict[str, str]:
    """What differs between samples, as text."""
    drawn, values = probabilities[~known], image[~known]  # (N, levels), (N,)
    two = drawn.shape[1] == 2  # of two levels, the probability of the drawn one tells both
    packed = {
        "image": base64(image),
        "nats": base64(nats_of(drawn, values).astype("<f4")),
        "bars": "" if two else base64(bars_of(drawn, bar_width)),
    }
    if with_logs:
        packed["logs"] = "" if two else base64(logs_of(drawn))
    return packed


def _allowed_speed(speed: int) -> int:
    if type(speed) is not int or speed not in SPEEDS:
        raise wrong("speed", f"be one of {SPEEDS} pixels a second", speed)
    return speed


def _png(image: np.ndarray, levels: int) -> str:
    """The image (H, W, C) as a base64 PNG."""
    shades = np.rint(image * (255 / (levels - 1))).astype(np.uint8)
    return as_png(shades[:, :, 0] if shades.shape[2] == 1 else shades)
