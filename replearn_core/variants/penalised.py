"""Does a penalty on the code's activity make few units answer, and more different features (claim C11)? Called by a worker."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from replearn_core import measures
from replearn_core.properties.atoms import atoms_of
from replearn_core.properties.study import (
    Study,
    Tell,
    check_labels,
    decoded,
    difference,
    encoded,
    finding,
    finished,
    note,
    part,
    signed_pictures,
    silent,
    trained_all,
)
from replearn_core.variants.lab import Variants

ALIKE = 0.9  # |cosine| from which two atoms count as one feature
SHOWN = 32
LABELS = 5  # of each class, for the probe
DRAWS = (0, 1, 2)


class Penalised(Variants):
    """strength: β of the KL penalty; the lab's is 0.3, towards 5 % of active units."""

    strength: Annotated[float, Field(ge=0, le=10)] = 0.3


def run_penalised(settings: Penalised, *, tell: Tell = silent) -> Study:
    """The sparse preset and the same overcomplete network without its penalty.

    values for sparse and overcomplete: `.l0` (share of units above 0.1), `.features` (live units whose atoms are no copies of
    each other), `.breadth` (participation ratio of the atoms: how many directions they spread over), `.used` (the same of the
    codes), `.dead` (units), `.error` (squared, per image), `.labels` (accuracy with 5 labels a class).
    arrays: `<network>.atoms` uint8 (32, H, W) of the first seed.
    """
    from replearn_core.codes import active_tolerance
    from replearn_core.datasets import load

    data = load(settings.dataset, settings.train_size)
    assert data.y_train is not None and data.y_test is not None
    check_labels(settings.dataset, data.y_train, LABELS)
    values: dict[str, list[float]] = {}
    arrays: dict[str, np.ndarray] = {}
    runs: list[str] = []
    for index, seed in enumerate(settings.each_seed):
        experiments = {
            "overcomplete": settings.preset("overcomplete", seed),
            "sparse": settings.preset("sparse", seed, penalties=({"name": "kl_sparsity", "weight": settings.strength},)),
        }
        networks = trained_all(experiments, data, part(tell, index / settings.seeds, (index + 1) / settings.seeds))
        runs += [experiment.id for experiment in experiments.values()]
        for name, network in networks.items():
            codes, atoms = encoded(network, data.x_test), atoms_of(network)
            dead = measures.dead_units(codes)
            probe = measures.few_label_probe(
                encoded(network, data.x_train), data.y_train, codes, data.y_test, LABELS, [seed + 1_000 * d for d in DRAWS]
            )
            found = {
                "l0": measures.l0(codes, active_tolerance("sigmoid")),
                "features": distinct(atoms[~dead]),
                "breadth": measures.participation_ratio(atoms.reshape(len(atoms), -1)),
                "used": measures.participation_ratio(codes),
                "dead": dead.sum(),
                "error": measures.reconstruction_error(data.x_test, decoded(network, codes)),
                "labels": probe.mean(),
            }
            note(values, name, found)
            if seed == settings.first_seed:
                arrays[f"{name}.atoms"] = signed_pictures(atoms[:SHOWN])
    findings = [
        finding(f"penalised.{name}", difference(values[f"sparse.{name}"], values[f"overcomplete.{name}"]))
        for name in ("l0", "features", "breadth", "used", "labels", "error")
    ]
    return finished("penalised", settings, values, arrays, findings, runs)


def distinct(atoms: np.ndarray) -> int:
    """How many different features there are: atoms (M, *shape) taken in turn, those left out whose |cosine| with one taken
    before is at least 0.9, and constant zeros."""
    flat = atoms.reshape(len(atoms), int(np.prod(atoms.shape[1:]))).astype(np.float64)
    norm = np.linalg.norm(flat, axis=1)
    unit = flat[norm > 1e-12] / norm[norm > 1e-12, None]
    taken: list[int] = []
    for place, atom in enumerate(unit):
        if not taken or np.abs(unit[taken] @ atom).max() < ALIKE:
            taken.append(place)
    return len(taken)
