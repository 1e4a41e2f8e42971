"""The commands for classes, guides, outputs and compression, as somebody would type them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pixeledu import cli, load_images, sample
from pixeledu.checkpoints import load_checkpoint, save_checkpoint
from pixeledu.models import PixelCNN
from pixeledu.png import as_rgb, from_grid, write_grid, write_png


@pytest.fixture(autouse=True)
def _somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(words):
    return cli.main(words.split())


def test_a_model_that_knows_classes_is_trained_measured_and_drawn_from(capsys, tmp_path):
    assert run("train --classes --hidden 2 --layers 0 --epochs 1 --dropout 0.1 --out run") == 0
    model = load_checkpoint("run")
    assert (model.classes, model.config["dropout"]) == (10, 0.1)
    assert run("evaluate --checkpoint run --classify") == 0
    assert "of 250 right by Bayes' rule" in capsys.readouterr().out
    assert run("sample --checkpoint run --labels 0123456789 --out ten.png") == 0
    assert run("sample --checkpoint run --class 7 --n 3 --out sevens.png") == 0
    assert run("complete --checkpoint run --n 2 --out own.png") == 0
    digits = load_images("digits", "test").labels[:2].tolist()
    assert (
        run(f"complete --checkpoint run --n 2 --labels {digits[0]}{digits[1]} --out same.png") == 0
    )
    assert Path("own.png").read_bytes() == Path("same.png").read_bytes()
    assert run("complete --checkpoint run --n 2 --class 11") == 2
    capsys.readouterr()
    for words, message in (
        ("sample --checkpoint run --class 10", "labels must be 0 to 9, got 10 to 10"),
        (
            "sample --checkpoint run --class 1 --labels 12",
            "--class and --labels cannot go together",
        ),
        ("train --classes --data binarized-x --out other", "binarized-x"),
    ):
        assert run(words) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("sample --checkpoint run --labels 0,x")
    assert "'0,x' is no list of classes such as 0123456789 or 3,11,11" in capsys.readouterr().err


def test_a_guide_and_another_output_are_options_of_training():
    words = "train --guide 2 --output logistics --hidden 2 --layers 0 --epochs 1 --out run"
    assert run(words) == 0
    model = load_checkpoint("run")
    assert (model.guide, model.config["output"]) == (2, "logistics")
    assert run("complete --checkpoint run --n 2 --completions 1") == 0


def guided(path: str, **options) -> None:
    save_checkpoint(path, PixelCNN(levels=3, hidden=2, layers=0, **options), size=(4, 8))


def test_images_are_drawn_from_smaller_ones_that_another_model_draws_first():
    guided("large", guide=2)
    guided("small")
    assert run("sample --checkpoint large --guide small --n 3 --seed 5 --out a.png") == 0
    noise = torch.Generator().manual_seed(5)
    small = sample(load_checkpoint("small"), 3, 2, 4, generator=noise)
    large = sample(load_checkpoint("large"), 3, 4, 8, guide=small, generator=noise)
    tiles = list(as_rgb(large, 3))
    write_png("b.png", [tiles[:2], tiles[2:]])
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    words = "sample --pretrained mnist28-multi-scale --guide mnist7-pixelcnn --n 1 --size 8x4"
    assert run(words) == 0


def test_both_models_of_a_scene_are_told_the_same_class(monkeypatch):
    guided("large", guide=2, classes=3)
    guided("small", classes=3)
    told = []
    draw = cli.draw.sample_in

    def note(*args, **options):
        told.append(options.get("labels"))
        return draw(*args, **options)

    monkeypatch.setattr(cli.draw, "sample_in", note)
    assert run("sample --checkpoint large --guide small --n 20") == 0
    assert run("sample --checkpoint large --guide small --class 2") == 0
    drawn, same, two, twos = told
    assert torch.equal(drawn, same)
    assert len(set(drawn.tolist())) > 1
    assert torch.equal(two, twos)
    assert set(two.tolist()) == {2}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--checkpoint large", "images 2 times smaller: name the model that draws these"),
        ("--checkpoint large --guide large", "--guide must be a model that draws from nothing"),
        ("--checkpoint large --guide other", "1 channels and 3 levels, as the model does"),
        ("--checkpoint small --guide small", "--guide has no use here"),
        ("--checkpoint large --guide nothing", "nothing"),
        ("--checkpoint large --guide small --size 3x8", "multiples of 2, got 3x8"),
    ],
)
def test_a_guide_that_does_not_fit_is_one_clear_line(words, message, capsys):
    guided("large", guide=2)
    guided("small")
    save_checkpoint("other", PixelCNN(levels=5, hidden=2, layers=0))
    assert run(f"sample {words}") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_an_image_set_is_compressed_and_comes_back_the_same_bits(capsys):
    save_checkpoint("model.safetensors", PixelCNN(levels=17, hidden=2, layers=0), data="digits")
    assert run("compress --checkpoint model.safetensors --n 12 --out some.pxc") == 0
    assert run("decompress some.pxc --checkpoint model.safetensors --out some.npy") == 0
    expected = load_images("digits", "test").images[:12]
    assert torch.equal(torch.from_numpy(np.load("some.npy")), expected)
    assert run("decompress some.pxc --checkpoint model.safetensors --out some.png") == 0
    png = "compress --checkpoint model.safetensors --png some.png --size 8x8 --out again.pxc"
    assert run(png) == 0
    with open("some.pxc", "rb") as one, open("again.pxc", "rb") as other:
        assert one.read() == other.read()
    capsys.readouterr()
    assert run(png.replace("8x8", "7x8")) == 2
    assert "must be filled with images of 7x8" in capsys.readouterr().err
    assert run("decompress some.png --checkpoint model.safetensors --out x.png") == 2
    assert "data is no file of `compress`" in capsys.readouterr().err
    Image.fromarray(np.full((8, 8), 3, np.uint8)).save("odd.png")
    assert run("compress --checkpoint model.safetensors --png odd.png --size 8x8") == 2
    assert "shades that are none of the model's 17 levels" in capsys.readouterr().err


@pytest.mark.parametrize("shape", [(6, 1, 3, 5), (7, 3, 2, 2), (1, 1, 1, 1)])
@pytest.mark.parametrize("levels", [2, 17, 256])
def test_a_grid_is_read_as_it_was_written(shape, levels, tmp_path):
    images = torch.randint(levels, shape, dtype=torch.uint8)
    write_grid(tmp_path / "grid.png", images, levels)
    with Image.open(tmp_path / "grid.png") as file:
        pixels = np.asarray(file)
    assert torch.equal(from_grid(pixels, levels, *shape[2:], "grid"), images)
