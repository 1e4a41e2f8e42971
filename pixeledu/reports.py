"""Reports as text: what the causality test has found, drawn as a map."""

import re
import textwrap
from itertools import product

from pixeledu.masks import Offset, is_past


def causality_map(report) -> str:
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
