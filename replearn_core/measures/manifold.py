"""The shape of the cloud of codes: its dimension, and whether neighbours stay neighbours. Called by the manifold pages.

Cost of all but the participation ratio grows with N²; which samples to keep is the caller's business.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from replearn_core.measures.checks import centred, flat, matrix, same_samples, whole

NEIGHBOURS = 20  # of the MLE estimate, as in SCIENCE.md's figures
DISTINCT = 50  # fewer distinct samples than this give an estimate of nothing


def participation_ratio(codes: ArrayLike) -> float:
    """(Σλ)² / Σλ² over the eigenvalues λ of the codes' covariance: the number of directions that carry the variance.

    From 1 (a line) to K (a ball); 0 when the codes are constant and nothing varies. (Σλ)² = (tr C)² and Σλ² = ‖C‖²_F, so no
    eigenvalue is computed. Source: Gao et al. (2017), bioRxiv 214262. Shape: codes (N, K), N ≥ 2.
    ValueError: fewer than 2 samples, NaN or Inf.
    """
    deviation = centred(matrix("codes", codes, samples=2))
    peak = np.abs(deviation).max()
    if peak == 0:
        return 0.0
    deviation = deviation / peak
    covariance = deviation.T @ deviation if deviation.shape[1] <= len(deviation) else deviation @ deviation.T
    return float(np.trace(covariance) ** 2 / np.square(covariance).sum())


def trustworthiness(x: ArrayLike, codes: ArrayLike, k: int = 5) -> float:
    """Are a code's k nearest neighbours also near in x? 1 − 2/(Nk(2N−3k−1)) Σ_i Σ_{j∈U_k(i)} (r(i,j) − k), from 0 to 1.

    Source: Venna & Kaski (2001), ICANN; scikit-learn's. Shapes: x (N, *shape), codes (N, K). Random codes score about 0.5.
    Equal samples tie, and ties are broken by chance of place: with 20 copies of each, even x itself scores 0.95 against x.
    ValueError: sample counts differ, k not below N/2, NaN or Inf.
    """
    return _kept(*_checked(x, codes, k), k)


def continuity(x: ArrayLike, codes: ArrayLike, k: int = 5) -> float:
    """Are neighbours in x still near in the code? `trustworthiness` with its arguments swapped; same shapes and errors.

    Low when the code tears the manifold apart; trustworthiness is low when the code folds it onto itself.
    """
    x, codes = _checked(x, codes, k)
    return _kept(codes, x, k)


def _checked(x: ArrayLike, codes: ArrayLike, k: int) -> tuple[np.ndarray, np.ndarray]:
    x, codes = flat("x", x, samples=3), flat("codes", codes, samples=3)
    same_samples(x=x, codes=codes)
    whole("k", k, 1, (len(x) - 1) // 2)  # scikit-learn's own condition: k < N/2
    return x, codes


def _kept(space: np.ndarray, shown: np.ndarray, k: int) -> float:
    from sklearn import manifold

    return float(manifold.trustworthiness(space, shown, n_neighbors=k))


def intrinsic_dimension(codes: ArrayLike, method: str = "twonn") -> float:
    """Dimension of the manifold that the samples lie on, estimated from distances to neighbours (scikit-dimension).

    'twonn': the ratio of second to first neighbour distance is Pareto(d); a line fitted to the lower 90 % (Facco et al.
    2017). 'mle': d_i = [mean_j log(T_k / T_j)]⁻¹ over 20 neighbours, averaged over samples (Levina & Bickel 2004).
    Shape: codes (N, *shape). Equal samples count once: a distance of zero says nothing of dimension.
    ValueError: unknown method, fewer than 50 distinct samples, NaN or Inf, distances too regular to tell.
    """
    if method not in ("twonn", "mle"):
        raise ValueError(f"method must be 'twonn' or 'mle', not {method!r}")
    codes = flat("codes", codes)
    distinct = np.unique(codes, axis=0).astype(np.float64)
    if len(distinct) < DISTINCT:
        raise ValueError(f"codes has {len(distinct)} distinct samples of {len(codes)}; at least {DISTINCT} are needed")
    if distinct.shape[1] == 1:
        distinct = np.hstack([distinct, np.zeros_like(distinct)])  # scikit-dimension refuses a single column
    estimate = _twonn(distinct) if method == "twonn" else _mle(distinct)
    if not (np.isfinite(estimate) and estimate > 0):
        raise ValueError("codes has neighbours at equal distances throughout (a grid?): its dimension cannot be estimated")
    return estimate


def _twonn(distinct: np.ndarray) -> float:
    from skdim.id import TwoNN

    with np.errstate(divide="ignore", invalid="ignore"):
        return float(TwoNN().fit(distinct).dimension_)


def _mle(distinct: np.ndarray) -> float:
    from skdim.id import MLE

    with np.errstate(divide="ignore", invalid="ignore"):
        local = MLE().fit(distinct, n_neighbors=NEIGHBOURS).dimension_pw_  # (N,)
    local = local[np.isfinite(local)]
    return float(local.mean()) if len(local) else np.inf
