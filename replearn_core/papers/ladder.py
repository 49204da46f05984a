"""The ladder of the LISA deep-learning tutorials in kind: logistic regression, one hidden layer, stacked denoising layers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from replearn_core.papers.table import Expected, Row, Rows, Say, Settings, Table
from replearn_core.strategies import pretraining_phases

if TYPE_CHECKING:
    from torch import Tensor

    from replearn_core.datasets import Dataset
    from replearn_core.members import Members


class Ladder(Settings):
    """iterations: of L-BFGS, for logistic regression without a penalty. epochs: with labels; layer_epochs: without, for each
    layer. noise: share of its input that each layer's autoencoder masks, as in the tutorial."""

    iterations: Annotated[int, Field(ge=1, le=10_000)] = 50
    units: Annotated[int, Field(ge=1, le=2_048)] = 500
    epochs: Annotated[int, Field(ge=1, le=500)] = 5
    layer_epochs: Annotated[int, Field(ge=1, le=500)] = 2
    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 1e-3
    noise: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = (0.1, 0.2, 0.3)


def run(settings: Any, data: Dataset, say: Say) -> Rows:
    """error: % of held-out images, after the last epoch."""
    import torch

    from replearn_core.batches import flat

    assert data.y_train is not None and data.y_test is not None
    cpu = torch.device("cpu")
    x, x_test = flat(data.x_train, cpu), flat(data.x_test, cpu)
    y, y_test = (torch.from_numpy(np.array(one)) for one in (data.y_train, data.y_test))
    found = {"logistic": np.array([logistic_error(settings, *(one.numpy() for one in (x, y, x_test, y_test)))])}
    say(f"  logistic: {found['logistic'][0]:.2f} %")
    classes = int(y.max()) + 1
    for name, members in (
        ("mlp", one_layer(settings, x.shape[1], classes)),
        ("sda", stacked(settings, x, classes)),
    ):
        found[name] = fine_tuned(settings, members, x, y, x_test, y_test)
        say(f"  {name}: {found[name].mean():.2f} %")
    return {name: {"error": tuple(values.tolist())} for name, values in found.items()}


def logistic_error(settings: Ladder, x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> float:
    """In %. Stopped early rather than penalised, as in the tutorial."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = LogisticRegression(C=np.inf, max_iter=settings.iterations).fit(x, y)
    return 100 * (1 - float(fitted.score(x_test, y_test)))


def one_layer(settings: Ladder, size: int, classes: int) -> Members:
    """One hidden layer of tanh units with Glorot's first weights, as in the tutorial."""
    from replearn_core.members import Blueprint, Members

    return Members(Blueprint((size, settings.units), classes, "tanh", "xavier"), list(settings.each_seed))


def stacked(settings: Ladder, x: Tensor, classes: int) -> Members:
    """Layers of sigmoid units, each trained without labels to rebuild what the one below says from a masked copy of it."""
    from replearn_core.members import Blueprint, Members
    from replearn_core.supervised import Layer, learn

    depth = len(settings.noise)
    members = Members(Blueprint((x.shape[1], *[settings.units] * depth), classes, "sigmoid", "xavier"), list(settings.each_seed))
    options: dict[str, Any] = {"batch_size": settings.batch_size, "learning_rate": settings.learning_rate}
    for place, phase in enumerate(pretraining_phases(depth, settings.layer_epochs, 0)[:depth]):
        layer, begins = Layer("denoising", noise=settings.noise[place]), place * settings.layer_epochs
        for _ in learn(members, (phase,), x, layer=layer, first_epoch=begins, **options):
            pass
    return members


def fine_tuned(settings: Ladder, members: Members, x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor) -> np.ndarray:
    """(M,) held-out error in % once everything has been trained with all labels."""
    from replearn_core.supervised import evaluate, learn

    phase = pretraining_phases(members.blueprint.levels, 0, settings.epochs)[-1]
    options: dict[str, Any] = {"batch_size": settings.batch_size, "learning_rate": settings.learning_rate}
    for _ in learn(members, (phase,), x, y, first_epoch=1_000, **options):  # another order than pretraining's
        pass
    return 100 * evaluate(members, x_test, y_test)[1]


TABLE = Table(
    "ladder",
    "LISA lab, Deep Learning Tutorials (deeplearning.net)",
    ("error",),
    (
        Row("logistic", {"error": (7.49,)}),
        Row("mlp", {"error": (1.65,)}),
        Row("sda", {"error": (1.30,)}),
    ),
    (
        Expected("mlp_logistic", "mlp", "error", "lower", "logistic"),
        Expected("sda_mlp", "sda", "error", "lower", "mlp"),
    ),
    Ladder(),
    run,
)
