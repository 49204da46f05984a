"""Hinton & Salakhutdinov 2006 in kind: squared error per held-out digit that is rebuilt from 30 numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from replearn_core import measures
from replearn_core.experiment import Experiment
from replearn_core.papers.table import Expected, Row, Rows, Say, Settings, Table
from replearn_core.properties.study import decoded, encoded, trained

if TYPE_CHECKING:
    from torch import Tensor

    from replearn_core.datasets import Dataset

Width = Annotated[int, Field(ge=1, le=2_048)]


class Thirty(Settings):
    """hidden: widths of the deep encoder before its code. sought_images, sought_steps, sought_rate: of logistic PCA whose codes
    are sought image by image; so many training images fix its 30 directions."""

    numbers: Annotated[int, Field(ge=1, le=2_048)] = 30
    hidden: tuple[Width, ...] = (500, 250, 125)
    epochs: Annotated[int, Field(ge=1, le=500)] = 6
    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 1e-3
    sought_images: Annotated[int, Field(ge=2, le=60_000)] = 2_000
    sought_steps: Annotated[int, Field(ge=1, le=10_000)] = 200
    sought_rate: Annotated[float, Field(gt=0, le=10)] = 0.1


def experiment(settings: Thirty, dataset: str, seed: int, hidden: tuple[int, ...]) -> Experiment:
    """An autoencoder with a linear code and logistic outputs, as a visitor can train it too. Without hidden layers it is logistic
    PCA whose code one linear layer gives."""
    return Experiment.from_values(
        {
            "dataset": dataset,
            "hidden": hidden,
            "code_size": settings.numbers,
            "activation": "relu",
            "code": "linear",
            "reconstruction": "cross_entropy",
            "epochs": settings.epochs,
            "batch_size": settings.batch_size,
            "learning_rate": settings.learning_rate,
            "seed": seed,
        }
    )


def run(settings: Any, data: Dataset, say: Say) -> Rows:
    """squared_error: summed over pixels, mean over all held-out images."""
    found: dict[str, list[float]] = {"pca": [measures.pca_error(data.x_train, data.x_test, settings.numbers)]}
    say(f"  pca: {found['pca'][0]:.2f}")
    for seed in settings.each_seed:
        for name, hidden in (("deep", settings.hidden), ("logistic_pca", ())):
            network = trained(experiment(settings, data.name, seed, hidden), data)
            rebuilt = decoded(network, encoded(network, data.x_test))
            found.setdefault(name, []).append(measures.reconstruction_error(data.x_test, rebuilt))
        found.setdefault("logistic_sought", []).append(sought_error(settings, data.x_train, data.x_test, seed))
        say(f"  seed {seed}: " + ", ".join(f"{name} {values[-1]:.2f}" for name, values in found.items()))
    return {name: {"squared_error": tuple(values)} for name, values in found.items()}


def sought_error(settings: Thirty, x_train: np.ndarray, x_test: np.ndarray, seed: int) -> float:
    """Squared error per held-out image of logistic PCA: x̂ = σ(Vz + c), z sought for each image to lower its cross-entropy.

    Collins, Dasgupta & Schapire 2001, with both sides moved at once by Adam: V and c with the codes of training images, then the
    codes of held-out images alone.
    """
    import torch

    from replearn_core.batches import flat
    from replearn_core.training import generator

    cpu, random = torch.device("cpu"), generator(seed, "weights")
    x, held_out = flat(x_train[: settings.sought_images], cpu), flat(x_test, cpu)
    directions = (0.1 * torch.randn(settings.numbers, x.shape[1], generator=random)).requires_grad_()  # (K, D)
    centre = torch.logit(x.mean(dim=0).clamp(0.02, 0.98)).requires_grad_()
    begin = 0.1 * torch.randn(len(x), settings.numbers, generator=random)
    codes_of(settings, x, directions, centre, begin, (directions, centre))
    fixed = directions.detach(), centre.detach()
    total = 0.0
    for part in held_out.split(settings.sought_images):
        codes = codes_of(settings, part, *fixed, torch.zeros(len(part), settings.numbers), ())
        total += float((torch.sigmoid(torch.addmm(fixed[1], codes, fixed[0])) - part).square().sum(dtype=torch.float64))
    return total / len(held_out)


def codes_of(settings: Thirty, x: Tensor, directions: Tensor, centre: Tensor, begin: Tensor, moved: tuple[Tensor, ...]) -> Tensor:
    """(N, K) codes of x (N, D) after Adam on Σ cross-entropy of σ(Vz + c); `moved` moves with them. The gradient is written out:
    the derivative of the cross-entropy by the logits is σ(a) − x."""
    import torch

    from replearn_core.adam import Adam

    codes = begin.clone().requires_grad_()
    optimiser = Adam([([codes, *moved], settings.sought_rate)])
    with torch.no_grad():
        for _ in range(settings.sought_steps):
            error = torch.sigmoid(torch.addmm(centre, codes, directions)) - x  # (N, D)
            codes.grad = error @ directions.T
            if moved:
                directions.grad, centre.grad = codes.T @ error, error.sum(dim=0)
            optimiser.step()
    return codes.detach()


TABLE = Table(
    "thirty",
    "Hinton & Salakhutdinov 2006, Science 313",
    ("squared_error",),
    (
        Row("deep", {"squared_error": (3.00,)}),
        Row("logistic_pca", {"squared_error": (8.01,)}),
        Row("pca", {"squared_error": (13.87,)}),
        Row("logistic_sought"),
    ),
    (
        Expected("deep_pca", "deep", "squared_error", "lower", "pca"),
        Expected("logistic_pca", "logistic_pca", "squared_error", "lower", "pca"),
        Expected("deep_logistic", "deep", "squared_error", "lower", "logistic_pca"),
        Expected("deep_sought", "deep", "squared_error", "lower", "logistic_sought"),
    ),
    Thirty(),
    run,
)
