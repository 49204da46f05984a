"""How few units answer: Hoyer's sparsity, L0 and dead units. Called while training runs, so plain NumPy and one pass each."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from replearn_core.measures.checks import matrix, non_negative


def hoyer(codes: ArrayLike) -> float:
    """Mean over samples of (√K − ‖h‖₁/‖h‖₂) / (√K − 1): 0 when all units are equally active, 1 when one alone is.

    Source: Hoyer (2004), JMLR 5:1457, eq. 4. Shape: codes (N, K). No unit: any scale of h gives the same value.
    Where the formula is 0/0 the value is 0: a sample with all units at zero (they are all equal, and a collapsed code must
    not look perfectly sparse; `l0` and `dead_units` show the collapse), and a code of one unit.
    ValueError: not two-dimensional, no samples, NaN or Inf.
    """
    size = np.abs(matrix("codes", codes))  # (N, K)
    units = size.shape[1]
    if units == 1:
        return 0.0
    with np.errstate(over="ignore", under="ignore"):
        norm = np.sqrt(np.einsum("nk,nk->n", size, size))  # (N,)
    odd = ~((norm > 1e-15) & (norm < 1e15))  # zero, or squares that vanish or overflow in float32
    if odd.any():
        size[odd] /= np.maximum(size[odd].max(axis=1, keepdims=True), np.finfo(size.dtype).tiny)
        norm[odd] = np.sqrt(np.square(size[odd]).sum(axis=1))
    silent = norm == 0
    ratio = size.sum(axis=1) / np.where(silent, 1, norm)
    per_sample = (np.sqrt(units) - ratio) / (np.sqrt(units) - 1)
    return float(np.where(silent, 0, np.clip(per_sample, 0, 1)).mean(dtype=np.float64))


def l0(codes: ArrayLike, tolerance: float = 1e-3) -> float:
    """Share of active units: the mean over samples and units of 1[|h| > tolerance], from 0 to 1.

    Shape: codes (N, K); tolerance in the unit of the codes: 0 for codes with true zeros (ReLU, shrinkage, top-k), a share
    of the range for a sigmoid code, which never reaches zero (0.1, say). ValueError: bad shape or tolerance, NaN or Inf.
    """
    tolerance = non_negative("tolerance", tolerance)
    codes = matrix("codes", codes)
    return float(np.count_nonzero(np.abs(codes) > tolerance) / codes.size)


def population_sparsity(codes: ArrayLike) -> float:
    """Mean over samples of S = (1 − (Σ_j|h_j|/K)² / (Σ_j h_j²/K)) / (1 − 1/K): how few units answer to one input, 0 … 1.

    Source: Rolls & Tovee (1995), J. Neurophysiol. 73:713, in the form of Vinje & Gallant (2000), Science 287:1273. A silent
    sample counts 0, and so does a code of one unit. Shape: codes (N, K). ValueError: not two-dimensional, NaN or Inf.
    """
    return _treves_rolls(np.abs(matrix("codes", codes)))


def lifetime_sparsity(codes: ArrayLike) -> float:
    """Mean over units of the same S over samples: how few inputs one unit answers to, 0 … 1. Units always at 0 are left out.

    Population sparsity can be high while the same few units answer always; then this is low: a unit stuck elsewhere than at 0
    counts 0, and so does a code of silent units.
    Source as `population_sparsity`. Shape: codes (N, K), N ≥ 2. ValueError: fewer than 2 samples, NaN or Inf.
    """
    size = np.abs(matrix("codes", codes, samples=2)).T
    heard = size[size.any(axis=1)]
    return _treves_rolls(heard) if len(heard) else 0.0


def _treves_rolls(size: np.ndarray) -> float:
    """Mean over rows of (1 − mean² / mean square) / (1 − 1/n) of magnitudes (rows, n)."""
    count = size.shape[1]
    if count == 1:
        return 0.0
    size = size.astype(np.float64)
    peak = size.max(axis=1, keepdims=True)
    size = size / np.where(peak > 0, peak, 1)
    square = np.square(size).mean(axis=1)
    ratio = np.square(size.mean(axis=1)) / np.where(square > 0, square, 1)
    return float(np.where(square > 0, np.clip((1 - ratio) / (1 - 1 / count), 0, 1), 0).mean())


def dead_units(codes: ArrayLike, tolerance: float = 1e-3) -> np.ndarray:
    """Which units say nothing: bool (K,), True where max_n h − min_n h ≤ tolerance over all samples.

    A dead ReLU unit is zero for every sample; a dead sigmoid or tanh unit is stuck anywhere, often at 0 or 1. Both are
    constant, and a constant tells nothing about the input whatever its height, so spread decides, not activity. Shape:
    codes (N, K), N ≥ 2 (one sample has no spread); tolerance in the unit of the codes.
    ValueError: fewer than 2 samples, bad shape or tolerance, NaN or Inf.
    """
    tolerance = non_negative("tolerance", tolerance)
    codes = matrix("codes", codes, samples=2)
    return np.asarray(codes.max(axis=0) - codes.min(axis=0) <= tolerance)
