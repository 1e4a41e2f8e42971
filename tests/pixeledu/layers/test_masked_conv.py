import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from pixeledu import MaskedConv2d

SIDE = st.sampled_from([1, 3, 5])


def slow(layer, x):
    """Compute each output from the definition: a sum over the allowed part of the window."""
    batch, _, height, width = x.shape
    _, _, rows, columns = layer.weight.shape
    y = layer.bias[None, :, None, None].repeat(batch, 1, height, width)
    for row in range(height):
        for column in range(width):
            for r in range(rows):
                for c in range(columns):
                    i, j = row + r - (rows - 1), column + c - columns // 2
                    if 0 <= i < height and 0 <= j < width:
                        taps = layer.weight[:, :, r, c] * layer.mask[:, :, r, c]
                        y[:, :, row, column] += x[:, :, i, j] @ taps.T
    return y


@given(
    kernel=st.tuples(SIDE, SIDE),
    mask_type=st.sampled_from("AB"),
    channels=st.sampled_from([1, 3]),
    size=st.tuples(st.integers(0, 2), st.integers(1, 5), st.integers(1, 5)),
)
def test_the_layer_is_the_sum_over_its_mask_and_so_are_its_gradients(
    kernel, mask_type, channels, size
):
    layer = MaskedConv2d(channels + 1, channels + 2, kernel, mask_type, channels).double()
    x = torch.randn(size[0], channels + 1, *size[1:]).double().requires_grad_()
    fast, reference = layer(x), slow(layer, x)
    torch.testing.assert_close(fast, reference, rtol=1e-10, atol=1e-12)
    weights = torch.randn_like(reference)
    inputs = (x, layer.weight, layer.bias)
    torch.testing.assert_close(
        torch.autograd.grad((fast * weights).sum(), inputs),
        torch.autograd.grad((reference * weights).sum(), inputs),
        rtol=1e-10,
        atol=1e-12,
    )


def test_it_equals_a_full_kernel_whose_later_part_is_zero():
    layer = MaskedConv2d(4, 6, (5, 7), "B").double()
    full = torch.zeros(6, 4, 5, 7).double()
    full[:, :, :3] = layer.masked_weight().detach()
    x = torch.randn(2, 4, 9, 6).double()
    torch.testing.assert_close(layer(x), F.conv2d(x, full, layer.bias, padding=(2, 3)))


def test_a_pixel_never_sees_itself_nor_what_comes_after_it():
    layer = MaskedConv2d(1, 3, 5, "A").double()
    x = torch.randn(1, 1, 6, 7).double()
    before = layer(x)
    for row in range(6):
        for column in range(7):
            changed = x.clone()
            changed[..., row, column] += 1
            differs = (layer(changed) != before).any(dim=1).flatten()
            assert not differs[: row * 7 + column + 1].any()


def test_training_never_overwrites_a_masked_weight_by_the_mask():
    layer = MaskedConv2d(2, 2, 3)
    before = layer.weight.detach().clone()
    layer(torch.randn(1, 2, 4, 4)).sum().backward()
    torch.testing.assert_close(layer.weight.detach(), before, rtol=0, atol=0)
    assert layer.weight.grad[~layer.mask].eq(0).all()
    assert layer.weight.grad[layer.mask].ne(0).all()


def test_a_masked_weight_has_no_effect_however_the_optimiser_moves_it():
    layer = MaskedConv2d(2, 2, 3)
    x = torch.randn(1, 2, 4, 4)
    before = layer(x)
    with torch.no_grad():
        layer.weight[~layer.mask] = 1e6
    torch.testing.assert_close(layer(x), before, rtol=0, atol=0)


def test_weights_that_are_saved_are_the_parameters_alone():
    assert set(MaskedConv2d(3, 3, 3).state_dict()) == {"weight", "bias"}


@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 2, 4, 4), (1, 4, 4, 4)])
def test_features_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"x must have shape \(B, 3, H, W\), got"):
        MaskedConv2d(3, 4, 3)(torch.zeros(shape))


@pytest.mark.parametrize("features", [(0, 1), (1, 0), (1.5, 1), (True, 1), (2, 3)])
def test_unusable_numbers_of_features_are_refused(features):
    with pytest.raises(ValueError, match="features must be"):
        MaskedConv2d(*features, 3, channels=3)


def test_it_prints_what_it_is():
    assert "kernel_size=(7, 7), mask_type='A', channels=1" in repr(MaskedConv2d(1, 4, 7, "A"))
