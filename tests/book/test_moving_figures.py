"""Every chapter has a figure that moves, and each of them answers a question."""

import re
from pathlib import Path

import nbformat
import pytest

BOOK = Path(__file__).parents[2] / "book"
CHAPTERS = sorted(BOOK.glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_a_figure_that_moves_and_a_question_that_it_answers(path):
    cells = nbformat.read(path, as_version=4).cells
    moving = [
        place
        for place, cell in enumerate(cells)
        for output in cell.get("outputs", [])
        if "<pixeledu-widget" in str(output.get("data", {}).get("text/html", ""))
    ]
    assert min(moving) <= 9  # on the first screen or two
    for place in moving:
        near = cells[max(0, place - 1) : place + 6]
        text = "\n".join(cell.source for cell in near if cell.cell_type == "markdown")
        assert re.search(r"\*\*(Predict|Question)", text), cells[place].source
        assert "<summary>Answer</summary>" in text, cells[place].source
