"""`ReceptiveField`: what any pixel of a model sees, how strongly, and what it never sees."""

from functools import lru_cache
from urllib.parse import quote

import numpy as np
import torch
import traitlets
from torch import nn

from pixeledu.checks import whole_number, wrong
from pixeledu.inspection import receptive_fields
from pixeledu.registry import build_model
from pixeledu.widgets.base import ROOM_FOR_CONTROLS, ROW, PageWidget, base64
from pixeledu.widgets.bundle import constants_of

_CONSTANTS = constants_of("receptive_field")
_SIZES = _CONSTANTS["sizes"]
SPEEDS = tuple(_CONSTANTS["speeds"])
_MOST_MODELS, _MOST_PIXELS, _LONGEST = 8, _CONSTANTS["most_pixels"], _CONSTANTS["longest"]
# Codes: 0 not seen, 1 (strongest) to `_WEAKEST`, `_BLIND` seen at no depth.
_WEAKEST, _BLIND = _CONSTANTS["weakest"], _CONSTANTS["blind"]

_Anything = traitlets.TraitType  # of any type: `ReceptiveField` checks it, in the project's words


class ReceptiveField(PageWidget):
    """What a pixel sees through one model and through another one, side by side.

    Each map shows the pixel that looks and, for all pixels before it, how strongly they arrive:
    the gradient of `pixeledu.receptive_field`, relative to the strongest. A pixel that does not
    arrive is hollow. It carries a cross if it arrives at no depth: the blind spot.

    Choose the models above the maps. A click, a tap or the arrow keys choose the pixel, Home and
    End the first and the last one; Space lets it walk through the image, + and - change the speed.
    It never starts by itself. For a reader who asked for reduced motion it moves row by row, twice
    a second at most.

    In a running notebook `left`, `right`, `position`, `playing` and `speed` (pixels a second: 1, 4,
    16 or 64) can be read and set from Python too; `seen()` is what the figure shows, as an array.

    What is stored: four bits for each pair of a pixel and an earlier one. Whether a pixel
    arrives is exact; how strongly, in half powers of ten down to a millionth. A model takes about
    6 kB for 9×15 pixels.

    Args:
        models: causal models by the names to show, 1 to 8 of them; modules that
            `pixeledu.receptive_field` accepts, as `pixeledu.build_model` makes them. From a colour
            model the first colour looks, and what arrives of the three colours is added up. The
            blind spot is marked for the models of `build_model` alone: it needs their deep twin.
        height, width: rows and columns of the image, at most 40 each and 400 pixels in all.
        position: which pixel looks first, counted from 0 row by row; None: in the last row.
        left, right: names of the two models to show first; None: the first and the second.
    Raises:
        ValueError: an argument is out of range, or a model sees itself or what follows.
    Source: Luo et al. 2016; van den Oord et al. 2016, figure 4.
    """

    _name = "receptive_field"
    _min_height = 420

    data = traitlets.Dict().tag(sync=True, page=True)
    left = _Anything("").tag(sync=True, page=True)
    right = _Anything("").tag(sync=True, page=True)
    position = _Anything(0).tag(sync=True, page=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = _Anything(4).tag(sync=True, page=True)

    def __init__(
        self,
        models: dict[str, nn.Module],
        height: int = 9,
        width: int = 15,
        *,
        position: int | None = None,
        left: str | None = None,
        right: str | None = None,
    ) -> None:
        for name, value in (("height", height), ("width", width)):
            if whole_number(name, value) > _LONGEST:
                raise ValueError(f"{name} must be at most {_LONGEST}, got {value}")
        if height * width > _MOST_PIXELS:
            raise ValueError(
                f"height and width must make at most {_MOST_PIXELS} pixels, got {height}×{width}"
            )
        if not isinstance(models, dict) or not 1 <= len(models) <= _MOST_MODELS:
            came = f"{len(models)}" if isinstance(models, dict) else type(models).__name__
            raise ValueError(f"models must be a dict of 1 to {_MOST_MODELS} models, got {came}")
        self._codes = {str(name): codes(model, height, width) for name, model in models.items()}
        fields = [{"name": n, "codes": base64(_packed(c))} for n, c in self._codes.items()]
        names = list(self._codes)
        if position is None:
            position = (height - 1) * width + (width - 1) // 3
        super().__init__(data={"height": height, "width": width, "fields": fields})
        self.left = names[0] if left is None else left
        self.right = names[min(1, len(names) - 1)] if right is None else right
        self.position = position

    def __repr__(self) -> str:
        return f"ReceptiveField({self._height}×{self._width}, {', '.join(self._codes)})"

    def seen(self, name: str | None = None, position: int | None = None) -> np.ndarray:
        """Which pixels arrive at a pixel.

        Args:
            name: of the model; None is the one on the left.
            position: of the pixel that looks; None is the one that is shown.
        Returns:
            bool (H, W).
        Raises:
            ValueError: there is no such model or no such pixel.
        """
        shown = self._field(name, position)
        return (shown > 0) & (shown < _BLIND)

    def blind(self, name: str | None = None, position: int | None = None) -> np.ndarray:
        """Which earlier pixels arrive at a pixel at no depth; see `seen`."""
        return self._field(name, position) == _BLIND

    def _field(self, name: str | None, position: int | None) -> np.ndarray:
        name = self.left if name is None else self._known_name("name", name)
        position = self.position if position is None else self._inside(position)
        return self._codes[name][position].reshape(self._height, self._width)

    @property
    def _height(self) -> int:
        return self.data["height"]

    @property
    def _width(self) -> int:
        return self.data["width"]

    @traitlets.validate("left", "right")
    def _a_model_there_is(self, proposal) -> str:
        return self._known_name(proposal["trait"].name, proposal["value"])

    def _known_name(self, argument: str, name: str) -> str:
        if not isinstance(name, str) or name not in self._codes:
            raise wrong(argument, f"be one of {list(self._codes)}", name)
        return name

    @traitlets.validate("position")
    def _a_pixel_there_is(self, proposal) -> int:
        return self._inside(proposal["value"])

    def _inside(self, position: int) -> int:
        pixels = self._height * self._width
        if whole_number("position", position, least=0) >= pixels:
            raise ValueError(
                f"position must be from 0 to {pixels - 1} ({self._height}×{self._width} pixels), "
                f"got {position}"
            )
        return position

    @traitlets.validate("speed")
    def _an_allowed_speed(self, proposal) -> int:
        if type(proposal["value"]) is not int or proposal["value"] not in SPEEDS:
            raise wrong("speed", f"be one of {SPEEDS} pixels a second", proposal["value"])
        return proposal["value"]

    def _fallback(self) -> str:
        row, column = divmod(self.position, self._width)
        sides = [self._side_without_script(name) for name in self._shown_names()]
        # Laid out like the figure that replaces it, so that nothing on the page moves.
        return (
            f'<div style="padding:17px"><div style="{ROW}">'
            f'{"".join(sides)}</div><p style="margin:12px 0 0;min-height:{_SIZES["key_height"]};'
            f'font-size:14px;line-height:1.4">Framed: the pixel that looks (row {row}, column '
            f"{column}). Dark: arrives strongly; hollow: does not; with a cross: at no depth. With "
            "JavaScript, or in a running notebook, you choose the pixel and the models.</p>"
            f'<div style="{ROW};margin-top:16px">{ROOM_FOR_CONTROLS}</div></div>'
        )

    def _shown_names(self) -> list[str]:
        return [self.left, self.right] if len(self._codes) > 1 else [self.left]

    def _side_without_script(self, name: str) -> str:
        seen, blind = int(self.seen(name).sum()), int(self.blind(name).sum())
        picture, width = _picture(self._field(name, None), self.position)
        says = f"{seen} of {self.position} earlier pixels arrive, {blind} at no depth"
        title = name.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
        return (
            f'<div style="flex:1 1 {_SIZES["side_width"]}px;min-width:0">'
            f'<p style="height:44px;margin:0 0 6px">{title}</p>'
            f'<img src="data:image/svg+xml,{quote(picture)}" alt="{title}: {says}" '
            f'style="display:block;padding:0;width:{width}px;max-width:100%">'
            f'<p style="margin:4px 0 0;min-height:{_SIZES["counts_height"]}px">{says}.</p></div>'
        )


def codes(model: nn.Module, height: int, width: int) -> np.ndarray:
    """What every pixel sees, in the codes that are stored.

    Args:
        model: a causal model that `receptive_field` accepts.
        height, width: rows and columns of the image.
    Returns:
        uint8 (H·W, H·W), first the pixel that looks: 0 for one that does not arrive or comes later,
        1 (at least 10^-½ of the strongest) to 13 (10^-6 of it or less), 15 for a blind spot.
    Raises:
        ValueError: a pixel sees itself or what follows, or a weight is not finite.
    """
    if not isinstance(model, nn.Module):
        raise wrong("models", "hold torch.nn.Modules", model)
    # A ReLU hides a NaN from the gradient, so look at the weights.
    if not all(bool(weight.isfinite().all()) for weight in model.parameters()):
        raise ValueError(
            f"models must have finite weights, {type(model).__name__} has NaN or infinite ones"
        )
    strength = _strengths(model, height, width)
    if (later := np.argwhere(np.triu(strength > 0))).size:
        looks, at = (tuple(divmod(int(place), width)) for place in later[0])
        raise ValueError(
            f"models must be causal: in {type(model).__name__} pixel {looks} sees pixel {at}; "
            "pixeledu.check_causality tells more"
        )
    strongest = strength.max(1, keepdims=True)  # (H·W, 1)
    relative = np.divide(strength, strongest, out=np.zeros_like(strength), where=strength > 0)
    halves = -2 * np.log10(relative, out=np.full_like(relative, -1), where=relative > 0)
    coded = np.where(relative > 0, 1 + halves.clip(0, _WEAKEST - 1).astype(int), 0)
    config = getattr(model, "config", None)
    if isinstance(config, dict) and "layers" in config:
        deepest = deep_twin(config["model"], config["channels"], height, width)
        coded[np.tri(height * width, k=-1, dtype=bool) & ~deepest] = _BLIND
    return coded.astype(np.uint8)


@lru_cache(maxsize=16)
def deep_twin(kind: str, channels: int, height: int, width: int) -> np.ndarray:
    """What an architecture sees with so many layers that one more would change nothing.

    Measured on a network in which no path can be switched off or cancelled: its weights are
    positive, and its biases so large that all its features are.

    Args:
        kind: as `build_model` knows it.
        channels: colours of the image.
        height, width: rows and columns of the image.
    Returns:
        bool (H·W, H·W), first the pixel that looks.
    """
    twin = build_model(kind, channels=channels, hidden=channels, layers=height + width)
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            bias = name.endswith("bias")
            parameter.fill_(1 if bias else 0.5 / max(1, parameter[0].numel()))
    return _strengths(twin, height, width, probes=1) > 0


def _strengths(model: nn.Module, height: int, width: int, probes: int = 8) -> np.ndarray:
    """The gradients, (H·W, H·W), first the pixel that looks; colours of the input added up."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the sums in one order
    try:
        fields = receptive_fields(model, height, width, probes=probes)  # (H, W, C, H, W)
    finally:
        torch.set_num_threads(threads)
    return fields.sum(2).flatten(2).flatten(0, 1).numpy()


def _packed(coded: np.ndarray) -> np.ndarray:
    """The codes of all pairs of a pixel and an earlier one, pixel by pixel, two to a byte."""
    pairs = coded[np.tri(len(coded), k=-1, dtype=bool)]
    pairs = np.pad(pairs, (0, len(pairs) % 2)).reshape(-1, 2)
    return (pairs[:, 0] << 4 | pairs[:, 1]).astype(np.uint8)


def _picture(field: np.ndarray, position: int) -> tuple[str, int]:
    """A map (H, W) as SVG, and its width in px."""
    height, width = field.shape
    side = int(min(_SIZES["map_width"] / width, _SIZES["map_height"] / height, 40))
    paths: dict[str, str] = {}
    for (row, column), code in np.ndenumerate(field):
        kind = "none" if code in (0, _BLIND) else f"{1.06 - 0.07 * code:.2f}"
        paths[kind] = paths.get(kind, "") + f"M{column} {row}h1v1h-1z"
    crosses = "".join(f"M{c}.3 {r}.3l.4.4m0-.4l-.4.4" for r, c in np.argwhere(field == _BLIND))
    row, column = divmod(position, width)
    shown = "".join(
        f'<path fill="{"#fff" if kind == "none" else "#0b6e99"}" '
        f'fill-opacity="{1 if kind == "none" else kind}" d="{path}"/>'
        for kind, path in sorted(paths.items())
    )
    edge = 2 / side
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="{-edge} {-edge} {width + 2 * edge} {height + 2 * edge}" '
        f'width="{width * side + 4}" height="{height * side + 4}" stroke="#d8dde4" '
        f'stroke-width=".05">{shown}<path fill="none" stroke="#b3261e" stroke-width=".12" '
        f'd="{crosses}"/><path fill="none" stroke="#e8590c" stroke-width=".2" '
        f'd="M{column} {row}h1v1h-1z"/></svg>'
    ), width * side + 4
