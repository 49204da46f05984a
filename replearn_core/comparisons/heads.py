"""A classifier alone on frozen layers: features once, then softmax regression with a closed gradient. `transfer.py` calls it.

What `supervised.learn` does for such a phase, without autograd and one tensor instead of two: the step is so small that what
surrounds it costs more than the step. Equal to it within rounding.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from replearn_core.members import Members
from replearn_core.strategies import Phase
from replearn_core.supervised import Moment, features, gathered
from replearn_core.training import generator, on_one_thread

BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam (Kingma & Ba 2014), as torch has them
ROWS = 8_192  # rows of all members that are laid out in batch order at a time


def alone(phases: Sequence[Phase], levels: int) -> bool:
    """Whether a plan is one phase in which nothing but the classifier trains."""
    names = [f"{part}.{layer}.{kind}" for part in ("encoder", "norm") for layer in range(levels) for kind in ("weight", "bias")]
    return len(phases) == 1 and not any(phases[0].trains(name) for name in names) and phases[0].trains("head.weight")


class Adam:
    """Kingma & Ba 2014 for the classifiers (M, C, h + 1), which it changes in place."""

    def __init__(self, weight: Tensor):
        self.weight, self.first, self.second, self.count = weight, torch.zeros_like(weight), torch.zeros_like(weight), 0

    @torch.inference_mode()
    def steps(self, rows: Tensor, answers: Tensor, batch_size: int, rate: float) -> Tensor:
        """One step a batch of rows (M, n, h + 1) and one-hot answers (M, n, C); the last gradient."""
        gradient = self.first
        for batch, truth in zip(rows.split(batch_size, dim=1), answers.split(batch_size, dim=1)):
            self.count += 1
            wrong = torch.bmm(batch, self.weight.transpose(1, 2)).softmax(dim=2).sub_(truth)  # ∂ cross-entropy / ∂ logits
            gradient = torch.bmm(wrong.transpose(1, 2), batch).div_(batch.shape[1])
            self.first.lerp_(gradient, 1 - BETAS[0])
            self.second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            spread = self.second.sqrt().div_((1 - BETAS[1] ** self.count) ** 0.5).add_(EPSILON)
            self.weight.addcdiv_(self.first, spread, value=-rate / (1 - BETAS[0] ** self.count))
        return gradient


@cast(Any, on_one_thread)
def learn_head(
    members: Members, phase: Phase, x: Tensor, y: Tensor, *, seeds: Sequence[int], labelled: Tensor, batch_size: int,
    learning_rate: float, every: int = 1,
) -> Iterator[Moment]:  # fmt: skip
    """Train the classifiers of all members by Adam, with the batches of `supervised.learn`; a moment every so many epochs.

    x (N, D), y (N,), labelled (M, n) rows of x. FloatingPointError: a classifier is no longer finite.
    """
    began, rate = time.perf_counter(), learning_rate * phase.rate("head.weight")
    with torch.no_grad():
        known = features(members, gathered(x, labelled), members.blueprint.levels)  # (M, n, h)
        known = torch.cat([known, torch.ones(*known.shape[:2], 1)], dim=2)  # the last column carries the bias
        told = torch.nn.functional.one_hot(y[labelled], members.blueprint.classes).float()  # (M, n, C)
    weight = torch.cat([members.weights["head.weight"], members.weights["head.bias"].unsqueeze(2)], dim=2)  # (M, C, h + 1)
    state = Adam(weight)
    yield _moment(members, phase, 0, began, weight, state.first)
    for epoch in range(phase.epochs):
        order = torch.stack([torch.randperm(labelled.shape[1], generator=generator(seed, "order", epoch)) for seed in seeds])
        for block in order.split(max(1, ROWS // batch_size) * batch_size, dim=1):
            gradient = state.steps(gathered(known, block), gathered(told, block), batch_size, rate)
        if (epoch + 1) % every == 0 or epoch + 1 == phase.epochs:
            yield _moment(members, phase, epoch + 1, began, weight, gradient)


def _moment(members: Members, phase: Phase, epoch: int, began: float, weight: Tensor, gradient: Tensor) -> Moment:
    """The classifiers put back into the networks, and what `supervised.learn` would say; the loss is not kept."""
    if not torch.isfinite(weight).all():
        raise FloatingPointError(phase.name)
    members.weights["head.weight"].copy_(weight[:, :, :-1])
    members.weights["head.bias"].copy_(weight[:, :, -1])
    seconds, unknown = time.perf_counter() - began, np.full(len(members), np.nan)
    norms = np.full((len(members), members.blueprint.levels + 1), np.nan)
    norms[:, -1] = gradient[:, :, :-1].flatten(1).norm(dim=1).numpy()
    return Moment(phase.name, 0, float(epoch), seconds, weight[0].numel(), unknown, norms)
