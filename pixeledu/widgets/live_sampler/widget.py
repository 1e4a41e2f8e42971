"""`LiveSampler`: trained models that draw in the page, and complete what you paint."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from numbers import Real

import numpy as np
import torch
import traitlets
from torch import Tensor, nn

from pixeledu.checks import a_tensor, checked_images, whole_number, wrong
from pixeledu.png import as_rgb
from pixeledu.sampling import sample
from pixeledu.web.export import load_export
from pixeledu.web.noise import SharedNoise
from pixeledu.web.page_models import models_for_page
from pixeledu.widgets.base import ROW, PageWidget, as_png
from pixeledu.widgets.bundle import constants_of
from pixeledu.widgets.live_sampler.conditions import (
    EACH,
    MANY,
    checked_guides,
    checked_label,
    conditions_of,
)

_CONSTANTS = constants_of("live_sampler")
_SIZES = _CONSTANTS["sizes"]
SPEEDS = tuple(_CONSTANTS["speeds"])
TEMPERATURES = tuple(_CONSTANTS["temperatures"])
USUAL_SPEED = _CONSTANTS["usual_speed"]
TOOLS = tuple(_CONSTANTS["tools"])
_PICTURE = _SIZES["picture_side"]  # px, the longer side
_HEIGHT = 638  # px, of a figure without the rows that only some models need

_Anything = traitlets.TraitType  # of any type: `LiveSampler` checks it, in the project's words


class LiveSampler(PageWidget):
    """A trained model that runs in the page: it samples, and completes what you paint.

    Choose the model, the seed and the temperature; look at the distribution of any pixel; draw or
    erase a part of the picture, and the model fills in the rest. A pixel that you draw is given
    from then on. Where you erase, all that is shown beside stays, and the model draws the gap with
    new chances; *Undo* and *Reset* bring back what was given. The figure begins in the middle of a
    picture; *Play* goes on, *Draw at once* finishes it. It never starts by itself, and computes
    nothing before it comes into view.

    A model that knows classes draws the one that you choose, or, for *Any class*, one that it draws
    first; *One of each class* shows them side by side. A model that draws from a smaller picture
    shows it where it has not drawn yet. A model of three colours paints with a palette.

    In the figure Space plays, the arrows move one value or one row, Home and End go to the ends,
    + and - change the speed. In the picture the arrows move a frame; Space looks, draws or erases
    there, and with Shift the arrows do so too.

    The same seed makes the same picture in the page and in Python, pixel for pixel: each number
    of chance is a `pixeledu.SharedNoise`. In a running notebook every argument but the models and
    the names of their classes can be read and set while it lives, as well as `playing` and `speed`
    (pixels a second: 1, 4, 16, 64 or 256); `picture` and `pictures` are what is drawn, `given` is
    what you painted.

    Args:
        models: names of `pixeledu.list_pretrained()`, or a dict of models by title. None: all that
            ship and that a page can run (at most 100 kB).
        model: which one draws first; None: the first of them.
        size: height and width of the pictures, at most 64; None: those of the training images.
        classes: names of the classes, for models of your own that know some; None: their numbers.
            The models that ship have the names of their image set.
        label: class that is drawn, from 0; None: each picture draws its own first; "each": picture i
            is of class i, and after the last class comes the first.
        guides: smaller pictures to draw from, integers 0 … levels-1 of shape (n, C, height / model.guide,
            width / model.guide), n from 1 to 16, for models that have a guide; picture i is drawn from
            guide i, and after the last guide comes the first.
        seed: fixes all chance, 0 … 2³² - 1.
        image: number of the picture of this seed, 0 … 15.
        sixteen: whether all sixteen are shown, and not that one alone.
        temperature: 0.1 to 2; the logits are divided by it.
        position: which drawn value to show first, from 0; None: the one in the middle.
        tool: what a press in the picture does first: "look", "draw" or "erase".
        description: what the figure is for, its name for readers who cannot see it.
    Raises:
        ValueError: an argument is out of range, or a model is none of this package's.
    """

    _name = "live_sampler"

    models = traitlets.List().tag(sync=True, page=True)
    weights = traitlets.Dict().tag(sync=True)  # all of them; on the site, in scripts of their own
    own = traitlets.Dict().tag(page=True)  # those that no script of the site has
    model = _Anything("").tag(sync=True, page=True)
    seed = _Anything(0).tag(sync=True, page=True)
    image = _Anything(0).tag(sync=True, page=True)
    sixteen = _Anything(False).tag(sync=True, page=True)
    temperature = _Anything(1.0).tag(sync=True, page=True)
    given = _Anything([]).tag(sync=True, page=True)
    label = _Anything(None).tag(sync=True, page=True)
    guides = _Anything(None).tag(sync=True, page=True)  # lists of values, pixel by pixel
    position = _Anything(0).tag(sync=True, page=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = _Anything(USUAL_SPEED).tag(sync=True, page=True)
    tool = _Anything(TOOLS[0]).tag(sync=True, page=True)
    description = traitlets.Unicode("A trained model draws").tag(sync=True, page=True)
    drawn = traitlets.Dict().tag(sync=True)  # what the page has drawn, and of what

    def __init__(
        self,
        models: Sequence[str] | Mapping[str, nn.Module] | None = None,
        *,
        model: str | None = None,
        size: tuple[int, int] | None = None,
        classes: Sequence[str] | None = None,
        label: int | str | None = None,
        guides: Tensor | None = None,
        seed: int = 0,
        image: int = 0,
        sixteen: bool = False,
        temperature: float = 1.0,
        position: int | None = None,
        tool: str = TOOLS[0],
        description: str = "A trained model draws",
    ) -> None:
        if not isinstance(description, str):
            raise wrong("description", "be a text", description)
        found = models_for_page(models, size, _CONSTANTS["longest"], classes)
        self._contents = {one["name"]: content for one, content in found}
        texts = {name: b64encode(content).decode() for name, content in self._contents.items()}
        shipped = () if isinstance(models, Mapping) else self._contents
        chosen = {"seed": seed, "image": image, "sixteen": sixteen, "temperature": temperature}
        chosen |= {"tool": tool, "label": label}
        super().__init__(
            models=[one for one, _ in found],
            weights=texts,
            description=" ".join(description.split()),
            own={name: text for name, text in texts.items() if name not in shipped},
        )
        self.guides = guides
        self.model = self.models[0]["name"] if model is None else model
        for name, value in chosen.items():
            setattr(self, name, value)
        self.position = self.steps // 2 if position is None else position

    def __repr__(self) -> str:
        return f"LiveSampler({self.model}, seed {self.seed}, {len(self.models)} models)"

    @property
    def steps(self) -> int:
        """How many values the model draws: those that are not given."""
        known = self._known()
        return int(np.prod(self._shape)) if known is None else int((~known).sum())

    @property
    def picture(self) -> Tensor:
        """The finished picture, uint8, shape (C, H, W)."""
        return self._pictures(range(self.image, self.image + 1))[0]

    @property
    def pictures(self) -> Tensor:
        """All sixteen pictures of this seed, uint8, shape (16, C, H, W)."""
        return self._pictures(range(MANY))

    def give(self, image: Tensor, known: Tensor) -> None:
        """Give some pixels; the model draws the others, and the figure shows half of them.

        Args:
            image: values 0 … levels-1, shape (C, H, W), of the model that is chosen.
            known: bool, shape (H, W): true where the image shall stay.
        Raises:
            ValueError: a shape, type or value is not what the model draws.
        """
        if tuple(a_tensor("image", image).shape) != self._shape:
            raise wrong("image", f"have shape {self._shape}", image)
        checked_images(load_export(self._content), image[None], "image[None]")
        right = a_tensor("known", known).dtype == torch.bool
        if not right or tuple(known.shape) != self._shape[1:]:
            raise wrong("known", f"be a bool tensor of shape {self._shape[1:]}", known)
        values = torch.where(known, image.long(), -1)  # (C, H, W)
        self.given = values.permute(1, 2, 0).flatten().tolist() if known.any() else []
        self.position = self.steps // 2

    # ---- what the traits mean ----

    @property
    def _shown_model(self) -> dict:
        return next(one for one in self.models if one["name"] == self.model)

    @property
    def _content(self) -> bytes:
        return self._contents[self.model]

    @property
    def _shape(self) -> tuple[int, int, int]:
        return (
            _rebuilt(self._content).channels,
            self._shown_model["height"],
            self._shown_model["width"],
        )

    def _known(self) -> np.ndarray | None:
        """Where something is given, (H·W·C,); None if nothing is, or what is fits another model."""
        values, levels = np.array(self.given), _rebuilt(self._content).levels
        fits = values.size == np.prod(self._shape) and values.max() < levels
        return values >= 0 if fits and (values >= 0).any() else None

    def _pictures(self, numbers: range) -> Tensor:
        """Pictures of this seed: those that the page has drawn, the others drawn here."""
        channels, height, width = self._shape
        known = self._known()
        source = [self.model, self.seed, self.temperature, [] if known is None else self.given]
        source += [self.label] if "classes" in self._shown_model else []
        seen = self.drawn.get("images", {}) if self.drawn.get("of") == source else {}
        if all(str(number) in seen for number in numbers):
            values = [np.frombuffer(b64decode(seen[str(n)]), np.uint8) for n in numbers]
            found = torch.from_numpy(np.stack(values)).view(-1, height, width, channels)
            return found.permute(0, 3, 1, 2).contiguous()
        options = conditions_of(self._shown_model, self.label, self.guides, numbers)
        if known is not None:
            shape = (len(numbers), height, width, channels)
            for name, value in (("images", np.array(self.given)), ("known", known)):
                values = torch.from_numpy(value).expand(len(numbers), -1).view(shape)
                options[name] = values.permute(0, 3, 1, 2)
        noise = SharedNoise(self.seed, first=numbers.start)
        model = _rebuilt(self._content)
        return sample(
            model,
            len(numbers),
            height,
            width,
            temperature=self.temperature,
            generator=noise,
            **options,
        )

    # ---- what may be set ----

    @traitlets.validate("label")
    def _a_class_there_is(self, proposal):
        return checked_label(proposal["value"], self._shown_model)

    @traitlets.validate("guides")
    def _fit_the_models(self, proposal) -> list | None:
        return checked_guides(proposal["value"], self.models)

    @traitlets.validate("model", "seed", "image", "sixteen", "temperature", "speed", "tool")
    def _allowed(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        if name == "temperature":
            least, most = TEMPERATURES
            number = isinstance(value, Real) and not isinstance(value, bool)
            if not number or not least <= value <= most:
                raise wrong("temperature", f"be from {least} to {most}", value)
            return value
        if name in ("seed", "image"):
            most = 2**32 if name == "seed" else MANY
            if whole_number(name, value, 0, 2**32) >= most:
                raise ValueError(f"{name} must be less than {most}, got {value}")
            return value
        names = tuple(one["name"] for one in self.models)
        allowed = {"model": names, "sixteen": (False, True), "speed": SPEEDS, "tool": TOOLS}[name]
        if not any(type(value) is type(one) and value == one for one in allowed):
            raise wrong(name, f"be one of {allowed}", value)
        return value

    @traitlets.validate("given")
    def _fits_the_model(self, proposal) -> list:
        given, shape = list(proposal["value"]), self._shape
        levels = _rebuilt(self._content).levels
        count = int(np.prod(shape))
        if given and (
            len(given) != count
            or not all(type(value) is int and -1 <= value < levels for value in given)
        ):
            raise ValueError(
                f"given must be empty or hold {count} whole numbers from -1 (not given) to "
                f"{levels - 1}, row by row; `give` makes them of an image"
            )
        return given

    @traitlets.validate("position")
    def _a_value_there_is(self, proposal) -> int:
        last = max(0, self.steps - 1)
        if whole_number("position", proposal["value"], least=0) > last:
            raise ValueError(f"position must be from 0 to {last}, got {proposal['value']}")
        return proposal["value"]

    @traitlets.observe("model", "given")
    def _stay_in_range(self, change) -> None:
        names = self._shown_model.get("classes")
        if names is None or (self.label != EACH and (self.label or 0) >= len(names)):
            self.label = None
        self.position = min(self.position, max(0, self.steps - 1))

    # ---- without JavaScript ----

    def _class_of_the_picture(self) -> str:
        number = range(self.image, self.image + 1)
        labels = conditions_of(self._shown_model, self.label, self.guides, number).get("labels")
        return "" if labels is None else f", class {self._shown_model['classes'][labels.item()]}"

    @property
    def _more_rows(self) -> list[str]:
        """The rows of controls that only some models need, as the style names them."""
        rows = {
            "class_row": any("classes" in one for one in self.models),
            "palette_rows": any(one["channels"] == 3 for one in self.models),
        }
        return [name for name, needed in rows.items() if needed]

    @property
    def _min_height(self) -> int:
        return _HEIGHT + sum(_SIZES[name] for name in self._more_rows)

    @property
    def _right_height(self) -> str:
        more = [f"var(--{name.replace('_', '-')})" for name in self._more_rows]
        all_ = ["var(--right-height)", *more]
        return f"calc({' + '.join(all_)})" if more else all_[0]

    def _fallback(self) -> str:
        _, height, width = self._shape
        shown = as_rgb(self.picture[None], _rebuilt(self._content).levels)[0]
        scale = _PICTURE // max(height, width)
        wide = scale * width if scale else _PICTURE * width // max(height, width)
        title = escape(self._shown_model["title"])
        what = title + escape(self._class_of_the_picture())
        # Laid out like the figure that replaces it, so that nothing on the page moves.
        return (
            f'<div style="padding:17px"><div style="{ROW}">'
            f'<div style="flex:0 1 {_PICTURE}px;min-height:var(--left-height)">'
            f'<img src="data:image/png;base64,{as_png(shown)}" '
            f'alt="A sample of {what}, seed {self.seed}, {height}×{width} pixels" '
            f'style="display:block;padding:0;width:{wide}px;max-width:100%;'
            'image-rendering:pixelated"></div>'
            f'<p style="flex:1 1 240px;margin:0;min-height:{self._right_height}">'
            f"A picture that {title} has drawn. With JavaScript, or in a running notebook, the "
            "model draws here: choose model, seed and temperature, or paint a part of a picture "
            "and let the model complete it.</p></div></div>"
        )


@lru_cache(maxsize=16)
def _rebuilt(content: bytes) -> nn.Module:
    return load_export(content)
