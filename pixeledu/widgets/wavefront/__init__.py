"""Which pixels are computed at the same moment."""

from pixeledu.widgets.wavefront.widget import MODELS, PHASES, SPEEDS, Wavefront, computed_at

__all__ = ["MODELS", "PHASES", "SPEEDS", "Wavefront", "computed_at"]
