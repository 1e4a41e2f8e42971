"""`Wavefront`: which pixels are computed at the same moment, while training and while sampling."""

from urllib.parse import quote

import numpy as np
import traitlets

from pixeledu.checks import whole_number, wrong
from pixeledu.web.kinds import KINDS
from pixeledu.widgets.base import ROOM_FOR_CONTROLS, ROW, PageWidget
from pixeledu.widgets.bundle import constants_of

_CONSTANTS = constants_of("wavefront")
_SIZES = _CONSTANTS["sizes"]
MODELS = {kind: KINDS[kind]["title"] for kind in _CONSTANTS["models"]}
PHASES = tuple(_CONSTANTS["phases"])
SPEEDS = tuple(_CONSTANTS["speeds"])
_LONGEST = _CONSTANTS["longest"]  # pixels in a row or column, at most

_Anything = traitlets.TraitType  # of any type: `Wavefront` checks it, in the project's words


class Wavefront(PageWidget):
    """Which pixels each architecture computes at the same moment, step by step.

    While training the whole image is known, and one layer needs 1 step in a PixelCNN (all pixels
    at once), n steps in a Row LSTM (a row at once) and 2n - 1 steps in a Diagonal BiLSTM (a
    diagonal at once, in both scans; `skewed` shifts row i by i places, so that diagonals become
    columns). While sampling, every model draws its n² pixels one after the other.

    The table of these numbers chooses model and phase. Space plays, the left and right arrows move
    one step, up and down one row, Home and End to the ends, + and - change the speed; a click on a
    pixel goes to the step that computes it. It never starts by itself. For a reader who asked for
    reduced motion, playing moves on twice a second at most, and row by row while sampling.

    In a running notebook all arguments and `playing` and `speed` (steps a second: 1, 2, 4, 16 or
    64) can be read and set from Python too: `wavefront.step = 4` shows the fifth step. `steps` is
    the number of steps, and `pixels(step)` says which pixels one of them computes.

    Args:
        height, width: rows and columns of the image, from 1 to 32.
        model: "pixelcnn", "row-lstm" or "diagonal-bilstm".
        phase: "training" or "sampling".
        skewed: whether the maps of the Diagonal BiLSTM are shown skewed while training.
        step: which step to show first, from 0.
    Raises:
        ValueError: an argument is out of range.
    Source: van den Oord et al. 2016, sections 3.1 and 3.2, figure 3.
    """

    _name = "wavefront"
    _min_height = 558

    height = _Anything(8).tag(sync=True, page=True)
    width = _Anything(8).tag(sync=True, page=True)
    model = _Anything("diagonal-bilstm").tag(sync=True, page=True)
    phase = _Anything("training").tag(sync=True, page=True)
    skewed = _Anything(False).tag(sync=True, page=True)
    step = _Anything(0).tag(sync=True, page=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = _Anything(4).tag(sync=True, page=True)

    def __init__(
        self,
        height: int = 8,
        width: int = 8,
        *,
        model: str = "diagonal-bilstm",
        phase: str = "training",
        skewed: bool = False,
        step: int = 0,
    ) -> None:
        chosen = {"height": height, "width": width, "model": model, "phase": phase}
        chosen["skewed"] = skewed
        super().__init__(**{name: _checked(name, value) for name, value in chosen.items()})
        self.step = step  # after what it depends on

    def __repr__(self) -> str:
        return f"Wavefront({self.height}×{self.width}, {self.model}, {self.phase})"

    @property
    def steps(self) -> int:
        """How many steps come one after the other."""
        return int(self._computed_at().max()) + 1

    def pixels(self, step: int | None = None) -> list[list[tuple[int, int]]]:
        """The pixels that are computed at the same moment.

        Args:
            step: from 0; None is the step that is shown.
        Returns:
            (row, column) of each pixel, one list for each scan: two for a Diagonal BiLSTM while
            training (left to right, right to left), otherwise one.
        Raises:
            ValueError: there is no such step.
        """
        step = self.step if step is None else self._step_in_range(step)
        return [
            [tuple(place) for place in np.argwhere(scan == step).tolist()]
            for scan in self._computed_at()
        ]

    def _computed_at(self) -> np.ndarray:
        return computed_at(self.height, self.width, self.model, self.phase)

    @traitlets.validate("height", "width", "model", "phase", "skewed", "speed")
    def _allowed(self, proposal):
        return _checked(proposal["trait"].name, proposal["value"])

    @traitlets.validate("step")
    def _a_step_there_is(self, proposal) -> int:
        return self._step_in_range(proposal["value"])

    def _step_in_range(self, step: int) -> int:
        if whole_number("step", step, least=0) >= self.steps:
            raise ValueError(
                f"step must be from 0 to {self.steps - 1} ({self!r} has {self.steps} steps), "
                f"got {step}"
            )
        return step

    @traitlets.observe("height", "width", "model", "phase")
    def _stay_in_range(self, change) -> None:
        self.step = min(self.step, self.steps - 1)

    def _fallback(self) -> str:
        step = self.step or self.steps // 2  # the first step alone would say little
        when, name = self._computed_at(), MODELS[self.model]
        now, done = (when[0] == step).sum(), (when[0] < step).sum()
        each = " in each of its two scans" if len(when) > 1 else ""
        at_work = f"{name}, {self.phase}, step {step + 1} of {self.steps}"
        training = ", ".join(
            f"{computed_at(self.height, self.width, model, 'training').max() + 1} in a {title}"
            for model, title in MODELS.items()
        )
        picture, width = _picture(when, step, self.skewed)
        # Laid out like the figure that replaces it, so that nothing on the page moves.
        return (
            f'<div style="padding:17px"><div style="{ROW}">'
            f'<p style="flex:1 1 280px;margin:0;min-height:{_SIZES["words_height"]}">'
            f"Which of {self.height}×{self.width} pixels are computed at the same moment. "
            f"The picture: {at_work}, framed pixels now, filled ones before. "
            f"Steps one after the other, training, in each layer: {training}; "
            f"sampling, in every model: {self.height * self.width}. "
            "With JavaScript, or in a running notebook, this figure shows all steps.</p>"
            f'<div style="flex:0 1 {_SIZES["maps_width"]}px;min-height:{_SIZES["maps_height"]}px">'
            f'<img src="data:image/svg+xml,{quote(picture)}" '
            f'alt="{at_work}: {done} pixels done, {now} computed now{each}" '
            f'style="display:block;padding:0;width:{width}px;max-width:100%"></div></div>'
            f'<div style="{ROW};margin-top:16px">{ROOM_FOR_CONTROLS}</div></div>'
        )


def computed_at(height: int, width: int, model: str, phase: str) -> np.ndarray:
    """The step, from 0, in which each pixel is computed.

    Args:
        height, width: rows and columns of the image.
        model: a kind of model, as `build_model` knows it.
        phase: "training" or "sampling".
    Returns:
        Whole numbers (scans, H, W). The Diagonal BiLSTM has two scans while training, left to
        right and right to left.
    """
    rows, columns = np.mgrid[:height, :width]  # (H, W) each
    if phase == "sampling":
        return (rows * width + columns)[None]
    scans = {
        "image": [0 * rows],
        "row": [rows],
        "diagonal": [rows + columns, rows + (width - 1 - columns)],
    }
    return np.stack(scans[KINDS[model]["computed_at_once"]])


def _checked(name: str, value):
    """The value of a trait, if it is one that the trait may have."""
    if name in ("height", "width"):
        if whole_number(name, value) > _LONGEST:
            raise ValueError(f"{name} must be at most {_LONGEST}, got {value}")
        return value
    allowed = {"model": tuple(MODELS), "phase": PHASES, "skewed": (False, True), "speed": SPEEDS}
    if not any(type(value) is type(one) and value == one for one in allowed[name]):
        raise wrong(name, f"be one of {allowed[name]}", value)
    return value


def _picture(when: np.ndarray, step: int, skewed: bool) -> tuple[str, int]:
    """The maps (scans, H, W) at a step as SVG, below each other, and their width in px."""
    scans, height, width = when.shape
    columns = width + height - 1 if scans > 1 else width
    rows = scans * height + scans - 1  # one free row between two maps
    cell = int(min(_SIZES["maps_width"] / columns, _SIZES["drawn_height"] / rows, 40))
    paths = {-1: "", 1: "", 0: ""}  # not yet, done, now
    for (scan, row, column), at in np.ndenumerate(when):
        x = at if skewed and scans > 1 else column  # in the skewed map the column is the step
        paths[int(np.sign(step - at))] += f"M{x} {scan * (height + 1) + row}h1v1h-1z"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-.1 -.1 {columns + 0.2} {rows + 0.2}" '
        f'width="{columns * cell}" height="{rows * cell}" stroke="#59636f" stroke-width=".05">'
        f'<path fill="#fff" d="{paths[-1]}"/><path fill="#549cc0" d="{paths[1]}"/>'
        f'<path fill="#e8590c" stroke="#10151b" stroke-width=".2" d="{paths[0]}"/></svg>'
    ), columns * cell
