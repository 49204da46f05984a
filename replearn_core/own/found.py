"""`Found`, what any parser finds in a file, and `halved`, which splits it and packs it as the one npz that is kept."""

import base64
import io
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from replearn_core import catalog
from replearn_core.datasets.dataset import mixed_order
from replearn_core.own.refusal import Refused
from replearn_core.own.worker import LEAST

SIDES = catalog.OWN_SIDES
SAMPLES = 60_000
COLUMNS = catalog.OWN_WIDTH
CLASSES = 100
KEPT = 48 * 2**20  # bytes of all samples together
LEAST_HELD = 16  # different samples: fewer, and nobody has five neighbours to speak of
HELD_OUT = 0.2  # of the different samples
CLASS_NAME = 40  # characters
PREVIEW = 8  # pictures of a class that the page shows


@dataclass(eq=False)
class Found:
    """x uint8 (N, S, S) of images, or float64 (N, D) of numbers as they were; y (N,) places in classes, or None.

    notes: what was done to how many. skipped: reason → count; first: reason → a name. said: further facts for the page, by name.
    """

    x: np.ndarray
    y: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    notes: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def images(self) -> bool:
        return self.x.ndim == 3


def halved(found: Found) -> tuple[dict[str, Any], bytes]:
    """(facts for the page, the npz: x_train, x_test, y_train, y_test, scale, and `about` as JSON). Raises Refused.

    Split by *different* sample, 80 : 20, stratified where there are labels, by a fixed seed: equal samples are on one side. A
    class with one different sample is in the training half only.
    """
    groups, first = _groups(found.x)
    if len(first) < LEAST:
        raise Refused("problem.own_few", count=len(first), limit=LEAST)
    train, test = _split(found, groups, first)
    x, about = (found.x, {}) if found.images else scaled(found.x, train, found.columns)
    arrays = {"x_train": x[train], "x_test": x[test], "scale": np.float64(1 / 255 if found.images else 1.0)}
    if found.y is not None:
        arrays |= {"y_train": found.y[train].astype(np.int32), "y_test": found.y[test].astype(np.int32)}
    about |= {"classes": list(found.classes)}
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    found.notes["repeated"] = len(found.x) - len(first)
    facts = {
        "kind": "image" if found.images else "points",
        "size": int(x.shape[1]),
        "train": len(train),
        "test": len(test),
        "classes": list(found.classes),
        "counts": None if found.y is None else _counts(found, train, test),
        "notes": {name: count for name, count in found.notes.items() if count},
        "skipped": dict(found.skipped),
        "first": found.first,
        "said": found.said,
        "columns": about.get("columns", []),
        "preview": _preview(found) if found.images else None,
    }
    out = io.BytesIO()
    np.savez(out, **arrays)
    return facts, out.getvalue()


def _preview(found: Found) -> dict[str, Any]:
    """The first pictures of each class, as text: pictures are the bytes of (n, S, S), classes their places."""
    y = np.zeros(len(found.x), int) if found.y is None else found.y
    rows = np.concatenate([np.flatnonzero(y == place)[:PREVIEW] for place in range(min(8, max(1, len(found.classes))))])
    return {"pictures": base64.b64encode(found.x[rows].tobytes()).decode(), "classes": y[rows].tolist()}


def _groups(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(for each sample the place of its group among equal ones, for each group the first sample)."""
    flat = np.ascontiguousarray(x.reshape(len(x), -1))
    rows = flat.view(np.dtype((np.void, flat.dtype.itemsize * flat.shape[1]))).ravel()
    _, first, groups = np.unique(rows, return_index=True, return_inverse=True)
    return groups.ravel(), first


def _split(found: Found, groups: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(training rows, held-out rows), each in an order that mixes the classes."""
    random = np.random.default_rng(714)
    y = None if found.y is None else found.y[first]
    order = mixed_order(y, len(first), random)
    if y is not None:
        order = order[np.bincount(y)[y[order]] > 1]  # the only one of its class is learned from
    held = np.zeros(len(first), bool)
    held[order[: max(1, round(HELD_OUT * len(first)))]] = True
    out = held[groups]
    rows = np.flatnonzero(~out), np.flatnonzero(out)
    train, test = (some[mixed_order(None if found.y is None else found.y[some], len(some), random)] for some in rows)
    if int(held.sum()) < LEAST_HELD:
        raise Refused("problem.own_held", count=int(held.sum()), limit=LEAST_HELD)
    return train, test


def _counts(found: Found, train: np.ndarray, test: np.ndarray) -> list[list[int]]:
    """[training samples, held-out samples] of each class."""
    assert found.y is not None
    most = len(found.classes)
    both = (np.bincount(found.y[rows], minlength=most) for rows in (train, test))
    return [[int(a), int(b)] for a, b in zip(*both)]


def scaled(x: np.ndarray, train: np.ndarray, columns: tuple[str, ...]) -> tuple[np.ndarray, dict[str, Any]]:
    """(x float32 in [0, 1], {"columns": [[name, low, high], …]}): each column so that the training half spans 0 to 1.

    Held-out values beyond are cut at 0 and 1. Columns without any variation are left out. Raises Refused where one is left.
    """
    low, high = x[train].min(axis=0), x[train].max(axis=0)
    kept = np.flatnonzero(high > low)
    if len(kept) < 2:
        raise Refused("problem.own_columns", count=len(kept))
    low, high = low[kept], high[kept]
    spread = np.maximum(high / 2 - low / 2, np.finfo(np.float64).tiny)  # halves: of the widest columns the difference overflows
    out = ((x[:, kept] / 2 - low / 2) / spread).clip(0, 1).astype(np.float32)
    names = [columns[place] for place in kept]
    return out, {"columns": [[name, float(a), float(b)] for name, a, b in zip(names, low, high)]}
