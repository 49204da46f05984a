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
    """What Adam keeps of one tensor: how often it has stepped, and two running means of its shape, 0 before the first."""

    step: float
    exp_avg: Tensor
    exp_avg_sq: Tensor


class Adam:
    """Kingma & Ba (2014). groups: (tensors, learning rate) pairs; a tensor without a gradient is left as it is.

    `state`: the moments of each tensor.
    """

    def __init__(self, groups: Sequence[tuple[Sequence[Tensor], float]]):
        with torch.no_grad():
            self.state = {one: Moments(0.0, torch.zeros_like(one), torch.zeros_like(one)) for some, _ in groups for one in some}
        self.groups = [([(one, self.state[one]) for one in some], rate) for some, rate in groups]

    @torch.no_grad()
    def step(self) -> None:
        """One step along the gradients that the tensors hold."""
        for group, rate in self.groups:
            tensors, gradients, first, second, steps = [], [], [], [], []
            counts: dict[float, Tensor] = {}  # one tensor for all that have stepped as often: the kernel wants them as tensors
            for tensor, moments in group:
                if (gradient := tensor.grad) is None:
                    continue
                moments.step += 1
                if moments.step not in counts:
                    counts[moments.step] = torch.full((), moments.step, device=tensor.device)
                tensors.append(tensor)
                gradients.append(gradient)
                first.append(moments.exp_avg)
                second.append(moments.exp_avg_sq)
                steps.append(counts[moments.step])
            if not tensors:
                continue
            torch._fused_adam_(
                tensors,
                gradients,
                first,
                second,
                [],
                steps,
                lr=rate,
                beta1=BETAS[0],
                beta2=BETAS[1],
                weight_decay=0.0,
                eps=EPSILON,
                amsgrad=False,
                maximize=False,
            )
