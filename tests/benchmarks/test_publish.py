"""A run becomes a model that ships, and its card says how to make it again."""

import json
import shlex
import sys
from pathlib import Path

import torch

from pixeledu import cli
from pixeledu.checkpoints import load_checkpoint
from pixeledu.cli.parser import parser

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import publish


def test_the_card_of_a_model_says_what_it_was_started_from_and_in_which_precision(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(publish, "WEIGHTS", tmp_path / "weights")
    small = ["train", "--hidden", "2", "--layers", "0", "--epochs", "1", "--batch-size", "1297"]
    assert cli.main([*small, "--out", "first"]) == 0
    start = ["--start", "first", "--precision", "bfloat16", "--ema", "0.99"]
    assert cli.main([*small, *start, "--out", "second"]) == 0
    monkeypatch.setattr(sys, "argv", ["publish.py", "second", "digits-tiny", "--machine", "mine"])
    publish.main()
    card = json.loads((tmp_path / "weights" / "digits-tiny.json").read_text())
    assert card["start"] == "first"
    assert card["settings"]["precision"] == "bfloat16"
    options = parser().parse_args(shlex.split(card["command"])[3:])
    assert (options.start, options.precision, options.ema) == ("first", "bfloat16", 0.99)
    assert (options.epochs, options.batch_size, options.hidden) == (1, 1297, 2)
    shipped = load_checkpoint(tmp_path / "weights" / "digits-tiny.safetensors")
    kept = load_checkpoint("second")
    assert all(map(torch.equal, shipped.state_dict().values(), kept.state_dict().values()))
    capsys.readouterr()
