"""A model as one small file: what is in it, what it costs, and what is refused."""

import hashlib
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeledu import build_model, cli, list_pretrained, load_images, load_pretrained, nats
from pixeledu.checkpoints import save_checkpoint
from pixeledu.cli.loading import labels_for, load_split
from pixeledu.layers import MaskedConv2d
from pixeledu.pretrained import pretrained_card, pretrained_file
from pixeledu.web.export import (
    DTYPES,
    export_model,
    load_export,
    quantising_cost,
    read_export_info,
    save_export,
)

ROOT = Path(__file__).parents[3]
KINDS = ("pixelcnn", "row-lstm", "diagonal-bilstm", "gated-pixelcnn")
LARGEST = 100_000  # bytes of a model on the site


@st.composite
def models(draw):
    """Small models of every kind, no weight of which is 0."""
    channels = draw(st.sampled_from([1, 3, 4]))
    config = {
        "channels": channels,
        "levels": draw(st.integers(2, 5)),
        "hidden": draw(st.integers(channels, 9)),
        "layers": draw(st.integers(0, 2)),
        "classes": draw(st.sampled_from([None, 2, 5])),
        "guide": draw(st.sampled_from([None, 2, 3])),
        "output": draw(st.sampled_from(["softmax", "logistics"])),
    }
    model = build_model(draw(st.sampled_from(KINDS)), **config)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    for weight in model.parameters():
        spread = 10.0 ** torch.randint(-3, 3, weight.shape[:1], generator=generator)
        noise = torch.randn(weight.shape, generator=generator)
        weight.data = noise * spread.view(-1, *[1] * (weight.dim() - 1))
    return model


def masks_of(model) -> dict:
    """What the masks leave of each weight that has one."""
    modules = model.named_modules()
    return {f"{name}.weight": m.mask for name, m in modules if isinstance(m, MaskedConv2d)}


def opened(content: bytes) -> tuple[dict, bytes]:
    size = int.from_bytes(content[8:12], "little")
    return json.loads(content[12 : 12 + size]), content[12 + size :]


def packed(header, weights: bytes) -> bytes:
    """A file whose checksum is right, whatever is in it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    content = len(text).to_bytes(4, "little") + text + weights
    return b"PXE1" + zlib.crc32(content).to_bytes(4, "little") + content


# ---- what comes back ----------------------------------------------------------------------------


@given(models(), st.sampled_from(DTYPES))
def test_a_model_comes_back_with_almost_the_same_weights(model, dtype):
    twin = load_export(export_model(model, dtype))
    assert twin.config == model.config
    assert not twin.training
    masks = masks_of(model)
    for name, weight in model.state_dict().items():
        weight = weight * masks.get(name, 1)
        matrix = weight.dim() > 1 and ".outside_" not in name
        if dtype == "int8" and matrix:
            # Half a step of a row: its largest weight has 127 steps.
            taps = 2 if name.endswith("state_to_state") else weight.dim() - 1
            largest = weight.abs().flatten(-taps).amax(-1)
            bound = (largest / 127 * 0.5001).view(*largest.shape, *[1] * taps)
        else:
            bound = weight.abs() * 2.0**-11 + 2.0**-25
        difference = (twin.state_dict()[name] - weight).abs()
        assert (difference <= bound).all(), name


@given(models(), st.sampled_from(DTYPES))
def test_exporting_what_came_back_gives_the_same_bytes(model, dtype):
    content = export_model(model, dtype, size=[3, 4])
    assert export_model(load_export(content), dtype, size=[3, 4]) == content


@given(models(), st.sampled_from(DTYPES))
def test_no_masked_weight_travels(model, dtype):
    content = export_model(model, dtype)
    state, count = model.state_dict(), 0
    masks = masks_of(model)
    for name, weight in state.items():
        mask = masks.get(name, torch.ones(weight.shape, dtype=torch.bool))
        small = dtype == "int8" and weight.dim() > 1 and ".outside_" not in name
        both_directions = name.endswith("state_to_state") and weight.dim() == 4
        rows = weight.shape[: 1 + both_directions].numel()
        count += int(mask.sum()) + 4 * rows if small else 2 * int(mask.sum())
        weight.masked_fill_(~mask, 77.0)
    assert len(opened(content)[1]) == count
    assert export_model(model, dtype) == content


@given(models())
def test_the_bytes_do_not_depend_on_type_or_device_of_the_model(model):
    assert export_model(model.double()) == export_model(model.float())


def test_a_row_of_zeros_stays_zero():
    model = build_model("pixelcnn", hidden=2, layers=0)
    model.head.mix.weight.data[1] = 0
    twin = load_export(export_model(model))
    assert (twin.head.mix.weight[1] == 0).all()


def test_a_file_says_what_it_holds(tmp_path):
    model = build_model("row-lstm", levels=3, hidden=2, layers=1)
    path = tmp_path / "model.pxe"
    size = save_export(path, model, "float16", size=[8, 8], data="digits")
    assert path.stat().st_size == size
    facts = {"config": model.config, "dtype": "float16", "size": [8, 8], "data": "digits"}
    assert read_export_info(path) == read_export_info(path.read_bytes()) == facts
    assert load_export(path).config == model.config


@pytest.mark.parametrize(("levels", "dtype"), [(2, "int8"), (63, "int8"), (64, "float16")])
def test_weights_are_stored_in_8_bits_unless_neighbouring_levels_lie_too_close_for_that(
    levels, dtype
):
    model = build_model("pixelcnn", levels=levels, hidden=2, layers=0)
    assert export_model(model) == export_model(model, dtype)


# ---- what it costs ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list_pretrained())
def test_a_shipped_model_is_small_and_as_good_as_before(name):
    model, card = load_pretrained(name), pretrained_card(name)
    content = export_model(model)
    if card["name"].split("-")[0] in ("digits", "mnist16"):  # those on the site
        assert len(content) <= LARGEST
    data = load_split(card["check"]["data"], "test", model.levels, card["data"].get("smaller"))
    labels = labels_for(model, data)  # none of what stands for another set
    labels = labels if labels is None else labels[:32]
    assert abs(quantising_cost(model, content, data.images[:32], labels)["percent"]) <= 0.5


def test_what_packing_costs_is_stated_for_every_model_that_ships():
    rows = json.loads((ROOT / "pixeledu" / "measured" / "export.json").read_text())["rows"]
    stated = {(row["model"], row["dtype"]): row for row in rows}
    for name in list_pretrained():
        content = export_model(load_pretrained(name))
        row = stated.get((name, read_export_info(content)["dtype"]), {"sha256": "nothing"})
        digest = hashlib.sha256(pretrained_file(name).read_bytes()).hexdigest()
        assert row["sha256"] == digest[:16], f"run `python benchmarks/export.py {name}`"
        assert row["percent"] <= 0.5
        assert row["bytes"] == len(content)


def test_the_cost_is_the_growth_of_the_nats():
    torch.manual_seed(1)
    model = build_model("pixelcnn", levels=4, hidden=3, layers=1)
    images = torch.randint(0, 4, (5, 1, 6, 6))
    content = export_model(model)
    cost = quantising_cost(model, content, images)
    before, after = nats(model, images).mean(), nats(load_export(content), images).mean()
    assert cost["before"] == pytest.approx(before.item())
    assert cost["after"] == pytest.approx(after.item())
    assert cost["percent"] == pytest.approx(100 * (after / before - 1).item(), abs=1e-6)
    assert cost["images"] == 5
    with pytest.raises(ValueError, match="images is empty"):
        quantising_cost(model, content, images[:0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_cost_of_another_models_export_is_not_measured(dtype):
    images = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    model, twin = (build_model("pixelcnn", hidden=3, layers=1) for _ in range(2))
    deeper = build_model("pixelcnn", hidden=3, layers=2)
    assert quantising_cost(model, export_model(model, dtype, note="mine"), images)["images"] == 1
    for other in (twin, deeper):
        with pytest.raises(ValueError, match="source must be an export of this model"):
            quantising_cost(model, export_model(other, dtype), images)


# ---- what is refused ----------------------------------------------------------------------------


def small(dtype: str = "int8") -> bytes:
    torch.manual_seed(0)
    return export_model(build_model("diagonal-bilstm", hidden=2, layers=1), dtype)


@settings(max_examples=200)
@given(st.data())
def test_a_file_that_is_cut_or_changed_anywhere_is_refused(data):
    content = small()
    cut = content[: data.draw(st.integers(0, len(content) - 1))]
    changed = bytearray(content)
    changed[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    for damaged in (cut, bytes(changed), content + b"\0"):
        for read in (load_export, read_export_info):
            with pytest.raises(ValueError, match=r"the export is damaged.*Export the model again"):
                read(damaged)


HEADERS = [
    {},
    {"config": None},
    {"config": {"model": "gru"}},
    {"config": {"layers": 1e99}},
    {"config": {"layers": 10**9}},
    {"config": {"layers": -1}},
    {"config": {"layers": "1"}},
    {"config": {"hidden": 10**9}},
    {"config": {"hidden": 3}},
    {"config": {"channels": 10**9}},
    {"config": {"channels": 2.5}},
    {"config": {"levels": 10**9}},
    {"config": {"levels": 3}},
    {"config": {"kernel": 3}},
    {"config": {"classes": 10}},
    {"config": {"classes": 10**9}},
    {"config": {"guide": 2}},
    {"config": {"guide": 100}},  # 10,000 weights
    {"config": {"output": "logistics"}},
    {"config": {"output": "mixture"}},
    {"dtype": "int4"},
    {"dtype": None},
    {"dtype": "float16"},
]


@pytest.mark.parametrize("change", HEADERS, ids=str)
def test_a_header_that_does_not_fit_is_refused(change):
    header, weights = opened(small())
    config = header["config"] | change["config"] if change.get("config") else change.get("config")
    header = header | change | ({"config": config} if "config" in change else {})
    if not change:
        header = {}
    with pytest.raises(ValueError, match="the export is damaged"):
        load_export(packed(header, weights))


@pytest.mark.parametrize(
    "header", [b"", b"[]", b"null", b"7", b"{", b"\xff", b"[" * 9000, b'{"a":NaN}']
)
def test_a_header_that_is_no_object_is_refused(header):
    for read in (load_export, read_export_info):
        with pytest.raises(ValueError, match="the export is damaged"):
            read(packed(header, opened(small())[1]))


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
def test_a_file_with_a_number_that_is_not_finite_is_refused(number):
    header, weights = opened(small("float16"))
    broken = np.frombuffer(weights, "<f2").copy()
    broken[7] = number
    with pytest.raises(ValueError, match="not finite"):
        load_export(packed(header, broken.tobytes()))


def test_another_kind_of_file_is_refused_by_name(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG")
    with pytest.raises(ValueError, match=r"picture\.png is damaged: it is no export of pixeledu"):
        load_export(path)
    with pytest.raises(FileNotFoundError):
        load_export(tmp_path / "nothing.pxe")


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_that_do_not_fit_into_the_file_are_refused(dtype, tmp_path):
    path = tmp_path / "model.pxe"
    model = build_model("pixelcnn", hidden=2, layers=0)
    save_export(path, model, dtype)
    before = path.read_bytes()
    model.first.bias.data[0] = 1e5
    with pytest.raises(ValueError, match=r"first\.bias are too large"):
        save_export(path, model, dtype)
    model.first.bias.data[0] = float("nan")
    with pytest.raises(FloatingPointError, match=r"first\.bias hold NaN"):
        save_export(path, model, dtype)
    assert path.read_bytes() == before


def test_wrong_arguments_are_refused():
    model = build_model("pixelcnn", hidden=2, layers=0)
    with pytest.raises(ValueError, match=r"dtype must be one of .*'int8'.*, got 'int4'"):
        export_model(model, "int4")
    with pytest.raises(ValueError, match="info must hold what JSON can hold"):
        export_model(model, size={1, 2})
    with pytest.raises(ValueError, match="info must fit into"):
        export_model(model, note="x" * 20_000)
    with pytest.raises(ValueError, match="model must have a dict `config`"):
        export_model(torch.nn.Linear(2, 2))


# ---- the command line ---------------------------------------------------------------------------


def test_the_command_writes_the_file_and_says_what_it_costs(tmp_path, capsys):
    torch.manual_seed(2)
    model = build_model("pixelcnn", levels=17, hidden=4, layers=1)
    checkpoint, out = tmp_path / "model.safetensors", tmp_path / "model.pxe"
    save_checkpoint(checkpoint, model, data="digits", size=[8, 8])
    words = ["export", "--checkpoint", str(checkpoint), "--out", str(out), "--n", "20"]
    assert cli.main(words) == 0
    printed, err = capsys.readouterr()
    assert err == ""
    content = export_model(model, size=[8, 8], data="digits")
    assert out.read_bytes() == content
    cost = quantising_cost(model, content, load_images("digits", "test").images[:20])
    assert printed.splitlines() == [
        f"weights: {sum(weight.numel() for weight in model.parameters())}",
        f"test: {cost['before']:.3f} nats before, {cost['after']:.3f} after "
        f"({cost['percent']:+.3f} %), 20 images",
        f"saved: {out} ({len(content)} bytes)",
    ]


def test_the_command_measures_a_model_of_classes_with_the_labels(tmp_path, capsys):
    torch.manual_seed(2)
    options = {"classes": 10, "output": "logistics", "guide": 4, "levels": 17}
    model = build_model("gated-pixelcnn", hidden=4, layers=1, **options)
    checkpoint, out = tmp_path / "model.safetensors", tmp_path / "model.pxe"
    save_checkpoint(checkpoint, model, data="digits", size=[8, 8])
    words = ["export", "--checkpoint", str(checkpoint), "--out", str(out), "--n", "20"]
    assert cli.main(words) == 0
    digits, twin = load_images("digits", "test"), load_export(out)
    assert twin.config == model.config
    wanted = [nats(its, digits.images[:20], digits.labels[:20]).mean() for its in (model, twin)]
    assert f"{wanted[0]:.3f} nats before, {wanted[1]:.3f} after" in capsys.readouterr().out


def test_the_command_refuses_in_one_line(tmp_path, capsys):
    assert cli.main(["export", "--checkpoint", str(tmp_path / "nothing")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pixeledu: error: ")
    assert err.count("\n") == 1
    with pytest.raises(SystemExit):
        cli.main(["export", "--pretrained", "digits-pixelcnn", "--dtype", "int4"])
