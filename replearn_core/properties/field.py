"""The arrows of a denoising autoencoder: does g(f(x)) − x point to the data? (claim C8). A worker calls `run_field(settings)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from replearn_core.experiment import Experiment
from replearn_core.properties.study import (
    Settings,
    Study,
    Tell,
    decoded,
    difference,
    encoded,
    finding,
    finished,
    gaussian,
    interval,
    part,
    silent,
    trained,
)

if TYPE_CHECKING:
    from replearn_core.networks import Autoencoder

KINDS = ("plain", "denoising")
GRID = 24
NEAR, FAR = 0.03, 0.15  # distances from the data, in units of x, between which arrows are judged
PATHS, LENGTH, RATE = 40, 25, 0.3


class DenoisingField(Settings):
    """noise: σ of the Gaussian corruption, in units of x, whose longest axis is 0.9."""

    dataset: Literal["spirals", "moons"] = "moons"
    noise: Annotated[float, Field(ge=0.005, le=0.5)] = 0.08
    hidden: Annotated[int, Field(ge=4, le=256)] = 64
    epochs: Annotated[int, Field(ge=1, le=500)] = 60


def run_field(settings: DenoisingField, *, tell: Tell = silent) -> Study:
    """Two autoencoders that differ in their corruption only, on points of the plane, and the arrows g(f(x)) − x of each.

    The code is wider than the plane, so nothing but the corruption keeps the network from copying.
    values, for plain and denoising: `<kind>.cosine`, mean cosine between the arrow and the way to the nearest training point,
    over places of the grid that are 0.03 … 0.15 from the data; `<kind>.nearer`, share of them that one arrow brings nearer;
    `<kind>.left`, distance from the data after 25 steps of 0.3 arrows, over that before. `<kind>.length`: mean arrow.
    arrays: `grid` (576, 2), `<kind>.arrows` (576, 2), `<kind>.paths` (40, 26, 2) for the first seed; `points` (300, 2).
    """
    from replearn_core.datasets import load

    data = load(settings.dataset)
    places = (np.arange(GRID) + 0.5) / GRID
    grid = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2).astype(np.float32)
    away, to = nearest_point(grid, data.x_train)
    judged = (away > NEAR) & (away < FAR)
    values: dict[str, list[float]] = {}
    arrays: dict[str, np.ndarray] = {"grid": grid, "points": data.x_train[:300]}
    runs: list[str] = []
    total = len(KINDS) * settings.seeds
    for seed in settings.each_seed:
        for kind in KINDS:
            experiment = experiment_of(settings, kind, seed)
            network = trained(experiment, data, part(tell, len(runs) / total, (len(runs) + 1) / total))
            runs.append(experiment.id)
            arrow = arrows(network, grid)
            after = nearest_point((grid + arrow)[judged], data.x_train)[0]
            begun = grid[judged]
            ways = walk(network, begun)
            values.setdefault(f"{kind}.cosine", []).append(float(cosines(arrow, to - grid)[judged].mean()))
            values.setdefault(f"{kind}.nearer", []).append(float((after < away[judged]).mean()))
            left = nearest_point(ways[:, -1], data.x_train)[0].mean() / away[judged].mean()
            values.setdefault(f"{kind}.left", []).append(float(left))
            values.setdefault(f"{kind}.length", []).append(float(np.linalg.norm(arrow[judged], axis=1).mean()))
            if seed == settings.first_seed:
                arrays |= {f"{kind}.arrows": arrow, f"{kind}.paths": ways[:: max(1, len(ways) // PATHS)][:PATHS]}
    findings = (
        finding("field.points_to_the_data", interval(values["denoising.cosine"])),
        finding("field.denoising_against_plain", difference(values["denoising.cosine"], values["plain.cosine"])),
        finding("field.comes_nearer", interval(1 - np.array(values["denoising.left"]))),
    )
    return finished("field", settings, values, arrays, findings, runs)


def experiment_of(settings: DenoisingField, kind: str, seed: int) -> Experiment:
    fields: dict[str, Any] = {
        "dataset": settings.dataset,
        "hidden": (settings.hidden,),
        "activation": "tanh",
        "code": "tanh",
        "code_size": settings.hidden,
        "epochs": settings.epochs,
        "seed": seed,
    }
    if kind == "denoising":
        fields |= gaussian(settings.noise)
    return Experiment.from_values(fields)


def arrows(network: Autoencoder, x: np.ndarray) -> np.ndarray:
    """g(f(x)) − x of points (N, D): near σ² ∇ log p(x) for a denoising autoencoder (Alain & Bengio 2014, JMLR 15)."""
    return (decoded(network, encoded(network, x)) - x).astype(np.float32)


def walk(network: Autoencoder, x: np.ndarray) -> np.ndarray:
    """(N, LENGTH + 1, D): points that follow the arrows, RATE of an arrow at a time."""
    ways = [x]
    for _ in range(LENGTH):
        ways.append(ways[-1] + RATE * arrows(network, ways[-1]))
    return np.stack(ways, axis=1).astype(np.float32)


def nearest_point(x: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(distance (N,), the nearest of `points` (N, D)) for each x (N, D)."""
    from scipy.spatial import cKDTree

    distance, row = cKDTree(points).query(x)
    return distance, points[row]


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N,) cosine of the angle between rows; 0 where one of them is zero."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(axis=1) / np.where(norms > 0, norms, 1)
