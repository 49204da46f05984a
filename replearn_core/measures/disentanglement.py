"""Does one unit answer to one factor? MIG, DCI and SAP on codes with known factors. Called by the disentanglement lesson.

Known limits, which the lesson must say: all three change with bins, levels, samples and learner, and without factors no
good model can be picked (Locatello et al. 2019). Show ranges over seeds, never a ranking from one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from replearn_core.measures.checks import finite, matrix, same_samples, whole


@dataclass(frozen=True)
class DCI:
    """Three scores from 0 to 1, the importance matrix (K, F) that they come from, and the learner that made it."""

    disentanglement: float
    completeness: float
    informativeness: float
    importance: np.ndarray
    learner: str = "random forest"


def mig(codes: ArrayLike, factors: ArrayLike, bins: int = 20) -> float:
    """Mutual information gap: mean over factors of (I₁ − I₂) / H(v_k), I₁ ≥ I₂ the two units that share most with v_k.

    Source: Chen et al. (2018), NeurIPS; codes cut into `bins` histogram bins of equal width, as Locatello et al. (2019).
    Shapes: codes (N, K ≥ 2), factors (N, F) with few levels each. Use N ≥ 10,000: with n not ≫ bins the estimate of I is
    biased upward. Ratio of nats, from 0 to 1. With 20 bins and many levels even perfect codes stay near 0.8.
    ValueError: fewer than 10 samples a bin, fewer than 2 units, a constant or continuous factor, NaN or Inf.
    """
    shared = np.sort(factor_information(codes, factors, bins), axis=0)  # (K, F)
    return float(np.clip(np.mean(shared[-1] - shared[-2]), 0, 1))


def factor_information(codes: ArrayLike, factors: ArrayLike, bins: int = 20) -> np.ndarray:
    """I(h_i; v_j) / H(v_j) of every unit and factor: (K, F), 0 = the unit tells nothing of the factor, 1 = it tells all.

    Units cut into `bins` histogram bins of equal width. Shapes, bias and errors as `mig`, which is made of it.
    """
    bins = whole("bins", bins, 2)
    codes, levels = _checked(codes, factors, samples=10 * bins)
    binned = [_bins(unit, bins) for unit in codes.T]
    columns = [[_mutual_information(unit, factor) / _entropy(np.bincount(factor)) for unit in binned] for factor in levels.T]
    return np.array(columns).T


def dci(codes: ArrayLike, factors: ArrayLike, seed: int = 0, trees: int = 50) -> DCI:
    """Disentanglement Σ_i ρ_i (1 − H_F(R_i·)), completeness mean_j (1 − H_K(R_·j)), informativeness: held-out accuracy.

    R_ij = importance of unit i to a random forest (`trees` trees, all units tried at each split) that predicts factor j;
    entropies of normalised rows and columns to the base of their length; ρ_i = unit i's share of all importance;
    informativeness = mean over factors of the accuracy on a random quarter of the samples that the forests never saw.
    A code that tells nothing has D = C = 0. `seed` draws the quarter and grows the forests.
    Source: Eastwood & Williams (2018), ICLR. The learner changes the scores: name it beside them.
    Shapes: codes (N, K ≥ 2), factors (N, F ≥ 2). ValueError as `mig`, with at least 100 samples.
    """
    from sklearn.ensemble import RandomForestClassifier

    trees = whole("trees", trees, 1, 1_000)
    codes, levels = _checked(codes, factors, samples=100, columns=2)
    train, test = _split(len(codes), seed)
    columns, accuracies = [], []
    for factor in levels.T:
        # trying all units at each split: otherwise units that know nothing are used, and gain importance, for want of others
        forest = RandomForestClassifier(trees, max_features=None, random_state=seed).fit(codes[train], factor[train])
        columns.append(forest.feature_importances_)
        accuracies.append(forest.score(codes[test], factor[test]))
    importance = np.stack(columns, axis=1)  # (K, F)
    weights = importance.sum(axis=1) / max(importance.sum(), np.finfo(float).tiny)
    return DCI(
        disentanglement=float(weights @ _concentration(importance)),
        completeness=float(_concentration(importance.T).mean()),
        informativeness=float(np.mean(accuracies)),
        importance=importance,
    )


def sap(codes: ArrayLike, factors: ArrayLike, seed: int = 0) -> float:
    """Separated attribute predictability: mean over factors of the gap between the two best single-unit scores, 0 to 1.

    A unit's score is the balanced accuracy, on the half of the samples not fitted, of thresholds on that unit alone (a tree
    with one leaf a level), Kumar et al.'s (2018, ICLR) score for categorical factors. Their score for continuous ones, R²,
    and the linear SVM of later code give other values. Which half is which comes from `seed`.
    Shapes: codes (N, K ≥ 2), factors (N, F). ValueError as `mig`, with at least 100 samples.
    """
    codes, levels = _checked(codes, factors, samples=100)
    train, test = _split(len(codes), seed, held_out=0.5)
    gaps = []
    for factor in levels.T:
        scores = np.sort([_threshold_score(unit, factor, train, test) for unit in codes.T])
        gaps.append(scores[-1] - scores[-2])
    return float(np.mean(gaps))


def _threshold_score(unit: np.ndarray, factor: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_leaf_nodes=int(factor.max()) + 1, class_weight="balanced", random_state=0)
    said = tree.fit(unit[train, None], factor[train]).predict(unit[test, None])
    hits = np.bincount(factor[test][said == factor[test]], minlength=factor.max() + 1)
    counts = np.bincount(factor[test], minlength=factor.max() + 1)
    return float(np.mean(hits[counts > 0] / counts[counts > 0]))


def _checked(codes: ArrayLike, factors: ArrayLike, *, samples: int, columns: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Codes (N, K) and factor levels (N, F) numbered from 0, or a ValueError."""
    codes = matrix("codes", codes, samples=samples, columns=2)
    factors = np.asarray(factors)
    if factors.ndim != 2 or factors.shape[1] < columns:
        raise ValueError(f"factors must have the shape (samples, factors) with at least {columns} factors, not {factors.shape}")
    same_samples(codes=codes, factors=factors)
    factors = finite("factors", factors)
    return codes.astype(np.float64), np.stack([_levels(j, factor) for j, factor in enumerate(factors.T)], axis=1)


def _levels(index: int, factor: np.ndarray) -> np.ndarray:
    values, level = np.unique(factor, return_inverse=True)
    if len(values) < 2:
        raise ValueError(f"factor {index} is {values[0]} in every sample: nothing to disentangle; leave it out")
    if len(values) > len(factor) // 10:
        raise ValueError(f"factor {index} has {len(values)} levels in {len(factor)} samples; cut it into a few levels first")
    return np.asarray(level)


def _bins(unit: np.ndarray, bins: int) -> np.ndarray:
    """Bin numbers 0 … bins−1 of equal width from the unit's least to its greatest value; a constant unit has one bin."""
    edges = np.linspace(unit.min(), unit.max(), bins + 1)[1:-1]
    return np.asarray(np.digitize(unit, edges))


def _mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """I(a; b) = H(a) + H(b) − H(a, b) in nats, of whole numbers from 0, by counting."""
    joint = a * (b.max() + 1) + b
    return _entropy(np.bincount(a)) + _entropy(np.bincount(b)) - _entropy(np.bincount(joint))


def _entropy(counts: np.ndarray) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


def _concentration(importance: np.ndarray) -> np.ndarray:
    """1 − H(row) with base = length of the row: 1 when one entry has it all, 0 when equal or when the row is all zero."""
    total = importance.sum(axis=1, keepdims=True)
    share = importance / np.where(total > 0, total, 1)
    entropy = -np.where(share > 0, share * np.log(np.where(share > 0, share, 1)), 0).sum(axis=1)
    return np.where(total[:, 0] > 0, np.clip(1 - entropy / np.log(importance.shape[1]), 0, 1), 0)


def _split(samples: int, seed: int, held_out: float = 0.25) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(seed).permutation(samples)
    cut = int(samples * held_out)
    return order[cut:], order[:cut]
