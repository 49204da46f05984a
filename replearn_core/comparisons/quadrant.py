"""The lecture's quadrant, measured: every strategy for few and many labels, similar and different tasks; and the adviser.

Called by a worker: `run_quadrant(settings)`. Pages call `cell`, `advised` and `advise` on an answer; those need no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from replearn_core.comparisons import pairs
from replearn_core.comparisons.transfer import BASE, BATCH, SVM_MOST, Nets, dataset_of, lane, plan_of, source_networks, target_of
from replearn_core.options import Numbers, refusal
from replearn_core.properties.study import Finding, Interval, Study, Tell, difference, finding, finished, part, silent
from replearn_core.strategies import TRANSFERS

LIKENESSES = ("similar", "different")
SIMILAR = tuple(name for name, pair in pairs.PAIRS.items() if pair.likeness == "similar")
DIFFERENT = tuple(name for name, pair in pairs.PAIRS.items() if pair.likeness == "different")
ADVICE: Mapping[tuple[str, str], str] = {
    ("few", "similar"): "fixed_features",
    ("few", "different"): "early_svm",
    ("many", "similar"): "last_layers",
    ("many", "different"): "all_layers",
}
"""What the lecture says: (how much data, how alike) → strategy."""
BORDER = 30  # labels a class that are still few; the lecture gives no number
MOST_EPOCHS, LEAST_EPOCHS = 100, 8
EXAMPLES = (5, 300)  # labels a class at which the four corners are told, where measured; else the nearest

Compute = Literal["little", "some", "much"]
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "little": ("fixed_features", "early_svm"),
    "some": ("fixed_features", "early_svm", "last_layers"),
    "much": tuple(name for name in TRANSFERS if name != "random_features"),
}
"""Which strategies a budget admits: features computed once; also gradients through the upper layers; anything."""


class Quadrant(Nets):
    """sizes: labelled images a class. steps: of training in each cell, so that a strategy has equal work at every size, within
    8 to 100 epochs."""

    similar: Literal[SIMILAR] = "letters_letters"  # type: ignore[valid-type]
    different: Literal[DIFFERENT] = "letters_bytes"  # type: ignore[valid-type]
    sizes: Annotated[str, Numbers(1, 500, 8)] = "1,3,10,30,100,300"
    steps: Annotated[int, Field(ge=50, le=5_000)] = 1_000

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if len(self.each_size) < 2:
            raise refusal("problem.two_sizes", "sizes")
        for pair in (self.similar, self.different):
            about = pairs.about(pairs.pair_of(pair).target)
            if max(self.each_size) > about.most:
                raise refusal("problem.few_in_class", "sizes", value=max(self.each_size), limit=about.most)
            if max(self.each_size) * len(about.classes) > SVM_MOST:
                labelled = max(self.each_size) * len(about.classes)
                raise refusal("problem.svm_too_many", "sizes", value=labelled, limit=SVM_MOST)
        return self

    @property
    def each_size(self) -> tuple[int, ...]:
        """Whole, without repetition, ascending."""
        return tuple(sorted({int(float(one)) for one in self.sizes.split(",") if one}))

    def epochs(self, samples: int) -> int:
        return int(np.clip(round(self.steps / -(-samples // BATCH)), LEAST_EPOCHS, MOST_EPOCHS))

    def subject(self) -> tuple[str, int | None]:
        return dataset_of(self.different if pairs.missing(self.different) else self.similar), 1_000

    def seconds(self) -> float:
        total = 10.0
        for pair in (self.similar, self.different):
            classes = len(pairs.about(pairs.pair_of(pair).target).classes)
            total += sum(3 + 6 * self.work(size * classes, self.epochs(size * classes)) for size in self.each_size)
        return total


# ---- measuring ----


def run_quadrant(settings: Quadrant, *, tell: Tell = silent) -> Study:
    """Every strategy in every cell, for all seeds.

    arrays: `accuracy` float32 (2, Z, K, S): similar and different, sizes, TRANSFERS, seeds; NaN where not measured yet.
    `seconds` (2, Z, K) of one network, `parameters` (2, Z, K) trained, `sizes` (Z,), `chance` (2,). values:
    `<likeness>.<size>.<strategy>`, held-out accuracy.
    """
    sizes, seeds = settings.each_size, list(settings.each_seed)
    shape = (len(LIKENESSES), len(sizes), len(TRANSFERS))
    accuracy = np.full((*shape, len(seeds)), np.nan, np.float32)
    arrays = {"accuracy": accuracy, "seconds": np.full(shape, np.nan, np.float32), "parameters": np.zeros(shape, np.int32)}
    arrays |= {"sizes": np.array(sizes, np.int32), "chance": np.zeros(2, np.float32)}
    done, cells = 0, len(LIKENESSES) * len(sizes) * len(TRANSFERS)
    for row, pair in enumerate((settings.similar, settings.different)):
        source, _, _ = target_of(pair, 1, seeds)
        networks = source_networks(settings, source, part(tell, done / cells, (done + 1) / cells))
        for column, size in enumerate(sizes):
            _, side, target = target_of(pair, size, seeds)
            arrays["chance"][row] = 1 / len(side.classes)
            for place, strategy in enumerate(plan_of(settings.depth, settings.epochs(len(target.rows[0])))):
                one = lane(strategy, settings, networks, len(side.classes), target)
                while not one.done:
                    one.advance()
                    tell(done / cells, lambda: _study(settings, arrays).answer())
                accuracy[row, column, place] = one.accuracy[-1]
                arrays["seconds"][row, column, place] = one.seconds[-1]
                arrays["parameters"][row, column, place] = one.trained
                done += 1
    return _study(settings, arrays)


def _study(settings: Quadrant, arrays: Mapping[str, np.ndarray]) -> Study:
    values: dict[str, Sequence[float]] = {}
    for row, likeness in enumerate(LIKENESSES):
        for column, size in enumerate(settings.each_size):
            for place, name in enumerate(TRANSFERS):
                found = arrays["accuracy"][row, column, place]
                if np.isfinite(found).all():
                    values[f"{likeness}.{size}.{name}"] = found.astype(float).tolist()
    kept = {name: array.copy() for name, array in arrays.items()}
    return finished("quadrant", settings, values, kept, list(_findings(arrays["accuracy"], settings.each_size)), ())


def corners(sizes: Sequence[int]) -> tuple[int, int]:
    """Places of the sizes at which few and many labels are told: the nearest to EXAMPLES, by ratio."""
    few, many = (int(np.argmin(np.abs(np.log(np.array(sizes) / one)))) for one in EXAMPLES)
    return few, many if many != few else len(sizes) - 1


def _findings(accuracy: np.ndarray, sizes: Sequence[int]) -> Iterator[Finding]:
    """For each corner the lecture's advice against the best other strategy; then against from scratch, and per-layer rates."""
    places = corners(sizes)
    whole = [(row, place) for row in range(2) for place in places if np.isfinite(accuracy[row, place]).all()]
    for row, place in whole:
        found = cell(accuracy[row, place], advised(sizes[place], LIKENESSES[row]))
        yield finding(f"quadrant.advice.{LIKENESSES[row]}", found.effect, labels=sizes[place], other=found.other)
    for row, place in whole:
        likeness = LIKENESSES[row]
        own, base = (accuracy[row, place, TRANSFERS.index(name)] for name in (advised(sizes[place], likeness), BASE))
        yield finding(f"quadrant.scratch.{likeness}", difference(own, base), labels=sizes[place])
    for row, place in whole:
        own, base = (accuracy[row, place, TRANSFERS.index(name)] for name in ("layer_rates", "all_layers"))
        yield finding(f"quadrant.rates.{LIKENESSES[row]}", difference(own, base), labels=sizes[place])


# ---- reading an answer ----


class Cell(NamedTuple):
    """One cell: the place in TRANSFERS of the advised strategy, of the best other one, and advised − other, paired by seed."""

    advice: int
    other: int
    effect: Interval

    @property
    def verdict(self) -> Literal["agrees", "among", "disagrees"]:
        """Whether the advice is the best beyond chance, not distinguishable from the best other, or beaten beyond chance. The
        other is chosen by its mean, so luck is on its side."""
        return {"higher": "agrees", "unclear": "among", "lower": "disagrees"}[self.effect.direction]  # type: ignore[return-value]


def advised(size: float, likeness: str) -> str:
    """What the lecture advises for so many labels a class."""
    return ADVICE["few" if size <= BORDER else "many", likeness]


def cell(accuracy: np.ndarray, advice: str) -> Cell:
    """accuracy (K, S) of TRANSFERS."""
    place = TRANSFERS.index(advice)
    means = accuracy.mean(axis=1)
    other = max((one for one in range(len(TRANSFERS)) if one != place), key=lambda one: means[one])
    return Cell(place, other, difference(accuracy[place], accuracy[other]))


class Advised(NamedTuple):
    """strategy: recommended. best: of highest mean within the budget. gap: best − recommended. lecture: what the lecture says.
    rows: (size, place in TRANSFERS, Interval of accuracy) of the cells it rests on, the best first for each size. asked: labels
    a class; outside: they lie outside the measured sizes."""

    strategy: str
    best: str
    gap: Interval
    lecture: str
    rows: tuple[tuple[int, int, Interval], ...]
    asked: float
    outside: bool


def advise(arrays: Mapping[str, np.ndarray], labels: int, classes: int, likeness: str, compute: Compute) -> Advised:
    """A strategy for somebody's own data, from the nearest measured cells (the two sizes around, or the one at the end).

    Of the strategies that the budget admits, the cheapest (fewest trained parameters) that the best one does not beat beyond
    chance in the nearest cell. Raises CannotAnswer for fewer labels than classes.
    """
    from replearn_core.properties.study import interval, within

    if labels < classes:
        raise pairs.refused("problem.fewer_than_classes", "labels", count=labels, classes=classes)
    sizes, row, asked = arrays["sizes"], LIKENESSES.index(likeness), labels / classes
    away = np.abs(np.log(sizes / asked))
    nearest = int(away.argmin())
    alone = asked <= sizes[0] or asked >= sizes[-1] or away[nearest] < 0.05
    around = [nearest] if alone else sorted(np.argsort(away, kind="stable")[:2])
    admitted = [TRANSFERS.index(name) for name in ALLOWED[compute]]
    found, spent = arrays["accuracy"][row, nearest], arrays["parameters"][row, nearest]  # (K, S), (K,)
    best = max(admitted, key=lambda one: float(found[one].mean()))
    close = [one for one in admitted if one == best or difference(found[best], found[one]).low <= 0]
    chosen = min(close, key=lambda one: (int(spent[one]), -float(found[one].mean())))
    gap = difference(found[best], found[chosen]) if chosen != best else Interval(0.0, 0.0, 0.0, found.shape[1])
    rows = tuple(
        (int(sizes[place]), one, within(interval(arrays["accuracy"][row, place, one])))
        for place in around
        for one in sorted(admitted, key=lambda one: -float(arrays["accuracy"][row, place, one].mean()))
    )
    outside = bool(asked < sizes[0] or asked > sizes[-1])
    return Advised(TRANSFERS[chosen], TRANSFERS[best], gap, advised(asked, likeness), rows, asked, outside)


def plain(told: Mapping[str, Any]) -> Quadrant:
    """The settings that an answer says it was made with. Raises InvalidExperiment."""
    return Quadrant.from_values(told["settings"])
