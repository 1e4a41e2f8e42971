"""Training does what the loop says, is repeatable to the bit, and loses nothing when stopped."""

import contextlib
import io
import itertools
import json
import math
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeledu import DiagonalBiLSTM, MaskedConv2d, PixelCNN, RowLSTM, build_model, files, nats
from pixeledu.checkpoints import BEST, LAST, load_checkpoint, read_info, save_checkpoint
from pixeledu.files import LOCK, only_user_of
from pixeledu.tensor_files import write_tensors
from pixeledu.training.folder import METRICS, RunFolder
from pixeledu.training.loop import SMALL, _learning_rate, _order, fit

LEVELS = 3


def small_model(seed=0, **changed):
    torch.manual_seed(seed)
    return PixelCNN(**{"channels": 1, "levels": LEVELS, "hidden": 2, "layers": 1, **changed})


def stripes(n, seed=0):
    """Images 5×4 whose columns repeat, with a little noise: something to learn."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.arange(4).remainder(LEVELS).expand(n, 1, 5, 4).clone()
    images[torch.rand(n, 1, 5, 4, generator=generator) < 0.1] = 0
    return images.to(torch.uint8)


TRAIN, VALID = stripes(20), stripes(7, seed=1)


def small_fit(model, train=TRAIN, valid=VALID, **changed):
    return fit(model, train, valid, **{"epochs": 3, "batch_size": 8, "progress": False, **changed})


def same_weights(one, other):
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def without_seconds(records):
    return [{name: record[name] for name in record.keys() - {"seconds"}} for record in records]


def lines_of(folder):
    return [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]


def content_of(folder):
    """The files of a folder, but for the one by which a process holds it."""
    files = [path for path in Path(folder).iterdir() if path.name != LOCK]
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture(autouse=True)
def _without_tensorboard(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)


# --- What the loop computes


@pytest.mark.parametrize(("batch_size", "expected"), [(8, 1), (SMALL // 20 + 1, 2)])
def test_small_batches_are_computed_by_one_thread_and_large_ones_by_all(batch_size, expected):
    torch.set_num_threads(2)
    used = []
    model = small_model()
    model.first.register_forward_hook(lambda *_: used.append(torch.get_num_threads()))
    small_fit(model, epochs=1, batch_size=batch_size)
    assert set(used) == {expected}
    assert torch.get_num_threads() == 2


def test_all_threads_are_there_again_after_training_has_failed():
    torch.set_num_threads(2)
    with pytest.raises(FloatingPointError):
        small_fit(small_model(), epochs=40, learning_rate=1e30)
    assert torch.get_num_threads() == 2


def test_the_model_learns_and_the_records_say_how_well():
    model = small_model()
    before = nats(model, VALID).mean().item()
    history = small_fit(model, epochs=30, learning_rate=0.02)
    first, last = history.records[0], history.records[-1]
    assert last["valid_nats"] < 0.7 * before
    assert [record["epoch"] for record in history.records] == list(range(1, 31))
    assert [record["step"] for record in history.records] == list(range(3, 91, 3))
    assert last["bits_per_dim"] == pytest.approx(last["valid_nats"] / (20 * math.log(2)))
    assert first["train_nats"] > last["train_nats"]
    assert 0 < first["seconds"] <= last["seconds"]


def test_the_model_ends_with_the_averaged_weights_of_the_best_epoch():
    # Images to learn and images that are nothing like them: validation gets worse and worse.
    ones = torch.ones(8, 1, 5, 4, dtype=torch.uint8)
    model = small_model()
    history = small_fit(model, ones, torch.zeros_like(ones), epochs=8, learning_rate=0.05)
    measured = [record["valid_nats"] for record in history.records]
    assert history.best_epoch == 1 + measured.index(min(measured))
    assert history.best_epoch < 8
    assert nats(model, torch.zeros_like(ones)).mean().item() == min(measured)
    assert not model.training


def test_training_stops_when_patience_is_over():
    ones = torch.ones(8, 1, 5, 4, dtype=torch.uint8)
    history = small_fit(
        small_model(), ones, torch.zeros_like(ones), epochs=50, learning_rate=0.05, patience=2
    )
    assert len(history.records) == history.best_epoch + 2 < 50


def test_without_validation_images_the_last_epoch_counts():
    model = small_model()
    history = small_fit(model, valid=None)
    assert history.best_epoch == 3
    assert [record["valid_nats"] for record in history.records] == [None] * 3
    last = history.records[-1]
    assert last["bits_per_dim"] == pytest.approx(last["train_nats"] / (20 * math.log(2)))


def test_the_loop_equals_a_plain_one_written_from_the_formulas():
    model, plain = small_model(), small_model()
    arguments = {"learning_rate": 0.01, "warm_up": 0.5, "weight_decay": 0.1, "clip": 0.05}
    history = small_fit(model, valid=None, epochs=2, batch_size=8, ema=0.15, seed=4, **arguments)

    weights = list(plain.parameters())
    averages = [weight.detach().clone() for weight in weights]
    means, squares = ([torch.zeros_like(weight) for weight in weights] for _ in range(2))
    seen = []
    for step in range(6):
        epoch, place = divmod(step, 3)
        images = TRAIN[_order(4, epoch, 20)[8 * place : 8 * place + 8]].long()
        log_p = plain(images).log_softmax(1)  # (B, levels, 1, 5, 4)
        surprise = -log_p.gather(1, images[:, None]).flatten(1).sum(1)  # (B,)
        gradients = torch.autograd.grad(surprise.mean() / 20, weights)
        length = sum(gradient.square().sum() for gradient in gradients).sqrt()
        rate = 0.01 * ((step + 1) / 3 if step < 3 else (1 + math.cos(math.pi * (step - 3) / 3)) / 2)
        for i, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
            gradient = gradient * min(1, 0.05 / length)
            means[i] = 0.9 * means[i] + 0.1 * gradient
            squares[i] = 0.999 * squares[i] + 0.001 * gradient**2
            mean, square = (
                means[i] / (1 - 0.9 ** (step + 1)),
                squares[i] / (1 - 0.999 ** (step + 1)),
            )
            with torch.no_grad():
                weight -= rate * (mean / (square.sqrt() + 1e-8) + 0.1 * weight)
            kept = min(0.15, (1 + step) / (10 + step))
            averages[i] = kept * averages[i] + (1 - kept) * weight.detach()
        seen += surprise.tolist()

    for weight, expected in zip(model.parameters(), averages, strict=True):
        torch.testing.assert_close(weight.detach(), expected, rtol=1e-4, atol=1e-5)
    assert history.records[0]["train_nats"] == pytest.approx(sum(seen[:20]) / 20, rel=1e-5)
    assert history.records[1]["train_nats"] == pytest.approx(sum(seen[20:]) / 20, rel=1e-4)


@given(steps=st.integers(1, 300), warm_up=st.floats(0, 1), peak=st.floats(1e-6, 1))
def test_the_learning_rate_rises_to_its_peak_and_falls_towards_zero(steps, warm_up, peak):
    rates = [_learning_rate(step, steps, peak, warm_up) for step in range(steps)]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(peak)
    assert all(rate > 0 for rate in rates)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


@given(seed=st.integers(0, 2**40), epoch=st.integers(0, 1000), n=st.integers(1, 60))
def test_an_epoch_shows_every_image_once_in_an_order_of_its_own(seed, epoch, n):
    order = _order(seed, epoch, n).tolist()
    assert sorted(order) == list(range(n))
    assert order == _order(seed, epoch, n).tolist()
    if n > 20:
        assert order != _order(seed, epoch + 1, n).tolist()
        assert order != _order(seed + 1, epoch, n).tolist()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
@pytest.mark.parametrize("shape", [(5, 1, 1, 1), (3, 1, 1, 7), (4, 3, 2, 5)])
def test_any_image_shape_and_integer_type_trains(shape, dtype):
    images = torch.randint(LEVELS, shape, dtype=dtype)
    model = small_model(channels=shape[1], hidden=3)
    assert len(small_fit(model, images, images, batch_size=3).records) == 3


def test_a_model_of_ones_own_trains_without_a_config():
    class Independent(torch.nn.Module):
        channels, levels = 1, LEVELS

        def __init__(self):
            super().__init__()
            self.logits = torch.nn.Parameter(torch.zeros(LEVELS, 1, 5, 4))

        def forward(self, images):
            return self.logits.expand(len(images), -1, -1, -1, -1)

    model = Independent()
    small_fit(model, TRAIN, None, epochs=200, learning_rate=0.05, weight_decay=0)
    shares = torch.stack([TRAIN.eq(value).double().mean(0) for value in range(LEVELS)])
    torch.testing.assert_close(model.logits.detach().softmax(0).double(), shares, rtol=0, atol=0.03)
    with pytest.raises(ValueError, match="Independent has none"):
        small_fit(model, folder="nowhere")
    assert not Path("nowhere").exists()


# --- Repeatable to the bit


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    models = [small_model() for _ in range(3)]
    histories = [small_fit(model, seed=seed) for model, seed in zip(models, (7, 7, 8), strict=True)]
    assert same_weights(models[0], models[1])
    assert without_seconds(histories[0].records) == without_seconds(histories[1].records)
    assert not same_weights(models[0], models[2])


def test_a_folder_changes_nothing_in_the_outcome(tmp_path):
    plain, kept = small_model(), small_model()
    small_fit(plain)
    small_fit(kept, folder=tmp_path, checkpoint_every=1)
    assert same_weights(plain, kept)


def test_the_random_numbers_of_the_caller_are_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    model = PixelCNN(levels=LEVELS, hidden=2, layers=0)
    after_building = torch.get_rng_state()
    small_fit(model)
    assert torch.equal(torch.get_rng_state(), after_building)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(4), expected)


# --- Stopped and resumed


class WithDropout(PixelCNN):
    """A model that draws random numbers while it trains."""

    def forward(self, images):
        return F.dropout(super().forward(images), 0.2, self.training)


def with_dropout():
    torch.manual_seed(0)
    return WithDropout(levels=LEVELS, hidden=2, layers=1)


class _Stop(Exception):
    """Stands for whatever may stop a process."""


@settings(max_examples=15)
@given(
    stops=st.lists(st.tuples(st.sampled_from(["save", "record"]), st.integers(1, 6)), max_size=3),
    after=st.booleans(),
    every=st.integers(1, 7),
)
def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path_factory, stops, after, every):
    folder, whole = tmp_path_factory.mktemp("run") / "new", with_dropout()
    history = small_fit(whole, epochs=3)
    for method, count in stops:  # the n-th call of the method stops the run
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(_Stop):
            patch.setattr(RunFolder, method, stopping_at(count, getattr(RunFolder, method), after))
            small_fit(with_dropout(), epochs=3, folder=folder, checkpoint_every=every)
    resumed = WithDropout(levels=LEVELS, hidden=2, layers=1)  # starts from other weights
    if not (folder / LAST).exists():
        resumed = with_dropout()
    again = small_fit(resumed, epochs=3, folder=folder, checkpoint_every=every)
    assert same_weights(whole, resumed)
    assert without_seconds(again.records) == without_seconds(history.records)
    assert lines_of(folder) == again.records
    assert same_weights(whole, load_checkpoint(folder))


def stopping_at(count, method, after):
    """Make a method that stops the run at its n-th call, before or after it did its work."""
    calls = iter(range(1, count + 1))

    def stopping(self, run):
        stop = next(calls) == count
        if after or not stop:
            method(self, run)
        if stop:
            raise _Stop

    return stopping


MOMENTS = ("a step", "half a file", "a whole file", "a new name")


def run_in_folder(folder, moment=None, count=0):
    """Train in a process of its own, in many short steps with many checkpoints.

    It kills itself at the `count`-th such moment: before a step, when half of a file or all of it is
    written under its temporary name, or when the file has got its name.
    """
    calls = itertools.count(1)

    def now(reached):
        if reached == moment and next(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)

    class File(io.BufferedWriter):
        def write(self, content):
            super().write(content[: len(content) // 2])
            self.flush()
            now("half a file")
            super().write(content[len(content) // 2 :])

    def replace(*paths, to=os.replace):
        now("a whole file")
        to(*paths)
        now("a new name")

    files.open = lambda path, mode: File(io.FileIO(path, mode))
    files.os.replace = replace
    torch.set_num_threads(1)
    sys.modules["torch.utils.tensorboard"] = None
    model = small_model(hidden=1, layers=0)
    model.register_forward_pre_hook(lambda *_: now("a step") if model.training else None)
    small_fit(model, epochs=120, batch_size=8, folder=folder, checkpoint_every=2)


def test_killed_at_any_moment_it_resumes_to_the_same_bits(tmp_path):
    # A server process that has torch loaded forks the runs: they start in milliseconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "torch._dynamo"])  # optimizers load the latter
    whole, broken, chance = tmp_path / "whole", tmp_path / "broken", random.Random(0)
    process = context.Process(target=run_in_folder, args=(whole,))
    process.start()
    process.join()
    assert process.exitcode == 0

    steps = []
    for kill in range(24):
        moment = MOMENTS[kill % 4]
        count = chance.randint(1, 16)  # the first ones come while it starts
        process = context.Process(target=run_in_folder, args=(broken, moment, count))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the run was over before it was killed"
        assert len(list(broken.glob(".*.tmp"))) == (moment in ("half a file", "a whole file"))
        steps.append(read_info(broken / LAST)["step"] if (broken / LAST).exists() else 0)
    assert sorted(steps) == steps
    assert len(set(steps)) >= 10
    assert 0 < steps[-1] < 120 * 3

    process = context.Process(target=run_in_folder, args=(broken,))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert sorted(content_of(broken)) == sorted(content_of(whole)) == [BEST, LAST, METRICS]
    assert without_seconds(lines_of(broken)) == without_seconds(lines_of(whole))
    assert same_weights(load_checkpoint(broken), load_checkpoint(whole))
    assert same_weights(load_checkpoint(broken / LAST), load_checkpoint(whole / LAST))


def test_what_a_kill_left_behind_is_cut_back_to_the_checkpoint(tmp_path):
    whole = small_model()
    small_fit(whole, folder=tmp_path)
    records = lines_of(tmp_path)
    with open(tmp_path / METRICS, "a") as file:
        file.write(json.dumps({**records[-1], "epoch": 4}) + '\n{"epoch": 5, "st')
    (tmp_path / BEST).write_bytes(b"half a file")
    (tmp_path / f".{LAST}.12345.tmp").write_bytes(b"half a file")
    resumed = small_model(seed=1)
    small_fit(resumed, folder=tmp_path)
    assert lines_of(tmp_path) == records
    assert sorted(content_of(tmp_path)) == [BEST, LAST, METRICS]
    assert same_weights(load_checkpoint(tmp_path), whole)


def test_a_finished_run_is_given_back_without_another_step(tmp_path, monkeypatch):
    model = small_model()
    history = small_fit(model, folder=tmp_path, patience=5)
    monkeypatch.setattr(PixelCNN, "forward", None)  # nothing is computed
    again = small_model(seed=1)
    assert small_fit(again, folder=tmp_path, patience=5).records == history.records
    assert same_weights(model, again)


def test_a_run_that_patience_ended_stays_ended(tmp_path):
    ones = torch.ones(8, 1, 5, 4, dtype=torch.uint8)
    data = (ones, torch.zeros_like(ones))
    arguments = {"epochs": 50, "learning_rate": 0.05, "patience": 2, "folder": tmp_path}
    first = small_fit(small_model(), *data, checkpoint_every=40, **arguments)
    assert small_fit(small_model(), *data, **arguments).records == first.records


def test_best_and_last_say_what_they_are(tmp_path):
    history = small_fit(small_model(), folder=tmp_path, info={"data": "stripes"})
    best = read_info(tmp_path)
    assert best["data"] == "stripes"
    assert best["size"] == [5, 4]
    assert best["valid_nats"] == min(record["valid_nats"] for record in history.records)
    assert best["epoch"] == history.best_epoch
    assert read_info(tmp_path / LAST)["step"] == 9


def test_last_gives_the_averaged_weights(tmp_path):
    model = small_model()
    small_fit(model, valid=None, folder=tmp_path)
    assert same_weights(load_checkpoint(tmp_path / LAST), model)


# --- What a folder refuses

CHANGED = {
    "epochs": {"epochs": 4},
    "batch_size": {"batch_size": 7},
    "learning_rate": {"learning_rate": 0.5},
    "warm_up": {"warm_up": 0.5},
    "weight_decay": {"weight_decay": 0.5},
    "clip": {"clip": 0.5},
    "ema": {"ema": 0.5},
    "patience": {"patience": 2},
    "seed": {"seed": 1},
    "train images": {"train": stripes(20, seed=2)},
    "valid images": {"valid": stripes(7, seed=2)},
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_run_with_something_changed_is_refused_and_left_as_it_is(tmp_path, name):
    small_fit(small_model(), folder=tmp_path)
    before, model = content_of(tmp_path), small_model(seed=1)
    with pytest.raises(ValueError, match=f"holds another run: {name}.*Choose another folder"):
        small_fit(model, folder=tmp_path, **CHANGED[name])
    assert content_of(tmp_path) == before
    assert same_weights(model, small_model(seed=1))


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"hidden": 3}, "hidden was 2 and is now 3"), ({"layers": 2}, "layers was 1 and is now 2")],
)
def test_the_run_of_another_model_is_refused_and_left_as_it_is(tmp_path, changed, message):
    small_fit(small_model(), folder=tmp_path)
    before = content_of(tmp_path)
    with pytest.raises(ValueError, match=f"holds another run: the model's {message}"):
        small_fit(small_model(**changed), folder=tmp_path)
    assert content_of(tmp_path) == before


def test_a_model_of_the_same_config_and_other_weights_is_refused(tmp_path):
    small_fit(small_model(), folder=tmp_path)
    before, model = content_of(tmp_path), small_model(seed=1)
    model.head.mix = torch.nn.Conv2d(4, 4, 1, bias=False)
    with pytest.raises(ValueError, match=rf"{LAST} does not fit this model: .* head\.mix\.bias;"):
        small_fit(model, folder=tmp_path)
    assert torch.equal(model.first.weight, small_model(seed=1).first.weight)
    assert content_of(tmp_path) == before


@pytest.mark.parametrize("damage", ["cut", "changed", "foreign", "model"])
def test_a_damaged_checkpoint_is_refused_by_name_and_left_as_it_is(tmp_path, damage):
    small_fit(small_model(), folder=tmp_path)
    content = (tmp_path / LAST).read_bytes()
    if damage == "model":
        save_checkpoint(tmp_path / LAST, small_model())
    else:
        damaged = {"cut": content[:-9], "changed": content[:-1] + b"?", "foreign": b"{}"}
        (tmp_path / LAST).write_bytes(damaged[damage])
    before = content_of(tmp_path)
    with pytest.raises(ValueError, match=LAST):
        small_fit(small_model(), folder=tmp_path)
    assert content_of(tmp_path) == before


@pytest.mark.parametrize("name", [BEST, METRICS])
def test_files_that_belong_to_no_run_are_not_overwritten(tmp_path, name):
    (tmp_path / name).write_bytes(b"precious")
    with pytest.raises(ValueError, match=f"holds {name} but no {LAST}"):
        small_fit(small_model(), folder=tmp_path)
    assert content_of(tmp_path) == {name: b"precious"}


def test_two_runs_never_share_a_folder(tmp_path):
    with (
        only_user_of(tmp_path, "training"),
        pytest.raises(OSError, match="another process is training in"),
    ):
        small_fit(small_model(), folder=tmp_path)
    assert content_of(tmp_path) == {}
    small_fit(small_model(), folder=tmp_path)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "run").write_bytes(b"")
    with pytest.raises(OSError, match="run could not be written"):
        small_fit(small_model(), folder=tmp_path / "run")


# --- When numbers or the disk fail


class Breaking(PixelCNN):
    """Gives logits that are not finite, or gradients that are not, in one training step."""

    def __init__(self, what="logits", step=5, value=math.nan, **config):
        super().__init__(**config)
        self.what, self.step, self.value = what, step, value

    def forward(self, images):
        logits = super().forward(images)
        if not self.training:
            return logits
        self.step -= 1
        if self.step == 0 and self.what == "logits":
            return logits * self.value
        if self.step == 0:
            logits.register_hook(lambda gradient: gradient * self.value)
        return logits


def breaking(**how):
    torch.manual_seed(0)
    return Breaking(levels=LEVELS, hidden=2, layers=1, **how)


@pytest.mark.parametrize("what", ["logits", "gradient"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("every", [1, 2, 100])
def test_numbers_that_are_not_finite_stop_the_run_and_spoil_nothing(tmp_path, what, value, every):
    expected = "loss" if what == "logits" else "gradient"
    model, good = breaking(what=what, value=value), small_model()
    with pytest.raises(
        FloatingPointError, match=f"{expected} became infinite or NaN at step 5"
    ) as e:
        small_fit(model, folder=tmp_path, checkpoint_every=every)
    saved = {1: 4, 2: 4, 100: 0}[every]
    assert "the averaged weights of epoch 1" in str(e.value)
    assert f"{LAST} those of step {saved}. Try a smaller learning_rate in another" in str(e.value)
    assert read_info(tmp_path / LAST)["step"] == saved
    small_fit(good, epochs=3, folder=tmp_path / "good")  # its first epoch is the same
    assert len(lines_of(tmp_path)) == 1
    assert same_weights(model, load_checkpoint(tmp_path))
    for path in (tmp_path / BEST, tmp_path / LAST):
        assert all(weight.isfinite().all() for weight in load_checkpoint(path).parameters())


def test_before_the_first_epoch_the_weights_it_came_with_are_given_back():
    model = breaking(step=2)
    with pytest.raises(FloatingPointError, match=r"step 2\. The model holds the weights it came"):
        small_fit(model)
    assert same_weights(model, small_model())


def test_too_large_a_learning_rate_is_reported_and_never_saved(tmp_path):
    with pytest.raises(FloatingPointError, match="Try a smaller learning_rate"):
        small_fit(small_model(), folder=tmp_path, learning_rate=1e30, checkpoint_every=1)
    for weight in load_checkpoint(tmp_path / LAST).parameters():
        assert weight.isfinite().all()


def test_a_full_disk_keeps_the_last_good_checkpoint_and_the_run_goes_on_later(
    tmp_path, monkeypatch
):
    whole, model = small_model(), small_model()
    small_fit(whole)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    original = RunFolder.save

    def save_on_a_full_disk(self, run):
        if run.step == 6:
            resource.setrlimit(resource.RLIMIT_FSIZE, (3000, old[1]))
        original(self, run)

    monkeypatch.setattr(RunFolder, "save", save_on_a_full_disk)
    try:
        with pytest.raises(OSError, match=rf"{LAST} could not be written.*free some space"):
            small_fit(model, folder=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        monkeypatch.undo()
    assert sorted(content_of(tmp_path)) == [BEST, LAST, METRICS]
    assert read_info(tmp_path / LAST)["step"] == 3
    resumed = small_model(seed=1)
    small_fit(resumed, folder=tmp_path)
    assert same_weights(resumed, whole)


# --- What is refused before anything happens


@dataclass
class Data:
    images: torch.Tensor
    levels: int


BAD_IMAGES = {
    "floats": (TRAIN / 2, r"train must hold integers from 0 to 2, got torch\.float32"),
    "too bright": (TRAIN + 1, "train must hold values from 0 to 2"),
    "too dark": (TRAIN.int() - 1, "train must hold values from 0 to 2"),
    "three colours": (TRAIN.expand(-1, 3, -1, -1), r"train must have shape \(B, 1, H, W\)"),
    "no colour": (TRAIN[:, 0], r"train must have shape \(B, 1, H, W\)"),
    "none": (TRAIN[:0], "train is empty"),
    "an array": (TRAIN.numpy(), r"train must be a torch\.Tensor"),
    "nothing": (None, r"train must be a torch\.Tensor"),
    "other levels": (Data(TRAIN, 17), r"train has 17 levels .* train\.with_levels\(3\)"),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_wrong_images_are_refused_before_anything_is_trained_or_written(tmp_path, kind):
    images, message = BAD_IMAGES[kind]
    model = small_model()
    with pytest.raises(ValueError, match=message):
        small_fit(model, images, VALID, folder=tmp_path / "run")
    if kind != "nothing":
        with pytest.raises(ValueError, match=message.replace("train", "valid")):
            small_fit(model, TRAIN, images, folder=tmp_path / "run")
    assert same_weights(model, small_model())
    assert content_of(tmp_path) == {}


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("epochs", 0), ("epochs", 1.5), ("batch_size", 0), ("batch_size", True),
        ("learning_rate", 0), ("learning_rate", -1), ("learning_rate", math.nan),
        ("learning_rate", math.inf), ("learning_rate", "fast"), ("warm_up", 1.1), ("warm_up", -0.1),
        ("weight_decay", -1), ("clip", 0), ("ema", 2), ("ema", None), ("patience", 0), ("seed", -1),
        ("seed", 0.5), ("checkpoint_every", 0), ("info", {"step": 1}), ("info", {"a": math.nan}),
        ("device", "gpu"), ("valid", stripes(7)[:, :, :4]),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_by_name_before_anything_is_written(tmp_path, argument, value):
    model = small_model()
    with pytest.raises(ValueError, match=f"^{argument} "):
        small_fit(model, folder=tmp_path / "run", **{argument: value})
    assert same_weights(model, small_model())
    assert content_of(tmp_path) == {}


def test_patience_without_validation_images_is_refused():
    with pytest.raises(ValueError, match="patience needs validation images"):
        small_fit(small_model(), valid=None, patience=1)


# --- What stands around the loop


def test_image_data_trains_like_its_tensors():
    one, other = small_model(), small_model()
    small_fit(one)
    small_fit(other, Data(TRAIN, LEVELS), Data(VALID, LEVELS))
    assert same_weights(one, other)


def test_compile_trains_through_torch_compile(monkeypatch):
    compiled = []

    def without_a_compiler(model):
        compiled.append(model)
        return model

    monkeypatch.setattr(torch, "compile", without_a_compiler)
    plain, fast = small_model(), small_model()
    small_fit(plain)
    assert compiled == []
    small_fit(fast, compile=True)
    assert compiled == [fast]
    assert same_weights(plain, fast)


@pytest.mark.parametrize(("progress", "shown"), [(True, True), (False, False), (None, False)])
def test_a_bar_is_shown_on_stderr_and_only_when_asked_for_or_looked_at(capsys, progress, shown):
    small_fit(small_model(), progress=progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("9/9" in err and "bits_per_dim" in err) == shown
    assert (err == "") != shown


def test_a_terminal_gets_a_bar_unasked(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    small_fit(small_model(), progress=None)
    assert "9/9" in capsys.readouterr().err


def test_tensorboard_gets_the_records_when_it_is_installed(tmp_path, monkeypatch):
    calls = []

    class Writer:
        def __init__(self, folder, purge_step):
            calls.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            calls.append((name, value, step))

        def close(self):
            calls.append("closed")

    module = types.SimpleNamespace(SummaryWriter=Writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    small_fit(small_model())
    assert calls == []
    history = small_fit(small_model(), folder=tmp_path)
    assert calls[0] == (tmp_path, 1)
    for record in history.records:
        for name in ("train_nats", "valid_nats", "bits_per_dim", "learning_rate"):
            assert (name, record[name], record["step"]) in calls
    assert calls[-1] == "closed"
    small_fit(small_model(), folder=tmp_path)
    assert calls[-2] == (tmp_path, 10)  # what lies beyond the checkpoint is purged


def test_training_needs_no_tensorboard(tmp_path):
    small_fit(small_model(), folder=tmp_path)
    assert sorted(content_of(tmp_path)) == [BEST, LAST, METRICS]


def test_importing_the_package_loads_nothing_of_training():
    code = (
        "import sys, pixeledu\n"
        "heavy = {'safetensors', 'matplotlib', 'pixeledu.training', 'pixeledu.checkpoints'}\n"
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")


# --- Runs that were begun by an older version


def test_a_run_begun_before_there_was_a_precision_goes_on_to_the_same_end(tmp_path):
    # Stopped at step 5 of 9, and where it ended without a stop: made by the code before `precision`.
    before = Path(__file__).parent / "begun_before"
    shutil.copy(before / LAST, tmp_path)
    model = small_model(hidden=1, layers=0)
    history = small_fit(model, folder=tmp_path, learning_rate=0.02)
    assert [record["step"] for record in history.records] == [3, 6, 9]
    expected = load_checkpoint(before / "end.safetensors")
    for weight, old in zip(model.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(weight, old)  # another processor may round differently
    nats_then = read_info(before / "end.safetensors")["valid_nats"]
    assert history.records[-1]["valid_nats"] == pytest.approx(nats_then, abs=1e-4)


# --- Compiled models


def compiled(model):
    return torch.compile(model, backend="eager")  # nothing is written by a compiler


@pytest.mark.parametrize("part", ["the model", "a layer"])
def test_a_compiled_model_is_kept_like_a_plain_one_and_goes_on_like_one(tmp_path, part):
    def model():
        plain = small_model()
        if part == "the model":
            return compiled(plain)
        plain.first = compiled(plain.first)
        return plain

    plain, fast = small_model(), model()
    save_checkpoint(tmp_path / "m.safetensors", fast)
    assert same_weights(load_checkpoint(tmp_path / "m.safetensors"), plain)
    history = small_fit(plain)
    small_fit(fast, folder=tmp_path / "run", checkpoint_every=2)
    assert not fast.training
    kept = load_checkpoint(tmp_path / "run")
    for mine, other in zip(kept.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, other)
    # The same run goes on in a model that is not compiled, and the other way round.
    for again in (small_model(seed=1), model()):
        assert len(small_fit(again, folder=tmp_path / "run").records) == len(history.records)
        for mine, other in zip(again.parameters(), kept.parameters(), strict=True):
            assert torch.equal(mine, other)


def test_a_file_that_an_older_version_wrote_of_a_compiled_model_can_be_read(tmp_path):
    model = small_model()
    old = {f"_orig_mod.{name}": weight for name, weight in model.state_dict().items()}
    write_tensors(tmp_path / "m.safetensors", old, {"kind": "model", "config": model.config})
    assert same_weights(load_checkpoint(tmp_path / "m.safetensors"), model)


# --- Precision


@pytest.fixture(params=["pixelcnn", "row-lstm", "diagonal-bilstm", "gated-pixelcnn"])
def any_model(request):
    def make():
        torch.manual_seed(0)
        return build_model(request.param, levels=LEVELS, hidden=4, layers=1)

    return make


def test_training_in_bfloat16_stays_close_to_float32_with_weights_in_float32(any_model):
    results = {}
    for precision in ("float32", "bfloat16"):
        model = any_model()
        arguments = {"epochs": 12, "learning_rate": 0.02, "precision": precision}
        records = small_fit(model, **arguments).records
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}
        results[precision] = [record["valid_nats"] for record in records]
    start, end = results["float32"][0], results["float32"][-1]
    assert results["bfloat16"] != results["float32"]
    assert abs(results["bfloat16"][-1] - end) < 0.1 * (start - end)


@pytest.mark.parametrize("kind", ["row-lstm", "diagonal-bilstm"])
def test_bfloat16_multiplies_in_bfloat16_and_scans_in_float32(kind):
    types_of = {"convolution": set(), "scan": set()}
    model = build_model(kind, levels=LEVELS, hidden=4, layers=1)
    for module in model.modules():
        if isinstance(module, RowLSTM | DiagonalBiLSTM):
            module.register_forward_hook(lambda *it: types_of["scan"].add(it[2].dtype))
        elif isinstance(module, torch.nn.Conv2d | MaskedConv2d):
            module.register_forward_hook(lambda *it: types_of["convolution"].add(it[2].dtype))
    small_fit(model, valid=None, epochs=1, precision="bfloat16")
    assert types_of == {"convolution": {torch.bfloat16}, "scan": {torch.float32}}


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_a_stopped_run_of_any_precision_goes_on_to_the_same_bits(tmp_path, precision):
    whole = with_dropout()
    small_fit(whole, precision=precision)
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(_Stop):
        patch.setattr(RunFolder, "save", stopping_at(3, RunFolder.save, True))
        small_fit(with_dropout(), precision=precision, folder=tmp_path, checkpoint_every=2)
    assert 0 < read_info(tmp_path / LAST)["step"] < 9
    resumed = with_dropout()
    small_fit(resumed, precision=precision, folder=tmp_path, checkpoint_every=2)
    assert same_weights(whole, resumed)


def test_a_run_says_which_precision_was_asked_for_and_auto_says_nothing(tmp_path):
    for precision, kept in (("auto", None), ("float32", "float32"), ("bfloat16", "bfloat16")):
        small_fit(small_model(), folder=tmp_path / precision, precision=precision)
        assert read_info(tmp_path / precision / LAST)["settings"]["precision"] == kept
    with pytest.raises(ValueError, match="precision was None and is now 'bfloat16'"):
        small_fit(small_model(), folder=tmp_path / "auto", precision="bfloat16")


def test_auto_is_float32_on_a_processor(any_model):
    models = [any_model(), any_model()]
    for model, precision in zip(models, ("auto", "float32"), strict=True):
        small_fit(model, precision=precision)
    assert same_weights(*models)


@pytest.mark.parametrize("precision", ["float16", "", None, 16, torch.bfloat16])
def test_another_precision_is_refused_before_anything_is_written(tmp_path, precision):
    with pytest.raises(ValueError, match=r"^precision must be one of auto, float32, bfloat16; got"):
        small_fit(small_model(), folder=tmp_path / "run", precision=precision)
    assert content_of(tmp_path) == {}


# --- TensorBoard that does not work


class _Fails:
    """A writer, or a module, whose named method raises something."""

    def __init__(self, where, error):
        self.where, self.error = where, error

    def SummaryWriter(self, *_, **__):
        self.fail_in("SummaryWriter")
        return self

    def add_scalar(self, *_):
        self.fail_in("add_scalar")

    def close(self):
        self.fail_in("close")

    def fail_in(self, where):
        if where == self.where:
            raise self.error


@pytest.mark.parametrize("where", ["import", "SummaryWriter", "add_scalar", "close"])
@pytest.mark.parametrize("error", [TypeError("old protobuf"), RuntimeError("twice"), OSError()])
def test_a_tensorboard_that_fails_is_left_out_with_a_word_and_training_goes_on(
    tmp_path, monkeypatch, where, error
):
    module = _Fails(where, error)
    if where == "import":

        class Raising(types.ModuleType):
            def __getattr__(self, name):
                raise error

        module = Raising("torch.utils.tensorboard")
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    model, plain = small_model(), small_model()
    with pytest.warns(UserWarning, match=rf"^TensorBoard is left out.*{type(error).__name__}"):
        small_fit(model, folder=tmp_path)
    small_fit(plain)
    assert same_weights(model, plain)


# --- Streams that are closed


@pytest.mark.parametrize("progress", [True, None, False])
def test_training_needs_no_streams(monkeypatch, progress):
    plain, model = small_model(), small_model()
    small_fit(plain)
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    small_fit(model, progress=progress)
    assert same_weights(plain, model)
