"""A drawing of boxes, arrows and signs as SVG."""

from html import escape

WIDTH = 360  # px at which text has its own size: the column of a phone
MASKED, OPEN = "#4c78a8", "#f58518"  # light tints of both are read on white and on black


class Diagram:
    """A drawing as inline SVG: lines and text have the colour of the text around it.

    Args:
        says: in words, what it shows, for readers who do not see it.
        height: px, of a drawing 360 px wide.
    """

    def __init__(self, says: str, height: float):
        self.says, self.height = says, height
        self._parts: list[str] = []

    def svg(self) -> str:
        """The drawing, ready to stand in a page."""
        return (
            f'<svg viewBox="0 0 {WIDTH} {self.height:g}" role="img" aria-label="{escape(self.says)}"'
            ' style="display:block;width:100%;max-width:430px;height:auto" fill="none"'
            ' stroke="currentColor" font-family="sans-serif" font-size="13" text-anchor="middle">'
            + "".join(self._parts)
            + "</svg>"
        )

    def _repr_mimebundle_(self, **kwargs) -> dict[str, str]:
        return {"text/html": self.svg(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"Diagram({self.says.partition(':')[0]})"

    def text(self, x: float, y: float, words: str, anchor: str = "middle") -> None:
        """Write words on the base line `y`."""
        place = "" if anchor == "middle" else f' text-anchor="{anchor}"'
        self._parts.append(
            f'<text x="{x:g}" y="{y:g}"{place} fill="currentColor" stroke="none">'
            f"{escape(words, quote=False)}</text>"
        )

    def box(self, x: float, y: float, width: float, *lines: str, tint: str | None = None) -> float:
        """Draw a box around lines of text, its upper edge centred at (x, y); returns its lower edge."""
        height = 10 + 17 * len(lines)
        fill = f' fill="{tint}" fill-opacity=".25"' if tint else ""
        self._parts.append(
            f'<rect x="{x - width / 2:g}" y="{y:g}" width="{width:g}" height="{height}" rx="5"{fill}/>'
        )
        for i, line in enumerate(lines):
            self.text(x, y + 18 + 17 * i, line)
        return y + height

    def arrow(self, *points: tuple[float, float]) -> None:
        """Draw a line through points that ends in a head."""
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
        (x, y), (to_x, to_y) = points[-2:]
        across, down = (to_x > x) - (to_x < x), (to_y > y) - (to_y < y)
        dx, dy = 6 * across, 6 * down
        head = f"M{to_x:g} {to_y:g}l{-dx - dy / 2:g} {-dy - dx / 2:g}l{dy:g} {dx:g}z"
        self._parts.append(f'<path d="{path}"/><path d="{head}" fill="currentColor"/>')

    def sign(self, x: float, y: float, sign: str) -> None:
        """Draw a sum or a product: a sign in a circle around (x, y)."""
        self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="9"/>')
        self.text(x, y + 4.5, sign)

    def frame(self, x: float, y: float, width: float, height: float) -> None:
        """Draw a dashed frame around a part that is repeated."""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" stroke-dasharray="5 4"/>'
        )

    def cells(
        self, x: float, y: float, shape: tuple[int, int], seen: set, pixel: tuple[int, int]
    ) -> None:
        """Draw a grid of cells of 12 px from (x, y) with the cells that are seen, and one framed."""
        rows, columns = shape
        across = "".join(f"M{x:g} {y + 12 * row:g}h{12 * columns}" for row in range(rows + 1))
        down = "".join(f"M{x + 12 * c:g} {y:g}v{12 * rows}" for c in range(columns + 1))
        filled = "".join(f"M{x + 12 * c:g} {y + 12 * r:g}h12v12h-12z" for r, c in sorted(seen))
        framed = f"M{x + 12 * pixel[1]:g} {y + 12 * pixel[0]:g}h12v12h-12z"
        self._parts.append(
            f'<path d="{filled}" fill="{MASKED}" stroke="none"/>'
            f'<path d="{across}{down}" stroke-opacity=".4"/>'
            f'<path d="{framed}" stroke="{OPEN}" stroke-width="3"/>'
        )
