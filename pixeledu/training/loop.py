"""The training loop: plain PyTorch, to be read from top to bottom."""

import contextlib
import copy
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu.checkpoints import LAST, give_weights
from pixeledu.checks import (
    checked_images,
    checked_model,
    logits_of,
    number,
    one_of,
    said,
    whole_number,
    wrong,
)
from pixeledu.conditions import checked_labels
from pixeledu.devices import usable_device
from pixeledu.fast.threads import at_most
from pixeledu.files import checked_path
from pixeledu.likelihood import conditions_for
from pixeledu.streams import stderr_is_terminal
from pixeledu.tensor_files import packed, unpacked
from pixeledu.training.augment import varied
from pixeledu.training.folder import RunFolder, fingerprint
from pixeledu.training.processes import current_group, own_device
from pixeledu.training.run import History, Run, best_of

if TYPE_CHECKING:
    from pixeledu.data import ImageData

SMALL = 4096  # pixels in a batch; with fewer than that one thread is as fast as several
ON_DEVICE = 2**30  # bytes of images that are kept on a GPU; of more, each batch is sent there
_ANY = math.inf  # of what no memory depends on
PRECISIONS = ("auto", "float32", "bfloat16")
LOOK_EVERY = 20  # steps; at each look at the loss the processor waits for the GPU


def fit(
    model: nn.Module,
    train: "Tensor | ImageData",
    valid: "Tensor | ImageData | None" = None,
    *,
    epochs: int = 8,
    batch_size: int = 16,
    learning_rate: float = 3e-3,
    warm_up: float = 0.05,
    weight_decay: float = 0.01,
    clip: float = 1.0,
    ema: float = 0.999,
    patience: int | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    checkpoint_every: int | None = None,
    info: dict | None = None,
    device: str | torch.device | None = None,
    precision: str = "auto",
    compile: bool = False,
    mirror: bool = False,
    shift: int = 0,
    progress: bool | None = None,
) -> History:
    """Train a model to predict every value of an image from those before it.

    In the end the model holds the averaged weights of its best epoch (the last one, if there are
    no validation images), in evaluation mode, on the device it was trained on.

    With a `folder` the run can be killed at any moment and resumed by the same call: on the same
    CPU it ends with the same bits. The folder holds `last.safetensors` (all that resuming needs),
    `best.safetensors` (the best model so far, for `load_checkpoint`), `metrics.jsonl` (the
    records, one in a line) and, where TensorBoard is installed, its event files.

    In several processes that have joined with `torch.distributed` all of them call this with the
    same arguments. Each takes its part of every batch, and all end with the same weights: those
    that one process gives, but for the rounding of sums. Only the first one writes.

    Args:
        model: maps images (B, C, H, W) to logits (B, levels, C, H, W); has `channels`, `levels`
            and, if there is a folder, `config`. It is moved to the device and changed in place.
        train: integers 0 … levels-1, shape (N, C, H, W), or ImageData; with labels, for a model that
            knows classes. The smaller images of a model with a guide are made of them.
        valid: images of the same size to measure after each epoch.
        epochs: how often each training image is seen, at most.
        batch_size: images in one step.
        learning_rate: its peak; it rises linearly, then falls to 0 along half a cosine.
        warm_up: share of all steps in which it rises, 0 to 1.
        weight_decay: share of each weight, times the learning rate, taken away in a step (AdamW).
        clip: the greatest length of a gradient; longer ones are scaled down to it.
        ema: how much of the averaged weights stays at each step, 0 to 1; less in early steps.
        patience: stop when this many epochs have brought no better validation; None: never.
        seed: fixes the order of the images and what dropout draws; not the starting weights.
        folder: where to keep the run, as above; None keeps nothing.
        checkpoint_every: steps between two checkpoints; None: the steps of an epoch.
        info: JSON-able facts to keep in the checkpoints; see `read_info`.
        device: None takes the fastest there is.
        precision: "float32", or "bfloat16" for the forward pass and its gradients (the weights and
            the scans of LSTM layers stay in float32; twice as fast where the processor multiplies
            it); "auto" takes bfloat16 on a GPU that has it.
        compile: let torch.compile make it faster, after a minute or so of compiling.
        mirror: turn half of the training images left to right each time they are seen.
        shift: pixels by which a training image may move each time; see `training.augment`.
        progress: show a bar; None does where stderr is a terminal.
    Returns:
        The records of all epochs, those of earlier parts of a resumed run included.
    Raises:
        ValueError: an argument is out of range, the images do not fit the model, or the folder
            holds another run: nothing has been trained or written then. Or the model fails, or
            what it returns is not logits with a gradient.
        FloatingPointError: the loss became infinite or NaN; the model gets back the averaged
            weights of its best epoch, or those it came with, and no checkpoint is touched.
        OSError: a file could not be written; the last good checkpoint is kept.
        RuntimeError: another process that trains with this one has stopped.
    """
    group = current_group()
    given, model = model, getattr(model, "_orig_mod", model)  # where a compiled one keeps the plain
    if not any(weight.requires_grad for weight in checked_model(model).parameters()):
        raise ValueError("model must have parameters to train, and it has none, or all are frozen")
    labels, valid_labels = _labels_of(model, train, "train"), _labels_of(model, valid, "valid")
    train, valid = _checked_images(model, train, valid)
    if not isinstance(precision, str) or precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}; got {said(precision)}")
    settings = {
        "epochs": whole_number("epochs", epochs),
        "batch_size": whole_number("batch_size", batch_size, most=_ANY),
        "learning_rate": number("learning_rate", learning_rate, zero=False),
        "warm_up": number("warm_up", warm_up, most=1),
        "weight_decay": number("weight_decay", weight_decay),
        "clip": number("clip", clip, zero=False),
        "ema": number("ema", ema, most=1),
        "patience": patience if patience is None else whole_number("patience", patience, most=_ANY),
        "seed": whole_number("seed", seed, least=0, most=_ANY),
        "precision": None if precision == "auto" else precision,
        "mirror": one_of("mirror", mirror, True, False) or None,
        "shift": whole_number("shift", shift, least=0) or None,
    }
    one_of("compile", compile, True, False)
    one_of("progress", progress, True, False, None)
    if patience is not None and valid is None:
        raise ValueError("patience needs validation images to stop by: pass valid as well")
    steps_per_epoch = -(-len(train) // batch_size)
    steps = epochs * steps_per_epoch
    if checkpoint_every is None:
        checkpoint_every = steps_per_epoch
    whole_number("checkpoint_every", checkpoint_every, most=_ANY)
    if info is not None and not isinstance(info, dict):
        raise wrong("info", "be a dict or None", info)

    keep = None
    if folder is not None:
        checked_path("folder", folder)
        settings |= {"train": fingerprint(train, labels), "valid": fingerprint(valid, valid_labels)}
        info = {"size": list(train.shape[2:]), **(info or {})}
        keep = RunFolder(folder, model, settings, info, group)

    device = usable_device(own_device(device))
    on_cuda = device.type == "cuda"
    if precision == "auto":
        bfloat16 = on_cuda and torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        bfloat16 = precision == "bfloat16"
    model.to(device)
    if on_cuda:
        model.to(memory_format=torch.channels_last)
    average = copy.deepcopy(model).requires_grad_(False)
    fused = device.type in ("cpu", "cuda")  # all weights in one go, where PyTorch can
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=weight_decay, fused=fused)
    forward = torch.compile(model) if compile else given
    if train.nbytes <= ON_DEVICE:
        train = train.to(device)
    order = None

    small = device.type == "cpu" and batch_size * train[0, 0].numel() < SMALL
    run = Run(model, average, optimizer, steps_per_epoch, group)
    with (
        at_most(1 if small else torch.get_num_threads()),
        keep.opened(run) if keep else contextlib.nullcontext(),  # goes on from the folder
        torch.random.fork_rng([device] if on_cuda else []),
        _bar(steps, run.step, progress) as advance,
        _good_weights_back(run, keep),
    ):
        _start_together(run, settings)
        started = time.perf_counter() - run.seconds
        given.train()
        while not _is_over(run, steps, patience):
            epoch, place = divmod(run.step, steps_per_epoch)
            if place == 0 or order is None:
                order = _order(seed, epoch, len(train)).to(train.device)
            batch = order[place * batch_size : (place + 1) * batch_size]  # (B,)
            mine, share = group.shard_of(batch)  # all of it, in one process
            _seed_chance(seed, run.step, group.rank, device)
            images = train[mine].to(device)  # (B / processes, C, H, W)
            if mirror or shift:
                images = varied(images, mirror, shift)
            # The labels, and smaller images to draw from, of a model that knows such things.
            some = None if labels is None else labels[mine.to(labels.device)]
            depends = conditions_for(model, images, some)

            rate = _learning_rate(run.step, steps, learning_rate, warm_up)
            for part in optimizer.param_groups:
                part["lr"] = rate

            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                # - log p(x) / (C·H·W), averaged over these images
                logits = logits_of(forward, images, model.levels, **depends)
                loss = F.cross_entropy(logits, images.long())
            if not loss.requires_grad:
                raise ValueError(
                    "model must return logits with a gradient for its weights, got detached ones: "
                    "look for detach(), .data and torch.no_grad()"
                )
            optimizer.zero_grad()
            loss.backward()
            loss = group.mean(loss, model.parameters(), share)  # over the batch; gradients as well
            length = nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            _move_average(average, model, run.step, ema)
            run.take_note(loss, length, len(batch) * images[0].numel())

            ends_epoch = place + 1 == steps_per_epoch
            to_save = run.step % checkpoint_every == 0
            if ends_epoch or to_save or run.step % LOOK_EVERY == 0:
                run.look()
                run.seconds = time.perf_counter() - started
            if ends_epoch:
                run.finish_epoch(epoch + 1, rate, train, valid, valid_labels)
            if keep and ends_epoch:
                keep.record(run)
            if keep and (to_save or _is_over(run, steps, patience)):
                keep.save(run)
            advance(run)
    give_weights(model, run.best)
    given.eval()
    return History(run.records)


def _checked_images(model: nn.Module, train, valid) -> tuple[Tensor, Tensor | None]:
    """Take the images out of what was passed and check that the model can read them."""
    checked = []
    for name, given in (("train", train), ("valid", valid)):
        if given is None and name == "valid":
            return checked[0], None
        levels = getattr(given, "levels", model.levels)
        if levels != model.levels:
            raise ValueError(
                f"{name} has {levels} levels and the model has {model.levels}: "
                f"use {name}.with_levels({model.levels}), or a model with levels={levels}"
            )
        images = checked_images(model, getattr(given, "images", given), name)
        if not len(images):
            raise ValueError(f"{name} is empty: pass at least one image")
        if checked and images.shape[2:] != checked[0].shape[2:]:
            raise ValueError(
                f"valid must have images of the size of train, {tuple(checked[0].shape[2:])}, "
                f"got {tuple(images.shape[2:])}"
            )
        checked.append(images)
    return checked[0], checked[1]


def _labels_of(model: nn.Module, data, name: str) -> Tensor | None:
    """Take the labels out of what was passed, for a model that knows classes."""
    classes = getattr(model, "classes", None)
    if classes is None or data is None:
        return None
    labels = getattr(data, "labels", None)
    if labels is None:
        raise ValueError(f"{name} must be ImageData with labels: the model knows {classes} classes")
    return checked_labels(labels, classes, len(labels))


def _start_together(run: Run, settings: dict) -> None:
    """Let all processes start from the state of the first one, if they were told the same."""
    group = run.group
    if group.size == 1:
        return
    theirs = json.loads(group.broadcast(json.dumps(settings).encode()))
    state = group.broadcast(packed(run.tensors(), run.facts()) if group.is_leader else b"")
    different = [name for name in settings if settings[name] != theirs.get(name)]
    if different:
        raise ValueError(
            f"{' and '.join(different)} must be the same in all processes, and process "
            f"{group.rank} was given something else than process 0"
        )
    if not group.is_leader:
        run.restore(*unpacked(state, "what process 0 has sent"))


def _is_over(run: Run, steps: int, patience: int | None) -> bool:
    """Tell whether all steps are done, or too many epochs have brought nothing better."""
    if run.step >= steps or patience is None or not run.records:
        return run.step >= steps
    return run.records[-1]["epoch"] - best_of(run.records)["epoch"] >= patience


def _order(seed: int, epoch: int, n: int) -> Tensor:
    """Shuffle n images: seed and epoch alone decide, so a resumed run sees the same order."""
    return torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(n))


def _learning_rate(step: int, steps: int, peak: float, warm_up: float) -> float:
    """Rise linearly to the peak, then fall along half a cosine."""
    rising = max(1, round(warm_up * steps))
    if step < rising:
        return peak * (step + 1) / rising
    return peak * (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2


def _seed_chance(seed: int, step: int, rank: int, device: torch.device) -> None:
    """Let all that is drawn at random in a step depend on its number and the process alone."""
    place = (seed, step, rank) if rank else (seed, step)
    number = int(np.random.default_rng(place).integers(2**63))
    torch.default_generator.manual_seed(number)  # torch.manual_seed is far slower
    if device.type == "cuda":
        torch.cuda.manual_seed(number)


@torch.no_grad()
def _move_average(average: nn.Module, model: nn.Module, step: int, ema: float) -> None:
    """Move the averaged weights a little towards the present ones."""
    # Early on the average forgets faster, or it would remember the random start for long.
    share = 1 - min(ema, (1 + step) / (10 + step))
    for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, share)  # slow + share · (fast - slow)
    for slow, fast in zip(average.buffers(), model.buffers(), strict=True):
        slow.copy_(fast)


@contextlib.contextmanager
def _bar(steps: int, done: int, shown: bool | None) -> Iterator[Callable[[Run], None]]:
    """Give a function to call after each step; it moves a bar, if one is to be shown."""
    shown = stderr_is_terminal() if shown is None else shown and sys.stderr is not None
    if not shown or not current_group().is_leader:
        yield lambda run: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=steps, initial=done, unit="step") as bar:

        def advance(run: Run) -> None:
            bar.update()
            if run.records and run.records[-1]["step"] == run.step:
                last = run.records[-1]
                bar.set_postfix(epoch=last["epoch"], bits_per_dim=f"{last['bits_per_dim']:.3f}")

        yield advance


@contextlib.contextmanager
def _good_weights_back(run: Run, keep: RunFolder | None) -> Iterator[None]:
    """Where numbers stop being finite, go back to the best weights and say what was kept."""
    try:
        yield
    except FloatingPointError as error:
        give_weights(run.model, run.best)
        run.model.eval()
        kept = "the weights it came with"
        if run.records:
            kept = f"the averaged weights of epoch {best_of(run.records)['epoch']}"
        folder = f", {keep.path / LAST} those of step {keep.saved_step}" if keep else ""
        raise FloatingPointError(
            f"{error}. The model holds {kept}{folder}. Try a smaller learning_rate"
            f"{' in another folder' if keep else ''}"
        ) from error
