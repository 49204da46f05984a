"""Is a deep autoencoder more efficient than a shallow one of equally many parameters (claim C14)? Called by a worker."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from replearn_core.datasets import Dataset
from replearn_core.experiment import Experiment
from replearn_core.properties.study import Study, Tell, as_pictures, finding, finished, interval, note, part, silent, trained
from replearn_core.variants.lab import Variants, against, error, rebuilt

SHOWN = 8
EARLY = 8  # one epoch in so many


class Stacked(Variants):
    """code_size: of both networks. few: training pictures where they are scarce."""

    epochs: Annotated[int, Field(ge=1, le=500)] = 40
    code_size: Annotated[int, Field(ge=1, le=64)] = 16
    few: Annotated[int, Field(ge=50, le=1_000)] = 200


def run_stacked(settings: Stacked, *, tell: Tell = silent) -> Study:
    """The deep preset, and a network with one hidden layer that is as wide as the same number of parameters allows.

    With few pictures both pass over them as often as makes about the same number of steps.
    values for deep and shallow: `.error` (squared, per held-out image), `.few_error` (trained on `few` pictures), `.early_error`
    (after an eighth of the epochs), `.parameters`. arrays: `clean`, `deep`, `shallow` uint8 (8, H, W) of the first seed.
    """
    from replearn_core.datasets import load

    data, scarce = load(settings.dataset, settings.train_size), load(settings.dataset, settings.few)
    values: dict[str, list[float]] = {}
    arrays: dict[str, np.ndarray] = {"clean": as_pictures(data.x_test[:SHOWN])}
    runs: list[str] = []
    total = 2 * settings.seeds
    for seed in settings.each_seed:
        for name in ("deep", "shallow"):
            place = len(runs) // 3
            tasks = experiments_of(settings, name, seed)
            found = {}
            for step, (measure, experiment) in enumerate(tasks.items()):
                source: Dataset = scarce if measure == "few_error" else data
                begins, ends = ((place + share / 3) / total for share in (step, step + 1))
                network = trained(experiment, source, part(tell, begins, ends))
                found[measure] = error(network, data.x_test)
                runs.append(experiment.id)
                if measure == "error":
                    found["parameters"] = sum(one.numel() for one in network.parameters())
                    if seed == settings.first_seed:
                        arrays[name] = as_pictures(rebuilt(network, data.x_test[:SHOWN]))
            note(values, name, found)
    findings = tuple(
        finding(f"stacked.{measure}", interval(against(values, measure, "deep", "shallow")), few=settings.few)
        for measure in ("error", "few_error", "early_error")
    )
    return finished("stacked", settings, values, arrays, findings, runs)


def experiments_of(settings: Stacked, network: str, seed: int) -> dict[str, Experiment]:
    """Measure → what to train for it."""
    deep = settings.preset("deep", seed, code_size=settings.code_size)
    whole = deep if network == "deep" else deep.changed(hidden=(width_of(deep),))
    more = min(round(settings.epochs * settings.train_size / settings.few), 2_000)
    return {
        "error": whole,
        "few_error": whole.changed(train_size=settings.few, epochs=max(more, 1)),
        "early_error": whole.changed(epochs=max(settings.epochs // EARLY, 1)),
    }


def width_of(deep: Experiment) -> int:
    """Width w of the one hidden layer that costs as many parameters: 2w(D + K) + 2w + D + K, nearest to the deep network's."""
    widths = [deep.data.size, *deep.hidden, deep.code_size]
    wanted = sum(2 * a * b + a + b for a, b in zip(widths, widths[1:]))
    d, k = deep.data.size, deep.code_size
    return max(1, round((wanted - d - k) / (2 * (d + k) + 2)))
