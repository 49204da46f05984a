"""How many numbers would do? Intrinsic dimension of data sets, and of every layer of a deep autoencoder (claim C8)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from replearn_core import measures
from replearn_core.experiment import Experiment
from replearn_core.properties.study import Settings, Study, Tell, difference, encoded, finding, finished, part, silent, trained

SETS = ("digits", "glyphs", "sprites", "patches", "s_curve", "swiss_roll", "spirals")
METHODS = ("twonn", "mle")


class Dimension(Settings):
    """dataset: whose layers are measured. size: samples behind one estimate, drawn anew for each seed."""

    dataset: Literal["digits", "sprites", "mnist", "fashion_mnist", "swiss_roll", "s_curve"] = "digits"
    size: Annotated[int, Field(ge=100, le=2_000)] = 500
    epochs: Annotated[int, Field(ge=1, le=500)] = 40
    train_size: Annotated[int, Field(ge=200, le=10_000)] = 1_437
    code_size: Annotated[int, Field(ge=1, le=64)] = 16


def run_dimension(settings: Dimension, *, tell: Tell = silent) -> Study:
    """TwoNN and MLE on samples of the embedded data sets, and on each layer of an autoencoder of the chosen one.

    values: `set.<name>.<method>`; `shuffled.<method>`: the chosen set with every pixel permuted over samples, so that nothing but
    the single pixels' distributions is left; `level<i>.<method>`, level 0 the input, the last the code;
    `untrained.level<i>.twonn`.
    A set that cannot be had is left out. arrays: `levels` (L + 1,) widths; `layers` (S, L + 1, 2).
    """
    from replearn_core.datasets import available, load

    data = load(settings.dataset, settings.train_size)
    values: dict[str, list[float]] = {}
    layers, runs = [], []
    names = [name for name in SETS if available(name)]
    experiment = experiment_of(settings, 0)
    for index, seed in enumerate(settings.each_seed):
        progress = part(tell, index / settings.seeds, (index + 1) / settings.seeds)
        random = np.random.default_rng(seed)
        for name in names:
            for method, value in dimensions(_drawn(load(name, 2_000).x_train, settings.size, random)).items():
                values.setdefault(f"set.{name}.{method}", []).append(value)
        progress(0.3)
        experiment = experiment_of(settings, seed)
        network = trained(experiment, data, part(progress, 0.3, 0.8))
        runs.append(experiment.id)
        x = _drawn(np.concatenate([data.x_test, data.x_train]), settings.size, random)
        for method, value in dimensions(random.permuted(x.reshape(len(x), -1), axis=0)).items():
            values.setdefault(f"shuffled.{method}", []).append(value)
        row = []
        for level in range(network.levels + 1):
            found = dimensions(encoded(network, x, level) if level else x)
            row.append([found[method] for method in METHODS])
            for method, value in found.items():
                values.setdefault(f"level{level}.{method}", []).append(value)
            bare = encoded(untrained(experiment), x, level) if level else x
            values.setdefault(f"untrained.level{level}.twonn", []).append(measures.intrinsic_dimension(bare, "twonn"))
        layers.append(row)
        progress(1.0)
    widths = [experiment.data.size, *experiment.hidden, experiment.code_size]
    arrays = {"levels": np.array(widths, np.int32), "layers": np.array(layers, np.float32)}
    code = f"level{len(widths) - 1}.twonn"
    findings = (
        finding("dimension.below_shuffled", difference(values["shuffled.twonn"], values["level0.twonn"]), pixels=widths[0]),
        finding("dimension.code_against_input", difference(values[code], values["level0.twonn"])),
        finding("dimension.code_against_untrained", difference(values[code], values[f"untrained.{code}"])),
        finding("dimension.methods", difference(values["level0.twonn"], values["level0.mle"])),
    )
    return finished("dimension", settings, values, arrays, findings, runs)


def experiment_of(settings: Dimension, seed: int) -> Experiment:
    return Experiment(
        dataset=settings.dataset,
        train_size=min(settings.train_size, 2_000) if settings.dataset in ("swiss_roll", "s_curve") else settings.train_size,
        hidden=(64, 32),
        code="linear",
        code_size=settings.code_size,
        epochs=settings.epochs,
        batch_size=64,
        seed=seed,
    )


def dimensions(x: np.ndarray) -> dict[str, float]:
    """twonn and mle of samples (N, *shape), N small enough for all pairs."""
    return {method: measures.intrinsic_dimension(x, method) for method in METHODS}


def untrained(experiment: Experiment):
    """The same network as its weights are drawn: its encoder before the first step. The decoder's biases are zeros here; a run
    begins with the mean picture (`training.centre`)."""
    from replearn_core.networks import Autoencoder
    from replearn_core.training import generator

    return Autoencoder(experiment, generator(experiment.seed, "weights")).eval()


def _drawn(x: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    return x[random.permutation(len(x))[:size]]
