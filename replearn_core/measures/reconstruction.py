"""How much of the input a code keeps: squared error per image, and PCA's as the line to beat. Called by training and pages."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from replearn_core.measures.checks import centred, finite, flat, whole


def reconstruction_error(x: ArrayLike, reconstruction: ArrayLike) -> float:
    """Squared error per image: (1/N) Σ_n ‖x_n − x̂_n‖²; summed over pixels, averaged over images.

    The unit of Hinton & Salakhutdinov (2006), Science 313:504. Shapes: both (N, *shape), equal.
    ValueError: shapes differ, no samples, NaN or Inf.
    """
    x, reconstruction = finite("x", x), finite("reconstruction", reconstruction)
    if x.shape != reconstruction.shape:
        raise ValueError(f"x has the shape {x.shape} but reconstruction {reconstruction.shape}; they must be equal")
    if x.ndim < 2 or not x.size:
        raise ValueError(f"x must have at least one sample and features after the first axis, not the shape {x.shape}")
    difference = (x - reconstruction).ravel()
    return float(np.square(difference, dtype=np.float64).sum() / len(x))


def pca_error(x_train: ArrayLike, x_test: ArrayLike, size: int) -> float:
    """Held-out squared error per image of PCA with `size` components: (1/N) Σ_n ‖(x_n − μ) − V Vᵀ(x_n − μ)‖².

    μ and V come from x_train (N, *shape) alone; the error is measured on x_test (M, *shape). Components beyond the rank of
    the training data are not used: they would be arbitrary directions that lower the held-out error by luck, so sizes ≥
    rank give the error at the rank. Size 0 is the mean image. scikit-learn's PCA, exact solver, no randomness.
    ValueError: fewer than 2 training images, features that differ in number, a negative size, NaN or Inf.
    """
    from sklearn.decomposition import PCA

    train = flat("x_train", x_train, samples=2)  # (N, D)
    test = flat("x_test", x_test)  # (M, D)
    size = whole("size", size, 0)
    if train.shape[1] != test.shape[1]:
        raise ValueError(f"x_train has {train.shape[1]} features but x_test {test.shape[1]}; they must be equal")
    residual = test.astype(np.float64) - train.mean(axis=0, dtype=np.float64)
    deviation = centred(train)
    if size > 0 and deviation.any():
        fitted = PCA(min(size, *train.shape), svd_solver=_solver(size, train.shape), random_state=0).fit(deviation)
        variances = fitted.explained_variance_  # (k,), descending
        rank = np.count_nonzero(variances > max(train.shape) * np.finfo(np.float64).eps * variances[0])
        axes = fitted.components_[:rank]
        residual = residual - residual @ axes.T @ axes
    return float(np.square(residual).sum() / len(test))


def _solver(size: int, shape: tuple[int, int]) -> str:
    """All exact. Lanczos is quickest for few components (MNIST, 32 of 784: 0.3 s against 1.0), else the smaller matrix."""
    if 4 * size < min(shape):
        return "arpack"
    return "covariance_eigh" if shape[1] <= shape[0] else "full"
