"""Six ideal properties of a representation, and what they are good for: studies with real runs over seeds, named in `STUDIES`.

Importing this package costs NumPy and pydantic: torch and scikit-learn are imported inside the functions that need them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

import numpy as np
from annotated_types import Ge, Le

from replearn_core.catalog import DATASETS, Knob
from replearn_core.properties.atoms import Atoms, run_atoms
from replearn_core.properties.dimension import Dimension, run_dimension
from replearn_core.properties.disentangled import Disentangled, run_disentangled
from replearn_core.properties.distributed import Distributed, run_distributed
from replearn_core.properties.field import DenoisingField, run_field
from replearn_core.properties.hierarchical import Hierarchical, run_hierarchical
from replearn_core.properties.manifold import Manifold, run_manifold
from replearn_core.properties.scorecard import measure_run, readings
from replearn_core.properties.smooth import Boundary, Smooth, run_boundary, run_smooth
from replearn_core.properties.sparse import Sparse, run_sparse
from replearn_core.properties.study import Finding, Interval, Settings, Study, Tell, read_answer, silent
from replearn_core.properties.useful import Causes, FewLabels, run_causes, run_few_labels


class Entry(NamedTuple):
    """A study: its settings, the function, and CPU seconds of its defaults on one core of a small machine."""

    settings: type[Settings]
    run: Callable[..., Study]
    seconds: float
    dataset: str = "digits"  # of studies without a choice


STUDIES: Mapping[str, Entry] = MappingProxyType(
    {
        "disentangled": Entry(Disentangled, run_disentangled, 18),
        "distributed": Entry(Distributed, run_distributed, 11, "sprites"),
        "smooth": Entry(Smooth, run_smooth, 12),
        "boundary": Entry(Boundary, run_boundary, 16),
        "hierarchical": Entry(Hierarchical, run_hierarchical, 8),
        "sparse": Entry(Sparse, run_sparse, 14),
        "atoms": Entry(Atoms, run_atoms, 16, "patches"),
        "manifold": Entry(Manifold, run_manifold, 19),
        "field": Entry(DenoisingField, run_field, 12),
        "dimension": Entry(Dimension, run_dimension, 13),
        "few_labels": Entry(FewLabels, run_few_labels, 9),
        "causes": Entry(Causes, run_causes, 10, "sprites"),
    }
)
PREFIX = "study:"  # of a task's kind


def run_study(name: str, values: Mapping[str, Any] | None = None, *, tell: Tell = silent) -> Study:
    """A study by its name, from plain values. Raises InvalidExperiment, datasets.Unavailable; KeyError for an unknown name."""
    entry = STUDIES[name]
    return entry.run(entry.settings.from_values(values or {}), tell=tell)


def answer(kind: str, options: Mapping[str, float | str], tell: Tell = silent) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """What a task of the kind `study:<name>` returns. Its options are floats and text; whole numbers become integers again."""
    name = kind.removeprefix(PREFIX)
    whole = {option.name for option in options_of(name) if isinstance(option, Knob) and option.integer}
    values = {key: int(value) if key in whole else value for key, value in options.items()}
    return run_study(name, values, tell=tell).answer()


def about(name: str, options: Mapping[str, Any]) -> tuple[str, int | None]:
    """(data set, training samples) that a study works on: what the engine checks and loads before it begins."""
    entry = STUDIES[name]
    fields = entry.settings.model_fields
    usual = {key: fields[key].default for key in ("dataset", "train_size") if key in fields}
    given = {key: options.get(key, value) for key, value in usual.items()}
    dataset = str(given.get("dataset", entry.dataset))
    return dataset, int(given["train_size"]) if "train_size" in given else None


def estimated_seconds(name: str, options: Mapping[str, Any]) -> float:
    """CPU seconds of a study with these options: its defaults', in proportion to seeds, epochs and training samples, and to
    pixels."""
    entry = STUDIES[name]
    seconds = entry.seconds
    for key in ("seeds", "epochs", "train_size"):
        if key in options:
            seconds *= max(float(options[key]), 1.0) / float(entry.settings.model_fields[key].default)
    usual = entry.settings.model_fields["dataset"].default if "dataset" in entry.settings.model_fields else entry.dataset
    return seconds * max(1.0, (DATASETS[about(name, options)[0]].size / DATASETS[usual].size) ** 0.7)


def options_of(name: str) -> tuple[Knob | tuple[str, tuple[str, ...], str], ...]:
    """A study's knobs in order, read off its settings: a Knob for a number, (name, values, default) for a choice."""
    options: list[Knob | tuple[str, tuple[str, ...], str]] = []
    for field, info in STUDIES[name].settings.model_fields.items():
        bounds = {type(one): one for one in info.metadata}
        if Ge in bounds and Le in bounds:
            low, high = bounds[Ge].ge, bounds[Le].le
            symbol = rf"\text{{{field.replace('_', ' ')}}}"
            options.append(Knob(field, symbol, float(low), float(high), float(info.default), integer=info.annotation is int))
        else:
            options.append((field, get_args(info.annotation), str(info.default)))
    return tuple(options)


__all__ = [
    "PREFIX",
    "STUDIES",
    "Entry",
    "Finding",
    "Interval",
    "Settings",
    "Study",
    "about",
    "answer",
    "estimated_seconds",
    "measure_run",
    "options_of",
    "read_answer",
    "readings",
    "run_study",
]
