"""Squared error per image and PCA's: against formulas, and the traps of rank and of test data."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from replearn_core.measures import pca_error, reconstruction_error

RNG = np.random.default_rng(0)


def test_the_error_is_summed_over_pixels_and_averaged_over_images():
    x = np.zeros((2, 2, 3))
    reconstruction = np.stack([np.full((2, 3), 1.0), np.full((2, 3), 2.0)])
    assert reconstruction_error(x, reconstruction) == pytest.approx((6 * 1 + 6 * 4) / 2)


def test_float32_images_are_summed_in_double_precision():
    x = np.full((100, 10_000), 0.1, dtype=np.float32)
    expected = 10_000 * float(np.float32(0.1)) ** 2
    assert reconstruction_error(x, np.zeros_like(x)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shape", [(200, 12), (10, 12), (200, 3, 4)])
def test_pca_error_equals_scikit_learns_reconstruction_of_held_out_images(shape):
    x = RNG.normal(size=shape) @ np.diag(np.linspace(1, 2, shape[-1]))
    test = RNG.normal(size=(50, *shape[1:]))
    flat, flat_test = x.reshape(len(x), -1), test.reshape(50, -1)
    pca = PCA(5, svd_solver="full").fit(flat)
    expected = np.square(flat_test - pca.inverse_transform(pca.transform(flat_test))).sum() / 50
    assert pca_error(x, test, 5) == pytest.approx(expected)


def test_pca_of_size_zero_is_the_error_of_the_mean_training_image():
    train, test = RNG.normal(size=(30, 4)) + 3, RNG.normal(size=(20, 4))
    assert pca_error(train, test, 0) == pytest.approx(np.square(test - train.mean(axis=0)).sum() / 20)


def test_all_components_reconstruct_without_error():
    assert pca_error(RNG.normal(size=(30, 4)), RNG.normal(size=(20, 4)), 4) == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("images", [100, 8])
def test_sizes_beyond_the_rank_give_the_error_at_the_rank(images):
    basis = RNG.normal(size=(3, 10))
    train, test = RNG.normal(size=(images, 3)) @ basis, RNG.normal(size=(40, 10))
    at_rank = pca_error(train, test, 3)
    assert at_rank > 1  # the test images leave the training subspace
    for size in (4, 10, 500):
        assert pca_error(train, test, size) == pytest.approx(at_rank)


def test_identical_training_images_leave_the_error_of_their_mean():
    train, test = np.full((20, 5), 0.3), RNG.normal(size=(10, 5))
    assert pca_error(train, test, 3) == pytest.approx(pca_error(train, test, 0))


def test_shapes_that_differ_are_named():
    with pytest.raises(ValueError, match=r"x has the shape \(2, 3\) but reconstruction \(2, 4\)"):
        reconstruction_error(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="x_train has 3 features but x_test 4"):
        pca_error(np.zeros((5, 3)), np.zeros((5, 4)), 2)


def test_values_that_are_not_finite_are_counted_and_the_first_located():
    x = np.zeros((4, 3))
    x[2, 1], x[3, 0] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"x has 2 of 12 values that are NaN or infinite, the first at index \(2, 1\)"):
        reconstruction_error(x, np.zeros((4, 3)))


def test_too_little_and_impossible_input_is_refused():
    with pytest.raises(ValueError, match="at least 2 are needed"):
        pca_error(np.zeros((1, 3)), np.zeros((5, 3)), 2)
    with pytest.raises(ValueError, match="size must be at least 0, not -1"):
        pca_error(np.zeros((5, 3)), np.zeros((5, 3)), -1)
    with pytest.raises(ValueError, match="at least one sample"):
        reconstruction_error(np.zeros((0, 3)), np.zeros((0, 3)))
    with pytest.raises(ValueError, match="complex128"):
        reconstruction_error(np.zeros((2, 3), dtype=complex), np.zeros((2, 3)))


@pytest.mark.parametrize(("samples", "features"), [(40, 9), (9, 40)], ids=["more images than pixels", "fewer"])
def test_bytes_give_the_error_of_the_same_numbers_as_floats(samples, features):
    random = np.random.default_rng(3)
    train, test = (random.integers(0, 256, (count, features), np.uint8) for count in (samples, 12))
    expected = pca_error(train.astype(np.float64), test.astype(np.float64), 4)
    assert pca_error(train, test.astype(np.float64), 4) == pytest.approx(expected, rel=1e-9)
