"""What a run says while it works. `training.train` yields these; the engine carries them; the store keeps them; pages draw them.

Identify an event by its `kind` string, never by isinstance: events cross processes and versions.
An event is plain numbers and text but for two fields: `frame` (small arrays to draw) and `state` (tensors to go on from),
which `as_record` leaves out and the store keeps in files of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from replearn_core.strategies import Phase

Frame = Mapping[str, np.ndarray]
"""Small arrays of one moment, all computed on held-out data:

reconstruction  uint8 (n, H, W), 255 = 1.0; for points float32 (n, D)
filters         uint8 (m, H, W): first-layer weights of the encoder, 128 = 0, each scaled by its own largest magnitude
atoms           uint8 (m, H, W): what one unit adds to the picture, g(h + s_j e_j) - g(h), scaled likewise
activity        uint8 (samples, units): |h| / its largest, 255 = 1.0
histogram       int64 (bins,): how often a code value falls in each bin; histogram_edges float32 (bins + 1,)
spectrum        float32 (s,): singular values of the encoder's Jacobian, mean over a few images, descending
Started's frame has `clean` and `seen` (uint8 (n, H, W) or float32 (n, D)) and `labels` int64 (n,).
"""


@dataclass(frozen=True)
class Started:
    """The run begins. `first_epoch` > 0 for a continuation. `frame`: the held-out images that all frames reconstruct."""

    kind: ClassVar[str] = "started"
    run_id: str
    first_epoch: int
    last_epoch: int
    parameters: int
    device: str
    train_samples: int
    test_samples: int
    terms: tuple[str, ...]
    phases: tuple[Phase, ...]
    class_names: tuple[str, ...]
    source: str
    licence: str
    frame: Frame = field(default_factory=dict)


@dataclass(frozen=True)
class PhaseBegan:
    """A phase begins after `epoch` epochs. `trains`: names of the parameters that move."""

    kind: ClassVar[str] = "phase"
    name: str
    epoch: int
    trains: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    """One recorded moment. Terms are per sample, sums over features, means over batches since the last record.

    epoch: passes so far, a fraction within a long epoch. seconds: training time so far. held_out: on unseen data.
    measures: l0 (share), hoyer, dead (units), squared_error (held-out, per image), samples_per_second.
    """

    kind: ClassVar[str] = "progress"
    epoch: float
    seconds: float
    training: Mapping[str, float]
    training_weighted: Mapping[str, float]
    held_out: Mapping[str, float]
    held_out_weighted: Mapping[str, float]
    measures: Mapping[str, float]
    frame: Frame = field(default_factory=dict)
    state: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Baseline:
    """Held-out squared error per image of PCA at the run's code size, fitted on the run's training data."""

    kind: ClassVar[str] = "baseline"
    pca_error: float
    mean_error: float  # of the best constant picture


@dataclass(frozen=True)
class Diverged:
    """A term stopped being finite. `state` is the last finite one, after `epoch` epochs."""

    kind: ClassVar[str] = "diverged"
    epoch: int
    term: str
    state: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Stopped:
    """Nobody wanted the run any more. `state` is that of the last recorded whole epoch, so that it can be resumed exactly."""

    kind: ClassVar[str] = "stopped"
    epoch: int
    state: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Finished:
    """The run is complete; `metrics` are the measures on held-out data at its end."""

    kind: ClassVar[str] = "finished"
    epoch: int
    seconds: float
    metrics: Mapping[str, float]
    state: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)


Event = Started | PhaseBegan | Progress | Baseline | Diverged | Stopped | Finished
ENDS = ("finished", "stopped", "diverged")
_KINDS: Mapping[str, Any] = {kind.kind: kind for kind in (Started, PhaseBegan, Progress, Baseline, Diverged, Stopped, Finished)}


def as_record(event: Event) -> dict[str, Any]:
    """The event as JSON values, `kind` first, without `frame` and `state`."""
    record: dict[str, Any] = {"kind": event.kind}
    for item in fields(event):
        if item.name not in ("frame", "state"):
            record[item.name] = _plain(getattr(event, item.name))
    return record


def from_record(record: Mapping[str, Any], frame: Frame | None = None) -> Event:
    """The inverse of `as_record`, with the frame put back. Raises ValueError on a record that is none."""
    values = dict(record)
    kind = values.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"unknown event kind {str(kind)[:40]!r}; known: {', '.join(_KINDS)}")
    try:
        if kind == "started":
            values["phases"] = tuple(_phase(phase) for phase in values["phases"])
        if kind in ("started", "progress"):
            values["frame"] = frame or {}
        return _KINDS[kind](**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise ValueError(f"not a {kind} event: {error}") from None


def _phase(record: Mapping[str, Any]) -> Phase:
    rates = tuple((pattern, factor) for pattern, factor in record["rates"])
    return Phase(**{**record, "frozen": tuple(record["frozen"]), "rates": rates})


def _plain(value: Any) -> Any:
    if isinstance(value, Phase):
        return {item.name: getattr(value, item.name) for item in fields(value)}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return value
