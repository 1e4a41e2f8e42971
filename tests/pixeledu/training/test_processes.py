"""Several processes do what one does: the same training, the same numbers, the same images."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys

import psutil
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from process_groups import command_line, together

from pixeledu import PixelCNN, PixelRNN, cli, nats, sample
from pixeledu.checkpoints import BEST, LAST, load_checkpoint, read_info, save_checkpoint
from pixeledu.files import LOCK
from pixeledu.training import fit, processes
from pixeledu.training.folder import METRICS, RunFolder
from pixeledu.training.processes import (
    SINGLE,
    ProcessGroup,
    current_group,
    group_from_environment,
    own_device,
)
from pixeledu.training.run import Run
from pixeledu.training.sharding import nats_in, sample_in
from pixeledu.web.noise import SharedNoise

LEVELS = 3


def checked_images(n, channels=1, height=5, width=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(LEVELS, (n, channels, height, width), generator=generator).to(torch.uint8)


class WithDropout(PixelCNN):
    """A model that draws random numbers while it trains."""

    def forward(self, images):
        return F.dropout(super().forward(images), 0.2, self.training)


def model_of(kind="pixelcnn", channels=1, seed=0):
    torch.manual_seed(seed)
    config = {"channels": channels, "levels": LEVELS, "hidden": 3, "layers": 1}
    if kind == "diagonal":
        return PixelRNN("diagonal", **config).double()
    return {"pixelcnn": PixelCNN, "dropout": WithDropout}[kind](**config).double()


def trained(model, n=20, folder=None, stop=None, **changed):
    """Train; return the loss of each step, the records, and the weights as lists of numbers.

    Args:
        stop: before this step an error ends the training, in every process.
    """
    losses = []
    take_note = Run.take_note

    def noting(run, loss, length, values):
        if run.step == stop:
            raise InterruptedError(f"stopped before step {stop}")
        losses.append(loss.item())
        take_note(run, loss, length, values)

    shape = {"channels": model.channels}
    arguments = {"epochs": 2, "batch_size": 8, "progress": False, "folder": folder, **changed}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "take_note", noting)
        history = fit(
            model, checked_images(n, **shape), checked_images(7, seed=1, **shape), **arguments
        )
    records = [{**record, "seconds": 0} for record in history.records]
    return losses, records, weights_of(model)


def weights_of(model):
    return torch.cat([weight.detach().flatten() for weight in model.parameters()]).tolist()


def close(ours, theirs, tolerance=1e-6):
    """Compare the loss of every step, the records and the weights of two trainings."""
    for mine, yours in zip(ours[0], theirs[0], strict=True):
        assert mine == pytest.approx(yours, abs=tolerance, rel=0)
    for mine, yours in zip(ours[1], theirs[1], strict=True):
        assert mine == pytest.approx(yours, abs=tolerance)
    assert ours[2] == pytest.approx(theirs[2], abs=tolerance, rel=0)


# --- Parts and wholes


@given(n=st.integers(0, 100), size=st.integers(1, 20))
def test_everything_belongs_to_exactly_one_process_and_the_parts_are_even(n, size):
    parts = [list(range(n))[ProcessGroup(rank, size).shard(n)] for rank in range(size)]
    assert [thing for part in parts for thing in part] == list(range(n))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@given(values=st.lists(st.floats(-9, 9), min_size=1, max_size=12), size=st.integers(1, 9))
def test_the_shares_of_the_parts_give_the_mean_of_the_batch(values, size):
    batch = torch.tensor(values, dtype=torch.float64)
    parts = [ProcessGroup(rank, size).shard_of(batch) for rank in range(size)]
    assert all(len(part) for part, _ in parts), "a process has nothing to compute"
    assert sum(share for _, share in parts) == pytest.approx(1)
    mean = sum(share * part.mean().item() for part, share in parts)
    assert mean == pytest.approx(batch.mean().item())


# --- Training

# Batches: the last one ragged; one image for two or three processes; one batch for all.
CASES = {
    "ragged": ("pixelcnn", {"n": 20, "batch_size": 8}),
    "one image left": ("pixelcnn", {"n": 9, "batch_size": 4}),
    "one batch": ("diagonal", {"n": 5, "batch_size": 64}),
    "single images": ("pixelcnn", {"n": 4, "batch_size": 1}),
    "three colours": ("pixelcnn", {"n": 10, "batch_size": 5, "channels": 3}),
}


def all_cases():
    """Train every case, in each process from weights of its own."""
    results = {}
    for name, (kind, arguments) in CASES.items():
        arguments = dict(arguments)
        channels = arguments.pop("channels", 1)
        model = model_of(kind, channels, seed=current_group().rank)
        results[name] = trained(model, epochs=3, **arguments)
    return results


@pytest.mark.parametrize("size", [2, 3])
def test_the_loss_curve_of_several_processes_is_that_of_one(size):
    alone, group = all_cases(), together(size, all_cases)
    for name in CASES:
        assert len(alone[name][0]) > 1
        for member in group:
            close(member[name], alone[name])
            assert member[name] == group[0][name], "the processes have drifted apart"


def dropout_twice():
    draws = []
    model = model_of("dropout")
    hook = model.head.register_forward_hook(
        lambda head, *_: draws.append(torch.rand(1).item()) if head.training else None
    )
    first = trained(model)
    hook.remove()
    return draws, first, trained(model_of("dropout"))


def test_each_process_draws_dropout_of_its_own_and_the_same_again():
    members = together(2, dropout_twice)
    for draws in zip(*(draws for draws, _, _ in members), strict=True):
        assert len(set(draws)) == 2
    for _, _, again in members:
        assert again == members[0][2]
    alone = dropout_twice()
    assert alone[0] == members[0][0], "the first process draws what one alone draws"


def stopped_and_resumed(folder, kind, stop):
    with contextlib.suppress(InterruptedError):
        return trained(model_of(kind, seed=current_group().rank), folder=folder, **stop)


@pytest.mark.parametrize("sizes", [(2, 1, 3), (1, 2, 1)])
def test_a_run_goes_on_with_another_number_of_processes(tmp_path, sizes):
    whole = trained(model_of())
    for size, stop in zip(sizes, (2, 5, None), strict=True):
        arguments = (str(tmp_path), "pixelcnn", {"stop": stop, "checkpoint_every": 1})
        if size == 1:
            ended = stopped_and_resumed(*arguments)
        else:
            ended = together(size, stopped_and_resumed, *arguments)[0]
        assert read_info(tmp_path / LAST)["step"] == (stop or 6)
    assert ended[0] == pytest.approx(whole[0][5:], abs=1e-6, rel=0)
    close((whole[0], *ended[1:]), whole)
    assert weights_of(load_checkpoint(tmp_path)) == pytest.approx(whole[2], abs=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == [LOCK, BEST, LAST, METRICS]


def test_with_the_same_number_of_processes_it_resumes_to_the_same_bits(tmp_path):
    whole = together(2, stopped_and_resumed, str(tmp_path / "whole"), "dropout", {})
    for stop in (1, 4, None):
        changes = {"stop": stop, "checkpoint_every": 1}
        ended = together(2, stopped_and_resumed, str(tmp_path / "broken"), "dropout", changes)
    assert whole[0] is not None
    assert [member[1:] for member in ended] == [member[1:] for member in whole]


# --- When one of them fails


def one_is_killed(folder, rank):
    model, calls = model_of(), []

    def kill(module, _):
        calls.extend([None] * module.training)
        if len(calls) == 5 and current_group().rank == rank:
            os.kill(os.getpid(), signal.SIGKILL)

    model.register_forward_pre_hook(kill)
    return trained(model, folder=folder, checkpoint_every=1)


@pytest.mark.parametrize("rank", [0, 1])
def test_when_one_process_is_killed_the_others_say_so_and_the_run_goes_on_later(tmp_path, rank):
    results = together(2, one_is_killed, str(tmp_path), rank)
    assert results[rank] is None
    assert re.match(
        r"RuntimeError: another process of this run has stopped .*Start the same command again",
        results[1 - rank],
    )
    assert read_info(tmp_path / LAST)["step"] == 4
    whole, ended = trained(model_of()), trained(model_of(), folder=tmp_path, checkpoint_every=1)
    close((whole[0], *ended[1:]), whole)


def test_what_the_first_process_cannot_do_ends_all_of_them(tmp_path):
    trained(model_of(), folder=tmp_path, seed=5)
    said = together(2, stopped_and_resumed, str(tmp_path), "pixelcnn", {})
    assert said[0].startswith(f"ValueError: {tmp_path} holds another run: seed was 5 and is now 0")
    assert said[1] == said[0].replace("ValueError", "LeaderFailed")


def full_disk(folder):
    if current_group().is_leader:
        RunFolder._save = no_space
    return stopped_and_resumed(folder, "pixelcnn", {"checkpoint_every": 4})


def no_space(*_):
    raise OSError(28, "no space left")


def test_a_full_disk_ends_all_processes(tmp_path):
    said = together(3, full_disk, str(tmp_path))
    assert said == ["OSError: [Errno 28] no space left"] + 2 * [
        "LeaderFailed: [Errno 28] no space left"
    ]


def other_arguments():
    return trained(model_of(), learning_rate=0.1 if current_group().is_leader else 0.2)


def test_processes_that_were_told_different_things_do_not_train():
    said = together(2, other_arguments)
    assert said[1].startswith("ValueError: learning_rate must be the same in all processes")
    assert "another process of this run has stopped" in said[0]


class NotHere:
    """Stands for a file system that must not be written."""

    def __call__(self, *_, **__):
        raise AssertionError("this process must not write")


def silent_unless_first(folder):
    if not current_group().is_leader:
        for module, name in ((os, "replace"), (os, "fsync"), (os, "mkdir"), (os, "open")):
            setattr(module, name, NotHere())
    with contextlib.redirect_stderr(io.StringIO()) as shown:
        trained(model_of(), folder=folder, checkpoint_every=2, progress=True)
    return shown.getvalue()


def test_only_the_first_process_writes_and_shows_a_bar(tmp_path):
    shown = together(3, silent_unless_first, str(tmp_path / "run"))
    assert "6/6" in shown[0]
    assert shown[1:] == ["", ""]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [LOCK, BEST, LAST, METRICS]


# --- Measuring and drawing


def shared_work(n):
    """Measure and draw in parts; return the results, and how many images each part had."""
    group, model, batches = current_group(), model_of(channels=3), []
    images, known = checked_images(n, 3), torch.arange(20).view(5, 4) % 3 == 0
    forward = model.register_forward_hook(lambda module, args, _: batches.append(len(args[0])))
    measured = nats_in(group, model, images).tolist()
    forward.remove()
    steps = model.steps
    model.steps = lambda batch, *rest: batches.append(batch) or steps(batch, *rest)
    generator = torch.Generator().manual_seed(4)
    drawn = [
        sample_in(group, model, n, 5, 4, generator=generator),
        sample_in(group, model, n, 5, 4, generator=generator, temperature=0.5),
        sample_in(group, model, n, 5, 4, generator=SharedNoise(7)),
        sample_in(group, model, n, 5, 4, generator=generator, images=images, known=known),
        sample_in(group, model, n, 5, 4, generator=generator, images=images, known=images > 0),
    ]
    torch.manual_seed(9)
    drawn.append(sample_in(group, model, n, 5, 4))
    return measured, torch.stack(drawn).tolist(), batches


def drawn_alone(n):
    """The same without any mention of processes."""
    model, images = model_of(channels=3), checked_images(n, 3)
    known = torch.arange(20).view(5, 4) % 3 == 0
    generator = torch.Generator().manual_seed(4)
    drawn = [
        sample(model, n, 5, 4, generator=generator),
        sample(model, n, 5, 4, generator=generator, temperature=0.5),
        sample(model, n, 5, 4, generator=SharedNoise(7)),
        sample(model, n, 5, 4, generator=generator, images=images, known=known),
        sample(model, n, 5, 4, generator=generator, images=images, known=images > 0),
    ]
    torch.manual_seed(9)
    drawn.append(sample(model, n, 5, 4))
    return nats(model, images).tolist(), torch.stack(drawn).tolist()


@pytest.mark.parametrize(("n", "parts"), [(7, [2, 2, 3]), (2, [0, 1, 1])])
def test_every_image_is_measured_and_drawn_once_whatever_the_number_of_processes(n, parts):
    measured, drawn = drawn_alone(n)
    for part, member in zip(parts, together(3, shared_work, n), strict=True):
        assert member[0] == pytest.approx(measured, rel=1e-12)
        assert member[1] == drawn
        assert set(member[2]) == {part}
    assert shared_work(n)[1] == drawn


# --- The command line


SMALL = ["train", "--hidden", "2", "--layers", "0", "--epochs", "1", "--batch-size", "64"]


def test_every_command_says_and_writes_in_several_processes_what_it_does_in_one(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    save_checkpoint(tmp_path / "d.safetensors", model_of("pixelcnn").float(), size=[6, 5])
    commands = [
        [*SMALL, "--out", "RUN"],
        ["evaluate", "--checkpoint", "RUN"],
        ["sample", "--checkpoint", "d.safetensors", "-n", "5", "--out", "RUN.png"],
        ["complete", "--checkpoint", "RUN", "--n", "3", "--out", "RUN-half.png"],
        ["pretrained"],
    ]
    for words in commands:
        one = command_line(tmp_path, [word.replace("RUN", "one") for word in words])
        words = [word.replace("RUN", "two") for word in words]
        group = together(2, command_line, str(tmp_path), words, join=False)
        assert group[1] == (0, "", "")
        code, out, err = group[0]
        assert (code, err) == (0, "")
        assert re.sub(r", \d+ s", "", out.replace("two", "one")) == re.sub(r", \d+ s", "", one[1])
    for name in (".png", "-half.png"):
        assert (tmp_path / f"one{name}").read_bytes() == (tmp_path / f"two{name}").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--epochs", "x"], "--epochs: invalid int value"),  # known before they meet
        (["train", "--epochs", "0"], "epochs must be a whole number"),  # noticed by all
        (["evaluate", "--checkpoint", "nowhere"], "there is no checkpoint at nowhere"),
        ([*SMALL, "--out", "file"], "file could not be written"),  # noticed by the first one
        (["train", "--device", "cuda:1"], 'device must be "cuda" or "cpu" in several processes'),
    ],
)
def test_an_error_is_said_once_by_however_many_processes(tmp_path, words, message):
    (tmp_path / "file").write_bytes(b"")
    results = together(2, command_line, str(tmp_path), words, join=False)
    assert [code for code, _, _ in results] == [2, 2]
    assert [out for _, out, _ in results] == ["", ""]
    said = "".join(err for _, _, err in results)
    assert said.startswith("pixeledu: error: ")
    assert message in said
    assert said.count("\n") == 1


# Each worker leaves its number; the second one dies before a certain step.
WORKER = """
import os, signal, sys
if "KILLED_AT" in os.environ and "RANK" in os.environ:
    open(f"{os.getpid()}.pid", "w").close()
    from pixeledu import PixelCNN
    forward, left = PixelCNN.forward, iter(range(int(os.environ["KILLED_AT"]), 0, -1))
    def killed(model, images):
        if model.training and os.environ["RANK"] == "1" and next(left) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return forward(model, images)
    PixelCNN.forward = killed
"""


def torchrun(folder, *words, **variables):
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "torch.distributed.run"),
            *("--standalone", "--nproc-per-node", "2", "-m", "pixeledu", *words),
        ],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
    )  # fmt: skip


@pytest.mark.thorough
def test_torchrun_ends_when_a_worker_is_killed_and_goes_on_when_started_again(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    words = [*SMALL[:-4], "--epochs", "4", "--batch-size", "16", "--checkpoint-every", "10"]
    code, out, _ = command_line(tmp_path, [*words, "--out", "one"])
    assert code == 0

    (tmp_path / "sitecustomize.py").write_text(WORKER)
    run = torchrun(tmp_path, *words, "--out", "two", PYTHONPATH=str(tmp_path), KILLED_AT="30")
    said, errors = run.communicate()
    assert run.returncode == 1
    assert said == ""
    assert "another process of this run has stopped" in errors or "SIGKILL" in errors
    workers = [int(path.stem) for path in tmp_path.glob("*.pid")]
    assert len(workers) == 2
    assert not any(psutil.pid_exists(worker) for worker in workers)
    assert read_info(tmp_path / "two" / LAST)["step"] >= 20

    run = torchrun(tmp_path, *words, "--out", "two")
    again, errors = run.communicate()
    assert (run.returncode, errors) == (0, "")
    assert re.search(r", resumed at step \d+$", again, re.MULTILINE)
    again = again.replace("two", "one")
    assert re.sub(r", \d+ s.*", "", again) == re.sub(r", \d+ s.*", "", out)
    curves = [
        [json.loads(line) for line in (tmp_path / name / METRICS).open()] for name in ("one", "two")
    ]
    for one, two in zip(*curves, strict=True):
        assert two == pytest.approx({**one, "seconds": two["seconds"]}, rel=1e-4)


# --- What the environment says


def test_without_a_launcher_a_process_is_alone(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert group_from_environment() == current_group() == SINGLE
    monkeypatch.setenv("RANK", "3")  # left behind by something else
    assert group_from_environment() == SINGLE
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert group_from_environment() == SINGLE
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert group_from_environment() == ProcessGroup(3, 8)


@pytest.mark.parametrize(("rank", "size"), [(None, "2"), ("0", "two"), ("first", "2")])
def test_an_environment_that_makes_no_sense_is_an_error_of_one_line(
    monkeypatch, capsys, rank, size
):
    monkeypatch.setenv("WORLD_SIZE", size)
    monkeypatch.delenv("RANK", raising=False)
    if rank:
        monkeypatch.setenv("RANK", rank)
    assert cli.main(["train"]) == 2
    line = capsys.readouterr().err
    assert f"got RANK={rank!r}, WORLD_SIZE={size!r}; to work in one process, unset WORLD" in line
    assert line.count("\n") == 1


def test_each_process_takes_a_gpu_of_its_own(monkeypatch):
    taken = []
    monkeypatch.setattr(processes, "current_group", lambda: ProcessGroup(5, 8))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert own_device(None) == own_device("cuda") == torch.device("cuda", 1)
    assert taken == [1, 1]
    assert own_device("cpu") == "cpu"
    with pytest.raises(ValueError, match='device must be "cuda" or "cpu" in several processes'):
        own_device("cuda:1")
    monkeypatch.setenv("LOCAL_RANK", "4")
    with pytest.raises(ValueError, match=r"there are 4 GPUs for more processes .* start 4"):
        own_device(None)
