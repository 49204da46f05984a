"""The lecture's claims, each with the experiments that test it. `make claims` runs them all; pages show what it wrote.

A claim names effects: a comparison within a task's answer, and on which side of zero the lecture expects it. Any task whose
answer carries a `Study` can be one. The answers themselves are kept too, so a page shows its default result without
computing. To add a claim: an entry in `CLAIMS`, its texts `claim.<id>.*` in both languages, `make claims ONLY=<id>`.
"""

import gzip
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from replearn_core import studies, tasks
from replearn_core.places import ASSETS
from replearn_core.properties.study import read_answer

SHIPPED = ASSETS / "claims"
MADE = "made"  # in an answer's header: date, seconds and versions
LIBRARIES = ("numpy", "scipy", "scikit-learn", "scikit-dimension", "torch", "umap-learn")

Expected = Literal["higher", "lower"]
Verdict = Literal["shown", "partly", "not_shown"]


@dataclass(frozen=True)
class Effect:
    """One comparison: the finding `finding.<finding>.…` in the answer of the task `kind` with these options.

    expected: the side of zero that the lecture predicts. where: numbers of the finding that tell it from others of the same
    name. page, query: the address that opens the experiment; without a query, the part and the options.
    """

    kind: str
    finding: str
    expected: Expected = "higher"
    where: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, float | str] = field(default_factory=dict)
    page: str = "properties"
    query: Mapping[str, str] | None = None

    @property
    def task(self) -> tasks.Task:
        return tasks.Task.from_values({"kind": self.kind, "options": dict(self.options)})

    @property
    def link(self) -> str:
        """The address within the app, without a language."""
        plain = {name: value if isinstance(value, str) else f"{value:.10g}" for name, value in self.options.items()}
        query = self.query if self.query is not None else {"part": self.kind.removeprefix(studies.PREFIX)} | plain
        return self.page + "".join(f"{'&' if place else '?'}{name}={value}" for place, (name, value) in enumerate(query.items()))


def _study(name: str, found: str, expected: Expected = "higher", *, seeds: int = 5, **where: float) -> Effect:
    """A comparison of a study at its defaults; more seeds where five could not tell a small effect from none."""
    return Effect(studies.PREFIX + name, found, expected, where, {"seeds": seeds} if seeds != 5 else {})


def _variant(name: str, found: str, variant: str, expected: Expected = "higher", **where: float) -> Effect:
    """A comparison of a study of the lab's presets; its link opens the preset there, for as many epochs as the study trains."""
    query = {"variant": variant, "epochs": str(studies.STUDIES[name].settings().epochs)}  # type: ignore[attr-defined]
    return Effect(studies.PREFIX + name, found, expected, where, page="autoencoder", query=query)


def _deployed(found: str) -> Effect:
    return Effect(studies.PREFIX + "scale", found, page="deployment", query={})


def _product(found: str, expected: Expected = "higher", **where: float) -> Effect:
    """Twenty seeds, since which model is the most accurate differs between them."""
    return Effect(studies.PREFIX + "product", found, expected, where, {"seeds": 20}, page="deployment", query={})


def _on(page: str, part: str, found: str, expected: Expected = "higher", *, study: str = "", **where: float) -> Effect:
    """A comparison of a study that another page shows in this part of it."""
    return Effect(studies.PREFIX + (study or part), found, expected, where, page=page, query={"part": part})


LECTURE = tuple(f"C{number}" for number in range(1, 27))
"""All of the lecture's claims in its order, those without an experiment too."""

CLAIMS: Mapping[str, tuple[Effect, ...]] = MappingProxyType(
    {
        "C1": (
            _study("few_labels", "few_labels.denoising_against_pixels", seeds=20, labels=1),
            _study("few_labels", "few_labels.denoising_against_pixels", seeds=20, labels=10),
            _study("few_labels", "few_labels.denoising_against_untrained", seeds=20, labels=10),
        ),
        "C2": (
            _study("causes", "causes.code_against_pixels"),
            _study("causes", "causes.code_against_pca"),
            _study("causes", "causes.robust"),
            _study("disentangled", "disentangled.one_unit", seeds=20),
        ),
        "C3": (
            _study("disentangled", "disentangled.beta_against_plain", seeds=20),
            _study("disentangled", "disentangled.beta_against_vae", seeds=20),
        ),
        "C4": (
            _study("distributed", "distributed.patterns"),
            _study("distributed", "distributed.unseen"),
            _study("distributed", "distributed.neighbours"),
        ),
        "C5": (
            _study("smooth", "smooth.contractive.noise", "lower"),
            _study("smooth", "smooth.contractive.shift", "lower"),
            _study("smooth", "smooth.denoising.noise", "lower"),
            _study("boundary", "boundary.plain_against_raw"),
            _study("boundary", "boundary.plain_against_untrained"),
        ),
        "C6": (
            _study("hierarchical", "hierarchical.class"),
            _study("hierarchical", "hierarchical.class_against_untrained"),
            _study("hierarchical", "hierarchical.position", "lower"),
        ),
        "C7": (
            _study("sparse", "sparse.l0"),
            _study("sparse", "sparse.kept.k_sparse"),
            _study("sparse", "sparse.labels.kl", labels=1),
            _study("sparse", "sparse.saved"),
            _study("sparse", "sparse.speedup"),
            _study("atoms", "atoms.strong_against_none"),
        ),
        "C8": (
            _study("dimension", "dimension.below_shuffled"),
            _study("manifold", "manifold.umap_against_pca"),
            _study("manifold", "manifold.autoencoder_against_pca"),
            _study("manifold", "manifold.tangent"),
            _study("field", "field.comes_nearer"),
        ),
        "C9": (
            _variant("resembles", "resembles.explained", "undercomplete"),
            _variant("resembles", "resembles.own", "undercomplete"),
        ),
        "C10": (
            _variant("narrow", "narrow.salient", "undercomplete"),
            _variant("narrow", "narrow.random", "undercomplete", "lower"),
            _variant("narrow", "narrow.one_layer", "undercomplete", "lower"),
            _variant("narrow", "narrow.deep", "deep", "lower"),
        ),
        "C11": (
            _variant("penalised", "penalised.l0", "sparse", "lower"),
            _variant("penalised", "penalised.features", "sparse"),
            _variant("penalised", "penalised.breadth", "sparse"),
        ),
        "C12": (
            _variant("clean", "clean.against_input", "denoising", "lower", level=30),
            *(_variant("clean", "clean.against_plain", "denoising", "lower", level=level) for level in (10, 30, 50)),
        ),
        "C13": (
            _variant("contracted", "contracted.jacobian", "contractive", "lower"),
            _variant("contracted", "contracted.jacobian_equal", "contractive", "lower"),
            _variant("contracted", "contracted.spread_equal", "contractive", "lower"),
            _variant("contracted", "contracted.tangent_equal", "contractive"),
        ),
        "C14": (
            _variant("stacked", "stacked.error", "deep", "lower"),
            _variant("stacked", "stacked.few_error", "deep", "lower"),
            _variant("stacked", "stacked.early_error", "deep", "lower"),
        ),
        "C15": (
            _variant("predicted", "predicted.speedup", "psc"),
            _variant("predicted", "predicted.code", "psc"),
            _variant("predicted", "predicted.probe", "psc"),
        ),
        "C16": (
            _on("pretraining", "pretraining", "pretraining.error"),
            _on("pretraining", "pretraining", "pretraining.gradient", "lower"),
        ),
        "C17": (
            _on("pretraining", "pretraining", "pretraining.error"),
            _on("pretraining", "pretraining", "pretraining.regularises"),
            _on("pretraining", "pretraining", "pretraining.optimises"),
        ),
        "C18": (_on("transfer", "race", "race.fixed_features"), _on("transfer", "race", "race.all_layers")),
        "C19": tuple(
            _on("transfer", "quadrant", f"quadrant.advice.{likeness}", labels=labels)
            for likeness in ("similar", "different")
            for labels in (3, 300)
        ),
        "C20": (
            _on("transfer", "race", "race.rates"),
            _on("transfer", "race", "race.rates_kept"),
            *(_on("transfer", "quadrant", "quadrant.rates.similar", labels=labels) for labels in (3, 300)),
        ),
        "C21": (_on("transfer", "layers", "layers.general"), _on("transfer", "layers", "layers.tuned")),
        "C22": (
            _on("notifications", "clicks", "clicks.embedding_one_hot"),
            _on("notifications", "clicks", "clicks.embedding_boosting"),
            _on("notifications", "clicks", "clicks.profit_gain"),
            _on("notifications", "clicks", "clicks.beside_random"),
        ),
        "C23": (
            _on("malware", "families", "malware.by_hand", study="malware_families"),
            _on("malware", "families", "malware.transfer", study="malware_families"),
            _on("malware", "unknown", "malware.unknown", study="malware_unknown", score=0),
        ),
        "C24": (_deployed("scale.bytes"), _deployed("scale.latency")),
        "C25": (_deployed("scale.training"),),
        "C26": (
            *(_product("product.money", per_million=worth) for worth in (0.001, 0.1, 10.0)),
            _product("product.accuracy", "lower", per_million=0.001),
            _product("product.wait", "lower", per_million=0.1),
            _product("product.wins"),
        ),
    }
)
"""Claim → its effects, the chief one first."""


# ---- what was measured ----


_MEASURED = ("effect", "low", "high")


class Measured(NamedTuple):
    """One effect as measured: mean over seeds with its 95 % interval, and the day on which its experiment was run.

    numbers: what else its finding says, for the words about it.
    """

    effect: Effect
    mean: float
    low: float
    high: float
    seeds: int
    date: str
    numbers: Mapping[str, float] = MappingProxyType({})

    @property
    def direction(self) -> str:
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "unclear"

    @property
    def as_expected(self) -> bool:
        return self.direction == self.effect.expected


class Evidence(NamedTuple):
    """A claim's shipped result. seconds: of one core's work, for all its experiments. versions: of the libraries."""

    claim: str
    effects: tuple[Measured, ...]
    date: str
    seconds: float
    versions: Mapping[str, str]

    @property
    def verdict(self) -> Verdict:
        """shown: every effect lies where the lecture expects it. partly: some do. not_shown: none does."""
        shown = sum(one.as_expected for one in self.effects)
        return "shown" if shown == len(self.effects) else "partly" if shown else "not_shown"


@lru_cache(maxsize=128)
def evidence(claim: str, folder: Path = SHIPPED) -> Evidence | None:
    """The shipped result of a claim, or None where `make claims` has not been run for its present settings. KeyError for an
    unknown claim."""
    try:
        told = json.loads((folder / f"{claim}.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    if [one["task"] for one in told["effects"]] != [effect.task.id for effect in CLAIMS[claim]]:
        return None
    rows = zip(CLAIMS[claim], told["effects"])
    found = [Measured(effect, *(row[name] for name in (*_MEASURED, "seeds", "date", "numbers"))) for effect, row in rows]
    return Evidence(claim, tuple(found), told["date"], told["seconds"], told["versions"])


@lru_cache(maxsize=32)
def shipped_answer(task_id: str, folder: Path = SHIPPED) -> bytes | None:
    """The answer to a task as `make claims` kept it, in the form that the task store serves; None where it did not."""
    path = folder / f"{task_id}.answer.gz"
    return gzip.decompress(path.read_bytes()) if path.is_file() else None


def made(answer: bytes) -> Mapping[str, Any]:
    """When a shipped answer was made, in how many seconds of one core, with what: `date`, `seconds`, `versions`."""
    from replearn_core.engine import wire

    return wire.header_of(answer)[MADE]


def claims_of(kind: str) -> tuple[str, ...]:
    """The claims that a task of this kind bears on, in order."""
    return tuple(claim for claim, effects in CLAIMS.items() if any(effect.kind == kind for effect in effects))


# ---- make claims ----


def make(only: tuple[str, ...] = (), folder: Path = SHIPPED, say: Callable[[str], None] = lambda line: None) -> None:
    """Run the experiments of all claims, or of those named, and write their answers and `<claim>.json`.

    Claims that share an experiment are written together. Answers that no claim asks for any more are removed. Raises KeyError
    for an unknown claim.
    """
    wanted = {task.id: task for claim in only or CLAIMS for task in tasks_of(claim)}
    folder.mkdir(parents=True, exist_ok=True)
    for task in wanted.values():
        say(f"{task.kind} …")
        (folder / f"{task.id}.answer.gz").write_bytes(gzip.compress(_answer(task), mtime=0))
    shipped_answer.cache_clear()
    for claim, effects in CLAIMS.items():
        if claim in only or any(effect.task.id in wanted for effect in effects):
            told = _gathered(claim, folder)
            if told is not None:
                (folder / f"{claim}.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
                say(f"{claim}: " + "; ".join(f"{one['finding']} {one['effect']:.4g}" for one in told["effects"]))
    evidence.cache_clear()
    current = {folder / f"{task.id}.answer.gz" for claim in CLAIMS for task in tasks_of(claim)}
    for old in set(folder.glob("*.answer.gz")) - current:
        old.unlink()


def tasks_of(claim: str) -> tuple[tasks.Task, ...]:
    """What is asked for a claim: its effects' tasks, and the same kinds at their defaults, which pages show first."""
    asked = [task for effect in CLAIMS[claim] for task in (effect.task, Effect(effect.kind, effect.finding).task)]
    return tuple({task.id: task for task in asked}.values())


def _answer(task: tasks.Task) -> bytes:
    """As a worker answers, with one thread, and when, how long and with what it was made."""
    import torch

    from replearn_core import datasets, latent
    from replearn_core.engine import wire

    torch.set_num_threads(1)
    assert task.experiment is not None
    began = time.process_time()
    data = datasets.load(task.experiment.dataset, task.experiment.train_size)
    subject = latent.Subject(task.experiment, data, task.source, None, task.epoch)
    arrays, numbers = latent.answer(task, subject)
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": round(time.process_time() - began, 1),
        "versions": {name: version(name) for name in LIBRARIES},
    }
    return wire.pack_arrays(arrays, {"task": task.model_dump(mode="json"), "numbers": numbers, MADE: facts})


def _gathered(claim: str, folder: Path) -> dict[str, Any] | None:
    """What `<claim>.json` says, from the answers; None where one of them is not there."""
    from replearn_core.engine import wire

    rows, facts = [], {}
    for effect in CLAIMS[claim]:
        answer = shipped_answer(effect.task.id, folder)
        if answer is None:
            return None
        facts[effect.task.id] = made(answer)
        found = numbers_of(effect, read_answer(wire.arrays_of(answer)))
        row = {"finding": effect.finding, **effect.where, "expected": effect.expected, "task": effect.task.id}
        row |= {name: found[name] for name in _MEASURED}
        row["numbers"] = {name: one for name, one in found.items() if name not in (*_MEASURED, "seeds")}
        rows.append(row | {"seeds": int(found["seeds"]), "date": facts[effect.task.id]["date"]})
    return {
        "claim": claim,
        "effects": rows,
        "date": min(one["date"] for one in facts.values()),
        "seconds": round(sum(one["seconds"] for one in facts.values()), 1),
        "versions": next(iter(facts.values()))["versions"],
    }


def numbers_of(effect: Effect, told: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of the one finding that an effect names, in what a study's answer carried. ValueError unless there is
    exactly one."""
    named = [
        numbers
        for key, numbers in told["findings"]
        if key.rpartition(".")[0] == f"finding.{effect.finding}"
        and all(numbers[name] == one for name, one in effect.where.items())
    ]
    if len(named) != 1:
        raise ValueError(f"{effect.kind} has {len(named)} findings {effect.finding} {dict(effect.where)}, not 1")
    return named[0]
