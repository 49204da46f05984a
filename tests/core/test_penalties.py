"""Reconstruction terms and penalties against their formulas, written out here in another way."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Normal, kl_divergence

from replearn_core import penalties
from replearn_core.experiment import Term
from replearn_core.networks import Pass


def a_pass(batch=5, size=4, units=3, seed=0, **given_fields) -> Pass:
    """A Pass of random numbers; any field can be given."""
    random = torch.Generator().manual_seed(seed)

    def draw(columns):
        return torch.rand(batch, columns, generator=random) * 0.9 + 0.05

    x = draw(size)
    fields = {"target": x, "seen": x, "features": draw(units), "code": draw(units), "output": draw(size)}
    fields |= {"code_name": "sigmoid", "weight": None, "probe": random, "log_variance": draw(units) * 4 - 2}
    return Pass(**(fields | given_fields))


TENSORS = ("target", "seen", "features", "code", "output", "log_variance")
VALUES = {
    "squared_error": penalties.squared_error,
    "cross_entropy": penalties.cross_entropy,
    "l1": penalties.l1,
    "kl_sparsity": lambda p: penalties.kl_sparsity(p, 0.05),
    "gaussian_kl": penalties.gaussian_kl,
    "prediction": penalties.prediction,
}


def repeated(p: Pass, times: int) -> Pass:
    tensors = {name: torch.cat([getattr(p, name)] * times) for name in TENSORS}
    return Pass(**tensors, code_name=p.code_name, weight=p.weight, probe=p.probe)


@pytest.mark.parametrize("name", VALUES)
def test_a_batch_that_holds_every_sample_twice_has_the_same_value(name):
    p = a_pass()
    torch.testing.assert_close(VALUES[name](repeated(p, 2)), VALUES[name](p))


@pytest.mark.parametrize("name", ["squared_error", "cross_entropy", "l1", "gaussian_kl", "prediction"])
def test_the_value_reads_per_sample_and_sums_over_features(name):
    p = a_pass(batch=7)
    single = [VALUES[name](a_pass(**{tensor: getattr(p, tensor)[i : i + 1] for tensor in TENSORS})) for i in range(7)]
    torch.testing.assert_close(VALUES[name](p), torch.stack(single).mean())
    wide = Pass(
        *[torch.cat([getattr(p, k)] * 2, dim=1) for k in ("target", "seen", "features", "code", "output")],
        "sigmoid", None, p.probe, torch.cat([p.log_variance] * 2, dim=1),
    )  # fmt: skip
    torch.testing.assert_close(VALUES[name](wide), 2 * VALUES[name](p))


def test_squared_error_is_the_squared_distance_per_image():
    p = a_pass(batch=2, target=torch.tensor([[1.0, 2.0], [0.0, 0.0]]), output=torch.tensor([[1.0, 0.0], [3.0, 4.0]]))
    assert float(penalties.squared_error(p)) == (4 + 25) / 2


@given(st.integers(0, 1_000))
def test_cross_entropy_is_the_negative_log_likelihood_of_bernoulli_pixels(seed):
    p = a_pass(seed=seed, output=torch.randn(5, 4, generator=torch.Generator().manual_seed(seed)) * 5)
    expected = -Bernoulli(logits=p.output, validate_args=False).log_prob(p.target).sum(dim=1).mean()
    torch.testing.assert_close(penalties.cross_entropy(p), expected)


def test_cross_entropy_stays_finite_for_a_decoder_that_is_very_sure_and_wrong():
    p = a_pass(target=torch.ones(5, 4), output=torch.full((5, 4), -1e4))
    assert float(penalties.cross_entropy(p)) == 4e4


@given(st.integers(0, 1_000), st.floats(0.001, 0.5))
def test_kl_sparsity_is_the_divergence_between_bernoullis_of_each_units_mean(seed, target):
    p = a_pass(seed=seed)
    expected = kl_divergence(Bernoulli(torch.tensor(target)), Bernoulli(p.code.mean(dim=0))).sum()
    torch.testing.assert_close(penalties.kl_sparsity(p, target), expected, rtol=1e-4, atol=1e-5)


def test_kl_sparsity_is_zero_exactly_at_the_target():
    p = a_pass(code=torch.tensor([[0.0, 0.1], [0.1, 0.0]]))
    assert float(penalties.kl_sparsity(p, 0.05)) == pytest.approx(0, abs=1e-6)
    assert float(penalties.kl_sparsity(a_pass(), 0.05)) > 0.1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_kl_sparsity_and_its_gradient_are_finite_for_saturated_units(value):
    code = torch.full((5, 3), value, requires_grad=True)
    penalty = penalties.kl_sparsity(a_pass(code=code), 0.05)
    penalty.backward()
    assert math.isfinite(float(penalty.detach())) and bool(torch.isfinite(code.grad).all())


def test_l1_is_the_sum_of_magnitudes():
    p = a_pass(code=torch.tensor([[1.0, -2.0], [0.0, 0.5]]))
    assert float(penalties.l1(p)) == 3.5 / 2


@given(st.integers(0, 1_000))
def test_gaussian_kl_is_the_divergence_from_a_standard_normal(seed):
    p = a_pass(seed=seed, features=torch.randn(5, 3, generator=torch.Generator().manual_seed(seed)))
    posterior = Normal(p.features, (0.5 * p.log_variance).exp())
    expected = kl_divergence(posterior, Normal(0.0, 1.0)).sum(dim=1).mean()
    torch.testing.assert_close(penalties.gaussian_kl(p), expected, rtol=1e-4, atol=1e-5)


def test_gaussian_kl_is_zero_for_the_prior_itself():
    assert float(penalties.gaussian_kl(a_pass(features=torch.zeros(5, 3), log_variance=torch.zeros(5, 3)))) == 0


def test_prediction_is_the_squared_distance_between_the_inferred_and_the_predicted_code():
    p = a_pass(code=torch.tensor([[1.0, 0.0]]), features=torch.tensor([[0.0, 2.0]]), batch=1)
    assert float(penalties.prediction(p)) == 5


# ---- the contraction of one layer and of none ----

SLOPES = {
    "linear": lambda a: np.ones_like(a),
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)) * (1 - 1 / (1 + np.exp(-a))),
    "tanh": lambda a: 1 / np.cosh(a) ** 2,
    "relu": lambda a: (a > 0).astype(float),
    "leaky_relu": lambda a: np.where(a > 0, 1.0, 0.01),
}


@pytest.mark.parametrize("name", SLOPES)
def test_the_contraction_of_one_layer_is_the_sum_of_squared_slopes_times_squared_weights(name):
    from replearn_core.codes import ACTIVATIONS

    random = torch.Generator().manual_seed(1)
    weight, a = torch.randn(3, 4, generator=random), torch.randn(5, 3, generator=random)
    p = a_pass(features=ACTIVATIONS[name](a), weight=weight, code_name=name)
    slope = SLOPES[name](a.double().numpy())
    expected = (slope**2 @ (weight.double().numpy() ** 2).sum(axis=1)).mean()
    assert float(penalties.contraction(p)) == pytest.approx(expected, rel=1e-5)


def test_a_contraction_that_cannot_be_computed_says_so_instead_of_being_zero():
    with pytest.raises(ValueError, match="requires grad"):
        penalties.contraction(a_pass())


# ---- names, weights and options ----


def test_terms_are_unweighted_and_in_the_order_they_are_reported():
    chosen = (Term(name="kl_sparsity", weight=3, options={"target": 0.2}), Term(name="l1", weight=0.5))
    listed = penalties.terms("squared_error", chosen)
    p = a_pass()
    assert [(name, weight) for name, weight, _ in listed] == [("squared_error", 1.0), ("kl_sparsity", 3), ("l1", 0.5)]
    assert float(listed[2][2](p)) == float(penalties.l1(p))
    assert float(listed[1][2](p)) == float(penalties.kl_sparsity(p, 0.2)) != float(penalties.kl_sparsity(p, 0.05))
