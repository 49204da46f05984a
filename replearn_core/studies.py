"""Every study by its name, whichever package has it: what it can be told, what it costs, what a worker returns. No torch here.

A study is a task of the kind `study:<name>`: the engine queues it, shows how far it is and what it has, and keeps its answer.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, get_args

import numpy as np
from annotated_types import Ge, Le

from replearn_core import applications, comparisons, properties, variants
from replearn_core.catalog import Knob, dataset
from replearn_core.options import Choice, Numbers, Option, Place, Several
from replearn_core.properties import Entry
from replearn_core.properties.study import Settings, Study, Tell, silent

PREFIX = "study:"  # of a task's kind
STUDIES: Mapping[str, Entry] = MappingProxyType(
    {**properties.STUDIES, **variants.STUDIES, **comparisons.STUDIES, **applications.STUDIES}
)


def run_study(name: str, values: Mapping[str, Any] | None = None, *, tell: Tell = silent) -> Study:
    """A study by its name, from plain values. Raises InvalidExperiment, datasets.Unavailable; KeyError for an unknown name."""
    entry = STUDIES[name]
    return entry.run(entry.settings.from_values(values or {}), tell=tell)


def answer(kind: str, options: Mapping[str, float | str], tell: Tell = silent) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """What a task of the kind `study:<name>` returns."""
    name = kind.removeprefix(PREFIX)
    return run_study(name, _plain(name, options), tell=tell).answer()


def about(name: str, options: Mapping[str, Any]) -> tuple[str, int | None]:
    """(data set, training samples) that a study works on: what the engine checks and loads before it begins.

    The fields `dataset` and `train_size` of its settings, or what their method `subject()` says.
    """
    entry = STUDIES[name]
    if hasattr(entry.settings, "subject"):
        return settings_of(name, options).subject()  # type: ignore[attr-defined]
    fields = entry.settings.model_fields
    usual = {key: fields[key].default for key in ("dataset", "train_size") if key in fields}
    given = {key: options.get(key, value) for key, value in usual.items()}
    dataset = str(given.get("dataset", entry.dataset))
    return dataset, int(given["train_size"]) if "train_size" in given else None


def estimated_seconds(name: str, options: Mapping[str, Any]) -> float:
    """CPU seconds of a study with these options on one core of a small machine: what its settings' `seconds()` says, or its
    defaults' in proportion to seeds, epochs and training samples, and to pixels."""
    entry = STUDIES[name]
    if hasattr(entry.settings, "seconds"):
        return settings_of(name, options).seconds()  # type: ignore[attr-defined]
    seconds = entry.seconds
    for key in ("seeds", "epochs", "train_size"):
        if key in options:
            seconds *= max(float(options[key]), 1.0) / float(entry.settings.model_fields[key].default)
    usual = entry.settings.model_fields["dataset"].default if "dataset" in entry.settings.model_fields else entry.dataset
    return seconds * max(1.0, (dataset(about(name, options)[0]).size / dataset(usual).size) ** 0.7)


def settings_of(name: str, options: Mapping[str, Any]) -> Settings:
    """A study's settings from a task's options. Raises InvalidExperiment."""
    return STUDIES[name].settings.from_values(_plain(name, options))


def options_of(name: str) -> tuple[Option, ...]:
    """A study's knobs in order, read off its settings: a Knob for a number, and what `replearn_core.options` has for the rest."""
    options: list[Option] = []
    for field, info in STUDIES[name].settings.model_fields.items():
        bounds: dict[type, Any] = {type(one): one for one in info.metadata}
        default = str(info.default)
        if Choice in bounds:
            options.append(replace(bounds[Choice], name=field, default=default))
        elif Several in bounds:
            options.append(Several(bounds[Several].values, field, default))
        elif Numbers in bounds:
            found = bounds[Numbers]
            options.append(Numbers(found.low, found.high, found.most, field, default))
        elif Place in bounds:
            options.append(Place(bounds[Place].words, bounds[Place].hosts, field, default))
        elif Ge in bounds and Le in bounds:
            low, high = float(bounds[Ge].ge), float(bounds[Le].le)
            symbol = rf"\text{{{field.replace('_', ' ')}}}"
            options.append(Knob(field, symbol, low, high, float(info.default), integer=info.annotation is int))
        else:
            options.append(Choice(field, get_args(info.annotation), default))
    return tuple(options)


def _plain(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """A task's options, floats and text, as the settings take them: whole numbers become integers again."""
    whole = {option.name for option in options_of(name) if isinstance(option, Knob) and option.integer}
    return {key: int(value) if key in whole else value for key, value in options.items()}
