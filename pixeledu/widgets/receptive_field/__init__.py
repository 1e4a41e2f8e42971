"""What any pixel of a model sees."""

from pixeledu.widgets.receptive_field.widget import ReceptiveField, codes, deep_twin

__all__ = ["ReceptiveField", "codes", "deep_twin"]
