"""The benchmark of drawing in a page runs, and compares with the same models."""

import sys
from pathlib import Path

import pytest
import torch

from pixeledu import build_model

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import browser_sampling


def test_a_model_is_timed_in_a_page(browser):
    row = browser_sampling.drawn(browser, "mnist16-gated-pixelcnn", pictures=3)
    assert row["bytes"] < 100_000
    assert 0 < row["picture ms"] <= row["slowest ms"]
    assert row["load ms"] > 0


@pytest.mark.thorough
def test_what_the_exporter_unrolls_is_the_model_that_draws():
    for kind in ("row-lstm", "diagonal-bilstm"):
        model = build_model(kind, channels=1, levels=3, hidden=4, layers=2)
        images = torch.randint(3, (2, 2, 1, 5, 7))
        found = browser_sampling.unrolled(model, images[0])
        with torch.no_grad():
            torch.testing.assert_close(found(images[1]), model(images[1]))
