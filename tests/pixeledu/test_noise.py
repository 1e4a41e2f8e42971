"""The random numbers that Python and a web page share."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pixeledu import build_model, complete, sample
from pixeledu.web.noise import SharedNoise

WORDS = st.integers(0, 2**32 - 1)


def slow_hash(x: int) -> int:
    """PCG-RXS-M-XS as it is written down, with whole numbers of any size."""
    state = (x * 747796405 + 2891336453) % 2**32
    word = (((state >> ((state >> 28) + 4)) ^ state) * 277803737) % 2**32
    return (word >> 22) ^ word


@given(WORDS, WORDS, WORDS)
def test_a_number_is_the_hash_of_seed_image_and_place(seed, image, place):
    (found,) = SharedNoise(seed, image).uniform(place, 1, 1).flatten().tolist()
    word = slow_hash((place + slow_hash((image + slow_hash(seed)) % 2**32)) % 2**32)
    assert found == (word >> 8) / 2**24


@given(WORDS, st.integers(0, 50), st.integers(0, 50), st.integers(1, 20), st.integers(1, 20))
def test_a_number_does_not_depend_on_what_is_asked_beside_it(seed, first, start, values, n):
    numbers = SharedNoise(seed, first).uniform(start, values, n)
    assert numbers.shape == (values, n)
    assert numbers.dtype == torch.float32
    alone = SharedNoise(seed, first + n - 1).uniform(start + values - 1, 1, 1)
    assert numbers[-1, -1] == alone.item()


def test_the_numbers_fill_0_to_1_evenly():
    numbers = SharedNoise(1).uniform(0, 784, 500)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = torch.histc(numbers, 20, 0, 1) / numbers.numel()
    torch.testing.assert_close(counts, torch.full((20,), 0.05), rtol=0, atol=0.002)
    columns = numbers - 0.5  # of neighbouring places, images, and seeds: unrelated
    for one, other in (
        (columns[1:], columns[:-1]),
        (columns[:, 1:], columns[:, :-1]),
        (columns, SharedNoise(2).uniform(0, 784, 500) - 0.5),
    ):
        assert abs((one * other).mean()) < 0.001


@pytest.mark.parametrize("method", ["cached", "naive"])
def test_an_image_can_be_drawn_without_the_others(method):
    model = build_model("row-lstm", channels=3, levels=4, hidden=6, layers=1)
    both = sample(model, 4, 3, 5, generator=SharedNoise(9), method=method)
    last = sample(model, 2, 3, 5, generator=SharedNoise(9, first=2), method=method)
    assert torch.equal(both[2:], last)
    assert not torch.equal(both[:2], last)


def test_what_comes_before_a_change_stays_as_it_was():
    model = build_model("pixelcnn", levels=4, hidden=6, layers=1)
    free = sample(model, 3, 4, 4, generator=SharedNoise(5))
    known = torch.zeros(4, 4, dtype=torch.bool)
    known[2, 1] = True
    drawn = complete(model, 3 - free, known, generator=SharedNoise(5))
    assert torch.equal(drawn[:, 0, :2], free[:, 0, :2])
    assert torch.equal(drawn[:, 0, 2, :1], free[:, 0, 2, :1])
    assert torch.equal(drawn[:, 0, 2, 1], 3 - free[:, 0, 2, 1])


@pytest.mark.parametrize("value", [-1, 2**32, 1.0, "7", True, None])
def test_a_seed_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match=r"seed must be (a whole number|less than 2\*\*32)"):
        SharedNoise(value)
    with pytest.raises(ValueError, match=r"first must be (a whole number|less than 2\*\*32)"):
        SharedNoise(0, value)
