"""`learn`: carries out `Phase` tuples over a stack of networks, layer-wise pretraining and classification. Comparisons call it.

The loop reads top to bottom, as `training.train` does for one autoencoder. What lies below the lowest trained level of a phase is
frozen in every sense (weights, batch statistics, dropout), so its features are computed once a phase.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from replearn_core.adam import Adam
from replearn_core.codes import SLOPES
from replearn_core.members import Members, accuracy, classification_loss, uniform
from replearn_core.strategies import Phase
from replearn_core.training import generator, on_one_thread

KINDS = ("plain", "denoising", "sparse", "contractive")
BLOCK = 2_048  # rows that a pass without gradients takes at a time


@dataclass(frozen=True)
class Layer:
    """How one layer is pretrained, as an autoencoder of the features below it. `kind`: one of KINDS.

    noise: share of the input that denoising masks. penalty: weight of the sparse or the contractive term. target: ρ, the mean
    activity that the sparse kind asks of sigmoid units.
    """

    kind: str = "denoising"
    noise: float = 0.25
    penalty: float = 0.1
    target: float = 0.1

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"the layer's kind is {self.kind!r}; choose one of {', '.join(KINDS)}")


@dataclass(frozen=True, eq=False)
class Moment:
    """What a recorded moment says. place: which phase of the plan. epoch: since the comparison's begin. trained: how many
    parameters of one member this phase moves.

    loss: (M,), mean over the samples since the last moment; at a phase's first moment that of its first batch, before any step.
    gradient: (M, L + 1), Frobenius norm of the last batch's gradient by `encoder.{i}.weight`, then by `head.weight`; NaN where
    nothing trains.
    """

    phase: str
    place: int
    epoch: float
    seconds: float
    trained: int
    loss: np.ndarray
    gradient: np.ndarray


Recorded = Callable[[Phase, int, int], bool]
"""Whether the moment after step 1, 2, … of a phase is recorded, of (phase, step, steps of an epoch); the last one always is."""


def each_epoch(phase: Phase, step: int, steps: int) -> bool:
    return step % steps == 0


def learn(
    members: Members,
    phases: Sequence[Phase],
    x: Tensor,
    y: Tensor | None = None,
    *,
    seeds: Sequence[int] | None = None,
    labelled: Tensor | None = None,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    layer: Layer = Layer(),
    recorded: Recorded = each_epoch,
    first_epoch: int = 0,
) -> Iterator[Moment]:
    """Train every member at once, each with its own batch order and noise from its own seed, and say what happens.

    A reconstruction phase trains `encoder.{bottom}`, `norm.{bottom}` and `decoder.{bottom}` on all of x; a classification phase
    trains what its patterns leave unfrozen of the encoders, norms and the head. Adam, begun anew in each phase, with the phase's
    factor for each parameter.

    x: (N, D), or (M, N, D) where members have their own. y: (N,) or (M, N) int64. labelled: (n,) or (M, n) rows of x that
    classification may use (None: all). seeds: of order and noise (None: the members' own). first_epoch: where `epoch` begins.
    ValueError: a phase that cannot be carried out. FloatingPointError: a loss is not finite; names the phase and the seed.
    """
    seeds = members.seeds if seeds is None else tuple(seeds)
    if len(seeds) != len(members):
        raise ValueError(f"{len(seeds)} seeds cannot drive {len(members)} members")
    for phase in phases:
        _check(members, phase, y, layer)
    return _learn(members, tuple(phases), x, y, seeds, labelled, batch_size, learning_rate, layer, recorded, first_epoch)


@cast(Any, on_one_thread)
def _learn(members, phases, x, y, seeds, labelled, batch_size, learning_rate, layer, recorded, first_epoch) -> Iterator[Moment]:
    began, ends = time.perf_counter(), first_epoch
    for place, phase in enumerate(phases):
        starts, ends = ends, ends + phase.epochs
        if not phase.epochs:
            continue
        trained = parameters(members, phase)
        levels = trained_levels(members, trained)
        bottom = min(levels, default=members.blueprint.levels)
        pool = _pool(members, phase, bottom, x, y, labelled)
        optimiser = make_optimiser(phase, trained, learning_rate)
        size, steps = min(batch_size, len(pool)), -(-len(pool) // batch_size)
        count = sum(value[0].numel() for value in trained.values())
        done, total, seen = 0, torch.zeros(len(members), device=members.device), 0

        def objective(order: Tensor, noise: list[Generator], phase=phase, pool=pool, bottom=bottom, levels=levels) -> Tensor:
            """(M,) losses of one batch."""
            rows, labels = pool.batch(order)
            if labels is None:
                return reconstruction_loss(members, bottom, rows, layer, levels, noise)
            return classification_loss(members.logits(rows, bottom, levels, noise), labels)

        def moment(epoch: float, loss: Tensor, phase=phase, place=place, count=count) -> Moment:
            found = loss.detach().cpu().numpy().copy()
            if not np.isfinite(found).all():
                raise FloatingPointError(f"{phase.name}, seed {seeds[int(np.flatnonzero(~np.isfinite(found))[0])]}")
            return Moment(phase.name, place, epoch, time.perf_counter() - began, count, found, gradient_norms(members))

        try:
            for value in trained.values():
                value.requires_grad_()
            for epoch in range(starts, ends):
                order = torch.stack([torch.randperm(len(pool), generator=generator(seed, "order", epoch)) for seed in seeds])
                order = order.to(members.device)  # (M, n)
                if epoch == starts:
                    kept = {name: value.clone() for name, value in members.buffers.items()}
                    first = objective(order[:, :size], [generator(seed, "probe", epoch) for seed in seeds])
                    first.sum().backward()
                    members.buffers.update(kept)  # a look is no step
                    yield moment(float(epoch), first)
                noise = [generator(seed, "noise", epoch) for seed in seeds]
                for step, batch in enumerate(order.split(batch_size, dim=1), 1):  # (M, B)
                    for value in trained.values():
                        value.grad = None
                    losses = objective(batch, noise)
                    losses.sum().backward()  # no member's loss knows another's weights
                    optimiser.step()
                    total += losses.detach() * batch.shape[1]
                    seen, done = seen + batch.shape[1], done + 1
                    if recorded(phase, done, steps) or done == steps * phase.epochs:
                        yield moment(epoch + step / steps, total / seen)
                        total.zero_()
                        seen = 0
        finally:
            for value in trained.values():
                value.requires_grad_(False)
                value.grad = None


# ---- what a phase is made of ----


def _check(members: Members, phase: Phase, y: Tensor | None, layer: Layer) -> None:
    if phase.objective not in ("reconstruction", "classification"):
        raise ValueError(f"phase {phase.name!r} has the objective {phase.objective!r}; it is reconstruction or classification")
    if phase.objective == "classification" and y is None:
        raise ValueError(f"phase {phase.name!r} classifies, so it needs labels")
    if phase.objective == "reconstruction":
        if not (0 <= phase.bottom < members.blueprint.levels and phase.top == phase.bottom + 1):
            raise ValueError(f"phase {phase.name!r} rebuilds level {phase.bottom} from level {phase.top}: one layer at a time")
        if layer.kind == "contractive" and members.blueprint.batch_norm:
            raise ValueError("the contraction's closed form knows no batch normalisation; choose another kind of layer")
    if not parameters(members, phase):
        raise ValueError(f"phase {phase.name!r} freezes everything")


def parameters(members: Members, phase: Phase) -> dict[str, Tensor]:
    """The tensors that a phase trains, by name; all others are frozen here."""
    if phase.objective == "classification":
        names = [name for name in members.weights if not name.startswith("decoder.")]
    else:
        names = [name for name in members.weights if name.partition(".")[2].startswith(f"{phase.bottom}.")]
    return {name: members.weights[name] for name in names if phase.trains(name)}


def trained_levels(members: Members, trained: Collection[str]) -> frozenset[int]:
    """The layers of which something trains: only these normalise by the batch, move their statistics and drop units."""
    parts = (name.split(".") for name in trained)
    return frozenset(int(part[1]) for part in parts if part[0] != "head")


def make_optimiser(phase: Phase, trained: Mapping[str, Tensor], learning_rate: float) -> Adam:
    """Adam, one group for each factor. It is elementwise, so a member's steps do not depend on the others'."""
    groups: dict[float, list[Tensor]] = {}
    for name, value in trained.items():
        groups.setdefault(phase.rate(name), []).append(value)
    return Adam([(values, learning_rate * rate) for rate, values in groups.items()])


@dataclass(frozen=True, eq=False)
class Pool:
    """What a phase draws its batches from. x: (N, d) or (M, N, d). rows: (M, n) places in x, None for all. labels: (M, n)."""

    x: Tensor
    rows: Tensor | None
    labels: Tensor | None

    def __len__(self) -> int:
        return self.x.shape[-2] if self.rows is None else self.rows.shape[1]

    def batch(self, order: Tensor) -> tuple[Tensor, Tensor | None]:
        """(M, B, d) and (M, B) of the places (M, B)."""
        labels = None if self.labels is None else self.labels.gather(1, order)
        places = order if self.rows is None else self.rows.gather(1, order)
        return gathered(self.x, places), labels


def gathered(x: Tensor, places: Tensor) -> Tensor:
    """(M, B, d): rows (M, B) of x (N, d), or each member's of its own (M, N, d)."""
    if x.dim() == 3:
        places = places + torch.arange(len(x), device=x.device).unsqueeze(1) * x.shape[1]
        x = x.flatten(0, 1)
    return x.index_select(0, places.flatten()).view(*places.shape, -1)


def _pool(members: Members, phase: Phase, bottom: int, x: Tensor, y: Tensor | None, labelled: Tensor | None) -> Pool:
    """A phase's data at level `bottom`, the lowest that trains."""
    x = x.to(members.device)
    if phase.objective == "reconstruction":
        return Pool(features(members, x, bottom) if bottom else x, None, None)
    assert y is not None
    y = y.to(members.device).expand(len(members), -1)
    if labelled is None:
        return Pool(features(members, x, bottom) if bottom else x, None, y)
    rows = labelled.to(members.device).expand(len(members), -1)
    if bottom:
        return Pool(features(members, gathered(x, rows), bottom), None, y.gather(1, rows))
    return Pool(x, rows, y.gather(1, rows))


@torch.no_grad()
def features(members: Members, x: Tensor, top: int, bottom: int = 0) -> Tensor:
    """(M, N, h) at level `top`, in evaluation mode, some thousand rows at a time."""
    parts = [members.up(part, bottom, top) for part in x.split(BLOCK, dim=-2)]
    return torch.cat(parts, dim=1)


# ---- objectives ----


def unit_interval(members: Members, i: int) -> bool:
    """Whether what layer i rebuilds lies in [0, 1]: pixels, and sigmoid features that no dropout rescales."""
    return i == 0 or members.blueprint.activation == "sigmoid"


def reconstruction_loss(
    members: Members, i: int, x: Tensor, layer: Layer, training: Collection[int] = (), noise: Sequence[Generator] = ()
) -> Tensor:
    """(M,): ℓ(x, Wᵀ s(W x̃ + b) + c) plus the kind's penalty, for layer i and its input x (M, B, d); sum over units, batch mean.

    ℓ: cross-entropy in nats where x lies in [0, 1] (Vincent et al. 2010), else ‖x − x̂‖². Masking draws x̃ anew for each batch and
    leaves survivors as they are; the target is the clean x. Sparse: the KL to a mean activity ρ for sigmoid units (mean over the
    samples), Σ|h| for others. Contractive: Rifai et al. 2011, equation 7, in closed form.
    """
    seen = x * (uniform(x.shape, noise, x.device) >= layer.noise) if layer.kind == "denoising" else x
    h = members.up(seen, i, i + 1, training, noise)  # (M, B, h)
    output = members.down(h, i)
    if unit_interval(members, i):
        loss = F.binary_cross_entropy_with_logits(output, x, reduction="none").sum(dim=2).mean(dim=1)
    else:
        loss = (output - x).square().sum(dim=2).mean(dim=1)
    if layer.kind == "sparse":
        return loss + layer.penalty * _sparsity(h, members.blueprint.activation, layer.target)
    if layer.kind == "contractive":
        squares = members.weights[f"encoder.{i}.weight"].square().sum(dim=2)  # (M, h)
        slopes = SLOPES[members.blueprint.activation](h).square()
        return loss + layer.penalty * torch.bmm(slopes, squares.unsqueeze(2)).mean(dim=(1, 2))
    return loss


def _sparsity(h: Tensor, activation: str, target: float) -> Tensor:
    if activation != "sigmoid":
        return h.abs().sum(dim=2).mean(dim=1)
    mean = h.mean(dim=1).clamp(1e-6, 1 - 1e-6)  # (M, h), over the samples
    return (target * torch.log(target / mean) + (1 - target) * torch.log((1 - target) / (1 - mean))).sum(dim=1)


# ---- looks ----


@torch.no_grad()
def gradient_norms(members: Members) -> np.ndarray:
    """(M, L + 1): Frobenius norms of the gradients by each layer's weights and the classifier's; NaN where there is none."""
    names = [*(f"encoder.{i}.weight" for i in range(members.blueprint.levels)), "head.weight"]
    nothing = torch.full((len(members),), float("nan"))
    found = [members.weights[name].grad for name in names]
    return torch.stack([nothing if one is None else one.flatten(1).norm(dim=1).cpu() for one in found], dim=1).numpy()


@torch.no_grad()
def evaluate(members: Members, x: Tensor, y: Tensor, bottom: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(loss (M,) in nats a sample, error (M,) as a share) on x at level `bottom`, (N, d) or (M, N, d), in evaluation mode."""
    x, y = x.to(members.device), y.to(members.device).expand(len(members), -1)
    logits = torch.cat([members.logits(part, bottom) for part in x.split(BLOCK, dim=-2)], dim=1)  # (M, N, C)
    return classification_loss(logits, y).cpu().numpy(), (1 - accuracy(logits, y)).cpu().numpy()


@torch.no_grad()
def rebuilt(members: Members, i: int, x: Tensor) -> Tensor:
    """Layer i's clean reconstruction (M, N, d) of its input x (N, d) or (M, N, d), in the units of that input."""
    output = members.down(members.up(x.to(members.device), i, i + 1), i)
    return torch.sigmoid(output) if unit_interval(members, i) else output
