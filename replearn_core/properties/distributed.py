"""What do n units tell apart? Lines against prototypes, and unseen combinations of causes (claim C4).

Called by a worker: `run_distributed(settings)`. Lines set by hand the page counts itself, with `measures.regions_of_lines`.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from replearn_core import measures
from replearn_core.experiment import Experiment
from replearn_core.properties.study import Settings, Study, Tell, as_pictures, difference, encoded, finding, part, silent, trained

CODES = ("one_hot", "binary", "real")
COUNTED_UNITS, COUNTED_DIMENSIONS = (1, 2, 4, 6, 8, 12, 16, 24, 32), (1, 2, 3, 4, 6)
POINTS = 5_000  # random points on which patterns are counted: a lower bound of the regions
QUERIES, NEIGHBOURS, SEARCHED, SEEKING = 6, 6, 2_000, 400
EVERY = 4  # one in so many pairs of levels is held out


class Distributed(Settings):
    """units: how many prototypes, and how many units of the distributed code. The rest: what is trained, and how long."""

    units: Annotated[int, Field(ge=2, le=128)] = 16
    hidden: Annotated[int, Field(ge=8, le=512)] = 64
    train_size: Annotated[int, Field(ge=500, le=10_000)] = 6_000
    epochs: Annotated[int, Field(ge=1, le=100)] = 8


def patterns_told_apart(units: int, dimension: int, seed: int, points: int = POINTS) -> tuple[int, int]:
    """(by hyperplanes, by prototypes): different codes that so many random points get from random units; at most the formula."""
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (points, dimension))
    normals, anchors = random.normal(size=(units, dimension)), random.uniform(-0.5, 0.5, (units, dimension))
    sides = x @ normals.T > (normals * anchors).sum(axis=1)  # (P, n)
    prototypes = random.uniform(-1, 1, (units, dimension))
    nearest = (np.square(prototypes).sum(axis=1) - 2 * x @ prototypes.T).argmin(axis=1)
    return len(np.unique(np.packbits(sides, axis=1), axis=0)), len(np.unique(nearest))


# ---- the study ----


def run_distributed(settings: Distributed, *, tell: Tell = silent) -> Study:
    """n units of three kinds on sprites: one-hot (nearest of n prototypes), and an autoencoder's n sigmoid units, binary and
    real.

    The codes are learned from all training pictures, without labels. A least-squares probe reads a factor off them; it is
    trained on pictures whose pair of levels (the factor's, another's) is among three of four, and tested on held-out pictures,
    of pairs that it saw and of pairs that it never saw.
    values: `<code>.seen`, `<code>.unseen` (accuracy, mean over factors), `<code>.patterns` (different codes among the held-out
    pictures; for real, binary's), `<code>.away` (how far the 6 nearest neighbours' factors are, share of their range) for
    one_hot, binary, real; `chance`, `random.away`; one_hot.tied: training pictures equally near.
    arrays: `count.units`, `count.dimensions`, `count.formula` (D, N) and for each seed `count.lines`, `count.prototypes` (S, D,
    N) on random points; `<code>.neighbours` uint8 (6, 7, H, W), a query and its neighbours; `<code>.by_factor` (S, F, 2), seen
    and unseen.
    """
    from replearn_core.datasets import load

    data = load("sprites", settings.train_size)
    assert data.factors_train is not None and data.factors_test is not None
    values: dict[str, list[float]] = {}
    arrays = counted(settings)
    by_factor: dict[str, list[np.ndarray]] = {code: [] for code in CODES}
    runs = []
    for place, seed in enumerate(settings.each_seed):
        experiment = experiment_of(settings, seed)
        network = trained(experiment, data, part(tell, place / settings.seeds, (place + 0.7) / settings.seeds))
        runs.append(experiment.id)
        train, test = codes_of(network, data.x_train, data.x_test, settings.units, seed)
        for code in CODES:
            read = unseen_combinations(train[code], data.factors_train, test[code], data.factors_test, seed)
            by_factor[code].append(read[:, :2])
            values.setdefault(f"{code}.seen", []).append(float(read[:, 0].mean()))
            values.setdefault(f"{code}.unseen", []).append(float(read[:, 1].mean()))
            values.setdefault(f"{code}.patterns", []).append(patterns(test["binary" if code == "real" else code]))
            near, ties = nearest(train[code][:SEARCHED], test[code][:SEEKING], seed)
            values.setdefault(f"{code}.away", []).append(away(data.factors_train[near], data.factors_test[:SEEKING]))
            if code == "one_hot":
                values.setdefault("one_hot.tied", []).append(ties)
            if seed == settings.first_seed:
                shown = np.concatenate([data.x_test[:QUERIES, None], data.x_train[near[:QUERIES]]], axis=1)
                arrays[f"{code}.neighbours"] = as_pictures(shown)
        drawn = np.random.default_rng(seed).integers(0, min(SEARCHED, len(data.x_train)), (SEEKING, NEIGHBOURS))
        values.setdefault("random.away", []).append(away(data.factors_train[drawn], data.factors_test[:SEEKING]))
        values.setdefault("chance", []).append(float(np.mean(1 / (data.factors_train.max(axis=0) + 1.0))))
        tell((place + 1) / settings.seeds)
    arrays |= {f"{code}.by_factor": np.array(one, np.float32) for code, one in by_factor.items()}
    return Study(
        "distributed", settings, {name: tuple(one) for name, one in values.items()}, arrays, _findings(values), tuple(runs)
    )


def experiment_of(settings: Distributed, seed: int) -> Experiment:
    return Experiment(
        dataset="sprites",
        train_size=settings.train_size,
        hidden=(settings.hidden,),
        code="sigmoid",
        code_size=settings.units,
        epochs=settings.epochs,
        learning_rate=4e-3,
        seed=seed,
    )


def counted(settings: Distributed) -> dict[str, np.ndarray]:
    """Regions by formula and codes counted on random points, for each number of units and dimensions."""
    grid = [[(n, d) for n in COUNTED_UNITS] for d in COUNTED_DIMENSIONS]
    seen = np.array([[[patterns_told_apart(n, d, seed) for n, d in row] for row in grid] for seed in settings.each_seed])
    return {
        "count.units": np.array(COUNTED_UNITS, np.int32),
        "count.dimensions": np.array(COUNTED_DIMENSIONS, np.int32),
        "count.formula": np.array([[float(measures.regions_of_hyperplanes(n, d)) for n, d in row] for row in grid]),
        "count.lines": seen[..., 0].astype(np.int32),
        "count.prototypes": seen[..., 1].astype(np.int32),
    }


def codes_of(network, x_train: np.ndarray, x_test: np.ndarray, units: int, seed: int):
    """Two mappings, training and test, from each of CODES to codes (N, units) float32.

    one_hot: k-means prototypes (Lloyd 1982) of the first 2,000 training pictures. binary: the real code above its training
    median.
    """
    from sklearn.cluster import KMeans

    flat_train, flat_test = x_train.reshape(len(x_train), -1), x_test.reshape(len(x_test), -1)
    prototypes = KMeans(units, n_init=1, max_iter=30, random_state=seed).fit(flat_train[:SEARCHED])
    real = encoded(network, x_train), encoded(network, x_test)
    middle = np.median(real[0], axis=0)
    cells = prototypes.predict(flat_train), prototypes.predict(flat_test)
    return tuple(
        {"one_hot": np.eye(units, dtype=np.float32)[cell], "binary": (code > middle).astype(np.float32), "real": code}
        for cell, code in zip(cells, real)
    )


def unseen_combinations(
    train: np.ndarray, train_factors: np.ndarray, test: np.ndarray, test_factors: np.ndarray, seed: int
) -> np.ndarray:
    """(F, 2): accuracy of a least-squares probe for each factor, on pairs of levels that it was trained on, and on others.

    The other factor of the pair is the next one; pairs with (level + other level + seed) divisible by EVERY are never trained
    on, so that every single level is. Ridge regression on one column a class, α = 1, codes standardised on the training
    pictures.
    """
    from sklearn.linear_model import RidgeClassifier

    mean, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
    train, test = (train - mean) / spread, (test - mean) / spread
    rows = []
    for factor in range(train_factors.shape[1]):
        hidden_train, hidden_test = (_held_out(factors, factor, seed) for factors in (train_factors, test_factors))
        probe = RidgeClassifier(alpha=1.0).fit(train[~hidden_train], train_factors[~hidden_train, factor])
        right = probe.predict(test) == test_factors[:, factor]
        rows.append((right[~hidden_test].mean(), right[hidden_test].mean()))
    return np.array(rows)


def _held_out(factors: np.ndarray, factor: int, seed: int) -> np.ndarray:
    other = (factor + 1) % factors.shape[1]
    return (factors[:, factor] + factors[:, other] + seed) % EVERY == 0


def patterns(codes: np.ndarray) -> float:
    """How many different codes there are."""
    return float(len(np.unique(codes, axis=0)))


def nearest(train: np.ndarray, test: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """Rows of the NEIGHBOURS nearest training codes of each test code (T, 6), ties broken by chance, and how many tie for
    first."""
    gaps = np.square(test).sum(axis=1)[:, None] - 2 * test @ train.T + np.square(train).sum(axis=1)  # (T, N)
    gaps = np.round(np.maximum(gaps, 0), 5)
    ties = float((gaps == gaps.min(axis=1, keepdims=True)).sum(axis=1).mean())
    order = np.random.default_rng(seed).permutation(train.shape[0])
    return order[np.argsort(gaps[:, order], axis=1, kind="stable")[:, :NEIGHBOURS]], ties


def away(neighbours: np.ndarray, factors: np.ndarray) -> float:
    """Mean distance of neighbours' factors (T, k, F) from one's own (T, F): levels over their range; a nominal shape is 0 or 1
    away."""
    gap = np.abs(neighbours - factors[:, None]).astype(np.float64)
    gap[..., 0] = gap[..., 0] > 0
    return float((gap / np.maximum([1, *factors[:, 1:].max(axis=0)], 1)).mean())


def _findings(values: dict[str, list[float]]):
    lost = {code: [seen - unseen for seen, unseen in zip(values[f"{code}.seen"], values[f"{code}.unseen"])] for code in CODES}
    means = {f"{code}_unseen": float(np.mean(values[f"{code}.unseen"])) for code in CODES}
    return (
        finding("distributed.unseen", difference(values["binary.unseen"], values["one_hot.unseen"]), **means),
        finding("distributed.lost", difference(lost["one_hot"], lost["binary"])),
        finding("distributed.real_against_binary", difference(values["real.unseen"], values["binary.unseen"])),
        finding("distributed.neighbours", difference(values["one_hot.away"], values["real.away"])),
        finding("distributed.patterns", difference(values["binary.patterns"], values["one_hot.patterns"])),
    )
