"""The transformer that chapter 15 builds in cells is the one that its benchmark trains."""

import sys
from pathlib import Path

import nbformat
import torch
import torch.nn.functional as F
from torch import nn

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))
import transformer  # noqa: E402


def built_in_the_chapter() -> dict:
    """The classes of the chapter's cells, by name."""
    notebook = nbformat.read(ROOT / "book" / "15_what_came_after.ipynb", as_version=4)
    sources = {cell.id: cell.source for cell in notebook.cells}
    names = {"torch": torch, "nn": nn, "F": F}
    for cell in ("attention", "block", "model"):
        exec(sources[cell], names)
    return names


def test_the_benchmark_trains_the_network_of_the_chapter():
    theirs = transformer.MODELS["transformer"]().double()
    mine = built_in_the_chapter()["PixelTransformer"](features=34, heads=2, layers=2).double()
    mine.load_state_dict(theirs.state_dict())
    images = torch.randint(17, (3, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(mine(images), theirs(images), atol=1e-12, rtol=0)
