"""An experiment as a URL query, and back: only what differs from the nearest preset, in words that can be read.

`Experiment.to_query` and `Experiment.from_query` are the way in.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from replearn_core import catalog
from replearn_core.experiment import Experiment, InvalidExperiment, Problem, Term, clean, short
from replearn_core.presets import differences, preset, variant_of

MAX_CHARACTERS = 2_000


def spelled(experiment: Experiment) -> dict[str, str]:
    """See `Experiment.to_query`."""
    variant = variant_of(experiment)
    changed = differences(experiment, preset(experiment.dataset, variant))
    return {"dataset": experiment.dataset, "variant": variant} | {name: _spell(getattr(experiment, name)) for name in changed}


def read(query: Mapping[str, str | Sequence[str]]) -> tuple[Experiment, tuple[Problem, ...]]:
    """See `Experiment.from_query`."""
    if sum(len(key) + sum(map(len, _all(value))) for key, value in query.items()) > MAX_CHARACTERS:
        return preset("digits", "undercomplete"), (Problem("problem.long_query", "", {"limit": MAX_CHARACTERS}),)
    problems: list[Problem] = []
    once = {}
    for key, value in query.items():
        if len(_all(value)) != 1:
            problems.append(Problem("problem.repeated", clean(key)))
        else:
            once[key] = _all(value)[0]
    dataset = _own(once) or _pick(once, "dataset", catalog.DATASETS, "digits", problems)
    variant = _pick(once, "variant", catalog.VARIANTS, "undercomplete", problems)
    experiment = preset(dataset, variant)
    fields = {}
    for key, text in once.items():
        value = _parse(key, text, problems)
        if value is not _BAD:
            fields[key] = value
    return _with_what_fits(experiment, fields, problems), tuple(problems)


_BAD = object()
_NOT_IN_QUERY = ("dataset", "variant")


def _spell(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Term):
        return value.spelled()
    if isinstance(value, Mapping):
        return ",".join(f"{name}={short(number)}" for name, number in sorted(value.items())) or "none"
    if isinstance(value, tuple):
        return ",".join(_spell(part) for part in value) or "none"
    return short(value) if isinstance(value, (int, float)) else str(value)


def _own(once: dict[str, str]) -> str | None:
    """The name of a visitor's own data set, where it can be one."""
    name = once.get("dataset", "")
    try:
        return once.pop("dataset") if catalog.is_own(name) and catalog.dataset(name) else None
    except KeyError:
        return None


def _pick(once: dict[str, str], key: str, choices: Mapping[str, Any], default: str, problems: list[Problem]) -> str:
    value = once.pop(key, default)
    if value in choices:
        return value
    problems.append(Problem("problem.unknown_choice", key, {"value": clean(value), "choices": list(choices)}))
    return default


def _parse(key: str, text: str, problems: list[Problem]) -> Any:
    if key not in Experiment.model_fields or key in _NOT_IN_QUERY:
        problems.append(Problem("problem.unknown_field", clean(key)))
        return _BAD
    try:
        return _PARSERS.get(key, str)(text)
    except (ValueError, KeyError, TypeError):
        knob = catalog.BOUNDS.get(key)
        if knob:
            problems.append(Problem("problem.out_of_range", key, {"value": clean(text), "low": knob.low, "high": knob.high}))
        else:
            problems.append(Problem("problem.bad_value", key, {"value": clean(text)}))
        return _BAD


def _parts(text: str) -> list[str]:
    return [] if text in ("none", "") else text.split(",")


def _yes(text: str) -> bool:
    return {"yes": True, "no": False}[text]


def _continues(text: str) -> tuple[str, int] | None:
    if text == "none":
        return None
    run_id, epoch = text.split(",")
    return run_id, int(epoch)


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "train_size": lambda text: None if text == "none" else int(text),
    "hidden": lambda text: tuple(int(part) for part in _parts(text)),
    "code_size": int,
    "code_options": lambda text: {key: float(value) for key, value in (part.split("=") for part in _parts(text))},
    "tied": _yes,
    "corruption": lambda text: None if text == "none" else Term.from_spelled(text).model_dump(),
    "penalties": lambda text: tuple(Term.from_spelled(part).model_dump() for part in _parts(text)),
    "epochs": int,
    "batch_size": int,
    "learning_rate": float,
    "seed": int,
    "continues": _continues,
    "version": int,
}


def _with_what_fits(base: Experiment, fields: dict[str, Any], problems: list[Problem]) -> Experiment:
    """`base` with all fields if they are valid together; else without those that are to blame, each problem told once."""
    fields = dict(fields)
    while fields:
        try:
            return base.changed(**fields)
        except InvalidExperiment as error:
            problems.extend(problem for problem in error.problems if problem not in problems)
            for name in _blamed(base, fields, error.problems):
                del fields[name]
    return base


def _blamed(base: Experiment, fields: Mapping[str, Any], problems: Sequence[Problem]) -> list[str]:
    """The fields to leave out: those that a problem names, else the first without which the rest is valid, else the last."""
    named = {_FIELD_OF.get(problem.setting, problem.setting) for problem in problems} & set(fields)
    if named:
        return list(named)
    for name in reversed(list(fields)):
        try:
            base.changed(**{key: value for key, value in fields.items() if key != name})
            return [name]
        except InvalidExperiment:
            pass
    return [list(fields)[-1]]


_FIELD_OF = {
    **{knob.name: "code_options" for entry in catalog.CODES.values() for knob in entry.options},
    **dict.fromkeys(catalog.CORRUPTIONS, "corruption"),
    **dict.fromkeys(catalog.PENALTIES, "penalties"),
    **{knob.name: "penalties" for entry in catalog.PENALTIES.values() for knob in entry.options},
}
"""The field in which a term or option stands, by its name: problems name the knob, links spell the field."""


def _all(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
