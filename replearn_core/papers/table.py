"""What a published table is here: its rows with the paper's figures, what it leads one to expect, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from replearn_core.properties.study import Interval, interval

if TYPE_CHECKING:
    from replearn_core.datasets import Dataset

Rows = Mapping[str, Mapping[str, tuple[float, ...]]]
"""Row → measure → one number a seed, or one alone where nothing is left to chance."""
Say = Callable[[str], None]
Side = Literal["same", "unclear", "opposite"]


class Settings(BaseModel):
    """What every table can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    seeds: Annotated[int, Field(ge=2, le=20)] = 3
    batch_size: Annotated[int, Field(ge=1, le=4_096)] = 100

    @property
    def each_seed(self) -> range:
        return range(self.seeds)


@dataclass(frozen=True)
class Row:
    """paper: measure → the paper's figure, or the ends of its range. What a paper only says in words stands with the texts."""

    name: str
    paper: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """What the paper leads one to expect: the measure of `row`, less that of `other` if there is one, lies on `side` of `than`.

    measure, beside: of `row` and of `other`; the same unless `beside` says otherwise.
    """

    name: str
    row: str
    measure: str
    side: Literal["higher", "lower"]
    other: str = ""
    beside: str = ""
    than: float = 0.0


@dataclass(frozen=True)
class Table:
    """One published table. source: whom to cite. run(settings, data, say) computes all rows from a labelled data set."""

    name: str
    source: str
    measures: tuple[str, ...]
    rows: tuple[Row, ...]
    expected: tuple[Expected, ...]
    settings: Settings
    run: Callable[[Settings, Dataset, Say], Rows]


@dataclass(frozen=True)
class Result:
    """A table as computed here. seconds: of one core. versions: of the libraries."""

    table: Table
    rows: Rows
    date: str
    seconds: float
    versions: Mapping[str, str] = field(default_factory=dict)

    def values(self, row: str, measure: str) -> tuple[float, ...]:
        """One number a seed, one alone without chance, none where the row has no such measure."""
        return tuple(self.rows.get(row, {}).get(measure, ()))

    def ours(self, row: str, measure: str) -> Interval | None:
        """Mean with its interval; low and high equal the mean where there is one value only. None where not measured."""
        return spread(self.values(row, measure))

    def difference(self, one: Expected) -> Interval:
        """What is expected to lie on one side of `one.than`, paired by seed. ValueError: not measured."""
        found = np.asarray(self.values(one.row, one.measure), np.float64)
        if one.other:
            found = found - np.asarray(self.values(one.other, one.beside or one.measure), np.float64)
        known = spread(found)
        if known is None:
            raise ValueError(f"{self.table.name} has no {one.measure} of {one.row}")
        return known

    def side(self, one: Expected) -> Side:
        """Whether our whole interval lies where the paper leads one to expect it."""
        found = self.difference(one)
        above, below = found.low > one.than, found.high < one.than
        return "unclear" if not above and not below else "same" if above == (one.side == "higher") else "opposite"


def spread(values: tuple[float, ...] | np.ndarray) -> Interval | None:
    """The interval of the mean over seeds; a single value is its own interval; none of none."""
    if len(values) < 2:
        return Interval(float(values[0]), float(values[0]), float(values[0]), 1) if len(values) else None
    return interval(values)
