"""The study `clicks`: every model on one split, its calibration, the map of its embeddings, and what its decisions bring.

Called through `studies.STUDIES`, and by `limited.py` with a visitor's own log. No torch when this module is imported.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from replearn_core.applications.notifications import measures, models, policy, simulator, tables
from replearn_core.own import csvfile
from replearn_core.properties.study import Finding, Settings, Study, Tell, difference, finding, finished, interval, part, silent

SETS = ("simulator", "kdd", "push_2019", "push_2020")
MOST_MAPPED = 60  # users or levels on a map
LEAST = 10  # rows of either outcome on each side of a split
BUDGET = 6  # place of 30 % in policy.BUDGETS: chosen beforehand, not where it came out best


class Clicks(Settings):
    """users, days, fatigue: of the simulated world. width, epochs: of the embeddings."""

    dataset: Literal["simulator", "kdd", "push_2019", "push_2020"] = "simulator"
    users: Annotated[int, Field(ge=60, le=1_000)] = 300
    days: Annotated[int, Field(ge=14, le=60)] = 30
    fatigue: Annotated[float, Field(ge=0, le=3)] = 1.0
    width: Annotated[int, Field(ge=2, le=32)] = 8
    epochs: Annotated[int, Field(ge=1, le=20)] = 6

    def subject(self) -> tuple[str, None]:
        """No picture data is needed."""
        return "digits", None

    def seconds(self) -> float:
        rows = {"simulator": self.users * self.days * 3, "kdd": 40_000, "push_2019": 34_000, "push_2020": 36_000}[self.dataset]
        nets = 3.0 * self.epochs * (0.7 + 0.3 * self.width / 8) / 6
        return self.seeds * (1 + rows / 27_000 * (3 + nets))


@dataclass
class Found:
    """What there is so far: values and arrays as `run_clicks` says, seed after seed."""

    settings: Clicks
    values: dict[str, list[float]] = field(default_factory=dict)
    stacked: dict[str, list[np.ndarray]] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def note(self, **values: float) -> None:
        for name, value in values.items():
            self.values.setdefault(name.replace("__", "."), []).append(float(value))

    def pile(self, name: str, array: np.ndarray) -> None:
        self.stacked.setdefault(name, []).append(np.asarray(array, np.float32))

    def partial(self) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        done = min((len(one) for one in self.stacked.values()), default=0)
        first = {name: np.stack(rows[: max(done, 1)]) for name, rows in self.stacked.items()}
        return {**self.arrays, **first}, {name: rows[0] for name, rows in self.values.items()}

    def all(self) -> dict[str, np.ndarray]:
        return {**self.arrays, **{name: np.stack(rows) for name, rows in self.stacked.items()}}


def run_clicks(settings: Clicks, *, tell: Tell = silent, log: tables.Log | None = None) -> Study:
    """Models of a click, trained on the past, tested on later messages to known and to new users. One seed, one world or split.

    values for each family: `.auc`, `.log_loss`, `.calibration` on all held-out rows; `.auc_later` and `.auc_new` where the
    split has both; on the simulator `.truth` (mean |p̂ − p|), `.profit_gain` (profit at a budget of 30 % over that of sending to
    all, per user, at 1 a click, 0.05 a disturbance, 5 an uninstall), and `.beside_random` (clicks less those of a coin that
    sends as many, per 1,000 messages, at a budget of 30 %); `truth.*` are the true probability's own measures.
    arrays: `<family>.interval` (S, 3, 2) bootstrap over users, `<family>.curve` (S, 10, 3), `<family>.gain` (S, 51);
    `counts` (4,) rows trained, later, new, users; on the simulator `policy.<family>`, `policy.random`, `policy.knowing`
    (S, 21, 4) and `logged.<family>` (S, 21, 3) estimated from the log, `replayed.<family>` (S, 21) the truth of the same;
    elsewhere `logged.<family>`. Maps of the first seed: `map.<what>` (n, 2), `.group` int (n,), `.size` (n,), `.rate` (n,).
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    found, given = Found(settings), log
    total = settings.seeds * (len(models.FAMILIES) + 1)
    real = given if settings.dataset == "simulator" else tables.load(settings.dataset, part(tell, 0.0, 0.01))
    with threadpool_limits(1):
        for place, seed in enumerate(settings.each_seed):
            world = simulator.world(settings.users, settings.days, settings.fatigue, seed) if real is None else None
            played = None if world is None else simulator.replay(world, simulator.by_coin(world))
            log = real if world is None or played is None else tables.of_replay(world, played)
            assert log is not None
            _one_seed(found, log, world, seed, tell, place * (len(models.FAMILIES) + 1), total)
    values = {name: rows for name, rows in found.values.items() if len(rows) == settings.seeds}
    return finished("clicks", settings, values, found.all(), _findings(values), ())


def _one_seed(found: Found, log: tables.Log, world: simulator.World | None, seed: int, tell: Tell, done: int, total: int) -> None:
    parts = tables.split(log, seed)
    train, test = log.rows(parts.train), log.rows(parts.test)
    if min(min(part.clicked.sum(), len(part) - part.clicked.sum()) for part in (train, test)) < LEAST:
        raise csvfile.Refusal("one_sided", limit=LEAST)
    held, base = tables.validation(train, seed), None
    fitted: dict[str, models.Fitted] = {}
    if "counts" not in found.arrays:
        counts = [parts.train.sum(), parts.later.sum(), parts.new.sum(), len(np.unique(log.user))]
        found.arrays["counts"] = np.array(counts, np.int32)
        found.arrays["rate"] = np.array([log.clicked.mean()], np.float32)
        found.arrays["words"] = words({"left_out": log.left_out, "times": log.time is not None, "users": log.users_known})
    for step, family in enumerate(models.FAMILIES, 1):
        fitted[family] = models.fit(family, train, seed, width=found.settings.width, epochs=found.settings.epochs, base=base)
        base = fitted[family] if family == "embedding" else base
        p = fitted[family].predict(test)
        _note_quality(found, family, log, parts, test, p, seed)
        if world is None:
            limits = policy.thresholds(fitted[family].predict(train.rows(held)))
            found.pile(f"logged.{family}", policy.estimated(test.clicked, p, limits, 1.0, test.user))
        tell((done + step) / total, found.partial)
    if "map.first" not in found.arrays:
        found.arrays |= maps(fitted["embedding"], train, world)
    if test.truth is not None:
        for name, value in measures.all_of(test.clicked, test.truth).items():
            found.note(**{f"truth__{name}": value})
    if world is not None:
        _replayed(found, fitted, world, log, train.rows(held), seed)
    tell((done + len(models.FAMILIES) + 1) / total, found.partial)


def _note_quality(found: Found, family: str, log, parts: tables.Split, test, p: np.ndarray, seed: int) -> None:
    for name, value in measures.all_of(test.clicked, p).items():
        found.note(**{f"{family}__{name}": value})
    if parts.later.any() and parts.new.any():
        new = np.isin(np.flatnonzero(parts.test), np.flatnonzero(parts.new))
        for name, here in (("later", ~new), ("new", new)):
            both = 0 < test.clicked[here].sum() < here.sum()
            found.note(**{f"{family}__auc_{name}": measures.auc(test.clicked[here], p[here]) if both else 0.5})
    if test.truth is not None:
        found.note(**{f"{family}__truth": float(np.abs(p - test.truth).mean())})
    for name, array in measures.summary(test.clicked, p, test.user, seed).items():
        found.pile(f"{family}.{name}", array)


# ---- decisions ----


def _replayed(found: Found, fitted: Mapping[str, models.Fitted], world: simulator.World, log, tuning, seed: int) -> None:
    """Each model's thresholds, replayed from the moment at which training ended; and the same guessed from the log alone."""
    assert log.time is not None
    start = int(np.quantile(log.time, tables.LATER, method="lower")) + 1
    past = simulator.replay(world, simulator.by_coin(world), 0, start)
    future = simulator.replay(world, simulator.by_coin(world), start, state=past.state)
    later = tables.of_replay(world, future)
    coin = policy.at_random(world, start, past.state)
    found.pile("policy.random", coin)
    limits = policy.thresholds(1 / (1 + np.exp(-world.base[:start].ravel())))
    found.pile("policy.knowing", policy.knowing(world, start, past.state, limits))
    opportunities = float(past.state.installed.mean() * world.users * (world.moments - start))
    for family, model in fitted.items():
        limits = policy.thresholds(model.predict(tuning))
        score = policy.score_table(world, model.predict, start)
        counts = policy.sweep(world, score, limits, start, past.state)
        found.pile(f"policy.{family}", counts)
        found.pile(
            f"logged.{family}", policy.estimated(later.clicked, model.predict(later), limits, simulator.PROPENSITY, later.user)
        )
        found.pile(f"replayed.{family}", counts[:, 1] / opportunities)
        money = policy.profit(counts, 1.0, 0.05, 5.0)
        everyone = policy.profit(coin[-1], 1.0, 0.05, 5.0)
        same = policy.same_messages(counts, coin)(BUDGET)
        found.note(
            **{
                f"{family}__profit_gain": (money[BUDGET] - everyone) / world.users,
                f"{family}__beside_random": 1_000 * (counts[BUDGET, 1] - same["clicks"]) / max(counts[BUDGET, 0], 1.0),
            }
        )


# ---- maps ----


def maps(model: models.Fitted, train: tables.Log, world: simulator.World | None) -> dict[str, np.ndarray]:
    """Two principal components of the embeddings of two columns: apps and users, or the two columns with most levels."""
    names = ("app", "user") if world is not None else _mapped(train)
    many_shown = 300 if world is not None else MOST_MAPPED
    found: dict[str, np.ndarray] = {}
    for place, name in zip(("first", "second"), names):
        many = np.bincount(train.categories[name], minlength=len(train.levels[name]))
        shown = np.argsort(-many, kind="stable")[:many_shown]
        shown = shown[many[shown] >= 10]
        if len(shown) < 3:
            continue
        vectors = model.vectors[name][shown].astype(np.float64)
        vectors = vectors - vectors.mean(axis=0)
        left, size, _ = np.linalg.svd(vectors, full_matrices=False)
        found[f"map.{place}"] = (left[:, :2] * size[:2]).astype(np.float32)
        found[f"map.{place}.size"] = many[shown].astype(np.int32)
        clicks = np.bincount(train.categories[name], train.clicked, minlength=len(many))[shown]
        found[f"map.{place}.rate"] = (clicks / many[shown]).astype(np.float32)
        found[f"map.{place}.share"] = (size[:2] ** 2 / max((size**2).sum(), 1e-12)).astype(np.float32)
        levels = [train.levels[name][one][:40] for one in shown]
        found[f"map.{place}.names"] = words({"column": name, "levels": levels})
        if world is not None:
            found[f"map.{place}.group"] = (shown // 3 if name == "app" else world.segment[shown]).astype(np.int32)
            truth = world.factor[shown] if name == "app" else world.taste[shown]
            found[f"map.{place}.likeness"] = np.array([likeness(vectors, truth)], np.float32)
    return found


def words(value: Any) -> np.ndarray:
    """Text among the arrays of an answer: JSON as bytes."""
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _mapped(train: tables.Log) -> tuple[str, ...]:
    wanted = [name for name in ("appPackage", "advertiser_id", "url_hash", "category") if name in train.categories]
    if len(wanted) >= 2:
        return tuple(wanted[:2])
    many = sorted(train.categories, key=lambda name: -len(train.levels[name]))
    return tuple(many[:2])


def likeness(vectors: np.ndarray, truth: np.ndarray) -> float:
    """Rank correlation of all pairwise distances in two spaces (representational similarity, Kriegeskorte et al. 2008)."""
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr

    return float(spearmanr(pdist(vectors), pdist(truth)).statistic)


# ---- what it says ----


def _findings(values: Mapping[str, list[float]]) -> tuple[Finding, ...]:
    """First the learned embeddings beside the one-hot regression, then each against boosted trees, and what decisions bring."""

    def against(name: str, a: str, b: str, measure: str, scale: float = 1.0) -> Finding:
        effect = difference([scale * one for one in values[f"{a}.{measure}"]], [scale * one for one in values[f"{b}.{measure}"]])
        return finding(f"clicks.{name}", effect)

    found = [
        against("embedding_one_hot", "embedding", "one_hot", "auc"),
        against("embedding_boosting", "embedding", "boosting", "auc"),
        against("rates_boosting", "boosting_rates", "boosting", "auc"),
        against("net_rates_boosting", "embedding_rates", "boosting", "auc"),
        against("fed_boosting", "fed", "boosting", "auc"),
        against("fed_rates", "fed", "boosting_rates", "auc"),
        against("calibration", "embedding", "boosting", "calibration", 100.0),
    ]
    if "embedding.auc_new" in values:
        found.append(against("new_users", "embedding", "one_hot", "auc_new"))
    if "embedding.profit_gain" in values:
        found.append(finding("clicks.profit_gain", interval(values["embedding.profit_gain"])))
        found.append(finding("clicks.beside_random", interval(values["embedding.beside_random"])))
    return tuple(found)
