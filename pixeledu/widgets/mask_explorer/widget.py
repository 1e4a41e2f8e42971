"""`MaskExplorer`: what each weight of a masked kernel touches, wherever the kernel lies."""

from urllib.parse import quote

import numpy as np
import traitlets

from pixeledu.checks import whole_number, wrong
from pixeledu.masks import causal_mask
from pixeledu.widgets.base import ROOM_FOR_CONTROLS, ROW, PageWidget
from pixeledu.widgets.bundle import constants_of

_CONSTANTS = constants_of("mask_explorer")
_SIZES = _CONSTANTS["sizes"]
KERNEL_SIZES = tuple(_CONSTANTS["kernel_sizes"])
MASK_TYPES = tuple(_CONSTANTS["mask_types"])
COLOURS = tuple(_CONSTANTS["colours"])
SPEEDS = tuple(_CONSTANTS["speeds"])
_LONGEST = _CONSTANTS["longest"]  # pixels in a row or column, at most

_Anything = traitlets.TraitType  # of any type: `MaskExplorer` checks it, in the project's words


class MaskExplorer(PageWidget):
    """A masked kernel that slides over a small image and shows what each of its weights touches.

    Choose the mask (A or B), the size of the kernel, grey or colours, and with colours which one
    is read and which one computed: the masks are those of `pixeledu.causal_mask`.

    Space slides the kernel through the image, the arrow keys move it by a pixel, Home and End to
    the ends, + and - change the speed; a click or a tap on a pixel puts it there. A mouse over a
    weight, a tap on it, or the slider below the kernel (with its own arrow keys) shows which pixel
    the weight touches and why it is open or closed. It never slides by itself. For a reader who
    asked for reduced motion it moves row by row, twice a second at most.

    In a running notebook all arguments and `playing` and `speed` (pixels a second: 1, 4 or 16) can
    be read and set from Python too. `mask()` and `touched()` are what is shown, as arrays.

    Args:
        kernel_size: 3, 5 or 7.
        mask_type: "A" or "B".
        channels: colours of the image, 1 or 3.
        reads, computes: with 3 channels, the colour that is read and the one that is computed:
            "R", "G" or "B". In later layers, the feature groups of these colours.
        position: pixel on which the kernel lies, from 0 row by row; None: the middle.
        offset: (rows down, columns right) of the weight to look at, seen from the centre.
        height, width: rows and columns of the image, from 1 to 16.
    Raises:
        ValueError: an argument is out of range.
    Source: van den Oord et al. 2016, section 3.4 and figure 2.
    """

    _name = "mask_explorer"
    _min_height = 640

    height = _Anything(7).tag(sync=True, page=True)
    width = _Anything(9).tag(sync=True, page=True)
    kernel_size = _Anything(5).tag(sync=True, page=True)
    mask_type = _Anything("A").tag(sync=True, page=True)
    channels = _Anything(1).tag(sync=True, page=True)
    reads = _Anything("R").tag(sync=True, page=True)
    computes = _Anything("R").tag(sync=True, page=True)
    offset = _Anything((-1, 0)).tag(sync=True, page=True)
    position = _Anything(0).tag(sync=True, page=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = _Anything(4).tag(sync=True, page=True)

    def __init__(
        self,
        kernel_size: int = 5,
        mask_type: str = "A",
        channels: int = 1,
        *,
        reads: str = "R",
        computes: str = "R",
        position: int | None = None,
        offset: tuple[int, int] = (-1, 0),
        height: int = 7,
        width: int = 9,
    ) -> None:
        sizes = {"height": height, "width": width, "kernel_size": kernel_size}
        chosen = {"mask_type": mask_type, "channels": channels, "reads": reads}
        chosen = sizes | chosen | {"computes": computes}
        super().__init__(**{name: _checked(name, value) for name, value in chosen.items()})
        # After what they depend on.
        self.offset = offset
        self.position = height // 2 * width + width // 2 if position is None else position

    def __repr__(self) -> str:
        colours = "grey" if self.channels == 1 else f"{self.reads} read for {self.computes}"
        return f"MaskExplorer({self.kernel_size}×{self.kernel_size}, {self.mask_type}, {colours})"

    def mask(self) -> np.ndarray:
        """The mask that is shown, with the rows below the centre.

        Returns:
            bool (kernel_size, kernel_size).
        """
        size, channels = self.kernel_size, self.channels
        masks = causal_mask(size, self.mask_type, channels, channels, channels)
        colours = COLOURS.index(self.computes), COLOURS.index(self.reads)
        shown = masks[colours if channels > 1 else (0, 0)].numpy()  # (size // 2 + 1, size)
        return np.pad(shown, ((0, size // 2), (0, 0)))

    def touched(self) -> np.ndarray:
        """The pixels that open weights touch.

        Returns:
            bool (H, W).
        """
        reach = self.kernel_size // 2
        image = np.zeros((self.height + 2 * reach, self.width + 2 * reach), dtype=bool)
        row, column = divmod(self.position, self.width)
        image[row : row + self.kernel_size, column : column + self.kernel_size] = self.mask()
        return image[reach : reach + self.height, reach : reach + self.width]

    @traitlets.validate(
        "height", "width", "kernel_size", "mask_type", "channels", "reads", "computes", "speed"
    )
    def _allowed(self, proposal):
        return _checked(proposal["trait"].name, proposal["value"])

    @traitlets.validate("offset")
    def _a_weight_there_is(self, proposal) -> tuple[int, int]:
        value, reach = proposal["value"], self.kernel_size // 2
        pair = isinstance(value, tuple | list) and len(value) == 2
        if not pair or any(type(n) is not int or abs(n) > reach for n in value):
            kernel = f"rows down, columns right; the kernel is {self.kernel_size} wide"
            raise wrong(
                "offset", f"be two whole numbers from {-reach} to {reach} ({kernel})", value
            )
        return tuple(value)

    @traitlets.validate("position")
    def _a_pixel_there_is(self, proposal) -> int:
        value, pixels = proposal["value"], self.height * self.width
        if whole_number("position", value, least=0) >= pixels:
            raise ValueError(
                f"position must be from 0 to {pixels - 1} ({self.height}×{self.width} pixels), "
                f"got {value}"
            )
        return value

    @traitlets.observe("height", "width", "kernel_size")
    def _stay_in_range(self, change) -> None:
        reach = self.kernel_size // 2
        self.offset = tuple(min(max(n, -reach), reach) for n in self.offset)
        self.position = min(self.position, self.height * self.width - 1)

    def _fallback(self) -> str:
        row, column = divmod(self.position, self.width)
        picture, width = _picture(self)
        kind = f"mask {self.mask_type}, {self.kernel_size}×{self.kernel_size}"
        count = int(self.touched().sum())
        words = _SIZES["grey_words_height" if self.channels == 1 else "colour_words_height"]
        # Laid out like the figure that replaces it, so that nothing on the page moves.
        return (
            f'<div style="padding:17px"><div style="{ROW}">'
            f'<p style="flex:1 1 280px;margin:0;min-height:{words}">What the weights of a '
            f"masked kernel touch. The picture: {kind}, on pixel (row {row}, column {column}), "
            f"framed: it reads the {count} filled pixels, and not those with a cross. With "
            "JavaScript, or in a running notebook, you can move the kernel and change it.</p>"
            f'<div style="flex:0 1 {_SIZES["maps_width"]}px;min-height:{_SIZES["maps_height"]}px">'
            f'<img src="data:image/svg+xml,{quote(picture)}" '
            f'alt="{kind}: {count} of {self.height}×{self.width} pixels are read" '
            f'style="display:block;padding:0;width:{width}px;max-width:100%"></div></div>'
            f'<div style="{ROW};margin-top:16px">{ROOM_FOR_CONTROLS}</div></div>'
        )


def _checked(name: str, value):
    """The value of a trait, if it is one that the trait may have."""
    if name in ("height", "width"):
        if whole_number(name, value) > _LONGEST:
            raise ValueError(f"{name} must be at most {_LONGEST}, got {value}")
        return value
    allowed = {"kernel_size": KERNEL_SIZES, "mask_type": MASK_TYPES, "channels": (1, 3)}
    allowed |= {"reads": COLOURS, "computes": COLOURS, "speed": SPEEDS}
    if not any(type(value) is type(one) and value == one for one in allowed[name]):
        raise wrong(name, f"be one of {allowed[name]}", value)
    return value


def _picture(explorer: MaskExplorer) -> tuple[str, int]:
    """The image under the kernel as SVG, and its width in px."""
    height, width, reach = explorer.height, explorer.width, explorer.kernel_size // 2
    fits = (_SIZES["image_width"] / width, _SIZES["image_height"] / height)
    side = int(min(*fits, _SIZES["image_pixel"]))
    row, column = divmod(explorer.position, width)
    filled, hollow, crosses = "", "", ""
    for (r, c), read in np.ndenumerate(explorer.touched()):
        square = f"M{c} {r}h1v1h-1z"
        filled, hollow = (filled + square, hollow) if read else (filled, hollow + square)
        if not read and max(abs(r - row), abs(c - column)) <= reach:
            crosses += f"M{c}.3 {r}.3l.4.4m0-.4l-.4.4"
    edge = 2 / side
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="{-edge} {-edge} {width + 2 * edge} {height + 2 * edge}" '
        f'width="{width * side + 4}" height="{height * side + 4}" stroke="#59636f" '
        f'stroke-width=".05"><path fill="#fff" d="{hollow}"/><path fill="#0b6e99" d="{filled}"/>'
        f'<path fill="none" stroke-width=".08" d="{crosses}"/><path fill="none" stroke="#e8590c" '
        f'stroke-width=".15" d="M{column} {row}h1v1h-1z"/></svg>'
    ), width * side + 4
