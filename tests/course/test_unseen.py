"""What a model says of values that it has not seen: right for a right model, and no leak pays."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import pixeledu
from pixeledu.course.unseen import unseen_nats


@given(st.sampled_from([1, 3]), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
def test_a_causal_model_costs_the_same_whether_it_sees_the_rest_or_not(channels, h, w, seed):
    torch.manual_seed(seed)
    model = pixeledu.PixelCNN(channels=channels, levels=3, hidden=2 * channels, layers=1)
    images = torch.randint(3, (5, channels, h, w), dtype=torch.uint8)
    price = unseen_nats(model, images, 3)
    assert price.shape == images.shape
    torch.testing.assert_close(
        price.sum((1, 2, 3)).float(), pixeledu.nats(model, images).float(), rtol=1e-4, atol=1e-4
    )
    later = unseen_nats(model, images, 3, first_row=h - 1)
    assert (later[:, :, : h - 1] == 0).all()
    torch.testing.assert_close(later[:, :, h - 1], price[:, :, h - 1])


class Leaky(nn.Module):
    """Says what it sees at an offset."""

    def __init__(self, rows: int, columns: int):
        super().__init__()
        self.offset = (-rows, -columns)

    def forward(self, images):
        moved = images.roll(self.offset, (2, 3))
        return 9.0 * nn.functional.one_hot(moved.long(), 3).movedim(-1, 1)


@pytest.mark.parametrize("offset", [(0, 0), (0, 1), (1, -1), (2, 0)])
def test_a_leak_is_named_and_never_pays(offset):
    images = torch.randint(3, (40, 1, 4, 4))
    with pytest.raises(AssertionError, match="the model leaks"):
        unseen_nats(Leaky(*offset), images, 3)


def test_all_calls_look_alike_and_none_shows_what_a_later_one_hides():
    seen = []

    class Spy(nn.Module):
        def forward(self, images):
            seen.append(images.clone())
            return torch.zeros(len(images), 3, *images.shape[1:])

    images = torch.randint(3, (64, 1, 3, 2), dtype=torch.uint8)
    unseen_nats(Spy(), images, 3)
    assert {(call.shape, call.dtype) for call in seen} == {(images.shape, images.dtype)}
    for place, call in enumerate(seen):
        hidden = (call != images).any(0).flatten()
        assert hidden.tolist() == [False] * place + [True] * (6 - place)
