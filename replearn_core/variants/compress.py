"""Does the output resemble the input, and does a narrow code keep what is most salient (claims C9, C10)? Called by a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from replearn_core import measures
from replearn_core.experiment import Experiment
from replearn_core.properties.dimension import untrained
from replearn_core.properties.study import (
    Study,
    Tell,
    as_pictures,
    difference,
    finding,
    finished,
    interval,
    note,
    part,
    silent,
    trained,
    trained_all,
)
from replearn_core.variants.lab import Variants, against, error, rebuilt

if TYPE_CHECKING:
    from replearn_core.datasets import Dataset
    from replearn_core.networks import Autoencoder

SHOWN = 8
NARROW = ("linear", "undercomplete", "deep")


class Resembles(Variants):
    """The undercomplete preset of the lab."""


class Narrow(Variants):
    """size: of the code, for every network and for PCA."""

    size: Annotated[int, Field(ge=1, le=32)] = 8


# ---- the output resembles the input ----


def run_resembles(settings: Resembles, *, tell: Tell = silent) -> Study:
    """The undercomplete autoencoder on held-out pictures, against the mean picture and against itself untrained.

    values: `autoencoder.error`, `untrained.error`, `mean.error` (squared, per image); `.own` of the first two: share of rebuilt
    pictures whose nearest held-out picture is the one they were made from; `chance.own` = 1/N.
    arrays: `clean`, `rebuilt` uint8 (8, H, W) of the first seed.
    """
    from replearn_core.datasets import load

    data = load(settings.dataset, settings.train_size)
    x = data.x_test[:1_000]
    nothing = measures.pca_error(data.x_train, x, 0)
    values: dict[str, list[float]] = {}
    arrays: dict[str, np.ndarray] = {"clean": as_pictures(x[:SHOWN])}
    runs = []
    for index, seed in enumerate(settings.each_seed):
        experiment = settings.preset("undercomplete", seed)
        network = trained(experiment, data, part(tell, index / settings.seeds, (index + 1) / settings.seeds))
        runs.append(experiment.id)
        for name, one in (("autoencoder", network), ("untrained", begun(experiment, data))):
            again = rebuilt(one, x)
            note(values, name, {"error": measures.reconstruction_error(x, again), "own": recognised(x, again)})
        note(values, "mean", {"error": nothing})
        note(values, "chance", {"own": 1 / len(x)})
        if seed == settings.first_seed:
            arrays["rebuilt"] = as_pictures(rebuilt(network, x[:SHOWN]))
    findings = (
        finding("resembles.explained", interval(1 - np.array(values["autoencoder.error"]) / nothing)),
        finding("resembles.own", difference(values["autoencoder.own"], values["chance.own"]), pictures=len(x)),
        finding("resembles.untrained", difference(values["untrained.own"], values["chance.own"]), pictures=len(x)),
    )
    return finished("resembles", settings, values, arrays, findings, runs)


def begun(experiment: Experiment, data: Dataset) -> Autoencoder:
    """The network of this run at epoch 0: drawn weights, and the mean picture as the picture's bias, as every run begins."""
    import torch

    from replearn_core.batches import Samples
    from replearn_core.training import centre

    network = untrained(experiment)
    centre(network, Samples.training(data, experiment.train_size, torch.device("cpu")).mean())
    return network


def recognised(x: np.ndarray, again: np.ndarray) -> float:
    """Share of rebuilt pictures (N, *shape) that lie nearer to their own original than to any other of x (N, *shape)."""
    a, b = (one.reshape(len(one), -1).astype(np.float64) for one in (again, x))
    distance = np.square(b).sum(axis=1) - 2 * a @ b.T  # (N, N), up to a constant of each row
    return float((distance.argmin(axis=1) == np.arange(len(x))).mean())


# ---- a narrow code keeps the most salient ----


def run_narrow(settings: Narrow, *, tell: Tell = silent) -> Study:
    """Linear, one-layer sigmoid and deep codes of one size K, against PCA and against a random projection of that size.

    values: `<network>.error` for linear, undercomplete, deep, pca, random (squared, per image); for the networks `.salient` and
    `.rest`: share of the held-out variance along the first K principal axes that is rebuilt, and along all others;
    `linear.angle`: largest angle in degrees between the linear decoder's span and PCA's.
    arrays: `kept.<network>` (S, min(2K, D)): rebuilt share by axis, the most salient first; 0 where nothing varies.
    """
    from replearn_core.datasets import load

    data = load(settings.dataset, settings.train_size)
    train, test = (x.reshape(len(x), -1).astype(np.float64) for x in (data.x_train, data.x_test))
    mean = train.mean(axis=0)
    axes = np.linalg.eigh((train - mean).T @ (train - mean))[1].T[::-1]  # (D, D), the most salient first
    values: dict[str, list[float]] = {}
    kept: dict[str, list[np.ndarray]] = {name: [] for name in NARROW}
    runs: list[str] = []
    for index, seed in enumerate(settings.each_seed):
        experiments = {name: experiment_of(settings, name, seed) for name in NARROW}
        networks = trained_all(experiments, data, part(tell, index / settings.seeds, (index + 1) / settings.seeds))
        runs += [experiment.id for experiment in experiments.values()]
        for name, network in networks.items():
            there, lost = along_axes(test - mean, rebuilt(network, data.x_test).reshape(test.shape) - mean, axes)
            first, others = slice(None, settings.size), slice(settings.size, None)
            shares = {"salient": 1 - lost[first].sum() / there[first].sum(), "rest": 1 - lost[others].sum() / there[others].sum()}
            note(values, name, {"error": error(network, data.x_test), **shares})
            kept[name].append(rebuilt_shares(there[: 2 * settings.size], lost[: 2 * settings.size]))
        note(values, "linear", {"angle": angle(networks["linear"], axes[: settings.size])})
        note(values, "pca", {"error": measures.pca_error(data.x_train, data.x_test, settings.size)})
        note(values, "random", {"error": random_error(train, test, settings.size, seed)})
    arrays = {f"kept.{name}": np.array(rows, np.float32) for name, rows in kept.items()}
    return finished("narrow", settings, values, arrays, _findings(values, settings.size), runs)


def experiment_of(settings: Narrow, network: str, seed: int) -> Experiment:
    return settings.preset(network, seed, code_size=settings.size)


def along_axes(x: np.ndarray, again: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(there (A,), lost (A,)): sums of squares of x, and of x − again, along each axis. x, again (N, D), axes (A, D)."""
    return np.square(x @ axes.T).sum(axis=0), np.square((x - again) @ axes.T).sum(axis=0)


def rebuilt_shares(there: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """(A,) 1 − lost / there; 0 along axes that carry no more than rounding: pixels that are black in every picture."""
    varies = there > 1e-9 * there.max()
    return np.where(varies, 1 - lost / np.where(varies, there, 1), 0)


def angle(network, axes: np.ndarray) -> float:
    """Largest angle in degrees between what a linear decoder can draw and the span of axes (K, D)."""
    return float(np.degrees(measures.principal_angles(network.decoder[0].weight.detach().numpy(), axes.T).max()))


def random_error(train: np.ndarray, test: np.ndarray, size: int, seed: int) -> float:
    """Held-out squared error per image of `size` random linear features and their best linear decoder: a code that kept nothing
    on purpose. train (N, D), test (M, D)."""
    features = np.random.default_rng(seed).normal(size=(train.shape[1], size))
    mean = train.mean(axis=0)
    decoder = np.linalg.lstsq((train - mean) @ features, train - mean, rcond=None)[0]  # (K, D)
    return measures.reconstruction_error(test - mean, (test - mean) @ features @ decoder)


def _findings(values: dict[str, list[float]], size: int):
    return (
        finding("narrow.random", interval(against(values, "error", "undercomplete", "random")), size=size),
        finding("narrow.salient", difference(values["undercomplete.salient"], values["undercomplete.rest"]), size=size),
        finding("narrow.one_layer", interval(against(values, "error", "undercomplete", "pca")), size=size),
        finding("narrow.deep", interval(against(values, "error", "deep", "pca")), size=size),
        finding("narrow.linear", interval(against(values, "error", "linear", "pca")), size=size),
    )
