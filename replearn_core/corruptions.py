"""Corruptions C(x̃ | x): what a denoising autoencoder sees instead of its input. Called by `training.py`, anew for each batch.

Each takes x in [0, 1], a level and a generator, and returns a new tensor of the same shape; the target stays the clean x.
Vincent et al. 2008 (ICML) and 2010 (JMLR 11).
"""

from collections.abc import Callable, Mapping

import torch
from torch import Generator, Tensor

from replearn_core.experiment import Term


def gaussian(x: Tensor, level: float, generator: Generator) -> Tensor:
    """x̃ = x + σε, ε ~ N(0, I). Not clipped: the noise would no longer be isotropic."""
    return x + level * torch.randn(x.shape, generator=generator, device=x.device)


def masking(x: Tensor, level: float, generator: Generator) -> Tensor:
    """Each value is set to 0 with probability ν; survivors keep their value (dropout's 1/(1-ν) would change them)."""
    return x * (torch.rand(x.shape, generator=generator, device=x.device) >= level)


def salt_and_pepper(x: Tensor, level: float, generator: Generator) -> Tensor:
    """Each value becomes 0 or 1, by a fair coin, with probability ν."""
    u = torch.rand(x.shape, generator=generator, device=x.device)
    return torch.where(u < level, (u < level / 2).to(x.dtype), x)


CORRUPTIONS: Mapping[str, Callable[[Tensor, float, Generator], Tensor]] = {
    "gaussian": gaussian,
    "masking": masking,
    "salt_and_pepper": salt_and_pepper,
}


def corrupt(x: Tensor, corruption: Term | None, generator: Generator) -> Tensor:
    """x̃ for a Term of the catalogue; x itself where there is none."""
    return x if corruption is None else CORRUPTIONS[corruption.name](x, corruption.weight, generator)
