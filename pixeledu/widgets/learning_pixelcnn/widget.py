"""`LearningPixelCNN`: a small PixelCNN that learns while you look."""

from base64 import b64decode
from html import escape

import numpy as np
import torch.nn.functional as F
import traitlets
from torch import Tensor, nn

from pixeledu.checks import one_of, whole_number, wrong
from pixeledu.data import load_images
from pixeledu.web.export import load_export
from pixeledu.web.page_images import page_digits
from pixeledu.widgets.base import ROW, PageWidget, as_png
from pixeledu.widgets.bundle import constants_of

_CONSTANTS = constants_of("learning_pixelcnn")
_SIZES = _CONSTANTS["sizes"]
HIDDEN = tuple(_CONSTANTS["hidden"])
LAYERS = tuple(_CONSTANTS["layers"])
LEARNING_RATES = tuple(_CONSTANTS["learning_rates"])
FIRST_MASKS = tuple(_CONSTANTS["first_masks"])
_SIDE, _LEVELS, _PICTURES = (_CONSTANTS[name] for name in ("side", "levels", "pictures"))

_Anything = traitlets.TraitType  # of any type: `LearningPixelCNN` checks it, in the project's words


class LearningPixelCNN(PageWidget):
    """A small PixelCNN that learns in the page: press *Learn* and watch it.

    It trains on 640 of the 8×8 digits, forward and backward in plain JavaScript, and shows what a
    digit costs that it has not learned from, sixteen drawings of the same chance, and what the
    logits of one pixel depend on. *Pause*, *One step* and *Start again* lead through the steps;
    learning rate, width and depth can be changed, and so can the mask of the first layer: with mask
    B each pixel sees itself, the loss collapses, and what it draws is grey. After each 1,000
    steps it pauses by itself. It never starts by itself, and computes nothing before it comes into
    view.

    A step is one of `fit` at a constant learning rate: sixteen digits, the mean cross-entropy,
    gradients of length 1 at most, AdamW with a weight decay of 0.01, and weights that are averaged
    with `ema=0.999`. What is measured and drawn is that of the averaged weights. The same seed gives
    the same weights, digits and drawings on every machine, up to rounding.

    *Save* writes the model as a file for `pixeledu.load_export`. The drawings are those of that file:
    `sample(model, 16, 8, 8, generator=SharedNoise(seed))`. The package has no PixelCNN with mask B
    in its first layer: of a broken one the file has all weights but those that look at the pixel
    itself. It draws the same, because to those weights what is not drawn yet is 0.

    In a running notebook every argument can be read and set while it lives, as well as `playing`;
    `steps` and `model` are what it had learned when it last paused.

    Args:
        hidden: features of a block: 8, 16 or 24.
        layers: residual blocks, 0 to 4.
        learning_rate: 0.001, 0.003, 0.01 or 0.03.
        first_mask: "A", or "B" to see what a leak does.
        seed: fixes all chance, 0 … 2³² - 1.
        description: what the figure is for, its name for readers who cannot see it.
    Raises:
        ValueError: an argument is out of range.
    """

    _name = "learning_pixelcnn"
    _min_height = 690

    images = traitlets.Dict().tag(sync=True)  # on the site, in a script of their own
    hidden = _Anything(HIDDEN[1]).tag(sync=True, page=True)
    layers = _Anything(LAYERS[2]).tag(sync=True, page=True)
    learning_rate = _Anything(LEARNING_RATES[2]).tag(sync=True, page=True)
    first_mask = _Anything(FIRST_MASKS[0]).tag(sync=True, page=True)
    seed = _Anything(0).tag(sync=True, page=True)
    playing = traitlets.Bool(False).tag(sync=True)
    description = traitlets.Unicode("A PixelCNN learns").tag(sync=True, page=True)
    learned = traitlets.Dict().tag(sync=True)  # what the page has come to: steps, nats, weights

    def __init__(
        self,
        hidden: int = HIDDEN[1],
        layers: int = LAYERS[2],
        *,
        learning_rate: float = LEARNING_RATES[2],
        first_mask: str = FIRST_MASKS[0],
        seed: int = 0,
        description: str = "A PixelCNN learns",
    ) -> None:
        for name, value, allowed in (
            ("hidden", hidden, HIDDEN),
            ("layers", layers, LAYERS),
            ("learning_rate", learning_rate, LEARNING_RATES),
            ("first_mask", first_mask, FIRST_MASKS),
        ):
            one_of(name, value, *allowed)
        whole_number("seed", seed, least=0, most=2**32 - 1)
        if not isinstance(description, str):
            raise wrong("description", "be a text", description)
        super().__init__(images=page_digits(), description=" ".join(description.split()))
        self.hidden, self.layers, self.learning_rate = hidden, layers, learning_rate
        self.first_mask, self.seed = first_mask, seed

    def __repr__(self) -> str:
        return (
            f"LearningPixelCNN(hidden {self.hidden}, layers {self.layers}, mask {self.first_mask}, "
            f"seed {self.seed})"
        )

    @property
    def steps(self) -> int:
        """How many steps `model` has learned."""
        return self.learned.get("steps", 0)

    @property
    def model(self) -> nn.Module:
        """What had been learned when the figure last paused, as averaged weights in 16 bits.

        Raises:
            RuntimeError: the figure has not been seen yet, so there are no weights.
        """
        if "weights" not in self.learned:
            raise RuntimeError("the figure has no weights yet: show it in a notebook, press Learn")
        return load_export(b64decode(self.learned["weights"]))

    @traitlets.validate("hidden", "layers", "learning_rate", "first_mask", "seed")
    def _allowed(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        if name == "seed":
            return whole_number(name, value, least=0, most=2**32 - 1)
        allowed = {
            "hidden": HIDDEN,
            "layers": LAYERS,
            "learning_rate": LEARNING_RATES,
            "first_mask": FIRST_MASKS,
        }[name]
        if not any(type(value) is type(one) and value == one for one in allowed):
            raise ValueError(f"{name} must be one of {allowed}, got {value!r}")
        return value

    # ---- without JavaScript ----

    def _fallback(self) -> str:
        digits = load_images("digits").images[:_PICTURES]
        shades = _side_by_side(digits).numpy() * (255 / (_LEVELS - 1))
        shown = np.rint(shades).astype(np.uint8)
        side, words = _SIZES["drawings_side"], _SIZES["words_width"]
        # Laid out like the figure that replaces it, so that nothing on the page moves.
        return (
            f'<div style="padding:17px"><div style="{ROW}">'
            f'<div style="flex:0 1 {side}px;min-height:{_SIZES["drawings_height"]}px">'
            f'<img src="data:image/png;base64,{as_png(shown)}" '
            'alt="Sixteen of the handwritten digits that a model learns from here" '
            f'style="display:block;padding:0;width:{side}px;max-width:100%;'
            'image-rendering:pixelated"></div>'
            f'<p style="flex:1 1 {words}px;margin:0;min-height:{_SIZES["curve_height"]}px">'
            f"{escape(self.description)}. These are some of the digits that it learns from. With "
            "JavaScript, or in a running notebook, a PixelCNN learns them here: press Learn, and "
            "watch what a digit costs, what the model draws and what it sees.</p>"
            f'<div style="flex:0 1 {side}px;min-height:{_SIZES["field_height"]}px"></div>'
            f'<div style="flex:1 1 {words}px;min-height:{_SIZES["settings_height"]}px"></div>'
            "</div></div>"
        )


def _side_by_side(images: Tensor) -> Tensor:
    """Sixteen images in four rows, with a dot between two: (16, 1, H, W) -> (4H + 3, 4W + 3)."""
    padded = F.pad(images[:, 0], (0, 1, 0, 1), value=_LEVELS // 2)
    rows = padded.unflatten(0, (4, 4)).transpose(1, 2).flatten(0, 1).flatten(1)
    return rows[:-1, :-1]
