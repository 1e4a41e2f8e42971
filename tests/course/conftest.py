"""Settings for the tests of the course."""

import sys
from pathlib import Path

import pytest
import torch

# What only authors of the book need, such as `exercise_source`.
sys.path.append(str(Path(__file__).parents[2] / "book" / "tools"))


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
