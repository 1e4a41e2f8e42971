"""A model in a file comes back whole, or not at all and with a reason."""

import contextlib
import os
import pickle
import resource
import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from pixeledu import PixelCNN
from pixeledu.checkpoints import (
    BEST,
    LAST,
    load_checkpoint,
    read_info,
    save_checkpoint,
    write_tensors,
)
from pixeledu.files import write_atomically


@contextlib.contextmanager
def disk_full_after(size):
    """Let every file of this process end after `size` bytes, as on a full disk."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def small_model():
    return PixelCNN(channels=1, levels=3, hidden=2, layers=1)


def same_weights(one, other):
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model, its file, and a place for damaged copies of the file."""
    folder = tmp_path_factory.mktemp("saved")
    model = small_model()
    save_checkpoint(folder / "model.safetensors", model)
    return model, (folder / "model.safetensors").read_bytes(), folder / "copy.safetensors"


@given(
    channels=st.integers(1, 3), levels=st.integers(2, 9), hidden=st.integers(3, 6),
    layers=st.integers(0, 2), strided=st.booleans(), seed=st.integers(0, 9),
)  # fmt: skip
def test_a_model_comes_back_bit_for_bit(saved, channels, levels, hidden, layers, strided, seed):
    torch.manual_seed(seed)
    model = PixelCNN(channels, levels, hidden, layers)
    if strided:
        model.to(memory_format=torch.channels_last)
    save_checkpoint(saved[2], model, seed=seed)
    again = load_checkpoint(saved[2])
    assert same_weights(model, again)
    assert again.config == model.config
    assert not again.training
    assert read_info(saved[2])["seed"] == seed


def test_the_same_model_gives_the_same_bytes(saved):
    for _ in range(3):
        save_checkpoint(saved[2], saved[0])
        assert saved[2].read_bytes() == saved[1]


def test_what_is_kept_beside_the_weights_comes_back(tmp_path):
    info = {"data": "digits", "nats": 81.25, "size": [8, 8], "grey": True, "note": "Größe ≥ 8"}
    model = small_model()
    save_checkpoint(tmp_path / "m.safetensors", model, **info)
    assert read_info(tmp_path / "m.safetensors") == {
        "kind": "model", "config": model.config, **info,
    }  # fmt: skip


@pytest.mark.parametrize(
    "info",
    [{"a": float("nan")}, {"a": torch.zeros(1)}, {"kind": "x"}, {"config": {}}, {"sha256": ""}],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_written(tmp_path, info):
    with pytest.raises(ValueError, match="info must"):
        save_checkpoint(tmp_path / "m.safetensors", small_model(), **info)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_config_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Conv2d has none; keep its state_dict\(\) yourself"):
        save_checkpoint(tmp_path / "m.safetensors", torch.nn.Conv2d(1, 1, 1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "came"),
    [
        (lambda model: model.first.double(), "torch.float32, torch.float64"),
        (lambda model: model.to(torch.float8_e5m2), "torch.float8_e5m2"),
    ],
)
def test_weights_that_could_not_be_loaded_are_not_saved(tmp_path, change, came):
    model = small_model()
    change(model)
    with pytest.raises(ValueError, match=f"weights of one floating type to be saved, got {came}"):
        save_checkpoint(tmp_path / "m.safetensors", model)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_broken_weights_never_replace_good_ones(tmp_path, broken):
    path, model = tmp_path / "m.safetensors", small_model()
    save_checkpoint(path, model)
    good = path.read_bytes()
    with torch.no_grad():
        model.head.mix.bias[1] = broken
    with pytest.raises(FloatingPointError, match=r"head\.mix\.bias.*m\.safetensors was not"):
        save_checkpoint(path, model)
    assert path.read_bytes() == good


@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_off_is_refused_by_name(saved, share):
    _, content, copy = saved
    copy.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"copy\.safetensors is damaged.*(delete it|copy)"):
        load_checkpoint(copy)


@given(place=st.integers(0, 10**9), flip=st.integers(1, 255))
def test_a_changed_byte_never_gives_other_weights(saved, place, flip):
    model, content, copy = saved
    place %= len(content)
    copy.write_bytes(content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :])
    try:
        again = load_checkpoint(copy)
    except ValueError as error:
        assert "copy.safetensors" in str(error)  # noqa: PT017
    else:  # a blank in the header became another blank
        assert same_weights(model, again)


class _Trap:
    def __reduce__(self):
        return (os.putenv, ("SPRUNG", "1"))


@pytest.mark.parametrize("content", [b"", b"no weights", pickle.dumps(_Trap()), b"\xff" * 4096])
def test_a_foreign_file_is_refused_by_name(tmp_path, content):
    (tmp_path / "foreign.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"foreign\.pt is damaged"):
        load_checkpoint(tmp_path / "foreign.pt")
    with pytest.raises(ValueError, match=r"foreign\.pt is damaged"):
        read_info(tmp_path / "foreign.pt")


def test_weights_of_another_program_are_refused_by_name(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"other\.safetensors was not written by pixeledu"):
        load_checkpoint(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    "config",
    [{}, {"model": "transformer"}, {"model": "pixelcnn", "heads": 8}, {"model": "pixelcnn"}, [1]],
)
def test_a_model_that_is_not_known_here_is_refused_by_name(tmp_path, config):
    path = tmp_path / "new.safetensors"
    write_tensors(path, small_model().state_dict(), {"kind": "model", "config": config})
    with pytest.raises(ValueError, match=r"new\.safetensors holds a model that this version"):
        load_checkpoint(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint at .*nowhere"):
        load_checkpoint(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=rf"there is no checkpoint at .*{BEST}"):
        load_checkpoint(tmp_path)
    (tmp_path / LAST).touch()
    with pytest.raises(FileNotFoundError, match="the first epoch has not finished"):
        load_checkpoint(tmp_path)


def test_a_folder_stands_for_its_best_model(tmp_path):
    model = small_model()
    save_checkpoint(tmp_path / BEST, model, epoch=3)
    assert same_weights(load_checkpoint(tmp_path), model)
    assert read_info(tmp_path)["epoch"] == 3


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cpu:x"])
def test_a_device_that_is_not_there_is_named(tmp_path, device):
    save_checkpoint(tmp_path / "m.safetensors", small_model())
    with pytest.raises(ValueError, match=f'device {device} cannot be used.*"cpu" always can'):
        load_checkpoint(tmp_path / "m.safetensors", device)


@given(share=st.floats(0, 1, exclude_max=True), old=st.binary(max_size=50))
def test_a_full_disk_keeps_the_old_file_and_leaves_no_other(saved, share, old):
    folder = saved[2].parent / "full"
    folder.mkdir(exist_ok=True)
    (folder / "m.safetensors").write_bytes(old)
    with (
        disk_full_after(int(share * len(saved[1]))),
        pytest.raises(OSError, match=r"m\.safetensors could not be written: .*free some space"),
    ):
        save_checkpoint(folder / "m.safetensors", saved[0])
    assert (folder / "m.safetensors").read_bytes() == old
    assert [path.name for path in folder.iterdir()] == ["m.safetensors"]


def test_ctrl_c_while_writing_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"old")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_file_is_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    calls = []

    def noting(name, original):
        def call(*arguments):
            calls.append(name)
            return original(*arguments)

        return call

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, noting(name, getattr(os, name)))
    write_atomically(tmp_path / "file", b"content")
    assert calls == ["fsync", "replace"]


def test_missing_folders_are_made_and_a_file_in_the_way_is_an_error(tmp_path):
    write_atomically(tmp_path / "a" / "b" / "file", b"content")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"content"
    with pytest.raises(OSError, match="could not be written"):
        write_atomically(tmp_path / "a" / "b" / "file" / "below", b"content")
    with pytest.raises(OSError, match="could not be written"):
        write_atomically(tmp_path / "a", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_reader_always_finds_a_whole_file(tmp_path):
    path, models = tmp_path / "m.safetensors", [small_model(), small_model()]
    save_checkpoint(path, models[0])
    done = threading.Event()

    def rewrite():
        for turn in range(60):
            save_checkpoint(path, models[turn % 2])
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = set()
    while not done.is_set():
        found = load_checkpoint(path)
        seen.add(next(i for i, model in enumerate(models) if same_weights(model, found)))
    writer.join()
    assert seen == {0, 1}
