"""Yosinski et al. 2014 in kind: layers copied between two halves of the classes, frozen or fine-tuned, against none copied.

Their names: BnB has its first n layers from another network of its own half B, AnB from one of the other half A; + is fine-tuned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from replearn_core.papers.table import Expected, Row, Rows, Say, Settings, Table
from replearn_core.strategies import Phase, stage_patterns, tune

if TYPE_CHECKING:
    from torch import Tensor

    from replearn_core.datasets import Dataset
    from replearn_core.members import Members

DEPTH = 4
ANEW = 1_000_003  # added to a seed for weights that must not begin where the other half's began


class Halves(Settings):
    """per_class: labelled images of each class, in both halves. epochs: of every network."""

    seeds: Annotated[int, Field(ge=2, le=20)] = 5
    batch_size: Annotated[int, Field(ge=1, le=4_096)] = 32
    units: Annotated[int, Field(ge=1, le=2_048)] = 64
    per_class: Annotated[int, Field(ge=1, le=5_000)] = 300
    epochs: Annotated[int, Field(ge=1, le=500)] = 20
    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 1e-3


class Half(NamedTuple):
    """Each seed's own half of the classes. rows (S, n) of the training images; y (S, N) counts its classes from 0, others are 0;
    x_test (S, n', D), y_test (S, n')."""

    rows: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor


def run(settings: Any, data: Dataset, say: Say) -> Rows:
    """Rows `<own|other>_<frozen|tuned>`, measures 1 … DEPTH copied layers: held-out accuracy minus that of `base`, in points.
    base: its accuracy in %."""
    import torch

    from replearn_core.batches import flat

    assert data.y_train is not None and data.y_test is not None
    x, seeds = flat(data.x_train, torch.device("cpu")), list(settings.each_seed)
    a, b = halves_of(settings, data)
    classes = int(b.y.max()) + 1
    task_a = stack(settings, x.shape[1], classes, seeds)
    learned(settings, task_a, tune("other_half", settings.epochs, DEPTH, 0), x, a)
    base = stack(settings, x.shape[1], classes, [seed + ANEW for seed in seeds])
    reached = learned(settings, base, tune("base", settings.epochs, DEPTH, 0), x, b)
    say(f"  base: {reached.mean():.2f} %")
    found: dict[str, dict[str, tuple[float, ...]]] = {"base": {"accuracy": tuple(reached.tolist())}}
    for kind in ("frozen", "tuned"):
        for copied in range(1, DEPTH + 1):
            members = copies(settings, (base, task_a), copied)
            phase = tune(kind, settings.epochs, DEPTH, copied if kind == "frozen" else 0)
            gained = learned(settings, members, phase, x, b) - np.tile(reached, 2)
            for name, part in (("own", gained[: len(seeds)]), ("other", gained[len(seeds) :])):
                found.setdefault(f"{name}_{kind}", {})[str(copied)] = tuple(part.tolist())
                say(f"  {name}_{kind}, {copied} layers: {part.mean():+.2f} points")
    return found


def halves_of(settings: Halves, data: Dataset) -> tuple[Half, Half]:
    """The two halves of the classes as each seed draws them. The odd class of an odd number is in neither."""
    import torch

    from replearn_core.batches import flat

    assert data.y_train is not None and data.y_test is not None
    y, y_test, x_test = np.asarray(data.y_train), np.asarray(data.y_test), flat(data.x_test, torch.device("cpu"))
    count = (int(y.max()) + 1) // 2
    halves = []
    for side in range(2):
        rows, labels, tested = [], [], []
        for seed in settings.each_seed:
            random = np.random.default_rng([seed, 29])
            chosen = random.permutation(int(y.max()) + 1)[side * count : (side + 1) * count]
            place = np.zeros(int(y.max()) + 1, np.int64)
            place[chosen] = np.arange(count)
            rows.append(np.concatenate([random.permutation(np.flatnonzero(y == one))[: settings.per_class] for one in chosen]))
            labels.append(place[y])
            tested.append((np.flatnonzero(np.isin(y_test, chosen)), place[y_test]))
        least, fewest = min(map(len, rows)), min(len(some) for some, _ in tested)  # stacks are rectangular
        held_out = np.stack([some[:fewest] for some, _ in tested])
        y_held_out = np.stack([place[some[:fewest]] for some, place in tested])
        mixed = [np.random.default_rng([seed, 31]).permutation(one)[:least] for seed, one in zip(settings.each_seed, rows)]
        tensors = (torch.from_numpy(one) for one in (np.stack(mixed), np.stack(labels), held_out, y_held_out))
        drawn, own, shown, told = tensors
        halves.append(Half(drawn, own, x_test[shown], told))
    return halves[0], halves[1]


def stack(settings: Halves, size: int, classes: int, seeds: list[int]) -> Members:
    from replearn_core.members import Blueprint, Members

    return Members(Blueprint((size, *[settings.units] * DEPTH), classes, "relu", "he"), seeds)


def copies(settings: Halves, donors: tuple[Members, ...], copied: int) -> Members:
    """All seeds of each donor in one stack: its first layers, and above them weights that begin anew, alike for every donor."""
    shape = donors[0].blueprint
    anew = [seed + 2 * ANEW for _ in donors for seed in settings.each_seed]
    members = stack(settings, shape.sizes[0], shape.classes, anew)
    for place in range(len(members)):
        donor, seed = donors[place // settings.seeds], place % settings.seeds
        members.put(donor.state(seed), stage_patterns(range(copied)), (place,))
    return members


def learned(settings: Halves, members: Members, phase: Phase, x: Tensor, half: Half) -> np.ndarray:
    """(M,) held-out accuracy in % after one phase on each seed's own half."""
    from replearn_core.supervised import evaluate, learn

    times = len(members) // settings.seeds
    y, rows = half.y.repeat(times, 1), half.rows.repeat(times, 1)
    options: dict[str, Any] = {"batch_size": settings.batch_size, "learning_rate": settings.learning_rate}
    for _ in learn(members, (phase,), x, y, seeds=list(settings.each_seed) * times, labelled=rows, **options):
        pass
    return 100 * (1 - evaluate(members, half.x_test.repeat(times, 1, 1), half.y_test.repeat(times, 1))[1])


TABLE = Table(
    "halves",
    "Yosinski, Clune, Bengio & Lipson 2014, NIPS",
    tuple(str(copied) for copied in range(1, DEPTH + 1)),
    (
        Row("own_frozen"),
        Row("own_tuned"),
        Row("other_frozen"),
        Row("other_tuned", {str(copied): (1.6, 2.1) for copied in range(1, DEPTH + 1)}),
    ),
    (
        Expected("first_free", "other_frozen", "1", "higher", than=-1.0),
        Expected("deeper_costs", "other_frozen", str(DEPTH), "lower", "other_frozen", "1"),
        Expected("tuned_gains", "other_tuned", str(DEPTH), "higher"),
        Expected("own_dips", "own_frozen", str(DEPTH // 2), "lower", "own_frozen", "1"),
    ),
    Halves(),
    run,
)
