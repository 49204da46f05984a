"""Adam over PyTorch's own fused step: the class `torch.optim.Adam` would load PyTorch's compiler, which nothing here uses.

That import takes 0.9 s and some 60 MB of every worker, and its step 0.07 ms more than this one (docs/decisions.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Kingma & Ba (2014), and torch.optim.Adam's own


@dataclass(slots=True)
class Moments:
    """What Adam keeps of one tensor: how often it has stepped, and two running means of its shape."""

    step: float
    exp_avg: Tensor
    exp_avg_sq: Tensor


class Adam:
    """Kingma & Ba (2014). groups: (tensors, learning rate) pairs; a tensor without a gradient is left as it is.

    `state`: the moments of each tensor that has stepped.
    """

    def __init__(self, groups: Sequence[tuple[Sequence[Tensor], float]]):
        self.groups = [(list(tensors), rate) for tensors, rate in groups]
        self.state: dict[Tensor, Moments] = {}

    @torch.no_grad()
    def step(self) -> None:
        """One step along the gradients that the tensors hold."""
        for tensors, rate in self.groups:
            gradients = [tensor.grad for tensor in tensors if tensor.grad is not None]
            moved = [tensor for tensor in tensors if tensor.grad is not None]
            if not moved:
                continue
            states = [self.state.get(tensor) or self._begun(tensor) for tensor in moved]
            counts: dict[float, Tensor] = {}  # one tensor for all that have stepped as often: the kernel wants them as tensors
            for tensor, state in zip(moved, states):
                state.step += 1
                if state.step not in counts:
                    counts[state.step] = torch.full((), state.step, device=tensor.device)
            torch._fused_adam_(
                moved,
                gradients,
                [state.exp_avg for state in states],
                [state.exp_avg_sq for state in states],
                [],
                [counts[state.step] for state in states],
                lr=rate,
                beta1=BETAS[0],
                beta2=BETAS[1],
                weight_decay=0.0,
                eps=EPSILON,
                amsgrad=False,
                maximize=False,
            )

    def _begun(self, tensor: Tensor) -> Moments:
        moments = Moments(0.0, torch.zeros_like(tensor), torch.zeros_like(tensor))
        self.state[tensor] = moments
        return moments
