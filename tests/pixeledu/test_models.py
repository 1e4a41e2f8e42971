import json

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from pixeledu import PAPER_CONFIGS, PixelCNN, PixelRNN, build_model, check_causality
from pixeledu.masks import group_slices
from pixeledu.reports import Offset


def plain_pixelcnn(model, images):
    """Compute the PixelCNN as other code does: full kernels, masked, one image layout."""

    def conv(layer, x):
        rows, columns = layer.weight.shape[2:]
        full = F.pad(layer.weight * layer.mask, (0, 0, 0, rows - 1))
        return F.conv2d(x, full, layer.bias, padding=(rows - 1, columns // 2))

    x = conv(model.first, images.double() / (model.levels - 1) * 2 - 1)
    for block in model.blocks:
        x = x + conv(block.expand, conv(block.convolve, conv(block.reduce, x.relu()).relu()).relu())
    x = conv(model.head.predict, conv(model.head.mix, x.relu()).relu())
    colours = [x[:, part] for part in group_slices(x.shape[1], model.channels)]
    return torch.stack(colours, dim=2)  # (B, levels, C, H, W)


@given(
    channels=st.sampled_from([1, 2, 3]),
    levels=st.sampled_from([2, 5, 256]),
    size=st.tuples(st.integers(0, 2), st.integers(1, 9), st.integers(1, 9)),
    layers=st.integers(0, 2),
)
def test_the_network_is_the_one_in_the_paper(channels, levels, size, layers):
    model = PixelCNN(channels, levels, hidden=4, layers=layers).double()
    images = torch.randint(levels, (size[0], channels, *size[1:]))
    torch.testing.assert_close(model(images), plain_pixelcnn(model, images))


def test_the_paper_s_layers_have_the_paper_s_sizes():
    model = PixelCNN(hidden=16, layers=7)
    assert model.first.weight.shape == (32, 1, 4, 7)
    assert len(model.blocks) == 7
    shapes = [
        tuple(layer.weight.shape)
        for layer in (model.blocks[0].reduce, model.blocks[0].convolve, model.blocks[0].expand)
    ]
    assert shapes == [(16, 32, 1, 1), (16, 16, 2, 3), (32, 16, 1, 1)]
    assert model.head.predict.weight.shape == (2, 32, 1, 1)


def test_no_value_sees_itself_or_a_later_one_in_any_colour():
    for channels in (1, 3):
        for seed in range(3):
            torch.manual_seed(seed)
            model = PixelCNN(channels, 4, hidden=7, layers=2)
            assert check_causality(model, channels, 6, 5, 4).causal


def test_every_earlier_value_arrives_but_for_the_blind_spot():
    report = check_causality(PixelCNN(1, 2, hidden=12, layers=5), 1, 5, 9, 2)
    # (-1, +4) and beyond, (-2, +5) and beyond, …: nothing moves right faster than it moves up.
    blind = {(row, column) for row in range(-4, 0) for column in range(4 - (1 + row), 9)}
    assert {(o.row, o.column) for o in report.unseen} == blind


def test_a_colour_sees_the_earlier_colours_of_its_own_pixel():
    report = check_causality(PixelCNN(3, 4, hidden=6, layers=1), 3, 3, 3, 4)
    assert report.causal
    assert report.complete
    assert not {Offset(0, 0, 0, 1), Offset(0, 0, 0, 2), Offset(0, 0, 1, 2)} & report.unseen


def test_a_model_can_be_rebuilt_from_its_config_written_as_json():
    model = PixelCNN(3, 17, hidden=6, layers=2)
    twin = build_model(**json.loads(json.dumps(model.config)))
    assert twin.config == model.config
    twin.load_state_dict(model.state_dict())
    images = torch.randint(17, (2, 3, 5, 4))
    torch.testing.assert_close(twin(images), model(images), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["row-lstm", "diagonal-bilstm"])
def test_a_recurrent_model_can_be_rebuilt_from_its_config_written_as_json(name):
    model = PixelRNN({"row-lstm": "row", "diagonal-bilstm": "diagonal"}[name], 3, 5, 6, 2)
    twin = build_model(**json.loads(json.dumps(model.config)))
    assert twin.config == model.config == {**model.config, "model": name}
    twin.load_state_dict(model.state_dict())
    images = torch.randint(5, (2, 3, 4, 3))
    torch.testing.assert_close(twin(images), model(images), rtol=0, atol=0)


def test_the_recurrent_layers_have_the_paper_s_sizes():
    model = build_model("mnist-row-lstm")
    block = model.blocks[0]
    assert len(model.blocks) == 7
    assert model.first.weight.shape == (32, 1, 4, 7)
    assert block.lstm.input_to_state.weight.shape == (64, 32, 1, 3)
    assert block.lstm.state_to_state.shape == (64, 16, 3)
    assert block.expand.weight.shape == (32, 16, 1, 1)
    block = build_model("mnist-diagonal-bilstm-1").blocks[0]
    assert block.lstm.input_to_state.weight.shape == (2 * 128, 64, 1, 1)
    assert block.lstm.state_to_state.shape == (2, 128, 32, 2)


@pytest.mark.parametrize("name", PAPER_CONFIGS)
def test_a_configuration_of_the_paper_is_built_by_its_name_and_can_be_changed(name):
    model = build_model(name, hidden=6, layers=1)
    expected = {**PAPER_CONFIGS[name], "hidden": 6, "layers": 1}
    assert model.config == expected
    assert name.startswith("mnist" if model.channels == 1 else "cifar10")
    assert model.levels == (2 if model.channels == 1 else 256)


def test_an_unknown_cell_is_refused():
    with pytest.raises(ValueError, match="cell must be one of: row, diagonal; got 'column'"):
        PixelRNN("column")
    with pytest.raises(ValueError, match="config does not fit row-lstm"):
        build_model("row-lstm", cell="diagonal")


def test_a_model_is_built_by_name_with_or_without_a_config():
    assert build_model("pixelcnn").config == PixelCNN().config
    assert build_model("pixelcnn", **PixelCNN(levels=4).config).levels == 4


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("pixelcn", {}, "model must be one of: pixelcnn"),
        (None, {}, "model must be one of"),
        ("pixelcnn", {"model": "row-lstm"}, "in config 'row-lstm'"),
        ("pixelcnn", {"depth": 3}, "config does not fit pixelcnn.*depth"),
    ],
)
def test_an_unknown_model_or_argument_is_refused(name, config, message):
    with pytest.raises(ValueError, match=message):
        build_model(name, **config)


@pytest.mark.parametrize(
    "config",
    [
        {"channels": 0},
        {"levels": 1},
        {"levels": 257},
        {"hidden": 0},
        {"layers": -1},
        {"channels": 3, "hidden": 1},
        {"hidden": 2.5},
        {"levels": "2"},
    ],
)
def test_numbers_out_of_range_are_refused(config):
    with pytest.raises(ValueError, match="must be"):
        PixelCNN(**config)


@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 4), (1, 2, 4, 4), (1, 1, 0, 4), (1, 1, 4, 0)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"images must have shape \(B, 1, H, W\)"):
        PixelCNN(hidden=2, layers=0)(torch.zeros(shape, dtype=torch.uint8))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32])
def test_the_type_of_the_images_does_not_change_the_result(dtype):
    model = PixelCNN(levels=9, hidden=4, layers=1)
    images = torch.randint(9, (2, 1, 4, 4))
    torch.testing.assert_close(model(images.to(dtype)), model(images), rtol=0, atol=0)


def test_the_order_of_the_batch_and_the_size_of_the_image_do_not_matter():
    model = PixelCNN(levels=4, hidden=4, layers=2).double()
    images = torch.randint(4, (5, 1, 6, 7))
    order = torch.randperm(5)
    torch.testing.assert_close(model(images[order]), model(images)[order])
    # What comes later changes nothing, so the first rows may stand alone.
    torch.testing.assert_close(model(images[..., :3, :]), model(images)[..., :3, :])


def test_the_number_of_threads_does_not_matter():
    model = PixelCNN(levels=4, hidden=8, layers=2).double()
    images = torch.randint(4, (3, 1, 9, 9))
    one = model(images)
    torch.set_num_threads(2)
    torch.testing.assert_close(model(images), one, rtol=1e-12, atol=1e-12)


def test_cross_entropy_of_the_logits_is_the_training_loss():
    model = PixelCNN(3, 5, hidden=6, layers=1)
    images = torch.randint(5, (2, 3, 4, 4), dtype=torch.uint8)
    F.cross_entropy(model(images), images.long()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
