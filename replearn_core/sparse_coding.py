"""Sparse coding: inference by ISTA and FISTA, predictive sparse decomposition's inference, and LISTA; training and pages call it.

Two objectives, whose conventions differ by the factor ½ in the literature; both are kept as published:

    lasso            ½‖x − Dz‖² + λ‖z‖₁                        Beck & Teboulle (2009); scikit-learn's SparseCoder
    predictive       ‖x − Dz‖² + λ‖z‖₁ + γ‖z − f(x)‖²          Kavukcuoglu, Ranzato & LeCun (2008); Deep Learning, 14.8

Half the second is ½‖x − Dz‖² + (λ/2)‖z‖₁ + (γ/2)‖z − f(x)‖², so an anchor f(x) with γ = 0 is the lasso at λ/2.
Shapes: x (B, D), dictionary (D, K) with atoms in its columns, codes z (B, K).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


def shrink(v: Tensor, threshold: float | Tensor) -> Tensor:
    """Soft threshold h_θ(v) = sign(v) · max(|v| − θ, 0), elementwise; θ ≥ 0 broadcasts against v. Differentiable."""
    return torch.sign(v) * torch.relu(torch.abs(v) - threshold)


@torch.no_grad()
def lipschitz(dictionary: Tensor) -> float:
    """L = largest eigenvalue of DᵀD: the Lipschitz constant of the gradient Dᵀ(Dz − x). dictionary (D, K).

    By eigvalsh of the smaller Gram matrix in float64, raised by one part in a million: power iteration approaches L from
    below, and a step 1/L that is too long diverges. At least the smallest normal float32, so that 1/L is finite.
    ValueError: not two-dimensional, empty, NaN or Inf.
    """
    _check_dictionary(dictionary)
    atoms = dictionary.detach().cpu().double()  # on the CPU: not every accelerator has float64
    if not bool(torch.isfinite(atoms).all()):
        raise ValueError(f"dictionary has {int((~torch.isfinite(atoms)).sum())} values that are NaN or infinite")
    gram = atoms.T @ atoms if atoms.shape[1] <= atoms.shape[0] else atoms @ atoms.T
    largest = float(torch.linalg.eigvalsh(gram)[-1])
    return max(largest * (1 + 1e-6), torch.finfo(torch.float32).tiny)


@torch.no_grad()
def ista(x: Tensor, dictionary: Tensor, sparsity: float, steps: int, start: Tensor | None = None) -> Tensor:
    """z (B, K) after `steps` of z ← h_{λ/L}(z + Dᵀ(x − Dz)/L) from `start` (zeros): lasso objective, never rising.

    Source: Daubechies, Defrise & De Mol (2004). `sparsity` is λ. ValueError: shapes disagree, negative λ or steps.
    """
    z = _start(x, dictionary, sparsity, steps, start)
    bound = lipschitz(dictionary)
    for _ in range(steps):
        z = shrink(z + (x - z @ dictionary.T) @ dictionary / bound, sparsity / bound)
    return z


@torch.no_grad()
def fista(
    x: Tensor,
    dictionary: Tensor,
    sparsity: float,
    steps: int,
    start: Tensor | None = None,
    anchor: Tensor | None = None,
    gamma: float = 0.0,
) -> Tensor:
    """z (B, K) after `steps` of ISTA with momentum: lasso objective, or the predictive one where `anchor` f(x) is given.

    Monotone FISTA (Beck & Teboulle 2009, IEEE Trans. Image Process. 18:2419): s = ISTA's step from y; z_k = s, unless that
    raises the sample's objective, then z_{k−1}; y = z_k + (t/t′)(s − z_k) + ((t − 1)/t′)(z_k − z_{k−1}),
    t′ = (1 + √(1 + 4t²))/2. Plain FISTA raised the objective by up to 0.6 % in 2 to 20 % of its steps; restarting the momentum
    instead took twice the error on ill-conditioned dictionaries. D z is carried along: the check costs no further product.
    γ‖z − f(x)‖² is smooth: it enters the gradient and the step 1/(L + γ). Shapes: anchor (B, K).
    ValueError: shapes disagree, negative λ, γ or steps, γ without an anchor.
    """
    z = _start(x, dictionary, sparsity, steps, start)
    problem = _problem(x, dictionary, sparsity, z, anchor, gamma)
    bound = lipschitz(dictionary) + problem.gamma
    made = z @ dictionary.T  # (B, D): D z
    value = problem.value(z, made)  # (B,)
    ahead, ahead_made, t = z, made, 1.0
    for _ in range(steps):
        step = shrink(ahead - problem.gradient(ahead, ahead_made) / bound, problem.sparsity / bound)
        step_made = step @ dictionary.T
        step_value = problem.value(step, step_made)
        better = step_value <= value  # (B,)
        keep, value = better[:, None], torch.where(better, step_value, value)
        t_next = (1 + math.sqrt(1 + 4 * t * t)) / 2
        toward, onward = t / t_next, (t - 1) / t_next
        next_z, next_made = torch.where(keep, step, z), torch.where(keep, step_made, made)
        ahead = next_z + toward * (step - next_z) + onward * (next_z - z)
        ahead_made = next_made + toward * (step_made - next_made) + onward * (next_made - made)
        z, made, t = next_z, next_made, t_next
    return z


@torch.no_grad()
def normalise_atoms_(dictionary: Tensor) -> Tensor:
    """Give every column of `dictionary` (D, K) unit Euclidean length, in place, and return it; columns of zeros stay zero.

    Called *after* each optimiser step: without it codes shrink and atoms grow for free. Columns are divided by their
    largest entry first, so that the squares of tiny atoms do not vanish.
    """
    _check_dictionary(dictionary)
    peak = dictionary.abs().amax(dim=0)  # (K,)
    dictionary /= torch.where(peak > 0, peak, 1)
    norm = torch.linalg.vector_norm(dictionary, dim=0)
    dictionary /= torch.where(norm > 0, norm, 1)
    return dictionary


def random_dictionary(inputs: int, units: int, generator: torch.Generator) -> Tensor:
    """(inputs, units): Gaussian atoms of unit length, drawn from `generator`."""
    return normalise_atoms_(torch.randn(inputs, units, generator=generator, device=generator.device))


def objective(x: Tensor, z: Tensor, dictionary: Tensor, sparsity: float) -> Tensor:
    """Lasso objective ½‖x − Dz‖² + λ‖z‖₁: summed over pixels and units, mean over the batch; a scalar. Differentiable."""
    error = (x - z @ dictionary.T).square().sum(dim=1)  # (B,)
    return (error / 2 + sparsity * z.abs().sum(dim=1)).mean()


def predictive_objective(x: Tensor, z: Tensor, dictionary: Tensor, sparsity: float, anchor: Tensor, gamma: float) -> Tensor:
    """‖x − Dz‖² + λ‖z‖₁ + γ‖z − f(x)‖², without ½s: summed over pixels and units, mean over the batch. Differentiable."""
    error = (x - z @ dictionary.T).square().sum(dim=1)  # (B,)
    return (error + sparsity * z.abs().sum(dim=1) + gamma * (z - anchor).square().sum(dim=1)).mean()


class Lista(nn.Module):
    """Learned ISTA: z ← h_θ(W_e x + S z), `steps` times with shared weights; x (B, D) → z (B, K).

    W_e (K, D) = Dᵀ/L, S (K, K) = I − DᵀD/L and θ (K,) = λ/L at the start, so an untrained Lista *is* `ista` of as many steps
    from zero. Train it to exact codes z*, and few steps come close. θ is held at ≥ 0. Source: Gregor & LeCun (2010), ICML.
    ValueError: a dictionary that is not (D, K), negative sparsity, fewer than one step.
    """

    def __init__(self, dictionary: Tensor, sparsity: float, steps: int):
        super().__init__()
        _check_number("sparsity", sparsity)
        if steps < 1:
            raise ValueError(f"steps must be at least 1, not {steps}")
        dictionary, bound = dictionary.detach(), lipschitz(dictionary)
        inputs, units = dictionary.shape
        identity = torch.eye(units, dtype=dictionary.dtype, device=dictionary.device)
        self.steps = steps
        self.encoder = nn.Parameter(dictionary.T.clone() / bound)  # W_e: (K, D)
        self.inhibition = nn.Parameter(identity - dictionary.T @ dictionary / bound)  # S: (K, K)
        self.threshold = nn.Parameter(torch.full((units,), sparsity / bound).to(dictionary))  # θ: (K,)

    def forward(self, x: Tensor) -> Tensor:
        threshold = self.threshold.clamp(min=0)
        driven = x @ self.encoder.T  # (B, K)
        z = shrink(driven, threshold)
        for _ in range(self.steps - 1):
            z = shrink(driven + z @ self.inhibition.T, threshold)
        return z


class _Problem(NamedTuple):
    """½‖x − Dz‖² + λ‖z‖₁ + (γ/2)‖z − a‖² for each sample: the one form that `fista` minimises."""

    x: Tensor
    dictionary: Tensor
    sparsity: float
    anchor: Tensor
    gamma: float

    def gradient(self, z: Tensor, made: Tensor) -> Tensor:
        """Of the smooth terms; made = D z. (B, K)"""
        gradient = (made - self.x) @ self.dictionary
        return gradient + self.gamma * (z - self.anchor) if self.gamma else gradient

    def value(self, z: Tensor, made: Tensor) -> Tensor:
        """(B,)"""
        value = (self.x - made).square().sum(dim=1) / 2 + self.sparsity * z.abs().sum(dim=1)
        return value + self.gamma / 2 * (z - self.anchor).square().sum(dim=1) if self.gamma else value


def _problem(x: Tensor, dictionary: Tensor, sparsity: float, z: Tensor, anchor: Tensor | None, gamma: float) -> _Problem:
    _check_number("gamma", gamma)
    if anchor is None:
        if gamma:
            raise ValueError(f"gamma is {gamma} but there is no anchor to pull the codes to")
        return _Problem(x, dictionary, sparsity, z, 0.0)
    if anchor.shape != z.shape:
        raise ValueError(f"anchor must have the codes' shape {tuple(z.shape)}, not {tuple(anchor.shape)}")
    return _Problem(x, dictionary, sparsity / 2, anchor, gamma)  # half the predictive objective: see the file's head


def _start(x: Tensor, dictionary: Tensor, sparsity: float, steps: int, start: Tensor | None) -> Tensor:
    """The codes to start from, (B, K), once everything fits together."""
    _check_dictionary(dictionary)
    _check_number("sparsity", sparsity)
    if steps < 0:
        raise ValueError(f"steps must be at least 0, not {steps}")
    if x.ndim != 2 or x.shape[1] != dictionary.shape[0]:
        raise ValueError(f"x must have the shape (samples, {dictionary.shape[0]}) of this dictionary, not {tuple(x.shape)}")
    shape = (len(x), dictionary.shape[1])
    if start is None:
        return torch.zeros(shape, dtype=x.dtype, device=x.device)
    if start.shape != shape:
        raise ValueError(f"start must have the codes' shape {shape}, not {tuple(start.shape)}")
    return start


def _check_dictionary(dictionary: Tensor) -> None:
    if dictionary.ndim != 2 or not dictionary.numel():
        raise ValueError(f"dictionary must have the shape (inputs, atoms), neither of them 0, not {tuple(dictionary.shape)}")


def _check_number(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be a finite number of at least 0, not {value}")
