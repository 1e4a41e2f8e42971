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
from pixeledu.cli.loading import labels_for, load_split
from pixeledu.cli.parser import parser
from pixeledu.training.folder import sha256_of

ROOT = Path(pixeledu.__file__).parents[1]
WEIGHTS = Path(pixeledu.__file__).parent / "weights" / "digits-pixelcnn.safetensors"


every_model = pytest.mark.parametrize("name", pixeledu.list_pretrained())


def data_of(card: dict, split: str, name: str | None = None) -> pixeledu.data.ImageData:
    """The images of a split as the model of the card reads them, of its set or of another one."""
    name = name or card["data"]["name"]
    return load_split(name, split, card["config"]["levels"], card["data"].get("smaller"))


def test_every_shipped_model_has_its_weights_and_its_card():
    names = pixeledu.list_pretrained()
    kinds = ("pixelcnn", "row-lstm", "diagonal-bilstm", "gated-pixelcnn")
    sets = ("digits", "mnist16", "binarized-mnist")
    assert {f"{data}-{kind}" for data in sets for kind in kinds} <= set(names)
    assert names == sorted(path.stem for path in WEIGHTS.parent.glob("*.safetensors"))


@every_model
def test_a_shipped_model_is_the_one_on_its_card(name):
    card = pixeledu.pretrained_card(name)
    model = pixeledu.load_pretrained(name)
    assert card["name"] == name
    assert name == name_of(card, name.partition(card["config"]["model"])[2])
    assert model.config == card["config"]
    assert not model.training
    assert card["weights"] == sum(weight.numel() for weight in model.parameters())


def name_of(card: dict, ending: str) -> str:
    """The name that a model must have: its data, its kind, and what sets it apart."""
    # One layer; after its first epochs; colours that know nothing of each other.
    assert ending in ("", "-1", "-early", "-independent")
    data, config = card["data"], card["config"]
    if data["name"] != "mnist":
        return f"{data['name']}-{config['model']}{ending}"
    if "smaller" in data:  # the start of the model of several scales
        return f"mnist{28 // data['smaller']}-{config['model']}{ending}"
    if "guide" in config:
        return f"mnist28-multi-scale{ending}"
    # 256 levels are too many for a page: the number says how many are left.
    classes = "-class" if "classes" in config else ""
    return f"mnist{config['levels']}{classes}-{config['model']}{ending}"


@every_model
def test_a_shipped_model_predicts_a_few_images_as_its_card_says(name):
    card = pixeledu.pretrained_card(name)
    check, model = card["check"], pixeledu.load_pretrained(name)
    images = data_of(card, "test", check["data"]).images[: check["images"]]
    assert pixeledu.nats(model, images).mean().item() == pytest.approx(check["mean"], abs=1e-3)


def on_every_machine(name: str) -> bool:
    return pixeledu.pretrained_card(name)["data"]["name"] in BUNDLED


BUNDLED = ("digits", "mnist-5k", "patches", "emoji")


@pytest.mark.parametrize("name", list(filter(on_every_machine, pixeledu.list_pretrained())))
def test_the_nats_of_a_card_are_those_of_the_images_it_names(name):
    card = pixeledu.pretrained_card(name)
    model = pixeledu.load_pretrained(name)
    for split, stated in card["nats"].items():
        data = data_of(card, split)
        assert sha256_of(data.images) == card["data"]["sha256"][split]
        values = pixeledu.nats(model, data.images, labels_for(model, data))
        assert values.mean().item() == pytest.approx(stated["mean"], abs=1e-3)
        error = values.std().item() / len(values) ** 0.5
        assert error == pytest.approx(stated["standard_error"], abs=1e-3)


@every_model
def test_the_command_of_a_card_is_one_of_the_command_line(name):
    card = pixeledu.pretrained_card(name)
    words = shlex.split(card["command"])
    script = words[1].endswith(".py")
    assert (ROOT / words[1]).exists() if script else words[:4] == ["python", "-m", *PROGRAM]
    options = parser().parse_args(["train", *words[2 if script else 4 :]])
    assert (options.model, options.data) == (card["config"]["model"], card["data"]["name"])
    assert options.hidden == card["config"]["hidden"]


PROGRAM = ["pixeledu", "train"]


def test_all_weights_together_are_small():
    assert sum(path.stat().st_size for path in WEIGHTS.parent.iterdir()) < 15_000_000


def test_an_unknown_name_is_refused_and_a_near_one_is_suggested():
    with pytest.raises(
        ValueError, match=r"name must be one of binarized-mnist-.*did you mean 'digits-row-l"
    ):
        pixeledu.load_pretrained("digits-rowlstm")
    with pytest.raises(ValueError, match="got None"):
        pixeledu.pretrained_card(None)


def test_shipped_models_are_used_by_name_on_the_command_line(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["pretrained"]) == 0
    listed = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert list(listed) == pixeledu.list_pretrained()
    for name in ("digits-row-lstm", "digits-diagonal-bilstm"):
        assert main(["evaluate", "--pretrained", name, "--device", "cpu"]) == 0
        assert capsys.readouterr().out == f"test: {listed[name]}\n"
        assert main(["sample", "--pretrained", name, "--n", "2", "--out", f"{name}.png"]) == 0
        assert main(["complete", "--pretrained", name, "--n", "1"]) == 0
        assert (tmp_path / f"{name}.png").exists()
        capsys.readouterr()
    assert main(["evaluate", "--pretrained", "digits"]) == 2
    assert "name must be one of" in capsys.readouterr().err


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
