"""The study `uplift`: of a randomised campaign, whom does a message move, whom not, and whom had it better left alone?

Called through `studies.STUDIES`. A customer's uplift is the difference that the message makes to the chance of a visit; nobody's
is ever seen, since nobody both gets a message and does not. A random arm makes the average over a group measurable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from replearn_core.applications.notifications import features, models, tables
from replearn_core.properties.study import Finding, Settings, Study, Tell, finding, finished, interval, silent

RANKINGS = ("two_models", "two_forests", "response")
"""Difference of two logistic regressions; of two boosted ensembles; the chance of a visit with the message, the usual rank."""
TENTHS = 10
SHARES = 20  # points of the uplift curve
KINDS = ("loyal", "hesitant", "annoyed", "busy")  # of the simulated campaign
GROUPS = (
    *("womens=1", "womens=0", "mens=1", "mens=0", "newbie=1", "newbie=0"),
    *("channel=Phone", "channel=Web", "channel=Multichannel", "zip_code=Urban", "zip_code=Surburban", "zip_code=Rural"),
)
"""Of the real campaign's customers, named before any result was seen; the file spells Suburban so."""
DRAWS = 200
Z = 1.959964  # 95 %


@dataclass(frozen=True, eq=False)
class Campaign:
    """log: features, clicked = visited. treated bool (N,). truth (N,): uplift, on the simulated one. groups: name → mask (N,)."""

    log: tables.Log
    treated: np.ndarray
    groups: Mapping[str, np.ndarray]
    truth: np.ndarray | None = None


class Uplift(Settings):
    """arm, outcome: of the real campaign. customers, harm: of the simulated one; harm: logits a message costs the annoyed."""

    dataset: Literal["simulator", "hillstrom"] = "simulator"
    arm: Literal["womens", "mens", "both"] = "womens"
    outcome: Literal["visit", "conversion"] = "visit"
    customers: Annotated[int, Field(ge=2_000, le=60_000)] = 20_000
    harm: Annotated[float, Field(ge=0, le=2)] = 0.8

    def subject(self) -> tuple[str, None]:
        """No picture data is needed."""
        return "digits", None

    def seconds(self) -> float:
        return self.seeds * (1 + 2.5 * (self.customers if self.dataset == "simulator" else 43_000) / 20_000)


def run_uplift(settings: Uplift, *, tell: Tell = silent) -> Study:
    """Rankings learned on half of the customers, judged on the other half, `seeds` halvings (or worlds, on the simulator).

    values for each ranking: `.area` (mean height of the uplift curve over its chord, in points of visits per 100 customers),
    `.top`, `.bottom` (uplift of the best and the worst tenth), `.spared` (uplift of the fifth ranked last);
    on the simulator `.truth` (rank correlation with the true uplift); `all` (uplift of sending to everybody).
    arrays: `curve.<ranking>` (S, 21) gained per 100 customers when the best share gets the message, `band.<ranking>` (21, 2) of
    the first seed by bootstrap, `tenths.<ranking>` (10, 3) uplift, low, high of the first seed; `groups` (G, 4) uplift, low,
    high, share over all rows, intervals for all G groups together (Bonferroni); `groups.truth` (G,) on the simulator.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    values: dict[str, list[float]] = {}
    curves: dict[str, list[np.ndarray]] = {name: [] for name in RANKINGS}
    arrays: dict[str, np.ndarray] = {}

    def partial() -> tuple[dict[str, np.ndarray], dict[str, float]]:
        drawn = {f"curve.{name}": np.stack(rows) for name, rows in curves.items() if rows}
        return {**arrays, **drawn}, {name: rows[0] for name, rows in values.items()}

    real = hillstrom(settings.arm, settings.outcome) if settings.dataset == "hillstrom" else None
    with threadpool_limits(1):
        for place, seed in enumerate(settings.each_seed):
            campaign = real or simulated(settings.customers, settings.harm, seed)
            first = np.random.default_rng([seed, 0x4A1F]).permutation(len(campaign.log)) % 2 == 0
            test = ~first
            y, treated = campaign.log.clicked[test].astype(np.float64), campaign.treated[test]
            if place == 0:
                arrays |= _groups(campaign)
            values.setdefault("all", []).append(100 * effect(y, treated)[0])
            for step, name in enumerate(RANKINGS, 1):
                score = ranked(name, campaign, first, seed)[test]
                curve = uplift_curve(y, treated, score)
                curves[name].append(curve.astype(np.float32))
                found = {
                    "area": area(curve),
                    "top": _slice(y, treated, score, 0.9, 1.0),
                    "bottom": _slice(y, treated, score, 0, 0.1),
                }
                found["spared"] = _slice(y, treated, score, 0, 0.2)
                if campaign.truth is not None:
                    found["truth"] = _correlation(score, campaign.truth[test])
                for measure, value in found.items():
                    values.setdefault(f"{name}.{measure}", []).append(float(value))
                if place == 0:
                    arrays[f"tenths.{name}"] = tenths(y, treated, score)
                    arrays[f"band.{name}"] = band(y, treated, score, seed)
                tell((place + step / len(RANKINGS)) / settings.seeds, partial)
    arrays |= {f"curve.{name}": np.stack(rows) for name, rows in curves.items()}
    return finished("uplift", settings, values, arrays, _findings(values), ())


# ---- campaigns ----


def simulated(customers: int, harm: float, seed: int) -> Campaign:
    """A campaign of our own, half of whose customers drew no message. Four kinds, told by their columns but not by name:

    loyal ones come anyway; hesitant ones come if told; busy ones never come; annoyed ones come less once told (−harm logits).
    """
    random = np.random.default_rng([seed, 0x0CA])
    visits = random.integers(5, size=customers)  # of last month, 0 … 4
    messages = random.integers(4, size=customers)  # got this week, 0 … 3
    hour, system = random.integers(6, size=customers), random.integers(2, size=customers)
    channel = random.integers(3, size=customers)
    spent = np.exp(random.normal(3, 1, customers))
    loyal, annoyed = visits >= 3, (messages == 3) & (visits < 3)
    hesitant = (visits >= 1) & ~loyal & ~annoyed
    base = -2.2 + 0.45 * visits + 0.2 * (channel == 2) + random.normal(0, 0.3, customers)
    moved = np.where(loyal, 0.05, 0.0) + np.where(hesitant, 0.75, 0.0) - np.where(annoyed, harm, 0.0)
    treated = random.uniform(size=customers) < 0.5
    with_it, without = (1 / (1 + np.exp(-logit)) for logit in (base + moved, base))
    visited = (random.uniform(size=customers) < np.where(treated, with_it, without)).astype(np.uint8)
    categories = {"visits": visits, "messages": messages, "hour": hour, "system": system, "channel": channel}
    levels = {name: tuple(map(str, range(int(codes.max()) + 1))) for name, codes in categories.items()}
    coded = {name: codes.astype(np.int32) for name, codes in categories.items()}
    log = tables.Log("campaign", coded, levels, {"spent": np.log(spent).astype(np.float32)}, visited, np.arange(customers))
    groups = dict(zip(KINDS, (loyal, hesitant, annoyed, ~(loyal | hesitant | annoyed))))
    return Campaign(log, treated, groups, with_it - without)


def hillstrom(arm: str, outcome: str = "visit") -> Campaign:
    """The e-mail campaign that Kevin Hillstrom published in 2008: two mails and nobody, by lot. Raises Unavailable."""
    table = tables.raw("hillstrom")
    segment = np.array(table.columns["segment"].texts)[tables.codes_of(table, "segment")]
    wanted = {"womens": ["Womens E-Mail"], "mens": ["Mens E-Mail"], "both": ["Womens E-Mail", "Mens E-Mail"]}[arm]
    treated = np.isin(segment, wanted)
    rows = treated | (segment == "No E-Mail")
    outcomes = tables.LEAKS["hillstrom"]
    visited = tables.values_of(table, outcome).astype(np.uint8)
    names = [one for one in table.columns if one not in (*outcomes, "segment")]
    log = tables.from_table("hillstrom", table, names, visited, np.arange(table.rows), None, outcomes, "")
    own = {group: log.categories[group.partition("=")[0]] == _code(log, *group.split("=")) for group in GROUPS}
    return Campaign(log.rows(rows), treated[rows], {name: mask[rows] for name, mask in own.items()})


def _code(log: tables.Log, column: str, level: str) -> int:
    return log.levels[column].index(level)


# ---- rankings ----


def ranked(name: str, campaign: Campaign, first: np.ndarray, seed: int) -> np.ndarray:
    """(N,) scores of all customers; the higher, the sooner a message. Learned on the rows `first` alone."""
    log, treated = campaign.log, campaign.treated
    if name == "response":
        return _fit("one_hot", log, first & treated, seed)
    family = {"two_models": "one_hot", "two_forests": "boosting"}[name]
    return _fit(family, log, first & treated, seed) - _fit(family, log, first & ~treated, seed)


def _fit(family: str, log: tables.Log, rows: np.ndarray, seed: int) -> np.ndarray:
    part = log.rows(rows)
    if family == "one_hot":
        return _steady(part)(log)
    return models.fit(family, replace(part, users_known=False), seed).predict(log)


def _steady(part: tables.Log) -> models.Predict:
    """A logistic regression with one strength for both arms: two that were tuned apart would differ by their tuning too."""
    from sklearn.linear_model import LogisticRegression

    matrix = models.one_hot_matrix(part, features.LEAST)
    model = LogisticRegression(C=0.1, max_iter=300, tol=1e-3).fit(matrix(part), part.clicked)
    return lambda rows: model.predict_proba(matrix(rows))[:, 1]


# ---- measures ----


def effect(y: np.ndarray, treated: np.ndarray, z: float = Z) -> tuple[float, float, float]:
    """(difference of the arms' rates, low, high) by the normal approximation; NaN where an arm is empty."""
    if treated.all() or not treated.any():
        return np.nan, np.nan, np.nan
    own, other = y[treated], y[~treated]
    gap = float(own.mean() - other.mean())
    half = z * float(np.sqrt(own.var() / len(own) + other.var() / len(other)))
    return gap, gap - half, gap + half


def uplift_curve(y: np.ndarray, treated: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """(21,): visits gained per 100 customers when the best 0, 5, … 100 % by score get the message: share · uplift among them.

    Only the order counts; the arms' sizes may differ (Gutierrez & Gérardy 2016). Ties stand in the order of the rows.
    """
    order = np.argsort(-score, kind="stable")
    w = np.ones(len(y)) if weight is None else weight
    w, hit, sent = w[order], y[order], treated[order]
    sums = [np.cumsum(one) for one in (w * hit * sent, w * sent, w * hit * ~sent, w * ~sent)]
    ends = np.round(np.linspace(0, len(y), SHARES + 1)).astype(int)[1:] - 1
    own, many, other, few = (one[ends] for one in sums)
    gap = own / np.maximum(many, 1e-9) - other / np.maximum(few, 1e-9)
    return 100 * np.r_[0.0, gap * (many + few) / (many[-1] + few[-1])]


def area(curve: np.ndarray) -> float:
    """Mean height of the curve over the straight line of sending at random."""
    chord = np.linspace(0, curve[-1], len(curve))
    return float(np.trapezoid(curve - chord, dx=1 / SHARES))


def band(y: np.ndarray, treated: np.ndarray, score: np.ndarray, seed: int) -> np.ndarray:
    """(21, 2): 95 % band of the curve, customers drawn with replacement."""
    random = np.random.default_rng([seed, 0xBA2D])
    drawn = [uplift_curve(y, treated, score, random.poisson(1.0, len(y)).astype(np.float64)) for _ in range(DRAWS)]
    return np.percentile(np.stack(drawn), (2.5, 97.5), axis=0).T.astype(np.float32)


def tenths(y: np.ndarray, treated: np.ndarray, score: np.ndarray) -> np.ndarray:
    """(10, 3): uplift with its interval, in points, of the best tenth by score to the worst."""
    parts = np.array_split(np.argsort(-score, kind="stable"), TENTHS)
    return 100 * np.array([effect(y[part], treated[part]) for part in parts], np.float32)


def _slice(y: np.ndarray, treated: np.ndarray, score: np.ndarray, low: float, high: float) -> float:
    """Uplift in points between two shares of the ranking, 0 the worst."""
    order = np.argsort(score, kind="stable")
    part = order[round(low * len(order)) : round(high * len(order))]
    return 100 * effect(y[part], treated[part])[0]


def _correlation(score: np.ndarray, truth: np.ndarray) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(score, truth).statistic)


def _groups(campaign: Campaign) -> dict[str, np.ndarray]:
    """Uplift of groups that were named beforehand, with intervals wide enough for all of them together."""
    from scipy.special import ndtri

    z = float(ndtri(1 - 0.025 / len(campaign.groups)))
    y = campaign.log.clicked.astype(np.float64)
    rows = [
        (*(100 * one for one in effect(y[mask], campaign.treated[mask], z)), 100 * mask.mean())
        for mask in campaign.groups.values()
    ]
    found = {"groups": np.nan_to_num(np.array(rows, np.float32))}
    if campaign.truth is not None:
        found["groups.truth"] = 100 * np.array([campaign.truth[mask].mean() for mask in campaign.groups.values()], np.float32)
    return found


def names_of_groups(dataset: str) -> tuple[str, ...]:
    """The groups in the order of `groups`."""
    return KINDS if dataset == "simulator" else GROUPS


def _findings(values: Mapping[str, list[float]]) -> tuple[Finding, ...]:
    def less(a: str, b: str) -> np.ndarray:
        return np.array(values[a]) - np.array(values[b])

    found = [
        finding("uplift.two_models", interval(values["two_models.area"])),
        finding("uplift.against_response", interval(less("two_models.area", "response.area"))),
        finding("uplift.forests", interval(values["two_forests.area"])),
        finding("uplift.response", interval(values["response.area"])),
        finding("uplift.spared", interval(values["two_models.spared"])),
        finding("uplift.top_bottom", interval(less("two_models.top", "two_models.bottom"))),
        finding("uplift.all", interval(values["all"])),
    ]
    return tuple(found)
