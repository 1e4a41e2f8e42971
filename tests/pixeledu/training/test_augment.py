"""What is done to training images: it moves and mirrors them, and invents nothing."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pixeledu import GatedPixelCNN, PixelCNN, fit
from pixeledu.training.augment import varied


def slowly(image, row, column, turned):
    """One image, moved down and right by some pixels, its edges repeated, and then turned."""
    height, width = image.shape[1:]
    moved = torch.zeros_like(image)
    for y in range(height):
        for x in range(width):
            source = x if not turned else width - 1 - x
            from_y = min(max(y + row, 0), height - 1)
            from_x = min(max(source + column, 0), width - 1)
            moved[:, y, x] = image[:, from_y, from_x]
    return moved


@given(
    shape=st.tuples(*[st.integers(1, 3)] * 2),
    channels=st.sampled_from([1, 3]),
    batch=st.integers(0, 3),
    mirror=st.booleans(),
    shift=st.integers(0, 2),
)
def test_every_image_is_one_that_moving_and_mirroring_can_make(
    shape, channels, batch, mirror, shift
):
    images = torch.randint(256, (batch, channels, *shape), dtype=torch.uint8)
    before = images.clone()
    changed = varied(images, mirror, shift)
    assert (changed.shape, changed.dtype) == (images.shape, images.dtype)
    assert torch.equal(images, before)
    steps = range(-shift, shift + 1)
    for image, new in zip(images, changed, strict=True):
        assert any(
            torch.equal(new, slowly(image, row, column, turned))
            for row in steps
            for column in steps
            for turned in ([False, True] if mirror else [False])
        )


def test_all_ways_to_move_and_turn_occur():
    image = torch.arange(9, dtype=torch.uint8).view(1, 1, 3, 3)
    torch.manual_seed(0)
    changed = varied(image.repeat(2000, 1, 1, 1), mirror=True, shift=1)
    assert len(changed.flatten(1).unique(dim=0)) == 3 * 3 * 2


def test_a_run_with_moved_images_stops_and_goes_on_with_the_same_bits(tmp_path):
    images = torch.randint(2, (7, 1, 4, 4), generator=torch.Generator().manual_seed(0))
    ends = []
    for parts in ((6,), (2, 6)):
        torch.manual_seed(0)
        model = PixelCNN(hidden=4, layers=1, dropout=0.5)
        folder = tmp_path / str(len(parts))
        for until in parts:

            def stop(model, given, until=until):
                model.calls = getattr(model, "calls", 0) + model.training
                if model.calls > until:
                    raise KeyboardInterrupt

            torch.manual_seed(0)
            model = PixelCNN(hidden=4, layers=1, dropout=0.5)
            hook = model.register_forward_pre_hook(stop)
            try:
                fit(
                    model, images, epochs=3, batch_size=4, folder=folder, checkpoint_every=1,
                    mirror=True, shift=1,
                )  # fmt: skip
            except KeyboardInterrupt:
                assert until == 2
            hook.remove()
        ends.append(model.state_dict())
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_the_guide_is_made_of_the_moved_image():
    seen = []
    model = GatedPixelCNN(hidden=4, layers=0, guide=2)
    model.register_forward_pre_hook(
        lambda model, given, named: seen.append((given[0], named["guide"])), with_kwargs=True
    )
    images = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    images[:, :, :, :2] = 1
    fit(model, images.repeat(64, 1, 1, 1), epochs=1, batch_size=64, mirror=True)
    image, guide = seen[0]
    assert torch.equal(guide, image[:, :, ::2, ::2])
    assert len(image.flatten(1).unique(dim=0)) == 2


@pytest.mark.parametrize("shift", [-1, 0.5, "1", None])
def test_a_shift_that_is_no_number_of_pixels_is_refused(shift):
    with pytest.raises(ValueError, match="shift"):
        fit(PixelCNN(hidden=4, layers=0), torch.zeros(2, 1, 4, 4, dtype=torch.uint8), shift=shift)
