"""Neighbourhood preservation, intrinsic dimension and participation ratio: known answers and references."""

import warnings

import numpy as np
import pytest
from sklearn import manifold
from sklearn.datasets import make_swiss_roll

from replearn_core.measures import continuity, intrinsic_dimension, participation_ratio, trustworthiness

RNG = np.random.default_rng(0)
ROLL, UNROLLED = make_swiss_roll(600, random_state=0)


def test_trustworthiness_is_scikit_learns_and_continuity_the_same_with_arguments_swapped():
    x, codes = RNG.normal(size=(80, 6)), RNG.normal(size=(80, 2))
    assert trustworthiness(x, codes, 7) == manifold.trustworthiness(x, codes, n_neighbors=7)
    assert continuity(x, codes, 7) == manifold.trustworthiness(codes, x, n_neighbors=7)
    images = x.reshape(80, 2, 3)
    assert trustworthiness(images, codes, 7) == trustworthiness(x, codes, 7)


def test_a_scaled_rotation_keeps_all_neighbours():
    x = RNG.normal(size=(60, 3))
    rotated = 5 * x @ np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    assert trustworthiness(x, rotated, 5) == continuity(x, rotated, 5) == 1


def test_folding_costs_trustworthiness_and_tearing_costs_continuity():
    line = np.linspace(-1, 1, 101)[:, None]
    folded = np.abs(line) + 1e-3 * (line < 0)
    assert trustworthiness(line, folded, 5) < continuity(line, folded, 5)
    angle = np.linspace(0, 2 * np.pi, 101)[:-1]
    circle, torn = np.stack([np.cos(angle), np.sin(angle)], axis=1), angle[:, None]
    assert continuity(circle, torn, 5) < trustworthiness(circle, torn, 5)


def test_k_must_be_below_half_the_samples():
    x = RNG.normal(size=(20, 3))
    assert 0 <= trustworthiness(x, x[:, :1], 9) <= 1
    with pytest.raises(ValueError, match="k must be from 1 to 9, not 10"):
        trustworthiness(x, x, 10)
    with pytest.raises(ValueError, match="codes has 19"):
        continuity(x, x[:19], 3)


def test_participation_ratio_counts_equal_directions():
    codes = np.zeros((800, 5))
    codes[:, :3] = np.linalg.qr(RNG.normal(size=(800, 4)))[0][:, :3]
    codes[:, :3] -= codes[:, :3].mean(axis=0)
    assert participation_ratio(codes) == pytest.approx(3, abs=0.02)
    assert participation_ratio(codes[:, :1] @ np.ones((1, 4))) == pytest.approx(1)


@pytest.mark.parametrize("shape", [(200, 6), (6, 200)])
def test_participation_ratio_is_the_ratio_of_the_covariances_eigenvalues(shape):
    codes = RNG.normal(size=shape) @ np.diag(np.linspace(0.1, 3, shape[1])) + 7
    eigenvalues = np.linalg.eigvalsh(np.cov(codes.T))
    assert participation_ratio(codes) == pytest.approx(eigenvalues.sum() ** 2 / np.square(eigenvalues).sum())


def test_participation_ratio_ignores_scale_and_is_zero_for_constant_codes():
    codes = RNG.normal(size=(50, 4))
    assert participation_ratio(codes * 1e-200) == pytest.approx(participation_ratio(codes))
    assert participation_ratio(np.full((50, 4), 0.1)) == 0
    assert participation_ratio(np.full((50, 4), 0.1, dtype=np.float32) * np.float32(1.1)) == 0


@pytest.mark.parametrize("method", ["twonn", "mle"])
@pytest.mark.parametrize("dimension", [1, 2, 4])
def test_a_ball_embedded_in_more_dimensions_keeps_its_dimension(method, dimension):
    ball = RNG.uniform(size=(2000, dimension)) @ RNG.normal(size=(dimension, 6))
    assert intrinsic_dimension(ball, method) == pytest.approx(dimension, rel=0.15)


@pytest.mark.parametrize("method", ["twonn", "mle"])
def test_a_code_of_one_unit_has_dimension_one(method):
    assert intrinsic_dimension(RNG.uniform(size=(1000, 1)), method) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("method", ["twonn", "mle"])
def test_equal_samples_count_once_and_without_warnings(method):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        doubled = intrinsic_dimension(np.vstack([ROLL, ROLL]), method)
    assert doubled == pytest.approx(intrinsic_dimension(ROLL, method))


@pytest.mark.parametrize("method", ["twonn", "mle"])
def test_unrolling_does_not_change_the_dimension_of_the_roll(method):
    flat = np.stack([UNROLLED**2 / 2, ROLL[:, 1]], axis=1)
    assert abs(intrinsic_dimension(ROLL, method) - intrinsic_dimension(flat, method)) < 0.3


def test_clouds_that_tell_nothing_are_refused():
    with pytest.raises(ValueError, match="1 distinct samples of 500; at least 50"):
        intrinsic_dimension(np.ones((500, 3)))
    with pytest.raises(ValueError, match="'twonn' or 'mle', not 'pca'"):
        intrinsic_dimension(ROLL, "pca")
    with pytest.raises(ValueError, match="equal distances"):
        intrinsic_dimension(np.eye(60), "mle")
    with pytest.raises(ValueError, match="equal distances"):
        intrinsic_dimension(np.eye(60), "twonn")
    with pytest.raises(ValueError, match="NaN"):
        intrinsic_dimension(ROLL * np.nan)
