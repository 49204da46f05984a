"""Which model to ship: the efficient frontier, what each model earns a day, and where the choice changes. Pages call it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SECONDS_AN_HOUR = 3_600.0
JOULES_A_WATT_HOUR = 3_600.0


@dataclass(frozen=True)
class Model:
    """One form of a model, as measured.

    quality: share of correct decisions on held-out data, 0 … 1 (or of variance explained, where there are no labels). size: bytes
    of its file. seconds: of one call with one sample, the median; slow: its 95th percentile. on_time: (seconds, share) pairs,
    ascending: the share of calls that took at most so long.
    """

    name: str
    quality: float
    size: float
    seconds: float
    slow: float
    on_time: tuple[tuple[float, float], ...] = ()

    def within(self, budget: float) -> float:
        """The share of measured calls that took at most `budget` seconds."""
        times = [seconds for seconds, _ in self.on_time]
        place = int(np.searchsorted(times, budget, side="right"))
        return self.on_time[place - 1][1] if place else 0.0


def models_of(numbers: Mapping[str, float], arrays: Mapping[str, np.ndarray]) -> list[Model]:
    """The models of a `deployment` answer, or of as much of it as there is: those that have been timed."""
    names = [name.removesuffix(".quality") for name in numbers if name.endswith(".quality")]
    found = []
    for name in names:
        times = np.sort(arrays.get(f"{name}.times_1", np.zeros(0)).astype(np.float64))
        if len(times):
            shares = (np.arange(len(times)) + 1) / len(times)
            p50, p95 = (float(np.quantile(times, q)) for q in (0.5, 0.95))
            pairs = tuple(zip(times.tolist(), shares.tolist()))
            found.append(Model(name, numbers[f"{name}.quality"], numbers[f"{name}.bytes"], p50, p95, pairs))
    return found


def frontier(models: Sequence[Model]) -> frozenset[str]:
    """Names of the models that no other one beats: at least as good, as small and as fast, and better in one of the three."""

    def beats(a: Model, b: Model) -> bool:
        at_least = a.quality >= b.quality and a.size <= b.size and a.seconds <= b.seconds
        return at_least and (a.quality, a.size, a.seconds) != (b.quality, b.size, b.seconds)

    return frozenset(one.name for one in models if not any(beats(other, one) for other in models))


def earnings(model: Model, *, traffic: float, budget: float, price: float, revenue: float, storage: float = 0.0) -> float:
    """Money a day: revenue of correct decisions that come in time, less the computing and the delivery of the model's file.

    traffic: decisions a day. budget: seconds after which an answer is worth nothing. price: of a core-hour. revenue: of a correct
    decision. storage: money a day for each megabyte of the file (each device that downloads it pays for it).
    """
    correct = traffic * model.quality * model.within(budget)
    hours = traffic * model.seconds / SECONDS_AN_HOUR
    return correct * revenue - hours * price - storage * model.size / 1e6


def switches(models: Sequence[Model], revenues: Sequence[float], **costs: float) -> list[tuple[float, str, str]]:
    """Where the best choice changes along ascending revenues: (revenue at the change, best below it, best from it on)."""

    def richest(worth: float) -> str:
        return max(models, key=lambda one: earnings(one, revenue=worth, **costs)).name

    best = [richest(worth) for worth in revenues]
    return [(revenues[i], best[i - 1], best[i]) for i in range(1, len(best)) if best[i] != best[i - 1]]


def reaching(curve: np.ndarray, at: np.ndarray, level: float) -> float | None:
    """Where a curve first comes to a level, for `at` ascending; None where never. curve: (seeds, moments), whose mean counts.

    Between two moments the mean is taken as a straight line.
    """
    mean = np.asarray(curve, np.float64).mean(axis=0)
    above = np.flatnonzero(mean >= level)
    if not len(above):
        return None
    i = int(above[0])
    if i == 0:
        return float(at[0])
    share = (level - mean[i - 1]) / (mean[i] - mean[i - 1])
    return float(at[i - 1] + share * (at[i] - at[i - 1]))


def bill(seconds: float, *, watts: float, price: float) -> tuple[float, float]:
    """(watt-hours, money) of seconds on one core. watts: of a busy core with its share of the machine. price: of a core-hour."""
    return seconds * watts / JOULES_A_WATT_HOUR, seconds / SECONDS_AN_HOUR * price
