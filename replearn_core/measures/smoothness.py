"""How strongly an encoder answers to small changes: the spectrum and the norm of its Jacobian. Called by studies and training.

`encode` is a torch callable (B, *shape) -> (B, K) that treats samples independently: a network in eval mode, since batch
statistics and dropout are not functions of one sample. Inputs may be tensors (on the encoder's device), or NumPy arrays: whole
numbers become float32, floats keep their precision, which must be the encoder's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from replearn_core.measures.checks import finite

if TYPE_CHECKING:
    from torch import Tensor

    Encode = Callable[[Tensor], Tensor]

JACOBIAN_NUMBERS = 2**22  # held at once: 16 MB of float32, so that a large batch cannot fill a worker's memory


def jacobian_spectrum(encode: Encode, x: Any) -> np.ndarray:
    """Singular values of J = ∂encode/∂x at each sample: (B, min(K, D)), descending; D = features of one sample.

    A contractive encoder keeps few of them large: the directions along the manifold (Rifai et al. 2011, ICML, section 5).
    Unit: code units per input unit. ValueError: bad shape, no samples, NaN or Inf in x or J.
    """
    import torch

    with torch.no_grad():
        parts = [torch.linalg.svdvals(jacobian).cpu().numpy() for jacobian in _jacobians(encode, x)]
    return np.concatenate(parts)


def mean_jacobian_norm(encode: Encode, x: Any) -> float:
    """Mean over samples of ‖J(x)‖_F, J = ∂encode/∂x. The norm itself, *not* squared, unlike the contraction penalty.

    The column 'mean ‖J‖_F' of Rifai et al. (2011), ICML, table 1. Unit: code units per input unit. Errors as
    `jacobian_spectrum`.
    """
    import torch

    with torch.no_grad():
        norms = [torch.linalg.vector_norm(jacobian, dim=(1, 2)).double().cpu() for jacobian in _jacobians(encode, x)]
    return float(torch.cat(norms).mean())


def _jacobians(encode: Encode, x: Any) -> Iterator[Tensor]:
    """Chunks (b, K, D) of ∂encode/∂x. Errors as `jacobian_spectrum`."""
    import torch

    x = _tensor(x)
    with torch.no_grad():
        outputs, inputs = _codes(encode, x[:1]).shape[1], x[0].numel()
    for chunk in x.split(max(1, JACOBIAN_NUMBERS // (outputs * inputs))):
        found = jacobian(encode, chunk)
        finite("the Jacobian", found.cpu().numpy())
        yield found


def jacobian(encode: Encode, x: Tensor) -> Tensor:
    """∂encode/∂x (B, K, D) for x (B, *shape); by rows when the code is the smaller side, by columns otherwise.

    Plain backward passes: `torch.func` would load PyTorch's compiler, 0.9 s and 60 MB, and gains at most a third.
    """
    import torch

    with torch.enable_grad():
        seen = x.detach().clone().requires_grad_()
        codes = encode(seen)
        by = _by_rows if codes.shape[1] <= x[0].numel() else _by_columns
        return by(codes, seen).detach()


def _by_rows(codes: Tensor, x: Tensor) -> Tensor:
    """One backward pass for each unit: no sample's code knows another sample, so that summing over them mixes nothing."""
    import torch

    rows = [torch.autograd.grad(unit.sum(), x, retain_graph=True)[0].flatten(1) for unit in codes.unbind(1)]
    return torch.stack(rows, 1)


def _by_columns(codes: Tensor, x: Tensor) -> Tensor:
    """Jᵀv is linear in v: its derivative by v, one backward pass for each input, is a column of J."""
    import torch

    v = torch.zeros_like(codes, requires_grad=True)
    back = torch.autograd.grad(codes, x, v, create_graph=True)[0].flatten(1)
    return torch.stack([torch.autograd.grad(one.sum(), v, retain_graph=True)[0] for one in back.unbind(1)], 2)


def _tensor(x: Any) -> Tensor:
    """x as a floating-point tensor (B, *shape) that carries no gradient; ValueError when it is none."""
    import torch

    if isinstance(x, torch.Tensor):
        tensor = x.detach()
    else:
        checked = finite("x", x)
        tensor = torch.from_numpy(checked.astype(checked.dtype if np.asarray(x).dtype.kind == "f" else np.float32))
    if not tensor.is_floating_point():
        tensor = tensor.float()
    if tensor.ndim < 2 or not tensor.numel():
        shape = tuple(tensor.shape)
        raise ValueError(f"x must have at least one sample and features after the first axis, not the shape {shape}")
    if not bool(torch.isfinite(tensor).all()):
        finite("x", tensor.cpu().numpy())
    return tensor


def _codes(encode: Encode, x: Tensor) -> Tensor:
    codes = encode(x)
    if codes.ndim != 2 or len(codes) != len(x):
        raise ValueError(f"encode must return ({len(x)}, units) for {len(x)} samples, not {tuple(codes.shape)}")
    return codes
