"""Layer transfer: copy the first k layers, frozen or fine-tuned, to the same and to another task (Yosinski et al. 2014).

Called by a worker: `run_layers(settings)`. Their names: BnB a network of task B whose first k layers are copied from another
network of B (selffer) and frozen, BnB+ fine-tuned; AnB and AnB+ with layers from a network of task A (transfer).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from replearn_core.comparisons import pairs
from replearn_core.comparisons.transfer import (
    BATCH,
    FRESH,
    Nets,
    Target,
    copied,
    copied_patterns,
    dataset_of,
    source_networks,
    target_of,
    watched,
)
from replearn_core.options import checked, refusal
from replearn_core.properties.study import Finding, Study, Tell, difference, finding, finished, part, silent
from replearn_core.strategies import Phase, tune

if TYPE_CHECKING:
    from replearn_core.members import Members

KINDS = ("selffer_frozen", "selffer_tuned", "transfer_frozen", "transfer_tuned")


class Layers(Nets):
    """per_class: labelled images of each target class; the base networks of B and all others train on the same ones."""

    pair: Annotated[str, pairs.PAIR] = "letters_letters"
    per_class: Annotated[int, Field(ge=1, le=pairs.MOST_LABELS)] = 100
    epochs: Annotated[int, Field(ge=2, le=200)] = 30

    @field_validator("pair")
    @classmethod
    def _offered(cls, value: str) -> str:
        return str(checked(pairs.PAIR, value))

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        limit = pairs.about(pairs.pair_of(self.pair).target).most
        if self.per_class > limit:
            raise refusal("problem.few_in_class", "per_class", value=self.per_class, limit=limit)
        return self

    def subject(self) -> tuple[str, int | None]:
        return dataset_of(self.pair), 1_000

    def seconds(self) -> float:
        samples = self.per_class * len(pairs.about(pairs.pair_of(self.pair).target).classes)
        return 6 + (1 + 3.5 * self.depth) * self.work(samples, self.epochs)


def run_layers(settings: Layers, *, tell: Tell = silent) -> Study:
    """Held-out accuracy on B for each number of copied layers, and of the base networks that copy nothing.

    values: `base`, and `<kind>.<k>` for KINDS and k = 1 … depth. arrays: `curves` float32 (4, S, depth + 1), base at k = 0, NaN
    where not measured yet; `copied` (depth + 1,); `chance` (1,).
    """
    seeds, depth = list(settings.each_seed), settings.depth
    source, side, target = target_of(settings.pair, settings.per_class, seeds)
    classes, recipe = len(side.classes), settings.recipe
    task_a = source_networks(settings, source, part(tell, 0.0, 0.1))
    curves = np.full((len(KINDS), len(seeds), depth + 1), np.nan, np.float32)
    chance = 1 / classes

    def so_far() -> tuple[dict[str, np.ndarray], dict[str, float]]:
        return _study(settings, curves, chance).answer()

    task_b = copied(task_a, recipe, classes, 0)  # base B: other first weights than A's
    curves[:, :, 0] = accuracy_after(
        task_b, tune("base", settings.epochs, depth, 0), settings, target, seeds, part(tell, 0.1, 0.2)
    )
    tell(0.2, so_far)
    for half, (name, tuned) in enumerate((("upper_layers", 0), ("everything", 1))):
        for k in range(depth, 0, -1):
            begins = 0.2 + 0.4 * half + 0.4 * (depth - k) / depth
            phase = tune(name, settings.epochs, depth, 0 if tuned else k)
            stack = copies(settings, (task_b, task_a), classes, k)
            found = accuracy_after(stack, phase, settings, target, seeds * 2, part(tell, begins, begins + 0.4 / depth))
            curves[tuned, :, k], curves[2 + tuned, :, k] = found[: len(seeds)], found[len(seeds) :]
            tell(begins + 0.4 / depth, so_far)
    return _study(settings, curves, chance)


def copies(settings: Layers, donors: Sequence[Members], classes: int, k: int) -> Members:
    """One stack: for each donor, all seeds, its first k layers. What is not copied begins anew, apart from the donors' own
    beginnings, and alike for every donor."""
    from replearn_core.members import Members

    recipe, seeds = settings.recipe, list(settings.each_seed)
    stack = Members(recipe.blueprint(classes), [seed + 2 * FRESH for _ in donors for seed in seeds])
    for place in range(len(stack)):
        donor, seed = donors[place // len(seeds)], place % len(seeds)
        stack.put(donor.state(seed), copied_patterns(recipe, k), [place])
    return stack


def accuracy_after(
    stack: Members, phase: Phase, settings: Layers, target: Target, seeds: Sequence[int], tell: Tell = silent
) -> np.ndarray:
    """(M,) held-out accuracy of a stack after one phase; seeds: of labelled rows, order and noise, one a member."""
    from replearn_core.supervised import evaluate, learn

    rows = target.rows.repeat(len(seeds) // len(target.rows), 1)  # (M, n)
    options: dict[str, Any] = {"seeds": seeds, "labelled": rows, "batch_size": BATCH, "learning_rate": settings.learning_rate}
    for moment in watched(learn(stack, (phase,), target.x, target.y, **options)):
        tell(moment.epoch / phase.epochs)
    return 1 - evaluate(stack, target.x_test, target.y_test)[1]


def _study(settings: Layers, curves: np.ndarray, chance: float) -> Study:
    values: dict[str, list[float]] = {}
    if np.isfinite(curves[0, :, 0]).all():
        values["base"] = curves[0, :, 0].astype(float).tolist()
    for row, kind in enumerate(KINDS):
        for k in range(1, settings.depth + 1):
            if np.isfinite(curves[row, :, k]).all():
                values[f"{kind}.{k}"] = curves[row, :, k].astype(float).tolist()
    arrays: dict[str, np.ndarray] = {
        "curves": curves.copy(),
        "copied": np.arange(settings.depth + 1, dtype=np.int32),
        "chance": np.array([chance], np.float32),
    }
    return finished("layers", settings, values, arrays, _findings(values, settings.depth), ())


def _findings(values: dict[str, list[float]], depth: int) -> list[Finding]:
    """The lowest against the highest layers frozen on another task first, then each end against the base."""
    found: list[Finding] = []

    def compare(name: str, one: str, other: str, **numbers: float) -> None:
        if one in values and other in values:
            found.append(finding(f"layers.{name}", difference(values[one], values[other]), **numbers))

    compare("general", "transfer_frozen.1", f"transfer_frozen.{depth}", k=depth)
    compare("first", "transfer_frozen.1", "base", k=1)
    compare("all", f"transfer_frozen.{depth}", "base", k=depth)
    compare("tuned", f"transfer_tuned.{depth}", "base", k=depth)
    compare("selffer_tuned", f"selffer_tuned.{depth}", "base", k=depth)
    for k in range(1, depth + 1):
        compare("co_adapted", f"selffer_frozen.{k}", "base", k=k)
    for k in range(1, depth + 1):
        compare("specific", f"transfer_frozen.{k}", f"selffer_frozen.{k}", k=k)
    return found
