"""Do small changes of the input move the code little? Paths, sensitivity curves, and a boundary in the plane (claim C5).

Called by a worker: `run_smooth(settings)`, `run_boundary(settings)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from replearn_core import measures
from replearn_core.experiment import Experiment
from replearn_core.properties.study import (
    Pictures,
    Settings,
    Study,
    Tell,
    as_pictures,
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

ENCODERS = ("plain", "denoising", "contractive")
STEPS = 11
MEASURED = 120  # held-out pictures behind the curves
PAIRS = 2_000
WALKED = 8  # held-out pictures that are walked, the first of each class
GREATEST = {"shift": 2.0, "rotate": 45.0, "thicken": 1.0, "noise": 0.5}  # pixels of 8, degrees, share, standard deviation


class Smooth(Pictures):
    """noise: the denoising encoder's Gaussian σ. contraction: the contractive one's λ."""

    noise: Annotated[float, Field(ge=0, le=1)] = 0.3
    contraction: Annotated[float, Field(ge=0, le=10)] = 0.1
    units: Annotated[int, Field(ge=2, le=500)] = 100


class Boundary(Settings):
    """labels: labelled points a class; all others are for the autoencoder only."""

    dataset: Literal["moons", "spirals"] = "moons"
    units: Annotated[int, Field(ge=2, le=256)] = 64
    labels: Annotated[int, Field(ge=2, le=500)] = 20
    epochs: Annotated[int, Field(ge=1, le=500)] = 60


# ---- paths and sensitivity ----


def run_smooth(settings: Smooth, *, tell: Tell = silent) -> Study:
    """One-layer tied sigmoid encoders of equal size, plain, denoising and contractive, and the pixels themselves.

    A change's size in a space is ‖f(x') − f(x)‖ over the mean distance of two different pictures there, so that a code that
    merely shrinks gains nothing; 1 = as far as another picture.
    values: `<space>.<change>` for pixels, plain, denoising, contractive and shift, rotate, thicken, noise: mean relative size at
    half the greatest change; `<encoder>.jacobian`: mean ‖J‖_F as it is; `<encoder>.probe`: accuracy with 1,000 labels;
    `<encoder>.error`.
    arrays: `steps.<change>` (11,) and `curve.<change>` (S, 4, 11); for P = 8 pictures and the first seed `path.images` uint8
    (P, 4, 11, H, W), `path.<space>` (P, 4, 11): relative distance from the picture itself, `path.plane.<space>`
    (P, 4, 11, 2) on the first two principal axes of the space.
    """
    from replearn_core.datasets import load

    data = load(settings.dataset, settings.train_size)
    assert data.y_train is not None and data.y_test is not None
    changed = {name: series(data.x_test[:MEASURED], name, STEPS) for name in GREATEST}  # (11, N, H, W) each
    chosen = data.x_test[np.unique(data.y_test, return_index=True)[1][:WALKED]]
    walked = np.stack([np.swapaxes(series(chosen, name, STEPS), 0, 1) for name in GREATEST], axis=1)  # (P, 4, 11, H, W)
    values: dict[str, list[float]] = {}
    curves: dict[str, list[np.ndarray]] = {name: [] for name in GREATEST}
    arrays = {f"steps.{name}": np.linspace(0, most, STEPS, dtype=np.float32) for name, most in GREATEST.items()}
    arrays["path.images"] = as_pictures(walked)
    runs: list[str] = []
    total = len(ENCODERS) * settings.seeds
    for seed in settings.each_seed:
        networks: dict[str, Any] = {}
        for name in ENCODERS:
            experiment = experiment_of(settings, name, seed)
            networks[name] = trained(experiment, data, part(tell, len(runs) / total, (len(runs) + 1) / total))
            runs.append(experiment.id)
        spaces: dict[str, Callable[[np.ndarray], np.ndarray]] = {"pixels": lambda x: x.reshape(len(x), -1)}
        spaces |= {name: partial(encoded, network) for name, network in networks.items()}
        for change, moved in changed.items():
            curve = np.stack([sensitivity_curve(space, data.x_test, moved) for space in spaces.values()])  # (4, 11)
            curves[change].append(curve)
            for name, row in zip(spaces, curve):
                values.setdefault(f"{name}.{change}", []).append(float(row[STEPS // 2]))
        for name, network in networks.items():
            codes, train_codes = encoded(network, data.x_test), encoded(network, data.x_train)
            accuracy = measures.linear_probe(train_codes[:1000], data.y_train[:1000], codes, data.y_test)
            values.setdefault(f"{name}.probe", []).append(accuracy)
            x = data.x_test[:64]
            norm = measures.mean_jacobian_norm(network.encode, x.reshape(len(x), -1))
            values.setdefault(f"{name}.jacobian", []).append(norm)
            values.setdefault(f"{name}.error", []).append(_error(network, data.x_test, codes))
        if seed == settings.first_seed:
            arrays |= paths(spaces, data.x_test, walked)
    arrays |= {f"curve.{name}": np.array(one, np.float32) for name, one in curves.items()}
    return finished("smooth", settings, values, arrays, _findings(values), runs)


def experiment_of(settings: Smooth, encoder: str, seed: int) -> Experiment:
    fields: dict[str, Any] = {"code": "sigmoid", "code_size": settings.units, "tied": True}
    if encoder == "denoising":
        fields |= gaussian(settings.noise)
    if encoder == "contractive":
        fields["penalties"] = ({"name": "contraction", "weight": settings.contraction},)
    return settings.experiment(seed, **fields)


def series(x: np.ndarray, change: str, steps: int = STEPS) -> np.ndarray:
    """(steps, N, H, W) in [0, 1]: pictures x (N, H, W) changed by nothing … GREATEST of this change. The first are x itself.

    shift: to the right, spline of order 1, by up to 2 pixels of 8 (a quarter of the width). rotate: anticlockwise about the
    middle. thicken: mixed with its 3 × 3 maximum. noise: one draw, grown; clipped like all of them.
    """
    if change not in GREATEST:
        raise ValueError(f"change {change!r} is not one of {', '.join(GREATEST)}")
    amounts = np.linspace(0, GREATEST[change], steps)
    return np.stack([x if amount == 0 else _changed(x, change, float(amount)) for amount in amounts]).astype(np.float32)


def _changed(x: np.ndarray, change: str, amount: float) -> np.ndarray:
    from scipy import ndimage

    if change == "shift":
        out = ndimage.shift(x, (0, 0, amount * x.shape[2] / 8), order=1)
    elif change == "rotate":
        out = ndimage.rotate(x, amount, axes=(1, 2), reshape=False, order=1)
    elif change == "thicken":
        out = (1 - amount) * x + amount * ndimage.grey_dilation(x, size=(1, 3, 3))
    else:
        out = x + amount * np.random.default_rng(0).normal(size=x.shape)
    return np.clip(out, 0, 1)


def sensitivity_curve(space: Callable[[np.ndarray], np.ndarray], x: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """(steps,): mean distance from moved[0], over the mean distance of two pictures of x in this space. moved (steps, N, H,
    W)."""
    codes = np.stack([space(step) for step in moved]).astype(np.float64)  # (steps, N, K)
    gaps = np.linalg.norm(codes - codes[0], axis=2).mean(axis=1)
    return gaps / typical_distance(space(x))


def typical_distance(codes: np.ndarray) -> float:
    """Mean distance of two different samples, over PAIRS random pairs. ValueError: one sample, or no drawn pair differs."""
    if len(codes) < 2:
        raise ValueError(f"{len(codes)} codes make no pair")
    random = np.random.default_rng(0)
    a = random.integers(0, len(codes), PAIRS)
    b = (a + random.integers(1, len(codes), PAIRS)) % len(codes)
    distance = float(np.linalg.norm(codes[a].astype(np.float64) - codes[b], axis=1).mean())
    if distance == 0:
        raise ValueError(f"none of {PAIRS} pairs of {len(codes)} codes differs: no distance to compare with")
    return distance


def paths(spaces: Mapping[str, Callable], x: np.ndarray, walked: np.ndarray) -> dict[str, np.ndarray]:
    """Where pictures go in each space, while they are changed: relative distances, and places on two principal axes.

    walked (P, changes, steps, H, W).
    """
    out = {}
    for name, space in spaces.items():
        codes = space(x).astype(np.float64)
        mean = codes.mean(axis=0)
        axes = np.linalg.svd(codes - mean, full_matrices=False)[2][:2]  # (2, K)
        scale = typical_distance(codes)
        steps = space(walked.reshape(-1, *walked.shape[3:])).reshape(*walked.shape[:3], -1).astype(np.float64)
        out[f"path.{name}"] = (np.linalg.norm(steps - steps[:, :, :1], axis=3) / scale).astype(np.float32)
        out[f"path.plane.{name}"] = ((steps - mean) @ axes.T / scale).astype(np.float32)
    return out


def _error(network, x: np.ndarray, codes: np.ndarray) -> float:
    from replearn_core.properties.study import decoded

    return measures.reconstruction_error(x, decoded(network, codes))


def _findings(values: dict[str, list[float]]):
    against = [
        finding(f"smooth.{encoder}.{change}", difference(values[f"{encoder}.{change}"], values[f"plain.{change}"]))
        for encoder in ("contractive", "denoising")
        for change in ("noise", "shift", "rotate", "thicken")
    ]
    pixels = finding("smooth.plain_against_pixels", difference(values["plain.shift"], values["pixels.shift"]))
    norm = finding("smooth.jacobian", difference(values["contractive.jacobian"], values["plain.jacobian"]))
    price = finding("smooth.probe", difference(values["contractive.probe"], values["plain.probe"]))
    return (*against, norm, price, pixels)


# ---- a boundary in the plane ----

SPACES = ("raw", "untrained", "plain", "denoising", "contractive")
GRID = 60


def run_boundary(settings: Boundary, *, tell: Tell = silent) -> Study:
    """A linear classifier with few labels on the two raw numbers, and on the codes of wide encoders; one of them untrained.

    The untrained encoder is the control: what it gains is the width's and the nonlinearity's, not learning's.
    values: `<space>.accuracy` on held-out points, `<space>.steadiness`: share of held-out points whose answer stays the same
    under noise of 0.03. arrays: `<space>.grid` uint8 (60, 60), 255 = second class, from below, for the first seed; `points`
    (N, 2), `labels` (N,) of the labelled ones.
    """
    from sklearn.linear_model import LogisticRegression

    from replearn_core.datasets import load

    data = load(settings.dataset)
    assert data.y_train is not None and data.y_test is not None
    values: dict[str, list[float]] = {}
    arrays: dict[str, np.ndarray] = {}
    runs = []
    places = (np.arange(GRID) + 0.5) / GRID
    plane = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2).astype(np.float32)
    for index, seed in enumerate(settings.each_seed):
        random = np.random.default_rng(seed)
        rows = np.concatenate([random.choice(np.flatnonzero(data.y_train == c), settings.labels, replace=False) for c in (0, 1)])
        shaken = data.x_test + random.normal(0, 0.03, data.x_test.shape).astype(np.float32)
        spaces, ids = plane_spaces(settings, data, seed, part(tell, index / settings.seeds, (index + 1) / settings.seeds))
        runs += ids
        for name, space in spaces.items():
            train = space(data.x_train)
            mean, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
            model = LogisticRegression(C=100.0, max_iter=5_000).fit((train[rows] - mean) / spread, data.y_train[rows])
            said, again = (model.predict((space(x) - mean) / spread) for x in (data.x_test, shaken))
            values.setdefault(f"{name}.accuracy", []).append(float((said == data.y_test).mean()))
            values.setdefault(f"{name}.steadiness", []).append(float((said == again).mean()))
            if seed == settings.first_seed:
                sure = model.predict_proba((space(plane) - mean) / spread)[:, 1]
                arrays[f"{name}.grid"] = as_pictures(sure.reshape(GRID, GRID))
        if seed == settings.first_seed:
            arrays |= {"points": data.x_train[rows], "labels": data.y_train[rows].astype(np.int16)}
    findings = (
        finding("boundary.plain_against_raw", difference(values["plain.accuracy"], values["raw.accuracy"])),
        finding("boundary.plain_against_untrained", difference(values["plain.accuracy"], values["untrained.accuracy"])),
        finding("boundary.contractive_against_plain", difference(values["contractive.accuracy"], values["plain.accuracy"])),
        finding("boundary.raw_above_chance", interval(np.array(values["raw.accuracy"]) - 0.5)),
    )
    return finished("boundary", settings, values, arrays, findings, runs)


def plane_spaces(settings: Boundary, data, seed: int, tell: Tell) -> tuple[dict[str, Callable], list[str]]:
    """Name → a function from points (N, 2) to features, and the ids of what was trained."""
    import torch

    from replearn_core.networks import Autoencoder
    from replearn_core.training import generator

    spaces: dict[str, Callable] = {"raw": lambda x: x}
    runs = []
    for place, name in enumerate(("plain", "denoising", "contractive")):
        experiment = boundary_experiment(settings, name, seed)
        if name == "plain":
            with torch.no_grad():
                blank = Autoencoder(experiment, generator(seed, "weights")).eval()
            spaces["untrained"] = partial(encoded, blank)
        network = trained(experiment, data, part(tell, place / 3, (place + 1) / 3))
        spaces[name] = partial(encoded, network)
        runs.append(experiment.id)
    return spaces, runs


def boundary_experiment(settings: Boundary, encoder: str, seed: int) -> Experiment:
    fields: dict[str, Any] = {
        "dataset": settings.dataset,
        "hidden": (64,),
        "activation": "relu",
        "code": "relu",
        "code_size": settings.units,
        "epochs": settings.epochs,
        "seed": seed,
    }
    if encoder == "denoising":
        fields |= gaussian(0.05)
    if encoder == "contractive":
        fields["penalties"] = ({"name": "contraction", "weight": 1e-4},)
    return Experiment.from_values(fields)
