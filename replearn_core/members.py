"""`Members`: M networks of one shape as stacked tensors (M, …), so that a seed more costs little. `supervised.learn` trains them.

Levels as in strategies.py: level 0 is the input, level i what `encoder.{i-1}` says after normalisation, activation and dropout.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from replearn_core.training import generator

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}
INITIALISATIONS = ("small", "xavier", "he")
MOMENTUM, EPSILON = 0.1, 1e-5  # of batch normalisation, as in torch.nn.BatchNorm1d


@dataclass(frozen=True)
class Blueprint:
    """The one shape that all members have. sizes: (D, h1, …, hL). dropout: the share of each layer's units that is dropped.

    ValueError names what cannot be built.
    """

    sizes: tuple[int, ...]
    classes: int
    activation: str = "sigmoid"
    initialisation: str = "xavier"
    batch_norm: bool = False
    dropout: float = 0.0

    def __post_init__(self):
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise ValueError(f"sizes are {self.sizes}; an input and at least one layer, each of at least 1 unit, are needed")
        if self.classes < 2:
            raise ValueError(f"classes is {self.classes}; at least 2 are needed")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is {self.activation!r}; choose one of {', '.join(ACTIVATIONS)}")
        if self.initialisation not in INITIALISATIONS:
            raise ValueError(f"initialisation is {self.initialisation!r}; choose one of {', '.join(INITIALISATIONS)}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout is {self.dropout}; it must be at least 0 and below 1")

    @property
    def levels(self) -> int:
        """How many layers lie between the input and the classifier."""
        return len(self.sizes) - 1


class Members:
    """M networks. `weights` and `buffers`: name → tensor (M, …).

    Weights: `encoder.{i}.weight` (M, out, in), `encoder.{i}.bias` (M, out), or with batch normalisation `norm.{i}.weight` and
    `norm.{i}.bias` (M, out) in its stead, `decoder.{i}.bias` (M, in), `head.weight` (M, classes, h), `head.bias`. A decoder's
    weight is its encoder's, transposed (tied, as in Vincent et al. 2010 and Rifai et al. 2011): it has no tensor of its own and
    cannot grow while the encoder shrinks. Buffers: `norm.{i}.mean` and `norm.{i}.variance` (M, out).

    Member m's weights come from its own generator, seeded by seeds[m] alone: a stack of one with that seed is equal bit for bit.
    """

    def __init__(self, blueprint: Blueprint, seeds: Sequence[int], device: str | torch.device = "cpu"):
        if not seeds:
            raise ValueError("seeds is empty; at least one member is needed")
        self.blueprint, self.seeds, self.device = blueprint, tuple(seeds), torch.device(device)
        drawn = [_drawn(blueprint, generator(seed, "weights")) for seed in self.seeds]
        self.weights = {name: torch.stack([one[name] for one in drawn]).to(self.device) for name in drawn[0]}
        self.buffers: dict[str, Tensor] = {}
        for i, size in enumerate(blueprint.sizes[1:] if blueprint.batch_norm else ()):
            self.buffers[f"norm.{i}.mean"] = torch.zeros(len(seeds), size, device=self.device)
            self.buffers[f"norm.{i}.variance"] = torch.ones(len(seeds), size, device=self.device)

    def __len__(self) -> int:
        return len(self.seeds)

    # ---- forward ----

    def up(
        self,
        x: Tensor,
        bottom: int,
        top: int,
        training: bool | Collection[int] = False,
        noise: Sequence[Generator] | None = None,
    ) -> Tensor:
        """Activations (M, N, h) at level `top` of activations at level `bottom`: (M, N, d), or (N, d) for all members alike.

        training: which layers i are in training mode (True: all): these normalise by the batch and update their statistics, and
        drop units, drawn from `noise`, one generator a member. All others are in evaluation mode.
        """
        for i in range(bottom, top):
            trains = training if isinstance(training, bool) else i in training
            x = self._activated(self._normalised(self.affine(x, f"encoder.{i}"), i, trains))
            if trains and self.blueprint.dropout:
                x = self._dropped(x, noise)
        return x

    def logits(
        self, x: Tensor, bottom: int = 0, training: bool | Collection[int] = False, noise: Sequence[Generator] | None = None
    ) -> Tensor:
        """(M, N, classes) of activations at level `bottom`."""
        return self.affine(self.up(x, bottom, self.blueprint.levels, training, noise), "head")

    def down(self, h: Tensor, i: int) -> Tensor:
        """What layer i's decoder says of its input (M, N, d), from the layer's output h: logits where that lies in [0, 1]."""
        return torch.baddbmm(self.weights[f"decoder.{i}.bias"].unsqueeze(1), h, self.weights[f"encoder.{i}.weight"])

    def affine(self, x: Tensor, name: str) -> Tensor:
        """W x + b of one stage, for every member."""
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")
        rows = x if x.dim() == 3 else x.expand(len(self), *x.shape)
        if bias is None:
            return torch.bmm(rows, weight.transpose(1, 2))
        return torch.baddbmm(bias.unsqueeze(1), rows, weight.transpose(1, 2))

    def _activated(self, a: Tensor) -> Tensor:
        return ACTIVATIONS[self.blueprint.activation](a)

    def _normalised(self, a: Tensor, i: int, trains: bool) -> Tensor:
        """Ioffe & Szegedy 2015: by the batch where the layer trains, else by the kept statistics."""
        if not self.blueprint.batch_norm:
            return a
        mean, variance = self.buffers[f"norm.{i}.mean"], self.buffers[f"norm.{i}.variance"]
        count = a.shape[1]
        if trains and count > 1:  # one sample has no spread to divide by
            batch_variance, batch_mean = torch.var_mean(a, dim=1, correction=0)  # (M, h)
            with torch.no_grad():
                mean.lerp_(batch_mean, MOMENTUM)
                variance.lerp_(batch_variance * (count / (count - 1)), MOMENTUM)
            mean, variance = batch_mean, batch_variance
        scale = self.weights[f"norm.{i}.weight"] * torch.rsqrt(variance + EPSILON)
        shift = self.weights[f"norm.{i}.bias"] - mean * scale
        return torch.addcmul(shift.unsqueeze(1), a, scale.unsqueeze(1))

    def _dropped(self, x: Tensor, noise: Sequence[Generator] | None) -> Tensor:
        if noise is None:
            raise ValueError("dropout needs one generator a member in training mode")
        share = self.blueprint.dropout
        return x * (uniform(x.shape, noise, x.device) >= share) / (1 - share)

    # ---- one member's weights, in and out ----

    def state(self, member: int) -> dict[str, Tensor]:
        """One network's weights and buffers by name, copied to the CPU: ready for safetensors."""
        own = self.weights | self.buffers
        return {name: value[member].detach().cpu().clone().contiguous() for name, value in own.items()}

    @torch.no_grad()
    def put(
        self, state: Mapping[str, Tensor], patterns: Collection[str] = ("*",), members: Sequence[int] | None = None
    ) -> list[str]:
        """Copy the tensors of `state` whose names fit one of the patterns into some members (None: all); the names copied.

        ValueError: a tensor of these members that fits a pattern is not in the state or has another shape (the message names it,
        with the shape expected and found), or nothing fits.
        """
        own = self.weights | self.buffers
        names = [name for name in own if any(fnmatchcase(name, pattern) for pattern in patterns)]
        if not names:
            raise ValueError(f"no tensor fits {', '.join(patterns)}; there are {', '.join(own)}")
        for name in names:
            expected, found = tuple(own[name].shape[1:]), tuple(state[name].shape) if name in state else None
            if found != expected:
                raise ValueError(f"{name!r} should be {expected}, found {'nothing' if found is None else found}")
        for member in range(len(self)) if members is None else members:
            for name in names:
                own[name][member].copy_(state[name])
        return names


def uniform(shape: Sequence[int], noise: Sequence[Generator], device: torch.device | str = "cpu") -> Tensor:
    """(M, …) in [0, 1): each member's part from its own generator."""
    out = torch.empty(tuple(shape))
    for part, one in zip(out, noise):
        torch.rand(part.shape, generator=one, out=part)
    return out.to(device)


def _drawn(blueprint: Blueprint, random: Generator) -> dict[str, Tensor]:
    """One network's first weights. Encoders first, so that networks that share their lower layers' sizes share their values."""
    sizes, found = blueprint.sizes, {}
    for i, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:])):
        found[f"encoder.{i}.weight"] = _first(blueprint.initialisation, fan_out, fan_in, random)
        if blueprint.batch_norm:  # a bias below it would have no gradient but rounding, which Adam would blow up to whole steps
            found[f"norm.{i}.weight"], found[f"norm.{i}.bias"] = torch.ones(fan_out), torch.zeros(fan_out)
        else:
            found[f"encoder.{i}.bias"] = torch.zeros(fan_out)
        found[f"decoder.{i}.bias"] = torch.zeros(fan_in)
    kind = "small" if blueprint.initialisation == "small" else "xavier"  # no rectifier follows the classifier
    found["head.weight"] = _first(kind, blueprint.classes, sizes[-1], random)
    found["head.bias"] = torch.zeros(blueprint.classes)
    return found


def _first(kind: str, fan_out: int, fan_in: int, random: Generator) -> Tensor:
    """(fan_out, fan_in), uniform in ±r. small: r = 1/√fan_in, the heuristic of the years before Glorot & Bengio 2010 (their
    equation 1), by which signals shrink from layer to layer; xavier: their r = √(6/(fan_in + fan_out)); he: r = √(6/fan_in), of
    He et al. 2015."""
    reach = {"small": 1 / fan_in, "xavier": 6 / (fan_in + fan_out), "he": 6 / fan_in}[kind] ** 0.5
    return (torch.rand(fan_out, fan_in, generator=random) * 2 - 1) * reach


def classification_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each member (M,), in nats a sample. logits (M, N, C), labels (M, N) or (N,)."""
    labels = labels.expand(logits.shape[:2])
    return F.cross_entropy(logits.transpose(1, 2), labels, reduction="none").mean(dim=1)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of correct answers of each member (M,)."""
    return (logits.argmax(dim=2) == labels).float().mean(dim=1)
