"""Does one pass of a learned encoder predict what sparse inference finds, and how much sooner (claim C15)? Called by a worker."""

from __future__ import annotations

import time
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from replearn_core import measures
from replearn_core.properties.study import (
    Study,
    Tell,
    as_pictures,
    decoded,
    difference,
    encoded,
    finding,
    finished,
    interval,
    note,
    part,
    silent,
    trained,
)
from replearn_core.variants.lab import Variants

REPEATS = 10
SHOWN = 8
MARGIN = 0.01  # of accuracy: what "as good as" still allows
PROBED = 1_000


class Predicted(Variants):
    """steps: of FISTA from zero, which infers the code without the encoder's help. epochs: the lab's 60 cost ten times a plain
    network's, so that a study takes fewer."""

    epochs: Annotated[int, Field(ge=1, le=500)] = 20
    steps: Annotated[int, Field(ge=1, le=500)] = 100


def run_predicted(settings: Predicted, *, tell: Tell = silent) -> Study:
    """The parametric sparse coding preset: its encoder's one pass f(x) against inferring z* by FISTA on its own dictionary.

    values: `speedup` (processor time of inference over that of one pass, the best of 10 each, one thread, this machine); `code`
    (1 − Σ‖z* − f‖²/Σ‖z* − mean‖²: how much of z* is predicted); for pass and inference `.error` (squared, per image), `.l0`
    (share of units above 0.1), `.probe` (accuracy with 1,000 labels).
    arrays: `clean`, `pass`, `inference` uint8 (8, H, W) of the first seed.
    """
    from replearn_core.datasets import load

    data = load(settings.dataset, settings.train_size)
    assert data.y_train is not None and data.y_test is not None
    x_test = data.x_test[:PROBED]
    y_train, y_test = data.y_train[:PROBED], data.y_test[:PROBED]
    values: dict[str, list[float]] = {}
    arrays: dict[str, np.ndarray] = {"clean": as_pictures(x_test[:SHOWN])}
    runs: list[str] = []
    for index, seed in enumerate(settings.each_seed):
        experiment = settings.preset("psc", seed)
        network = trained(experiment, data, part(tell, index / settings.seeds, (index + 0.8) / settings.seeds))
        runs.append(experiment.id)
        said, found = encoded(network, x_test), inferred(network, x_test, settings.steps)
        fits = {
            "pass": (encoded(network, data.x_train[:PROBED]), said),
            "inference": (inferred(network, data.x_train[:PROBED], settings.steps), found),
        }
        for name, (train, test) in fits.items():
            note(
                values,
                name,
                {
                    "error": measures.reconstruction_error(x_test, decoded(network, test)),
                    "l0": measures.l0(test, 0.1),
                    "probe": measures.linear_probe(train, y_train, test, y_test),
                },
            )
            if seed == settings.first_seed:
                arrays[name] = as_pictures(decoded(network, test[:SHOWN]))
        values.setdefault("code", []).append(explained(found, said))
        values.setdefault("speedup", []).append(speedup(network, x_test, settings.steps))
        tell((index + 1) / settings.seeds)
    margin = np.array(values["pass.probe"]) - values["inference.probe"] + MARGIN
    findings = (
        finding("predicted.speedup", interval(np.log10(values["speedup"])), steps=settings.steps),
        finding("predicted.code", interval(values["code"])),
        finding("predicted.probe", interval(margin)),
        finding("predicted.error", difference(values["pass.error"], values["inference.error"])),
        finding("predicted.l0", difference(values["pass.l0"], values["inference.l0"])),
    )
    return finished("predicted", settings, values, arrays, findings, runs)


def inferred(network: Any, x: np.ndarray, steps: int) -> np.ndarray:
    """z* (N, K) float32 by FISTA from zero for ‖x − b − Dz‖² + λ‖z‖₁, with the network's own D, b and λ."""
    import torch

    from replearn_core.sparse_coding import fista

    stage = network.decoder[0]
    weight = next((term.weight for term in network.experiment.penalties if term.name == "l1"), 0.0)
    flat = torch.from_numpy(x.reshape(len(x), -1).copy())
    with torch.no_grad():
        return fista(flat - stage.bias, stage.weight, weight / 2, steps).numpy()  # λ/2: the lasso has ½ before its error


def explained(found: np.ndarray, said: np.ndarray) -> float:
    """R² of what was said (N, K) for what was found (N, K), over all units: 1 when equal, 0 for saying each unit's mean."""
    found = found.astype(np.float64)
    return float(1 - np.square(found - said).sum() / max(np.square(found - found.mean(axis=0)).sum(), 1e-12))


def speedup(network: Any, x: np.ndarray, steps: int) -> float:
    """Processor time of inference over that of one pass for the same pictures, the best of 10 each in turn.

    Of this thread alone, so that a busy machine does not count.
    """
    times = [(_seconds(lambda: encoded(network, x)), _seconds(lambda: inferred(network, x, steps))) for _ in range(REPEATS)]
    one, other = (max(min(column), 1e-9) for column in zip(*times))
    return other / one


def _seconds(work: Any) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began
