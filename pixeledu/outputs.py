"""What a model says of a value: a softmax over its levels, or a mixture of logistics.

An output is the head of a model: twice a ReLU and a 1×1 convolution with mask B, which give some
parameters for every value, and `logits`, which makes of them the logits of every level. So nobody
else needs to know which output a model has. Each has the two faces of a layer.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixeledu import fast
from pixeledu.layers.masked_conv import MaskedConv2d
from pixeledu.steps import Steps


class Output(nn.Module):
    """What all outputs share; a subclass says what the parameters of a value mean.

    Args:
        features: features of the trunk.
        channels: colours of the image.
        levels: values a pixel can take.
        parameters: numbers that the network gives for each value.
    Source: van den Oord et al. 2016, table 1.
    """

    def __init__(self, features: int, channels: int, levels: int, parameters: int):
        super().__init__()
        self.channels, self.levels = channels, levels
        self.mix = MaskedConv2d(features, features, 1, "B", channels)
        self.predict = MaskedConv2d(features, channels * parameters, 1, "B", channels)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the distribution of every value.

        Args:
            x: the trunk, shape (B, features, H, W).
        Returns:
            Logits, shape (B, levels, C, H, W).
        """
        parameters = self.predict(F.relu(self.mix(F.relu(x))))  # (B, C·P, H, W)
        parameters = parameters.unflatten(1, (self.channels, -1))  # (B, C, P, H, W)
        return self.logits(parameters.transpose(1, 2))  # (B, levels, C, H, W)

    def logits(self, parameters: Tensor) -> Tensor:
        """Turn the parameters of values, (B, P, …), into the logits of every level, (B, levels, …)."""
        raise NotImplementedError

    def steps(self, batch: int, width: int) -> Steps:
        """Start a computation value by value; see `pixeledu.steps`."""
        return fast.steps_of(self, OutputSteps)(self, batch, width)


class SoftmaxOutput(Output):
    """One number for every level: any distribution can be said, and no level knows its neighbours.

    Args:
        features, channels, levels: as for `Output`.
    """

    def __init__(self, features: int, channels: int, levels: int):
        super().__init__(features, channels, levels, levels)

    def logits(self, parameters: Tensor) -> Tensor:
        return parameters


class LogisticsOutput(Output):
    """A mixture of logistic densities over a line, cut into the levels that lie on it.

    Neighbouring levels get similar probabilities from the start, and the number of parameters does
    not grow with that of the levels.

    Args:
        features, channels, levels: as for `Output`.
    Source: Salimans et al. 2017, "PixelCNN++", section 2.1. Here the colours depend on each other
        through the masks, as in all models of the book, and not through the means.
    """

    COMPONENTS = 5
    # log s is kept in these bounds: a component is never much narrower than a level, nor so wide
    # that its differences from level to level are lost in rounding.
    LEAST_LOG_SCALE, LARGEST_LOG_SCALE = -8.0, 4.0

    def __init__(self, features: int, channels: int, levels: int):
        super().__init__(features, channels, levels, 3 * self.COMPONENTS)
        with torch.no_grad():  # in the beginning the components stand side by side
            bias = self.predict.bias.view(channels, 3, self.COMPONENTS)
            bias[:, 1] += torch.linspace(-0.8, 0.8, self.COMPONENTS)
            bias[:, 2] -= 1.5

    def logits(self, parameters: Tensor) -> Tensor:
        parameters = parameters.to(torch.promote_types(parameters.dtype, torch.float32))
        parameters = parameters.unflatten(1, (3, 1, self.COMPONENTS))  # (B, 3, 1, K, …)
        weights, mean, log_scale = parameters.unbind(1)  # (B, 1, K, …) each
        log_scale = log_scale.clamp(self.LEAST_LOG_SCALE, self.LARGEST_LOG_SCALE)

        # A level v stands for the stretch from x - δ to x + δ of a line on which the levels reach
        # from -1 to 1; the first and the last one for all that lies beyond them as well.
        half = 1 / (self.levels - 1)
        x = torch.linspace(-1, 1, self.levels, dtype=mean.dtype, device=mean.device)
        x = x.view(1, self.levels, *[1] * (mean.dim() - 2))  # (1, levels, 1, …)
        sharpness = torch.exp(-log_scale)  # 1 / s
        upper = (x + half - mean) * sharpness  # (B, levels, K, …)
        lower = (x - half - mean) * sharpness
        # σ(upper) - σ(lower) = σ(upper) · σ(-lower) · (1 - exp(lower - upper))
        below, above = F.logsigmoid(upper), F.logsigmoid(-lower)
        stretch = torch.log(-torch.expm1(-2 * half * sharpness))  # (B, 1, K, …)
        inner = below[:, 1:-1] + above[:, 1:-1] + stretch
        log_density = torch.cat([below[:, :1], inner, above[:, -1:]], dim=1)  # (B, levels, K, …)
        # log Σ_k π_k · p_k
        return torch.logsumexp(F.log_softmax(weights, dim=2) + log_density, dim=2)


class OutputSteps(Steps):
    """An output, one value at a time."""

    def __init__(self, output: Output, batch: int, width: int):
        self.output = output
        self.mix = output.mix.steps(batch, width)
        self.predict = output.predict.steps(batch, width)

    def start_row(self, vertical=None, condition=None) -> None:
        self.mix.start_row()
        self.predict.start_row()

    def put(self, x: Tensor, column: int, colour: int = 0) -> None:
        self.x = x

    def read(self, column: int, colour: int = 0) -> Tensor:
        y = self.mix.step(F.relu(self.x), column, colour)
        parameters = self.predict.step(F.relu(y), column, colour)  # (B, P)
        return self.output.logits(parameters)  # (B, levels)


OUTPUTS = {"softmax": SoftmaxOutput, "logistics": LogisticsOutput}
