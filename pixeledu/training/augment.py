"""Small changes to training images, so that a model sees more pictures than there are."""

import torch
from torch import Tensor


def varied(images: Tensor, mirror: bool = False, shift: int = 0) -> Tensor:
    """Mirror half of some images, and move each of them a little; which and how is drawn at random.

    Args:
        images: shape (B, C, H, W).
        mirror: whether an image may be turned left to right.
        shift: pixels that an image may move in each direction; what it uncovers repeats its edge.
    Returns:
        Tensor of the shape and type of the images, which are left as they are.
    """
    batch, _, height, width = images.shape
    device = images.device

    def moved(size: int) -> Tensor:  # where the rows or columns of each image come from, (B, size)
        offsets = torch.randint(-shift, shift + 1, (batch, 1), device=device)
        return (torch.arange(size, device=device) + offsets).clamp(0, size - 1)

    rows, columns = moved(height), moved(width)
    if mirror:
        turned = torch.rand(batch, 1, device=device) < 0.5
        columns = torch.where(turned, columns.flip(1), columns)
    which = torch.arange(batch, device=device)[:, None, None]
    # What stands between two lists of indices comes after them: (B, H, W, C).
    return images[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
