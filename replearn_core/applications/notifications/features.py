"""A log's columns as what models read: known levels and a place for unknown ones, numbers on one scale, rates out of fold.

Everything here is learned from training rows alone. Called by `models.py`, `pretraining.py` and `uplift.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from replearn_core.applications.notifications.tables import Log

LEAST = 3  # training rows of a level that gets a place of its own
RARE = 16  # places that share the rarer levels, by their number
FOLDS = 5
STEPS = 16  # quantile steps of a number
PRIOR = 20.0  # rows' worth of the overall rate in each level's rate


@dataclass(frozen=True, eq=False)
class Codes:
    """How each category becomes a whole number: 0 is unknown, 1 … RARE shared by rare levels, then one for each kept level."""

    tables: dict[str, np.ndarray]  # level → number
    sizes: tuple[int, ...]

    def of(self, log: Log) -> np.ndarray:
        """int64 (N, C)."""
        columns = [table[log.categories[name]] for name, table in self.tables.items()]
        return np.stack(columns, axis=1).astype(np.int64) if columns else np.zeros((len(log), 0), np.int64)


def codes(log: Log, least: int = LEAST, most: int | None = None) -> Codes:
    """Learned from these rows. most: so many of the commonest levels are kept."""
    tables, sizes = {}, []
    for name, column in log.categories.items():
        many = np.bincount(column, minlength=len(log.levels[name]))
        order = np.argsort(-many, kind="stable")
        kept = order[many[order] >= least][:most]
        table = np.zeros(len(many), np.int64)
        seen = np.flatnonzero(many > 0)
        table[seen] = 1 + seen % RARE
        table[kept] = 1 + RARE + np.arange(len(kept))
        tables[name] = table
        sizes.append(1 + RARE + len(kept))
    return Codes(tables, tuple(sizes))


@dataclass(frozen=True, eq=False)
class Scale:
    """Numbers with mean 0 and deviation 1 over the training rows; a missing one is 0, and told by a column of its own."""

    names: tuple[str, ...]
    mean: np.ndarray
    deviation: np.ndarray
    holes: np.ndarray

    def of(self, log: Log) -> np.ndarray:
        """float32 (N, D)."""
        if not self.names:
            return np.zeros((len(log), 0), np.float32)
        values = np.stack([log.numbers[name] for name in self.names], axis=1).astype(np.float64)
        missing = np.isnan(values)
        scaled = np.clip(np.where(missing, 0, (values - self.mean) / self.deviation), -6, 6)
        return np.hstack([scaled, missing[:, self.holes]]).astype(np.float32)


def scale(log: Log) -> Scale:
    names = tuple(log.numbers)
    if not names:
        return Scale((), np.zeros(0), np.ones(0), np.zeros(0, bool))
    values = np.stack([log.numbers[name] for name in names], axis=1).astype(np.float64)
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0).sum(axis=0) / count
    deviation = np.sqrt((np.where(known, values - mean, 0) ** 2).sum(axis=0) / count)
    return Scale(names, mean, np.where(deviation > 1e-9, deviation, 1.0), np.asarray(~known.all(axis=0)))


@dataclass(frozen=True, eq=False)
class Steps:
    """Numbers as steps between quantiles of the training rows: 0 is missing. What a network reads of a number that is no line
    (piecewise encodings, Gorishniy, Rubachev & Babenko 2022)."""

    edges: dict[str, np.ndarray]

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(len(edges) + 2 for edges in self.edges.values())

    def of(self, log: Log) -> np.ndarray:
        """int64 (N, D)."""
        columns = [
            np.where(np.isnan(log.numbers[name]), 0, 1 + np.searchsorted(edges, log.numbers[name]))
            for name, edges in self.edges.items()
        ]
        return np.stack(columns, axis=1).astype(np.int64) if columns else np.zeros((len(log), 0), np.int64)


def steps(log: Log) -> Steps:
    edges = {}
    for name, values in log.numbers.items():
        known = values[~np.isnan(values)]
        edges[name] = np.unique(np.quantile(known, np.linspace(0, 1, STEPS + 1)[1:-1])) if len(known) else np.zeros(1)
    return Steps(edges)


def sizes_of_ids(log: Log) -> dict[str, np.ndarray]:
    """log(1 + id) of columns whose levels are all whole numbers: ids are often given in order of frequency or of age."""
    found = {}
    for name, column in log.categories.items():
        levels = log.levels[name]
        if len(levels) > 100 and all(text.isascii() and text.isdigit() and len(text) < 10 for text in levels):
            found[f"size {name}"] = np.log1p(np.array([float(text) for text in levels]))[column].astype(np.float32)
    return found


# ---- statistics of the target, out of fold ----


@dataclass(frozen=True, eq=False)
class Rates:
    """For each column (and pair of columns): clicks and rows of every level in the training rows."""

    columns: tuple[tuple[str, ...], ...]
    keys: tuple[np.ndarray, ...]
    clicks: tuple[np.ndarray, ...]
    rows: tuple[np.ndarray, ...]
    rate: float

    def of(self, log: Log) -> dict[str, np.ndarray]:
        """Smoothed rate (as a logit) and log count of each row's levels: (clicks + 20 r) / (rows + 20)."""
        found: dict[str, np.ndarray] = {}
        for names, keys, clicks, rows in zip(self.columns, self.keys, self.clicks, self.rows):
            place, known = _lookup(keys, _joined(log, names))
            n, k = np.where(known, rows[place], 0.0), np.where(known, clicks[place], 0.0)
            found |= _statistics(names, k, n, self.rate)
        return found


def rates(log: Log, pairs: Sequence[tuple[str, str]] = ()) -> Rates:
    """Learned from these rows. Only columns with more than a dozen levels: the others' rates any model finds by itself."""
    columns = tuple((name,) for name in log.categories if len(log.levels[name]) > 12) + tuple(pairs)
    keys, clicks, rows = [], [], []
    for names in columns:
        found, place = np.unique(_joined(log, names), return_inverse=True)
        keys.append(found)
        rows.append(np.bincount(place).astype(np.float64))
        clicks.append(np.bincount(place, log.clicked))
    return Rates(columns, tuple(keys), tuple(clicks), tuple(rows), float(log.clicked.mean()))


def out_of_fold(log: Log, seed: int, pairs: Sequence[tuple[str, str]] = ()) -> dict[str, np.ndarray]:
    """The same statistics for the training rows themselves, each row's from the folds that it is not in.

    A rate that has seen the row's own click is a leak: for a level of one row it is the answer (Micci-Barreca 2001; CatBoost,
    Prokhorenkova et al. 2018).
    """
    fold = np.random.default_rng([seed, 0xF01D]).integers(FOLDS, size=len(log))
    found: dict[str, np.ndarray] = {}
    for one in range(FOLDS):
        here = fold == one
        for name, values in rates(log.rows(~here), pairs).of(log.rows(here)).items():
            found.setdefault(name, np.empty(len(log), np.float32))[here] = values
    whole = FOLDS / (FOLDS - 1)  # counts as later rows will see them, from all folds
    return {name: np.log1p(np.expm1(values) * whole) if name.startswith("count ") else values for name, values in found.items()}


def _joined(log: Log, names: tuple[str, ...]) -> np.ndarray:
    joined = np.zeros(len(log), np.int64)
    for name in names:
        joined = joined * len(log.levels[name]) + log.categories[name]
    return joined


def _lookup(keys: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return place, keys[place] == wanted


def _statistics(names: tuple[str, ...], clicks: np.ndarray, rows: np.ndarray, rate: float) -> dict[str, np.ndarray]:
    smoothed = np.clip((clicks + PRIOR * rate) / (rows + PRIOR), 1e-4, 1 - 1e-4)
    label = "·".join(names)
    return {
        f"rate {label}": np.log(smoothed / (1 - smoothed)).astype(np.float32),
        f"count {label}": np.log1p(rows).astype(np.float32),
    }


def ordinals(log: Log) -> np.ndarray:
    """float32 (N, C): categories as trees take them: a level that is a number as that number, others by their code."""
    columns = []
    for name, column in log.categories.items():
        levels = log.levels[name]
        try:
            values = np.array([float(text) for text in levels])
        except ValueError:
            values = np.arange(len(levels), dtype=np.float64)
        columns.append(np.log1p(np.abs(values))[column] if np.abs(values).max(initial=0) > 1e4 else values[column])
    return np.stack(columns, axis=1).astype(np.float32) if columns else np.zeros((len(log), 0), np.float32)
