"""What is said of a claim: its verdict, its comparisons in words, its experiment's address, and all of it as CSV."""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from pages.ui.tables import written
from pages.ui.text import has, t
from replearn_core import claims
from replearn_core.claims import Measured

VERDICTS = ("shown", "partly", "not_shown", "none")
PARTS: Mapping[str, range] = {
    "properties": range(1, 9),
    "autoencoder": range(9, 16),
    "pretraining": range(16, 18),
    "transfer": range(18, 22),
    "notifications": range(22, 23),
    "malware": range(23, 24),
    "deployment": range(24, 27),
}
"""Page → numbers of the claims that it is about, in the lecture's order."""


def part_of(claim: str) -> str:
    """The page that a claim is about."""
    return next(part for part, numbers in PARTS.items() if int(claim[1:]) in numbers)


def verdict_of(claim: str) -> str:
    """One of VERDICTS: none where no evidence has been made of the claim's present experiments."""
    found = claims.evidence(claim) if claim in claims.CLAIMS else None
    return found.verdict if found else "none"


def measured(claim: str) -> tuple[Measured, ...]:
    found = claims.evidence(claim) if claim in claims.CLAIMS else None
    return found.effects if found else ()


def when(claim: str) -> str:
    """Why the seeds do not wholly agree with the lecture; "" where there is nothing to add."""
    return t(f"claim.{claim}.when") if has(f"claim.{claim}.when") else ""


def label(one: Measured) -> str:
    """What is compared, in the words of the page that shows the experiment, or in this page's own."""
    effect, numbers = one.effect, {**one.effect.options, **one.numbers}
    own = effect.finding.removeprefix(f"{effect.page}.")
    for key in (f"evidence.label.{effect.finding}", f"{effect.page}.label.{effect.finding}", f"{effect.page}.label.{own}"):
        if has(key):
            return t(key, **numbers)
    return effect.finding


def side(one: Measured) -> str:
    """expected, opposite or unclear: where the interval lies."""
    return "expected" if one.as_expected else "unclear" if one.direction == "unclear" else "opposite"


def place(link: str) -> tuple[str, dict[str, str]]:
    """(page, query) of an effect's link."""
    page, _, query = link.partition("?")
    return page, dict(parse_qsl(query))


def experiment(page: str, query: Mapping[str, str]) -> str:
    """What a link opens: the page, and on it the part or the variant."""
    name = t(f"home.part.{page}.name")
    part = query.get("part")
    for key in (f"{page}.part.{part}", f"{page}.group.{part}", f"variant.{query.get('variant')}.name"):
        if has(key):
            return t("evidence.place", page=name, part=t(key))
    return name


def by_experiment(effects: Iterable[Measured]) -> dict[str, list[Measured]]:
    """Link → the comparisons that it opens, in order."""
    grouped: dict[str, list[Measured]] = {}
    for one in effects:
        grouped.setdefault(one.effect.link, []).append(one)
    return grouped


# ---- to take home ----

COLUMNS = ("claim", "sentence", "verdict", "comparison", "expects", "effect", "low", "high", "seeds", "date", "experiment")


def as_csv(wanted: Iterable[str]) -> bytes:
    """One row a comparison, one for a claim without any."""
    rows: list[list[str | float]] = [[t(f"evidence.column.{name}") for name in COLUMNS]]
    for claim in wanted:
        head: list[str | float] = [claim, t(f"claim.{claim}.sentence"), t(f"evidence.verdict.{verdict_of(claim)}")]
        for one in measured(claim):
            expects = t(f"evidence.expects.{one.effect.expected}")
            rows.append([*head, label(one), expects, one.mean, one.low, one.high, one.seeds, one.date, one.effect.link])
        if not measured(claim):
            rows.append([*head, *[""] * (len(COLUMNS) - len(head))])
    return written(rows)
