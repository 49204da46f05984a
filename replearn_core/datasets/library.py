"""`load`, `available` and `names`: every data set by its name, with a small memory of what this process read before."""

import os
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Hashable
from pathlib import Path
from weakref import WeakValueDictionary

from replearn_core import catalog
from replearn_core.datasets import download, glyphs, manifolds, photographs, real, sprites
from replearn_core.datasets.dataset import Dataset, Progress, Raw, Unavailable
from replearn_core.datasets.files import Damaged
from replearn_core.own import kept

EMBEDDED = {
    "digits": photographs.read_digits,
    "glyphs": glyphs.read,
    "sprites": sprites.read,
    "patches": photographs.read_patches,
}
REMEMBERED = 128_000_000  # bytes of compact arrays that stay in memory; the set read last stays whatever its size

_raws: OrderedDict[Hashable, Raw] = OrderedDict()
_alive: WeakValueDictionary[Hashable, Dataset] = WeakValueDictionary()
_book = threading.Lock()  # guards the two above
_reading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)  # so that a slow set holds up only itself


def names() -> tuple[str, ...]:
    """Every name that `load` knows, embedded image sets first."""
    return (*EMBEDDED, *real.SETS, *manifolds.SHAPES)


def load(name: str, train_size: int | None = None, *, on_progress: Progress | None = None, compact: bool = False) -> Dataset:
    """The set `name`: its first `train_size` training examples (None, or more than there are: all) and all test examples.

    "First" refers to a fixed, seeded order that mixes the classes: every beginning has the classes in their true shares,
    to within one example, and a longer beginning contains a shorter one. Arrays are read-only, and shared by callers that
    hold the same set at the same time. on_progress gets (done, total or None), bytes or images, from this thread while
    something slow happens; what it raises stops the loading. compact: images may stay bytes, see `Dataset`.

    Raises Unavailable if the set cannot be had, ValueError if train_size is below 1.
    """
    if train_size is not None and train_size < 1:
        raise ValueError(f"train_size is {train_size}; it must be at least 1, or None for all")
    if catalog.is_own(name):
        return kept.raw(name).dataset(name, train_size, compact)  # not remembered: they leave with their visitor
    if name not in names():
        raise Unavailable(name, "unknown")
    place = (name, *(_folders() if name in real.SETS else ()))
    with _book:
        lock = _reading[name]
    with lock:
        dataset = _alive.get((place, train_size, compact))
        if dataset is None:
            dataset = _raw(place, on_progress).dataset(name, train_size, compact)
            _alive[place, train_size, compact] = dataset
    return dataset


def origin(name: str) -> str:
    """Where `load` would take it from: `embedded`, `folder`, `cache`, `download`, `own`, `left`, `missing` or `unknown`.

    own: a visitor's; left: one that has gone with its visitor, or never was.

    Looks at file names only: no file is opened, nothing heavy is imported, nothing goes over the network.
    """
    if catalog.is_own(name):
        return "own" if kept.there(name) else "left"
    if name in real.SETS:
        return real.origin(name, *_folders())
    if name == "glyphs" and not glyphs.present():
        return "missing"
    return "embedded" if name in names() else "unknown"


def available(name: str) -> bool:
    """Whether the set can be loaded now, without a network."""
    return origin(name) in ("embedded", "folder", "cache", "own")


def expected_files(name: str) -> tuple[str, ...]:
    """For a real set the files to put into the folder that REPLEARN_DATA names; empty for the others."""
    return real.expected_files(name, _folders()[0]) if name in real.SETS else ()


def _folders() -> tuple[Path | None, Path]:
    """The folder of real data, if one is named, and scikit-learn's data folder."""
    named = os.environ.get("REPLEARN_DATA")
    return (Path(os.path.expanduser(named)) if named else None), download.data_home()


def _raw(place: tuple, on_progress: Progress | None) -> Raw:
    with _book:
        if place in _raws:
            _raws.move_to_end(place)
            return _raws[place]
    raw = _read(place, on_progress)
    with _book:
        _raws[place] = raw
        while len(_raws) > 1 and sum(kept.bytes for kept in _raws.values()) > REMEMBERED:
            _raws.popitem(last=False)
    return raw


def _read(place: tuple, on_progress: Progress | None) -> Raw:
    name, *folders = place
    try:
        if name in EMBEDDED:
            return EMBEDDED[name](on_progress)
        if name in manifolds.SHAPES:
            return manifolds.read(name, on_progress)
        return real.read(name, folders[0], folders[1], on_progress)
    except Damaged as error:
        raise Unavailable(name, "damaged", [str(error.file)]) from error
    except OSError as error:
        raise Unavailable(name, "unreadable", [str(error.filename)] if error.filename else ()) from error
