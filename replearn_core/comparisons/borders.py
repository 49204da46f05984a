"""Where pretraining stops helping: its gain from one layer to six, or from the pictures' own label to ever fainter ones.

`run_borders(settings)` trains the same three families at every stop of one knob, over seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from replearn_core.comparisons.deep import (
    Deep,
    Labelled,
    divergence_told,
    families,
    halves,
    labelled_data,
    labelled_rows,
    network,
    pretrain,
    raced,
    tune,
    tuned_error,
)
from replearn_core.properties.study import Finding, Study, Tell, difference, finding, finished, part, silent

if TYPE_CHECKING:
    from torch import Tensor

    from replearn_core.members import Members

DEPTHS = (1, 2, 3, 4, 5, 6)
STRENGTHS = (0.2, 0.05, 0.03, 0.02)  # of the faint texture; the first stop is the settings' own label
FAMILIES = ("random", "pretrained", "modern")


class Borders(Deep):
    """The knobs of `Deep`; the one that is swept is not read. over: depth, or whose label it is."""

    over: Literal["depth", "label"] = "depth"
    depth: Annotated[int, Field(ge=1, le=6)] = 3
    labels: Annotated[int, Field(ge=1, le=20_000)] = 100

    def subject(self) -> tuple[str, int]:
        return self.dataset, self.train_size

    def seconds(self) -> float:
        if self.over == "depth":
            return (
                1 + self.pretraining_cost(max(DEPTHS)) + sum(1.5 * self.cost("stack", self.updates, 2, depth) for depth in DEPTHS)
            )
        return 1 + (1 + len(STRENGTHS)) * (self.pretraining_cost() + 1.5 * self.cost("stack", self.updates, 2))


def run_borders(settings: Borders, *, tell: Tell = silent) -> Study:
    """values: `<family>.<stop>`, held-out error after fine-tuning, stops counted from 0: random, pretrained and modern networks.

    arrays: `stops` (V,): depths, or strengths with 0 for the settings' own label; `error` (3, S, V); `gradient` (2, S, V):
    norm by the first layer's weights over that by the classifier's before any step of fine-tuning, of random and pretrained ones.
    findings: the gain (random minus pretrained) at each stop, then that over ReLU and He at each.
    """
    with divergence_told(settings):
        stops = DEPTHS if settings.over == "depth" else (0.0, *STRENGTHS)
        errors = np.full((len(FAMILIES), settings.seeds, len(stops)), np.nan, np.float32)
        arrays = {
            "stops": np.array(stops, np.float32),
            "error": errors,
            "gradient": np.full((2, settings.seeds, len(stops)), np.nan, np.float32),
        }

        def told(share: float) -> None:
            tell(share, lambda: (dict(arrays), {}))

        (_over_depth if settings.over == "depth" else _over_label)(settings, arrays, told)
    values = {
        f"{name}.{place}": errors[row, :, place].tolist() for row, name in enumerate(FAMILIES) for place in range(len(stops))
    }
    return finished("borders", settings, values, arrays, _findings(values, stops), ())


def _over_depth(settings: Borders, arrays: Mapping[str, np.ndarray], told: Callable[..., None]) -> None:
    """One stack of six layers; a shallower network takes its lower layers, which pretraining made the same way."""
    data = labelled_data(settings)
    stack = network(settings, data, families(settings)[0], tuple(settings.each_seed), max(DEPTHS))
    below = settings.pretraining_cost(max(DEPTHS)) / settings.seconds()
    for moment in pretrain(settings, data, stack):
        told(below * moment.epoch / (max(DEPTHS) * settings.pretrain_epochs))
    for place, depth in enumerate(DEPTHS):
        share = part(told, below + (1 - below) * place / len(DEPTHS), below + (1 - below) * (place + 1) / len(DEPTHS))
        _measure(settings, data, stack, depth, place, arrays, share)


def _over_label(settings: Borders, arrays: Mapping[str, np.ndarray], told: Callable[..., None]) -> None:
    """Another label, and with a faint one other pictures, so another stack."""
    stops = [settings, *(settings.model_copy(update={"task": "faint", "strength": one}) for one in STRENGTHS)]
    for place, one in enumerate(stops):
        share = part(told, place / len(stops), (place + 1) / len(stops))
        data = labelled_data(one)
        stack = network(one, data, families(one)[0], tuple(one.each_seed))
        for moment in pretrain(one, data, stack):
            share(0.6 * moment.epoch / (one.depth * one.pretrain_epochs))
        _measure(one, data, stack, one.depth, place, arrays, part(share, 0.6, 1.0))


def _measure(
    settings: Deep,
    data: Labelled,
    stack: Members,
    depth: int,
    place: int,
    arrays: Mapping[str, np.ndarray],
    told: Callable[..., None],
) -> None:
    """Errors and first gradients at one stop."""
    seeds = tuple(settings.each_seed)
    rows = labelled_rows(data, settings.labels, seeds)
    both = halves(tuned_error(settings, data, raced(settings, data, stack, depth), rows, part(told, 0.0, 0.6)))
    first = halves(first_gradients(settings, data, raced(settings, data, stack, depth), rows))
    for row, name in enumerate(("random", "pretrained")):
        arrays["error"][row, :, place] = both[name]
        arrays["gradient"][row, :, place] = first[name][:, 0] / np.maximum(first[name][:, -1], 1e-30)
    modern = network(settings, data, families(settings)[2], seeds, depth)
    arrays["error"][2, :, place] = tuned_error(settings, data, modern, rows, part(told, 0.6, 1.0))
    told(1.0)


def first_gradients(settings: Deep, data: Labelled, members: Members, rows: Tensor) -> np.ndarray:
    """(M, depth + 1) before any step."""
    return next(iter(tune(settings, data, members, rows, lambda step, last: step == last))).gradient


def _findings(values: Mapping[str, Sequence[float]], stops: Sequence[float]) -> list[Finding]:
    found = [
        finding("borders.gain", difference(values[f"random.{place}"], values[f"pretrained.{place}"]), stop=float(stop))
        for place, stop in enumerate(stops)
    ]
    return found + [
        finding("borders.modern", difference(values[f"modern.{place}"], values[f"pretrained.{place}"]), stop=float(stop))
        for place, stop in enumerate(stops)
    ]
