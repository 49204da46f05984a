"""The source networks of transfer: shipped as safetensors, or trained here. Studies ask `networks`; `make assets` ships.

A file holds the networks of several seeds, stacked: `encoder.0.weight` is (S, out, in). The recipe is in its metadata.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from replearn_core import weights
from replearn_core.comparisons import pairs
from replearn_core.experiment import Problem
from replearn_core.places import ASSETS
from replearn_core.strategies import Phase, tune

if TYPE_CHECKING:
    from replearn_core.members import Blueprint, Members
    from replearn_core.supervised import Moment

FOLDER = ASSETS / "pretrained" / "transfer"
SHIPPED = ("digits", "letters")  # embedded source tasks: real ones are trained on the spot, from the visitor's own copy
SEEDS = range(5)
BATCH, RATE = 32, 1e-3


@dataclass(frozen=True)
class Recipe:
    """How a source network is made. epochs: over all training images of its task."""

    depth: int = 4
    width: int = 64
    batch_norm: bool = False
    dropout: float = 0.0
    epochs: int = 30

    def blueprint(self, classes: int) -> Blueprint:
        """ReLU with He's first weights: what a visitor would use today."""
        from replearn_core.members import Blueprint

        sizes = (pairs.SIZE, *[self.width] * self.depth)
        return Blueprint(sizes, classes, "relu", "he", self.batch_norm, self.dropout)

    def shapes(self, classes: int, count: int) -> dict[str, tuple[int, ...]]:
        """Name → shape of every tensor in a file with so many networks."""
        widths = (pairs.SIZE, *[self.width] * self.depth)
        found: dict[str, tuple[int, ...]] = {}
        for layer, (below, above) in enumerate(zip(widths, widths[1:])):
            found[f"encoder.{layer}.weight"] = count, above, below
            names = [f"norm.{layer}.{name}" for name in ("weight", "bias", "mean", "variance")]
            found |= dict.fromkeys(names if self.batch_norm else [f"encoder.{layer}.bias"], (count, above))
        return found | {"head.weight": (count, classes, widths[-1]), "head.bias": (count, classes)}


def path_of(source: str) -> Path:
    return FOLDER / f"{source}.safetensors"


def read(source: str, recipe: Recipe) -> dict[str, np.ndarray]:
    """The shipped networks (S, …) by name, checked against the recipe. Raises weights.WeightsError: expected against found."""
    classes = len(pairs.about(source).classes)
    return weights.read(path_of(source).read_bytes(), recipe.shapes(classes, len(SEEDS)))[0]


def problem(source: str, recipe: Recipe) -> Problem | None:
    """Why the shipped networks of this source cannot serve, or None. Reads the file; needs no torch."""
    if not path_of(source).is_file():
        return Problem("problem.no_source", "source", {"value": source})
    try:
        read(source, recipe)
    except weights.WeightsError as error:
        return error.problem
    return None


# ---- training ----


def phase(recipe: Recipe) -> Phase:
    return tune("source", recipe.epochs, recipe.depth, 0)


def training(side: pairs.Side, recipe: Recipe, seeds: Sequence[int]) -> tuple[Members, Iterator[Moment]]:
    """New networks and what trains them on a whole task, epoch by epoch."""
    import torch

    from replearn_core.members import Members
    from replearn_core.supervised import learn

    members = Members(recipe.blueprint(len(side.classes)), list(seeds))
    x, y = torch.from_numpy(side.x_train), torch.from_numpy(side.y_train)
    return members, learn(members, (phase(recipe),), x, y, batch_size=BATCH, learning_rate=RATE)


def loaded(source: str, recipe: Recipe, seeds: Sequence[int]) -> Members:
    """The shipped networks of some seeds of SEEDS. Raises weights.WeightsError."""
    import torch

    from replearn_core.members import Members

    stacked = read(source, recipe)
    members = Members(recipe.blueprint(len(pairs.about(source).classes)), list(seeds))
    for place, seed in enumerate(seeds):
        state = {name: torch.from_numpy(np.ascontiguousarray(value[seed])) for name, value in stacked.items()}
        members.put(state, ("encoder.*", "norm.*", "head.*"), [place])
    return members


def merged(parts: Sequence[Members], seeds: Sequence[int]) -> Members:
    """One stack of networks of one shape, in the order of `seeds`, each of which is in one of the parts."""
    from replearn_core.members import Members

    whole = Members(parts[0].blueprint, list(seeds))
    for part in parts:
        for place, seed in enumerate(part.seeds):
            whole.put(part.state(place), ("*",), [list(seeds).index(seed)])
    return whole


# ---- shipping ----


def ship(source: str, folder: Path = FOLDER) -> Path:
    """Train SEEDS networks by the default recipe and write the file, with recipe and held-out accuracy in its metadata."""
    import torch
    from safetensors import numpy as safetensors_numpy

    from replearn_core.supervised import evaluate

    recipe, side = Recipe(), pairs.side(source)
    members, moments = training(side, recipe, SEEDS)
    for _ in moments:
        pass
    _, error = evaluate(members, torch.from_numpy(side.x_test), torch.from_numpy(side.y_test))
    wanted = recipe.shapes(len(side.classes), len(SEEDS))
    stacked: Mapping[str, Any] = {**members.weights, **members.buffers}
    arrays = {name: np.ascontiguousarray(stacked[name].detach().numpy()) for name in wanted}
    facts = {"format": "replearn", "source": source, "recipe": json.dumps(asdict(recipe)), "seeds": json.dumps(list(SEEDS))}
    facts["accuracy"] = json.dumps([round(float(1 - one), 4) for one in error])
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{source}.safetensors"
    target.write_bytes(safetensors_numpy.save(arrays, facts))
    return target
