"""What a file says of itself is checked before anything is built, allocated or changed for it."""

import json
import os
import struct
import zlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pixeledu import PixelCNN, build_model
from pixeledu.checkpoints import LAST, load_checkpoint, read_info, save_checkpoint
from pixeledu.tensor_files import packed, read_facts, read_tensors, write_tensors
from pixeledu.training import fit, run
from pixeledu.web.export import export_model, load_export

# Whatever JSON can hold, in any place where something else is expected.
ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
IMAGES = torch.zeros(6, 1, 5, 4, dtype=torch.uint8)


def small_model():
    return PixelCNN(channels=1, levels=3, hidden=1, layers=0)


def small_fit(folder, model=None):
    return fit(model or small_model(), IMAGES, epochs=2, batch_size=4, folder=folder)


@pytest.fixture(scope="module")
def last(tmp_path_factory):
    """The tensors and facts of a run, and a folder to write changed ones into."""
    folder = tmp_path_factory.mktemp("run")
    small_fit(folder)
    return *read_tensors(folder / LAST), folder


@pytest.fixture
def unbuilt(monkeypatch):
    """Let the test fail where a model is built."""

    def build(**config):
        raise AssertionError(f"{config} is built")

    monkeypatch.setattr("pixeledu.checkpoints.build_model", build)
    monkeypatch.setattr("pixeledu.web.export.build_model", build)


# --- Checkpoints of models


@given(info=ANY_JSON)
def test_metadata_of_any_shape_is_one_clear_error(tmp_path_factory, info):
    path = tmp_path_factory.mktemp("file") / "m.safetensors"
    header = {
        "weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        "__metadata__": {"pixeledu": json.dumps(info)},
    }
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    for read in (load_checkpoint, read_info):
        try:
            read(path)
        except ValueError as error:
            said = str(error).splitlines()
            assert len(said) == 1 and "m.safetensors" in said[0]  # noqa: PT018
        else:
            assert read is read_info
            assert isinstance(info, dict)


@given(header=ANY_JSON)
def test_a_header_of_any_shape_is_one_clear_error(tmp_path_factory, header):
    path = tmp_path_factory.mktemp("file") / "m.safetensors"
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    for read in (load_checkpoint, read_info):
        with pytest.raises(ValueError, match=r"m\.safetensors (is damaged|was not written)"):
            read(path)


@given(config=ANY_JSON)
def test_a_config_of_any_shape_is_one_clear_error(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("file") / "m.safetensors"
    write_tensors(path, small_model().state_dict(), {"kind": "model", "config": config})
    with pytest.raises(ValueError, match=r"m\.safetensors holds a model that this version"):
        load_checkpoint(path)


GIANTS = [
    {"hidden": 12_000},
    {"layers": 20_000},
    {"channels": 5_000, "hidden": 5_000},
    {"hidden": 10**30},
]


@pytest.mark.parametrize("giant", GIANTS, ids=str)
def test_a_small_file_that_claims_a_giant_is_refused_before_one_is_built(tmp_path, unbuilt, giant):
    model = small_model()
    content = packed(model.state_dict(), {"kind": "model", "config": model.config | giant})
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"cannot build: (.* too few for|it has the weights of 0 b)"
    ):
        load_checkpoint(tmp_path / "m.safetensors")


def test_many_empty_tensors_are_refused_before_any_is_made(tmp_path, monkeypatch):
    names = [f"blocks.{number}.weight" for number in range(100_000)]
    header = {name: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for name in names}
    config = small_model().config | {"layers": 100_000}
    info = {"kind": "model", "config": config, "sha256": ""}
    text = json.dumps(header | {"__metadata__": {"pixeledu": json.dumps(info)}}).encode()
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    monkeypatch.setattr("pixeledu.tensor_files.load", None)
    with pytest.raises(ValueError, match="0 numbers are too few"):
        load_checkpoint(tmp_path / "m.safetensors")


def test_a_header_that_promises_more_than_the_file_holds_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr("pixeledu.tensor_files.load", None)
    header = {"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    text = json.dumps(header | {"__metadata__": {"pixeledu": '{"sha256": ""}'}}).encode()
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        load_checkpoint(tmp_path / "m.safetensors")


@pytest.mark.parametrize("change", ["shape", "type", "missing", "another"])
def test_weights_that_are_not_those_of_the_model_are_named(tmp_path, change):
    model = small_model()
    tensors = model.state_dict()
    name = "first.weight"
    if change == "shape":
        tensors[name] = tensors[name][1:]
    elif change == "type":
        tensors[name] = tensors[name].double()
    elif change == "missing":
        del tensors[name]
    else:
        tensors["second.weight"] = tensors[name]
    write_tensors(tmp_path / "m.safetensors", tensors, {"kind": "model", "config": model.config})
    message = {"type": "types F32, F64", "another": r"second\.weight"}.get(change, r"first\.weight")
    with pytest.raises(ValueError, match=message):
        load_checkpoint(tmp_path / "m.safetensors")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_model_comes_back_in_the_type_it_was_saved_in(tmp_path, dtype):
    model = small_model().to(dtype)
    save_checkpoint(tmp_path / "m.safetensors", model)
    again = load_checkpoint(tmp_path / "m.safetensors")
    assert {weight.dtype for weight in again.state_dict().values()} == {dtype}
    assert all(map(torch.equal, model.state_dict().values(), again.state_dict().values()))


def test_a_file_that_is_no_checkpoint_is_not_to_be_deleted(tmp_path):
    (tmp_path / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\n" * 9)
    with pytest.raises(ValueError, match="is damaged or no checkpoint") as refused:
        load_checkpoint(tmp_path / "passwd")
    assert "delete" not in str(refused.value)


def test_a_folder_in_the_place_of_a_checkpoint_is_named(tmp_path):
    (tmp_path / "run" / LAST).mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="there is no checkpoint at"):
        load_checkpoint(tmp_path / "run" / LAST)
    with pytest.raises(ValueError, match=rf"{LAST} is a folder: choose another folder"):
        small_fit(tmp_path / "run")
    with pytest.raises(OSError, match=rf"{LAST} cannot be read: Is a directory"):
        read_tensors(tmp_path / "run" / LAST)


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs a file that has no end")
def test_a_file_that_can_be_opened_and_not_read_is_named():
    for read in (load_checkpoint, read_facts):
        with pytest.raises(OSError, match="/proc/self/mem cannot be read: "):
            read("/proc/self/mem")


# --- Runs


def refused(last, tensors, facts):
    """Try to go on from changed contents, after which nothing may have changed."""
    folder = last[2]
    write_tensors(folder / LAST, tensors, facts)
    before = (folder / LAST).read_bytes()
    model = small_model()
    weights = [weight.clone() for weight in model.parameters()]
    with pytest.raises(ValueError, match=rf"{LAST}|holds another run: ") as error:
        small_fit(folder, model)
    assert (folder / LAST).read_bytes() == before
    assert all(map(torch.equal, weights, model.parameters()))
    return str(error.value)


OPTIMIZER = ["exp_avg", "exp_avg_sq", "step"]


@pytest.mark.parametrize("of_adam", OPTIMIZER)
@pytest.mark.parametrize("change", ["short", "empty", "type", "missing", "longer"])
def test_a_tensor_of_the_optimizer_that_does_not_fit_never_reaches_it(last, of_adam, change):
    tensors = dict(last[0])
    name = f"optimizer.first.weight.{of_adam}"
    if change == "missing":
        del tensors[name]
    else:
        tensors[name] = {
            "short": tensors[name].flatten()[:1].clone(),
            "empty": tensors[name].flatten()[:0],
            "type": tensors[name].double(),
            "longer": torch.zeros(99, 99),
        }[change]
    assert f"first.weight.{of_adam}" in refused(last, tensors, last[1])


@given(
    name=st.sampled_from(["step", "nats", "seconds", "records", "settings", "config", "kind"]),
    value=ANY_JSON,
)
def test_facts_of_any_shape_are_refused_or_those_that_were(last, name, value):
    if value == last[1][name] or (name in ("nats", "seconds") and _is_number(value)):
        return  # (another step is refused, because the records do not fit to it)
    refused(last, last[0], last[1] | {name: value})


def _is_number(value):
    return type(value) in (int, float)


@given(record=st.sampled_from(run.RECORD), value=ANY_JSON)
def test_records_of_any_shape_are_refused(last, record, value):
    if _is_number(value) or (record == "valid_nats" and value is None):
        return
    records = [dict(one) for one in last[1]["records"]]
    records[1][record] = value
    refused(last, last[0], last[1] | {"records": records})


@pytest.mark.parametrize("name", ["step", "records", "settings", "config"])
def test_facts_that_are_missing_are_refused(last, name):
    refused(last, last[0], {key: value for key, value in last[1].items() if key != name})


def test_a_run_goes_on_in_the_type_it_was_begun_in(last, tmp_path):
    write_tensors(last[2] / LAST, last[0], last[1])
    with pytest.raises(ValueError, match=r"is F32 .* there and F64 .* here; choose another folder"):
        small_fit(last[2], small_model().double())
    small_fit(tmp_path, small_model().double())
    assert {weight.dtype for weight in load_checkpoint(tmp_path).parameters()} == {torch.float64}


# --- Exports


@pytest.mark.parametrize("giant", GIANTS, ids=str)
def test_an_export_that_claims_a_giant_is_refused_before_it_is_built(giant, monkeypatch):
    deepest, build = [], build_model

    def noting(**config):
        deepest.append(config["layers"])
        return build(**config)

    monkeypatch.setattr("pixeledu.web.export.build_model", noting)
    content = export_model(small_model())
    _, _, rest = content[8:].partition(b'"config":')
    config = json.dumps(small_model().config, separators=(",", ":")).encode()
    claimed = json.dumps(small_model().config | giant, separators=(",", ":")).encode()
    text = (b'{"config":' + rest).replace(config, claimed)
    end = text.index(b"}}") + 2  # of "info":{}
    header, weights = text[:end], text[end:] + bytes(30_000 if "layers" in giant else 0)
    body = len(header).to_bytes(4, "little") + header + weights
    content = b"PXE1" + zlib.crc32(body).to_bytes(4, "little") + body
    with pytest.raises(ValueError, match="too few for"):
        load_export(content)
    assert all(layers <= 1 for layers in deepest)
