"""An npy or npz file as images or rows of numbers, with labels. Called by worker.py, in its process. Never a pickle.

Whatever the bytes are, `read` gives a value or raises Refused: a header that announces terabytes allocates nothing.
"""

import io
import math
import zipfile
from collections import Counter
from typing import Any

import numpy as np

from replearn_core.own import found, pictures, worker, zips
from replearn_core.own.found import Found
from replearn_core.own.refusal import Refused, shown_name

MEMBERS = 64
UNPACKED = 96 * 2**20  # bytes of one array
SAMPLES_NAMES = ("x", "x_train", "images", "data", "X", "X_train", "arr_0")
LABELS_NAMES = ("y", "y_train", "labels", "target", "Y", "Y_train", "arr_1")
FLAT = {side * side: side for side in found.SIDES}  # a row of so many numbers may be a picture
MAGIC = b"\x93NUMPY"


def is_npz(data: bytes) -> bool:
    """Whether this zip holds arrays rather than pictures, by the end of its list of members."""
    return data.startswith(b"PK") and b".npy" in data[-65_536:]


def read(data: bytes, side: int = 0) -> Found:
    """Images of an array with 3 or 4 axes, or with rows of 64, 256, 784, 1024 or 4096 numbers; else numbers. Raises Refused."""
    try:
        if data.startswith(MAGIC):
            return _made(_array(io.BytesIO(data), "npy"), None, {"used": ["npy"]}, side)
        zips.check_directory(data, MEMBERS, 2**20)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read(archive, side)
    except Refused:
        raise
    except MemoryError:
        raise Refused("problem.own_array_big", name="npz", limit=UNPACKED // 2**20) from None
    except zips.BROKEN:
        raise Refused("problem.own_array_damaged", name="npz") from None


def _read(archive: zipfile.ZipFile, side: int) -> Found:
    members = archive.infolist()
    zips.check_names(members, MEMBERS)
    names = [member.filename.removesuffix(".npy") for member in members if member.filename.endswith(".npy")]
    samples = next((name for name in SAMPLES_NAMES if name in names), None)
    labels = next((name for name in LABELS_NAMES if name in names), None)
    if samples is None:
        listed = ", ".join(shown_name(name) for name in names[:8])
        raise Refused("problem.own_no_array", found=listed, needed=", ".join(SAMPLES_NAMES[:4]))
    x = _array(archive.open(f"{samples}.npy"), samples)
    y = None if labels is None else _array(archive.open(f"{labels}.npy"), labels)
    used = [name for name in (samples, labels) if name]
    aside = [shown_name(name) for name in names if name not in used][:8]
    return _made(x, None if y is None else _labels(y, len(x), str(labels)), {"used": used, "aside": aside}, side)


# ---- one array ----


def _array(stream: Any, name: str) -> np.ndarray:
    """The next array of a stream, read a piece at a time: memory follows what is there, not what is promised. Raises Refused."""
    try:
        shape, by_columns, dtype = _header(stream)
    except zips.BROKEN:
        raise Refused("problem.own_array_damaged", name=shown_name(name)) from None
    if dtype.hasobject:
        raise Refused("problem.own_objects", name=shown_name(name))
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise Refused("problem.own_type", name=shown_name(name), type=str(dtype)[:40])
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > UNPACKED:
        raise Refused("problem.own_array_big", name=shown_name(name), limit=UNPACKED // 2**20)
    data = bytearray()
    while len(data) < wanted:
        piece = stream.read(min(1 << 20, wanted - len(data)))
        if not piece:
            raise Refused("problem.own_array_damaged", name=shown_name(name))
        data += piece
    array = np.frombuffer(data, dtype)
    return array.reshape(shape[::-1]).transpose() if by_columns else array.reshape(shape)


def _header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type; NumPy reads the header as a literal, never as code, 10,000 characters at most."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise ValueError("version")


def _labels(y: np.ndarray, samples: int, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """(places (N,), class names) of whole numbers from 0 on. Raises Refused."""
    name = shown_name(name)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise Refused("problem.own_label_rank", name=name, found="×".join(map(str, y.shape)))
    if len(y) != samples:
        raise Refused("problem.own_length", name=name, found=len(y), needed=samples)
    if y.dtype.kind == "f":
        if not np.isfinite(y).all():
            raise Refused("problem.own_not_finite", name=name, count=int((~np.isfinite(y)).sum()), row=_first(~np.isfinite(y)))
        if (y != np.floor(y)).any():
            raise Refused("problem.own_label_fraction", name=name, row=_first(y != np.floor(y)))
    if len(y) and y.min() < 0:
        raise Refused("problem.own_label_negative", name=name, row=_first(y < 0))
    values, places = np.unique(y, return_inverse=True)
    if len(values) > found.CLASSES:
        raise Refused("problem.own_classes", count=len(values), limit=found.CLASSES)
    return places.ravel(), tuple(str(int(value)) for value in values)


def _first(wrong: np.ndarray) -> int:
    """The first row that is wrong, counted from 1."""
    return int(np.argmax(wrong.reshape(len(wrong), -1).any(axis=1))) + 1


# ---- as samples ----


def _made(x: np.ndarray, labels: tuple[np.ndarray, tuple[str, ...]] | None, said: dict[str, Any], side: int) -> Found:
    if x.ndim not in (2, 3, 4):
        raise Refused("problem.own_rank", found="×".join(map(str, x.shape)) or "–")
    if len(x) > found.SAMPLES:
        raise Refused("problem.own_rows", count=len(x), limit=found.SAMPLES)
    if x.size == 0:
        raise Refused("problem.own_few", count=0, limit=worker.LEAST)
    if x.dtype.kind == "f":
        good = np.array([np.isfinite(some).all() for some in x])
        if not good.all():
            wrong = sum(int((~np.isfinite(some)).sum()) for some in x[~good])
            raise Refused("problem.own_not_finite", name=said["used"][0], count=wrong, row=_first(~good))
    into = Found(x, None, (), (), Counter(), Counter(), {}, said)
    if labels is not None:
        into.y, into.classes = labels
        if len(into.classes) < 2:
            into.y, into.classes = None, ()
            into.notes["one_class"] = 1
    if x.ndim == 2 and x.shape[1] in FLAT and x.shape[1] >= 64:
        into.notes["flat"] = 1
        x = x.reshape(len(x), FLAT[x.shape[1]], -1)
    if x.ndim == 2:
        return _rows(x, into)
    return _images(x, into, side)


def _rows(x: np.ndarray, into: Found) -> Found:
    if x.shape[1] > found.COLUMNS or x.shape[1] < 2:
        raise Refused("problem.own_width", count=x.shape[1], limit=found.COLUMNS)
    into.x = x.astype(np.float64)
    into.columns = tuple(str(place + 1) for place in range(x.shape[1]))
    return into


def _images(x: np.ndarray, into: Found, side: int) -> Found:
    """(N, H, W), or with 1, 3 or 4 channels first or last, as grey squares of bytes."""
    if x.ndim == 4:
        if x.shape[-1] in (1, 3, 4):
            channels = -1
        elif x.shape[1] in (1, 3, 4):
            channels = 1
        else:
            raise Refused("problem.own_rank", found="×".join(map(str, x.shape)))
        if x.shape[channels] > 1:
            into.notes["colour"] = len(x)
        weights = np.array([0.299, 0.587, 0.114] if x.shape[channels] > 1 else [1.0])
        x = np.moveaxis(x, channels, -1)
    else:
        weights = np.ones(1)
    height, width = x.shape[1:3]
    if height * width > zips.PIXELS:
        raise Refused("problem.own_pixels", found=f"{height}×{width}", limit=zips.PIXELS // 10**6)
    low, high = _range(x, into)
    side = side or pictures.side_for(min(height, width))
    most = found.KEPT // side**2
    if len(x) > most:
        raise Refused("problem.own_too_many", limit=most, side=side)
    out = np.empty((len(x), side, side), np.uint8)
    for place, one in enumerate(x):
        flat = one if one.ndim == 2 else one[..., 0] if len(weights) == 1 else one[..., :3] @ weights
        if (low, high) != (0, 255) or flat.dtype != np.uint8:
            spread = max(float(high) / 255 - float(low) / 255, np.finfo(np.float64).tiny)
            flat = np.rint((flat.astype(np.float64) - low) / spread).clip(0, 255).astype(np.uint8)
        out[place] = pictures.squared(flat, side, into.notes)
    into.x = out
    return into


def _range(x: np.ndarray, into: Found) -> tuple[float, float]:
    """Which values become black and white: 0 and 255 of bytes, 0 and 1 of shares, else the smallest and the largest there are."""
    if x.dtype == bool:
        return 0, 1
    low, high = float(x.min()), float(x.max())
    if x.dtype == np.uint8 and high > 16:
        return 0, 255
    if low >= 0 and high <= 1 and x.dtype.kind == "f":
        return 0, 1
    if low >= 0 and 127 < high <= 255:
        return 0, 255
    into.notes["stretched"] = 1
    into.said["stretched"] = [low, high]
    return low, high
