"""How alike two layers, codes or subspaces are: linear CKA and principal angles. Called by the hierarchy and PCA lessons."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from replearn_core.measures.checks import centred, flat, matrix, same_samples


def linear_cka(a: ArrayLike, b: ArrayLike) -> float:
    """Linear CKA: ‖BᵀA‖²_F / (‖AᵀA‖_F ‖BᵀB‖_F), columns centred; from 0 to 1, 1 when equal up to rotation and scale.

    Source: Kornblith et al. (2019), ICML. Shapes: a (N, *), b (N, *): activations of the same N samples, K may differ.
    A constant representation shares nothing with any other: 0. With N ≤ K even unrelated codes come out high.
    ValueError: sample counts differ, fewer than 2 samples, NaN or Inf.
    """
    a, b = flat("a", a, samples=2), flat("b", b, samples=2)
    same_samples(a=a, b=b)
    a, b = _unit_scale(centred(a)), _unit_scale(centred(b))
    if not (a.any() and b.any()):
        return 0.0
    if len(a) < max(a.shape[1], b.shape[1]):  # ‖BᵀA‖² = ⟨AAᵀ, BBᵀ⟩: the cheaper side
        gram_a, gram_b = a @ a.T, b @ b.T  # (N, N)
        shared, own = np.vdot(gram_a, gram_b), np.linalg.norm(gram_a) * np.linalg.norm(gram_b)
    else:
        shared, own = np.square(b.T @ a).sum(), np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)
    return float(np.clip(shared / own, 0, 1))


def _unit_scale(array: np.ndarray) -> np.ndarray:
    """`array` over its largest magnitude: fourth powers of tiny or huge activations neither vanish nor overflow."""
    peak = np.abs(array).max()
    return array / peak if peak > 0 else array


def principal_angles(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Angles between the column spaces of a (D, p) and b (D, q): radians, descending, as many as the smaller rank.

    All zero when one space contains the other: the check that a linear autoencoder found PCA's subspace.
    scipy.linalg.subspace_angles (Knyazev & Argentati 2002), exact for small angles too.
    ValueError: the number of rows differs, a matrix of zeros, NaN or Inf.
    """
    from scipy.linalg import subspace_angles

    a, b = matrix("a", a).astype(np.float64), matrix("b", b).astype(np.float64)
    if len(a) != len(b):
        raise ValueError(f"a has {len(a)} rows and b {len(b)}; columns of one space are needed")
    for name, array in (("a", a), ("b", b)):
        if not array.any():
            raise ValueError(f"{name} is all zeros and spans nothing")
    return np.asarray(subspace_angles(a, b))
