"""What a GPU would replay, replayed on the CPU: the same operations on the same memory."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from pixeledu import build_model, complete, models, sample
from pixeledu.fast import convolution, lstm
from pixeledu.fast.arithmetic import TorchArithmetic
from pixeledu.fast.cuda_graphs import Repeated
from pixeledu.sampling import Drawing

MODELS = ("pixelcnn", "row-lstm", "diagonal-bilstm", "gated-pixelcnn")
# They look at the value of a tensor, or carry a Python number to the GPU: no recording has them.
STOP_THE_GPU = ("_local_scalar_dense", "nonzero", "lift_fresh", "masked_select", "equal")


class Tape(TorchDispatchMode):
    """Note operations as a CUDA graph notes kernels: which, and on which memory.

    Python runs once, while the tape runs. A replay repeats the operations and nothing else, and
    writes each result where it stood.
    """

    def __init__(self):
        super().__init__()
        self.noted, self.changed = [], {}

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = operation.name().removeprefix("aten::")
        assert not name.startswith(STOP_THE_GPU), f"{name} cannot be recorded"
        for argument, value in zip(operation._schema.arguments, args, strict=False):
            self.remember(argument, value)
        for argument in operation._schema.arguments:
            self.remember(argument, kwargs.get(argument.name))
        result = operation(*args, **kwargs)
        self.noted.append((operation, args, kwargs, result))
        return result

    def remember(self, argument, value):
        if argument.alias_info is not None and argument.alias_info.is_write:
            for tensor in tensors_of(value):
                storage = tensor.untyped_storage()
                self.changed.setdefault(storage.data_ptr(), (storage, storage.clone()))

    def undo(self):
        for storage, before in self.changed.values():
            storage.copy_(before)

    def replay(self):
        with torch._C._AutoDispatchBelowAutograd():  # kernels know nothing of gradients
            for operation, args, kwargs, result in self.noted:
                again = operation(*args, **kwargs)
                for old, new in zip(tensors_of(result), tensors_of(again), strict=True):
                    if old.data_ptr() != new.data_ptr():  # neither a view nor in place
                        old.copy_(new)


def tensors_of(value) -> list[torch.Tensor]:
    return [leaf for leaf in tree_flatten(value)[0] if isinstance(leaf, torch.Tensor)]


def tape(function):
    """Record a function without effect, as CUDA does: what it has changed is put back."""
    recorder = Tape()
    with recorder:
        result = function()
    recorder.undo()
    return recorder.replay, result


@pytest.fixture
def through_torch(monkeypatch):
    """Let steps compute through PyTorch, as they do on a GPU."""
    for module in (convolution, lstm):
        monkeypatch.setattr(module, "arithmetic_for", lambda tensor: TorchArithmetic)


def replayed(model, n, height, width, images=None, known=None, temperature=1.0):
    """Draw with rows that are replayed from the tape."""
    generator = torch.Generator().manual_seed(3)
    drawing = Drawing(model, n, height, width, temperature, generator)
    drawing.keep(images, known)
    with torch.inference_mode():
        rows = partial(drawing._row, model.steps(n, width), None)
        return drawing._draw(Repeated(rows, record=tape), progress=False)


@pytest.mark.usefixtures("through_torch")
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [(3, 5, 4), (1, 2, 1), (2, 1, 3), (0, 3, 2)], ids=str)
def test_replayed_rows_are_the_rows_of_cached_sampling(name, channels, size):
    model = randomised(build_model(name, channels=channels, levels=5, hidden=6, layers=2))
    cached = sample(model, *size, temperature=1.3, generator=torch.Generator().manual_seed(3))
    assert torch.equal(replayed(model, *size, temperature=1.3), cached)


@pytest.mark.usefixtures("through_torch")
@pytest.mark.parametrize("name", MODELS)
def test_replayed_rows_keep_what_is_known(name):
    model = randomised(build_model(name, channels=3, levels=5, hidden=6, layers=2))
    images = torch.randint(5, (4, 3, 6, 5), dtype=torch.uint8)
    known = torch.rand(4, 3, 6, 5) < 0.5
    drawn = complete(model, images, known, generator=torch.Generator().manual_seed(3))
    assert torch.equal(replayed(model, 4, 6, 5, images, known), drawn)


@pytest.mark.parametrize("name", MODELS)
def test_replayed_training_steps_are_those_of_a_plain_loop(name, monkeypatch):
    # As in training on a GPU, where nobody waits for the values of images to look at them.
    monkeypatch.setattr(models, "checked_images", lambda *_, **__: None)
    plain, copy = (build_model(name, levels=5, hidden=6, layers=2) for _ in range(2))
    copy.load_state_dict(plain.state_dict())
    batches = torch.randint(5, (6, 4, 1, 5, 4), dtype=torch.uint8)
    usual, repeated = training_step(plain), Repeated(training_step(copy), record=tape)
    for batch in batches:
        torch.testing.assert_close(repeated(batch), usual(batch), rtol=0, atol=0)
    torch.testing.assert_close(copy.state_dict(), plain.state_dict(), rtol=0, atol=0)


def test_a_recording_is_made_once_and_has_no_effect_of_its_own():
    total, python = torch.zeros(1), []

    def add(x):
        python.append(len(python))
        return total.add_(x)

    repeated = Repeated(add, record=tape)
    for number in (1.0, 10.0, 100.0, 1000.0):
        result = repeated(torch.tensor([number]))
    assert len(python) == 2
    assert result.item() == total.item() == 1111


def test_the_tape_refuses_what_would_stop_a_gpu():
    repeated = Repeated(lambda x: x * x.sum().item(), record=tape)
    repeated(torch.ones(2))
    with pytest.raises(AssertionError, match="cannot be recorded"):
        repeated(torch.ones(2))


def test_what_a_function_keeps_in_python_is_not_replayed():
    """So the tests above can fail: a step face that counted its rows in Python would."""
    rows = []

    def count(x):
        rows.append(1)
        return x + len(rows)

    repeated = Repeated(count, record=tape)
    assert [repeated(torch.zeros(1)).item() for _ in range(4)] == [1, 2, 2, 2]


def test_without_a_gpu_replaying_is_refused_with_a_way_out():
    model = build_model("pixelcnn", hidden=2, layers=1)
    with pytest.raises(
        ValueError, match=r'needs a model on a CUDA GPU .* cpu: use method="cached"'
    ):
        sample(model, 1, 2, 2, method="replayed")


def randomised(model):
    """Give every weight a random value, those too that begin at zero."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
    return model


def training_step(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=True)

    def step(images):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), images.long())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.detach()

    return step
