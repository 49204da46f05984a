"""A run's state (weights and optimiser) as safetensors bytes, and back again from bytes that nobody vouches for.

The engine, the store and the command line call it. `read` needs no torch, so that the web server can check a file; nothing here
unpickles.
"""

import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import numpy as safetensors_numpy

from replearn_core.experiment import Problem

if TYPE_CHECKING:
    from torch import Tensor

MAX_BYTES = 256 * 2**20
OPTIMIZER = "optimizer."
_MAX_HEADER = 1_000_000
_MAX_TENSORS = 2_000
_MAX_RANK = 8
_DTYPES = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "I64": np.int64}
_ZIP_OR_PICKLE = (b"PK\x03\x04", b"PK\x05\x06", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


class WeightsError(ValueError):
    """Bytes that are no usable weights. `problem` says which tensor, and what was expected against what was found."""

    def __init__(self, key: str, **numbers: Any):
        self.problem = Problem(key, "weights", numbers)
        super().__init__(f"{key} {numbers}")


def to_bytes(state: Mapping[str, Any], *, run_id: str, epoch: int) -> tuple[bytes, bytes]:
    """(weights, optimiser) as two safetensors files. Names that begin with `optimizer.` go into the second."""
    arrays = {name: _as_array(value) for name, value in state.items()}
    weights = {name: array for name, array in arrays.items() if not name.startswith(OPTIMIZER)}
    optimizer = {name: array for name, array in arrays.items() if name.startswith(OPTIMIZER)}
    metadata = {"format": "replearn", "run": run_id, "epoch": str(epoch)}
    return safetensors_numpy.save(weights, metadata), safetensors_numpy.save(optimizer, metadata)


def from_bytes(
    data: bytes, expected: Mapping[str, tuple[int, ...]] | None = None, *, run_id: str | None = None, limit: int = MAX_BYTES
) -> "dict[str, Tensor]":
    """The tensors of a safetensors file, checked as `read` does. Raises WeightsError and nothing else."""
    import torch

    arrays, _ = read(data, expected, run_id=run_id, limit=limit)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def read(
    data: bytes, expected: Mapping[str, tuple[int, ...]] | None = None, *, run_id: str | None = None, limit: int = MAX_BYTES
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """(arrays, metadata) of a safetensors file. Raises WeightsError and nothing else.

    expected: the name and shape of every tensor that must be there; None takes any. run_id: the run that the file must say
    it belongs to; None takes any.
    """
    header, start = _header(data, limit)
    metadata = _metadata(header)
    if run_id is not None and metadata.get("run") != run_id:
        raise WeightsError("problem.weights_other_run", expected=run_id, found=metadata.get("run", "")[:40])
    layout = {name: _entry(name, value) for name, value in header.items() if name != "__metadata__"}
    _check_ranges(layout, len(data) - start)
    if expected is not None:
        _check_shapes({name: shape for name, (_, shape, _, _) in layout.items()}, expected)
    arrays = {name: _array(data, start, *entry) for name, entry in layout.items()}
    for name, array in arrays.items():
        _check_finite(name, array)
    return arrays, metadata


def epoch_of(data: bytes) -> int | None:
    """The epoch that a state of ours says it was taken after, or None. Reads the header only. Raises WeightsError."""
    header, _ = _header(data, MAX_BYTES)
    text = _metadata(header).get("epoch", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


# ---- the header ----


def _header(data: bytes, limit: int) -> tuple[dict[str, Any], int]:
    """(the JSON header, where the numbers begin)."""
    if data[:4] in _ZIP_OR_PICKLE or data[:2] in _ZIP_OR_PICKLE:
        raise WeightsError("problem.weights_pickle")
    if len(data) > limit:
        raise WeightsError("problem.weights_too_large", megabytes=round(len(data) / 2**20), limit=round(limit / 2**20))
    size = int.from_bytes(data[:8], "little") if len(data) >= 8 else 0
    if size < 2 or data[8:9] != b"{":
        raise WeightsError("problem.weights_not_safetensors")
    if size > _MAX_HEADER:
        raise WeightsError("problem.weights_header")
    if 8 + size > len(data):
        raise WeightsError("problem.weights_truncated", expected=8 + size, found=len(data))
    try:
        header = json.loads(data[8 : 8 + size], object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise WeightsError("problem.weights_header") from None
    if not isinstance(header, dict) or len(header) > _MAX_TENSORS:
        raise WeightsError("problem.weights_header")
    return header, 8 + size


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name occurs twice")
    return values


def _metadata(header: Mapping[str, Any]) -> dict[str, str]:
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WeightsError("problem.weights_header")
    return metadata


def _entry(name: str, value: Any) -> tuple[str, tuple[int, ...], int, int]:
    """(dtype, shape, begin, end) of one tensor, begin and end counted from the end of the header."""
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise WeightsError("problem.weights_header")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not (_naturals(shape) and _naturals(offsets) and len(offsets) == 2 and len(shape) <= _MAX_RANK):
        raise WeightsError("problem.weights_header")
    if 0 in shape and math.prod(max(size, 1) for size in shape) >= 2**48:  # no numbers at all, but NumPy counts the other sides
        raise WeightsError("problem.weights_header")
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise WeightsError("problem.weights_dtype", tensor=name[:80], dtype=str(dtype)[:20])
    return dtype, tuple(shape), offsets[0], offsets[1]


def _naturals(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**48 for value in values)


def _check_ranges(layout: Mapping[str, tuple[str, tuple[int, ...], int, int]], available: int) -> None:
    """Every tensor as long as its shape says, one directly after the other, and the file neither shorter nor longer."""
    reached = 0
    for name, (dtype, shape, begin, end) in sorted(layout.items(), key=lambda item: item[1][2:]):
        if begin != reached or end - begin != math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize:
            raise WeightsError("problem.weights_overlap", tensor=name[:80])
        reached = end
    if reached != available:
        raise WeightsError("problem.weights_truncated", expected=reached, found=available)


def _array(data: bytes, start: int, dtype: str, shape: tuple[int, ...], begin: int, end: int) -> np.ndarray:
    flat = np.frombuffer(data, dtype=np.dtype(_DTYPES[dtype]).newbyteorder("<"), count=math.prod(shape), offset=start + begin)
    return flat.reshape(shape).astype(_DTYPES[dtype])  # a copy of its own, writable and aligned


# ---- the contents ----


def _check_shapes(found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]) -> None:
    _none_of("problem.weights_missing", [name for name in expected if name not in found])
    _none_of("problem.weights_unknown", [name for name in found if name not in expected])
    for name, shape in expected.items():
        if tuple(shape) != found[name]:
            raise WeightsError("problem.weights_shape", tensor=name[:80], expected=_spelled(shape), found=_spelled(found[name]))


def _none_of(key: str, names: list[str]) -> None:
    if names:
        raise WeightsError(key, tensor=names[0][:80], count=len(names))


def _spelled(shape: Iterable[int]) -> str:
    """16 × 64, or 1 for a single number."""
    return " × ".join(str(size) for size in shape) or "1"


def _check_finite(name: str, array: np.ndarray) -> None:
    bad = int(array.size - np.count_nonzero(np.isfinite(array)))
    if bad:
        raise WeightsError("problem.weights_not_finite", tensor=name[:80], count=bad)


def _as_array(value: Any) -> np.ndarray:
    """A tensor, array or number as a C-ordered array of a kind that `read` takes back."""
    array = np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)
    if array.dtype.kind in "iub":
        array = array.astype(np.int64)
    return np.array(array, order="C", copy=True)
