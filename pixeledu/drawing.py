"""The loop behind `sampling`: value after value, each drawn from what the model says of it."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from pixeledu.checks import checked_images, whole_number
from pixeledu.fast.cuda_graphs import Repeated
from pixeledu.fast.threads import at_most
from pixeledu.models import AutoregressiveModel


class Drawing:
    """A checked request for images, and the loop that draws them."""

    def __init__(self, model, n, height, width, temperature, labels, images, known, generator):
        self.model = model
        self.shape = (
            whole_number("n", n, least=0),
            model.channels,
            whole_number("height", height),
            whole_number("width", width),
        )
        if not isinstance(temperature, int | float) or not 0 < temperature < float("inf"):
            raise ValueError(f"temperature must be a number above 0, got {temperature!r}")
        if labels is not None:
            raise ValueError(f"labels must be None: {type(model).__name__} knows no classes")
        self.temperature = temperature
        self.generator = generator
        self.device = next(model.parameters()).device
        self.images, self.known = self._given(images, known)

    def _given(self, images: Tensor | None, known: Tensor | None):
        """Check what is known and bring it to the shape of the images."""
        if (images is None) != (known is None):
            raise ValueError("images and known go together: pass both of them or neither")
        if known is None:
            return None, None
        n, _, height, width = self.shape
        if tuple(images.shape) != self.shape:
            raise ValueError(f"images must have shape {self.shape}, got {tuple(images.shape)}")
        if known.dtype != torch.bool:
            raise ValueError(f"known must be a bool tensor, got {known.dtype}")
        accepted = [(height, width), (n, 1, height, width), self.shape]
        if tuple(known.shape) not in accepted:
            raise ValueError(f"known must have one of the shapes {accepted}, got {known.shape}")
        images, known = images.to(self.device), known.to(self.device).expand(self.shape)
        # What stands at unknown places is ignored, so it may be out of range.
        checked_images(self.model, torch.where(known, images, 0))
        return images, known

    def run(self, method: str, progress: bool = False, keep: Callable | None = None) -> Tensor:
        """Draw all values in order; `keep` is called with the (n, levels) probabilities of each."""
        if method not in ("cached", "naive", "replayed"):
            raise ValueError(f'method must be "cached", "naive" or "replayed", got {method!r}')
        if method == "replayed" and self.device.type != "cuda":
            raise ValueError(
                f'method "replayed" needs a model on a CUDA GPU and this one is on {self.device}: '
                'use method="cached"'
            )
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                if method == "naive":
                    steps = _NaiveSteps(self.model, self.shape, self.device)
                else:
                    steps = self.model.steps(batch=self.shape[0], width=self.shape[3])
                draw_row = partial(self._row, steps, keep)
                if method == "replayed":
                    draw_row = Repeated(draw_row)
                images = self._draw(draw_row, progress)
        finally:
            self.model.train(was_training)
        return images.clone()  # a tensor made in inference mode could not be changed in place

    def _draw(self, draw_row: Callable[..., Tensor], progress: bool) -> Tensor:
        images = torch.empty(self.shape, dtype=torch.uint8, device=self.device)
        for row in _rows(self.shape[2], progress):
            given = () if self.known is None else (self.images[:, :, row], self.known[:, :, row])
            images[:, :, row] = draw_row(self._noise(row), *given)  # (n, C, W)
        return images

    def _row(
        self,
        steps,
        keep: Callable | None,
        noise: Tensor,
        images: Tensor | None = None,
        known: Tensor | None = None,
    ) -> Tensor:
        """Draw a row, left to right and colour by colour.

        Args:
            steps: the step face of the model.
            keep: is called with the probabilities of each value, if it is not None.
            noise: a uniform number for each value, shape (W·C, n, 1).
            images, known: the row of what is known, each of shape (n, C, W).
        Returns:
            The values, shape (n, C, W).
        """
        n, channels, _, width = self.shape
        drawn = []
        steps.start_row()
        with at_most(steps.threads):
            for place, noise_ in enumerate(noise.unbind()):
                column, colour = divmod(place, channels)
                logits = steps.logits(column, colour)  # (n, levels)
                values, probabilities = _draw_values(logits, noise_, self.temperature)
                if known is not None:
                    here = (slice(None), colour, column)
                    values = torch.where(known[here], images[here].long(), values)
                steps.put(values, column, colour)
                if keep is not None:
                    keep(probabilities)
                drawn.append(values)
        return torch.stack(drawn).view(width, channels, n).permute(2, 1, 0)

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
        start: the number of the first value: (row · W + column) · C + colour.
        values: how many.
        n: how many images.
    Returns:
        Tensor of shape (values, n).
    """
    if hasattr(source, "uniform"):
        return source.uniform(start, values, n)
    device = "cpu" if source is None else source.device
    return torch.rand(values, n, generator=source, device=device)


def _rows(height: int, progress: bool):
    if not progress:
        return range(height)
    from tqdm.auto import tqdm

    return tqdm(range(height), desc="rows", leave=False)


def _draw_values(logits: Tensor, noise: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Turn logits (n, levels) and uniform numbers (n, 1) into values (n,) and probabilities."""
    if temperature != 1:
        logits = logits / temperature
    probabilities = torch.softmax(logits, dim=1)  # (n, levels)
    # The value is the number of levels whose cumulated probability the noise has passed.
    passed = probabilities.cumsum(1)[:, :-1] <= noise  # (n, levels - 1)
    return passed.sum(1), probabilities


class _NaiveSteps:
    """The step face made of whole forward passes: the slow, obvious reference."""

    def __init__(self, model: AutoregressiveModel, shape: tuple, device: torch.device):
        self.model = model
        self.threads = torch.get_num_threads()
        self.images = torch.zeros(shape, dtype=torch.uint8, device=device)
        self.row = -1

    def start_row(self) -> None:
        self.row += 1

    def logits(self, column: int, colour: int) -> Tensor:
        return self.model(self.images)[:, :, colour, self.row, column]

    def put(self, values: Tensor, column: int, colour: int) -> None:
        self.images[:, colour, self.row, column] = values.to(torch.uint8)
