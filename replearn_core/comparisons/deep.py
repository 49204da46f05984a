"""What the pretraining studies share: their knobs, their data with a main or a faint label, stacks that are pretrained and tuned.

Used by `pretraining.py` and `borders.py`, in a worker. torch is imported inside the functions that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from replearn_core.catalog import DATASETS
from replearn_core.options import refusal
from replearn_core.properties.study import Settings
from replearn_core.strategies import Phase, pretraining_phases

if TYPE_CHECKING:
    from torch import Tensor

    from replearn_core.members import Members
    from replearn_core.supervised import Moment

PATTERNS = 4  # faint patterns, so as many classes
CORNERS = 4  # quarters of the picture in which a sprite can lie
TESTED, WATCHED = 2_000, 400  # held-out pictures: for the last figures, and for the points of a curve
LEARNT = 500  # labelled pictures on which the training error is measured, at most
STEP_SECONDS = {"stack": 1.5e-3, "norm": 2.5e-3, "layer": 0.9e-3}  # of 5 members of 64 units and 4 layers; measured


class Deep(Settings):
    """A stack of `depth` layers of `width` units, and how it is pretrained and tuned.

    task: whose label. `class`: the data set's own; `position`: the quarter of the picture a sprite lies in; `faint`: one of
    PATTERNS faint textures of amplitude `strength` that are laid over the pictures whatever they show.
    train_size: pictures without labels; `labels` of them have one. pretrain_epochs: for each layer. updates: steps of
    fine-tuning, alike for all. noise: share of the input that denoising masks. penalty: of the sparse and the contractive layer.
    """

    dataset: Literal["digits", "mnist", "fashion_mnist", "kmnist", "sprites"] = "digits"
    task: Literal["class", "position", "faint"] = "class"
    strength: Annotated[float, Field(ge=0.005, le=0.4)] = 0.03
    depth: Annotated[int, Field(ge=1, le=6)] = 4
    activation: Literal["sigmoid", "tanh", "relu"] = "sigmoid"
    initialisation: Literal["small", "xavier", "he"] = "small"
    labels: Annotated[int, Field(ge=1, le=20_000)] = 50
    layer: Literal["plain", "denoising", "sparse", "contractive"] = "denoising"
    width: Annotated[int, Field(ge=4, le=300)] = 64
    noise: Annotated[float, Field(ge=0, le=0.9)] = 0.25
    penalty: Annotated[float, Field(ge=0, le=10)] = 0.1
    train_size: Annotated[int, Field(ge=50, le=20_000)] = 1_437
    pretrain_epochs: Annotated[int, Field(ge=1, le=200)] = 20
    updates: Annotated[int, Field(ge=20, le=5_000)] = 1_000
    batch_size: Annotated[int, Field(ge=1, le=500)] = 32
    learning_rate: Annotated[float, Field(ge=1e-5, le=0.1)] = 0.003

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        most = DATASETS[self.dataset].train_size
        if self.train_size > most:
            raise refusal("problem.too_few_pictures", "train_size", value=self.train_size, limit=most)
        if self.labels > self.train_size:
            raise refusal("problem.more_labels_than_pictures", "labels", value=self.labels, limit=self.train_size)
        if self.task == "position" and self.dataset != "sprites":
            raise refusal("problem.position_needs_sprites", "task", dataset=self.dataset)
        if self.labels < self.classes:
            raise refusal("problem.fewer_labels_than_classes", "labels", value=self.labels, classes=self.classes)
        return self

    @property
    def classes(self) -> int:
        return {"class": DATASETS[self.dataset].classes, "position": CORNERS, "faint": PATTERNS}[self.task]

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The plan of a pretrained network, as the page shows it: `depth` layers one after another, then everything."""
        return pretraining_phases(self.depth, self.pretrain_epochs, epochs_of(self.updates, self.labels, self.batch_size))

    def cost(self, kind: str, steps: float, members: float = 1, depth: int | None = None) -> float:
        """Estimated CPU seconds of training `members` × `seeds` networks for so many steps."""
        depth = self.depth if depth is None else depth
        size = (DATASETS[self.dataset].size * self.width + (0 if kind == "layer" else (depth - 1) * self.width**2)) / 16_384
        layers = 1.0 if kind == "layer" else depth / 4
        scale = 0.5 * layers + 0.5 * size * self.batch_size / 32
        return STEP_SECONDS[kind] * steps * scale * (0.6 + 0.4 * self.seeds / 5 * members)

    def pretraining_cost(self, depth: int | None = None) -> float:
        steps = self.pretrain_epochs * -(-self.train_size // self.batch_size)
        return self.cost("layer", steps * (self.depth if depth is None else depth))


def epochs_of(updates: int, samples: int, batch_size: int) -> int:
    """Whole epochs with at least so many steps."""
    steps = -(-samples // min(batch_size, samples))
    return -(-updates // steps)


# ---- data ----


@dataclass(frozen=True, eq=False)
class Labelled:
    """x (N, D), y (N,), x_test (N', D), y_test (N',); shape of one picture."""

    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor
    shape: tuple[int, ...]
    classes: int


def labelled_data(settings: Deep) -> Labelled:
    """The pictures with the label of the settings' task. Raises CannotAnswer: a class has no picture; datasets.Unavailable."""
    import torch

    from replearn_core.datasets import load
    from replearn_core.tasks import CannotAnswer

    data = load(settings.dataset, settings.train_size)
    parts = []
    for number, (x, y, factors) in enumerate(
        ((data.x_train, data.y_train, data.factors_train), (data.x_test, data.y_test, data.factors_test))
    ):
        x = np.asarray(x[:TESTED] if number else x, np.float32)
        if settings.task == "faint":
            x, y = with_faint_pattern(x, settings.strength, number)
        elif settings.task == "position":
            assert factors is not None
            y = corners(factors, data.factor_names)
        assert y is not None
        parts += [torch.from_numpy(np.array(x).reshape(len(x), -1)), torch.from_numpy(np.array(y[: len(x)], np.int64))]
    missing = sorted(set(range(settings.classes)) - set(parts[1].tolist()))
    if missing:
        raise CannotAnswer("problem.class_without_pictures", "train_size", value=missing[0], samples=settings.train_size)
    return Labelled(parts[0], parts[1], parts[2], parts[3], data.shape, settings.classes)


def with_faint_pattern(x: np.ndarray, strength: float, part: int) -> tuple[np.ndarray, np.ndarray]:
    """(pictures, label): a texture of ±strength, drawn once for each class, over pictures squeezed to make room for it.

    The label is drawn by chance, so nothing that the pictures show is related to it.
    """
    textures = np.random.default_rng(17).choice([-1.0, 1.0], size=(PATTERNS, *x.shape[1:]))
    y = np.random.default_rng([18, part]).integers(0, PATTERNS, len(x))
    return (strength + (1 - 2 * strength) * x + strength * textures[y]).astype(np.float32), y


def corners(factors: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """(N,) the quarter 0 … 3 of the picture in which each sprite lies, from its levels of x and y (8 each)."""
    right, low = (factors[:, names.index(name)] >= 4 for name in ("x", "y"))
    return 2 * low.astype(np.int64) + right


def draw_labelled(y: np.ndarray, count: int, classes: int, seed: int) -> np.ndarray:
    """(count,) places: equally many of each class as far as it goes, the rest from all others, by the seed alone."""
    random = np.random.default_rng([seed, 19])
    chosen: list[int] = []
    for label in range(classes):
        chosen += random.permutation(np.flatnonzero(y == label))[: count // classes].tolist()
    rest = np.setdiff1d(np.arange(len(y)), chosen)
    return np.array(chosen + random.permutation(rest)[: count - len(chosen)].tolist())


def labelled_rows(data: Labelled, count: int, seeds: Sequence[int]) -> Tensor:
    """(S, count): each seed's own labelled pictures."""
    import torch

    return torch.from_numpy(np.stack([draw_labelled(data.y.numpy(), count, data.classes, seed) for seed in seeds]))


# ---- networks ----


@dataclass(frozen=True)
class Family:
    """One way to begin. `pretrained` members take their layers from the stack that was built without labels."""

    name: str
    activation: str
    initialisation: str
    batch_norm: bool = False
    pretrained: bool = False


def families(settings: Deep) -> tuple[Family, ...]:
    """The same network from random weights and pretrained, and two remedies of today."""
    own = settings.activation, settings.initialisation
    return (
        Family("random", *own),
        Family("pretrained", *own, pretrained=True),
        Family("modern", "relu", "he"),
        Family("batch_norm", *own, batch_norm=True),
    )


def network(settings: Deep, data: Labelled, family: Family, seeds: Sequence[int], depth: int | None = None) -> Members:
    from replearn_core.members import Blueprint, Members

    sizes = (data.x.shape[1],) + (settings.width,) * (settings.depth if depth is None else depth)
    return Members(Blueprint(sizes, data.classes, family.activation, family.initialisation, family.batch_norm), seeds)


def pretrain(settings: Deep, data: Labelled, stack: Members) -> Iterator[Moment]:
    """Build the stack, layer by layer, without labels."""
    from replearn_core.supervised import Layer, learn

    depth = stack.blueprint.levels
    return learn(
        stack,
        pretraining_phases(depth, settings.pretrain_epochs, 0)[:-1],
        data.x,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        layer=Layer(settings.layer, settings.noise, settings.penalty),
        recorded=lambda phase, step, steps: step % max(1, min(steps, steps * settings.pretrain_epochs // 20)) == 0,
    )


def raced(settings: Deep, data: Labelled, stack: Members, depth: int | None = None) -> Members:
    """Random and pretrained networks in one stack: seeds twice, the second half with the layers of `stack`."""
    seeds = tuple(settings.each_seed)
    members = network(settings, data, families(settings)[0], seeds * 2, depth)
    for place in range(len(seeds)):
        members.put(stack.state(place), [f"encoder.{i}.*" for i in range(members.blueprint.levels)], (len(seeds) + place,))
    return members


def tune(settings: Deep, data: Labelled, members: Members, rows: Tensor, at: Callable[[int, int], bool]) -> Iterator[Moment]:
    """Train everything on the labelled rows (S or more, n). at(step, last step): whether a moment is said."""
    from replearn_core.supervised import learn

    count = rows.shape[1]
    steps = -(-count // min(settings.batch_size, count))
    epochs = epochs_of(settings.updates, count, settings.batch_size)
    phase = pretraining_phases(members.blueprint.levels, 0, epochs)[-1]
    return learn(
        members,
        (phase,),
        data.x,
        data.y,
        labelled=rows.repeat(len(members) // len(rows), 1),
        batch_size=min(settings.batch_size, count),
        learning_rate=settings.learning_rate,
        recorded=lambda phase, step, _: at(step, steps * epochs),
        first_epoch=1_000,  # another order than any of pretraining's
    )


def tuned_error(settings: Deep, data: Labelled, members: Members, rows: Tensor, tell: Callable[[float], Any]) -> np.ndarray:
    """(M,) held-out error after fine-tuning; `tell` hears the share that is done."""
    from replearn_core.supervised import evaluate

    for place, _ in enumerate(tune(settings, data, members, rows, lambda step, last: step % max(1, last // 8) == 0)):
        tell(min(1.0, place / 8))
    return evaluate(members, data.x_test, data.y_test)[1]


def halves(values: np.ndarray) -> dict[str, np.ndarray]:
    """What a `raced` stack's values (2 S, …) are of random and of pretrained networks."""
    half = len(values) // 2
    return {"random": values[:half], "pretrained": values[half:]}


@contextmanager
def divergence_told(settings: Deep) -> Iterator[None]:
    """A loss that grew beyond all bounds becomes a CannotAnswer in our own words."""
    from replearn_core.tasks import CannotAnswer

    try:
        yield
    except FloatingPointError as error:
        raise CannotAnswer(
            "problem.comparison_diverged", "learning_rate", where=str(error), value=settings.learning_rate
        ) from None
