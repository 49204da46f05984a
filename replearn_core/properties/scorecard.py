"""One row of numbers for any run: the six properties and the probe with few labels (C1), each beside a reference.

A worker calls `measure_run(network, data)`; pages call `readings(numbers)`, which needs no torch. One run has one seed: a
scorecard describes that run and proves nothing about its variant.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from replearn_core import measures
from replearn_core.properties.study import Tell, encoded, silent

if TYPE_CHECKING:
    from replearn_core.datasets import Dataset
    from replearn_core.networks import Autoencoder

SAMPLES = 1_000  # held-out samples behind measures of all pairs
SCORED = 10_000  # samples behind the MIG: fewer bias it upward
FEW = 10  # labels a class
DRAWS = 5
NUMBERS = 2**24  # of the first layer that the class probe reads: 128 MB; a feature map has thousands a sample
NUDGE = 0.1  # of the typical distance of two inputs


class Row(NamedTuple):
    """One property: its measure, whether more is more of it, and the margin within which value and reference count as the
    same."""

    measure: str
    more: bool
    margin: float


ROWS: Mapping[str, Row] = {
    "labels": Row("few_label_accuracy", True, 0.02),
    "disentangled": Row("mig", True, 0.03),
    "distributed": Row("patterns", True, 0.0),
    "smooth": Row("relative_sensitivity", False, 0.05),
    "hierarchical": Row("class_by_level", True, 0.02),
    "sparse": Row("hoyer", True, 0.05),
    "manifold": Row("trustworthiness", True, 0.01),
}
"""References: labels: the pixels, unscaled. disentangled, manifold, sparse: PCA with as many components (pixels, where there are
fewer). distributed: as many prototypes as units. smooth: the pixels, 1. hierarchical: the first layer, against the code."""


def measure_run(network: Autoencoder, data: Dataset, *, tell: Tell = silent) -> dict[str, float]:
    """`<property>` and `<property>.reference` for each of ROWS; what cannot be measured on this run is left out.

    labels: accuracy with 10 labels a class, mean of 5 draws. disentangled: MIG. distributed: different on/off patterns of
    units (about their medians) among at most 1,000 held-out samples. smooth: how far a nudge of a tenth of the distance of two
    inputs moves the code, over the same in the input. hierarchical: class by a least-squares probe on the code; needs a hidden
    layer. sparse: Hoyer.
    manifold: trustworthiness with 10 neighbours. Besides: l0, intrinsic_dimension and intrinsic_dimension.reference (TwoNN).
    """
    from replearn_core.codes import active_tolerance

    e = network.experiment
    train_x, test_x = (x.reshape(len(x), -1) for x in (data.x_train[: e.samples], data.x_test))
    train, test = encoded(network, train_x[:SCORED]), encoded(network, test_x)
    pca_train, pca_test = principal_codes(train_x, test_x, e.code_size)
    numbers: dict[str, float] = {}
    tell(0.1)
    if data.y_train is not None and data.y_test is not None:
        pixels = train_x[: len(train)]  # as many as codes, so that equal seeds label equal samples
        for name, (a, b, scale) in {"labels": (train, test, True), "labels.reference": (pixels, test_x, False)}.items():
            value = _few_labels(a, data.y_train[: len(a)], b, data.y_test, scale)
            if value is not None:
                numbers[name] = value
    tell(0.4)
    if data.factors_train is not None and data.factors_test is not None and np.asarray(data.factors_test).dtype.kind in "iu":
        factors = np.concatenate([data.factors_train[: len(train)], data.factors_test])[:SCORED]
        if e.code_size > 1:
            numbers["disentangled"] = measures.mig(np.concatenate([train, test])[:SCORED], factors)
            both = np.concatenate([pca_train[: len(train)], pca_test])[:SCORED]
            numbers["disentangled.reference"] = measures.mig(both, factors) if both.shape[1] > 1 else 0.0
    tell(0.5)
    codes, inputs = test[:SAMPLES], test_x[:SAMPLES]
    numbers["distributed"] = float(len(np.unique(codes > np.median(codes, axis=0), axis=0)))
    numbers["distributed.reference"] = float(min(e.code_size, len(codes)))
    if np.ptp(codes, axis=0).any():
        with suppress(ValueError):  # all but a few codes are equal, and no drawn pair differs: nothing to compare with
            numbers |= {"smooth": relative_sensitivity(network, inputs), "smooth.reference": 1.0}
        few_neighbours = min(10, (len(codes) - 1) // 2)
        numbers["manifold"] = measures.trustworthiness(inputs, codes, few_neighbours)
        numbers["manifold.reference"] = measures.trustworthiness(inputs, pca_test[:SAMPLES], few_neighbours)
    if network.levels > 1 and data.y_train is not None and data.y_test is not None:
        numbers |= class_by_level(network, train_x, data.y_train, test_x, data.y_test)
    tell(0.8)
    numbers |= {
        "sparse": measures.hoyer(test),
        "sparse.reference": measures.hoyer(pca_test),
        "l0": measures.l0(test, active_tolerance(e.code)),
    }
    for name, x in {"intrinsic_dimension": codes, "intrinsic_dimension.reference": inputs}.items():
        try:
            numbers[name] = measures.intrinsic_dimension(x)
        except ValueError:  # a collapsed code has too few different samples: nothing to say
            continue
    tell(1.0)
    return numbers


def readings(numbers: Mapping[str, float]) -> dict[str, str]:
    """Property → text key `scorecard.<property>.more`, `.same`, `.less` (than the reference) or `.unknown` where it was not
    measured.

    "more" is always more of the property: a lower sensitivity reads as more smooth.
    """
    return {
        name: f"scorecard.{name}.{_reading(row, numbers.get(name), numbers.get(f'{name}.reference'))}"
        for name, row in ROWS.items()
    }


def _reading(row: Row, value: float | None, reference: float | None) -> str:
    if value is None or reference is None:
        return "unknown"
    gain = value - reference if row.more else reference - value
    return "same" if abs(gain) <= row.margin else "more" if gain > 0 else "less"


# ---- the pieces ----


def principal_codes(train: np.ndarray, test: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, k) and (M, k) principal components of flat samples, k = size or as many as there are."""
    from sklearn.decomposition import PCA

    pca = PCA(min(size, *train.shape), svd_solver="full" if min(train.shape) <= 200 else "randomized", random_state=0).fit(train)
    return pca.transform(train), pca.transform(test)


def relative_sensitivity(network: Autoencoder, x: np.ndarray) -> float:
    """Mean code shift under a nudge of length NUDGE × (typical distance of inputs), over (typical distance of codes) × NUDGE. x
    (N, D)."""
    from replearn_core.properties.smooth import typical_distance

    noise = np.random.default_rng(0).normal(size=x.shape)
    noise *= NUDGE * typical_distance(x) / np.linalg.norm(noise, axis=1, keepdims=True)
    here, there = encoded(network, x), encoded(network, (x + noise).astype(np.float32))
    return float(np.linalg.norm(there - here, axis=1).mean() / (NUDGE * typical_distance(here)))


def class_by_level(
    network: Autoencoder, train: np.ndarray, y_train: np.ndarray, test: np.ndarray, y_test: np.ndarray
) -> dict[str, float]:
    """`hierarchical` and its reference: `class_accuracy` of the code and of the first layer, on equally many flat samples.

    At most SCORED of them, and no more than NUMBERS of the first layer's activations: those of feature maps fill gigabytes.
    """
    rows = slice(min(SCORED, max(1, NUMBERS // encoded(network, test[:1], 1).size)))
    found = {}
    for name, level in {"hierarchical": None, "hierarchical.reference": 1}.items():
        a, b = (encoded(network, x[rows], level) for x in (train, test))
        found[name] = class_accuracy(a, y_train[: len(a)], b, y_test[: len(b)])
    return found


def class_accuracy(train: np.ndarray, y_train: np.ndarray, test: np.ndarray, y_test: np.ndarray) -> float:
    """Held-out accuracy of ridge regression (α = 1) on one column a class, codes standardised on the training samples.

    In double precision: feature maps of many alike places make a product that single precision cannot solve.
    """
    from sklearn.linear_model import RidgeClassifier

    mean, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
    a, b = ((rows.astype(np.float64) - mean) / spread for rows in (train, test))
    return float(RidgeClassifier().fit(a, y_train).score(b, y_test))


def _few_labels(train: np.ndarray, y_train: np.ndarray, test: np.ndarray, y_test: np.ndarray, scale: bool) -> float | None:
    """None where a class has too few labelled samples, or is the only one. A class of which there is none is not asked for."""
    counts = np.unique(y_train, return_counts=True)[1]
    if len(counts) < 2 or counts.min() < FEW:
        return None
    rows = slice(0, 2_000)
    accuracies = measures.few_label_probe(train, y_train, test[rows], y_test[rows], FEW, range(DRAWS), standardise=scale)
    return float(accuracies.mean())
