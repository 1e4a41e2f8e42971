"""What is compressed comes back, the same bits; what cannot be read is refused in one line."""

import json
import math
import zlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pixeledu import GatedPixelCNN, PixelCNN, build_model, compress, decompress, nats
from pixeledu.arithmetic_coding import Decoder, Encoder
from pixeledu.conditions import shrink
from pixeledu.registry import KINDS


def randomised(model):
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.5)
    return model


@given(
    st.lists(
        st.lists(st.integers(1, 2**20), min_size=1, max_size=6).flatmap(
            lambda parts: st.tuples(st.just(parts), st.integers(0, len(parts) - 1))
        ),
        max_size=60,
    )
)
def test_whatever_is_written_is_read_back_in_nearly_as_few_bits_as_it_must_have(values):
    encoder, bits, every = Encoder(), 0.0, []
    for parts, value in values:
        edges = [0]
        for part in parts:
            edges.append(edges[-1] + part)
        every.append(edges)
        encoder.write(edges[value], edges[value + 1], edges[-1])
        bits -= math.log2(parts[value] / edges[-1])
    code = encoder.finish()
    decoder = Decoder(code)
    assert [decoder.read(edges) for edges in every] == [value for _, value in values]
    # Two bits for the end, less than one byte of padding, and what rounding the parts costs.
    assert bits - 1e-6 <= 8 * len(code) <= bits + 2 + 8 + 0.001 * len(values)


def test_a_value_that_can_only_be_one_costs_nothing():
    encoder = Encoder()
    for _ in range(1000):
        encoder.write(0, 7, 7)
    assert len(encoder.finish()) == 1


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
@given(
    size=st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(1, 4)),
    levels=st.sampled_from([2, 5, 256]),
    classes=st.sampled_from([None, 3]),
    output=st.sampled_from(["softmax", "logistics"]),
    seed=st.integers(0, 2**31),
)
def test_images_come_back_the_same_bits(name, channels, size, levels, classes, output, seed):
    options = {"classes": classes, "output": output, "hidden": 3, "layers": 1}
    model = randomised(build_model(name, channels=channels, levels=levels, **options))
    torch.manual_seed(seed)
    images = torch.randint(levels, (size[0], channels, *size[1:]), dtype=torch.uint8)
    again = decompress(model, compress(model, images))
    assert again.dtype == torch.uint8
    assert torch.equal(again, images)


@pytest.mark.parametrize("kind", [torch.int8, torch.int16, torch.int32, torch.int64])
def test_images_of_any_whole_numbers_come_back(kind):
    model = PixelCNN(levels=4, hidden=4, layers=0)
    images = torch.randint(4, (2, 1, 3, 3)).to(kind)
    data = compress(model, images)
    assert data == compress(model, images.to(torch.uint8))
    assert torch.equal(decompress(model, data), images.to(torch.uint8))


def test_the_code_is_as_long_as_the_nats_say():
    model = PixelCNN(levels=8, hidden=4, layers=1)  # fresh: no level is nearly impossible
    images = torch.randint(8, (70, 1, 9, 7), dtype=torch.uint8)
    data = compress(model, images)
    code = len(data) - 12 - int.from_bytes(data[8:12], "little")
    bits = nats(model, images).sum().item() / math.log(2)
    assert bits * 0.9999 <= 8 * code <= bits * 1.0001 + 16


def test_labels_are_part_of_the_file_and_better_ones_make_it_smaller():
    model = randomised(PixelCNN(levels=4, hidden=6, layers=1, classes=5))
    images = torch.randint(4, (40, 1, 6, 6), dtype=torch.uint8)
    chosen, fixed = compress(model, images), compress(model, images, torch.zeros(40).long())
    assert torch.equal(decompress(model, fixed), images)
    assert len(chosen) < len(fixed)


def changed_header(data, **changes):
    """The file with another header, its checksum right."""
    end = 12 + int.from_bytes(data[8:12], "little")
    text = json.dumps({**json.loads(data[12:end]), **changes}).encode()
    content = len(text).to_bytes(4, "little") + text + data[end:]
    return data[:4] + zlib.crc32(content).to_bytes(4, "little") + content


def test_a_file_says_what_wrote_it_and_refuses_another_reader():
    model = randomised(PixelCNN(levels=4, hidden=4, layers=1))
    data = compress(model, torch.randint(4, (2, 1, 3, 3), dtype=torch.uint8))
    with pytest.raises(ValueError, match="written with model"):
        decompress(PixelCNN(levels=4, hidden=4, layers=1), data)
    with pytest.raises(ValueError, match=r"written with torch '1\.0'"):
        decompress(model, changed_header(data, torch="1.0"))
    with pytest.raises(ValueError, match="computes other probabilities"):
        decompress(model, changed_header(data, images="0" * 64))
    for shape in ([1], [-1, 1, 3, 3], [2, 3, 3, 3], [2, 1, 0, 3], "no", [2.0, 1, 3, 3]):
        with pytest.raises(ValueError, match="its images have the shape"):
            decompress(model, changed_header(data, shape=shape))


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize("shape", [[1, 1, 60000, 60000], [10**8, 1, 8, 8], [1, 1, 1, 10**9]])
def test_a_file_that_claims_more_than_its_code_can_hold_is_refused_unread(
    monkeypatch, levels, shape
):
    model = PixelCNN(levels=levels, hidden=1, layers=0)
    data = compress(model, torch.zeros(1, 1, 2, 2, dtype=torch.uint8))
    code = len(data) - 12 - int.from_bytes(data[8:12], "little")
    for name in ("Decoder", "_decoded"):
        monkeypatch.setattr(f"pixeledu.compression.{name}", None)
    most = 8 * code * 2**24 // (levels - 1)
    message = (
        rf"claims {math.prod(shape)} values, and its code of {code} bytes holds {most} at most"
    )
    with pytest.raises(ValueError, match=message):
        decompress(model, changed_header(data, shape=shape))


def test_a_file_that_claims_a_few_values_too_many_is_refused_when_its_code_has_ended(monkeypatch):
    model = PixelCNN(levels=17, hidden=1, layers=0)
    data = compress(model, torch.zeros(1, 1, 2, 2, dtype=torch.uint8))
    read, values = Decoder.read, []

    def counting(*arguments):
        values.append(read(*arguments))
        return values[-1]

    monkeypatch.setattr(Decoder, "read", counting)
    with pytest.raises(ValueError, match="the file was changed since"):
        decompress(model, changed_header(data, shape=[1, 1, 1000, 1000]))
    assert len(values) < 100


def test_even_the_surest_values_fit_into_what_a_code_is_said_to_hold():
    encoder, n, levels = Encoder(), 10**6, 256
    surest = 2**24 - (levels - 1)  # every other level keeps one part of 2^24
    for _ in range(n):
        encoder.write(0, surest, 2**24)
    most = 8 * len(encoder.finish()) * 2**24 // (levels - 1)
    assert n <= most < 2 * n  # a value costs 1.44 times what is counted for it


@given(place=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_a_damaged_file_is_refused(place, flip):
    model = randomised(PixelCNN(hidden=2, layers=0))
    data = bytearray(compress(model, torch.zeros(2, 1, 3, 3, dtype=torch.uint8)))
    data[place % len(data)] ^= flip
    with pytest.raises(ValueError, match=r"damaged|no file of"):
        decompress(model, bytes(data))
    with pytest.raises(ValueError, match=r"damaged|no file of"):
        decompress(model, bytes(data[: place % len(data)]))


def test_a_model_with_a_guide_is_refused():
    model = GatedPixelCNN(hidden=2, layers=0, guide=2)
    images = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    assert shrink(images, 2).shape == (1, 1, 2, 2)
    with pytest.raises(ValueError, match="no guide"):
        compress(model, images)


@pytest.mark.parametrize(
    ("classes", "labels", "message"),
    [
        (None, torch.tensor([0, 0]), "labels must be None: the model knows no classes"),
        (3, torch.tensor([0, 3]), "labels must be 0 to 2, got 0 to 3"),
        (3, torch.tensor([0]), r"labels must be integers of shape \(2,\)"),
        (3, [0, 1], "labels must be a torch.Tensor, got list"),
    ],
)
def test_labels_that_do_not_fit_are_refused_before_anything_is_coded(
    monkeypatch, classes, labels, message
):
    monkeypatch.setattr(Encoder, "write", None)
    model = PixelCNN(hidden=2, layers=0, classes=classes)
    with pytest.raises(ValueError, match=message):
        compress(model, torch.zeros(2, 1, 4, 4, dtype=torch.uint8), labels)
