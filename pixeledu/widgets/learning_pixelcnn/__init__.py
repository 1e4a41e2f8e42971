"""A small PixelCNN that learns in the page."""

from pixeledu.widgets.learning_pixelcnn.widget import (
    FIRST_MASKS,
    HIDDEN,
    LAYERS,
    LEARNING_RATES,
    LearningPixelCNN,
)

__all__ = ["FIRST_MASKS", "HIDDEN", "LAYERS", "LEARNING_RATES", "LearningPixelCNN"]
