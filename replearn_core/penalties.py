"""Reconstruction terms and penalties: functions of one `Pass` that return the *unweighted* scalar.

`training.py` multiplies by the weights and reports raw and weighted values apart. Reduction everywhere: sum over features or
units, mean over the batch, so that a value reads "per sample".
"""

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from replearn_core.codes import SLOPES
from replearn_core.experiment import Term
from replearn_core.networks import Pass


def squared_error(p: Pass) -> Tensor:
    """‖x − x̂‖²: squared error per image, against the clean x."""
    return F.mse_loss(p.output, p.target, reduction="sum") / len(p.target)


def cross_entropy(p: Pass) -> Tensor:
    """−Σ x log x̂ + (1−x) log(1−x̂), in nats per image; the decoder's output are logits."""
    return F.binary_cross_entropy_with_logits(p.output, p.target, reduction="sum") / len(p.target)


def l1(p: Pass) -> Tensor:
    """Σ_j |h_j|. Needs decoder atoms of unit norm, else the code shrinks and the decoder grows for free."""
    return p.code.abs().sum() / len(p.code)


def kl_sparsity(p: Pass, target: float) -> Tensor:
    """Σ_j KL(ρ‖ρ̂_j) = Σ_j ρ log(ρ/ρ̂_j) + (1−ρ) log((1−ρ)/(1−ρ̂_j)), ρ̂_j = mean of unit j over the *samples*.

    For sigmoid codes. Ng 2011, CS294A lecture notes.
    """
    mean = p.code.mean(dim=0).clamp(1e-6, 1 - 1e-6)  # (K,)
    rho = torch.as_tensor(target, dtype=mean.dtype, device=mean.device)
    return (rho * torch.log(rho / mean) + (1 - rho) * torch.log((1 - rho) / (1 - mean))).sum()


def contraction(p: Pass) -> Tensor:
    """‖∂f/∂x̃‖²_F of the encoder, at what it saw. Rifai et al. 2011 (ICML), equation 7.

    One dense layer: the closed form Σ_j s'(a_j)² ‖W_j‖². Deeper: the one-probe estimate ‖Jᵀv‖² with v ∈ {−1, 1}^K, whose mean
    over v is ‖J‖²_F. W is the parameter itself, so the gradient reaches it.
    """
    if p.weight is not None:
        slope = SLOPES[p.code_name](p.features)  # (B, K)
        return (slope.square() @ p.weight.square().sum(dim=1)).mean()
    if p.seen.grad_fn is None and not p.seen.requires_grad:
        raise ValueError("the deep contraction needs an input that requires grad")
    probe = torch.randint(0, 2, p.features.shape, generator=p.probe, device=p.features.device) * 2.0 - 1.0
    (gradient,) = torch.autograd.grad((p.features * probe).sum(), p.seen, create_graph=True)  # (B, D)
    return gradient.square().sum() / len(gradient)


def gaussian_kl(p: Pass) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, I)) = ½ Σ_j μ_j² + σ_j² − 1 − log σ_j², in nats. Kingma & Welling 2013, appendix B."""
    assert p.log_variance is not None
    return 0.5 * (p.features.square() + p.log_variance.exp() - 1 - p.log_variance).sum() / len(p.features)


def prediction(p: Pass) -> Tensor:
    """‖z* − f(x)‖²: how far the one-pass prediction is from the inferred code. Kavukcuoglu, Ranzato & LeCun 2008."""
    return (p.code - p.features).square().sum() / len(p.code)


RECONSTRUCTIONS: Mapping[str, Callable[[Pass], Tensor]] = {"squared_error": squared_error, "cross_entropy": cross_entropy}
PENALTIES: Mapping[str, Callable[..., Tensor]] = {
    "l1": l1,
    "kl_sparsity": kl_sparsity,
    "contraction": contraction,
    "gaussian_kl": gaussian_kl,
    "prediction": prediction,
}


Terms = Sequence[tuple[str, float, Callable[[Pass], Tensor]]]


def terms(reconstruction: str, penalties: tuple[Term, ...]) -> Terms:
    """(name, weight, function of a Pass) for the reconstruction and each penalty, in the order they are reported."""
    bound = [(term.name, term.weight, _with_options(term)) for term in penalties]
    return ((reconstruction, 1.0, RECONSTRUCTIONS[reconstruction]), *bound)


def _with_options(term: Term) -> Callable[[Pass], Tensor]:
    function, options = PENALTIES[term.name], dict(term.options)
    return (lambda p: function(p, **options)) if options else function
