"""What chapter 8 says of other people's runs is what the benchmark has written down."""

import json
import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
IN_CHAPTER = {
    "PixelCNN": "PixelCNN, wider",
    "5×5 windows": "PixelCNN, 5×5 windows",
    "two stacks, ReLU, as it starts": "two stacks, ReLU",
    "two stacks, ReLU, larger": "two stacks, ReLU, started larger",
    "gated, as it starts": "Gated PixelCNN",
    "gated, larger": "Gated PixelCNN, started larger",
}


def test_the_table_of_seeds_in_the_chapter_is_that_of_the_benchmark():
    results = json.loads((ROOT / "pixeledu" / "measured" / "digits_seeds.json").read_text())
    measured = {row["model"]: row for row in results["rows"]}
    notebook = nbformat.read(ROOT / "book" / "08_gated_pixelcnn.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.id == "seeds"]
    lines = [re.split(" {2,}", line) for line in cell.outputs[0].text.splitlines()]
    for title, name in IN_CHAPTER.items():
        row = measured[name]
        nats = (f"{row[key]:.1f}" for key in ("lowest", "median", "highest"))
        assert [title, str(row["weights"]), *nats] in lines


def test_the_worst_network_with_relus_is_better_than_the_best_with_gates():
    results = json.loads((ROOT / "pixeledu" / "measured" / "digits_seeds.json").read_text())
    measured = {row["model"]: row for row in results["rows"]}
    relu, gated = (
        measured[IN_CHAPTER[f"{name}, larger"]] for name in ("two stacks, ReLU", "gated")
    )
    assert relu["highest"] < gated["lowest"]
