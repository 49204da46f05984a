"""Rifai et al. 2011, table 1, in kind: test error of networks that begin as five kinds of autoencoder, and their mean ‖J‖_F."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from replearn_core.experiment import Experiment
from replearn_core.papers.table import Expected, Row, Rows, Say, Settings, Table
from replearn_core.properties.study import trained
from replearn_core.strategies import Phase

if TYPE_CHECKING:
    from torch import Tensor

    from replearn_core.datasets import Dataset
    from replearn_core.members import Members

PLAIN, DECAYED = "ae", "ae_decay"


class Contraction(Settings):
    """epochs: without labels; tuning_epochs: with them. contraction: λ. sigma, masked: the noises. decay: of the weights, after
    each step by the share learning_rate · decay (decoupled: Loshchilov & Hutter 2019). None of these was searched for."""

    units: Annotated[int, Field(ge=1, le=2_048)] = 500
    epochs: Annotated[int, Field(ge=1, le=500)] = 3
    tuning_epochs: Annotated[int, Field(ge=1, le=500)] = 3
    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 2e-3
    contraction: Annotated[float, Field(ge=0, le=100)] = 0.1
    sigma: Annotated[float, Field(ge=0, le=1)] = 0.3
    masked: Annotated[float, Field(ge=0, lt=1)] = 0.3
    decay: Annotated[float, Field(ge=0, le=10)] = 0.1


def experiments(settings: Contraction, dataset: str, seed: int) -> dict[str, Experiment]:
    """The four rows that are runs of the lab; the fifth decays its weights, which the lab does not."""
    different: dict[str, dict[str, Any]] = {
        "cae": {"penalties": [{"name": "contraction", "weight": settings.contraction}]},
        "dae_gaussian": {"corruption": {"name": "gaussian", "weight": settings.sigma}},
        "dae_binary": {"corruption": {"name": "masking", "weight": settings.masked}},
        PLAIN: {},
    }
    shared = {
        "dataset": dataset,
        "code_size": settings.units,
        "code": "sigmoid",
        "tied": True,
        "reconstruction": "cross_entropy",
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "seed": seed,
    }
    return {name: Experiment.from_values(shared | fields) for name, fields in different.items()}


def run(settings: Any, data: Dataset, say: Say) -> Rows:
    """share: a row's ‖J‖ over the plain autoencoder's of the same seed. The others: `row`."""
    names = [*experiments(settings, data.name, 0), DECAYED]
    return with_shares({name: row(settings, data, name, say) for name in names})


def with_shares(found: Mapping[str, Mapping[str, tuple[float, ...]]]) -> Rows:
    """The rows with one measure more, which needs all of them."""
    plain = found[PLAIN]["jacobian"]
    return {name: {**one, "share": tuple(own / base for own, base in zip(one["jacobian"], plain))} for name, one in found.items()}


def row(settings: Contraction, data: Dataset, name: str, say: Say) -> dict[str, tuple[float, ...]]:
    """error: % of held-out images after fine-tuning with all labels, as in the paper. jacobian: mean ‖J‖_F on held-out images
    before it."""
    import torch

    from replearn_core.batches import flat

    assert data.y_train is not None and data.y_test is not None
    cpu = torch.device("cpu")
    x, x_test = flat(data.x_train, cpu), flat(data.x_test, cpu)
    y, y_test = (torch.from_numpy(np.array(one)) for one in (data.y_train, data.y_test))
    classes = int(y.max()) + 1
    stack = decayed(settings, x, classes) if name == DECAYED else begun(settings, data, name, x.shape[1], classes)
    norms = slopes(stack, x_test)
    error = tuned_error(settings, stack, x, y, x_test, y_test)
    say(f"  {name}: {error.mean():.2f} %, ‖J‖ {norms.mean():.3g}")
    return {"error": tuple(error.tolist()), "jacobian": tuple(norms.tolist())}


def begun(settings: Contraction, data: Dataset, name: str, size: int, classes: int) -> Members:
    """A stack with a network a seed, whose layer is the encoder of that row's autoencoder and whose classifier is new."""
    members = network(settings, size, classes)
    for place, seed in enumerate(settings.each_seed):
        encoder = trained(experiments(settings, data.name, seed)[name], data).encoder[0]
        state = {"encoder.0.weight": encoder.weight.detach(), "encoder.0.bias": encoder.bias.detach()}
        members.put(state, ("encoder.*",), (place,))
    return members


def decayed(settings: Contraction, x: Tensor, classes: int) -> Members:
    """The plain autoencoder again, all seeds as one stack, with weights that shrink a little after each step.

    It begins where that one begins, with the mean picture as the picture's bias (`training.centre`); undecayed, it is that one.
    """
    import torch

    from replearn_core.supervised import Layer, learn

    members = network(settings, x.shape[1], classes)
    options: dict[str, Any] = {"batch_size": settings.batch_size, "learning_rate": settings.learning_rate}
    keeps = 1 - settings.learning_rate * settings.decay
    phase = Phase("layer_1", settings.epochs)
    mean = x.mean(dim=0, dtype=torch.float64).float()
    members.weights["decoder.0.bias"].copy_(torch.logit(mean.clamp(0.02, 0.98)))
    for moment in learn(members, (phase,), x, layer=Layer("plain"), recorded=lambda *_: True, **options):
        if moment.epoch:  # the first moment is before any step
            with torch.no_grad():
                members.weights["encoder.0.weight"].mul_(keeps)
    return members


def network(settings: Contraction, size: int, classes: int) -> Members:
    from replearn_core.members import Blueprint, Members

    return Members(Blueprint((size, settings.units), classes, "sigmoid", "xavier"), list(settings.each_seed))


def slopes(members: Members, x: Tensor) -> np.ndarray:
    """(M,) mean over x (N, D) of ‖J‖_F = √ Σ_j s′(a_j)² ‖W_j‖² of one sigmoid layer: exact, and the norm, not its square."""
    import torch

    from replearn_core.supervised import BLOCK

    squares = members.weights["encoder.0.weight"].square().sum(dim=2, keepdim=True)  # (M, H, 1)
    with torch.no_grad():
        codes = (members.up(part, 0, 1) for part in x.split(BLOCK))
        norms = [torch.bmm((h * (1 - h)).square(), squares).sqrt().squeeze(2) for h in codes]  # (M, n) each
        return torch.cat(norms, dim=1).double().mean(dim=1).numpy()


def tuned_error(settings: Contraction, members: Members, x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor) -> np.ndarray:
    """(M,) held-out error in % once every weight has been trained with the labels."""
    from replearn_core.supervised import evaluate, learn

    phase = Phase("whole", settings.tuning_epochs, objective="classification")
    options: dict[str, Any] = {"batch_size": settings.batch_size, "learning_rate": settings.learning_rate}
    for _ in learn(members, (phase,), x, y, first_epoch=1_000, **options):  # another order than pretraining's
        pass
    return 100 * evaluate(members, x_test, y_test)[1]


TABLE = Table(
    "contraction",
    "Rifai, Vincent, Muller, Glorot & Bengio 2011, ICML, table 1",
    ("error", "jacobian", "share"),
    tuple(
        Row(name, {"error": (error,), "jacobian": (jacobian,), "share": (jacobian / 17.5e-4,)})
        for name, error, jacobian in (
            ("cae", 1.14, 0.73e-4),
            ("dae_gaussian", 1.18, 0.86e-4),
            ("dae_binary", 1.57, 7.87e-4),
            (DECAYED, 1.68, 5.00e-4),
            (PLAIN, 1.78, 17.5e-4),
        )
    ),
    tuple(
        Expected(f"{measure}_{name}", name, measure, "lower", PLAIN)
        for measure in ("jacobian", "error")
        for name in ("cae", "dae_gaussian", "dae_binary", DECAYED)
    ),
    Contraction(),
    run,
)
