"""Models that know classes, or draw from a smaller image, are trained with what they depend on."""

import pytest
import torch

from pixeledu import PixelCNN, class_nats, nats
from pixeledu.checkpoints import load_checkpoint
from pixeledu.conditions import shrink
from pixeledu.data import ImageData
from pixeledu.training.folder import fingerprint
from pixeledu.training.loop import fit


def two_kinds(n=60):
    """Images of class 0 are dark, those of class 1 are bright, with a little noise."""
    labels = torch.arange(n) % 2
    images = labels[:, None, None, None].repeat(1, 1, 4, 4)
    noise = torch.rand(images.shape, generator=torch.Generator().manual_seed(0)) < 0.05
    return ImageData((images ^ noise).to(torch.uint8), labels, levels=2)


def test_a_model_that_knows_classes_learns_what_they_look_like():
    torch.manual_seed(0)
    data = two_kinds()
    model = PixelCNN(hidden=4, layers=1, classes=2)
    fit(model, data, data, epochs=20, batch_size=10, learning_rate=1e-2, progress=False)
    told, untold = nats(model, data.images, data.labels), nats(model, data.images)
    right = class_nats(model, data.images).argmin(1) == data.labels
    assert right.float().mean() == 1
    assert told.mean() < 5  # 11.1 for a uniform guess
    # Without its label an image has the class to tell as well, and no more than that.
    assert 0 < (untold - told).mean() <= torch.log(torch.tensor(2.0)) + 1e-6


def test_training_needs_the_labels_of_every_set_it_is_given():
    data = two_kinds()
    unlabelled = ImageData(data.images, None, levels=2)
    model = PixelCNN(hidden=2, layers=0, classes=2)
    for train, valid, name in ((unlabelled, data, "train"), (data, data.images, "valid")):
        with pytest.raises(ValueError, match=f"{name} must be ImageData with labels"):
            fit(model, train, valid, epochs=1, progress=False)
    many = ImageData(data.images, data.labels + 5, levels=2)
    with pytest.raises(ValueError, match="labels must be 0 to 1, got 5 to 6"):
        fit(model, many, epochs=1, progress=False)


def test_a_run_with_other_labels_is_another_run(tmp_path):
    data = two_kinds()
    options = {"epochs": 1, "folder": tmp_path, "progress": False}
    fit(PixelCNN(hidden=2, layers=0, classes=2), data, data, **options)
    assert load_checkpoint(tmp_path).classes == 2
    swapped = ImageData(data.images, 1 - data.labels, levels=2)
    with pytest.raises(ValueError, match="train images are not the same"):
        fit(PixelCNN(hidden=2, layers=0, classes=2), swapped, data, **options)
    assert fingerprint(data.images) == fingerprint(data.images, None)


def test_a_model_with_a_guide_learns_to_copy_what_the_guide_tells():
    torch.manual_seed(0)
    small = torch.randint(2, (80, 1, 3, 3), generator=torch.Generator().manual_seed(0))
    images = small.repeat_interleave(2, 2).repeat_interleave(2, 3).to(torch.uint8)
    assert torch.equal(shrink(images, 2), small.to(torch.uint8))
    model = PixelCNN(hidden=4, layers=1, guide=2)
    fit(model, images, images, epochs=20, batch_size=10, learning_rate=1e-2, progress=False)
    assert nats(model, images).mean() < 1  # 9 ln 2 = 6.2 without the guide
    with pytest.raises(ValueError, match="guide must have shape"):
        nats(model, images, guide=torch.zeros(80, 1, 2, 3, dtype=torch.uint8))
