"""Does a representation make the next task easier (C1), and does it hold the causes, even in noise (C2)?

Called by a worker: `run_few_labels(settings)`, `run_causes(settings)`. Codes are learned without labels; every space is read
by the same learner.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from replearn_core import measures
from replearn_core.experiment import Experiment
from replearn_core.properties.dimension import untrained
from replearn_core.properties.scorecard import principal_codes
from replearn_core.properties.study import (
    Pictures,
    Settings,
    Study,
    Tell,
    as_pictures,
    check_labels,
    difference,
    encoded,
    finding,
    finished,
    gaussian,
    part,
    silent,
    trained,
)

if TYPE_CHECKING:
    from replearn_core.datasets import Dataset
    from replearn_core.networks import Autoencoder

LABELS = (1, 3, 10, 30)  # a class
COMPONENTS = 16  # of PCA, before few labels: with all of them it would only turn the pixels
DRAWS = 3
READ = ("pixels", "pca", "untrained", "plain", "denoising")
SPACES = ("pixels", "pca", "plain", "denoising")
NOISES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4)
JUDGED = 0.2  # the noise at which robustness is told
TESTED = 1_000


class FewLabels(Pictures):
    """noise: the denoising encoder's Gaussian σ. units: of the code, sigmoid. The rest: what is trained, and how long."""

    noise: Annotated[float, Field(ge=0, le=1)] = 0.3
    units: Annotated[int, Field(ge=2, le=500)] = 100
    train_size: Annotated[int, Field(ge=350, le=10_000)] = 1_437  # of fewer, a class would not have the 30 labels it is said to


class Causes(Settings):
    """labelled: sprites whose causes are told. noise: the denoising encoder's Gaussian σ. code_size: of the codes and of PCA."""

    labelled: Annotated[int, Field(ge=50, le=2_000)] = 500
    noise: Annotated[float, Field(ge=0, le=1)] = 0.2
    code_size: Annotated[int, Field(ge=2, le=64)] = 16
    hidden: Annotated[int, Field(ge=8, le=512)] = 64
    train_size: Annotated[int, Field(ge=2_000, le=10_000)] = 6_000
    epochs: Annotated[int, Field(ge=1, le=100)] = 8


# ---- the next task, with few labels ----


def run_few_labels(settings: FewLabels, *, tell: Tell = silent) -> Study:
    """Held-out accuracy with 1, 3, 10 and 30 labels a class, from pixels, PCA, and the codes of two encoders and of none.

    values: `<space>.labels_<n>` for pixels, pca, untrained, plain, denoising: logistic regression, mean of 3 draws; for equal
    seeds the same samples are labelled in every space. Pixels and PCA keep their own scale, which suits them better; codes are
    standardised. arrays: `labels` (4,), `curve` (S, 5, 4).
    """
    from replearn_core.datasets import load

    data = load(settings.dataset, settings.train_size)
    assert data.y_train is not None and data.y_test is not None
    test_y = data.y_test[:TESTED]
    check_labels(settings.dataset, data.y_train, LABELS[-1])
    probe = measures.few_label_probe
    values: dict[str, list[float]] = {}
    curves, runs = [], []
    for index, seed in enumerate(settings.each_seed):
        progress = part(tell, index / settings.seeds, (index + 1) / settings.seeds)
        networks: dict[str, Autoencoder] = {}
        for place, name in enumerate(("plain", "denoising")):
            experiment = few_labels_experiment(settings, name, seed)
            networks[name] = trained(experiment, data, part(progress, 0.35 * place, 0.35 * (place + 1)))
            runs.append(experiment.id)
        networks["untrained"] = untrained(few_labels_experiment(settings, "plain", seed))
        codes = spaces_of(networks, data)
        draws = [seed * DRAWS + draw for draw in range(DRAWS)]
        rows = []
        for name in READ:
            train, test = codes[name]
            scaled = name not in ("pixels", "pca")
            found = [
                float(probe(train, data.y_train, test[:TESTED], test_y, count, draws, standardise=scaled).mean())
                for count in LABELS
            ]
            rows.append(found)
            for count, value in zip(LABELS, found):
                values.setdefault(f"{name}.labels_{count}", []).append(value)
        curves.append(rows)
        progress(1.0)
    arrays = {"labels": np.array(LABELS, np.int32), "curve": np.array(curves, np.float32)}
    return finished("few_labels", settings, values, arrays, _label_findings(values), runs)


def few_labels_experiment(settings: FewLabels, encoder: str, seed: int) -> Experiment:
    """One tied sigmoid layer, as in the smoothness study; only the noise differs."""
    noise = gaussian(settings.noise) if encoder == "denoising" else {}
    return settings.experiment(seed, code="sigmoid", code_size=settings.units, tied=True, **noise)


def spaces_of(networks: dict[str, Autoencoder], data: Dataset) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name → (training, test) features: the pixels, COMPONENTS principal components, each network's codes."""
    flat = data.x_train.reshape(len(data.x_train), -1), data.x_test.reshape(len(data.x_test), -1)
    codes = {name: (encoded(network, data.x_train), encoded(network, data.x_test)) for name, network in networks.items()}
    return {"pixels": flat, "pca": principal_codes(*flat, COMPONENTS), **codes}


def _label_findings(values: dict[str, list[float]]):
    pairs = (("denoising", "pixels"), ("plain", "pixels"), ("denoising", "untrained"), ("denoising", "pca"))
    return tuple(
        finding(
            f"few_labels.{one}_against_{other}",
            difference(values[f"{one}.labels_{count}"], values[f"{other}.labels_{count}"]),
            labels=count,
        )
        for count in (1, 10, 3, 30)
        for one, other in pairs
    )


# ---- the causes, in noise ----


def run_causes(settings: Causes, *, tell: Tell = silent) -> Study:
    """Read all causes of a sprite off pixels, PCA and codes, from few labelled clean sprites; then test in growing noise.

    values for pixels, pca, plain, denoising: `<space>.clean`, `<space>.noisy` (Gaussian noise of 0.2), least-squares
    accuracy, mean over causes, on 1,000 held-out sprites; `chance`. arrays: `noises` (6,), `curve` (S, 4, 6); `by_factor`
    (S, 4, F), clean; `noisy` uint8 (6, H, W), one sprite in all noises.
    """
    from replearn_core.datasets import load

    data = load("sprites", settings.train_size)
    assert data.factors_train is not None and data.factors_test is not None
    clean, factors = data.x_test[:TESTED], data.factors_test[:TESTED]
    noise = np.random.default_rng(0).normal(size=clean.shape)
    noisy = [np.clip(clean + sigma * noise, 0, 1).astype(np.float32) for sigma in NOISES]
    flat = data.x_train.reshape(len(data.x_train), -1)
    mean, axes = principal_axes(flat, settings.code_size)
    values: dict[str, list[float]] = {}
    curves, by_factor, runs = [], [], []
    for index, seed in enumerate(settings.each_seed):
        progress = part(tell, index / settings.seeds, (index + 1) / settings.seeds)
        spaces: dict[str, Callable[[np.ndarray], np.ndarray]] = {
            "pixels": lambda x: x.reshape(len(x), -1),
            "pca": lambda x: (x.reshape(len(x), -1) - mean) @ axes.T,
        }
        for place, name in enumerate(("plain", "denoising")):
            experiment = causes_experiment(settings, name, seed)
            network = trained(experiment, data, part(progress, 0.4 * place, 0.4 * (place + 1)))
            spaces[name] = partial(encoded, network)
            runs.append(experiment.id)
        rows = np.random.default_rng(seed).permutation(len(data.x_train))[: settings.labelled]
        read = np.array(
            [read_causes(space, data.x_train[rows], data.factors_train[rows], noisy, factors) for space in spaces.values()]
        )  # (4, 6, F)
        curves.append(read.mean(axis=2))
        by_factor.append(read[:, 0])
        for name, row in zip(spaces, read.mean(axis=2)):
            values.setdefault(f"{name}.clean", []).append(float(row[0]))
            values.setdefault(f"{name}.noisy", []).append(float(row[NOISES.index(JUDGED)]))
        values.setdefault("chance", []).append(float(np.mean(1 / (data.factors_train.max(axis=0) + 1.0))))
        progress(1.0)
    arrays = {
        "noises": np.array(NOISES, np.float32),
        "curve": np.array(curves, np.float32),
        "by_factor": np.array(by_factor, np.float32),
        "noisy": as_pictures(np.stack([x[0] for x in noisy])),
    }
    return finished("causes", settings, values, arrays, _cause_findings(values), runs)


def causes_experiment(settings: Causes, encoder: str, seed: int) -> Experiment:
    fields: dict[str, Any] = {
        "dataset": "sprites",
        "train_size": settings.train_size,
        "hidden": (settings.hidden,),
        "code": "linear",
        "code_size": settings.code_size,
        "epochs": settings.epochs,
        "learning_rate": 4e-3,
        "seed": seed,
    }
    return Experiment.from_values(fields | (gaussian(settings.noise) if encoder == "denoising" else {}))


def principal_axes(x: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(mean (D,), axes (k, D)) of samples x (N, D): the k = size directions of most variance."""
    from sklearn.decomposition import PCA

    pca = PCA(min(size, *x.shape), svd_solver="randomized", random_state=0).fit(x)
    return pca.mean_, pca.components_


def read_causes(
    space: Callable[[np.ndarray], np.ndarray], x: np.ndarray, factors: np.ndarray, tests: list[np.ndarray], answers: np.ndarray
) -> np.ndarray:
    """(len(tests), F) accuracy of ridge regression on one column a level, α = 1, features standardised on the labelled x."""
    from sklearn.linear_model import RidgeClassifier

    codes = space(x)
    mean, spread = codes.mean(axis=0), codes.std(axis=0)
    scale = np.where(spread > 1e-3 * spread.max(), spread, np.inf)  # pixels that never change among the labelled say nothing
    moved = [(space(test) - mean) / scale for test in tests]
    right = np.empty((len(tests), factors.shape[1]))
    for column in range(factors.shape[1]):
        probe = RidgeClassifier(alpha=1.0).fit((codes - mean) / scale, factors[:, column])
        right[:, column] = [(probe.predict(test) == answers[:, column]).mean() for test in moved]
    return right


def _cause_findings(values: dict[str, list[float]]):
    lost = {name: np.subtract(values[f"{name}.clean"], values[f"{name}.noisy"]) for name in SPACES}
    means = {name: float(np.mean(values[f"{name}.clean"])) for name in ("pixels", "plain")}
    return (
        finding("causes.code_against_pixels", difference(values["plain.clean"], values["pixels.clean"]), **means),
        finding("causes.code_against_pca", difference(values["plain.clean"], values["pca.clean"])),
        finding("causes.robust", difference(list(lost["pixels"]), list(lost["denoising"]))),
        finding("causes.robust_plain", difference(list(lost["pixels"]), list(lost["plain"]))),
        finding("causes.noisy", difference(values["denoising.noisy"], values["pixels.noisy"])),
    )
