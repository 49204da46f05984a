"""Unrolling a surface: PCA, autoencoder and UMAP against the true coordinates; tangent planes; steps along and off (claim C8).

Called by a worker: `run_manifold(settings)`. The denoising field and the intrinsic dimensions have modules of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from replearn_core import measures
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
    part,
    silent,
    trained_all,
)

if TYPE_CHECKING:
    from replearn_core.datasets import Dataset
    from replearn_core.networks import Autoencoder

KINDS = ("autoencoder", "denoising")
MEASURED = 400  # points whose pairwise distances are compared
NEARBY = 12  # points that give a tangent plane
SHOWN_PLANES = 60
STEP = 0.05  # of a walk, in units of x, whose longest axis is 0.9


class Manifold(Settings):
    """size: points that UMAP and PCA lay out, drawn anew for each seed. hidden, epochs: of the autoencoder, whose code has 2
    units."""

    dataset: Literal["swiss_roll", "s_curve"] = "swiss_roll"
    hidden: Annotated[int, Field(ge=4, le=256)] = 64
    epochs: Annotated[int, Field(ge=1, le=1_000)] = 80
    size: Annotated[int, Field(ge=100, le=1_000)] = 600
    n_neighbors: Annotated[int, Field(ge=4, le=100)] = 12
    noise: Annotated[float, Field(ge=0.005, le=0.3)] = 0.05


def run_manifold(settings: Manifold, *, tell: Tell = silent) -> Study:
    """Three maps of the same points of a rolled-up plane, which lies in three dimensions and has two true coordinates.

    The autoencoder's code has two units. A second one, wide and denoising, shows tangents and steps: a narrow code may well
    not unroll.
    values: for pca, autoencoder, umap: `<method>.r2_first` and `.r2_second` (the true coordinate
    along and across, by a linear function of the map), `<method>.distance` (correlation of
    all distances on the map with the true ones, along the surface), `<method>.trustworthiness`, `<method>.continuity`;
    for pca, autoencoder, denoising: `.tangent`, degrees between the model's tangent plane and the surface's, mean largest angle
    (a random plane: 57); for autoencoder and denoising: `.along`, `.off`, how much of a step of 0.05 along the surface, and
    off it, is undone by g(f(x)); `.error`.
    arrays, for the first seed: `points` (n, 3), `truth` (n, 2), `<method>.map` (n, 2), `planes` (60, 2, 3) true tangents and
    `denoising.planes` at `planes.at` (60, 3); `<model>.rebuilt` (n, 3).
    """
    from replearn_core.datasets import load
    from replearn_core.projection import project

    data = load(settings.dataset)
    assert data.factors_test is not None
    values: dict[str, list[float]] = {}
    arrays: dict[str, np.ndarray] = {}
    runs = []
    for place, seed in enumerate(settings.each_seed):
        progress = part(tell, place / settings.seeds, (place + 1) / settings.seeds)
        experiments = {kind: experiment_of(settings, kind, seed) for kind in KINDS}
        networks = trained_all(experiments, data, part(progress, 0, 0.6))
        runs += [experiment.id for experiment in experiments.values()]
        rows = np.random.default_rng(seed).permutation(len(data.x_test))[: settings.size]
        x, truth = data.x_test[rows], data.factors_test[rows]
        umap = project(x, "umap", seed=seed, n_neighbors=settings.n_neighbors, on_progress=part(progress, 0.6, 0.95))
        maps = {"pca": project(x, "pca"), "autoencoder": encoded(networks["autoencoder"], x), "umap": umap}
        for method, points in maps.items():
            for name, value in agreement(points, truth).items():
                values.setdefault(f"{method}.{name}", []).append(value)
            values.setdefault(f"{method}.trustworthiness", []).append(measures.trustworthiness(x, points, 10))
            values.setdefault(f"{method}.continuity", []).append(measures.continuity(x, points, 10))
        planes = tangent_planes(data, x)
        learned = {kind: model_planes(network, x) for kind, network in networks.items()}
        values.setdefault("pca.tangent", []).append(float(plane_angles(planes, _pca_plane(x)).mean()))
        for kind, network in networks.items():
            rebuilt = decoded(network, encoded(network, x))
            along, off = undone(network, x, planes, seed)
            found = {"tangent": plane_angles(planes, learned[kind]).mean(), "along": along, "off": off}
            found["error"] = measures.reconstruction_error(x, rebuilt)
            for name, value in found.items():
                values.setdefault(f"{kind}.{name}", []).append(float(value))
            if seed == settings.first_seed:
                arrays[f"{kind}.rebuilt"] = rebuilt
        if seed == settings.first_seed:
            arrays |= {f"{method}.map": points.astype(np.float32) for method, points in maps.items()}
            arrays |= {"points": x, "truth": truth, "planes.at": x[:SHOWN_PLANES]}
            shown = {"planes": planes, "denoising.planes": learned["denoising"]}
            arrays |= {name: one[:SHOWN_PLANES].astype(np.float32) for name, one in shown.items()}
        progress(1.0)
    return finished("manifold", settings, values, arrays, _findings(values), runs)


def experiment_of(settings: Manifold, kind: str, seed: int) -> Experiment:
    fields: dict[str, Any] = {
        "dataset": settings.dataset,
        "hidden": (settings.hidden, settings.hidden),
        "activation": "tanh",
        "code": "linear",
        "code_size": 2,
        "epochs": settings.epochs,
        "batch_size": 64,
        "learning_rate": 4e-3,
        "seed": seed,
    }
    if kind == "denoising":
        fields |= {"hidden": (settings.hidden,), "code": "tanh", "code_size": settings.hidden}
        fields |= gaussian(settings.noise)
    return Experiment.from_values(fields)


# ---- against the true coordinates ----


def agreement(points: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """r2_first, r2_second: share of a true coordinate's variance that a linear function of the map explains, 0 … 1.
    distance: Pearson's correlation of the pairwise distances of MEASURED points. Maps are judged up to rotation and scale.

    points (N, 2), truth (N, F). ValueError: constant points or truth, NaN or Inf.
    """
    points, truth = measures.checks.matrix("points", points, samples=3), measures.checks.matrix("truth", truth, samples=3)
    measures.checks.same_samples(points=points, truth=truth)
    from scipy.spatial.distance import pdist

    x, y = (array.astype(np.float64) - array.mean(axis=0, dtype=np.float64) for array in (points, truth))
    if not (np.ptp(points, axis=0).any() and np.ptp(truth, axis=0).all()):
        raise ValueError("points or truth are constant: nothing to compare")
    x = x / x.std()
    fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    r2 = 1 - np.square(y - fitted).sum(axis=0) / np.square(y).sum(axis=0)
    near, true = pdist(x[:MEASURED]), pdist(y[:MEASURED])
    first, second = (float(value) for value in np.clip(r2[[0, -1]], 0, 1))
    return {"r2_first": first, "r2_second": second, "distance": float(np.corrcoef(near, true)[0, 1])}


# ---- tangent planes ----


def tangent_planes(data: Dataset, x: np.ndarray) -> np.ndarray:
    """The surface's own tangent planes at points x (n, D): orthonormal (n, F, D), from the nearest training points.

    Their positions are regressed on their true coordinates, with squares, which take up the curvature; the slope spans the
    plane.
    """
    from sklearn.neighbors import NearestNeighbors

    assert data.factors_train is not None
    near = NearestNeighbors(n_neighbors=NEARBY).fit(data.x_train).kneighbors(x, return_distance=False)  # (n, NEARBY)
    planes = []
    for point, rows in zip(x.astype(np.float64), near):
        offset = data.x_train[rows].astype(np.float64) - point
        t = data.factors_train[rows].astype(np.float64)
        t = t - t.mean(axis=0)
        design = np.hstack([np.ones((len(t), 1)), t, np.square(t)])
        slope = np.linalg.lstsq(design, offset, rcond=None)[0][1 : 1 + t.shape[1]]  # (F, D)
        planes.append(np.linalg.qr(slope.T)[0].T)
    return np.stack(planes)


def model_planes(network: Autoencoder, x: np.ndarray, count: int = 2) -> np.ndarray:
    """The directions that g(f(x)) keeps most of, (n, count, D) orthonormal: first right singular vectors of its Jacobian."""
    import torch

    inputs = torch.from_numpy(np.array(x, np.float32))
    jacobian = measures.jacobian(lambda some: network.decode(network.encode(some)), inputs)  # (n, D, D)
    return torch.linalg.svd(jacobian)[2][:, :count].numpy()


def plane_angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) largest principal angle in degrees, 0 … 90, between planes with orthonormal rows a (n, p, D) and b (n, p, D) or (p,
    D)."""
    cosines = np.linalg.svd(a @ np.swapaxes(b, -1, -2), compute_uv=False)  # (n, p)
    return np.degrees(np.arccos(np.clip(cosines[..., -1], 0, 1)))


def _pca_plane(x: np.ndarray) -> np.ndarray:
    return np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][:2]


def undone(network: Autoencoder, x: np.ndarray, planes: np.ndarray, seed: int) -> tuple[float, float]:
    """(along, off): mean of 1 − ⟨g(f(x + s)) − g(f(x)), s⟩ / ‖s‖² for steps s in the tangent plane, and at right angles to it.

    0: the step is kept, 1: it is undone. A good map of the surface keeps steps along it and undoes steps off it. In three
    dimensions.
    """
    directions = np.random.default_rng(seed).normal(size=(len(x), 1, planes.shape[1]))
    along = (directions @ planes)[:, 0]  # (n, D)
    off = np.cross(planes[:, 0], planes[:, 1])
    start = decoded(network, encoded(network, x))
    results = []
    for step in (along, off):
        step = (STEP * step / np.linalg.norm(step, axis=1, keepdims=True)).astype(np.float32)
        moved = decoded(network, encoded(network, x + step)) - start
        results.append(float(1 - ((moved * step).sum(axis=1) / STEP**2).mean()))
    return results[0], results[1]


def _findings(values: dict[str, list[float]]):
    return (
        finding("manifold.umap_against_pca", difference(values["umap.distance"], values["pca.distance"])),
        finding("manifold.autoencoder_against_pca", difference(values["autoencoder.distance"], values["pca.distance"])),
        finding("manifold.umap_against_autoencoder", difference(values["umap.distance"], values["autoencoder.distance"])),
        finding("manifold.tangent", difference(values["pca.tangent"], values["denoising.tangent"])),
        finding("manifold.off_against_along", difference(values["denoising.off"], values["denoising.along"])),
    )
