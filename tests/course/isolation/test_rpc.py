"""What crosses between a check and an answer: data as they are, and nothing else."""

import json
import math
import socket
import threading
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import pixeledu
from pixeledu import check_causality, nats, receptive_field
from pixeledu.course.isolation.messages import Connection, ConnectionBroken, decode, encode
from pixeledu.course.isolation.rpc import Peer, Proxy, ProxyModule

DTYPES = [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float64]
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
PLAIN |= st.fractions() | st.complex_numbers() | st.sampled_from(DTYPES)
DATA = st.recursive(
    PLAIN,
    lambda part: (
        st.lists(part, max_size=3)
        | st.tuples(part, part)
        | st.dictionaries(st.integers() | st.text() | st.tuples(st.integers()), part, max_size=3)
    ),
    max_leaves=8,
)


def refuse(*_):
    raise TypeError("no data")


def crossed(value):
    """What comes out on the other side."""
    blobs: list[bytes] = []
    tree = json.loads(json.dumps(encode(value, blobs, refuse)))
    return decode(tree, bytearray(b"".join(blobs)), refuse)


def same(a, b) -> bool:
    """Equal in type and value, where NaN equals itself."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, float):
        return a == b or (math.isnan(a) and math.isnan(b))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    return a == b


@given(DATA)
def test_data_come_out_as_they_went_in(value):
    assert same(crossed(value), value)


@given(st.lists(st.integers(0, 3), max_size=4), st.sampled_from(DTYPES), st.integers(0, 9))
def test_tensors_come_out_with_their_type_shape_and_bytes(shape, dtype, seed):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).mul(9).to(dtype)
    for tensor in (x, x.T if x.dim() == 2 else x, x[..., :1] if shape and shape[-1] else x):
        back = crossed(tensor)
        assert back.dtype == dtype
        assert torch.equal(back, tensor)
    expanded = torch.ones(1).expand(3, 1)
    assert torch.equal(crossed(expanded), expanded)


def test_other_kinds_of_data_come_out_too():
    for value in ({1, 2}, frozenset({3}), range(2, 9, 3), slice(1, None), torch.Size([2, 3])):
        assert crossed(value) == value
        assert type(crossed(value)) is type(value)
    assert crossed(i * i for i in range(3)) == [0, 1, 4]
    generator = torch.Generator().manual_seed(5)
    back = crossed(generator)
    assert torch.equal(torch.rand(3, generator=back), torch.rand(3, generator=generator))
    data = pixeledu.load_images("digits", "test")
    assert torch.equal(crossed(data).images, data.images)
    with pytest.raises(TypeError):
        crossed(object())
    with pytest.raises((TypeError, RuntimeError)):
        crossed(torch.ones(2).to_sparse())


@given(st.sampled_from("bhilBfd?FD"), st.lists(st.integers(0, 3), max_size=3), st.integers(0, 9))
def test_numpys_numbers_and_arrays_come_out_as_such(kind, shape, seed):
    array = np.random.default_rng(seed).normal(size=shape).astype(np.dtype(kind))
    for value in (array, array.T, array.ravel()[:1].sum(dtype=array.dtype)):
        back = crossed(value)
        assert type(back) is type(value)
        assert back.dtype == value.dtype
        np.testing.assert_array_equal(back, value)
    with pytest.raises(TypeError):
        crossed(np.array([object()]))
    assert crossed(np.array(["#.", ".#"])) == ["#.", ".#"]


def test_a_subclass_with_tricks_of_its_own_comes_out_as_the_plain_type():
    class Equal(int):
        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    class Names(list):
        pass

    assert type(crossed(Equal(3))) is int
    assert type(crossed(Names([1]))) is list
    assert type(crossed(nn.Parameter(torch.ones(2)))) is torch.Tensor


# Trees that no honest side would send.
FORGED = [
    ["tensor", ["float32", [2], 0, 4]],
    ["tensor", ["float32", [-1, -1], 0, 4]],
    ["tensor", ["float32", [10**12], 0, 4]],
    ["tensor", ["float32", [1], 8, 4]],
    ["tensor", ["float32", [1.0], 0, 4]],
    ["tensor", ["qint8", [1], 0, 1]],
    ["model", [{"model": "pixelcnn"}, {}, True]],
    ["handle", 1, "object"],
    ["yours", 7],
    ["fraction", [1, 0]],
    ["fraction", ["1e999999999", 1]],
    ["complex", ["1", 2]],
    ["array", ["|O", [1], 0, 8]],
    ["array", ["<f4", [2**40], 0, 4]],
    ["number", [["f4"], [], 0, 4]],
    ["list", [["tensor", ["uint8", [8], 0, 8]], ["tensor", ["uint8", [8], 0, 8]]]],
    ["eval", "1"],
    ["dict", [[["list", []], 1]]],
    {"list": 1},
    [],
    ["size", ["a"]],
]


@pytest.mark.parametrize("tree", FORGED, ids=str)
def test_a_forged_value_is_an_error_and_nothing_is_built(tree):
    kinds = (ValueError, TypeError, KeyError, IndexError, ZeroDivisionError, RuntimeError)
    with pytest.raises(kinds):
        decode(tree, bytearray(8), refuse)


def test_bytes_that_are_neither_true_nor_false_become_true():
    x = decode(["tensor", ["bool", [3], 0, 3]], bytearray([0, 1, 255]), refuse)
    assert x.view(torch.uint8).tolist() == [0, 1, 1]


@given(st.binary(max_size=64))
def test_noise_on_the_line_is_a_broken_link(noise):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(noise)
        theirs.shutdown(socket.SHUT_WR)
        link = Connection(ours, refuse, refuse)
        with pytest.raises(ConnectionBroken):
            list(iter(link.receive, None))


def test_who_waits_too_long_is_told_so():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        link = Connection(ours, refuse, refuse)
        link.deadline = 0.0
        with pytest.raises(ConnectionBroken, match="late"):
            link.receive()


# --- Calls ----------------------------------------------------------------------------------------


class Model(nn.Module):
    """A model as a learner writes it: not one of the package's."""

    channels, levels = 1, 3

    def __init__(self, leaks: bool = False):
        super().__init__()
        self.first = pixeledu.MaskedConv2d(1, 8, 3, "B" if leaks else "A")
        self.last = pixeledu.MaskedConv2d(8, 3, 1, "B")

    def forward(self, images):
        weight = self.first.weight
        return self.last(torch.relu(self.first(images.to(weight.dtype)))).unsqueeze(2)


class Things:
    """What the answers' side has."""

    model, leaky = Model(), Model(leaks=True)

    @staticmethod
    def double(x):
        return 2 * x

    @staticmethod
    def apply(function, *values):
        return [function(value) for value in values]

    @staticmethod
    def fail(name):
        raise {"ValueError": ValueError, "StopIteration": StopIteration, "Own": Own}[name]("why")

    @staticmethod
    def peek(function):
        return function.__globals__

    @staticmethod
    def read(model, name):
        return getattr(model, name)

    @staticmethod
    def overwrite(model):
        model.weight.zero_()
        for value in (*model.parameters(), *model.state_dict().values()):
            value.detach().zero_()

    @staticmethod
    def score(model, images):
        return type(model).__name__, model(images).sum().item(), model.training


class Own(BaseException):
    pass


@pytest.fixture
def ask():
    """Ask the answers' side, which lives in a thread, for one of its things by name."""
    ours, theirs = socket.socketpair()

    def serve():
        peer = Peer(theirs, guarded=False)
        number = peer._own(Things)[1]
        try:
            while True:
                kind, *parts = peer.connection.receive()
                peer.answer(
                    "get" if kind == "name" else kind, [number, *parts] if kind == "name" else parts
                )
        except ConnectionBroken:
            theirs.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    peer = Peer(ours, guarded=True)
    yield lambda name: peer.ask("name", name)
    ours.close()
    thread.join(5)


def test_a_call_crosses_and_its_result_comes_back(ask):
    assert ask("double")(21) == 42
    assert torch.equal(ask("double")(torch.arange(3)), torch.tensor([0, 2, 4]))
    assert ask("apply")(lambda v: v + 1, 1, 2) == [2, 3]
    assert isinstance(ask("double"), Proxy)


def test_an_error_crosses_with_its_kind_and_text(ask):
    with pytest.raises(ValueError, match="why"):
        ask("fail")("ValueError")
    # In a check's loop this would look like its end.
    with pytest.raises(RuntimeError, match="StopIteration: why"):
        list(map(ask("fail"), ["StopIteration"]))
    with pytest.raises(RuntimeError, match="Own: why"):
        ask("fail")("Own")


def test_an_answer_reaches_nothing_behind_what_a_check_hands_it(ask):
    model = nn.Linear(1, 1)
    model.levels = 5
    assert ask("read")(model, "levels") == 5
    # Its numbers are read as copies: an answer may build its own from them, and changes none here.
    weight = model.weight.detach().clone()
    ask("overwrite")(model)
    assert torch.equal(model.weight, weight)
    assert ask("read")(nn.Conv2d(1, 1, (3, 5)), "kernel_size") == (3, 5)
    model.helper = lambda: 1
    for name in (
        "load_state_dict",
        "requires_grad_",
        "helper",
        "forward",
        "__class__x",
        "_modules",
    ):
        with pytest.raises(AttributeError):
            ask("read")(model, name)
    with pytest.raises(AttributeError):
        ask("peek")(lambda: 1)


def test_a_model_of_the_package_arrives_whole(ask):
    model = pixeledu.PixelCNN(channels=1, levels=3, hidden=2, layers=1).eval()
    images = torch.randint(3, (2, 1, 4, 5))
    before = torch.random.get_rng_state()
    name, total, training = ask("score")(model, images)
    assert (name, training) == ("PixelCNN", False)
    assert total == pytest.approx(model(images).sum().item(), rel=1e-4)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_module_of_an_answer_can_be_inspected_like_one_of_our_own(ask):
    model, mine = ask("model"), Things.model
    assert isinstance(model, ProxyModule)
    assert (model.channels, model.levels) == (1, 3)
    images = torch.randint(3, (4, 1, 3, 4), dtype=torch.uint8)
    torch.testing.assert_close(nats(model, images), nats(mine, images))
    torch.testing.assert_close(
        receptive_field(model, 3, 4, 1, 2, features=1), receptive_field(mine, 3, 4, 1, 2)
    )
    report = check_causality(model, 1, 3, 4, 3)
    assert report.causal
    assert not check_causality(ask("leaky"), 1, 3, 4, 3).causal
    assert model.state_dict().keys() == mine.state_dict().keys()
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in mine.parameters())
    assert model.eval() is model
    assert not mine.training
    model.train()
    assert mine.training


def test_gradients_go_through_a_call(ask):
    x = torch.randn(1, 1, 3, 4, requires_grad=True)
    (theirs,) = torch.autograd.grad(ask("model")(x).square().sum(), x)
    (mine,) = torch.autograd.grad(Things.model(x).square().sum(), x)
    torch.testing.assert_close(theirs, mine)


def test_fractions_stay_exact(ask):
    assert ask("double")(Fraction(1, 3)) == Fraction(2, 3)
