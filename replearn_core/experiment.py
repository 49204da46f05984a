"""`Experiment`: a frozen, validated value that holds all that one run needs.

JSON, URL query and id are three spellings of it. Pages make them, the engine queues them, `training.train` obeys them.
Errors are keys and numbers (`Problem`), never sentences: the pages have the words.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from replearn_core import catalog

VERSION = 1
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
    numbers = {name: clean(value) if isinstance(value, str) else value for name, value in numbers.items()}
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
        options = [f"{name}={short(value)}" for name, value in sorted(self.options.items())]
        return ":".join([self.name, short(self.weight), *options])

    @classmethod
    def from_spelled(cls, text: str) -> "Term":
        """The inverse of `spelled`. Raises ValueError."""
        name, *rest = text.split(":")
        weight = float(rest[0]) if rest else 1.0
        pairs = [part.split("=", 1) for part in rest[1:]]
        return cls(name=name, weight=weight, options={key: float(value) for key, value in pairs})


def _within(name: str) -> Any:
    knob = catalog.BOUNDS[name]
    return Field(ge=knob.low, le=knob.high)


class Experiment(BaseModel):
    """All that one run needs. `Experiment(dataset="digits")` alone is valid.

    hidden: widths of the layers between input and code (channels, each halving the side, for network="conv").
    epochs: passes over the training data; for a continuation, passes after those of the run it continues.
    """

    model_config = _STRICT
    dataset: str
    train_size: Annotated[int, _within("train_size")] | None = None
    network: str = "dense"
    hidden: Annotated[tuple[Annotated[int, _within("hidden")], ...], Field(max_length=catalog.MAX_HIDDEN_LAYERS)] = ()
    code_size: Annotated[int, _within("code_size")] = 32
    activation: str = "relu"
    code: str = "sigmoid"
    code_options: Mapping[str, float] = {}
    tied: bool = False
    reconstruction: str = "squared_error"
    corruption: Term | None = None
    penalties: tuple[Term, ...] = ()
    strategy: str = "end_to_end"
    epochs: Annotated[int, _within("epochs")] = 60
    batch_size: Annotated[int, _within("batch_size")] = 128
    learning_rate: Annotated[float, _within("learning_rate")] = 2e-3
    seed: Annotated[int, _within("seed")] = 0
    continues: tuple[Annotated[str, Field(pattern=RUN_ID_PATTERN)], Annotated[int, Field(ge=0, le=100_000)]] | None = None
    version: int = VERSION

    # ---- each field against the catalogue ----

    @field_validator("dataset", "network", "activation", "code", "reconstruction", "strategy")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        choices = _CHOICES[info.field_name]
        if value not in choices and not (info.field_name == "dataset" and _is_dataset(value)):
            raise _refuse("problem.unknown_choice", str(info.field_name), value=value, choices=list(choices))
        return value

    @field_validator("version")
    @classmethod
    def _current(cls, value: int) -> int:
        if value != VERSION:
            raise _refuse(
                "problem.newer_version" if value > VERSION else "problem.unknown_version",
                "version",
                value=shown(value) if abs(value) >= 2**64 else value,
            )
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
        return catalog.dataset(self.dataset)

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
        from replearn_core import query  # it makes experiments, so it imports this module

        return query.spelled(self)

    @classmethod
    def from_query(cls, query: Mapping[str, str | Sequence[str]]) -> tuple["Experiment", tuple[Problem, ...]]:
        """What a link asks for, and what of it could not be used. Never raises: a bad value leaves the preset's."""
        from replearn_core.query import read

        return read(query)


# ---- checks ----


def _is_dataset(name: str) -> bool:
    """Whether it names a visitor's own data set; whether those data still live is not a question of the name."""
    try:
        return bool(catalog.dataset(name))
    except KeyError:
        return False


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
    yield (
        "problem.greedy_kl_needs_sigmoid",
        "activation",
        (e.strategy != "end_to_end" and "kl_sparsity" in names and e.activation != "sigmoid"),
    )


def _checked_term(term: Term, entries: Mapping[str, catalog.Entry], setting: str) -> Term:
    if term.name not in entries:
        raise _refuse("problem.unknown_choice", setting, value=term.name, choices=list(entries))
    entry = entries[term.name]
    knob = entry.strength
    if knob is not None and not knob.low <= term.weight <= knob.high:
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
    setting = clean(str(detail["loc"][0])) if detail["loc"] else ""
    kind, context = detail["type"], dict(detail.get("ctx") or {})
    if kind.startswith("problem."):
        return Problem(kind, context.pop("setting", setting), context)
    if kind == "extra_forbidden":
        return Problem("problem.unknown_field", setting)
    if kind == "missing":
        return Problem("problem.missing_field", setting)
    if setting in catalog.BOUNDS and kind not in ("too_long",):
        knob = catalog.BOUNDS[setting]
        return Problem("problem.out_of_range", setting, {"value": shown(detail["input"]), "low": knob.low, "high": knob.high})
    if kind == "too_long" and setting == "hidden":
        return Problem("problem.too_deep", setting, {"limit": catalog.MAX_HIDDEN_LAYERS})
    return Problem("problem.bad_value", setting, {"value": shown(detail["input"])})


def clean(value: str) -> str:
    """Text of a visitor, short and encodable, so that it can be repeated to them."""
    return value[:40].encode("utf-8", "replace").decode()


def shown(value: Any) -> str:
    """A refused value, short enough to repeat. Huge integers are not turned into digits."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 64:
        return "2^" + str(value.bit_length() - 1)
    if isinstance(value, str):
        return clean(value)
    return repr(value) if isinstance(value, (int, float)) else type(value).__name__


def _integer(digits: str) -> int | float:
    """An integer of any length: too long for Python's own limit becomes infinity, which the field's check then names."""
    return int(digits) if len(digits) < 1_000 else math.inf


def short(number: float) -> str:
    """The shortest text that reads back as the same number."""
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e15 else repr(number)
