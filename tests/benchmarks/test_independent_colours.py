"""Independent colours: green and blue of a pixel depend on all pixels before it, and on no colour of it."""

import json
import sys
from pathlib import Path

import pytest
import torch

from pixeledu import GatedPixelCNN, PixelCNN, check_causality
from pixeledu.checkpoints import load_checkpoint

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import independent_colours
import publish

from pixeledu.cli import train
from pixeledu.cli.parser import parser


def seen_of_its_own_pixel(model) -> set[tuple[int, int]]:
    report = check_causality(model, 3, 5, 5, model.levels)
    assert report.causal
    missed = {(offset.source, offset.target) for offset in report.unseen if offset[:2] == (0, 0)}
    return {(0, 1), (0, 2), (1, 2)} - missed


def test_only_the_colours_of_the_pixel_itself_become_unseen():
    torch.manual_seed(0)
    model = GatedPixelCNN(channels=3, levels=4, hidden=24, layers=2)
    assert seen_of_its_own_pixel(model) == {(0, 1), (0, 2), (1, 2)}
    before = len(check_causality(model, 3, 5, 5, 4).unseen)
    independent_colours.independent(model)
    assert seen_of_its_own_pixel(model) == set()
    assert len(check_causality(model, 3, 5, 5, 4).unseen) == before + 3


def test_training_and_the_file_of_the_model_keep_the_colours_independent(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setattr(publish, "WEIGHTS", tmp_path)
    words = (
        "--model gated-pixelcnn --data emoji --levels 2 --hidden 3 --layers 0 --classes --epochs 1"
    )
    words = [*words.split(), "--batch-size", "512", "--mirror", "--out", str(tmp_path / "run")]
    options = parser().parse_args(["train", *words])
    train.run(options, independent_colours.build, script="benchmarks/independent_colours.py")
    model = load_checkpoint(tmp_path / "run")
    assert model.first.horizontal.mask[..., 3].any()  # the ordinary mask: the weights are zero
    assert seen_of_its_own_pixel(model) == set()
    monkeypatch.setattr(sys, "argv", ["publish.py", str(tmp_path / "run"), "tiny"])
    publish.main()
    command = json.loads((tmp_path / "tiny.json").read_text())["command"].split()
    assert command[:2] == ["python", "benchmarks/independent_colours.py"]
    again = parser().parse_args(["train", *command[2:]])
    assert (again.classes, again.mirror, again.levels) == (True, True, 2)


def test_another_kind_of_model_is_refused():
    with pytest.raises(ValueError, match="gated-pixelcnn"):
        independent_colours.independent(PixelCNN(channels=3, hidden=3, layers=0))
