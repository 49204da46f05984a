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
    rank give the error at the rank. Size 0 is the mean image. Exact, no randomness.
    ValueError: fewer than 2 training images, features that differ in number, a negative size, NaN or Inf.
    """
    train = flat("x_train", x_train, samples=2, keep_bytes=True)  # (N, D)
    test = flat("x_test", x_test)  # (M, D)
    size = whole("size", size, 0)
    if train.shape[1] != test.shape[1]:
        raise ValueError(f"x_train has {train.shape[1]} features but x_test {test.shape[1]}; they must be equal")
    mean = train.mean(axis=0, dtype=np.float64)
    axes = _axes(train, mean, min(size, *train.shape))  # (k, D)
    residuals = ((rows - mean) - (rows - mean) @ axes.T @ axes for rows in _blocks(test))
    return float(sum(np.square(residual).sum() for residual in residuals) / len(test))


def _axes(train: np.ndarray, mean: np.ndarray, size: int) -> np.ndarray:
    """(k, D) leading principal axes; k ≤ size and at most the numerical rank.

    From the covariance, summed over blocks, where there are more images than pixels: whole copies of MNIST in double precision
    took a worker to 1.7 GB, and this to some megabytes more than the data. Else by scikit-learn, whose copies are then small.
    """
    import scipy.linalg
    from sklearn.decomposition import PCA

    samples, features = train.shape
    if size == 0 or not np.ptp(train, axis=0).any():
        return np.zeros((0, features))
    if features <= samples:
        scatter = sum(((rows - mean).T @ (rows - mean) for rows in _blocks(train)), np.zeros((features, features)))
        values, vectors = scipy.linalg.eigh(scatter, subset_by_index=(features - size, features - 1))
        variances, axes = values[::-1], vectors.T[::-1]
    else:
        floats = train.astype(np.float64) if train.dtype == np.uint8 else train
        fitted = PCA(size, svd_solver="full").fit(centred(floats))
        variances, axes = fitted.explained_variance_, fitted.components_
    return axes[: np.count_nonzero(variances > max(train.shape) * np.finfo(np.float64).eps * variances[0])]


def _blocks(x: np.ndarray, rows: int = 2_048):
    """Rows of x in double precision, some at a time."""
    return (x[start : start + rows].astype(np.float64) for start in range(0, len(x), rows))
