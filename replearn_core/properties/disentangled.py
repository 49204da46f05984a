"""Does one unit answer to one cause? Plain, variational and β-variational autoencoders on sprites, over seeds (claims C2, C3).

Called by a worker: `run_disentangled(settings)`. All scores are taken over the complete grid of factor combinations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from replearn_core import measures
from replearn_core.experiment import Experiment
from replearn_core.properties.study import (
    Settings,
    Study,
    Tell,
    as_pictures,
    decoded,
    difference,
    encoded,
    finding,
    part,
    silent,
    trained,
)

if TYPE_CHECKING:
    from replearn_core.datasets import Dataset
    from replearn_core.networks import Autoencoder

FAMILIES = ("plain", "vae", "beta")
SCORED = 1_000  # combinations behind DCI and the readings: forests are slow
TREES = 10  # of DCI's forests
LEAF = 5  # samples that a leaf of a reading tree has at least
BATCH = 32  # many steps on few pictures: what disentangles is steps
STEPS = 9  # pictures in a traversal strip
SPREAD = 2.0  # standard deviations to each side of the mean


class Disentangled(Settings):
    """beta: weight of the KL in nats against the summed error. code_size: units. The rest says how long is trained, on what."""

    dataset: Literal["sprites", "dsprites"] = "sprites"
    beta: Annotated[float, Field(ge=0, le=50)] = 15.0
    code_size: Annotated[int, Field(ge=2, le=16)] = 6
    hidden: Annotated[int, Field(ge=8, le=512)] = 64
    train_size: Annotated[int, Field(ge=200, le=40_000)] = 2_000
    epochs: Annotated[int, Field(ge=1, le=100)] = 10


class Grid(NamedTuple):
    """Every combination of factors: images (N, H, W) in the order of factors (N, F), the last factor fastest."""

    images: np.ndarray
    factors: np.ndarray
    names: tuple[str, ...]
    levels: tuple[int, ...]


def run_disentangled(settings: Disentangled, *, tell: Tell = silent) -> Study:
    """Train 3 × seeds networks and score them. Raises datasets.Unavailable.

    values: `<family>.<score>` for plain, vae, beta: mig, disentanglement, completeness, informativeness (DCI, random forest),
    sap, one_unit and all_units (held-out accuracy of a tree that reads a factor off its best unit, off all units; mean over
    factors), active (units that move at all), error (squared, per image).
    arrays, for the first seed: `<family>.traversal` uint8 (K, 9, H, W); `<family>.response` (K, F): share of a unit's variance
    when that factor alone is turned; `<family>.turn` (F, L, K): codes, in standard deviations, while one sprite's factor is
    turned; `turn.images` uint8 (F, L, H, W), short factors repeat their last level; for all seeds `<family>.information` (S, K,
    F).
    """
    from replearn_core.datasets import load

    data = load(settings.dataset, settings.train_size)
    grid = complete_grid(settings.dataset, data)
    values: dict[str, list[float]] = {}
    arrays: dict[str, np.ndarray] = {"turn.images": turned(grid, as_pictures(grid.images))}
    information: dict[str, list[np.ndarray]] = {family: [] for family in FAMILIES}
    runs: list[str] = []
    total = len(FAMILIES) * settings.seeds
    for seed in settings.each_seed:
        for family in FAMILIES:
            experiment = experiment_of(settings, family, seed)
            network = trained(experiment, data, part(tell, len(runs) / total, (len(runs) + 0.6) / total))
            codes = encoded(network, grid.images)
            for name, value in scores(codes, grid, seed).items():
                values.setdefault(f"{family}.{name}", []).append(value)
            values.setdefault(f"{family}.error", []).append(held_out_error(network, data))
            information[family].append(measures.factor_information(codes, grid.factors))
            if seed == settings.first_seed:
                arrays |= {f"{family}.{name}": array for name, array in pictures_of(network, codes, grid).items()}
            runs.append(experiment.id)
            tell(len(runs) / total)
    arrays |= {f"{family}.information": np.stack(one).astype(np.float32) for family, one in information.items()}
    return Study(
        "disentangled", settings, {name: tuple(one) for name, one in values.items()}, arrays, _findings(values), tuple(runs)
    )


def experiment_of(settings: Disentangled, family: str, seed: int) -> Experiment:
    """The same sizes for all three families; only the code and its penalty differ."""
    fields: dict[str, Any] = {
        "dataset": settings.dataset,
        "train_size": settings.train_size,
        "hidden": (settings.hidden,),
        "code_size": settings.code_size,
        "reconstruction": "cross_entropy",
        "epochs": settings.epochs,
        "batch_size": BATCH,
        "learning_rate": 3e-3,
        "seed": seed,
        "code": "linear",
    }
    if family != "plain":
        weight = settings.beta if family == "beta" else 1.0
        fields |= {"code": "gaussian", "penalties": ({"name": "gaussian_kl", "weight": weight},)}
    return Experiment.from_values(fields)


def complete_grid(name: str, data: Dataset) -> Grid:
    """Every combination of the data set's factors: drawn for our sprites, put in order for dSprites, whose excerpt is
    complete."""
    from replearn_core.datasets import sprites

    if name == "sprites":
        factors = sprites.grid()
        return Grid(sprites.render_levels(factors).astype(np.float32) / 255, factors, sprites.FACTORS, _levels(factors))
    from replearn_core.datasets import load

    whole = load(name)
    factors = np.concatenate([whole.factors_train, whole.factors_test])
    order = np.lexsort(factors.T[::-1])
    images = np.concatenate([whole.x_train, whole.x_test])[order]
    return Grid(images, factors[order], whole.factor_names, _levels(factors))


def _levels(factors: np.ndarray) -> tuple[int, ...]:
    return tuple(int(count) for count in factors.max(axis=0) + 1)


# ---- numbers ----


def scores(codes: np.ndarray, grid: Grid, seed: int) -> dict[str, float]:
    """MIG and SAP over the grid; DCI and the readings over SCORED of its combinations, drawn by the seed."""
    some = np.random.default_rng(seed).permutation(len(codes))[:SCORED]
    forest = measures.dci(codes[some], grid.factors[some], seed, TREES)
    one, every = readings(codes[some], grid.factors[some], seed)
    return {
        "mig": measures.mig(codes, grid.factors),
        "disentanglement": forest.disentanglement,
        "completeness": forest.completeness,
        "informativeness": forest.informativeness,
        "sap": measures.sap(codes[some], grid.factors[some], seed),
        "one_unit": one,
        "all_units": every,
        "active": float((codes.std(axis=0) > 0.1 * codes.std(axis=0).max()).sum()),
    }


def readings(codes: np.ndarray, factors: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """(off the best unit, off all units): held-out accuracy of the same learner, a tree with leaves of ≥ 5 samples; mean over
    factors.

    The best unit is the one that shares most information with the factor on the half that is fitted.
    """
    from sklearn.tree import DecisionTreeClassifier

    order = np.random.default_rng(seed).permutation(len(codes))
    fitted, held_out = order[: len(codes) // 2], order[len(codes) // 2 :]
    best = measures.factor_information(codes[fitted], factors[fitted]).argmax(axis=0)  # (F,)
    accuracies = []
    for column, factor in enumerate(factors.T):
        for x in (codes[:, [best[column]]], codes):
            tree = DecisionTreeClassifier(min_samples_leaf=LEAF, random_state=0).fit(x[fitted], factor[fitted])
            accuracies.append(tree.score(x[held_out], factor[held_out]))
    return float(np.mean(accuracies[::2])), float(np.mean(accuracies[1::2]))


def response(codes: np.ndarray, levels: tuple[int, ...]) -> np.ndarray:
    """(K, F): mean variance of a unit while factor j alone is turned, over the unit's whole variance.

    The total-effect index of Sobol (1993), exact over the complete grid. codes (N, K) in the grid's order. A unit that adds
    up separate causes has a row that sums to 1, a unit that mixes them has more; a constant unit has zeros.
    """
    if len(codes) != int(np.prod(levels)):
        raise ValueError(
            f"codes has {len(codes)} rows, a complete grid of {' × '.join(map(str, levels))} has {int(np.prod(levels))}"
        )
    whole = codes.astype(np.float64).var(axis=0)  # (K,)
    spread = codes.astype(np.float64).reshape(*levels, -1)
    turned_alone = [spread.var(axis=axis).reshape(-1, codes.shape[1]).mean(axis=0) for axis in range(len(levels))]
    return np.stack(turned_alone, axis=1) / np.where(whole > 0, whole, 1)[:, None]


def held_out_error(network: Autoencoder, data: Dataset) -> float:
    """Squared error per held-out image."""
    return measures.reconstruction_error(data.x_test, decoded(network, encoded(network, data.x_test)))


# ---- pictures ----


def pictures_of(network: Autoencoder, codes: np.ndarray, grid: Grid) -> dict[str, np.ndarray]:
    standardised = (codes - codes.mean(axis=0)) / np.maximum(codes.std(axis=0), 1e-9)
    return {
        "traversal": traversal(network, codes, _middle(grid)),
        "response": response(codes, grid.levels).astype(np.float32),
        "turn": turned(grid, standardised.astype(np.float32)),
    }


def traversal(network: Autoencoder, codes: np.ndarray, row: int) -> np.ndarray:
    """uint8 (K, STEPS, H, W): one sprite's code with one unit moved from mean − 2 to mean + 2 standard deviations."""
    units = codes.shape[1]
    moved = np.tile(codes[row], (units, STEPS, 1))
    mean, spread = codes.mean(axis=0), codes.std(axis=0)
    for unit in range(units):
        moved[unit, :, unit] = mean[unit] + spread[unit] * np.linspace(-SPREAD, SPREAD, STEPS)
    pictures = decoded(network, moved.reshape(-1, units))
    return as_pictures(pictures).reshape(units, STEPS, *pictures.shape[1:])


def turned(grid: Grid, rows: np.ndarray) -> np.ndarray:
    """(F, L, *): what `rows` (N, *), in the grid's order, says while one factor of the middle sprite is turned through its
    levels."""
    middle, most = np.unravel_index(_middle(grid), grid.levels), max(grid.levels)
    places = np.empty((len(grid.levels), most), np.int64)
    for factor, count in enumerate(grid.levels):
        for level in range(most):
            place = [int(one) for one in middle]
            place[factor] = min(level, count - 1)
            places[factor, level] = np.ravel_multi_index(place, grid.levels)
    return rows[places]


def _middle(grid: Grid) -> int:
    return int(np.ravel_multi_index([count // 2 for count in grid.levels], grid.levels))


def _findings(values: dict[str, list[float]]):
    beta, plain, vae = values["beta.mig"], values["plain.mig"], values["vae.mig"]
    overlap = float(min(beta) <= max(plain) and min(plain) <= max(beta))
    spans = {
        "beta_least": min(beta),
        "beta_most": max(beta),
        "plain_least": min(plain),
        "plain_most": max(plain),
        "overlap": overlap,
    }
    return (
        finding("disentangled.beta_against_plain", difference(beta, plain), **spans),
        finding("disentangled.beta_against_vae", difference(beta, vae)),
        finding("disentangled.price", difference(values["beta.error"], values["plain.error"])),
        finding("disentangled.one_unit", difference(values["beta.one_unit"], values["plain.one_unit"])),
        finding("disentangled.one_against_all", difference(values["beta.one_unit"], values["beta.all_units"])),
    )
