"""What each weight of a masked kernel touches."""

from pixeledu.widgets.mask_explorer.widget import COLOURS, KERNEL_SIZES, MASK_TYPES, MaskExplorer

__all__ = ["COLOURS", "KERNEL_SIZES", "MASK_TYPES", "MaskExplorer"]
