"""What a data set is: the value `Dataset`, the refusal `Unavailable`, and the compact `Raw` that every source file returns."""

import hashlib
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

Progress = Callable[[int, int | None], None]  # (done, total or None when nobody knows), bytes or images

REASONS = ("unknown", "missing", "damaged", "unreadable", "download", "left")


class Unavailable(Exception):
    """A data set that cannot be had. A key, a reason and file names for the page to put into words; never a sentence.

    dataset: its name. reason: one of REASONS: `unknown` (no such name), `missing` (no file, and no way to fetch it),
    `damaged` (a file that is cut off or not what its name says; `files` names it), `unreadable` (the system refuses to
    open it), `download` (it could not be fetched), `left` (a visitor's own, which are gone). files: what was looked for, or the
    one file at fault.
    """

    key = "dataset.unavailable"

    def __init__(self, dataset: str, reason: str, files: Iterable[str] = ()):
        self.dataset, self.reason, self.files = dataset, reason, tuple(files)
        super().__init__(self.dataset, self.reason, self.files)  # these arguments make it survive a trip between processes

    def __str__(self) -> str:
        return f"{self.key} dataset={self.dataset} reason={self.reason} files={','.join(self.files)}"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Named arrays, read-only, with where they come from.

    x_train, x_test: float32 (N, *shape) in [0, 1]; shape is (H, W) for grey images and (D,) for points. In a compact set x_train
    may be uint8 instead, and `unit_range(x_train, scale)` is what it stands for: a quarter of the memory.
    y_train, y_test: int64 (N,), indices into `class_names`; None where there are no classes.
    factors_train, factors_test: (N, F), a column for each of `factor_names`: int64 levels for discrete factors, float32
    true coordinates for manifolds; None where the causes are not known.
    """

    name: str
    x_train: np.ndarray
    x_test: np.ndarray
    y_train: np.ndarray | None
    y_test: np.ndarray | None
    factors_train: np.ndarray | None
    factors_test: np.ndarray | None
    class_names: tuple[str, ...]
    factor_names: tuple[str, ...]
    source: str
    licence: str
    scale: float = 1.0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.x_train.shape[1:]

    @cached_property
    def checksum(self) -> tuple[float, ...]:
        """Tells data sets apart: sizes, scale, and CRC-32 of pictures and labels. Read once: some 30 ms for 30 MB."""
        arrays = [array for array in (self.x_train, self.x_test, self.y_train, self.y_test) if array is not None]
        sums = (zlib.crc32(np.ascontiguousarray(array).data) for array in arrays)
        return (*self.x_train.shape, *self.x_test.shape, self.scale, *sums)


@dataclass(frozen=True, eq=False)
class Part:
    """One half of a set as it is kept in memory: x uint8 or float32 (N, *shape), y (N,) or None, factors (N, F) or None."""

    x: np.ndarray
    y: np.ndarray | None = None
    factors: np.ndarray | None = None

    def rows(self, chosen: np.ndarray) -> "Part":
        """The chosen rows, in that order."""
        y = None if self.y is None else self.y[chosen]
        return Part(self.x[chosen], y, None if self.factors is None else self.factors[chosen])

    @property
    def bytes(self) -> int:
        return sum(array.nbytes for array in (self.x, self.y, self.factors) if array is not None)


@dataclass(frozen=True, eq=False)
class Raw:
    """A whole set in compact form; `train` already in the order from which the first n are taken. x · scale lies in [0, 1]."""

    train: Part
    test: Part
    scale: float = 1.0
    class_names: tuple[str, ...] = ()
    factor_names: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""

    @property
    def bytes(self) -> int:
        return self.train.bytes + self.test.bytes

    def dataset(self, name: str, train_size: int | None, compact: bool = False) -> Dataset:
        """Convert the first `train_size` training rows (None: all) and all test rows; nothing else is copied.

        compact: bytes stay bytes, and are shared with this value.
        """
        kept = slice(train_size)
        compact = compact and self.train.x.dtype == np.uint8
        return Dataset(
            name,
            _shared(self.train.x[kept]) if compact else unit_range(self.train.x[kept], self.scale),
            unit_range(self.test.x, self.scale),
            _frozen(self.train.y, np.int64, kept),
            _frozen(self.test.y, np.int64),
            _frozen(self.train.factors, None, kept),
            _frozen(self.test.factors, None),
            self.class_names,
            self.factor_names,
            self.source,
            self.licence,
            self.scale if compact else 1.0,
        )


def _shared(x: np.ndarray) -> np.ndarray:
    """A read-only view."""
    view = x.view()
    view.setflags(write=False)
    return view


def unit_range(x: np.ndarray, scale: float) -> np.ndarray:
    """x · scale as float32, read-only. Dividing would round equally; multiplying needs no float64 copy."""
    out: np.ndarray = np.multiply(x, np.float32(scale), dtype=np.float32)
    np.clip(out, 0.0, 1.0, out=out)  # 255 · float32(1/255) may exceed 1 by a rounding
    out.setflags(write=False)
    return out


def _frozen(array: np.ndarray | None, dtype: type | None, kept: slice = slice(None)) -> np.ndarray | None:
    """A read-only copy of the kept rows: integers as int64, floats as float32."""
    if array is None:
        return None
    kind = dtype or (np.int64 if array.dtype.kind in "iu" else np.float32)
    out: np.ndarray = array[kept].astype(kind)
    out.setflags(write=False)
    return out


def rng(name: str) -> np.random.Generator:
    """The set's own random numbers: a fixed seed made of its name, the same in every process and on every machine."""
    digest = hashlib.sha256(f"replearn {name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def mixed_order(y: np.ndarray | None, count: int, random: np.random.Generator) -> np.ndarray:
    """A random order (count,) in which every beginning holds the classes in their true shares, each to within one example.

    The r-th example of a class with c members gets the key (r + u) / c, u uniform in [0, 1); sorting the keys mixes.
    """
    if y is None:
        return random.permutation(count)
    keys = random.random(count)
    for label in np.unique(y):
        members = random.permutation(np.flatnonzero(y == label))
        keys[members] = (np.arange(len(members)) + keys[members]) / len(members)
    return np.argsort(keys, kind="stable")


def split(whole: Part, test_size: int, random: np.random.Generator, train_size: int | None = None) -> tuple[Part, Part]:
    """Train and test halves without a common row, both class-mixed; stratified where there are classes."""
    order = mixed_order(whole.y, len(whole.x), random)
    test, rest = order[:test_size], order[test_size:]
    rest = rest[mixed_order(None if whole.y is None else whole.y[rest], len(rest), random)]
    return whole.rows(rest[:train_size]), whole.rows(test)
