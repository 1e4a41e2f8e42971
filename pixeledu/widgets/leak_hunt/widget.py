"""`LeakHunt`: a game on the causality test. Change a pixel, see what changes, name the bug."""

from urllib.parse import quote

import numpy as np
import torch
import traitlets

from pixeledu.checks import whole_number, wrong
from pixeledu.widgets.base import ROOM_FOR_CONTROLS, ROW, PageWidget, base64
from pixeledu.widgets.bundle import constants_of
from pixeledu.widgets.leak_hunt.planted_bugs import PLANTED_BUGS, responses

_CONSTANTS = constants_of("leak_hunt")
_SIZES = _CONSTANTS["sizes"]
SPEEDS = tuple(_CONSTANTS["speeds"])
OFFERED = 8  # names to choose from
HUNTED = ("mask-b-first", "scrambled", "none", "unshifted", "centre-row", "batch-norm")
_LONGEST = _CONSTANTS["longest"]  # pixels in a row or column, at most

_Anything = traitlets.TraitType  # of any type: `LeakHunt` checks it, in the project's words


class LeakHunt(PageWidget):
    """A game: small models, some of which see what they must not. Name the bug of each.

    The map shows which outputs of a model change when one pixel of its input is changed; the
    models are real, each with a real bug planted in it or none, and what is shown was measured with
    `pixeledu.check_causality`. A wrong name is answered with a pixel that tells it from the right
    one. The score counts what you name at the first try.

    A click, a tap or the arrow keys choose the pixel that is changed, Home and End the first and
    the last one; Space lets it walk through the image, + and - change the speed. The keys 1 to 8
    choose a name, N goes to the next model. It never starts by itself. For a reader who asked for
    reduced motion it moves row by row, twice a second at most.

    In a running notebook `shown` (which model, from 0), `position`, `answers` (the names tried for
    each model, in order), `playing` and `speed` (pixels a second: 1, 4 or 16) can be read and set
    from Python too; `score` counts.

    Args:
        hunted: up to eight models in their order, by name: "none" (no bug), "mask-b-first",
            "mask-a-everywhere", "centre-row", "mirrored", "batch-norm", "scrambled", "unshifted",
            "unmasked", "lost-stream", "wrong-side", "transposed", "own-row" or "look-ahead". Eight
            names are on offer: those of the hunted, filled up in the order of this list.
        height, width: rows and columns of the image, from 3 to 10.
    Raises:
        ValueError: an argument is out of range.
    """

    _name = "leak_hunt"
    _min_height = 700

    data = traitlets.Dict().tag(sync=True, page=True)
    shown = _Anything(0).tag(sync=True, page=True)
    position = _Anything(0).tag(sync=True, page=True)
    answers = _Anything(()).tag(sync=True, page=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = _Anything(4).tag(sync=True, page=True)

    def __init__(
        self, hunted: tuple[str, ...] = HUNTED, *, height: int = 5, width: int = 7
    ) -> None:
        for name, value in (("height", height), ("width", width)):
            if whole_number(name, value, least=3) > _LONGEST:
                raise wrong(name, f"be at most {_LONGEST}", value)
        self._hunted = _names(hunted)
        self._depends = _measured(_offered(self._hunted), height, width)
        models = [
            {
                "name": name,
                "title": PLANTED_BUGS[name].title,
                "explains": PLANTED_BUGS[name].explains,
                "depends": base64(np.packbits(depends)),
            }
            for name, depends in self._depends.items()
        ]
        order = [list(self._depends).index(name) for name in self._hunted]
        data = {"height": height, "width": width, "models": models, "hunted": order}
        super().__init__(data=data)
        self.answers = [[] for _ in self._hunted]
        self.position = height * width // 2

    def __repr__(self) -> str:
        height, width = self.data["height"], self.data["width"]
        return f"LeakHunt({len(self._hunted)} models, {height}×{width})"

    @property
    def score(self) -> dict[str, int]:
        """How many models are `named` (right, after however many tries), and how many `first`."""
        tries = list(zip(self._hunted, self.answers, strict=True))
        named = sum(name in tried for name, tried in tries)
        return {"named": named, "first": sum(name in tried[:1] for name, tried in tries)}

    def changed(self, position: int | None = None, shown: int | None = None) -> np.ndarray:
        """Which outputs change when a pixel is changed.

        Args:
            position: of the pixel; None is the one on the map.
            shown: which model, from 0; None is the one on the map.
        Returns:
            bool (H, W).
        Raises:
            ValueError: there is no such pixel or no such model.
        """
        position = self.position if position is None else self._in_range("position", position)
        shown = self.shown if shown is None else self._in_range("shown", shown)
        depends = self._depends[self._hunted[shown]][position]
        return depends.reshape(self.data["height"], self.data["width"]).copy()

    @traitlets.validate("position", "shown")
    def _one_there_is(self, proposal) -> int:
        return self._in_range(proposal["trait"].name, proposal["value"])

    def _in_range(self, name: str, value: int) -> int:
        pixels = self.data["height"] * self.data["width"]
        count = pixels if name == "position" else len(self._hunted)
        if whole_number(name, value, least=0) >= count:
            raise ValueError(f"{name} must be from 0 to {count - 1}, got {value}")
        return value

    @traitlets.validate("answers")
    def _names_of_bugs(self, proposal) -> list[list[str]]:
        value, count = proposal["value"], len(self._hunted)
        lists = isinstance(value, list | tuple) and len(value) == count
        if not lists or not all(
            isinstance(tried, list | tuple)
            and all(isinstance(name, str) and name in self._depends for name in tried)
            for tried in value
        ):
            raise ValueError(
                f"answers must hold {count} lists of names out of {list(self._depends)}, got {value!r}"
            )
        return [list(dict.fromkeys(tried)) for tried in value]

    @traitlets.validate("speed")
    def _an_allowed_speed(self, proposal) -> int:
        if type(proposal["value"]) is not int or proposal["value"] not in SPEEDS:
            raise ValueError(
                f"speed must be one of {SPEEDS} pixels a second, got {proposal['value']!r}"
            )
        return proposal["value"]

    def _fallback(self) -> str:
        picture, width = _picture(self.changed(), self.position)
        row, column = divmod(self.position, self.data["width"])
        changes = int(self.changed().sum())
        # Laid out like the figure that replaces it, so that nothing on the page moves.
        return (
            f'<div style="padding:17px"><div style="{ROW}">'
            f'<div style="flex:0 1 {_SIZES["scene_width"]}px;min-height:{_SIZES["scene_height"]}">'
            f'<img src="data:image/svg+xml,{quote(picture)}" alt="Pixel (row {row}, column '
            f'{column}) is changed: {changes} of {self.changed().size} outputs change" '
            f'style="display:block;padding:0;width:{width}px;max-width:100%"></div>'
            f'<p style="flex:1 1 280px;margin:0;min-height:{_SIZES["names_height"]}">A game: one pixel of an '
            "image is changed, framed, and the filled outputs of a model change with it. Some of "
            f"its {len(self._hunted)} models have a bug. With JavaScript, or in a running "
            "notebook, you can change pixels and name the bugs.</p></div>"
            f'<div style="{ROW};margin-top:16px">{ROOM_FOR_CONTROLS}</div></div>'
        )


def _names(hunted) -> tuple[str, ...]:
    if not isinstance(hunted, list | tuple) or not 1 <= len(hunted) <= OFFERED:
        raise wrong("hunted", f"be 1 to {OFFERED} names of models", hunted)
    for name in hunted:
        if not isinstance(name, str) or name not in PLANTED_BUGS:
            raise wrong("hunted", f"hold names out of {list(PLANTED_BUGS)}", name)
    return tuple(hunted)


def _offered(hunted: tuple[str, ...]) -> list[str]:
    """The names to choose from: those of the hunted, and others so that there are always as many."""
    others = [name for name in PLANTED_BUGS if name not in hunted]
    chosen = {*hunted, *others[: OFFERED - len(set(hunted))]}
    return [name for name in PLANTED_BUGS if name in chosen]


def _measured(names: list[str], height: int, width: int) -> dict[str, np.ndarray]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the sums in one order
    try:
        return {name: responses(name, height, width) for name in names}
    finally:
        torch.set_num_threads(threads)


def _picture(changed: np.ndarray, position: int) -> tuple[str, int]:
    """The map (H, W) as SVG, and its width in px."""
    height, width = changed.shape
    side = int(min(_SIZES["map_width"] / width, _SIZES["map_height"] / height, 40))
    paths = {False: "", True: ""}
    for (row, column), changes in np.ndenumerate(changed):
        paths[bool(changes)] += f"M{column} {row}h1v1h-1z"
    row, column = divmod(position, width)
    edge = 2 / side
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="{-edge} {-edge} {width + 2 * edge} {height + 2 * edge}" '
        f'width="{width * side + 4}" height="{height * side + 4}" stroke="#59636f" '
        f'stroke-width=".05"><path fill="#fff" d="{paths[False]}"/>'
        f'<path fill="#0b6e99" d="{paths[True]}"/><path fill="none" stroke="#e8590c" '
        f'stroke-width=".15" d="M{column} {row}h1v1h-1z"/></svg>'
    ), width * side + 4
