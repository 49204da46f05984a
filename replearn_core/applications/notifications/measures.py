"""How good predicted probabilities are: AUC, log loss, calibration error, each with an interval; calibration and gain curves.

NumPy only. Intervals resample users, not rows: rows of one user are no independent evidence.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

BINS = 15
DRAWS = 200
SHARES = 50  # points of lift and gain
TINY = 1e-6  # probabilities are held this far from 0 and 1 before a logarithm
NAMES = ("auc", "log_loss", "calibration")


def auc(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Chance that a clicked row has the higher score than one that was not, ties counting half. NaN with one class only.

    y (N,) 0 or 1, p (N,), weight (N,) how often each row counts.
    """
    order = np.argsort(p, kind="stable")
    edges = _edges(p[order])
    return float(_auc(y[order].astype(np.float64), edges, np.ones((1, len(y))) if weight is None else weight[None, order])[0])


def log_loss(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> float:
    """−mean(y log p + (1 − y) log(1 − p)), nats."""
    return float(np.average(_losses(y, p), weights=weight))


def calibration_error(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None, bins: int = BINS) -> float:
    """Expected calibration error: Σ share of bin · |mean y − mean p|, in bins of equally many rows."""
    place = _bins(p, bins)
    return float(_calibration(y.astype(np.float64), p, place, np.ones((1, len(y))) if weight is None else weight[None])[0])


def all_of(y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """The three measures by name."""
    return {"auc": auc(y, p), "log_loss": log_loss(y, p), "calibration": calibration_error(y, p)}


def intervals(y: np.ndarray, p: np.ndarray, users: np.ndarray, seed: int = 0, draws: int = DRAWS) -> np.ndarray:
    """(3, 2): 95 % interval of each of NAMES by the bootstrap over users: whole users are drawn with replacement.

    For the calibration error, which is never below zero, that is the spread of the estimate and no test of zero.
    """
    low, high = np.percentile(_resampled(y, p, users, seed, draws), (2.5, 97.5), axis=1)
    return np.stack([low, high], axis=1)


def difference_interval(y: np.ndarray, p: np.ndarray, other: np.ndarray, users: np.ndarray, seed: int = 0) -> np.ndarray:
    """(3, 2): as `intervals`, of the measure with p less that with other, on the same draws of users."""
    apart = _resampled(y, p, users, seed, DRAWS) - _resampled(y, other, users, seed, DRAWS)
    return np.percentile(apart, (2.5, 97.5), axis=1).T


def _resampled(y: np.ndarray, p: np.ndarray, users: np.ndarray, seed: int, draws: int) -> np.ndarray:
    """(3, draws) of NAMES under weights that count how often each user was drawn."""
    random = np.random.default_rng([seed, 0xB007])
    _, member = np.unique(users, return_inverse=True)
    count = int(member.max()) + 1
    order, place = np.argsort(p, kind="stable"), _bins(p, BINS)
    edges, losses, clicked = _edges(p[order]), _losses(y, p), y.astype(np.float64)
    found = np.empty((3, draws))
    for first in range(0, draws, 20):  # twenty at a time, so that memory stays small
        many = min(20, draws - first)
        weights = random.multinomial(count, np.full(count, 1 / count), size=many)[:, member].astype(np.float64)
        here = slice(first, first + many)
        found[0, here] = _auc(clicked[order], edges, weights[:, order])
        found[1, here] = weights @ losses / weights.sum(axis=1)
        found[2, here] = _calibration(clicked, p, place, weights)
    return found


def _edges(ascending: np.ndarray) -> np.ndarray:
    """Where each run of equal scores begins."""
    return np.flatnonzero(np.r_[True, ascending[1:] != ascending[:-1]])


def _auc(y: np.ndarray, edges: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(draws,): rows in ascending order of score, weights (draws, N)."""
    good = np.add.reduceat(weights * y, edges, axis=1)
    bad = np.add.reduceat(weights * (1 - y), edges, axis=1)
    below = np.cumsum(bad, axis=1) - bad
    pairs = good.sum(axis=1) * bad.sum(axis=1)
    won = (good * (below + bad / 2)).sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def _losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    safe = np.clip(p, TINY, 1 - TINY)
    return -np.where(y > 0, np.log(safe), np.log1p(-safe))


def _bins(p: np.ndarray, bins: int) -> np.ndarray:
    """The bin of each row; rows of one score share one."""
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, p, side="left")


def _calibration(y: np.ndarray, p: np.ndarray, place: np.ndarray, weights: np.ndarray) -> np.ndarray:
    count = int(place.max()) + 1
    apart = np.zeros(len(weights))
    for one in range(count):
        here = place == one
        apart += np.abs(weights[:, here] @ (y[here] - p[here]))
    return apart / weights.sum(axis=1)


# ---- curves ----


def calibration_curve(y: np.ndarray, p: np.ndarray, bins: int = 10) -> np.ndarray:
    """(bins', 3): mean prediction, share clicked, rows, in bins of equally many rows."""
    place = _bins(p, bins)
    rows = np.bincount(place)
    kept = rows > 0
    means = [np.bincount(place, one)[kept] / rows[kept] for one in (p, y)]
    return np.stack([*means, rows[kept]], axis=1)


def gain(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """(SHARES + 1,): share of all clicks among the best 0, 2, … 100 % of rows by score; equal scores share their clicks."""
    order = np.argsort(-p, kind="stable")
    edges = np.r_[_edges(-p[order]), len(p)]
    clicks = np.r_[0, np.cumsum(y[order])][edges]
    wanted = np.linspace(0, len(p), SHARES + 1)
    return np.interp(wanted, edges, clicks) / max(float(y.sum()), 1.0)


def lift(gained: np.ndarray) -> np.ndarray:
    """Lift from a gain curve: share of clicks over share of rows, (SHARES,)."""
    return gained[1:] / np.linspace(0, 1, SHARES + 1)[1:]


def summary(y: np.ndarray, p: np.ndarray, users: np.ndarray, seed: int) -> Mapping[str, np.ndarray]:
    """What is drawn of one model on one held-out set."""
    curve = np.full((10, 3), np.nan, np.float32)
    found = calibration_curve(y, p)
    curve[: len(found)] = found
    return {"interval": intervals(y, p, users, seed), "curve": curve, "gain": gain(y, p)}
