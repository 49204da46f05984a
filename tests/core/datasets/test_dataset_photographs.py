"""Digits and whitened patches: no pixel in both halves, statistics from the training half, a clip share that is tiny."""

import numpy as np
import pytest

import replearn_core.datasets as datasets
from replearn_core.datasets import photographs
from replearn_core.datasets.dataset import rng

SIZES = [(427, 640, 3), (427, 640, 3)]


def covered(places) -> np.ndarray:
    """Which pixels of the two photographs lie in some patch, bool (2, 427, 640)."""
    marks = np.zeros((2, 427, 640), bool)
    for row in range(photographs.SIDE):
        for column in range(photographs.SIDE):
            marks[places[:, 0], places[:, 1] + row, places[:, 2] + column] = True
    return marks


def test_no_pixel_of_the_photographs_is_in_a_training_and_in_a_test_patch():
    train, test = photographs._places([size[:2] for size in SIZES], rng("patches"))
    train, test = covered(train), covered(test)
    assert not (train & test).any()
    assert 0.7 < train.mean() < 0.85 and 0.15 < test.mean() < 0.25


def test_no_patch_is_taken_twice():
    train, test = photographs._places([size[:2] for size in SIZES], rng("patches"))
    assert len(np.unique(np.concatenate([train, test]), axis=0)) == len(train) + len(test)


def test_ten_thousand_patches_have_zero_at_half_and_five_deviations_at_white():
    data = datasets.load("patches")
    assert data.x_train.shape == (10_000, 12, 12) and data.x_test.shape == (2_000, 12, 12)
    assert data.x_train.mean() == pytest.approx(0.5, abs=0.002)
    assert data.x_train.std() == pytest.approx(0.1, abs=0.002)
    assert np.abs(data.x_train.mean((1, 2)) - 0.5).max() < 0.02  # each patch without its mean, but for clipping


def test_the_share_of_clipped_pixels_is_tiny():
    data = datasets.load("patches")
    for x in (data.x_train, data.x_test):
        assert ((x == 0) | (x == 1)).mean() < 0.002


def test_whitening_makes_the_kept_directions_equally_strong():
    random = np.random.default_rng(0)
    smooth = (
        random.normal(size=(4_000, 144)) @ np.diag(np.linspace(5, 0.2, 144)) @ np.linalg.qr(random.normal(size=(144, 144)))[0]
    )
    whitened = smooth @ photographs._whitening(smooth)
    variances, components = np.linalg.eigh(smooth.T @ smooth / len(smooth))
    low_pass = np.exp(-((photographs._frequencies(components) / photographs.CUTOFF) ** 4))
    assert np.allclose(((whitened @ components) ** 2).mean(0), low_pass**2, rtol=1e-6)


def test_a_wave_has_the_frequency_that_it_was_given():
    y, x = np.mgrid[:12, :12]
    waves = np.stack([np.cos(2 * np.pi * 0.25 * x), np.cos(2 * np.pi * 0.2 * (x + y) / np.sqrt(2))]).reshape(2, -1).T
    assert np.allclose(photographs._frequencies(waves), [0.25, 0.2], atol=0.06)  # a 12-pixel window smears it


def test_what_correlation_whitening_leaves_is_that_of_the_low_pass():
    """Grey values three pixels apart correlate above 0.9 in both photographs. A flat spectrum behind the filter
    exp(−(f/f_0)⁴) has, by the Wiener–Khinchin theorem, 0.51 at one pixel and −0.02 at three.
    """
    f = np.fft.fftfreq(240)
    power = np.exp(-2 * (np.hypot(f[:, None], f[None, :]) / photographs.CUTOFF) ** 4)
    x = datasets.load("patches").x_test - 0.5
    for apart in (1, 3):
        theory = (power * np.cos(2 * np.pi * apart * f)).sum() / power.sum()
        measured = np.corrcoef(x[:, :, :-apart].ravel(), x[:, :, apart:].ravel())[0, 1]
        assert measured == pytest.approx(theory, abs=0.12)


def test_digits_are_those_of_scikit_learn_split_four_to_one():
    from sklearn.datasets import load_digits

    data, bunch = datasets.load("digits"), load_digits()
    assert data.x_train.shape == (1_437, 8, 8) and data.x_test.shape == (360, 8, 8)
    both = np.concatenate([data.x_train, data.x_test]).reshape(-1, 64) * 16
    labelled = np.column_stack([both, np.concatenate([data.y_train, data.y_test])])
    original = np.column_stack([bunch.data, bunch.target])
    assert np.array_equal(labelled[np.lexsort(labelled.T)], original[np.lexsort(original.T)])


def test_both_halves_of_the_digits_have_every_class_in_its_share():
    data = datasets.load("digits")
    train, test = np.bincount(data.y_train), np.bincount(data.y_test)
    assert np.abs(test - (train + test) * 360 / 1_797).max() <= 1
