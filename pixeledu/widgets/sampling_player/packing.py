"""What a replay stores of a trace: checked, in drawing order, packed into bytes."""

import numpy as np

from pixeledu.checks import whole_number
from pixeledu.widgets.base import STEPS_PER_NAT


def in_drawing_order(trace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The trace as arrays (H, W, C), (H, W, C, levels) and (H, W, C), checked."""
    try:
        image, known = np.asarray(trace.image), np.asarray(trace.known)
        probabilities, levels = np.asarray(trace.probabilities, dtype=np.float64), trace.levels
    except AttributeError as error:
        raise ValueError(
            f"trace must be a pixeledu.Trace, got {type(trace).__name__} ({error}); "
            "pixeledu.sample_trace(model, height, width) makes one"
        ) from None
    if whole_number("trace.levels", levels, least=2) > 256:
        raise ValueError(f"trace.levels must be at most 256, got {levels}")
    if image.ndim != 3 or image.shape[0] not in (1, 3) or 0 in image.shape:
        raise ValueError(
            f"trace.image must have shape (C, H, W) with 1 or 3 channels, got {image.shape}"
        )
    channels, height, width = image.shape
    if image.dtype.kind not in "iu" or image.min() < 0 or image.max() >= levels:
        raise ValueError(
            f"trace.image must hold integers from 0 to {levels - 1}, "
            f"got {image.dtype} from {image.min()} to {image.max()}"
        )
    if known.shape != image.shape or known.dtype != bool:
        raise ValueError(
            f"trace.known must be a bool array of shape {image.shape}, "
            f"got {known.dtype} of shape {known.shape}"
        )
    if known.all():
        raise ValueError("trace.known is true everywhere: nothing was drawn, nothing to replay")
    if probabilities.shape != (height, width, channels, levels):
        raise ValueError(
            f"trace.probabilities must have shape (H, W, C, levels) = "
            f"{(height, width, channels, levels)}, got {probabilities.shape}"
        )
    in_order = image.transpose(1, 2, 0).astype(np.uint8)  # (H, W, C)
    return in_order, probabilities, known.transpose(1, 2, 0)


def nats_of(drawn: np.ndarray, values: np.ndarray) -> np.ndarray:
    """-log p of each drawn value, (N,), after a look at the distributions (N, levels)."""
    if not np.isfinite(drawn).all() or drawn.min() < 0 or abs(drawn.sum(1) - 1).max() > 1e-3:
        raise ValueError(
            "trace.probabilities must be distributions (numbers from 0 to 1 with sum 1), got "
            f"numbers from {drawn.min()} to {drawn.max()} with sums from {drawn.sum(1).min()} "
            f"to {drawn.sum(1).max()}; take the softmax of logits over the levels first"
        )
    chosen = np.take_along_axis(drawn, values[:, None].astype(int), axis=1)[:, 0]
    if not chosen.all():
        step = int(np.argmin(chosen))
        raise ValueError(
            f"trace.probabilities gives probability 0 to the value {values[step]} drawn at step "
            f"{step}: image and probabilities do not belong together"
        )
    return -np.log(chosen)


def bars_of(drawn: np.ndarray, bar_width: int) -> np.ndarray:
    """Each distribution as bytes (N, bars), 255 for probability 1: finer than the chart's pixels."""
    steps, levels = drawn.shape
    padded = np.pad(drawn, ((0, 0), (0, -levels % bar_width)))
    bars = padded.reshape(steps, -1, bar_width).sum(2)  # (N, bars)
    return np.rint(255 * bars.clip(0, 1)).astype(np.uint8)


def logs_of(drawn: np.ndarray) -> np.ndarray:
    """How far below its largest each log p lies, uint16 (N, levels), in 1/2048 nat, 32 at most.

    Bars of 1/255 would not do for another temperature: a high one raises what they round to 0.
    """
    with np.errstate(divide="ignore"):
        below = np.log(drawn.max(1, keepdims=True)) - np.log(drawn)
    return np.rint(STEPS_PER_NAT * below).clip(0, 65535).astype("<u2")
