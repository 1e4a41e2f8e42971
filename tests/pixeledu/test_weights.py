"""The weights that ship with the package are what they are said to be."""

import re
import shlex
from pathlib import Path

import nbformat
import pytest
import torch

import pixeledu
from pixeledu.checkpoints import read_info
from pixeledu.cli import main

ROOT = Path(pixeledu.__file__).parents[1]
WEIGHTS = Path(pixeledu.__file__).parent / "weights" / "pixelcnn-digits.safetensors"


def test_the_shipped_model_predicts_held_out_digits_as_well_as_its_file_says():
    model = pixeledu.load_checkpoint(WEIGHTS)
    measured = pixeledu.nats(model, pixeledu.load_images("digits", "valid").images).mean().item()
    assert measured == pytest.approx(read_info(WEIGHTS)["valid_nats"], abs=0.01)
    assert measured < 85


def test_the_shipped_model_is_small():
    assert WEIGHTS.stat().st_size < 50_000


def test_the_command_stated_in_the_chapter_builds_the_shipped_model_again(tmp_path):
    command = _stated_command()
    assert command[:3] == ["python", "-m", "pixeledu"]
    assert main([*command[3:], "--device", "cpu", "--out", str(tmp_path / "run")]) == 0

    rebuilt = tmp_path / "run" / "best.safetensors"
    shipped, again = read_info(WEIGHTS), read_info(rebuilt)
    assert again["config"] == shipped["config"]
    # Another processor rounds differently, and training amplifies it: not the same bits.
    assert again["valid_nats"] == pytest.approx(shipped["valid_nats"], abs=1.5)


def test_its_samples_do_not_depend_on_the_number_of_threads():
    model = pixeledu.load_checkpoint(WEIGHTS).double()  # as in the chapter

    def trace(threads: int) -> pixeledu.Trace:
        torch.set_num_threads(threads)
        return pixeledu.sample_trace(model, 8, 8, generator=torch.Generator().manual_seed(28))

    one, two = trace(1), trace(2)
    assert torch.equal(one.image, two.image)
    assert torch.equal(one.probabilities, two.probabilities)


def _stated_command() -> list[str]:
    chapter = nbformat.read(ROOT / "book" / "04_pixelcnn.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in chapter.cells if cell.cell_type == "markdown")
    (command,) = re.findall(r"^    (python -m pixeledu train (?:.*\\\n)*.*)$", text, re.MULTILINE)
    return shlex.split(command.replace("\\\n", " "))
