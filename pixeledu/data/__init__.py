"""Image sets: where they come from, what they hold, and folders of one's own pictures."""

from pixeledu.data.sets import DATASETS, SPLITS, ImageData, class_names, load_images

__all__ = ["DATASETS", "SPLITS", "ImageData", "class_names", "load_images"]
