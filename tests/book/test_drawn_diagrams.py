"""A chapter that builds a network draws it once, before it takes it apart."""

from pathlib import Path

import nbformat
import pytest

BOOK = Path(__file__).parents[2] / "book"
DRAWN = {
    "04_pixelcnn": ["the network", "the residual block"],
    "05_row_lstm": ["the Row LSTM"],
    "06_diagonal_bilstm": ["the Diagonal BiLSTM"],
    "08_gated_pixelcnn": ["the gated block"],
}


@pytest.mark.parametrize("chapter", DRAWN)
def test_a_diagram_stands_in_the_first_third_and_is_read_below(chapter):
    cells = nbformat.read(BOOK / f"{chapter}.ipynb", as_version=4).cells
    lengths = [len(cell.source) for cell in cells]
    found = []
    for place, cell in enumerate(cells):
        for output in cell.get("outputs", []):
            text = output.get("data", {}).get("text/plain", "")
            if text.startswith("Diagram("):
                found.append(text[len("Diagram(") : -1])
                assert 'role="img"' in output.data["text/html"]
                assert sum(lengths[:place]) < sum(lengths) / 3
                assert cells[place + 1].cell_type == "markdown"
    assert found == DRAWN[chapter]
