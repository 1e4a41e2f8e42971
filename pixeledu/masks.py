"""Which weight may look at which pixel and which colour: pure functions, no layers.

A convolution computes the feature at pixel (row, column) from a window of pixels around it. In an
autoregressive model it may use what comes earlier in the order (row by row, left to right, and
R then G then B inside a pixel) and nothing else. The mask says so with one number per weight.
"""

import torch
from torch import Tensor

from pixeledu.checks import LARGEST, one_of, whole_number, wrong


def colour_groups(features: int, channels: int, gates: int = 1) -> Tensor:
    """Assign each feature of a layer to the colour it belongs to.

    The features are cut into `channels` neighbouring groups whose sizes differ by at most one.
    With three colours the first third belongs to R, the second to G, the last to B.

    Args:
        features: number of features of the layer, at least `channels` for each gate.
        channels: number of colours of the image, 1 for grey.
        gates: equal parts of the features, one after the other, each with groups of its own: an
            LSTM has four.
    Returns:
        int64 tensor of shape (features,), values 0 … channels-1, never decreasing.
    Raises:
        ValueError: a colour would be left without a feature.
    Source: van den Oord et al. 2016, section 3.4.
    """
    whole_number("channels", channels)
    whole_number("features", features)
    whole_number("gates", gates)
    if features % gates:
        raise ValueError(f"features must be a multiple of gates={gates}, got features={features}")
    size = features // gates
    if size < channels:
        expected = "features must be at least channels, so that each colour has one"
        raise ValueError(f"{expected}, got features={size} for channels={channels}")
    # Always on the CPU: such tensors index those of any device.
    return (torch.arange(size, device="cpu") * channels // size).repeat(gates)


def group_slices(features: int, channels: int) -> list[slice]:
    """Give the features of each colour, in order, as one slice for each; see `colour_groups`."""
    return by_colour(features, channels)[1]


def by_colour(features: int, channels: int, gates: int = 1) -> tuple[Tensor, list[slice]]:
    """Order the features of a layer so that those of each colour stand together; see `colour_groups`.

    Returns:
        The order, an int64 tensor of shape (features,), and the slice of each colour in it.
    """
    colours = colour_groups(features, channels, gates)
    ends = colours.bincount(minlength=channels).cumsum(0).tolist()
    slices = [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return colours.argsort(stable=True), slices


def causal_mask(
    kernel_size: int | tuple[int, int],
    mask_type: str = "B",
    in_features: int = 1,
    out_features: int = 1,
    channels: int = 1,
    gates: int = 1,
) -> Tensor:
    """Mark the weights of a convolution that may be used, for mask A or mask B.

    Rows above the centre and pixels to its left are always allowed. At the centre itself, a
    feature of one colour may use the features of earlier colours (mask A), and of its own colour
    as well (mask B). Rows below the centre could only be forbidden, so they are left out.

    Args:
        kernel_size: odd height and width of the full window, or one number for both.
        mask_type: "A" for a layer that reads the image, "B" for every later one.
        in_features: features the convolution reads.
        out_features: features it produces.
        channels: colours of the image.
        gates: equal parts of the output features; see `colour_groups`.
    Returns:
        bool tensor of shape (out_features, in_features, height // 2 + 1, width).
    Raises:
        ValueError: an even kernel, or a mask type other than "A" and "B".
    Source: van den Oord et al. 2016, section 3.4 and figure 2.
    """
    height, width = kernel_shape(kernel_size)
    one_of("mask_type", mask_type, "A", "B")
    whole_number("in_features", in_features)
    whole_number("out_features", out_features)
    source = colour_groups(in_features, channels)[None, :]  # (1, in)
    target = colour_groups(out_features, channels, gates)[:, None]  # (out, 1)

    shape = (out_features, in_features, height // 2 + 1, width)
    mask = torch.ones(shape, dtype=torch.bool, device="cpu")
    mask[:, :, -1, width // 2] = source < target if mask_type == "A" else source <= target
    mask[:, :, -1, width // 2 + 1 :] = False
    return mask


def kernel_shape(kernel_size: int | tuple[int, int]) -> tuple[int, int]:
    """Return (height, width) of a kernel given as one number or two.

    Raises:
        ValueError: a side is even or not positive; an even window has no centre pixel.
    """
    sides = kernel_size if isinstance(kernel_size, tuple | list) else (kernel_size, kernel_size)
    odd = all(type(side) is int and 1 <= side < LARGEST and side % 2 for side in sides)
    if len(sides) != 2 or not odd:
        expected = "be an odd number or two (an even window has no centre pixel)"
        raise wrong("kernel_size", expected, kernel_size)
    return tuple(sides)
