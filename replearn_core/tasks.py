"""`Task`: a frozen, validated value that asks one question of a run's latent space. Pages make them, the engine answers them.

`KINDS` says what can be asked and within which bounds; `latent.ANSWERS` has the function for each. No torch here: the web
server imports this module.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from replearn_core import studies
from replearn_core.catalog import Knob
from replearn_core.cost import MAX_SECONDS, macs
from replearn_core.experiment import RUN_ID_PATTERN, Experiment, InvalidExperiment, Problem, problems_of
from replearn_core.options import Choice, Indices, Option, checked, filled, refusal

VERSION = 1
MOST_POINTS = 10_000
MOST_POINTS_OF = {"tsne": 5_000}  # Barnes and Hut's sum is slow in Python's hands: a minute and more beyond this
MOST_TANGENTS = 16


class CannotAnswer(ValueError):
    """The question makes no sense for this run or these codes. `problem` says what is wrong, and how much of it."""

    def __init__(self, key: str, setting: str = "", **numbers: Any):
        self.problem = Problem(key, setting, numbers)
        super().__init__(f"{setting or 'task'}: {key} {numbers}")


# ---- what can be asked ----


@dataclass(frozen=True)
class Kind:
    """One kind of question: its options, and whether it can be asked of raw pixels and of PCA too (`sources`)."""

    name: str
    options: tuple[Option, ...]
    sources: bool = False


def _whole(name: str, low: int, high: int, default: int, symbol: str = "") -> Knob:
    return Knob(name, symbol or rf"\text{{{name.replace('_', ' ')}}}", low, high, default, integer=True)


SOURCES = ("run", "pixels", "pca")
METHODS = ("code", "pca", "tsne", "umap")
METRICS = ("euclidean", "cosine", "correlation", "manhattan")
_SOURCE = Choice("source", SOURCES, "run")
_SAMPLES = (_whole("size", 10, MOST_POINTS, 2_000, "N"), Choice("part", ("held_out", "all"), "held_out"))
_INDEX = _whole("index", 0, 200_000, 0)
_KNOBS = (
    _whole("n_neighbors", 2, 200, 15, "k"),
    Knob("min_dist", r"d_{\min}", 0.0, 0.99, 0.1),
    Choice("metric", METRICS, "euclidean"),
    Knob("perplexity", r"\text{perplexity}", 2, 200, 30),
    _whole("seed", 0, 2**31 - 1, 0),
)


def _studies() -> Iterator[Kind]:
    """`study:<name>` for each study: about no run, but about data that it names itself."""
    for name in studies.STUDIES:
        yield Kind(studies.PREFIX + name, studies.options_of(name))


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("points", (*_SAMPLES, _SOURCE), sources=True),
            Kind(
                "map",
                (*_SAMPLES, _SOURCE, Choice("method", METHODS, "umap"), _whole("dimensions", 2, 3, 2), *_KNOBS),
                sources=True,
            ),
            Kind("film", (*_SAMPLES, Choice("method", ("code", "pca", "umap"), "umap"), _whole("frames", 2, 100, 60), *_KNOBS)),
            Kind("walk", (_whole("a", 0, 200_000, 0), _whole("b", 0, 200_000, 1), _whole("steps", 2, 33, 11))),
            Kind("traverse", (_INDEX, _whole("units", 1, 24, 8), _whole("steps", 3, 21, 9))),
            Kind("grid", (_whole("steps", 2, 40, 20),)),
            Kind("tangents", (_INDEX, _whole("count", 1, MOST_TANGENTS, 6), Choice("of", ("encoder", "decoder"), "encoder"))),
            Kind(
                "field",
                (
                    _whole("steps", 5, 60, 25),
                    _whole("paths", 1, 200, 40),
                    _whole("length", 1, 200, 40),
                    Knob("rate", r"\eta", 0.01, 1.0, 0.2),
                ),
            ),
            Kind("weights", ()),
            Kind("neighbours", (*_SAMPLES, Indices("indices"), _whole("count", 1, 30, 8))),
            Kind("scorecard", ()),
            Kind(
                "deployment",
                (
                    Knob("pruned", r"s", 0.0, 0.99, 0.8),
                    Knob("energy", r"\eta", 0.5, 0.999, 0.9),
                    Knob("student", r"w", 0.02, 1.0, 0.25),
                    _whole("rounds", 3, 200, 40),
                    _whole("again", 0, 1_000, 0),
                ),
            ),
            *_studies(),
        )
    }
)
_USED_BY = {
    "code": (),
    "pca": (),
    "tsne": ("metric", "perplexity", "seed"),
    "umap": ("n_neighbors", "min_dist", "metric", "seed"),
}
"""The knobs of a map that its method reads; the others are put back to their defaults, so that equal maps have equal ids."""


# ---- the value ----


class Task(BaseModel):
    """One question. `Task(kind="map", run=run_id)` alone is valid: all else has a default.

    run, epoch: whose state; epoch None is the run's latest whole epoch, and one between two is the earlier of them.
    experiment: instead of a run, for a baseline (`source` pixels or pca): which data set, how many samples, which code size.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    kind: str
    run: Annotated[str, Field(pattern=RUN_ID_PATTERN)] | None = None
    epoch: Annotated[float, Field(ge=0, le=100_000)] | None = None
    options: Mapping[str, float | str] = {}
    experiment: Experiment | None = None
    version: int = VERSION

    @field_validator("kind")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in KINDS:
            raise refusal("problem.unknown_choice", "kind", value=value[:40], choices=list(KINDS))
        return value

    @field_validator("version")
    @classmethod
    def _current(cls, value: int) -> int:
        if value != VERSION:
            raise refusal("problem.newer_version" if value > VERSION else "problem.unknown_version", "version", value=value)
        return value

    @model_validator(mode="before")
    @classmethod
    def _fill_options(cls, values: Any) -> Any:
        """Defaults in, one spelling for each number, and irrelevant knobs back to their defaults."""
        if not isinstance(values, Mapping):
            return values
        kind, given = KINDS.get(str(values.get("kind"))), values.get("options") or {}
        if kind is None or not isinstance(given, Mapping):
            return values
        options = _checked_options(kind, given)
        if kind.name.startswith(studies.PREFIX):
            _check_study(kind.name.removeprefix(studies.PREFIX), options)
            dataset, samples = studies.about(kind.name.removeprefix(studies.PREFIX), options)
            values = {**values, "experiment": Experiment(dataset=dataset, train_size=samples)}
        return {**values, "options": options}

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for key, setting, numbers, wrong in _combinations(self):
            if wrong:
                raise refusal(key, setting, **numbers)
        return self

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def source(self) -> str:
        """run, pixels, pca, or study for a question that trains its own networks."""
        if self.kind.startswith(studies.PREFIX):
            return "study"
        return str(self.options.get("source", "run"))

    def as_json(self) -> str:
        """Canonical JSON: equal tasks give equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @property
    def id(self) -> str:
        """128 bits of SHA-256 over the canonical JSON, as 32 hexadecimal digits."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()[:32]

    @classmethod
    def from_values(cls, values: Any) -> "Task":
        """A Task from plain values. Raises InvalidExperiment, with Problems as an Experiment's."""
        if not isinstance(values, Mapping):
            raise InvalidExperiment([Problem("problem.not_an_object")])
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InvalidExperiment(problems_of(error)) from None

    @classmethod
    def from_json(cls, text: str) -> "Task":
        """Raises InvalidExperiment."""
        try:
            return cls.from_values(json.loads(text))
        except (ValueError, RecursionError) as error:
            if isinstance(error, InvalidExperiment):
                raise
            raise InvalidExperiment([Problem("problem.not_json", "", {"line": 1, "column": 1})]) from None

    def changed(self, **options: float | str) -> "Task":
        """The same question with some options replaced. Raises InvalidExperiment."""
        return Task.from_values(self.model_dump() | {"options": dict(self.options) | options})


def asked(
    kind: str, *, run: str | None = None, epoch: float | None = None, experiment: Experiment | None = None, **options: float | str
) -> Task:
    """A Task in one line, for pages and tests. Raises InvalidExperiment."""
    return Task.from_values({"kind": kind, "run": run, "epoch": epoch, "experiment": experiment, "options": options})


def settled(task: Task, experiment: Experiment, epochs: tuple[int, ...]) -> Task:
    """The one spelling of a question about a run with this experiment and these recorded whole epochs (ascending).

    A baseline needs no run at all, only data: equal baselines of two runs are one task. An epoch becomes the last recorded one
    that is not after it. Raises CannotAnswer where there is none.
    """
    if task.source == "study":
        return task
    if task.source != "run":
        trained = task.source == "pca" or task.options["part"] == "all"
        sizes: dict[str, Any] = {"train_size": experiment.samples} if trained else {}
        if task.source == "pca":
            sizes["code_size"] = experiment.code_size
        return task.model_copy(update={"run": None, "epoch": None, "experiment": Experiment(dataset=experiment.dataset, **sizes)})
    passed = [epoch for epoch in epochs if task.epoch is None or epoch <= task.epoch]
    if not passed:
        raise CannotAnswer("problem.no_state_yet", "epoch", value=0 if task.epoch is None else task.epoch)
    return task.model_copy(update={"epoch": float(passed[-1])})


def check(task: Task, experiment: Experiment) -> None:
    """Raises CannotAnswer where the question makes no sense for this experiment, before anything is computed."""
    if task.source == "study":
        seconds = estimated_seconds(task, experiment)
        if seconds > MAX_SECONDS:
            raise CannotAnswer("problem.too_costly", "epochs", seconds=round(seconds), limit=round(MAX_SECONDS))
        return
    data, method, options = experiment.data, task.options.get("method"), task.options
    size, dimensions = data.size if task.source == "pixels" else experiment.code_size, int(options.get("dimensions", 2))
    if method == "code" and size != dimensions:
        raise CannotAnswer("problem.code_is_not_flat", "method", size=size, dimensions=dimensions)
    if task.kind == "grid" and experiment.code_size != 2:
        raise CannotAnswer("problem.code_is_not_flat", "code_size", size=experiment.code_size, dimensions=2)
    if task.kind == "field" and data.shape != (2,):
        raise CannotAnswer("problem.field_needs_plane", "dataset", size=data.size)
    total = data.test_size + experiment.samples
    for name in ("index", "a", "b"):
        if name in options and int(options[name]) >= total:
            raise CannotAnswer("problem.out_of_range", name, value=int(options[name]), low=0, high=total - 1)
    for index in indices(task):
        if index >= total:
            raise CannotAnswer("problem.out_of_range", "indices", value=index, low=0, high=total - 1)


def indices(task: Task) -> tuple[int, ...]:
    """The samples that a `neighbours` question names; none for other kinds."""
    return tuple(int(part) for part in str(task.options["indices"]).split(",")) if "indices" in task.options else ()


def estimated_seconds(task: Task, experiment: Experiment) -> float:
    """Seconds on one core of a small machine, without re-training: a figure for queues."""
    if task.source == "study":
        return studies.estimated_seconds(task.kind.removeprefix(studies.PREFIX), task.options)
    size = float(task.options.get("size", 500))
    passes = size * macs(experiment) / 3e10
    mapping = {"tsne": size * 4e-3, "umap": size * 4e-4}.get(str(task.options.get("method")), 0.05)
    if task.kind == "film":
        mapping *= 0.1 * float(task.options["frames"])
        passes *= float(task.options["frames"])
    return 0.1 + passes + (mapping if task.kind in ("map", "film") else 0.0)


# ---- checks ----


def _combinations(task: Task):
    """(key, setting, numbers, is it so) for each combination that makes no sense."""
    o = task.options
    about_run = task.source == "run"
    yield "problem.task_needs_run", "run", {}, about_run and task.run is None
    yield "problem.task_needs_data", "experiment", {}, not about_run and task.run is None and task.experiment is None
    yield "problem.task_has_both", "experiment", {}, task.run is not None and task.experiment is not None
    most = MOST_POINTS_OF.get(str(o.get("method")), MOST_POINTS)
    yield "problem.too_many_points", "size", {"value": o.get("size", 0), "limit": most}, float(o.get("size", 0)) > most
    fewer = float(o.get("n_neighbors", 0)) >= float(o.get("size", 1))
    yield (
        "problem.too_few_points",
        "n_neighbors",
        {"count": o.get("size", 0), "value": o.get("n_neighbors", 0)},
        (fewer and o.get("method") == "umap"),
    )
    yield "problem.same_image_twice", "b", {"value": o.get("a", 0)}, task.kind == "walk" and o["a"] == o["b"]


def _check_study(name: str, options: Mapping[str, Any]) -> None:
    """What a study's settings refuse is refused before anything is queued."""
    try:
        studies.settings_of(name, options)
    except InvalidExperiment as error:
        problem = error.problems[0]
        raise refusal(problem.key, problem.setting, **problem.numbers) from None


def _checked_options(kind: Kind, given: Mapping[str, Any]) -> dict[str, float | str]:
    known = {option.name: option for option in kind.options}
    values = filled(known, given)
    if "method" in known:
        used = _USED_BY[str(values["method"])]
        values |= {knob.name: checked(knob, knob.default) for knob in _KNOBS if knob.name not in used}
    return values


def catalogue() -> dict[str, Any]:
    """Every kind with its options, as plain values."""
    return {name: {"sources": kind.sources, "options": [vars(option) for option in kind.options]} for name, kind in KINDS.items()}
