"""The papers' tables, below the claims: their figures beside ours, what agrees in kind, what differs in set-up."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from pages.ui import tables
from pages.ui.text import duration, has, t
from replearn_core import papers
from replearn_core.experiment import Experiment
from replearn_core.papers import Result, Table, contraction, halves, thirty

HERE = Path(__file__).resolve().parents[2]
MARKS = {"same": "●", "unclear": "○", "opposite": "◆"}
SCALES: Mapping[tuple[str, str], float] = {("share", "paper"): 100, ("share", "here"): 100, ("jacobian", "paper"): 1e4}
"""(measure, column) → what a number is multiplied by before its unit is set to it."""
CSV = ("table", "row", "measure", "paper", "here", "low", "high", "seeds", "date", "source")


def draw() -> None:
    """All tables, those never computed with a sentence that says so, and all of them as one file."""
    st.subheader(t("papers.title"), anchor="papers")
    st.markdown(t("papers.how"))
    for table in papers.TABLES.values():
        with st.container(border=True, key=f"papers_{table.name}"):
            _one(table, papers.shipped(table.name))
    tables.offer("papers", as_csv, t("papers.csv"))


def _one(table: Table, found: Result | None) -> None:
    st.markdown(f"**{t(f'papers.{table.name}.title')}**\u2003{t(f'papers.{table.name}.question')}")
    st.caption(t("papers.source", source=table.source))
    if found is None:
        st.markdown(t("papers.none", name=table.name))
    else:
        st.html(figures(table, found))
        st.caption(made(table, found))
        st.markdown(t("papers.agrees"))
        st.html(agreement(table, found))
        st.markdown(t(f"papers.{table.name}.note"))
    with st.expander(t("papers.differs"), icon=":material/compare_arrows:"):
        st.html(setup(table))
    page, query = place(table)
    if (HERE / f"{page}.py").is_file():
        name = t(f"home.part.{page}.name")
        st.page_link(str(HERE / f"{page}.py"), label=t("evidence.open", name=name), icon=":material/science:", query_params=query)


def place(table: Table) -> tuple[str, dict[str, str]]:
    """(page, query) where a visitor can train something of the table."""
    dataset, settings = papers.DATASET, table.settings
    runs: dict[str, Experiment] = {}
    if isinstance(settings, contraction.Contraction):
        runs["autoencoder"] = contraction.experiments(settings, dataset, 0)["cae"]
    if isinstance(settings, thirty.Thirty):
        runs["autoencoder"] = thirty.experiment(settings, dataset, 0, settings.hidden)
    for page, experiment in runs.items():
        return page, experiment.to_query()
    return {"ladder": ("pretraining", {"part": "pretraining"}), "halves": ("transfer", {"part": "layers"})}[table.name]


# ---- the figures ----


def columns(table: Table) -> list[tuple[str, str]]:
    """(measure, paper or here) from left to right; ("", "paper") where the paper says it in words, a row at a time."""
    if any(has(f"papers.{table.name}.says.{row.name}") for row in table.rows):
        return [("", "paper"), *((measure, "here") for measure in table.measures)]
    return [(measure, side) for measure in table.measures for side in ("paper", "here")]


def figures(table: Table, found: Result) -> str:
    """HTML: a row of the paper's table each."""
    wanted = columns(table)
    heads = {column: _head(table, *column) for column in wanted}
    head = "".join(f"<th scope='col'>{html.escape(said)}</th>" for said in ("", *heads.values()))
    rows = ""
    for row in table.rows:
        cells = "".join(_cell(table, found, row, column, heads[column]) for column in wanted)
        rows += f"<tr><th scope='row'>{html.escape(t(f'papers.{table.name}.row.{row.name}'))}</th>{cells}</tr>"
    return f"<table class='papers'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _head(table: Table, measure: str, side: str) -> str:
    if not measure:
        return t("papers.head.says")
    name = t(f"papers.{table.name}.measure.{measure}")
    return t(f"papers.head.{side}", what=name) if (measure, "paper") in columns(table) else name


def _cell(table: Table, found: Result, row: papers.Row, column: tuple[str, str], head: str) -> str:
    measure, side = column
    if side == "paper":
        key = f"papers.{table.name}.says.{row.name}"
        said = value(measure, side, *row.paper.get(measure, ())) if measure else t(key) if has(key) else ""
        inner = html.escape(said)
    else:
        inner = ours(found, row.name, measure)
    label = html.escape(head, quote=True)
    return f"<td class='{side}' data-label='{label}'>{inner}</td>" if inner else f"<td class='none' data-label='{label}'>–</td>"


def value(measure: str, side: str, *numbers: float) -> str:
    """One figure, or the ends of a range, with its unit; "" of none."""
    if not numbers:
        return ""
    key = f"papers.value.{measure}_{side}"
    said = " … ".join(digits(measure, one * SCALES.get((measure, side), 1)) for one in numbers)
    return t(key if has(key) else "papers.value.plain", value=said)


def digits(measure: str, scaled: float) -> str:
    """With as many decimals as the papers print; differences carry their sign."""
    few = measure == "share" or (measure == "jacobian" and abs(scaled) >= 10)
    said = f"{scaled:,.{1 if few else 2}f}".replace("-", "−")
    return f"+{said}" if scaled > 0 and measure in halves.TABLE.measures else said


def ours(found: Result, row: str, measure: str) -> str:
    """HTML: the mean, below it the interval; a value that no seed moves stands alone."""
    known = found.ours(row, measure)
    if known is None:
        return ""
    mean = f"<b>{html.escape(value(measure, 'here', known.mean))}</b>"
    scale = SCALES.get((measure, "here"), 1)
    interval = t("papers.interval", low=digits(measure, known.low * scale), high=digits(measure, known.high * scale))
    return mean if known.low == known.high else f"{mean} <small>{html.escape(interval)}</small>"


def made(table: Table, found: Result) -> str:
    """Seeds, day, seconds and libraries; and what else its rows need to be read."""
    libraries = [f"{name} {one}" for name, one in found.versions.items()]
    said = t("papers.made", seeds=table.settings.seeds, date=found.date, took=duration(found.seconds), libraries=libraries)
    base = found.ours("base", "accuracy")
    return said if base is None else t("papers.base", mean=base.mean, low=base.low, high=base.high, made=said)


# ---- what agrees, and what differs ----


def agreement(table: Table, found: Result) -> str:
    """HTML: each thing that the paper leads one to expect, on which side our seeds lie, and by how much."""
    items = ""
    for one in table.expected:
        side, known = found.side(one), found.difference(one)
        label = html.escape(t(f"papers.{table.name}.expected.{one.name}"))
        size = html.escape(t("papers.difference", effect=known.mean, low=known.low, high=known.high))
        verdict = html.escape(t(f"papers.side.{side}"))
        items += f"<li class='{side}'><i aria-hidden='true'>{MARKS[side]}</i>{label} <b>{verdict}</b> <small>{size}</small></li>"
    return f"<ul class='papers'>{items}</ul>"


def setup(table: Table) -> str:
    """HTML: what the paper did and what is done here, side by side; our numbers are those of the settings."""
    numbers: dict[str, Any] = {
        name: " – ".join(map(str, one)) if isinstance(one, tuple) else one for name, one in table.settings.model_dump().items()
    }
    heads = [t("papers.head.setup_paper"), t("papers.head.setup_here")]
    head = "".join(f"<th scope='col'>{html.escape(said)}</th>" for said in ("", *heads))
    rows = ""
    for aspect in ASPECTS:
        told = [t(f"papers.{table.name}.setup.{aspect}.{side}", **numbers) for side in ("paper", "here")]
        cells = "".join(f"<td data-label='{html.escape(name)}'>{html.escape(one)}</td>" for name, one in zip(heads, told))
        rows += f"<tr><th scope='row'>{html.escape(t(f'papers.aspect.{aspect}'))}</th>{cells}</tr>"
    return f"<table class='papers setup'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


ASPECTS = ("images", "network", "training", "chosen")


# ---- to take home ----


def as_csv() -> bytes:
    """One row a figure, ours and the paper's; numbers as they are computed, without the units of the page."""
    lines: list[list[str | float]] = [[t(f"papers.column.{name}") for name in CSV]]
    for table in papers.TABLES.values():
        found = papers.shipped(table.name)
        for row in table.rows:
            lines += [_line(table, found, row, measure) for measure in table.measures]
    return tables.written(lines)


def _line(table: Table, found: Result | None, row: papers.Row, measure: str) -> list[str | float]:
    paper = row.paper.get(measure, ())
    known = found.ours(row.name, measure) if found else None
    told: tuple[str | float, ...] = ("", "", "", "") if known is None else (known.mean, known.low, known.high, known.seeds)
    named = t(f"papers.{table.name}.title"), t(f"papers.{table.name}.row.{row.name}")
    figure: str | float = paper[0] if len(paper) == 1 else " … ".join(map(str, paper))
    return [*named, t(f"papers.{table.name}.measure.{measure}"), figure, *told, found.date if found else "", table.source]
