"""Defaults of the command line are read from the functions it calls, never written twice."""

import inspect

import pytest

from pixeledu.cli import draw, export, prepare, train
from pixeledu.cli.parser import parser
from pixeledu.registry import build_model

# Words that are enough for a command, the function it calls, and which of the function's arguments
# are options. (Drawing takes a generator where the command line takes a seed.)
COMMANDS = {
    "train": (train.fit, {*train.OF_FIT, "device"}),
    "sample --pretrained x": (draw.sample, {"temperature", "labels", "guide"}),
    "complete --pretrained x": (draw.sample, {"temperature", "labels"}),
    "export --pretrained x": (export.export_model, {"dtype"}),
    "data prepare x --out y": (prepare.prepare_images, {"size", "levels"}),
}


def defaults_of(function):
    arguments = inspect.signature(function).parameters.items()
    return {name: it.default for name, it in arguments if it.default is not it.empty}


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_that_is_an_argument_has_its_default(words):
    function, expected = COMMANDS[words]
    options, defaults = vars(parser().parse_args(words.split())), defaults_of(function)
    shared = options.keys() & defaults.keys()
    assert shared == expected
    assert {name: options[name] for name in shared} == {name: defaults[name] for name in shared}


@pytest.mark.parametrize("words", COMMANDS)
def test_whoever_changes_a_default_changes_it_in_one_place(words, monkeypatch):
    function, shared = COMMANDS[words]
    changed = {name: (11, 12) if name == "size" else f"another {name}" for name in shared}
    changed.pop("device", None)  # None: the fastest there is, in every command
    for name, default in changed.items():
        if name in (function.__kwdefaults__ or {}):
            monkeypatch.setitem(function.__kwdefaults__, name, default)
        else:
            positional = inspect.signature(function).parameters
            place = [n for n, it in positional.items() if it.default is not it.empty].index(name)
            values = list(function.__defaults__)
            values[place] = default
            monkeypatch.setattr(function, "__defaults__", tuple(values))
    options = read_unchecked(words)
    assert {name: options[name] for name in changed} == changed


def read_unchecked(words):
    """The defaults as they stand in the parser, before their kind is checked."""
    whole, parts = parser(), words.split()
    for word in parts:
        actions = [a for a in whole._actions if isinstance(a.choices, dict) and word in a.choices]
        if actions:
            whole = actions[0].choices[word]
    return {action.dest: action.default for action in whole._actions}


def test_a_run_of_the_command_line_goes_on_in_python_with_the_defaults_alone(tmp_path):
    from pixeledu import cli, load_images

    words = ["train", "--hidden", "1", "--layers", "0", "--out", str(tmp_path / "run")]
    assert cli.main(words) == 0
    data = load_images("digits", "train"), load_images("digits", "valid")
    model = build_model("pixelcnn", levels=17, hidden=1, layers=0)
    history = train.fit(model, *data, folder=tmp_path / "run")
    assert len(history.records) == defaults_of(train.fit)["epochs"]


def test_grey_is_the_one_option_that_names_a_number_of_colours():
    assert defaults_of(prepare.prepare_images)["channels"] == 3
