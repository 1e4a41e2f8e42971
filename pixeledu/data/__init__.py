"""Image sets: where they come from, what they hold, and folders of one's own pictures."""

from pixeledu.data.sets import DATASETS, SPLITS, ImageData, load_images

__all__ = ["DATASETS", "SPLITS", "ImageData", "load_images"]
