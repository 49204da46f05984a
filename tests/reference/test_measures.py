"""Figures of SCIENCE.md and of the literature that the measures must reproduce, on data that scikit-learn carries."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from replearn_core.measures import (
    continuity,
    intrinsic_dimension,
    linear_probe,
    pca_error,
    principal_angles,
    trustworthiness,
)


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    return x / 16, y


@pytest.fixture(scope="module")
def halves(digits):
    return train_test_split(*digits, test_size=0.5, random_state=0, stratify=digits[1])


def test_logistic_regression_on_raw_digits_half_and_half_scores_0961(halves):
    x_train, x_test, y_train, y_test = halves
    assert linear_probe(x_train, y_train, x_test, y_test) == pytest.approx(0.961, abs=0.01)  # other halves move it by as much


def test_sixteen_principal_components_of_digits_score_0941(halves):
    x_train, x_test, y_train, y_test = halves
    pca = PCA(16, svd_solver="full").fit(x_train)
    assert linear_probe(pca.transform(x_train), y_train, pca.transform(x_test), y_test) == pytest.approx(0.941, abs=0.01)


def test_two_principal_components_of_digits_keep_neighbours_as_measured(digits):
    x, _ = digits
    plane = PCA(2, svd_solver="full").fit_transform(x)
    assert trustworthiness(x, plane, 5) == pytest.approx(0.830, abs=0.002)
    assert continuity(x, plane, 5) == pytest.approx(0.957, abs=0.002)


def test_digits_have_intrinsic_dimension_89_by_twonn_and_77_by_mle(digits):
    x, _ = digits
    assert intrinsic_dimension(x, "twonn") == pytest.approx(8.9, abs=0.1)
    assert intrinsic_dimension(x, "mle") == pytest.approx(7.7, abs=0.1)


def test_the_swiss_roll_measures_19_by_twonn_whatever_the_seed():
    estimates = [intrinsic_dimension(make_swiss_roll(2000, random_state=seed)[0]) for seed in range(5)]
    assert np.mean(estimates) == pytest.approx(1.9, abs=0.1)
    assert 1.7 < min(estimates) < max(estimates) < 2.2


def test_pca_error_falls_with_every_component_to_nothing_at_full_rank(halves):
    x_train, x_test, _, _ = halves
    errors = [pca_error(x_train, x_test, size) for size in (0, 2, 4, 8, 16, 32, 64)]
    assert (np.diff(errors) < 0).all()
    assert errors[-1] < 0.01 * errors[0]


def test_an_autoencoder_of_principal_axes_in_another_basis_spans_pcas_subspace(halves):
    x_train, _, _, _ = halves
    axes = PCA(5, svd_solver="full").fit(x_train).components_.T  # (D, 5)
    mixed = axes @ np.random.default_rng(0).normal(size=(5, 5))
    np.testing.assert_allclose(principal_angles(mixed, axes), 0, atol=1e-7)
    assert principal_angles(mixed[:, :4] + 0.1, axes).max() > 0.1
