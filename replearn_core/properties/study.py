"""What the studies of the six ideal properties share: settings, seeds, intervals over seeds, findings. Used by this package only.

A study asks one question, trains real networks for each of several seeds, and returns a `Study`: numbers per seed, their
intervals, small arrays to draw, and a finding whose words the pages have. No torch when this module is imported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from replearn_core import catalog
from replearn_core.experiment import Experiment, InvalidExperiment, problems_of
from replearn_core.options import Choice, checked, refusal
from replearn_core.own.refusal import Refused

if TYPE_CHECKING:
    from replearn_core.datasets import Dataset
    from replearn_core.networks import Autoencoder

Tell = Callable[..., None]
"""tell(share, partial=None): share 0 … 1 is done. What it raises ends the study.

partial: a function without arguments that gives what there is so far, (arrays, numbers) as `Study.answer` does, for those who
watch. It is called only when it is time to show something again, so it may take a few milliseconds.
"""

CONFIDENCE = 0.95
LEAST_SEEDS, MOST_SEEDS = 5, 20
LEAST_OWN = 200  # of a visitor's own images to train on, for a study
CARRIED = "study"  # the array of an answer that has the study's words and intervals, as JSON in bytes

Seeds = Annotated[int, Field(ge=LEAST_SEEDS, le=MOST_SEEDS)]
_RIGHT = ("accuracy", "all_labels", "auc", "auroc", "base", "class", "clean", "f1", "kept", "labels", "noisy", "own", "probe")
_READ = ("all_units", "informativeness", "nearer", "one_unit", "seen", "steadiness", "train_error", "unseen")
_CODES = ("completeness", "disentanglement", "hoyer", "l0", "lifetime", "mig", "population", "sap", "saved")
_DRAWN = ("continuity", "gabor", "gabors", "locality", "selectivity", "trustworthiness")
SHARES = frozenset((*_RIGHT, *_READ, *_CODES, *_DRAWN))
"""Measures, by the last part of their names, that lie between 0 and 1; so does `labels_<n>`."""


class Settings(BaseModel):
    """What every study can be told. Subclasses add their knobs; all have bounds and defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    seeds: Seeds = LEAST_SEEDS
    first_seed: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    @property
    def each_seed(self) -> range:
        return range(self.first_seed, self.first_seed + self.seeds)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]):
        """Settings from plain values. Raises InvalidExperiment, with Problems in our own keys and numbers."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise InvalidExperiment(problems_of(error)) from None


class Pictures(Settings):
    """What the studies of labelled pictures share: on which, and how long their one-layer networks train."""

    dataset: Annotated[str, Choice("dataset", ("digits", "mnist", "fashion_mnist"), "digits", own=("",))] = "digits"
    epochs: Annotated[int, Field(ge=1, le=500)] = 40
    train_size: Annotated[int, Field(ge=200, le=10_000)] = 1_437

    @field_validator("dataset")
    @classmethod
    def _offered(cls, value: str) -> str:
        name = str(checked(cls.model_fields["dataset"].metadata[0], value))
        if catalog.is_own(name) and (found := catalog.dataset(name).train_size) < LEAST_OWN:
            raise refusal("problem.own_study_small", "dataset", count=found, limit=LEAST_OWN)
        return name

    def experiment(self, seed: int, **fields: Any) -> Experiment:
        """An experiment on these pictures; `fields` say the rest. Raises InvalidExperiment."""
        shared = {name: getattr(self, name) for name in ("dataset", "epochs", "train_size")}
        return Experiment.from_values({"batch_size": 64, "seed": seed, **shared, **fields})


def check_labels(dataset: str, y: np.ndarray, each: int) -> None:
    """Refused where a class of a visitor's own data has fewer than `each` of the labels y (N,) that a study's probe draws."""
    least = int(np.bincount(y, minlength=catalog.dataset(dataset).classes).min())
    if least < each and catalog.is_own(dataset):
        raise Refused("problem.own_study_class", "dataset", count=least, limit=each)


class Interval(NamedTuple):
    """A mean over seeds with its 95 % interval by Student's t: mean ± t(S−1) s/√S, where `within` did not cut it."""

    mean: float
    low: float
    high: float
    seeds: int

    @property
    def direction(self) -> Literal["higher", "lower", "unclear"]:
        """Of a difference: whether zero lies outside the interval, and on which side."""
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "unclear"


def within(found: Interval, low: float = 0.0, high: float = 1.0) -> Interval:
    """The interval cut to what can be, unless told otherwise a share: Student's t knows no bounds, and no accuracy is 104 %."""
    return found._replace(low=max(low, found.low), high=min(high, found.high))


def possible(measure: str) -> tuple[float, float]:
    """(least, most) that a study's measure can be: [0, 1] for SHARES, from 0 for errors, losses, norms, units and times."""
    last = measure.rpartition(".")[2]
    if last in SHARES or last.startswith("labels_"):
        return 0.0, 1.0
    amount = last in ("dead", "jacobian", "live") or last.startswith("error_") or last.endswith(("error", "loss", "seconds"))
    return (0.0 if amount else -np.inf), np.inf


def interval(values: Sequence[float] | np.ndarray) -> Interval:
    """Student's t interval of the mean over seeds. With five seeds a bootstrap would be too narrow (it never leaves their range).

    values (S,), S ≥ 2. ValueError: fewer than 2 values, NaN or Inf.
    """
    from scipy.special import stdtrit

    array = np.asarray(values, np.float64)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"an interval needs at least 2 values in one dimension, not the shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{int((~np.isfinite(array)).sum())} of {len(array)} values are NaN or infinite")
    mean, error = float(array.mean()), float(array.std(ddof=1) / np.sqrt(len(array)))
    half = float(stdtrit(len(array) - 1, 0.5 + CONFIDENCE / 2)) * error
    return Interval(mean, mean - half, mean + half, len(array))


def difference(a: Sequence[float], b: Sequence[float]) -> Interval:
    """Interval of a − b, paired by seed: equal seeds share weights, order and noise, so their luck cancels."""
    if len(a) != len(b):
        raise ValueError(f"{len(a)} values cannot be paired with {len(b)}")
    return interval(np.asarray(a, np.float64) - np.asarray(b, np.float64))


class Finding(NamedTuple):
    """A text key, and the numbers for the sentence. An effect that is absent has a key too."""

    key: str
    numbers: Mapping[str, float]


def finding(name: str, effect: Interval, **numbers: float) -> Finding:
    """The finding `finding.<name>.higher`, `.lower` or `.unclear`, by the side of zero on which the effect's interval lies."""
    said = {"effect": effect.mean, "low": effect.low, "high": effect.high, "seeds": effect.seeds, **numbers}
    return Finding(f"finding.{name}.{effect.direction}", said)


@dataclass(frozen=True, eq=False)
class Study:
    """What came out.

    values: measure → one number a seed, in the order of `seeds`. summary: measure → its Interval, cut to what is `possible`.
    arrays: small enough to send and to draw; images uint8, curves float32. findings: the first is the answer.
    runs: ids of the experiments that were trained. Equal settings give equal studies bit for bit on one machine with one thread,
    but for measures whose name ends in `seconds` or `speedup`, which a clock gave.
    """

    name: str
    settings: Settings
    values: Mapping[str, tuple[float, ...]]
    arrays: Mapping[str, np.ndarray]
    findings: tuple[Finding, ...]
    runs: tuple[str, ...] = ()
    summary: Mapping[str, Interval] = field(init=False)

    def __post_init__(self):
        for measure, values in self.values.items():
            if len(values) != self.settings.seeds:
                raise ValueError(f"{measure} has {len(values)} values for {self.settings.seeds} seeds")
        object.__setattr__(self, "summary", {name: within(interval(one), *possible(name)) for name, one in self.values.items()})

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(self.settings.each_seed)

    @property
    def finding(self) -> Finding:
        return self.findings[0]

    def answer(self) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """(arrays, numbers) as a task returns them: the means by measure, and all else as JSON in the array `study`."""
        told = {
            "name": self.name,
            "settings": self.settings.model_dump(mode="json"),
            "values": {name: list(values) for name, values in self.values.items()},
            "summary": {name: list(one) for name, one in self.summary.items()},
            "findings": [[one.key, dict(one.numbers)] for one in self.findings],
            "runs": list(self.runs),
        }
        carried = np.frombuffer(json.dumps(told, allow_nan=False).encode(), np.uint8)
        return {**self.arrays, CARRIED: carried}, {name: one.mean for name, one in self.summary.items()}


def note(values: dict[str, list[float]], prefix: str, found: Mapping[str, float]) -> None:
    """Add one seed's numbers: `<prefix>.<measure>`."""
    for name, value in found.items():
        values.setdefault(f"{prefix}.{name}", []).append(float(value))


def finished(
    name: str,
    settings: Settings,
    values: Mapping[str, Sequence[float]],
    arrays: Mapping[str, np.ndarray],
    findings: Sequence[Finding],
    runs: Sequence[str],
) -> Study:
    """A Study of what was gathered while its seeds ran."""
    return Study(name, settings, {measure: tuple(one) for measure, one in values.items()}, arrays, tuple(findings), tuple(runs))


def read_answer(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What `Study.answer` carried, as plain values: name, settings, values, summary, findings, runs. ValueError without it.

    Intervals are cut to what is `possible` here too: answers that were kept before that was done have wider ones.
    """
    if CARRIED not in arrays:
        raise ValueError(f"these arrays carry no study: {', '.join(sorted(arrays)) or 'none'}")
    told = json.loads(np.asarray(arrays[CARRIED], np.uint8).tobytes())
    return told | {"summary": {name: list(within(Interval(*one), *possible(name))) for name, one in told["summary"].items()}}


# ---- training ----


def gaussian(sigma: float) -> dict[str, Any]:
    """The corruption of a denoising autoencoder, as an experiment's field."""
    return {"corruption": {"name": "gaussian", "weight": sigma}}


def silent(share: float, partial: Any = None) -> None:
    """A `Tell` that tells nobody."""


def part(tell: Tell, begins: float, ends: float) -> Tell:
    """A `Tell` for one part of the work, which lasts from share `begins` to `ends` of the whole."""

    def told(share: float, partial: Any = None) -> None:
        tell(begins + (ends - begins) * share, *(() if partial is None else (partial,)))

    return told


def trained(experiment: Experiment, data: Dataset, tell: Tell = silent) -> Autoencoder:
    """The network of this experiment after its last epoch, in evaluation mode on the CPU.

    By `training.train`, so it is bit for bit the run that a visitor can train. The measures of a finished run, which follow
    the last epoch and cost more than a small training, are not waited for. RuntimeError where it diverges.
    """
    import torch

    from replearn_core.networks import Autoencoder
    from replearn_core.training import load, train

    event: Any  # told apart by its kind
    for event in train(experiment, data, device="cpu"):
        if event.kind == "diverged":
            raise RuntimeError(f"{experiment.id} diverged: {event.term}")
        if event.kind == "progress":
            tell(event.epoch / experiment.epochs)
            if event.epoch == experiment.epochs:
                network = Autoencoder(experiment, torch.Generator())
                load(network, event.state)
                return network.eval()
    raise RuntimeError(f"{experiment.id} ended before epoch {experiment.epochs}")


def trained_all(experiments: Mapping[str, Experiment], data: Dataset, tell: Tell = silent) -> dict[str, Autoencoder]:
    """`trained` for each named experiment, one after the other; the share that is done counts them as equally long."""
    networks = {}
    for place, (name, experiment) in enumerate(experiments.items()):
        networks[name] = trained(experiment, data, part(tell, place / len(experiments), (place + 1) / len(experiments)))
    return networks


def encoded(network: Autoencoder, x: np.ndarray, level: int | None = None) -> np.ndarray:
    """Codes (N, K) float32 of samples x (N, *shape), or the activations of another level (1 is the first layer)."""
    import torch

    with torch.no_grad():
        return np.concatenate([network.encode(_flat(rows), 0, level).numpy() for rows in _blocks(x)])


def decoded(network: Autoencoder, codes: np.ndarray) -> np.ndarray:
    """Pictures (N, *shape) float32 of codes (N, K)."""
    import torch

    with torch.no_grad():
        flat = np.concatenate([network.decode(_flat(rows)).numpy() for rows in _blocks(codes)])
    return flat.reshape(len(codes), *network.shape)


def _blocks(x: np.ndarray, size: int = 4_096) -> list[np.ndarray]:
    return [x[start : start + size] for start in range(0, max(1, len(x)), size)]


def _flat(rows: np.ndarray):
    import torch

    return torch.from_numpy(np.array(rows, np.float32).reshape(len(rows), -1))


# ---- small things to draw ----


def as_pictures(x: np.ndarray) -> np.ndarray:
    """uint8 pictures of values in [0, 1]; what lies outside is clipped."""
    return np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)


def signed_pictures(x: np.ndarray) -> np.ndarray:
    """uint8 pictures (M, *shape), 128 = 0, each scaled by its own largest magnitude."""
    peak = np.abs(x).reshape(len(x), -1).max(axis=1).reshape(-1, *[1] * (x.ndim - 1))
    return np.rint(128 + 127 * x / np.maximum(peak, 1e-12)).astype(np.uint8)
