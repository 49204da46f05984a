"""`Experiment`: a frozen, validated value that holds all that one run needs.

JSON, URL query and id are three spellings of it. Pages make them, the engine queues them, `training.train` obeys them.
Errors are keys and numbers (`Problem`), never sentences: the pages have the words.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from replearn_core import catalog

VERSION = 1
MAX_QUERY_CHARACTERS = 2_000
MAX_SECONDS = 900.0  # refused above this estimate on one core of a small machine
RUN_ID_PATTERN = r"^[0-9a-f]{32}$"


@dataclass(frozen=True)
class Problem:
    """What is wrong with a value: a text key, the setting it concerns, and the numbers for the sentence."""

    key: str
    setting: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)


class InvalidExperiment(ValueError):
    """Raised where text or JSON cannot become an Experiment. `problems` holds at least one Problem."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{p.setting or 'experiment'}: {p.key} {dict(p.numbers)}" for p in self.problems))


def _refuse(key: str, setting: str, **numbers):
    numbers = {name: _text(value) if isinstance(value, str) else value for name, value in numbers.items()}
    return PydanticCustomError(key, "{setting}", {"setting": setting, **numbers})


_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Term(BaseModel):
    """One ingredient and its numbers: a penalty's coefficient, or a corruption's level, is `weight`."""

    model_config = _STRICT
    name: Annotated[str, Field(max_length=40)]
    weight: Annotated[float, Field(ge=0, le=100)] = 1.0
    options: Mapping[str, float] = {}

    @field_validator("weight")
    @classmethod
    def _one_zero(cls, value: float) -> float:
        return value + 0.0  # -0.0 equals 0.0 but is spelled otherwise

    @field_validator("options")
    @classmethod
    def _one_zero_each(cls, values: Mapping[str, float]) -> Mapping[str, float]:
        return {name: value + 0.0 for name, value in values.items()}

    def __hash__(self):
        return hash((self.name, self.weight, tuple(sorted(self.options.items()))))

    def spelled(self) -> str:
        """`name:weight:option=value`, as it stands in a URL."""
        options = [f"{name}={_short(value)}" for name, value in sorted(self.options.items())]
        return ":".join([self.name, _short(self.weight), *options])

    @classmethod
    def from_spelled(cls, text: str) -> "Term":
        """The inverse of `spelled`. Raises ValueError."""
        name, *rest = text.split(":")
        weight = float(rest[0]) if rest else 1.0
        pairs = [part.split("=", 1) for part in rest[1:]]
        return cls(name=name, weight=weight, options={key: float(value) for key, value in pairs})


def _bounded(name: str, kind=int):
    knob = catalog.BOUNDS[name]
    return Annotated[kind, Field(ge=kind(knob.low), le=kind(knob.high))]


class Experiment(BaseModel):
    """All that one run needs. `Experiment(dataset="digits")` alone is valid.

    hidden: widths of the layers between input and code (channels, each halving the side, for network="conv").
    epochs: passes over the training data; for a continuation, passes after those of the run it continues.
    """

    model_config = _STRICT
    dataset: str
    train_size: _bounded("train_size") | None = None
    network: str = "dense"
    hidden: Annotated[tuple[_bounded("hidden"), ...], Field(max_length=catalog.MAX_HIDDEN_LAYERS)] = ()
    code_size: _bounded("code_size") = 32
    activation: str = "relu"
    code: str = "sigmoid"
    code_options: Mapping[str, float] = {}
    tied: bool = False
    reconstruction: str = "squared_error"
    corruption: Term | None = None
    penalties: tuple[Term, ...] = ()
    strategy: str = "end_to_end"
    epochs: _bounded("epochs") = 60
    batch_size: _bounded("batch_size") = 128
    learning_rate: _bounded("learning_rate", float) = 2e-3
    seed: _bounded("seed") = 0
    continues: tuple[Annotated[str, Field(pattern=RUN_ID_PATTERN)], Annotated[int, Field(ge=0, le=100_000)]] | None = None
    version: int = VERSION

    # ---- each field against the catalogue ----

    @field_validator("dataset", "network", "activation", "code", "reconstruction", "strategy")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        choices = _CHOICES[info.field_name]
        if value not in choices:
            raise _refuse("problem.unknown_choice", info.field_name, value=value, choices=list(choices))
        return value

    @field_validator("version")
    @classmethod
    def _current(cls, value: int) -> int:
        if value != VERSION:
            raise _refuse("problem.newer_version" if value > VERSION else "problem.unknown_version", "version", value=value)
        return value

    @field_validator("corruption")
    @classmethod
    def _known_corruption(cls, term: Term | None) -> Term | None:
        return term and _checked_term(term, catalog.CORRUPTIONS, "corruption")

    @field_validator("penalties")
    @classmethod
    def _known_penalties(cls, terms: tuple[Term, ...]) -> tuple[Term, ...]:
        checked = [_checked_term(term, catalog.PENALTIES, "penalties") for term in terms]
        if len({term.name for term in checked}) < len(checked):
            raise _refuse("problem.repeated_penalty", "penalties")
        return tuple(sorted(checked, key=lambda term: term.name))  # their order has no meaning, so it has no spelling

    # ---- the fields against each other ----

    @model_validator(mode="before")
    @classmethod
    def _fill_code_options(cls, values: Any) -> Any:
        code = values.get("code", "sigmoid") if isinstance(values, Mapping) else None
        if isinstance(code, str) and code in catalog.CODES:
            knobs = catalog.CODES[code].options
            given = values.get("code_options") or {}
            if isinstance(given, Mapping):
                return {**values, "code_options": {knob.name: knob.default for knob in knobs} | dict(given)}
        return values

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _check_options(self.code_options, catalog.CODES[self.code].options, "code_options")
        for key, setting, wrong in _combinations(self):
            if wrong:
                raise _refuse(key, setting)
        return self

    # ---- spellings ----

    def __hash__(self):
        return hash(self.id)

    def as_json(self) -> str:
        """Canonical JSON: keys sorted, no spaces; equal experiments give equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Experiment":
        """Raises InvalidExperiment, with line and column where the text is not JSON."""
        try:
            values = json.loads(text, parse_constant=float, parse_int=_integer)
        except json.JSONDecodeError as error:
            raise InvalidExperiment([Problem("problem.not_json", "", {"line": error.lineno, "column": error.colno})]) from None
        except (ValueError, RecursionError):
            raise InvalidExperiment([Problem("problem.not_json", "", {"line": 1, "column": 1})]) from None
        return cls.from_values(values)

    @classmethod
    def from_values(cls, values: Any) -> "Experiment":
        """An Experiment from plain values. Raises InvalidExperiment."""
        if not isinstance(values, Mapping):
            raise InvalidExperiment([Problem("problem.not_an_object")])
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InvalidExperiment(problems_of(error)) from None

    @property
    def id(self) -> str:
        """128 bits of SHA-256 over the canonical JSON, as 32 hexadecimal digits."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()[:32]

    @property
    def data(self) -> catalog.DatasetEntry:
        return catalog.DATASETS[self.dataset]

    @property
    def samples(self) -> int:
        """Training samples that one epoch sees."""
        return min(self.train_size or self.data.train_size, self.data.train_size)

    def changed(self, **fields) -> "Experiment":
        """A new Experiment with some fields replaced, validated again. Raises InvalidExperiment."""
        if "code" in fields and "code_options" not in fields and fields["code"] != self.code:
            fields["code_options"] = {}
        return Experiment.from_values(self.model_dump() | fields)

    def to_query(self) -> dict[str, str]:
        """Only what differs from the nearest preset, readable in a URL."""
        variant = variant_of(self)
        return {"dataset": self.dataset, "variant": variant} | _differences(self, preset(self.dataset, variant))

    @classmethod
    def from_query(cls, query: Mapping[str, str | Sequence[str]]) -> tuple["Experiment", tuple[Problem, ...]]:
        """What a link asks for, and what of it could not be used. Never raises: a bad value leaves the preset's."""
        if sum(len(key) + sum(map(len, _all(value))) for key, value in query.items()) > MAX_QUERY_CHARACTERS:
            return preset("digits", "undercomplete"), (Problem("problem.long_query", "", {"limit": MAX_QUERY_CHARACTERS}),)
        problems: list[Problem] = []
        once = {}
        for key, value in query.items():
            if len(_all(value)) != 1:
                problems.append(Problem("problem.repeated", _text(key)))
            else:
                once[key] = _all(value)[0]
        dataset = _pick(once, "dataset", catalog.DATASETS, "digits", problems)
        variant = _pick(once, "variant", catalog.VARIANTS, "undercomplete", problems)
        experiment = preset(dataset, variant)
        fields = {}
        for key, text in once.items():
            value = _parse(key, text, problems)
            if value is not _BAD:
                fields[key] = value
        return _with_what_fits(experiment, fields, problems), tuple(problems)


# ---- presets ----


def preset(dataset: str, variant: str, **fields) -> Experiment:
    """A variant of the catalogue with sizes that suit the data set."""
    data = catalog.DATASETS[dataset]
    settings = dict(catalog.VARIANTS[variant].settings)
    sizes = _sizes(data)
    settings["code_size"] = sizes[settings["code_size"]]
    settings["hidden"] = sizes[settings.get("hidden", "none")]
    if "penalties" in settings:
        settings["penalties"] = [_term(name, sizes.get(weight, weight), options) for name, weight, options in settings["penalties"]]
    if "corruption" in settings:
        settings["corruption"] = _term(*settings["corruption"])
    if settings["code"] == "k_sparse":
        settings["code_options"] = {"k": max(1, settings["code_size"] // 10)}
    common = {"dataset": dataset, "train_size": data.usual_train_size, **_pace(data, settings["code"] in INFERRED_CODES)}
    return Experiment.from_values(common | settings | fields)


def _sizes(data: catalog.DatasetEntry) -> dict[str, Any]:
    """Sizes for a data set of D numbers: narrow and wide codes, the hidden layers before them, and a strong β.

    The KL weighs against an error summed over D pixels: β = 4 on 8×8 digits collapses every unit to its prior.
    """
    if data.kind == "points":
        return {"narrow": data.size - 1, "wide": 64, "latent": 2, "none": (), "shallow": (64,), "deep": (64, 32), "strong": 2.0}
    if data.size <= 64:
        return {"narrow": 16, "wide": 100, "latent": 8, "none": (), "shallow": (64,), "deep": (128, 64), "strong": 2.0}
    strong = 4.0 if data.size >= 1_000 else 2.0
    return {"narrow": 32, "wide": 256, "latent": 10, "none": (), "shallow": (256,), "deep": (256, 128), "strong": strong}


def _pace(data: catalog.DatasetEntry, inferred: bool) -> dict[str, Any]:
    """Epochs and batch size with which a first run on this data set takes some seconds on one core."""
    if data.size <= 64:
        return {"epochs": 60 if inferred else 200, "batch_size": 64}
    return {"epochs": 8 if inferred else 30, "batch_size": 128}


def _term(name: str, weight: float, options: Mapping[str, float]) -> dict[str, Any]:
    return {"name": name, "weight": weight, "options": dict(options)}


def variant_of(experiment: Experiment) -> str:
    """The variant whose preset differs from this experiment in the fewest fields; earlier ones win ties."""
    return min(catalog.VARIANTS, key=lambda name: len(_differences(experiment, preset(experiment.dataset, name))))


# ---- cost ----


def macs(experiment: Experiment) -> float:
    """Multiply-adds of one sample's forward pass, encoder and decoder."""
    widths = [experiment.data.size, *experiment.hidden, experiment.code_size]
    if experiment.network == "conv":
        side, channels, total = experiment.data.shape[0], 1, 0.0
        for width in experiment.hidden:
            side //= 2
            total += side * side * channels * width * 16
            channels = width
        return 2 * (total + side * side * channels * experiment.code_size)
    return 2 * sum(a * b for a, b in zip(widths, widths[1:]))


def estimated_seconds(experiment: Experiment) -> float:
    """Seconds of training on one core of a small machine: a figure for queues and refusals, not for claims."""
    work = 3 * macs(experiment)
    if any(term.name == "contraction" for term in experiment.penalties):
        work *= 2 if not experiment.hidden else 4
    if experiment.code in ("predictive", "lista"):
        steps = experiment.code_options["steps"]
        work += 2 * steps * experiment.data.size * experiment.code_size
    steps = experiment.epochs * math.ceil(experiment.samples / experiment.batch_size)
    return steps * 2.5e-4 + experiment.epochs * experiment.samples * work / 3e10


def too_costly(experiment: Experiment) -> Problem | None:
    """The one knob to lower when the product of legal values is too much work, else None."""
    seconds = estimated_seconds(experiment)
    if seconds <= MAX_SECONDS:
        return None
    usual = preset(experiment.dataset, variant_of(experiment))
    excess = {
        "epochs": experiment.epochs / usual.epochs,
        "train_size": experiment.samples / usual.samples,
        "batch_size": usual.batch_size / experiment.batch_size,
        "code_size": experiment.code_size / usual.code_size,
        "hidden": sum(experiment.hidden) / max(1, sum(usual.hidden) or 128),
    }
    knob = max(excess, key=lambda name: excess[name])
    return Problem("problem.too_costly", knob, {"seconds": round(seconds), "limit": round(MAX_SECONDS)})


# ---- checks ----

_CHOICES: dict[str | None, Sequence[str]] = {
    "dataset": tuple(catalog.DATASETS),
    "network": catalog.NETWORKS,
    "activation": catalog.ACTIVATIONS,
    "code": tuple(catalog.CODES),
    "reconstruction": tuple(catalog.RECONSTRUCTIONS),
    "strategy": catalog.STRATEGIES,
}
INFERRED_CODES = ("predictive", "lista")  # codes that are inferred in training and predicted afterwards


def _combinations(e: Experiment):
    """(key, setting, is it so) for each combination that makes no sense, with the setting to change."""
    names = {term.name for term in e.penalties}
    halvings = 2 ** len(e.hidden)
    image = e.data.kind == "image"
    yield "problem.kl_needs_sigmoid", "code", "kl_sparsity" in names and e.code != "sigmoid"
    yield "problem.gaussian_kl_needs_gaussian", "code", "gaussian_kl" in names and e.code != "gaussian"
    yield "problem.prediction_needs_inferred", "code", "prediction" in names and e.code not in INFERRED_CODES
    yield "problem.l1_on_gaussian", "penalties", "l1" in names and e.code == "gaussian"
    yield "problem.contraction_on_lista", "penalties", "contraction" in names and e.code == "lista"
    yield "problem.inferred_is_one_layer", "hidden", e.code in INFERRED_CODES and bool(e.hidden)
    yield "problem.inferred_is_dense", "network", e.code in INFERRED_CODES and e.network != "dense"
    yield "problem.inferred_is_untied", "tied", e.code in INFERRED_CODES and e.tied
    yield "problem.inferred_is_squared", "reconstruction", e.code in INFERRED_CODES and e.reconstruction != "squared_error"
    yield "problem.inferred_is_clean", "corruption", e.code in INFERRED_CODES and e.corruption is not None
    yield "problem.gaussian_is_untied", "tied", e.code == "gaussian" and e.tied
    yield "problem.k_above_code_size", "code_options", e.code == "k_sparse" and e.code_options["k"] > e.code_size
    yield "problem.conv_is_untied", "tied", e.network == "conv" and e.tied
    yield "problem.conv_needs_images", "network", e.network == "conv" and not image
    yield "problem.conv_needs_hidden", "hidden", e.network == "conv" and not e.hidden
    yield "problem.conv_too_deep", "hidden", e.network == "conv" and image and e.data.shape[0] % halvings != 0
    yield "problem.greedy_needs_hidden", "strategy", e.strategy != "end_to_end" and not e.hidden
    yield "problem.greedy_is_dense", "strategy", e.strategy != "end_to_end" and e.network != "dense"
    yield "problem.greedy_is_not_gaussian", "strategy", e.strategy != "end_to_end" and e.code == "gaussian"
    yield "problem.greedy_kl_needs_sigmoid", "activation", (
        e.strategy != "end_to_end" and "kl_sparsity" in names and e.activation != "sigmoid"
    )


def _checked_term(term: Term, entries: Mapping[str, catalog.Entry], setting: str) -> Term:
    if term.name not in entries:
        raise _refuse("problem.unknown_choice", setting, value=term.name, choices=list(entries))
    entry = entries[term.name]
    knob = entry.strength
    if not knob.low <= term.weight <= knob.high:
        raise _refuse("problem.out_of_range", term.name, value=term.weight, low=knob.low, high=knob.high)
    options = {knob.name: knob.default for knob in entry.options} | dict(term.options)
    _check_options(options, entry.options, term.name)
    return term.model_copy(update={"options": options})


def _check_options(options: Mapping[str, float], knobs: Sequence[catalog.Knob], setting: str) -> None:
    known = {knob.name: knob for knob in knobs}
    for name, value in options.items():
        if name not in known:
            raise _refuse("problem.unknown_option", setting, value=name, choices=list(known))
        knob = known[name]
        if not knob.low <= value <= knob.high or (knob.integer and value != int(value)):
            raise _refuse("problem.out_of_range", name, value=value, low=knob.low, high=knob.high)


def problems_of(error: ValidationError) -> tuple[Problem, ...]:
    """A pydantic error as our own keys and numbers; nothing of the library's wording gets through."""
    return tuple(_problem(detail) for detail in error.errors(include_url=False))


def _problem(detail) -> Problem:
    setting = _text(str(detail["loc"][0])) if detail["loc"] else ""
    kind, context = detail["type"], dict(detail.get("ctx") or {})
    if kind.startswith("problem."):
        return Problem(kind, context.pop("setting", setting), context)
    if kind == "extra_forbidden":
        return Problem("problem.unknown_field", setting)
    if kind == "missing":
        return Problem("problem.missing_field", setting)
    if setting in catalog.BOUNDS and kind not in ("too_long",):
        knob = catalog.BOUNDS[setting]
        return Problem("problem.out_of_range", setting, {"value": _shown(detail["input"]), "low": knob.low, "high": knob.high})
    if kind == "too_long" and setting == "hidden":
        return Problem("problem.too_deep", setting, {"limit": catalog.MAX_HIDDEN_LAYERS})
    return Problem("problem.bad_value", setting, {"value": _shown(detail["input"])})


def _text(value: str) -> str:
    """Text of a visitor, short and encodable, so that it can be repeated to them."""
    return value[:40].encode("utf-8", "replace").decode()


def _shown(value: Any) -> str:
    """A refused value, short enough to repeat. Huge integers are not turned into digits."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 64:
        return "2^" + str(value.bit_length() - 1)
    if isinstance(value, str):
        return _text(value)
    return repr(value) if isinstance(value, (int, float)) else type(value).__name__


def _integer(digits: str) -> int | float:
    """An integer of any length: too long for Python's own limit becomes infinity, which the field's check then names."""
    return int(digits) if len(digits) < 1_000 else math.inf


# ---- query spelling ----

_BAD = object()
_NOT_IN_QUERY = ("dataset", "variant")


def _differences(experiment: Experiment, base: Experiment) -> dict[str, str]:
    changed = {}
    for name in Experiment.model_fields:
        value = getattr(experiment, name)
        if name not in _NOT_IN_QUERY and value != getattr(base, name):
            changed[name] = _spell(value)
    return changed


def _spell(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Term):
        return value.spelled()
    if isinstance(value, Mapping):
        return ",".join(f"{name}={_short(number)}" for name, number in sorted(value.items())) or "none"
    if isinstance(value, tuple):
        return ",".join(_spell(part) for part in value) or "none"
    return _short(value) if isinstance(value, (int, float)) else str(value)


def _short(number: float) -> str:
    """The shortest text that reads back as the same number."""
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e15 else repr(number)


def _pick(once: dict[str, str], key: str, choices: Mapping[str, Any], default: str, problems: list[Problem]) -> str:
    value = once.pop(key, default)
    if value in choices:
        return value
    problems.append(Problem("problem.unknown_choice", key, {"value": _text(value), "choices": list(choices)}))
    return default


def _parse(key: str, text: str, problems: list[Problem]) -> Any:
    if key not in Experiment.model_fields or key in _NOT_IN_QUERY:
        problems.append(Problem("problem.unknown_field", _text(key)))
        return _BAD
    try:
        return _PARSERS.get(key, str)(text)
    except (ValueError, KeyError, TypeError):
        knob = catalog.BOUNDS.get(key)
        if knob:
            problems.append(Problem("problem.out_of_range", key, {"value": _text(text), "low": knob.low, "high": knob.high}))
        else:
            problems.append(Problem("problem.bad_value", key, {"value": _text(text)}))
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


_PARSERS = {
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
    for name in reversed(fields):
        try:
            base.changed(**{key: value for key, value in fields.items() if key != name})
            return [name]
        except InvalidExperiment:
            pass
    return [list(fields)[-1]]


_FIELD_OF = {
    **{knob.name: "code_options" for entry in catalog.CODES.values() for knob in entry.options},
    **{name: "corruption" for name in catalog.CORRUPTIONS},
    **{name: "penalties" for name in catalog.PENALTIES},
    **{knob.name: "penalties" for entry in catalog.PENALTIES.values() for knob in entry.options},
}
"""The field in which a term or option stands, by its name: problems name the knob, links spell the field."""


def _all(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
