"""What users, terminals and files do to a command, and that it ends in one line that helps."""

import io
import os
import signal
import stat
import subprocess
import sys

import pytest
import torch
from test_cli import SMALL, error_of

from pixeledu import PixelCNN, cli, load_pretrained, pretrained_card
from pixeledu.checkpoints import load_checkpoint, read_info, save_checkpoint, weights_of
from pixeledu.tensor_files import write_tensors


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own_without_tensorboard(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)


@pytest.fixture
def saved():
    """A model for 8×8 digits in the file m.safetensors."""
    save_checkpoint(
        "m.safetensors", PixelCNN(levels=17, hidden=1, layers=0), size=[8, 8], data="digits"
    )
    return ["--checkpoint", "m.safetensors"]


def same_weights(one, other):
    one, other = weights_of(one), weights_of(other)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# --- --start


def test_training_starts_from_the_weights_of_a_saved_model(saved, capsys, monkeypatch):
    seen = {}

    def noting(model, *data, **options):
        seen.update(model=model, info=options["info"])
        raise ValueError("seen")

    noting.__signature__ = cli_signature()
    monkeypatch.setattr("pixeledu.cli.train.fit", noting)
    error_of(capsys, ["train", "--hidden", "1", "--layers", "0", "--start", "m.safetensors"])
    assert same_weights(seen["model"], load_checkpoint("m.safetensors"))
    assert seen["info"] == {"data": "digits", "start": "m.safetensors"}


def cli_signature():
    import inspect

    from pixeledu import fit

    return inspect.signature(fit)


def test_training_starts_from_a_model_that_ships_and_its_run_says_so_and_goes_on(capsys):
    config = pretrained_card("digits-pixelcnn")["config"]
    sizes = ["--hidden", str(config["hidden"]), "--layers", str(config["layers"])]
    # With such a rate nothing moves: what comes out is what it started from.
    words = ["train", *sizes, "--epochs", "1", "--learning-rate", "1e-30", "--batch-size", "1297"]
    words += ["--start", "digits-pixelcnn", "--out", "run"]
    assert cli.main(words) == 0
    assert same_weights(load_checkpoint("run"), load_pretrained("digits-pixelcnn"))
    assert read_info("run")["start"] == "digits-pixelcnn"
    capsys.readouterr()
    assert cli.main(words) == 0
    assert "resumed at step 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("m.safetensors", "is a model of another configuration"),
        ("digits-row-lstm", "is a model of another configuration"),
        ("nowhere", "there is no checkpoint at nowhere"),
    ],
)
def test_a_start_that_does_not_fit_is_refused_before_anything_is_written(
    saved, capsys, tmp_path, start, message
):
    words = [*SMALL, "--start", start, "--out", "run"]
    assert message in error_of(capsys, words)
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


# --- Arguments of a size that nobody means

HUGE = "9" * 30
HUGE_WORDS = {
    "--size": ["sample", "MODEL", "--size", f"{HUGE}x1"],
    "--n": ["sample", "MODEL", "--n", HUGE],
    "--seed": ["sample", "MODEL", "--seed", HUGE],
    "--completions": ["complete", "MODEL", "--completions", HUGE],
    "-n/--n": ["complete", "MODEL", "-n", "9" * 5000],
    "argument --seed": ["train", "--seed", str(2**64)],
    "argument --workers": ["exercise", "grade", ".", "--workers", HUGE],
    "--n and --size are too large": ["sample", "MODEL", "--n", "1000000"],
    "16 images of 999999x999999": ["sample", "MODEL", "--size", "999999x999999"],
}


@pytest.mark.parametrize("argument", HUGE_WORDS)
def test_a_huge_argument_is_named_in_one_short_line(saved, capsys, argument):
    words = [it for word in HUGE_WORDS[argument] for it in (saved if word == "MODEL" else [word])]
    line = error_of(capsys, words)
    assert argument in line
    assert len(line) < 300


def test_the_largest_seed_is_taken(saved):
    assert cli.main(["sample", *saved, "--n", "1", "--seed", str(2**64 - 1)]) == 0


# --- Files that say something else


@pytest.mark.parametrize("size", [8, [8], ["8", "8"], [8, 0], [8, 8, 8], {"h": 8}, True, "8x8"])
def test_a_size_of_another_shape_in_a_file_asks_for_size(capsys, size):
    save_checkpoint("m.safetensors", PixelCNN(levels=17, hidden=1, layers=0), size=size)
    words = ["sample", "--checkpoint", "m.safetensors"]
    assert "m.safetensors names no image size: pass --size" in error_of(capsys, words)
    assert cli.main([*words, "--size", "3x4", "--n", "1"]) == 0


@pytest.mark.parametrize("data", [8, ["digits"], None, True])
def test_data_of_another_shape_in_a_file_asks_for_data(capsys, data):
    save_checkpoint("m.safetensors", PixelCNN(levels=17, hidden=1, layers=0), data=data)
    line = error_of(capsys, ["evaluate", "--checkpoint", "m.safetensors"])
    assert "m.safetensors names no image set: pass --data" in line


def test_a_file_that_is_no_checkpoint_is_not_to_be_deleted(capsys):
    line = error_of(capsys, ["evaluate", "--checkpoint", "/etc/passwd"])
    assert "/etc/passwd is damaged or no checkpoint" in line
    assert "delete" not in line


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_model_whose_logits_are_no_numbers_is_not_measured_or_drawn_from(capsys, value):
    model = PixelCNN(levels=17, hidden=1, layers=0)
    weights = {name: torch.full_like(it, value) for name, it in model.state_dict().items()}
    info = {"kind": "model", "config": model.config, "data": "digits", "size": [8, 8]}
    write_tensors("m.safetensors", weights, info)
    line = error_of(capsys, ["evaluate", "--checkpoint", "m.safetensors"])
    assert "nan" in line.lower()


def test_a_file_that_compress_has_not_written_is_named(saved, capsys):
    with open("junk.pxc", "wb") as file:
        file.write(b"junk" * 100)
    line = error_of(capsys, ["decompress", "junk.pxc", *saved])
    assert "junk.pxc cannot be decompressed: data is no file of `compress`" in line


@pytest.mark.parametrize("command", ["sample", "export", "compress"])
def test_a_pipe_in_the_place_of_what_is_written_stays_one(saved, capsys, command):
    out = f"out.{'png' if command == 'sample' else 'out'}"
    os.mkfifo(out)
    words = [command, *saved, "--out", out]
    line = error_of(capsys, words if command == "export" else [*words, "--n", "1"])
    assert f"{out} could not be written: there is something that is no regular file" in line
    assert stat.S_ISFIFO(os.stat(out).st_mode)


# --- Streams


def process(*words, **options):
    """Run a command as a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **options.pop("environment", {})}
    return subprocess.Popen(
        [sys.executable, "-m", "pixeledu", *words], text=True, env=environment,
        stdout=options.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options,
    )  # fmt: skip


def test_a_name_that_the_terminal_cannot_show_fails_nothing(saved):
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = process("sample", *saved, "--n", "1", "--out", "ž.png", environment=ascii_only)
    assert done.communicate() == ("saved: \\u017e.png\n", "")
    assert done.returncode == 0
    assert os.path.exists("ž.png")


def test_closed_streams_fail_nothing_and_get_into_no_file(saved):
    words = f"{sys.executable} -m pixeledu {' '.join(SMALL)} --out run <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", words]).returncode == 0
    load_checkpoint("run")
    assert sorted(os.listdir("run")) == [
        ".lock",
        "best.safetensors",
        "last.safetensors",
        "metrics.jsonl",
    ]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full disk to write to")
def test_a_full_disk_under_stdout_is_one_line():
    with open("/dev/full", "w") as full:
        done = process("pretrained", stdout=full)
        _, err = done.communicate()
    assert done.returncode == 2
    assert err == "pixeledu: error: No space left on device\n"


def test_two_full_disks_are_an_error_like_any_other(saved):
    words = f"{sys.executable} -m pixeledu pretrained >/dev/full 2>/dev/full"
    if os.path.exists("/dev/full"):
        assert subprocess.run(["sh", "-c", words]).returncode == 2


def without(monkeypatch, name, closed):
    """Let a program that calls the command line have closed a stream, or have none."""
    stream = io.StringIO() if closed else None
    if closed:
        stream.close()
    monkeypatch.setattr(sys, name, stream)


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_program_without_a_stream_gets_the_same_exit_codes(
    saved, capsys, monkeypatch, name, closed
):
    without(monkeypatch, name, closed)
    assert cli.main(["evaluate", *saved]) == 0
    assert cli.main(["sample", *saved, "--n", "1"]) == 0
    assert os.path.exists("samples.png")
    assert cli.main(["evaluate", "--checkpoint", "nowhere"]) == 2
    with pytest.raises(SystemExit) as stopped:
        cli.main(["nonsense"])
    assert stopped.value.code == 2
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--help"])
    assert stopped.value.code == 0
    out, err = capsys.readouterr()
    if name == "stderr":  # nor does what it would have got go elsewhere
        assert "pixeledu: error" not in out
        assert err == ""
    else:
        assert out == ""


@pytest.mark.parametrize("closed", [True, False])
def test_ctrl_c_in_a_program_without_a_stream_is_an_exit_code(monkeypatch, closed):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pixeledu.cli.running.run", interrupted)
    without(monkeypatch, "stderr", closed)
    assert cli.main(["evaluate"]) == 130


# --- Ctrl-C


def test_ctrl_c_twice_is_one_word(monkeypatch, capsys):
    from pixeledu.cli import draw, running

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(draw, "load_checkpoint", interrupted)
    monkeypatch.setattr(running, "_complain", interrupted)
    assert cli.main(["sample", "--checkpoint", "x"]) == 130
    assert capsys.readouterr() == ("", "\npixeledu: stopped\n")


def test_ctrl_c_while_everything_is_being_loaded_is_one_word():
    code = (
        "import builtins, sys\n"
        "from pixeledu.cli import main\n"
        "original = builtins.__import__\n"
        "def interrupted(name, *rest):\n"
        "    if name == 'pixeledu.cli.running':\n"
        "        raise KeyboardInterrupt\n"
        "    return original(name, *rest)\n"
        "builtins.__import__ = interrupted\n"
        "sys.argv[1:] = ['train']\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\npixeledu: stopped\n")
