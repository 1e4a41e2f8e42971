"""Calls between two processes that do not trust each other: data cross, nothing is unpickled.

A message is a tree of JSON and the raw bytes of its tensors. What is no data stays where it is; the
other side gets a number, its handle, and can have it called.
"""

import base64
import json
import math
import socket
import struct
import time
from collections.abc import Callable
from fractions import Fraction
from types import GeneratorType

import numpy as np
import torch
from torch import Tensor

from pixeledu.data import ImageData
from pixeledu.registry import build_model

_HEAD = struct.Struct("!QQ")  # bytes of JSON, bytes of tensors
_MOST_JSON, _MOST_BYTES = 2**26, 2**29
_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.bool,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
        torch.complex64,
        torch.complex128,
    )
}


class ConnectionBroken(Exception):
    """The other side is gone, late, or does not keep to the form of a message."""


class Connection:
    """Send messages over a socket and receive them.

    Args:
        socket: one end of a pair.
        own: makes the number under which the other side may ask for an object; see `encode`.
        theirs: makes what stands here for an object of the other side, from its number and kind.
    """

    def __init__(
        self,
        socket: socket.socket,
        own: Callable[[object], list],
        theirs: Callable[[int, str], object],
    ) -> None:
        self.socket, self.own, self.theirs = socket, own, theirs
        self.deadline = math.inf  # of time.monotonic(): nothing is waited for any longer

    def send(self, *message: object) -> None:
        """Send one message.

        Raises:
            TypeError, ValueError: it holds what cannot cross.
            ConnectionBroken: nobody reads it.
        """
        blobs: list[bytes] = []
        tree = json.dumps([encode(part, blobs, self.own) for part in message]).encode()
        data = b"".join(blobs)
        if len(tree) > _MOST_JSON or len(data) > _MOST_BYTES:
            raise ValueError(f"{(len(tree) + len(data)) / 1e6:.0f} MB are too much for one call")
        try:
            self._wait()
            self.socket.sendall(_HEAD.pack(len(tree), len(data)) + tree + data)
        except TimeoutError:
            raise ConnectionBroken("late") from None
        except OSError:
            raise ConnectionBroken("gone") from None

    def receive(self) -> list:
        """Wait for one message and return its parts.

        Raises:
            ConnectionBroken: none came in time, or it has no valid form.
        """
        size, amount = _HEAD.unpack(self._read(_HEAD.size))
        if size > _MOST_JSON or amount > _MOST_BYTES:
            raise ConnectionBroken("too large a message")
        tree, data = self._read(size), self._read(amount)
        try:
            message = decode(["list", json.loads(tree)], data, self.theirs)
            if not message or not isinstance(message[0], str):
                raise ValueError("not a message")
        # Whatever is wrong with it: what comes from the other side must not decide how this ends.
        except Exception as error:
            raise ConnectionBroken(f"not a valid message ({type(error).__name__})") from None
        return message

    def _read(self, count: int) -> bytearray:
        data = bytearray(count)
        view, done = memoryview(data), 0
        while done < count:
            try:
                self._wait()
                got = self.socket.recv_into(view[done:])
            except TimeoutError:
                raise ConnectionBroken("late") from None
            except OSError:
                got = 0
            if not got:
                raise ConnectionBroken("gone")
            done += got
        return data

    def _wait(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.socket.settimeout(None if left == math.inf else left)


def encode(value: object, blobs: list[bytes], own: Callable[[object], list]) -> object:
    """Turn a value into what JSON can hold; the bytes of tensors are added to `blobs`.

    Args:
        value: any object.
        blobs: where the bytes of tensors go.
        own: called for what is no data; returns `["handle", number, kind]` or `["yours", number]`,
            or `["model"]` to send a model of the package as its config and weights.
    Returns:
        The tree.
    """
    if value is None or isinstance(value, bool | str):
        return value if value is None or isinstance(value, bool) else str(value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        value = value.tolist()  # texts
    if isinstance(value, np.ndarray | np.generic):
        return _encode_array(value, blobs)
    for kind, number in ((int, int), (float, float)):
        if isinstance(value, kind):
            return number(value)
    if isinstance(value, Tensor):
        return _encode_tensor(value, blobs)
    if isinstance(value, GeneratorType):
        value = list(value)
    for kind in (torch.Size, list, tuple, dict, set, frozenset):
        if isinstance(value, kind):
            pairs = kind is dict
            parts = [list(pair) for pair in value.items()] if pairs else value
            name = "size" if kind is torch.Size else kind.__name__
            if pairs:
                return [name, [[encode(part, blobs, own) for part in pair] for pair in parts]]
            return [name, [encode(part, blobs, own) for part in parts]]
    if isinstance(value, range | slice):
        return [type(value).__name__, [value.start, value.stop, value.step]]
    if isinstance(value, Fraction):
        return ["fraction", [value.numerator, value.denominator]]
    if isinstance(value, complex):
        return ["complex", [value.real, value.imag]]
    if isinstance(value, bytes | bytearray):
        return ["bytes", base64.b64encode(value).decode()]
    if isinstance(value, torch.dtype):
        return ["dtype", str(value).removeprefix("torch.")]
    if isinstance(value, torch.Generator):
        return ["generator", _encode_tensor(value.get_state(), blobs)]
    if isinstance(value, ImageData):
        parts = (value.images, value.labels, value.levels)
        return ["images", [encode(part, blobs, own) for part in parts]]
    tree = own(value)
    if tree[0] == "model":
        parts = (value.config, value.state_dict(), value.training)
        tree = ["model", [encode(part, blobs, own) for part in parts]]
    return tree


def _encode_array(value: np.ndarray | np.generic, blobs: list[bytes]) -> list:
    if value.dtype.kind not in "biufc":
        raise TypeError(f"a NumPy array of {value.dtype} cannot be sent")
    name = "array" if isinstance(value, np.ndarray) else "number"
    start = sum(map(len, blobs))
    blobs.append(value.tobytes())
    return [name, [value.dtype.str, list(value.shape), start, len(blobs[-1])]]


def _encode_tensor(value: Tensor, blobs: list[bytes]) -> list:
    plain = value.detach().cpu().resolve_conj().resolve_neg().reshape(-1)
    flat = torch.empty(plain.shape, dtype=plain.dtype).copy_(plain)  # without strides
    dtype = str(flat.dtype).removeprefix("torch.")
    if dtype not in _DTYPES:
        raise TypeError(f"a tensor of {flat.dtype} cannot be sent")
    start = sum(map(len, blobs))
    blobs.append(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    return ["tensor", [dtype, list(value.shape), start, len(blobs[-1])]]


def decode(tree: object, data: bytearray, theirs: Callable[[int, str], object]) -> object:
    """Turn what `encode` made into a value again; whatever the tree says, nothing but data come out.

    Args:
        tree: the tree, from anybody.
        data: the bytes of all tensors, one after the other: none is used twice.
        theirs: called for a handle, with its number and kind, or with "yours" as the kind; it
            raises an error where a "model" must not be built.
    Returns:
        The value, made of exactly Python's and PyTorch's own types.
    Raises:
        Exception: of any kind, when the tree has no valid form.
    """
    return _decode(tree, _Bytes(data), theirs)


class _Bytes:
    """Hand out bytes in the order in which they lie: so many small tensors cannot become large ones."""

    def __init__(self, data: bytearray) -> None:
        self.data, self.used = data, 0

    def take(self, start: int, length: int) -> bytearray:
        if start != self.used or length < 0 or start + length > len(self.data):
            raise ValueError("the bytes of a tensor are not its own")
        self.used += length
        return self.data[start : start + length]


def _decode(tree: object, data: _Bytes, theirs: Callable[[int, str], object]) -> object:
    if tree is None or type(tree) in (bool, int, float, str):
        return tree
    name, parts, *rest = tree
    if name in ("handle", "yours"):
        return theirs(int(parts), str(rest[0]) if name == "handle" else "yours")
    if name == "tensor":
        return _decode_tensor(parts, data)
    if name in ("array", "number"):
        array = _decode_array(parts, data)
        return array if name == "array" else array[()]
    if name == "bytes":
        return base64.b64decode(parts)
    if name == "dtype":
        return _DTYPES[parts]
    if name == "generator":
        generator = torch.Generator()
        generator.set_state(_decode_tensor(parts[1], data))
        return generator
    if name == "dict":
        return {_decode(k, data, theirs): _decode(v, data, theirs) for k, v in parts}
    values = [_decode(part, data, theirs) for part in parts]
    if name == "model":
        theirs(0, "model")  # says whether a model may be built here
        config, weights, training = values
        # PyTorch draws first weights: that must not move the random numbers of a check.
        with torch.random.fork_rng(devices=[]):
            model = build_model(**config)
        model.load_state_dict(weights)
        return model.train(training)
    return _MAKERS[name](values)


_MAKERS = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "size": torch.Size,
    "range": lambda values: range(*values),
    "slice": lambda values: slice(*values),
    # A text such as "1e999999999" would be a number that fills the memory.
    "fraction": lambda values: Fraction(*_all(int, values)),
    "complex": lambda values: complex(*_all(float, values)),
    "images": lambda values: ImageData(*values),
}


def _all(kind: type, values: list) -> list:
    if any(type(value) is not kind for value in values):
        raise ValueError(f"not {kind.__name__}")
    return values


def _raw(shape: list, itemsize: int, start: int, length: int, data: _Bytes) -> bytearray:
    if any(type(n) is not int or n < 0 for n in (*shape, start, length)):
        raise ValueError("a size is no natural number")
    if math.prod(shape) * itemsize != length:
        raise ValueError("the sizes do not fit together")
    return data.take(start, length)


def _decode_array(parts: list, data: _Bytes) -> np.ndarray:
    name, shape, start, length = parts
    dtype = np.dtype(name) if type(name) is str and len(name) <= 4 else None
    if dtype is None or dtype.kind not in "biufc":
        raise ValueError("not a kind of number")
    raw = _raw(shape, dtype.itemsize, start, length, data)
    if dtype.kind == "b":  # any byte but 0 and 1 would be neither true nor false
        return (np.frombuffer(raw, np.uint8) != 0).reshape(shape)
    return np.frombuffer(raw, dtype).reshape(shape)


def _decode_tensor(parts: list, data: _Bytes) -> Tensor:
    name, shape, start, length = parts
    dtype = _DTYPES[name]
    raw = _raw(shape, dtype.itemsize, start, length, data)
    if not length:
        return torch.empty(shape, dtype=dtype)
    if dtype is torch.bool:  # any byte but 0 and 1 would be neither true nor false
        return (torch.frombuffer(raw, dtype=torch.uint8) != 0).reshape(shape)
    return torch.frombuffer(raw, dtype=dtype).reshape(shape)
