"""Objects of another process: calling them sends the call over a socket and waits for the result."""

import builtins
import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pixeledu.course.isolation.messages import Connection, ConnectionBroken
from pixeledu.course.notebook_shell import line_of_cell

# Exceptions that a loop in a check could take for its end.
_NEVER_RAISED = ("StopIteration", "StopAsyncIteration", "GeneratorExit")
# Methods of a module that an answer may call: they return copies and change nothing.
_READ_BY_CALLS = ("parameters", "named_parameters", "buffers", "named_buffers", "state_dict")


class Peer:
    """One side of a conversation: asks the other side, and answers while it waits.

    Args:
        socket: one end of a pair.
        guarded: this side grades. It lets the other side call what it hands out and read copies of
            its numbers and tensors, and nothing else, and it builds no model that comes in.
    """

    def __init__(self, socket, guarded: bool) -> None:
        self.connection = Connection(socket, self._own, self._theirs)
        self.guarded = guarded
        self.objects: dict[int, object] = {}  # what the other side may ask for
        self.numbers: dict[int, int] = {}  # id of such an object -> its number
        self.handles: dict[int, object] = {}  # what stands here for the other side's objects
        self.graphs: list[tuple] = []  # (inputs, output) of calls with gradients

    def ask(self, *question: object) -> object:
        """Send a question and return the answer; the other side may ask back meanwhile.

        Raises:
            ConnectionBroken: the other side is gone or late.
            Exception: what the other side raised.
        """
        self.connection.send(*question)
        while True:
            kind, *parts = self.connection.receive()
            if kind == "result":
                return parts[0]
            if kind == "error":
                raise _exception(*(str(part) for part in parts[:2]))
            self.answer(kind, parts)

    def answer(self, kind: str, parts: list) -> None:
        """Do what the other side asks and send the result, or the error."""
        try:
            result = self._do(kind, *parts)
            self.connection.send("result", result)
        except ConnectionBroken:
            raise
        except BaseException as error:
            if self.guarded and not isinstance(error, Exception):
                raise  # somebody stops the grading
            # In the other process the conversation goes on whatever it is, SystemExit too.
            self.connection.send("error", type(error).__name__, _describe(error))

    def _do(self, kind: str, *parts: object) -> object:
        if kind == "get":
            return self._get(*parts)
        if kind == "call" and self.guarded:
            return self._call(*parts)
        if kind == "call":
            return self._call_with_graph(*parts)
        if kind == "gradient" and not self.guarded:
            return self._gradient(*parts)
        if kind == "copy" and not self.guarded:
            return copy.deepcopy(self.objects[parts[0]])
        raise ValueError(f"{kind!r} is no question")

    def _get(self, number: int, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        owner = self.objects[number]
        value = getattr(owner, name)
        readable = isinstance(owner, nn.Module) and name in _READ_BY_CALLS
        if self.guarded and not readable and not _is_plain(value):
            raise AttributeError(
                f"{name} cannot be used in an answer: call the whole, or build your own"
            )
        return value

    def _call(self, number: int, arguments: tuple, named: dict, gradients: bool) -> object:
        with torch.set_grad_enabled(gradients):
            return self.objects[number](*arguments, **named)

    def _call_with_graph(
        self, number: int, arguments: tuple, named: dict, gradients: list
    ) -> object:
        """Call, and keep what is needed for the gradients; `gradients` lists the inputs, or is None."""
        if gradients is None:
            return self._call(number, arguments, named, False)
        arguments = list(arguments)
        inputs = []
        for place in gradients:
            arguments[place] = arguments[place].requires_grad_()
            inputs.append(arguments[place])
        result = self._call(number, tuple(arguments), named, True)
        if isinstance(result, Tensor) and result.requires_grad and inputs:
            self.graphs.append((inputs, result))
            return ("graph", len(self.graphs) - 1, result)
        return ("plain", 0, result)

    def _gradient(self, number: int, gradient: Tensor) -> list:
        inputs, output = self.graphs[number]
        return list(
            torch.autograd.grad(output, inputs, gradient, retain_graph=True, allow_unused=True)
        )

    def number_of(self, value: object) -> int:
        """The number under which the other side may ask for an object."""
        number = self.numbers.setdefault(id(value), len(self.numbers) + 1)
        self.objects[number] = value
        return number

    def _own(self, value: object) -> list:
        """Say in a message what an object is that is no data."""
        if isinstance(value, Proxy | ProxyModule) and value._peer is self:
            return ["yours", value._number]
        if self.guarded and isinstance(value, nn.Module) and _can_be_rebuilt(value):
            return ["model"]
        if not callable(value) and self.guarded:
            raise TypeError(f"a {type(value).__name__} cannot be given to an answer")
        return [
            "handle",
            self.number_of(value),
            "module" if isinstance(value, nn.Module) else "object",
        ]

    def _theirs(self, number: int, kind: str) -> object:
        if kind == "model":
            if self.guarded:
                raise ValueError("a model is not built from what an answer says")
            return None
        if kind == "yours":
            return self.objects[number]
        if number not in self.handles:
            module = kind == "module" and self.guarded
            self.handles[number] = (ProxyModule if module else Proxy)(self, number)
        return self.handles[number]


def _is_plain(value: object) -> bool:
    """Whether an answer may have a copy of it: numbers, texts, tensors, and tuples of these."""
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | Tensor | torch.dtype)


def _can_be_rebuilt(model: nn.Module) -> bool:
    # Subclasses stay where they are: the other side does not have them.
    return type(model).__module__ == "pixeledu.models" and isinstance(
        getattr(model, "config", None), dict
    )


def _describe(error: BaseException) -> str:
    """What an exception says, and the line of the answer that it comes from."""
    try:
        text = str(error)[:5000]
    except BaseException as second:  # an exception of an answer's own, whose text cannot be had
        text = f"({type(second).__name__})"
    line = line_of_cell(error)
    if isinstance(error, SyntaxError):
        text = error.msg
    return f"{text} (line {line} of the answer)".strip() if line else text


def _exception(name: str, text: str) -> Exception:
    """The exception that stands here for one of the other side."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception) and name not in _NEVER_RAISED:
        try:
            return kind(text)
        except TypeError:  # UnicodeDecodeError and its like take more
            pass
    return RuntimeError(f"{name}: {text}")


class Proxy:
    """Stand for a function, class or object of the other side."""

    def __init__(self, peer: Peer, number: int) -> None:
        self.__dict__.update(_peer=peer, _number=number)

    def __call__(self, *arguments: object, **named: object) -> object:
        return _call(self._peer, self._number, arguments, named)

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._peer.ask("get", self._number, name)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} cannot be set from here")


class ProxyModule(nn.Module):
    """Stand for a module of the other side, with gradients through it."""

    def __init__(self, peer: Peer, number: int) -> None:
        super().__init__()
        self.__dict__.update(_peer=peer, _number=number)

    def forward(self, *arguments: object, **named: object) -> object:
        return _call(self._peer, self._number, arguments, named)

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._peer.ask("get", self._number, name)

    def __deepcopy__(self, memory: dict) -> object:
        return self._peer.ask("copy", self._number)

    def train(self, mode: bool = True) -> "ProxyModule":
        self._peer.ask("get", self._number, "train")(mode)
        self.training = mode
        return self


def _forwarded(name: str) -> Callable:
    def method(self: ProxyModule, *arguments: object, **named: object) -> object:
        result = self._peer.ask("get", self._number, name)(*arguments, **named)
        return iter(result) if type(result) is list else result  # it was a generator

    return method


for _name in (
    *("parameters", "named_parameters", "buffers", "state_dict", "load_state_dict"),
    *("double", "float", "cpu", "to", "requires_grad_", "zero_grad"),
):
    setattr(ProxyModule, _name, _forwarded(_name))


def _call(peer: Peer, number: int, arguments: tuple, named: dict) -> object:
    if not peer.guarded:
        return peer.ask("call", number, arguments, named, torch.is_grad_enabled())
    if not torch.is_grad_enabled():
        return peer.ask("call", number, arguments, named, None)
    places = [
        i for i, value in enumerate(arguments) if isinstance(value, Tensor) and value.requires_grad
    ]
    answer = peer.ask("call", number, arguments, named, places)
    # What an answer may send here is anything: only the one form counts.
    if type(answer) is not tuple or len(answer) != 3 or answer[0] not in ("plain", "graph"):
        raise ConnectionBroken("not a valid result")
    kind, graph, result = answer
    if kind == "graph" and isinstance(result, Tensor) and places:
        return _Through.apply(peer, graph, result, *(arguments[i] for i in places))
    return result


class _Through(torch.autograd.Function):
    """Let gradients go through a call: the other side keeps the graph."""

    @staticmethod
    def forward(ctx, peer: Peer, number: int, result: Tensor, *inputs: Tensor) -> Tensor:
        ctx.peer, ctx.number, ctx.inputs = peer, number, len(inputs)
        return result.clone()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple:
        parts = ctx.peer.ask("gradient", ctx.number, gradient)
        if type(parts) is not list or len(parts) != ctx.inputs:
            raise ConnectionBroken("not a valid gradient")
        return None, None, None, *parts
