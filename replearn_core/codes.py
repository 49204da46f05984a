"""Activations and code types: what turns a layer's pre-activation into its output. Called by `networks.py`."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

LEAK = 0.01


def identity(a: Tensor) -> Tensor:
    return a


def leaky_relu(a: Tensor) -> Tensor:
    return F.leaky_relu(a, LEAK)


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "linear": identity,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": leaky_relu,
}

# s'(a) written with the output h = s(a): what the closed form of the contraction needs. Each is for its own activation only:
# h(1-h) on a ReLU code is a mistake often seen.
SLOPES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "linear": torch.ones_like,
    "sigmoid": lambda h: h * (1 - h),
    "tanh": lambda h: 1 - h * h,
    "relu": lambda h: (h > 0).to(h.dtype),
    "leaky_relu": lambda h: torch.where(h > 0, 1.0, LEAK),
}

# |h| above which a unit counts as active. A sigmoid or tanh unit is never exactly zero.
ACTIVE: Mapping[str, float] = {"sigmoid": 0.1, "tanh": 0.1, "predictive": 0.1}


def active_tolerance(code: str) -> float:
    """|h| above which a unit of this code type counts as active, in the code's own units."""
    return ACTIVE.get(code, 1e-3)


def k_sparse(a: Tensor, k: int) -> Tensor:
    """h = top_k(a): the k largest pre-activations of each sample survive, the rest are 0; a (B, K).

    The gradient flows through the support only. Makhzani & Frey 2013, arXiv 1312.5663, section 2. At test time the paper
    keeps αk units: the caller passes that number.
    """
    k = min(k, a.shape[1])
    values, indices = a.topk(k, dim=1)  # (B, k)
    return torch.zeros_like(a).scatter(1, indices, values)
