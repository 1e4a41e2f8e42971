"""The command line: what it prints, what it writes, and how it says that something is wrong."""

import errno
import functools
import json
import math
import os
import re
import resource
import signal
import subprocess
import sys

import pytest
import torch
from matplotlib.image import imread

from pixeledu import PixelCNN, cli, complete, nats, sample
from pixeledu.checkpoints import BEST, LAST, load_checkpoint, save_checkpoint
from pixeledu.cli import draw, train
from pixeledu.cli.parser import parser
from pixeledu.data import DATASETS, load_images
from pixeledu.files import LOCK
from pixeledu.png import UNKNOWN, as_rgb
from pixeledu.training.folder import METRICS

SMALL = ["train", "--hidden", "2", "--layers", "0", "--epochs", "1", "--batch-size", "64"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run on digits, made by the command line."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torch.utils.tensorboard", None)
        assert cli.main([*SMALL, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own_without_tensorboard(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)


def results(capsys):
    """What was printed on stdout, as a dict."""
    out, err = capsys.readouterr()
    assert err == ""
    return dict(line.split(": ", 1) for line in out.splitlines())


def tiles_of(path, rows, columns, height, width):
    """Take the tiles out of a PNG again, as bytes (rows, columns, H, W, 3)."""
    picture = torch.from_numpy(imread(path)[..., :3].copy()).mul(255).round().to(torch.uint8)
    zoom = max(1, 112 // max(height, width))
    gap = max(2, zoom // 2)
    assert picture.shape[:2] == (
        rows * (height * zoom + gap) + gap,
        columns * (width * zoom + gap) + gap,
    )
    picture = picture[gap:, gap:].unflatten(0, (rows, -1)).unflatten(2, (columns, -1))
    tiles = picture[:, : height * zoom, :, : width * zoom]  # (rows, H·zoom, columns, W·zoom, 3)
    tiles = tiles.unflatten(1, (height, zoom)).unflatten(4, (width, zoom))
    assert (tiles == tiles[:, :, :1, :, :, :1]).all(), "a pixel is not one square"
    return tiles[:, :, 0, :, :, 0].transpose(1, 2)


# --- What the commands do


def test_train_says_how_good_the_model_is_and_saves_it(capsys, tmp_path):
    assert cli.main([*SMALL, "--seed", "3"]) == 0
    printed = results(capsys)
    folder = tmp_path / "runs" / "pixelcnn-digits"
    assert printed["saved"] == str(folder.relative_to(tmp_path) / BEST)
    model = load_checkpoint(folder)
    for split in ("valid", "test"):
        images = load_images("digits", split).images
        values = nats(model, images)
        error = values.std() / math.sqrt(len(values))
        bits = values.mean() / (64 * math.log(2))
        assert printed[split] == (
            f"{values.mean():.2f} nats (standard error {error:.2f}), {bits:.4f} bits/dim, "
            f"{len(images)} images"
        )
    assert printed["weights"] == str(sum(weight.numel() for weight in model.parameters()))
    assert printed["epochs"].startswith("1 (best: 1)")
    assert sorted(path.name for path in folder.iterdir()) == [LOCK, BEST, LAST, METRICS]


@pytest.mark.parametrize("name", ["row-lstm", "diagonal-bilstm", "mnist-diagonal-bilstm-7"])
def test_the_recurrent_models_pass_through_all_commands(name, capsys, tmp_path):
    small = ["--hidden", "2", "--layers", "1", "--epochs", "1", "--batch-size", "256"]
    assert cli.main(["train", "--model", name, *small, "--out", "run"]) == 0
    trained = results(capsys)
    assert load_checkpoint("run").config["model"] in name
    assert cli.main(["evaluate", "--checkpoint", "run"]) == 0
    assert results(capsys) == {"test": trained["test"]}
    assert cli.main(["sample", "--checkpoint", "run", "--n", "4"]) == 0
    assert cli.main(["complete", "--checkpoint", "run", "--n", "2"]) == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"samples.png", "completed.png"}


def test_the_same_seed_trains_the_same_model_and_another_does_not():
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert cli.main([*SMALL, "--seed", seed, "--out", name]) == 0
    weights = [list(load_checkpoint(name).parameters()) for name in "abc"]
    assert all(map(torch.equal, weights[0], weights[1]))
    assert not all(map(torch.equal, weights[0], weights[2]))


def test_train_again_goes_on_and_says_so(run, capsys):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    assert cli.main([*SMALL, "--out", str(run)]) == 0
    assert results(capsys)["epochs"].endswith(" s, resumed at step 21")
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_train_reduces_the_levels_and_evaluate_does_the_same(capsys):
    assert cli.main([*SMALL, "--levels", "4", "--out", "four"]) == 0
    trained = results(capsys)
    assert load_checkpoint("four").levels == 4
    assert cli.main(["evaluate", "--checkpoint", "four"]) == 0
    assert results(capsys) == {"test": trained["test"]}


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_evaluate_measures_the_split_that_was_asked_for(run, capsys, split):
    assert cli.main(["evaluate", "--checkpoint", str(run / BEST), "--split", split]) == 0
    images = load_images("digits", split).images
    mean = nats(load_checkpoint(run), images).mean()
    assert results(capsys)[split].startswith(f"{mean:.2f} nats")


@pytest.mark.parametrize(("n", "rows", "columns"), [(1, 1, 1), (5, 2, 3), (16, 4, 4)])
def test_sample_draws_what_the_package_draws(run, capsys, n, rows, columns):
    arguments = ["--n", str(n), "--seed", "3", "--temperature", "0.7", "--out", "a/s.png"]
    assert cli.main(["sample", "--checkpoint", str(run), *arguments]) == 0
    assert results(capsys) == {"saved": "a/s.png"}
    generator = torch.Generator().manual_seed(3)
    model = load_checkpoint(run)
    images = sample(model, n, 8, 8, temperature=0.7, generator=generator)
    tiles = tiles_of("a/s.png", rows, columns, 8, 8).flatten(0, 1)
    expected = (images.double() * 255 / 16).round().to(torch.uint8)  # (n, 1, 8, 8)
    assert torch.equal(tiles[:n], expected[:, 0, :, :, None].expand(-1, -1, -1, 3))
    assert (tiles[n:] == 255).all()


def test_sample_takes_another_size_and_overwrites_its_picture(run):
    for size in ((3, 20), (130, 2)):
        words = ["--size", "{}x{}".format(*size), "--n", "2"]
        assert cli.main(["sample", "--checkpoint", str(run), *words]) == 0
        tiles_of("samples.png", 1, 2, *size)


@pytest.mark.parametrize("half", ["top", "bottom", "left", "right"])
def test_complete_shows_the_image_what_is_kept_and_the_completions(run, half):
    words = ["--n", "3", "--completions", "2", "--keep", half, "--split", "valid"]
    assert cli.main(["complete", "--checkpoint", str(run), *words]) == 0
    tiles = tiles_of("completed.png", 3, 4, 8, 8)
    images = load_images("digits", "valid").images[:3]
    known = torch.zeros(8, 8, dtype=torch.bool)
    known[{"top": slice(4), "bottom": slice(4, 8)}.get(half, slice(8))] = True
    known[:, {"left": slice(4, 8), "right": slice(4)}.get(half, slice(0))] = False
    assert known.sum() == 32
    assert torch.equal(tiles[:, 0], torch.from_numpy(as_rgb(images, 17)))
    assert torch.equal(tiles[:, 1][:, known], tiles[:, 0][:, known])
    assert (tiles[:, 1][:, ~known] == torch.tensor(UNKNOWN, dtype=torch.uint8)).all()
    generator, model = torch.Generator().manual_seed(0), load_checkpoint(run)
    for column in (2, 3):
        drawn = complete(model, images, known, generator=generator)
        assert torch.equal(tiles[:, column], torch.from_numpy(as_rgb(drawn, 17)))
        assert torch.equal(tiles[:, column][:, known], tiles[:, 0][:, known])


def test_pictures_of_a_model_with_colours_have_colours():
    torch.manual_seed(0)
    model = PixelCNN(channels=3, levels=4, hidden=3, layers=0)
    save_checkpoint("c.safetensors", model, size=[4, 6])
    assert cli.main(["sample", "--checkpoint", "c.safetensors", "--n", "4"]) == 0
    images = sample(model.eval(), 4, 4, 6, generator=torch.Generator().manual_seed(0))
    expected = (images.double() * 255 / 3).round().to(torch.uint8).permute(0, 2, 3, 1)
    assert torch.equal(tiles_of("samples.png", 2, 2, 4, 6).flatten(0, 1), expected)


# --- Errors: one line, exit code 2, never a traceback


def error_of(capsys, arguments):
    """Run a command that must fail and return the one line it says."""
    try:
        code = cli.main(arguments)
    except SystemExit as stopped:  # argparse
        code = stopped.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("pixeledu: error: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    return err


WRONG = {
    "no command": ([], "the following arguments are required: COMMAND"),
    "unknown command": (["trian"], "trian"),
    "unknown option": (["train", "--epoch-count", "3"], "--epoch-count"),
    "no number": (["train", "--epochs", "many"], "argument --epochs: invalid int value: 'many'"),
    "unknown data": (["train", "--data", "digit"], "'digit'; did you mean 'digits'"),
    "unknown model": (["train", "--model", "pixelcmm"], "must be one of: pixelcnn"),
    "no epochs": (["train", "--epochs", "0"], "epochs must be a whole number of at least 1"),
    "too many levels": (["train", "--levels", "300"], "levels must be at most 17"),
    "no level": (["train", "--levels", "1"], "levels must be a whole number of at least 2"),
    "no hidden": (["train", "--hidden", "0"], "hidden must be a whole number"),
    "no rate": (["train", "--learning-rate", "nan"], "learning_rate must be a number above 0"),
    "no device": (["train", "--device", "gpu"], "device gpu cannot be used"),
    "a file in the way": (["train", "--out", "file"], "file could not be written"),
    "no checkpoint": (["evaluate", "--checkpoint", "nowhere"], "there is no checkpoint at nowhere"),
    "an empty folder": (["sample", "--checkpoint", "."], f"there is no checkpoint at {BEST}"),
    "a foreign file": (["sample", "--checkpoint", "file"], "file is damaged"),
    "checkpoint left out": (
        ["sample"],
        "one of the arguments --checkpoint --pretrained is required",
    ),
    "unknown split": (["evaluate", "--checkpoint", "RUN", "--split", "all"], "split must be one"),
    "other colours": (["evaluate", "--checkpoint", "RUN", "--data", "patches"], "(B, 1, H, W)"),
    "fewer levels": (["evaluate", "--checkpoint", "RUN", "--data", "bits"], "'bits'"),
    "no samples": (["sample", "--checkpoint", "RUN", "--n", "0"], "--n: '0' is no whole number"),
    "no size": (["sample", "--checkpoint", "RUN", "--size", "8"], "'8' is no size such as 28x28"),
    "size 0": (["sample", "--checkpoint", "RUN", "--size", "8x0"], "'8x0' is no size"),
    "temperature 0": (["sample", "--checkpoint", "RUN", "--temperature", "0"], "temperature must"),
    "no png": (["sample", "--checkpoint", "RUN", "--out", "s.jpg"], "does not end in .png"),
    "below a file": (["sample", "--checkpoint", "RUN", "--out", "file/s.png"], "could not be writ"),
    "unknown half": (["complete", "--checkpoint", "RUN", "--keep", "middle"], "--keep"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_written(kind, run, capsys, tmp_path):
    arguments, message = WRONG[kind]
    (tmp_path / "file").write_bytes(b"not a checkpoint")
    line = error_of(capsys, [word.replace("RUN", str(run)) for word in arguments])
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_another_run_in_the_folder_is_not_overwritten(run, capsys):
    line = error_of(capsys, [*SMALL, "--seed", "9", "--out", str(run)])
    assert "seed was 0 and is now 9" in line
    assert "Choose another folder" in line


def test_a_model_in_the_place_of_a_run_is_not_overwritten(capsys, tmp_path):
    save_checkpoint(tmp_path / "run" / LAST, PixelCNN(hidden=1, layers=0))
    assert f"{LAST} is a model alone" in error_of(capsys, [*SMALL, "--out", "run"])


def test_a_checkpoint_that_names_no_size_and_no_data_asks_for_them(capsys):
    save_checkpoint("plain.safetensors", PixelCNN(hidden=1, layers=0))
    line = error_of(capsys, ["sample", "--checkpoint", "plain.safetensors"])
    assert "names no image size: pass --size" in line
    line = error_of(capsys, ["complete", "--checkpoint", "plain.safetensors"])
    assert "names no image set: pass --data" in line
    words = ["--checkpoint", "plain.safetensors", "--data", "digits", "--n", "1"]
    assert cli.main(["complete", *words]) == 0


ERRORS = {
    "RuntimeError": (RuntimeError("CUDA error:\n  device-side assert"), "CUDA error: device-side"),
    "OutOfMemoryError": (torch.OutOfMemoryError("80 GiB"), "out of memory: 80 GiB; use a smaller"),
    "MemoryError": (MemoryError(), "out of memory: ; use a smaller --batch-size"),
    "FloatingPointError": (FloatingPointError("the loss became NaN"), "the loss became NaN"),
    "OSError": (OSError(errno.ENOSPC, "No space left", "x.png"), "error: No space left: x.png"),
    "ImportError": (ImportError("no module named sklearn"), "no module named sklearn"),
    "no message": (RuntimeError(), "error: RuntimeError"),
    "endless message": (RuntimeError("word " * 10_000), "..."),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_whatever_fails_while_training_is_said_in_one_line(kind, capsys, monkeypatch):
    error, message = ERRORS[kind]

    @functools.wraps(train.fit)
    def failing(*_, **__):
        raise error

    monkeypatch.setattr(train, "fit", failing)
    line = error_of(capsys, ["train"])
    assert message in line
    assert len(line) < 700


def test_ctrl_c_says_how_to_go_on(capsys, monkeypatch):
    @functools.wraps(train.fit)
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "fit", interrupted)
    assert cli.main(["train"]) == 130
    assert capsys.readouterr() == (
        "",
        "\npixeledu: stopped; the same command goes on from the last checkpoint\n",
    )
    monkeypatch.setattr(draw, "load_checkpoint", interrupted)
    assert cli.main(["sample", "--checkpoint", "x"]) == 130
    assert capsys.readouterr() == ("", "\npixeledu: stopped\n")


def test_a_full_disk_keeps_the_old_picture(run, capsys, tmp_path):
    (tmp_path / "samples.png").write_bytes(b"old")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, old[1]))
    try:
        line = error_of(capsys, ["sample", "--checkpoint", str(run)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert "samples.png could not be written: File too large" in line
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


# --- Help


@pytest.mark.parametrize("command", ["train", "evaluate", "sample", "complete"])
def test_every_command_explains_itself_with_examples_that_work(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    examples = re.findall(r"^  pixeledu (.+)$", text, re.MULTILINE)
    assert examples
    for example in examples:
        assert example.split()[0] == command
        parser().parse_args(example.split())
    if command != "sample":
        assert all(name in text for name in DATASETS)


def test_help_names_all_commands(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert all(command in text for command in ("train", "evaluate", "sample", "complete"))


# --- As real processes


# The command line, in a process that sends itself a signal after the fifth checkpoint.
STOPPED = """
import os, sys
from pixeledu import cli
from pixeledu.training.folder import RunFolder
save, left = RunFolder.save, iter(range(5, 0, -1))
def stopped(folder, run):
    save(folder, run)
    if next(left) == 1:
        os.kill(os.getpid(), int(sys.argv[1]))
RunFolder.save = stopped
sys.exit(cli.main(sys.argv[2:]))
"""


def process(*arguments, program=("-m", "pixeledu"), **options):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *program, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        # Tests that run in the background have inherited that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options,
    )  # fmt: skip


@pytest.mark.thorough
def test_interrupted_and_killed_the_same_command_ends_with_the_same_bits(tmp_path, capsys):
    words = [*SMALL[:-4], "--epochs", "4", "--batch-size", "8", "--checkpoint-every", "5"]
    assert cli.main([*words, "--out", "whole"]) == 0
    said = capsys.readouterr().out
    for number in (signal.SIGINT, signal.SIGKILL):  # each time it goes on a little
        broken = process(*words, "--out", "broken", program=("-c", STOPPED, str(int(number))))
        out, err = broken.communicate()
        assert out == ""
        if number == signal.SIGINT:
            assert broken.returncode == 130
            assert err == "\npixeledu: stopped; the same command goes on from the last checkpoint\n"
        else:
            assert broken.returncode == -signal.SIGKILL
    last = process(*words, "--out", "broken")
    out, err = last.communicate()
    assert (last.returncode, err) == (0, "")
    assert re.search(r", resumed at step \d+$", out, re.MULTILINE)
    out = out.replace("broken", "whole")
    assert re.sub(r", \d+ s.*", "", out) == re.sub(r", \d+ s.*", "", said)
    weights = [load_checkpoint(tmp_path / name).state_dict() for name in ("whole", "broken")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    records = [
        [{**json.loads(line), "seconds": 0} for line in (tmp_path / name / METRICS).open()]
        for name in ("whole", "broken")
    ]
    assert records[0] == records[1]


def test_a_reader_that_leaves_early_causes_no_traceback(run):
    command = process("evaluate", "--checkpoint", str(run))
    command.stdout.close()
    assert command.stderr.read() == ""
    assert command.wait() == 2
