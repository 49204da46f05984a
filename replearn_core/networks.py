"""Encoders and decoders of any depth, and the `Pass` that one forward computation makes. Built by `training.py`.

Level 0 is the input (B, D), level i the output of `encoder.{i-1}`, level L the code (B, K). `decoder.{i}` maps level i+1 back to
level i. Images travel flat; convolutional stages give them their shape back.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from replearn_core import codes
from replearn_core.experiment import INFERRED_CODES, Experiment
from replearn_core.sparse_coding import Lista, fista, normalise_atoms_, random_dictionary


@dataclass(slots=True)
class Pass:
    """All that one forward pass made, for the terms of the objective.

    target (B, D): the clean input. seen (B, D): what the encoder got. features (B, K): what the encoder says by itself (μ for a
    Gaussian code, f(x) for an inferred one). code (B, K): what was decoded (a sample, or the inferred z*). output (B, D): the
    decoder's answer; logits for cross-entropy. weight (K, D): the encoder's, where the contraction has a closed form; else None.
    """

    target: Tensor
    seen: Tensor
    features: Tensor
    code: Tensor
    output: Tensor
    code_name: str
    weight: Tensor | None
    probe: Generator
    log_variance: Tensor | None = None


class Autoencoder(nn.Module):
    """A stack of encoder stages and their mirror. `experiment` gives widths, activation, code type and tying."""

    def __init__(self, experiment: Experiment, generator: Generator):
        super().__init__()
        self.experiment = experiment
        self.shape = experiment.data.shape
        self.activation = codes.ACTIVATIONS[experiment.activation]
        self.levels = len(experiment.hidden) + 1
        self.tied = experiment.tied
        self.options = experiment.code_options
        encoder, decoder = (_conv_stages if experiment.network == "conv" else _dense_stages)(experiment)
        self.encoder: Any = nn.ModuleList(encoder)  # Any: torch types what a list holds as Module, which has no weight
        self.decoder: Any = nn.ModuleList(decoder)
        if experiment.code == "predictive":
            self.gain = nn.Parameter(torch.ones(experiment.code_size))
        _initialise(self, experiment, generator)
        if experiment.code in INFERRED_CODES:
            dictionary = random_dictionary(experiment.data.size, experiment.code_size, generator)
            with torch.no_grad():
                decoder[0].weight.copy_(dictionary)
            if experiment.code == "lista":
                self.encoder[0] = _lista(experiment, dictionary)

    # ---- the pieces ----

    def encode(self, x: Tensor, bottom: int = 0, top: int | None = None) -> Tensor:
        """Features at level `top` (the code by default) of activations at level `bottom`: one pass, no sampling, no inference."""
        return self._features(x, bottom, self.levels if top is None else top)[0]

    def decode(self, h: Tensor, bottom: int = 0, top: int | None = None) -> Tensor:
        """Level `bottom` (the picture by default) from activations at level `top`, in the units of that level."""
        output = self._decode(h, bottom, self.levels if top is None else top)
        return self.picture(output) if bottom == 0 else output

    def picture(self, output: Tensor) -> Tensor:
        """Pictures (B, D) from the decoder's answer at level 0, which are logits for cross-entropy."""
        return torch.sigmoid(output) if self.experiment.reconstruction == "cross_entropy" else output

    def infer(self, x: Tensor, sparsity: float, gamma: float) -> Tensor:
        """z* (B, K) by FISTA from f(x), for ‖x − b − Dz‖² + λ‖z‖₁ + γ‖z − f(x)‖²; no gradient. NaN where D is not finite."""
        with torch.no_grad():
            start, stage = self.encode(x), self.decoder[0]
            steps = int(self.options["steps"])
            if not bool(torch.isfinite(stage.weight).all()):  # no step length for FISTA; the loss says that the run diverged
                return torch.full_like(start, torch.nan)
            return fista(x - stage.bias, stage.weight, sparsity, steps, start=start, anchor=start, gamma=gamma)

    def forward(
        self,
        seen: Tensor,
        target: Tensor,
        noise: Generator,
        bottom: int = 0,
        top: int | None = None,
        inference: tuple[float, float] | None = None,
        probe: Generator | None = None,
    ) -> Pass:
        """One pass through the levels `bottom` … `top`. inference: (λ, γ) for codes that are inferred.

        noise: draws the Gaussian code. probe: draws for the deep contraction, apart so that a penalty changes no other draw.
        """
        top = self.levels if top is None else top
        features, log_variance = self._features(seen, bottom, top)
        code = features
        if log_variance is not None and self.training:
            code = features + (0.5 * log_variance).exp() * _normal_like(features, noise)
        elif inference is not None:
            code = self.infer(seen, *inference)
        output = self._decode(code, bottom, top)
        weight = self.encoder[bottom].weight if self.has_closed_contraction(bottom, top) else None
        return Pass(target, seen, features, code, output, self.code_name(top), weight, probe or noise, log_variance)

    def code_name(self, top: int) -> str:
        """The code type, or the activation, of level `top`."""
        return self.experiment.code if top == self.levels else self.experiment.activation

    def has_closed_contraction(self, bottom: int, top: int) -> bool:
        """Whether ‖∂f/∂x‖² of these levels is a sum over units: one dense layer and an elementwise activation."""
        return top - bottom == 1 and isinstance(self.encoder[bottom], nn.Linear) and self.code_name(top) in codes.SLOPES

    @torch.no_grad()
    def normalise_atoms(self, bottom: int, top: int) -> None:
        """Give the atoms (columns) of every decoder stage between two levels unit norm; of a tied one, the code's alone.

        All of them: a later stage could grow for an earlier one. A tied stage cannot grow without its encoder.
        """
        if self.tied:
            normalise_atoms_(self.encoder[top - 1].weight.T)
            return
        for stage in self.decoder[bottom:top]:
            columns = stage.weight if isinstance(stage, nn.Linear) else stage.weight.flatten(1).T
            normalise_atoms_(columns)

    # ---- how ----

    def _features(self, x: Tensor, bottom: int, top: int) -> tuple[Tensor, Tensor | None]:
        stages = list(self.encoder)  # at once: a ModuleList makes a string of each index
        for i in range(bottom, min(top, self.levels - 1)):
            x = self.activation(_apply(stages[i], x))
        if top < self.levels:
            return x, None
        code = self.experiment.code
        if code == "lista":
            return stages[0](x - self.decoder[0].bias), None  # of the centred picture, as inference is
        a = _apply(stages[top - 1], x)
        if code in codes.ACTIVATIONS:
            return codes.ACTIVATIONS[code](a), None
        if code == "gaussian":
            mean, log_variance = a.chunk(2, dim=1)
            return mean, log_variance.clamp(-12, 12)  # e^12: far outside what training visits, but never infinite
        if code == "k_sparse":
            k = int(self.options["k"])
            return codes.k_sparse(a, k if self.training else round(k * self.options["alpha"])), None
        return self.gain * torch.tanh(a), None  # predictive

    def _decode(self, h: Tensor, bottom: int, top: int) -> Tensor:
        stages = list(self.decoder)
        for i in range(top - 1, bottom - 1, -1):
            stage = stages[i]
            if self.tied:
                h = F.linear(h, self.encoder[i].weight.t(), stage.bias)
            else:
                h = _apply(stage, h)
            if i > 0:
                h = self.activation(h)
        return h


class _Bias(nn.Module):
    """A tied decoder stage: its weight is the encoder's, transposed, so only a bias is its own."""

    def __init__(self, size: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(size))


def _unset(kind: type[nn.Module], *sizes: int) -> nn.Module:
    """A layer whose weights nobody has drawn. `nn.utils.skip_init` does the same, and loads half a second of symbolic algebra."""
    layer = kind(*sizes, device="meta")
    for name, value in list(layer.named_parameters()):
        setattr(layer, name, nn.Parameter(torch.empty(value.shape)))
    return layer


def _dense_stages(e: Experiment) -> tuple[list[Any], list[Any]]:
    widths = [e.data.size, *e.hidden, e.code_size]
    doubled = [*widths[1:-1], widths[-1] * (2 if e.code == "gaussian" else 1)]  # μ and log σ²
    encoder = [_unset(nn.Linear, a, b) for a, b in zip(widths, doubled)]
    decoder = [_Bias(a) if e.tied else _unset(nn.Linear, b, a) for a, b in zip(widths, widths[1:])]
    return encoder, decoder


def _conv_stages(e: Experiment) -> tuple[list[Any], list[Any]]:
    """4×4 kernels with stride 2 halve the side at each hidden level; a dense stage makes the code."""
    channels = [1, *e.hidden]
    side = e.data.shape[0] >> len(e.hidden)
    flat = channels[-1] * side * side
    encoder: list[Any] = [_unset(nn.Conv2d, a, b, 4, 2, 1) for a, b in zip(channels, channels[1:])]
    decoder: list[Any] = [_unset(nn.ConvTranspose2d, b, a, 4, 2, 1) for a, b in zip(channels, channels[1:])]
    encoder.append(_unset(nn.Linear, flat, e.code_size * (2 if e.code == "gaussian" else 1)))
    decoder.append(_unset(nn.Linear, e.code_size, flat))
    return encoder, decoder


def _lista(e: Experiment, dictionary: Tensor) -> nn.Module:
    """LISTA that begins as ISTA for the decoder's own atoms. λ/2: it is written for the lasso with its ½, PSC has none."""
    sparsity = next((term.weight for term in e.penalties if term.name == "l1"), 0.0)
    return Lista(dictionary, sparsity / 2, int(e.code_options["layers"]))


def _apply(stage: nn.Module, x: Tensor) -> Tensor:
    """One stage on flat activations. Functional calls: a module call costs more than a small layer's product."""
    if isinstance(stage, nn.Linear):
        return F.linear(x, stage.weight, stage.bias)
    if isinstance(stage, (nn.Conv2d, nn.ConvTranspose2d)):
        side = math.isqrt(x.shape[1] // stage.in_channels)  # of the feature maps, which are square
        return stage(x.unflatten(1, (stage.in_channels, side, side))).flatten(1)
    return stage(x)


@torch.no_grad()
def _initialise(network: Autoencoder, e: Experiment, generator: Generator) -> None:
    """Glorot's uniform weights for saturating and linear units (2010), He's for rectifiers (2015); zero biases."""
    stage: Any
    for stages in (network.encoder, network.decoder):
        for i, stage in enumerate(stages):
            if isinstance(stage, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                rectified = e.activation in ("relu", "leaky_relu") and i < network.levels - 1
                if rectified and stages is network.encoder:
                    nn.init.kaiming_uniform_(stage.weight, nonlinearity="relu", generator=generator)
                else:
                    nn.init.xavier_uniform_(stage.weight, generator=generator)
            if getattr(stage, "bias", None) is not None:
                nn.init.zeros_(stage.bias)


def _normal_like(x: Tensor, generator: Generator) -> Tensor:
    return torch.randn(x.shape, generator=generator, device=x.device)


def expected_shapes(experiment: Experiment) -> dict[str, tuple[int, ...]]:
    """Name → shape of every parameter that a run of this experiment has."""
    network = Autoencoder(experiment, torch.Generator().manual_seed(0))
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def unit_atoms(experiment: Experiment) -> bool:
    """Whether atoms are kept at unit norm, so that a smaller code cannot be bought with a larger decoder.

    With L1, and with inferred codes, always; with a contraction where the decoder is its own (a tied one cannot grow alone).
    """
    names: Sequence[str] = [term.name for term in experiment.penalties]
    return experiment.code in INFERRED_CODES or "l1" in names or ("contraction" in names and not experiment.tied)
