"""How easy a representation makes the next task: accuracy of a linear classifier on codes. Called by pages and benchmarks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from replearn_core.measures.checks import labels, matrix, same_samples, whole

Scaling = Callable[[np.ndarray], np.ndarray]

BLOCK = 2_048  # held-out samples that are scaled and classified at once
ITERATIONS = 5000  # of L-BFGS: tens to hundreds are usual; past this the probe keeps the weights that it has


def linear_probe(
    train_codes: ArrayLike,
    train_labels: ArrayLike,
    test_codes: ArrayLike,
    test_labels: ArrayLike,
    *,
    standardise: bool = True,
) -> float:
    """Test accuracy (0 to 1) of multinomial logistic regression (L2, C = 1) on standardised codes.

    Scaler and classifier see the training samples only. Shapes: train (N, K) and (N,), test (M, K) and (M,). Deterministic.
    The penalised problem is convex with one optimum, so scikit-learn's L-BFGS stops at it; no warning leaves here.
    Standardising makes codes of different scales comparable, but *handicaps raw pixels*, whose rare ones are blown up
    (measured on MNIST, raw: 0.80 against 0.82 unscaled with 1,000 labels, 0.33 against 0.38 with one a class). Before saying
    that a code beats the pixels, give the pixels their better value of `standardise`.
    ValueError: shapes disagree, one class only, NaN or Inf.
    """
    train, y_train, test, y_test = _checked(train_codes, train_labels, test_codes, test_labels)
    scaled = _scaling(train, standardise)
    return _accuracy(scaled(train), y_train, test, y_test, scaled)


def few_label_probe(
    train_codes: ArrayLike,
    train_labels: ArrayLike,
    test_codes: ArrayLike,
    test_labels: ArrayLike,
    per_class: int,
    seeds: Sequence[int],
    *,
    standardise: bool = True,
) -> np.ndarray:
    """Test accuracies (len(seeds),) when only `per_class` labels of each class are known, drawn anew for each seed.

    Show them as a range: the spread over draws often exceeds the difference between codes. The scaler sees all of
    train_codes, since only the labels are scarce; the classifier sees the drawn samples. Equal seeds draw equal samples
    whatever the codes, so two codes can be compared draw by draw. Shapes and errors as `linear_probe`, and ValueError when
    a class has fewer than `per_class` samples.
    """
    train, y_train, test, y_test = _checked(train_codes, train_labels, test_codes, test_labels)
    per_class = whole("per_class", per_class, 1)
    for label, count in zip(*np.unique(y_train, return_counts=True), strict=True):
        if count < per_class:
            raise ValueError(f"class {label} has {count} training samples; per_class asks for {per_class}")
    scaled = _scaling(train, standardise)
    draws = [_draw(y_train, per_class, whole("seeds", seed, 0)) for seed in seeds]
    return np.array([_accuracy(scaled(train[rows]), y_train[rows], test, y_test, scaled) for rows in draws])


def _draw(y: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Rows of `per_class` random samples of each class."""
    generator = np.random.default_rng(seed)
    return np.concatenate([generator.choice(np.flatnonzero(y == label), per_class, replace=False) for label in np.unique(y)])


def _checked(
    train_codes: ArrayLike, train_labels: ArrayLike, test_codes: ArrayLike, test_labels: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    train, test = matrix("train_codes", train_codes, samples=2), matrix("test_codes", test_codes)
    y_train, y_test = labels("train_labels", train_labels), labels("test_labels", test_labels)
    same_samples(train_codes=train, train_labels=y_train)
    same_samples(test_codes=test, test_labels=y_test)
    if train.shape[1] != test.shape[1]:
        raise ValueError(f"train_codes has {train.shape[1]} units but test_codes {test.shape[1]}; they must be equal")
    if len(np.unique(y_train)) < 2:
        raise ValueError(f"train_labels has one class only ({y_train[0]}); a classifier needs at least 2")
    return train.astype(np.float64), y_train, test, y_test


def _scaling(train: np.ndarray, standardise: bool) -> Scaling:
    """Rows (n, K) of any type → float64, standardised as `train` is, or as they are."""
    from sklearn.preprocessing import StandardScaler

    if not standardise:
        return lambda rows: rows.astype(np.float64, copy=False)
    scaler = StandardScaler().fit(train)
    return lambda rows: scaler.transform(rows.astype(np.float64, copy=False))


def _accuracy(train: np.ndarray, y_train: np.ndarray, test: np.ndarray, y_test: np.ndarray, scaled: Scaling) -> float:
    """train (n, K): scaled already; test (M, K): not yet, since all of MNIST's in float64 would be 63 MB at once."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = LogisticRegression(max_iter=ITERATIONS).fit(train, y_train)
    blocks = (slice(start, start + BLOCK) for start in range(0, len(test), BLOCK))
    right = sum(int((fitted.predict(scaled(test[rows])) == y_test[rows]).sum()) for rows in blocks)
    return right / len(test)
