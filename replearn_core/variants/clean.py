"""Does a denoising autoencoder rebuild the clean from the noisy, better than a plain one (claim C12)? Called by a worker."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from replearn_core import measures
from replearn_core.properties.study import (
    Study,
    Tell,
    as_pictures,
    difference,
    finding,
    finished,
    note,
    part,
    silent,
    trained_all,
)
from replearn_core.variants.lab import Variants, rebuilt

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
TOLD = (0.1, 0.3, 0.5)
SHOWN = 8
UNSEEN = 2**40  # far from the seeds of training's noise


class Clean(Variants):
    """kind, level: the noise that the denoising network trains with, and whose levels both are then given."""

    kind: Literal["masking", "gaussian", "salt_and_pepper"] = "masking"
    level: Annotated[float, Field(ge=0, le=0.9)] = 0.3


def run_clean(settings: Clean, *, tell: Tell = silent) -> Study:
    """The denoising preset and the same network trained without noise, both given the same noisy held-out pictures.

    values for denoising and plain at 0, 10 … 70 % noise: `<network>.error_<percent>`, squared error against the clean picture,
    per image; `input.error_<percent>`: of the noisy picture as it is.
    arrays: `levels` (8,), `curve` (S, 3, 8): denoising, plain, input; of the first seed and the level trained with, uint8
    (8, H, W): `clean`, `seen`, `denoising`, `plain`.
    """
    from replearn_core.datasets import load

    data = load(settings.dataset, settings.train_size)
    x = data.x_test[:1_000]
    values: dict[str, list[float]] = {}
    arrays: dict[str, np.ndarray] = {"clean": as_pictures(x[:SHOWN])}
    runs: list[str] = []
    for index, seed in enumerate(settings.each_seed):
        experiments = {
            "denoising": settings.preset("denoising", seed, corruption={"name": settings.kind, "weight": settings.level}),
            "plain": settings.preset("denoising", seed, corruption=None),
        }
        networks = trained_all(experiments, data, part(tell, index / settings.seeds, (index + 1) / settings.seeds))
        runs += [experiment.id for experiment in experiments.values()]
        for level in LEVELS:
            seen = noisy(x, settings.kind, level, seed)
            answers = {name: rebuilt(network, seen) for name, network in networks.items()} | {"input": seen}
            for name, answer in answers.items():
                note(values, name, {f"error_{percent(level)}": measures.reconstruction_error(x, answer)})
        if seed == settings.first_seed:
            seen = noisy(x[:SHOWN], settings.kind, settings.level, seed)
            arrays |= {"seen": as_pictures(seen)}
            arrays |= {name: as_pictures(rebuilt(network, seen)) for name, network in networks.items()}
    arrays["levels"] = np.array(LEVELS, np.float32)
    rows = [[values[f"{name}.error_{percent(level)}"] for level in LEVELS] for name in ("denoising", "plain", "input")]
    arrays["curve"] = np.array(rows, np.float32).transpose(2, 0, 1)
    return finished("clean", settings, values, arrays, _findings(values), runs)


def noisy(x: np.ndarray, kind: str, level: float, seed: int) -> np.ndarray:
    """x (N, *shape) with noise that is the same for every network of a seed; never the noise of training."""
    import torch

    from replearn_core.corruptions import CORRUPTIONS

    return CORRUPTIONS[kind](torch.from_numpy(x.copy()), level, torch.Generator().manual_seed(UNSEEN + seed)).numpy()


def percent(level: float) -> int:
    return round(100 * level)


def _findings(values: dict[str, list[float]]):
    def compare(name: str, one: str, other: str, level: float):
        at = f"error_{percent(level)}"
        return finding(name, difference(values[f"{one}.{at}"], values[f"{other}.{at}"]), level=percent(level))

    return (
        *(compare("clean.against_plain", "denoising", "plain", level) for level in TOLD),
        *(compare("clean.against_input", "denoising", "input", level) for level in TOLD),
        *(compare("clean.plain_against_input", "plain", "input", level) for level in TOLD),
        compare("clean.price", "denoising", "plain", 0.0),
    )
