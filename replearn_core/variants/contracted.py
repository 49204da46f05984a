"""Does the contraction make the code less sensitive, and in which directions (claim C13)? Called by a worker."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from replearn_core.experiment import Experiment
from replearn_core.properties.study import (
    Study,
    Tell,
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
from replearn_core.variants.lab import Variants, against, error

MEASURED = 64  # held-out pictures behind the Jacobians
NEIGHBOURS, TANGENTS = 20, 5
SPECTRUM = 32


class Contracted(Variants):
    """contraction: λ. The lab's preset has 0.1."""

    contraction: Annotated[float, Field(ge=0, le=10)] = 0.1


def run_contracted(settings: Contracted, *, tell: Tell = silent) -> Study:
    """The contractive preset, the same without its penalty, and that one at the moment when it rebuilds as well as the first.

    The last, `equal`, is the plain network after the whole epoch whose held-out error is nearest to the contractive network's: an
    encoder of equal use, so that a smaller slope is not bought with a worse picture.
    values for contractive, plain, equal: `.jacobian` (mean ‖J‖_F), `.error` (squared, per image), `.spread` (Σs)²/Σs² over the
    singular values s of J: how many directions it answers to, `.tangent`: share of ‖J‖²_F along the data's own 5 local
    directions; `chance.tangent` = 5/D. `equal.epoch`.
    arrays: `spectrum` (S, 3, ≤ 32), mean singular values, descending, in the order contractive, plain, equal.
    """
    from replearn_core.datasets import load

    data = load(settings.dataset, settings.train_size)
    x = data.x_test[:MEASURED]
    tangents = local_directions(x, data.x_train)
    values: dict[str, list[float]] = {}
    spectra: list[list[np.ndarray]] = []
    runs: list[str] = []
    for index, seed in enumerate(settings.each_seed):
        penalised = experiment_of(settings, seed, settings.contraction)
        plain = experiment_of(settings, seed, 0.0)
        begins, halfway, ends = ((index + share) / settings.seeds for share in (0, 0.5, 1))
        contractive = trained(penalised, data, part(tell, begins, halfway))
        networks = {"contractive": contractive}
        networks |= moments_of(plain, data, error(contractive, data.x_test), values, part(tell, halfway, ends))
        runs += [penalised.id, plain.id]
        rows = []
        for name, network in networks.items():
            jacobians = slopes(network, x)
            singular = np.linalg.svd(jacobians, compute_uv=False)  # (B, min(K, D))
            found = {
                "jacobian": np.linalg.norm(jacobians, axis=(1, 2)).mean(),
                "error": error(network, data.x_test),
                "spread": (np.square(singular.sum(axis=1)) / np.square(singular).sum(axis=1)).mean(),
                "tangent": (np.square(jacobians @ tangents).sum(axis=(1, 2)) / np.square(jacobians).sum(axis=(1, 2))).mean(),
            }
            note(values, name, found)
            rows.append(singular.mean(axis=0)[:SPECTRUM])
        note(values, "chance", {"tangent": TANGENTS / x[0].size})
        spectra.append(rows)
    return finished("contracted", settings, values, {"spectrum": np.array(spectra, np.float32)}, _findings(values), runs)


def experiment_of(settings: Contracted, seed: int, weight: float) -> Experiment:
    penalties = ({"name": "contraction", "weight": weight},) if weight else ()
    return settings.preset("contractive", seed, penalties=penalties)


def moments_of(experiment: Experiment, data, wanted: float, values: dict[str, list[float]], tell: Tell) -> dict[str, Any]:
    """{"plain": after the last epoch, "equal": after the epoch, from 1 on, whose held-out error is nearest to `wanted`}.

    Recorded epochs lie far apart and the error falls by half between two of them, so between the last above `wanted` and the
    first that is not, the run is trained on from the former: a continuation is the same run bit for bit.
    """
    kept = states_of(experiment, data, None, tell)
    errors = {epoch: error(network_of(experiment, state), data.x_test) for epoch, state in kept.items() if epoch}
    recorded = sorted(errors)
    low = max((epoch for epoch in recorded if errors[epoch] > wanted), default=recorded[0])
    high = min((epoch for epoch in recorded if epoch > low and errors[epoch] <= wanted), default=low)
    while high - low > 1:
        middle = (low + high) // 2
        more = experiment.changed(epochs=middle - low, continues=(experiment.id, low))
        kept[middle] = states_of(more, data, kept[low], silent)[middle]
        errors[middle] = error(network_of(experiment, kept[middle]), data.x_test)
        low, high = (middle, high) if errors[middle] > wanted else (low, middle)
    when = min((low, high), key=lambda epoch: abs(np.log(errors[epoch]) - np.log(wanted)))
    note(values, "equal", {"epoch": when})
    return {"plain": network_of(experiment, kept[recorded[-1]]), "equal": network_of(experiment, kept[when])}


def states_of(experiment: Experiment, data, state: Any, tell: Tell) -> dict[int, Any]:
    """Recorded whole epoch → state of a run, from `state` on where it continues another."""
    from replearn_core.training import train

    kept: dict[int, Any] = {}
    last = experiment.epochs + (experiment.continues[1] if experiment.continues else 0)
    event: Any  # told apart by its kind
    for event in train(experiment, data, device="cpu", weights=state):
        if event.kind == "diverged":
            raise RuntimeError(f"{experiment.id} diverged: {event.term}")
        if event.kind == "progress" and event.state is not None:
            tell(min(event.epoch / last, 1.0))
            kept[int(event.epoch)] = event.state
            if event.epoch == last:
                break
    return kept


def network_of(experiment: Experiment, state: Any) -> Any:
    import torch

    from replearn_core.networks import Autoencoder
    from replearn_core.training import load

    network = Autoencoder(experiment, torch.Generator())
    load(network, state)
    return network.eval()


def slopes(network: Any, x: np.ndarray) -> np.ndarray:
    """J = ∂h/∂x (B, K, D) of a one-layer encoder: s′(a_j) W_j. x (B, *shape)."""
    import torch

    from replearn_core.codes import SLOPES

    slope = SLOPES[network.experiment.code](torch.from_numpy(encoded(network, x))).numpy()  # (B, K)
    return slope[:, :, None].astype(np.float64) * network.encoder[0].weight.detach().numpy()


def local_directions(x: np.ndarray, near: np.ndarray) -> np.ndarray:
    """(B, D, 5): orthonormal axes of the 20 training pictures next to each of x (B, *shape), the widest first."""
    flat, others = (one.reshape(len(one), -1).astype(np.float64) for one in (x, near))
    axes = []
    for row in flat:
        nearest = others[np.argsort(np.square(others - row).sum(axis=1))[:NEIGHBOURS]]
        axes.append(np.linalg.svd(nearest - nearest.mean(axis=0), full_matrices=False)[2][:TANGENTS].T)
    return np.array(axes)


def _findings(values: dict[str, list[float]]):
    return (
        finding("contracted.jacobian", interval(against(values, "jacobian", "contractive", "plain"))),
        finding("contracted.jacobian_equal", interval(against(values, "jacobian", "contractive", "equal"))),
        finding("contracted.spread", difference(values["contractive.spread"], values["plain.spread"])),
        finding("contracted.spread_equal", difference(values["contractive.spread"], values["equal.spread"])),
        finding("contracted.tangent", difference(values["contractive.tangent"], values["plain.tangent"])),
        finding("contracted.tangent_equal", difference(values["contractive.tangent"], values["equal.tangent"])),
        finding("contracted.error", interval(against(values, "error", "contractive", "plain"))),
        finding("contracted.error_equal", interval(against(values, "error", "contractive", "equal"))),
    )
