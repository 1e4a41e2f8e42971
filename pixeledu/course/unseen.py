"""What a model says of a value that it has not seen: the price that no leak can lower."""

import torch
from torch import Tensor, nn

_NOISE = 1e-3  # what rounding may change in a logit, as a share of the largest one


@torch.no_grad()
def unseen_nats(model: nn.Module, images: Tensor, levels: int, first_row: int = 0) -> Tensor:
    """Price each value of some images from a call that shows only what comes before it.

    In that call the value and all later ones are drawn at random, so a model that looks at them
    learns nothing. All calls have the size, the type and the number of `images`, so that no model can
    tell them apart, and come in raster order: none shows what a later one hides.

    Args:
        model: maps images (N, C, H, W) to logits (N, levels, C, H, W).
        images: integers 0 … levels-1.
        levels: values that a pixel can take.
        first_row: rows above it are shown from the start, and not priced.
    Returns:
        Tensor (N, C, H, W) of float64: -ln p of each value; 0 in the rows above `first_row`.
    Raises:
        AssertionError: what the model says of a value changes when it or a later one is shown.
    """
    model.eval()
    _, channels, height, width = images.shape
    order = torch.arange(images[0].numel()).view(height, width, channels).permute(2, 0, 1)
    shown = torch.where(
        order < first_row * width * channels,
        images,
        torch.randint(levels, images.shape).to(images.dtype),
    )
    nats = torch.zeros(images.shape, dtype=torch.float64)
    before = None
    for place in range(first_row * width * channels, images[0].numel()):
        logits = model(shown.clone()).double()  # (N, levels, C, H, W)
        if before is not None:
            _assert_unchanged(before, logits, order, place)
        row, column, colour = (
            place // channels // width,
            place // channels % width,
            place % channels,
        )
        here = (slice(None), colour, row, column)
        log_p = logits[:, :, colour, row, column].log_softmax(1)
        nats[here] = -log_p.gather(1, images[here].long()[:, None])[:, 0]
        shown[here], before = images[here], logits
    return nats


def _assert_unchanged(before: Tensor, after: Tensor, order: Tensor, place: int) -> None:
    """The last call showed one value more than the one before it; all earlier logits must stay."""
    change = (after - before).abs().amax((0, 1)) * (order < place)  # (C, H, W)
    if change.max() > _NOISE * (1 + before.abs().max()):
        shown = (order == place - 1).nonzero()[0].tolist()
        moved = (change == change.max()).nonzero()[0].tolist()
        what = "that value itself" if moved == shown else f"the later one at {tuple(shown[1:])}"
        raise AssertionError(
            "the model leaks: what it says of the value at (row, column) "
            f"{tuple(moved[1:])} changes when {what} is shown to it"
        )
