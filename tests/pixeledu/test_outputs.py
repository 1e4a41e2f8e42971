"""An output says a distribution over all levels, whatever its parameters are."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given
from hypothesis import strategies as st

from pixeledu import PixelCNN
from pixeledu.outputs import OUTPUTS, LogisticsOutput

K = LogisticsOutput.COMPONENTS


def logistics(levels):
    return LogisticsOutput(features=2, channels=1, levels=levels)


def parameters_of(values, dtype=torch.float64):
    """(1, 3K, 1, 1, 1): weights, means and log scales of one value."""
    return torch.tensor(values, dtype=dtype).view(1, 3 * K, 1, 1, 1)


anything = st.lists(st.floats(-50, 50), min_size=3 * K, max_size=3 * K)


@given(values=anything, levels=st.integers(2, 256))
@example(values=[0.0] * 2 * K + [-50.0] * K, levels=256)  # as sharp as can be
@example(values=[0.0] * 2 * K + [50.0] * K, levels=256)  # as wide as can be
@example(values=[0.0] * K + [50.0] * K + [-50.0] * K, levels=3)  # far outside
def test_the_probabilities_of_all_levels_add_up_to_one(values, levels):
    logits = logistics(levels).logits(parameters_of(values))
    assert logits.shape == (1, levels, 1, 1, 1)
    assert abs(logits.exp().sum().item() - 1) < 1e-12
    # They are the logarithms of probabilities: a softmax changes nothing.
    torch.testing.assert_close(F.log_softmax(logits, dim=1), logits, rtol=0, atol=1e-11)


@given(values=anything, levels=st.sampled_from([2, 16, 256]))
@example(values=[50.0] * K + [-50.0] * K + [-50.0] * K, levels=256)
@example(values=[-50.0] * K + [50.0] * K + [50.0] * K, levels=256)
def test_in_single_precision_nothing_is_nan_and_the_sum_is_one(values, levels):
    parameters = parameters_of(values, torch.float32).requires_grad_()
    logits = logistics(levels).logits(parameters)
    assert not logits.isnan().any()
    assert logits.exp().sum().item() == pytest.approx(1, abs=1e-4)
    # The cross-entropy of any level has a gradient, also of one that is all but impossible.
    for level in (0, levels // 2, levels - 1):
        loss = F.cross_entropy(logits, torch.full((1, 1, 1, 1), level))
        (gradient,) = torch.autograd.grad(loss, parameters, retain_graph=True)
        assert gradient.isfinite().all()


def by_the_formula(values, levels):
    """The mixture as the paper writes it, level by level, with plain numbers."""
    weights, means, log_scales = (values[part * K : (part + 1) * K] for part in range(3))
    total = sum(math.exp(w) for w in weights)

    def below(edge, mean, scale):  # the share of a logistic density below an edge
        z = (edge - mean) / scale
        return 1 / (1 + math.exp(-z)) if z > -700 else 0.0

    probabilities = []
    for level in range(levels):
        x, half = 2 * level / (levels - 1) - 1, 1 / (levels - 1)
        p = 0.0
        for w, mean, log_scale in zip(weights, means, log_scales, strict=True):
            scale = math.exp(log_scale)
            upper = 1.0 if level == levels - 1 else below(x + half, mean, scale)
            lower = 0.0 if level == 0 else below(x - half, mean, scale)
            p += math.exp(w) / total * (upper - lower)
        probabilities.append(p)
    return probabilities


@given(
    values=st.tuples(
        st.lists(st.floats(-3, 3), min_size=K, max_size=K),
        st.lists(st.floats(-1.5, 1.5), min_size=K, max_size=K),
        st.lists(st.floats(-4, 2), min_size=K, max_size=K),
    ),
    levels=st.sampled_from([2, 5, 64]),
)
def test_the_mixture_is_the_one_of_the_formula(values, levels):
    values = [number for part in values for number in part]
    logits = logistics(levels).logits(parameters_of(values)).flatten()
    expected = torch.tensor(by_the_formula(values, levels), dtype=torch.float64)
    torch.testing.assert_close(logits.exp(), expected, rtol=1e-8, atol=1e-13)


def test_the_gradient_is_that_of_finite_differences():
    torch.manual_seed(0)
    output = logistics(16)
    parameters = torch.randn(3, 3 * K, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(output.logits, (parameters,))


def test_a_density_that_forgets_how_wide_a_level_is_is_no_distribution():
    """The planted bug: log p(x) of the density, without the stretch that a level stands for."""
    values = [0.0] * K + [0.1 * k for k in range(K)] + [-2.0] * K
    weights, means, log_scales = torch.tensor(values).view(3, 1, K).double()
    x = torch.linspace(-1, 1, 64).double()[:, None]
    z = (x - means) * torch.exp(-log_scales)
    density = F.logsigmoid(z) + F.logsigmoid(-z) - log_scales
    wrong = torch.logsumexp(F.log_softmax(weights, 1) + density, dim=1).exp().sum()
    right = logistics(64).logits(parameters_of(values)).exp().sum()
    assert abs(right - 1) < 1e-12
    assert wrong > 30  # 2 / 63 of it would be nearly right


@pytest.mark.parametrize("output", OUTPUTS)
def test_neighbouring_levels_are_alike_only_in_the_mixture(output):
    """Fresh weights: the largest jump between neighbours, against the whole range."""
    torch.manual_seed(0)
    model = PixelCNN(levels=256, hidden=8, layers=1, output=output)
    with torch.no_grad():
        logits = model(torch.randint(256, (2, 1, 5, 5)))
    jump = logits[:, 1:-1].diff(dim=1).abs().max().item()
    whole = (logits[:, 1:-1].amax(1) - logits[:, 1:-1].amin(1)).max().item()
    assert (jump < 0.1 * whole) == (output == "logistics")


def test_the_number_of_weights_of_a_mixture_does_not_grow_with_the_levels():
    def weights(output, levels):
        return sum(w.numel() for w in PixelCNN(levels=levels, output=output).head.parameters())

    assert weights("logistics", 16) == weights("logistics", 256)
    assert weights("softmax", 16) < weights("softmax", 256)


def test_an_unknown_output_is_refused():
    with pytest.raises(ValueError, match="output must be one of: softmax, logistics; got 'beta'"):
        PixelCNN(output="beta")


def test_half_precision_parameters_are_computed_in_single_precision():
    values = parameters_of([0.1 * k for k in range(3 * K)], torch.bfloat16)
    assert logistics(256).logits(values).dtype == torch.float32
