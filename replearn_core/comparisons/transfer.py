"""Transfer strategies in a race on one target task: accuracy against time, epochs and trained parameters, and what is forgotten.

Called by a worker: `run_race(settings)`. The seeds of a strategy are one stack of networks; strategies take turns, so that
their curves grow side by side. A seed gives every strategy the same labelled images, batches and first weights.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from replearn_core import catalog, datasets
from replearn_core.comparisons import pairs, sources
from replearn_core.options import Numbers, Several, checked, refusal
from replearn_core.properties.study import Finding, Settings, Study, Tell, difference, finding, finished, part, silent
from replearn_core.strategies import TRANSFERS, Transfer, stage_patterns, transfers

if TYPE_CHECKING:
    from torch import Tensor

    from replearn_core.members import Members
    from replearn_core.supervised import Moment

BATCH = 32
FRESH = 1_000_003  # added to a seed for what begins anew: with the source's own seed it would begin where the source began
MOMENTS = 24  # of a curve, about
WATCHED = 500  # held-out images of a curve's points; the last one is measured on all
SVM_MOST = 5_000  # labelled images: a kernel matrix grows with their square
BASE = "from_scratch"  # what all others are compared with; it always runs
STEP_SECONDS = 1.3e-4  # of one network's training step, on one thread of a small machine: a figure for queues


class Nets(Settings):
    """What the transfer studies share: the networks and where the source's weights come from.

    source: "shipped" takes the weights that came with the app, "trained" trains new ones for `source_epochs`. Seeds and source
    tasks for which nothing is shipped are trained in any case.
    """

    learning_rate: Annotated[float, Field(ge=1e-5, le=0.1)] = 1e-3
    depth: Annotated[int, Field(ge=2, le=6)] = 4
    width: Annotated[int, Field(ge=8, le=256)] = 64
    batch_norm: Literal["off", "on"] = "off"
    dropout: Annotated[float, Field(ge=0, le=0.8)] = 0.0
    source: Literal["shipped", "trained"] = "shipped"
    source_epochs: Annotated[int, Field(ge=1, le=100)] = 30

    @property
    def recipe(self) -> sources.Recipe:
        return sources.Recipe(self.depth, self.width, self.batch_norm == "on", self.dropout, self.source_epochs)

    def work(self, samples: int, epochs: float) -> float:
        """Estimated seconds of training all seeds of one strategy."""
        size = (pairs.SIZE * self.width + (self.depth - 1) * self.width**2) / 28_672
        return self.seeds * epochs * -(-samples // BATCH) * STEP_SECONDS * (0.5 + 0.5 * size)


class Race(Nets):
    """per_class: labelled images of each target class. last: how many layers `last_layers` tunes. early: the level that the SVM
    reads. factors: learning-rate factors for `layer_rates`, one a layer from the input on and one for the classifier; "" for
    η_{l−1} = η_l / 2.6."""

    pair: Annotated[str, pairs.PAIR] = "letters_letters"
    per_class: Annotated[int, Field(ge=1, le=pairs.MOST_LABELS)] = 10
    strategies: Annotated[str, Several(TRANSFERS)] = ",".join(TRANSFERS)
    epochs: Annotated[int, Field(ge=2, le=300)] = 60
    last: Annotated[int, Field(ge=1, le=6)] = 1
    early: Annotated[int, Field(ge=1, le=6)] = 1
    factors: Annotated[str, Numbers(0, 10, 7)] = ""

    @field_validator("pair")
    @classmethod
    def _offered(cls, value: str) -> str:
        return str(checked(pairs.PAIR, value))

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        labelled = self.per_class * len(pairs.about(pairs.pair_of(self.pair).target).classes)
        for name in ("last", "early"):
            if getattr(self, name) > self.depth:
                raise refusal("problem.out_of_range", name, value=getattr(self, name), low=1, high=self.depth)
        if self.factors and self.factors.count(",") != self.depth:
            raise refusal("problem.factors", "factors", value=self.factors.count(",") + 1, expected=self.depth + 1)
        limit = pairs.about(pairs.pair_of(self.pair).target).most
        if self.per_class > limit:
            raise refusal("problem.few_in_class", "per_class", value=self.per_class, limit=limit)
        if "early_svm" in self.raced and labelled > SVM_MOST:
            raise refusal("problem.svm_too_many", "per_class", value=labelled, limit=SVM_MOST)
        return self

    @property
    def raced(self) -> tuple[str, ...]:
        """Who runs, in the order of TRANSFERS."""
        chosen = self.strategies.split(",")
        return tuple(name for name in TRANSFERS if name in chosen or name == BASE)

    def subject(self) -> tuple[str, int | None]:
        """(data set, samples) that the engine looks for before it begins."""
        return dataset_of(self.pair), 1_000

    def seconds(self) -> float:
        samples = self.per_class * len(pairs.about(pairs.pair_of(self.pair).target).classes)
        return 4 + 1.5 * len(self.raced) + len(self.raced) * self.work(samples, self.epochs)

    def plan(self) -> tuple[Transfer, ...]:
        """The strategies that run, as data."""
        return plan_of(self.depth, self.epochs, self.raced, self.last, self.early, self.factors)


def plan_of(
    depth: int, epochs: int, names: Sequence[str] = TRANSFERS, last: int = 1, early: int = 1, factors: str = ""
) -> tuple[Transfer, ...]:
    """Some of the strategies by name. factors: as `Race.factors`."""
    drawn = tuple(float(one) for one in factors.split(",")) if factors else ()
    known = transfers(depth, epochs, last=last, early=early, factors=drawn)
    return tuple(known[name] for name in names)


def dataset_of(pair: str) -> str:
    """What the engine looks for: a data set of the pair that is not here, a visitor's own, a real one; else the digits, which
    always are."""
    own = [name for name in pairs.pair_of(pair).datasets if catalog.is_own(name)]
    real = [name for name in pairs.pair_of(pair).datasets if datasets.expected_files(name)]
    return (*pairs.missing(pair), *own, *real, "digits")[0]


# ---- the source ----


def source_networks(settings: Nets, side: pairs.Side, tell: Tell) -> Members:
    """The networks of all seeds, trained on the source task: shipped ones where they are asked for and there, others trained."""
    seeds, recipe = list(settings.each_seed), settings.recipe
    here = settings.source == "shipped" and sources.path_of(side.name).is_file()
    kept = [seed for seed in seeds if here and seed in sources.SEEDS]
    rest = [seed for seed in seeds if seed not in kept]
    parts = [sources.loaded(side.name, recipe, kept)] if kept else []
    if rest:
        members, moments = sources.training(side, recipe, rest)
        for moment in watched(moments):
            tell(moment.epoch / recipe.epochs)
        parts.append(members)
    return sources.merged(parts, seeds)


def watched(moments: Iterator[Moment]) -> Iterator[Moment]:
    """The same moments; a loss that is not finite becomes a refusal that names the knob."""
    try:
        yield from moments
    except FloatingPointError as error:
        raise pairs.refused("problem.transfer_diverged", "learning_rate") from error


# ---- one strategy ----


@dataclass(eq=False)
class Lane:
    """One strategy on its way, with all its seeds. Curves: one entry a recorded moment; seconds count this lane's own work, for
    one network of the stack."""

    strategy: Transfer
    members: Members
    source: Members
    target: Target
    moments: Iterator[Moment]
    epochs: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    accuracy: list[np.ndarray] = field(default_factory=list)  # (S,) each
    kept: list[np.ndarray] = field(default_factory=list)  # (S,) accuracy on the source task, where the source was copied whole
    trained: int = 0  # parameters of one network, at most
    spent: float = 0.0
    done: bool = False

    def advance(self) -> None:
        """Work until the next recorded moment."""
        if self.strategy.svm is not None:
            self._svm(self.strategy.svm)
            return
        began = time.perf_counter()
        moment = next(self.moments, None)
        self.spent += time.perf_counter() - began
        if moment is None:
            self.done = True
            self._look(self.epochs[-1], None)
            return
        self.trained = max(self.trained, moment.trained)
        if not self.epochs or moment.epoch > self.epochs[-1]:
            self._look(moment.epoch, WATCHED)

    def _look(self, epoch: float, count: int | None) -> None:
        """Held-out accuracy now; without a count on all images, in place of the last entry."""
        from replearn_core.supervised import evaluate

        if count is None:
            for curve in (self.epochs, self.seconds, self.accuracy, self.kept):
                del curve[-1:]
        self.epochs.append(epoch)
        self.seconds.append(self.spent / len(self.members))
        self.accuracy.append(1 - evaluate(self.members, self.target.x_test[:count], self.target.y_test[:count])[1])
        if self.strategy.copied == self.source.blueprint.levels:
            probe = as_source(self.members, self.source)
            self.kept.append(1 - evaluate(probe, self.target.x_source[:count], self.target.y_source[:count])[1])

    def _svm(self, level: int) -> None:
        began = time.perf_counter()
        found, self.trained = svm_accuracy(self.members, level, self.target)
        self.spent += time.perf_counter() - began
        self.epochs, self.seconds = [0.0], [self.spent / len(self.members)]
        self.accuracy, self.done = [found], True


@dataclass(frozen=True, eq=False)
class Target:
    """Tensors of a target task, with the labelled rows of each seed (S, n), and the source's held-out images."""

    x: Tensor
    y: Tensor
    rows: Tensor
    x_test: Tensor
    y_test: Tensor
    x_source: Tensor
    y_source: Tensor


def target_of(pair: str, per_class: int, seeds: Sequence[int]) -> tuple[pairs.Side, pairs.Side, Target]:
    """(source task, target task, tensors). Raises datasets.Unavailable, CannotAnswer."""
    import torch

    source = pairs.side(pairs.pair_of(pair).source)
    target = pairs.side(pairs.pair_of(pair).target, max(per_class, pairs.MOST_SOURCE))
    rows = np.stack([pairs.drawn(target.y_train, len(target.classes), per_class, seed) for seed in seeds])
    arrays = (target.x_train, target.y_train, rows, target.x_test, target.y_test, source.x_test, source.y_test)
    return source, target, Target(*(torch.from_numpy(one) for one in arrays))


def copied(source: Members, recipe: sources.Recipe, classes: int, layers: int) -> Members:
    """New networks, one a source network, whose lowest layers are copies of the source's."""
    from replearn_core.members import Members

    members = Members(recipe.blueprint(classes), [seed + FRESH for seed in source.seeds])
    for place in range(len(source) if layers else 0):
        members.put(source.state(place), copied_patterns(recipe, layers), [place])
    return members


def copied_patterns(recipe: sources.Recipe, layers: int) -> tuple[str, ...]:
    """Patterns of what is copied with the lowest layers: their weights, and what their normalisation has learned."""
    patterns = stage_patterns(range(layers))
    return patterns if recipe.batch_norm else tuple(one for one in patterns if one.startswith("encoder."))


def as_source(members: Members, source: Members) -> Members:
    """These networks' layers below the source's own classifiers, sharing their tensors: what is left of the source task."""
    from replearn_core.members import Members

    probe = Members(source.blueprint, source.seeds)
    probe.weights = {name: (source if name.startswith("head.") else members).weights[name] for name in probe.weights}
    probe.buffers = members.buffers
    return probe


def lane(strategy: Transfer, settings: Nets, source: Members, classes: int, target: Target) -> Lane:
    """A strategy at its start."""
    from replearn_core.comparisons.heads import alone, learn_head
    from replearn_core.supervised import learn

    members = copied(source, settings.recipe, classes, strategy.copied)
    every = max(1, sum(phase.epochs for phase in strategy.phases) // MOMENTS)
    options: dict[str, Any] = {"seeds": source.seeds, "labelled": target.rows, "batch_size": BATCH}
    options["learning_rate"] = settings.learning_rate
    if alone(strategy.phases, settings.depth):
        moments = learn_head(members, strategy.phases[0], target.x, target.y, every=every, **options)
    else:
        options["recorded"] = lambda phase, step, steps: step % (steps * every) == 0
        moments = learn(members, strategy.phases, target.x, target.y, **options)
    return Lane(strategy, members, source, target, watched(moments))


def svm_accuracy(members: Members, level: int, target: Target) -> tuple[np.ndarray, int]:
    """(held-out accuracy (S,), numbers that one SVM holds): a linear SVM, C = 1, on a level's features, standardised on the
    labelled images. Raises CannotAnswer beyond SVM_MOST labelled images."""
    from sklearn.svm import SVC

    from replearn_core.supervised import features, gathered

    labelled = target.rows.shape[1]
    if labelled > SVM_MOST:
        raise pairs.refused("problem.svm_too_many", "per_class", value=labelled, limit=SVM_MOST)
    train = features(members, gathered(target.x, target.rows), level).numpy()  # (S, n, h)
    test = features(members, target.x_test, level).numpy()
    found, size = [], 0
    for seed, rows in enumerate(target.rows):
        mean, spread = train[seed].mean(axis=0), train[seed].std(axis=0)
        scale = np.where(spread > 1e-3 * spread.max(), spread, np.inf)  # units that never change say nothing
        machine = SVC(kernel="linear", C=1.0).fit((train[seed] - mean) / scale, target.y[rows].numpy())
        found.append(machine.score((test[seed] - mean) / scale, target.y_test.numpy()))
        size = machine.coef_.size + machine.intercept_.size
    return np.array(found), size


# ---- the race ----


def run_race(settings: Race, *, tell: Tell = silent) -> Study:
    """Every chosen strategy on one target task, for all seeds.

    values: `<strategy>.accuracy` on all held-out images at the end, `<strategy>.kept` on the source task (where it was copied
    whole), `<strategy>.parameters` trained, `<strategy>.seconds` of one network; `source.accuracy` before transfer. arrays:
    `<strategy>.epochs` and `<strategy>.seconds` (T,), `<strategy>.curve` and `<strategy>.forgetting` (S, T); `chance` (1,).
    """
    from replearn_core.supervised import evaluate

    source, side, target = target_of(settings.pair, settings.per_class, list(settings.each_seed))
    networks = source_networks(settings, source, part(tell, 0.0, 0.4))
    before = 1 - evaluate(networks, target.x_source, target.y_source)[1]
    lanes = [lane(one, settings, networks, len(side.classes), target) for one in settings.plan()]
    going = list(lanes)
    while going:
        for one in going:
            one.advance()
            tell(0.4 + 0.6 * _share(lanes), lambda: _study(settings, lanes, before, len(side.classes)).answer())
        going = [one for one in going if not one.done]
    return _study(settings, lanes, before, len(side.classes))


def _share(lanes: Sequence[Lane]) -> float:
    """The share of all epochs that is done."""
    total = sum(sum(phase.epochs for phase in one.strategy.phases) for one in lanes)
    return sum(one.epochs[-1] if one.epochs and one.strategy.phases else 0 for one in lanes) / max(total, 1)


def _study(settings: Race, lanes: Sequence[Lane], before: np.ndarray, classes: int) -> Study:
    """What there is so far."""
    values: dict[str, list[float]] = {"source.accuracy": before.tolist()}
    arrays: dict[str, np.ndarray] = {"chance": np.array([1 / classes], np.float32)}
    for one in lanes:
        name = one.strategy.name
        if not one.accuracy:
            continue
        values |= {f"{name}.accuracy": one.accuracy[-1].tolist(), f"{name}.parameters": [float(one.trained)] * settings.seeds}
        values[f"{name}.seconds"] = [one.seconds[-1]] * settings.seeds
        arrays |= {f"{name}.epochs": np.array(one.epochs, np.float32), f"{name}.seconds": np.array(one.seconds, np.float32)}
        arrays[f"{name}.curve"] = np.stack(one.accuracy, axis=1).astype(np.float32)
        if one.kept:
            values[f"{name}.kept"] = one.kept[-1].tolist()
            arrays[f"{name}.forgetting"] = np.stack(one.kept, axis=1).astype(np.float32)
    return finished("race", settings, values, arrays, _findings(values, classes), ())


def _findings(values: Mapping[str, list[float]], classes: int) -> list[Finding]:
    """The best of the others against from scratch first, then each of them, per-layer rates, and what was forgotten."""
    base = values.get(f"{BASE}.accuracy")
    others = [name for name in TRANSFERS if name != BASE and f"{name}.accuracy" in values]
    if base is None or not others:
        lone = next((one for name, one in values.items() if name.endswith(".accuracy") and not name.startswith("source")), None)
        return [finding("race.chance", difference(lone, [1 / classes] * len(lone)))] if lone else []
    others.sort(key=lambda name: -float(np.mean(values[f"{name}.accuracy"])))
    found = [finding(f"race.{name}", difference(values[f"{name}.accuracy"], base)) for name in others]
    if {"layer_rates", "all_layers"} <= set(others):
        found.append(finding("race.rates", difference(values["layer_rates.accuracy"], values["all_layers.accuracy"])))
        found.append(finding("race.rates_kept", difference(values["layer_rates.kept"], values["all_layers.kept"])))
    source = values["source.accuracy"]
    return found + [
        finding(f"race.kept.{name}", difference(values[f"{name}.kept"], source)) for name in others if f"{name}.kept" in values
    ]
