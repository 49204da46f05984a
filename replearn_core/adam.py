"""Adam over PyTorch's own fused step: the class `torch.optim.Adam` would load PyTorch's compiler, which nothing here uses.

That import takes 0.9 s and some 60 MB of every worker (docs/decisions.md). The arithmetic is `torch.optim.adam.adam`'s.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam

BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Kingma & Ba (2014), and torch.optim.Adam's own


class Adam:
    """Kingma & Ba (2014). groups: (tensors, learning rate) pairs; a tensor without a gradient is left as it is.

    `state`: of each tensor that has stepped, `step` (), and `exp_avg` and `exp_avg_sq` of its shape.
    """

    def __init__(self, groups: Sequence[tuple[Sequence[Tensor], float]]):
        self.groups = [(list(tensors), rate) for tensors, rate in groups]
        self.state: dict[Tensor, Mapping[str, Tensor]] = {}

    def step(self) -> None:
        """One step along the gradients that the tensors hold."""
        for tensors, rate in self.groups:
            moved = [tensor for tensor in tensors if tensor.grad is not None]
            states = [self.state.get(tensor) or self._begun(tensor) for tensor in moved]
            if not moved:
                continue
            with torch.no_grad():
                adam(
                    moved,
                    [tensor.grad for tensor in moved if tensor.grad is not None],
                    [state["exp_avg"] for state in states],
                    [state["exp_avg_sq"] for state in states],
                    [],
                    [state["step"] for state in states],
                    fused=True,
                    amsgrad=False,
                    beta1=BETAS[0],
                    beta2=BETAS[1],
                    lr=rate,
                    weight_decay=0.0,
                    eps=EPSILON,
                    maximize=False,
                )

    def _begun(self, tensor: Tensor) -> Mapping[str, Tensor]:
        zeros = {name: torch.zeros_like(tensor, requires_grad=False) for name in ("exp_avg", "exp_avg_sq")}
        self.state[tensor] = {"step": torch.zeros((), device=tensor.device), **zeros}
        return self.state[tensor]
