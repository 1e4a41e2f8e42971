"""Drawing images value by value: new ones, and the missing part of given ones.

There are two methods. The naive one runs the whole model for every value and throws away all but
one pixel of the result: C·H·W forward passes. The cached one keeps what it has computed and does
the arithmetic of a single forward pass. Both use the same random numbers and draw the same images.
On a GPU the rows of the cached one can be replayed from a recording.
"""

import sys
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from pixeledu import checks
from pixeledu.conditions import check_conditions
from pixeledu.fast.threads import at_most
from pixeledu.models import AutoregressiveModel
from pixeledu.steps import Steps


def sample(
    model: AutoregressiveModel,
    n: int,
    height: int,
    width: int,
    *,
    temperature: float = 1.0,
    labels: Tensor | None = None,
    guide: Tensor | None = None,
    images: Tensor | None = None,
    known: Tensor | None = None,
    method: str = "cached",
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> Tensor:
    """Draw images from a model, row by row, left to right, R then G then B.

    Args:
        model: one of this package's models.
        n: number of images.
        height: rows of each image; any, not only what the model was trained on.
        width: columns of each image.
        temperature: the logits are divided by it. 1 samples the model; towards 0 the most
            likely value wins; above 1 the distribution gets flatter.
        labels: classes to draw, integers of shape (n,), for a model that knows classes; left out,
            each image is of a class drawn first.
        guide: smaller images to draw from, shape (n, C, height / model.guide, width / model.guide),
            for a model that has a guide.
        images: values to keep where `known` is true, shape (n, C, height, width).
        known: bool, shape (height, width), (n, 1, height, width) or (n, C, height, width).
        method: "cached", or "naive" for the slow reference, or "replayed": cached, with rows that
            an NVIDIA GPU replays from a recording of the second one.
        generator: source of randomness, on any device; the global one of the CPU if left out. With
            a `SharedNoise` a web page draws the same images.
        progress: show a bar that counts rows.
    Returns:
        uint8 tensor of shape (n, C, height, width), on the model's device.
    Raises:
        ValueError: an argument is out of range or contradicts another.
    Source: van den Oord et al. 2016, section 2.1; Ramachandran et al. 2017 for the cache.
    """
    drawing = Drawing(model, n, height, width, temperature, generator)
    drawing.depend_on(labels, guide)
    drawing.keep(images, known)
    return drawing.run(method, progress)


def complete(
    model: AutoregressiveModel,
    images: Tensor,
    known: Tensor,
    *,
    temperature: float = 1.0,
    labels: Tensor | None = None,
    guide: Tensor | None = None,
    method: str = "cached",
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> Tensor:
    """Draw the unknown part of images; known pixels come back untouched.

    Each value is drawn given everything before it, known or drawn. What is known further down
    does not influence what is drawn above it: the order of generation does not allow that.

    Args:
        model: one of this package's models.
        images: values 0 … levels-1, shape (B, C, H, W); what stands at unknown pixels is ignored.
        known: bool, shape (H, W), (B, 1, H, W) or (B, C, H, W).
        temperature, labels, guide, method, generator, progress: as for `sample`.
    Returns:
        uint8 tensor of shape (B, C, H, W), on the device of `images`.
    Raises:
        ValueError: an argument is out of range or contradicts another.
    Source: van den Oord et al. 2016, figure 10 (occluded images).
    """
    checks.check_image_shape(images, checks.checked_model(model).channels)
    drawing = Drawing(model, len(images), *images.shape[2:], temperature, generator)
    drawing.depend_on(labels, guide)
    drawing.keep(images, known)
    return drawing.run(method, progress).to(images.device)


class Drawing:
    """A checked request for images, and the loop that draws them."""

    def __init__(self, model, n, height, width, temperature=1.0, generator=None):
        self.model = checks.checked_model(model)
        self.shape = (
            checks.whole_number("n", n, least=0),
            model.channels,
            checks.whole_number("height", height),
            checks.whole_number("width", width),
        )
        self.temperature = checks.number("temperature", temperature, zero=False)
        if generator is not None and not isinstance(getattr(generator, "device", 0), torch.device):
            raise checks.wrong("generator", "be a torch.Generator, SharedNoise or None", generator)
        self.generator = generator
        self.device = checks.device_of(model)
        self.labels = self.guide = self.images = self.known = None

    def depend_on(self, labels: Tensor | None, guide: Tensor | None) -> None:
        """Take the classes and the smaller images to draw from; draw the classes that are missing."""
        check_conditions(self.model, labels, guide, self.shape[0])
        classes = getattr(self.model, "classes", None)
        if classes is not None and labels is None:
            labels = (uniform(self.generator, -1, 1, self.shape[0])[0] * classes).long()  # (n,)
        self.labels = labels if labels is None else labels.to(self.device)
        self.guide = guide if guide is None else guide.to(self.device)

    def keep(self, images: Tensor | None, known: Tensor | None) -> None:
        """Take what is known of the images, and bring it to their shape."""
        if (images is None) != (known is None):
            raise ValueError("images and known go together: pass both of them or neither")
        if known is None:
            return
        n, _, height, width = self.shape
        if checks.a_tensor("images", images).shape != self.shape:
            raise checks.wrong("images", f"have shape {self.shape}", images)
        if checks.a_tensor("known", known).dtype != torch.bool:
            raise checks.wrong("known", "be a bool tensor", known)
        accepted = [(height, width), (n, 1, height, width), self.shape]
        if tuple(known.shape) not in accepted:
            raise checks.wrong("known", f"have one of the shapes {accepted}", known)
        self.images, self.known = images.to(self.device), known.to(self.device).expand(self.shape)
        # What stands at unknown places is ignored, so it may be out of range.
        checks.checked_images(self.model, self.images * self.known)

    def run(self, method: str, progress: bool = False, watch: Callable | None = None) -> Tensor:
        """Draw all values in order; `watch` is called with the (n, levels) probabilities of each."""
        checks.one_of("method", method, "cached", "naive", "replayed")
        checks.one_of("progress", progress, True, False)
        if method != "naive" and not hasattr(self.model, "condition"):
            expected = 'be one of this package\'s models, or method be "naive"'
            raise checks.wrong("model", expected, self.model)
        if method == "replayed" and self.device.type != "cuda":
            needs = 'method "replayed" needs a model on a CUDA GPU and this one is on'
            raise ValueError(f'{needs} {self.device}: use method="cached"')
        was_training = self.model.training
        self.model.eval()
        try:
            # Values drawn from rounded logits would not be those of the model.
            with torch.inference_mode(), torch.autocast(self.device.type, enabled=False):
                draw_row = partial(self._row, self._steps(method), watch)
                if method == "replayed":
                    from pixeledu.fast.cuda_graphs import Repeated

                    draw_row = Repeated(draw_row)
                images = self._draw(draw_row, progress)
        finally:
            self.model.train(was_training)
        return images.clone()  # a tensor made in inference mode could not be changed in place

    def _steps(self, method: str) -> Steps:
        if method == "naive":
            return NaiveSteps(self.model, self.shape, self.labels, self.guide)
        n, _, height, width = self.shape
        condition = self.model.condition(self.labels, self.guide, n, height, width)
        return self.model.steps(n, width, condition)

    def _draw(self, draw_row: Callable[..., Tensor], progress: bool) -> Tensor:
        images = torch.empty(self.shape, dtype=torch.uint8, device=self.device)
        rows = range(self.shape[2])
        if progress and sys.stderr is not None:
            from tqdm.auto import tqdm

            rows = tqdm(rows, desc="rows", leave=False)
        for row in rows:
            given = () if self.known is None else (self.images[:, :, row], self.known[:, :, row])
            values = draw_row(self._noise(row), *given)  # (n, C, W)
            if (values < 0).any():
                broken = f"the logits of the model hold NaN or infinity in row {row}"
                raise FloatingPointError(f"{broken}: its weights are broken")
            images[:, :, row] = values
        return images

    def _row(
        self,
        steps: Steps,
        watch: Callable | None,
        noise: Tensor,
        images: Tensor | None = None,
        known: Tensor | None = None,
    ) -> Tensor:
        """Draw a row, left to right and colour by colour.

        Args:
            steps: the step face of the model.
            watch: is called with the probabilities of each value, if it is not None.
            noise: a uniform number for each value, shape (W·C, n, 1).
            images, known: the row of what is known, each of shape (n, C, W).
        Returns:
            The values, shape (n, C, W); -1 where the model says nothing that could be drawn.
        """
        n, channels, _, width = self.shape
        drawn, said = [], []
        steps.start_row()
        with at_most(steps.threads):
            for place, noise_ in enumerate(noise.unbind()):
                column, colour = divmod(place, channels)
                logits = steps.read(column, colour)  # (n, levels)
                values, probabilities = _draw_values(logits, noise_, self.temperature)
                if known is not None:
                    here = (slice(None), colour, column)
                    values = torch.where(known[here], images[here].long(), values)
                steps.put(values, column, colour)
                if watch is not None:
                    watch(probabilities)
                drawn.append(values)
                said.append(probabilities)
        nothing = torch.stack(said)[..., -1].isnan()  # (W·C, n): NaN as soon as one level is
        values = torch.where(nothing, -1, torch.stack(drawn))  # (W·C, n)
        return values.view(width, channels, n).permute(2, 1, 0)

    def _noise(self, row: int) -> Tensor:
        """Draw a uniform number for each value of a row; known values use theirs up as well."""
        n, channels, _, width = self.shape
        values = width * channels
        noise = uniform(self.generator, row * values, values, n)  # (W·C, n)
        return noise.to(self.device).unsqueeze(2)


def uniform(source, start: int, values: int, n: int) -> Tensor:
    """Draw a number from 0 to below 1 for each of some neighbouring values of n images.

    Args:
        source: a `torch.Generator`, None for the global one, or an object with a method of this
            name that gives the numbers of these places, such as `SharedNoise`.
        start: the number of the first value: (row · W + column) · C + colour; -1 for the class.
        values, n: how many values, of how many images; what is returned has the shape (values, n).
    """
    if hasattr(source, "uniform"):
        return source.uniform(start, values, n)
    device = "cpu" if source is None else source.device
    return torch.rand(values, n, generator=source, device=device)


_COLDEST = 1e-30  # the most likely value has long won; a colder quotient could become infinite


def _draw_values(logits: Tensor, noise: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Turn logits (n, levels) and uniform numbers (n, 1) into values (n,) and probabilities."""
    if logits.dtype.itemsize < 4:  # half precision
        logits = logits.float()
    if temperature != 1:
        logits = logits / max(temperature, _COLDEST)
    probabilities = torch.softmax(logits, dim=1)  # (n, levels)
    # The value is the number of levels whose cumulated probability the noise has passed.
    passed = probabilities.cumsum(1)[:, :-1] <= noise  # (n, levels - 1)
    return passed.sum(1), probabilities


class NaiveSteps(Steps):
    """The step face made of whole forward passes: the slow, obvious reference."""

    def __init__(self, model, shape: tuple, labels: Tensor | None, guide: Tensor | None):
        self.model = model
        given = {"labels": labels, "guide": guide}
        self.conditions = {name: x for name, x in given.items() if x is not None}
        self.images = torch.zeros(shape, dtype=torch.uint8, device=checks.device_of(model))
        self.row = -1

    def start_row(self, vertical=None, condition=None) -> None:
        self.row += 1

    def read(self, column: int, colour: int = 0) -> Tensor:
        logits = checks.logits_of(self.model, self.images, self.model.levels, **self.conditions)
        return logits[:, :, colour, self.row, column]

    def put(self, values: Tensor, column: int, colour: int = 0) -> None:
        self.images[:, colour, self.row, column] = values.to(torch.uint8)
