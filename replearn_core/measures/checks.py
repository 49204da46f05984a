"""What the measures ask of their arrays before they compute; called by every other module of this package."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def finite(name: str, values: ArrayLike) -> np.ndarray:
    """`values` as a floating-point array (float32 and float64 stay what they are); ValueError if any is NaN or infinite."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers, not {array.dtype}")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    with np.errstate(all="ignore"):
        suspicious = not np.isfinite(array.sum())  # one pass; the slow search below runs only when this trips
    if suspicious:
        _reject_non_finite(name, array)
    return array


def _reject_non_finite(name: str, array: np.ndarray) -> None:
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        first = tuple(int(i) for i in bad[0])
        raise ValueError(f"{name} has {len(bad)} of {array.size} values that are NaN or infinite, the first at index {first}")


def matrix(name: str, values: ArrayLike, *, samples: int = 1, columns: int = 1) -> np.ndarray:
    """`values` as a finite (N, K) array with at least `samples` rows and `columns` columns; ValueError otherwise."""
    array = finite(name, values)
    if array.ndim != 2:
        raise ValueError(f"{name} must have the shape (samples, units), not {array.shape}")
    if array.shape[0] < samples:
        raise ValueError(f"{name} has {array.shape[0]} samples; at least {samples} are needed")
    if array.shape[1] < columns:
        raise ValueError(f"{name} has {array.shape[1]} units; at least {columns} are needed")
    return array


def flat(name: str, values: ArrayLike, *, samples: int = 1, keep_bytes: bool = False) -> np.ndarray:
    """Images (N, *shape) or vectors as a finite (N, D) array; ValueError below `samples` rows. keep_bytes: uint8 stays uint8."""
    array = np.asarray(values)
    if array.ndim < 2:
        raise ValueError(f"{name} must have samples in its first axis and features after it, not the shape {array.shape}")
    array = array.reshape(len(array), int(np.prod(array.shape[1:])))
    if keep_bytes and array.dtype == np.uint8 and len(array) >= samples:
        return array
    return matrix(name, array, samples=samples)


def same_samples(**arrays: np.ndarray) -> None:
    """ValueError unless all the named arrays have equally many rows."""
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise ValueError("one row per sample is needed in each: " + ", ".join(f"{name} has {n}" for name, n in counts.items()))


def labels(name: str, values: ArrayLike) -> np.ndarray:
    """`values` as a one-dimensional array of class labels: whole numbers or strings; ValueError otherwise."""
    array = np.asarray(values)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{name} must have the shape (samples,) with at least one sample, not {array.shape}")
    if array.dtype.kind == "f":
        finite(name, array)
        fractional = np.flatnonzero(array != np.round(array))
        if len(fractional):
            raise ValueError(f"{name} has {len(fractional)} fractional values, the first at index {fractional[0]}: not classes")
    elif array.dtype.kind not in "iubU":
        raise ValueError(f"{name} must hold whole numbers or strings, not {array.dtype}")
    return array


def whole(name: str, value: int, low: int, high: int | None = None) -> int:
    """`value` as an int within [low, high]; ValueError names the range."""
    within = f"at least {low}" if high is None else f"from {low} to {high}"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{name} must be a whole number {within}, not {value!r}")
    if value < low or (high is not None and value > high):
        raise ValueError(f"{name} must be {within}, not {value}")
    return int(value)


def non_negative(name: str, value: float) -> float:
    """`value` as a finite float ≥ 0; ValueError otherwise."""
    if not isinstance(value, (int, float, np.integer, np.floating)) or not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be a finite number of at least 0, not {value!r}")
    return float(value)


def centred(array: np.ndarray) -> np.ndarray:
    """float64 columns (N, K) less their means; a column that only rounding tells from a constant becomes exactly zero.

    Without the second rule a constant unit leaves 1e-17s behind, and every ratio of variances would measure those.
    """
    double = array.astype(np.float64)
    size = np.abs(double).max(axis=0)  # (K,)
    deviation: np.ndarray = double - double.mean(axis=0)
    resolution = 4 * np.finfo(array.dtype).eps
    deviation[:, np.abs(deviation).max(axis=0) <= resolution * size] = 0.0
    return deviation
