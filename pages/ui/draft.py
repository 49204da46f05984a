"""The knobs as they stand, valid or not. Two ways in and out: widgets (`take`), the address (`follow_link`, `write_link`)."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui import address_bar, session
from replearn_core import catalog
from replearn_core.experiment import RUN_ID_PATTERN, Experiment, InvalidExperiment, Problem
from replearn_core.presets import preset, variant_of

FIRST = preset("digits", "undercomplete")  # the experiment of a first visit; its run is shipped in assets/pretrained
LECTURE = tuple(name for name, entry in catalog.VARIANTS.items() if entry.lecture)
MAX_SHOWN = 4  # runs side by side: the one on screen and the pinned ones
VIEWS = ("images", "features", "activity")  # of the film
PANELS = ("curves", "code", "spectrum", "measures")  # below it
OWN_PARAMETERS = ("run", "pins", "six", "epoch", "view", "panel")  # what a link says besides the experiment and the language
# Wrong by themselves: such a value never enters the draft. Everything else is wrong only beside other values, and may stand.
NEVER_IN_DRAFT = {
    "problem.out_of_range",
    "problem.bad_value",
    "problem.unknown_choice",
    "problem.unknown_option",
    "problem.unknown_field",
    "problem.too_deep",
    "problem.repeated_penalty",
}
# Knobs that a run in progress can follow with the weights it has; any other knob waits for Train.
CONTINUABLE = ("penalties", "corruption", "learning_rate", "batch_size", "epochs")
_KEPT_ACROSS_DATA = ("penalties", "corruption", "learning_rate", "activation", "seed", "reconstruction", "code", "tied")
_KEPT_ACROSS_VARIANTS = ("seed", "train_size", "epochs", "batch_size", "learning_rate")


# ---- the draft ----


def fields() -> dict[str, Any]:
    """Fields of an Experiment as the knobs stand."""
    if session.DRAFT not in st.session_state:
        _store(FIRST)
    return session.get(session.DRAFT)


def checked() -> tuple[Experiment | None, tuple[Problem, ...]]:
    """The Experiment that the knobs mean, or None with what is wrong."""
    try:
        return Experiment.from_values(fields()), ()
    except InvalidExperiment as error:
        return None, error.problems


def last_valid() -> Experiment:
    return session.get(session.VALID, FIRST)


def variant() -> str:
    return variant_of(last_valid())


def take(**changes: Any) -> None:
    """Turn knobs. A value that no knob could offer is refused and told; one that clashes with another knob is kept and told."""
    wanted = fields() | changes
    if "code" in changes and "code_options" not in changes:
        wanted["code_options"] = {}
    try:
        _store(Experiment.from_values(wanted))
    except InvalidExperiment as error:
        never = tuple(found for found in error.problems if found.key in NEVER_IN_DRAFT)
        session.put(session.NOTICES, never)
        if not never:
            session.put(session.DRAFT, wanted)


def take_dataset(name: str) -> None:
    """Another data set: the same variant with sizes that suit it, and every other knob that was turned."""
    try:
        catalog.dataset(name)
    except KeyError:
        take(dataset=name)
        return
    before = last_valid()
    _store(_preset_with(name, variant_of(before), before, _KEPT_ACROSS_DATA))


def take_variant(name: str) -> None:
    """Another variant on the same data, seed and pace, so that the two can be compared."""
    if name in catalog.VARIANTS:
        before = last_valid()
        _store(_preset_with(before.dataset, name, before, _KEPT_ACROSS_VARIANTS))


def _preset_with(dataset: str, name: str, before: Experiment, kept: Sequence[str]) -> Experiment:
    usual = preset(before.dataset, variant_of(before))
    turned = {field: getattr(before, field) for field in kept if getattr(before, field) != getattr(usual, field)}
    plain = Experiment.model_dump(before)
    try:
        return preset(dataset, name, **{field: plain[field] for field in turned})
    except InvalidExperiment:
        return preset(dataset, name, seed=before.seed)


def take_experiment(experiment: Experiment) -> None:
    """All knobs as in this experiment, from the start (`continues` is a run's past, not a knob)."""
    _store(from_the_start(experiment))


def from_the_start(experiment: Experiment) -> Experiment:
    """The same settings as one whole run: a continuation's epochs and those before it."""
    if experiment.continues is None:
        return experiment
    total = min(experiment.epochs + experiment.continues[1], int(catalog.BOUNDS["epochs"].high))
    return experiment.changed(continues=None, epochs=total)


def _store(experiment: Experiment) -> None:
    plain = experiment.model_dump() | {"continues": None}
    session.put(session.DRAFT, plain)
    session.put(session.VALID, experiment.changed(continues=None) if experiment.continues else experiment)
    session.put(session.NOTICES, ())


# ---- terms ----


def term(name: str) -> Mapping[str, Any] | None:
    """The penalty of this name as it stands in the draft."""
    return next((dict(found) for found in fields()["penalties"] if found["name"] == name), None)


def with_penalty(name: str, weight: float | None = None, **options: float) -> tuple[Mapping[str, Any], ...]:
    """The draft's penalties with this one switched on, or its strength changed."""
    entry = catalog.PENALTIES[name]
    before = term(name) or {"name": name, "weight": entry.strength.default if entry.strength else 1.0, "options": {}}
    after = {**before, "options": {**before["options"], **options}}
    if weight is not None:
        after["weight"] = weight
    return (*without_penalties(name), after)


def without_penalties(*names: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(found for found in fields()["penalties"] if found["name"] not in names)


# ---- the address ----


def follow_link(known: Callable[[str], Experiment | None]) -> None:
    """Take over what the address says, once per address. `known` gives the experiment of a kept run, None for any other id.

    Nothing is started. An address without our parameters leaves the knobs as they are (another page was visited).
    """
    query = address_bar.own()
    address = _canonical(query)
    if address == session.get(session.QUERY) or (not query and session.DRAFT in st.session_state):
        return
    session.put(session.QUERY, address)
    problems: list[Problem] = []
    own = {key: _once(query.pop(key), key, problems) for key in OWN_PARAMETERS if key in query}
    run = _run(own.get("run"), known, problems)
    experiment, found = Experiment.from_query(query)
    if run and not query:
        experiment = from_the_start(known(run) or experiment)
    take_experiment(experiment)
    session.put(session.RUN, run)
    session.put(session.PINS, _runs(own.get("pins"), "pins", MAX_SHOWN - 1, known, problems))
    six = _runs(own.get("six"), "six", len(LECTURE), known, problems)
    session.put(session.SIX, {variant_of(kept): run_id for run_id in six if (kept := known(run_id))})
    for name in (session.EPOCH, session.START):
        session.put(name, _epoch(own.get("epoch"), problems))
    session.put(session.VIEW, _one_of(VIEWS, "view", own.get("view"), problems))
    session.put(session.PANEL, _one_of(PANELS, "panel", own.get("panel"), problems))
    session.put(session.NOTICES, (*found, *problems))


def write_link() -> None:
    """Put all that is on screen into the address; no rerun follows from it."""
    query = last_valid().to_query() | _of_screen()
    session.put(session.QUERY, _canonical({key: [value] for key, value in query.items()}))
    address_bar.write(query)


def _of_screen() -> dict[str, str]:
    """The own parameters that differ from a first visit's."""
    pins, six, epoch = session.get(session.PINS, ()), session.get(session.SIX) or {}, session.get(session.EPOCH)
    said = {
        "run": session.get(session.RUN),
        "pins": ",".join(pins),
        "six": ",".join(six.values()),
        "epoch": None if epoch is None else f"{epoch:g}",
        "view": _if_other(session.VIEW, VIEWS),
        "panel": _if_other(session.PANEL, PANELS),
    }
    return {name: value for name, value in said.items() if value}


def _if_other(key: str, names: Sequence[str]) -> str | None:
    chosen = session.get(key)
    return chosen if chosen in names[1:] else None


def _canonical(query: Mapping[str, Sequence[str]]) -> tuple:
    return tuple(sorted((key, tuple(values)) for key, values in query.items()))


def _once(values: Sequence[str], key: str, problems: list[Problem]) -> str | None:
    if len(values) == 1:
        return values[0]
    problems.append(Problem("problem.repeated", key))
    return None


def is_run_id(value: str) -> bool:
    return re.fullmatch(RUN_ID_PATTERN, value) is not None


def _run(value: str | None, known: Callable, problems: list[Problem]) -> str | None:
    """An id that is none, one that never was and one that was deleted all get the same answer."""
    if value is None:
        return None
    if is_run_id(value) and known(value) is not None:
        return value
    problems.append(Problem("problem.unknown_run", "run"))
    return None


def _runs(value: str | None, key: str, most: int, known: Callable, problems: list[Problem]) -> tuple[str, ...]:
    """At most `most` run ids with commas between them; those that are not known are told."""
    asked = dict.fromkeys((value or "").split(",")[: 2 * most]) if value else {}
    good = tuple(run_id for run_id in asked if is_run_id(run_id) and known(run_id) is not None)
    if len(good) < len(asked):
        problems.append(Problem("problem.unknown_run", key))
    return good[:most]


def _one_of(names: Sequence[str], key: str, value: str | None, problems: list[Problem]) -> str:
    """One of `names`; the first where the link says nothing, or something else."""
    if value is not None and value not in names:
        problems.append(Problem("problem.unknown_choice", key, {"value": value[:40], "choices": list(names)}))
    return value if value is not None and value in names else names[0]


def _epoch(value: str | None, problems: list[Problem]) -> float | None:
    if value is None:
        return None
    high = 100_000
    try:
        epoch = float(value)
    except ValueError:
        epoch = -1.0
    if 0 <= epoch <= high:
        return epoch
    problems.append(Problem("problem.out_of_range", "epoch", {"value": value[:40], "low": 0, "high": high}))
    return None
