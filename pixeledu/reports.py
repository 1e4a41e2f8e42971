"""What the causality test has found: what leaks, what never arrives, and a map of both as text."""

import re
import textwrap
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor


class Offset(NamedTuple):
    """Where an input value lies, seen from the output value that it reaches or should reach.

    (-1, 2, 0, 0) is the pixel in the row above, two columns further right. `source` and `target`
    are the colours of the input and of the output.
    """

    row: int
    column: int
    source: int = 0
    target: int = 0


def is_past(offset: Offset) -> bool:
    """Tell whether an input value comes before the output value in the order of drawing."""
    # Row by row, then left to right, then colour by colour.
    return (offset.row, offset.column, offset.source) < (0, 0, offset.target)


@dataclass(frozen=True)
class CausalityReport:
    """What `check_causality` found; print it to see a map.

    Attributes:
        depends: bool, shape (C, H, W, C, H, W): whether the output at the last three places
            changed with the input at the first three.
        leaks: offsets at which a value reaches an output that comes at or before it.
        unseen: earlier offsets whose value never reaches an output, at any place of the image.
    """

    depends: Tensor
    leaks: frozenset[Offset]
    unseen: frozenset[Offset]

    @classmethod
    def of(cls, depends: Tensor) -> "CausalityReport":
        """Sort what was found into leaks and past offsets that arrive nowhere."""
        source, row, column, target, to_row, to_column = depends.nonzero().unbind(1)
        found = torch.stack([row - to_row, column - to_column, source, target], dim=1)  # (n, 4)
        seen = {Offset(*offset) for offset in found.unique(dim=0).tolist()}
        channels, height, width = depends.shape[:3]
        rows, columns, colours = range(1 - height, 1), range(1 - width, width), range(channels)
        every = (Offset(*offset) for offset in product(rows, columns, colours, colours))
        past = {offset for offset in every if is_past(offset)}
        return cls(depends, frozenset(seen - past), frozenset(past - seen))

    @property
    def causal(self) -> bool:
        """Whether nothing leaks. A blind model is causal too: look at `unseen` as well."""
        return not self.leaks

    @property
    def complete(self) -> bool:
        """Whether everything that comes before a value reaches it from somewhere in the image."""
        return not self.unseen

    def __str__(self) -> str:
        return causality_map(self)

    __repr__ = __str__


def causality_map(report: CausalityReport) -> str:
    """Draw a report of `check_causality` as a small map, with the nearest offsets by name."""
    channels, height, width = report.depends.shape[:3]
    verdict = "causal" if report.causal else f"NOT causal: {len(report.leaks)} offsets leak"
    coverage = "complete" if report.complete else f"{len(report.unseen)} offsets never arrive"
    down = max((offset.row for offset in report.leaks), default=0)
    across = range(max(1 - width, -_SHOWN), min(width, _SHOWN + 1))
    lines = [f"{verdict}; {coverage}"]
    for row in range(max(1 - height, -_SHOWN), min(down, _SHOWN) + 1):
        cells = [_cell(report, row, column, channels) for column in across]
        lines.append(f"  row {row:+d}  " + " ".join(cells).rstrip())
    if max(height, width) - 1 > _SHOWN:
        lines.append(f"  (cut: {_SHOWN} pixels on each side are shown)")
    lines.append("  ■ itself   ● arrives   ◐ some colours arrive   ○ never arrives   ✗ leaks")
    for name, offsets in (("leaks", report.leaks), ("never arrive", report.unseen)):
        if offsets:
            lines += _list(name, offsets, channels)
        outside = sum(max(abs(offset.row), abs(offset.column)) > _SHOWN for offset in offsets)
        if outside:
            lines.append(f"    ({outside} of these lie outside the map)")
    return "\n".join(lines)


_SHOWN = 6  # rows and columns on each side of the pixel that the map has room for
_LISTED = 8
_WIDTH = 76  # columns that a page has room for


def _cell(report, row: int, column: int, channels: int) -> str:
    pairs = [Offset(row, column, *pair) for pair in product(range(channels), repeat=2)]
    past = [offset for offset in pairs if is_past(offset)]
    arriving = [offset for offset in past if offset not in report.unseen]
    if any(offset in report.leaks for offset in pairs):
        return "✗"
    if (row, column) == (0, 0) and len(arriving) == len(past):
        return "■"
    if not past:
        return " "
    return "●" if len(arriving) == len(past) else "◐" if arriving else "○"


def _list(name: str, offsets: frozenset[Offset], channels: int) -> list[str]:
    """Name the nearest offsets, with their colours where there are several, in lines."""
    nearest = sorted(offsets, key=lambda o: (abs(o.row) + abs(o.column), o))[:_LISTED]
    names = "RGB" if channels == 3 else "0123456789"
    colours = "" if channels == 1 else " {}→{}"
    shown = [
        f"({o.row:+d}, {o.column:+d})"
        + colours.format(names[o.source % len(names)], names[o.target % len(names)])
        for o in nearest
    ]
    more = len(offsets) - len(shown)
    text = f"{name}: " + ", ".join(shown) + (f" and {more} more" if more else "")
    text = re.sub(r"(?<=\d,) (?=[+-])|(?<=\)) (?=\w→)", "_", text)  # none breaks inside an offset
    lines = textwrap.wrap(text, _WIDTH - 4, subsequent_indent="  ", break_on_hyphens=False)
    return [f"  {line}".replace("_", " ") for line in lines]
