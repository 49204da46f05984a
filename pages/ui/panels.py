"""The charts under the film, one at a time, at its moment: curves, code values, sensitivity, measures. Called by `live.py`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.ui import charts, drawing, plot, runs, session, tables, text
from pages.ui.charts import Finding, Segment
from pages.ui.text import t
from replearn_core.engine import RunView
from replearn_core.events import Baseline
from replearn_core.experiment import Experiment

Snapshot = tuple[tuple[str, int, bool], ...]  # (run id, events so far, pinned) of each run drawn, the one on screen first
Moment = tuple[Snapshot, float | None, str, bool]  # with the slider's epoch, the language, and whether the theme is dark
_HEADLINES = ("squared_error", "l0", "hoyer", "dead")
_SHARES = ("l0", "l0_inferred", "probe_all", "probe_few", "pixels_all", "pixels_few")


def show(own: RunView, others: Sequence[RunView], panel: str) -> None:
    """One panel for the run on screen, with the pinned runs thin beside it."""
    {"curves": _curves, "code": _code, "spectrum": _spectrum, "measures": _measures}[panel](own, others)


def is_dark() -> bool:
    return st.context.theme.type == "dark"


def chart_texts(lang: str | None = None) -> dict[str, str]:
    """The charts' words; terms are named as their knobs are."""
    words = text.catalogue(lang or text.language())
    return {name: words[f"chart.{name}"] if f"chart.{name}" in words else text.setting(name) for name in charts.TEXT_KEYS}


def draw(figure: go.Figure, finding: Finding, key: str) -> None:
    """A figure with its finding as the text alternative; the finding alone where there is nothing to draw."""
    alt = found(finding)
    if finding[0].startswith("no_"):
        st.caption(alt)
        return
    drawing.draw(figure, key, alt, zoom=True)


def found(finding: Finding) -> str:
    """A finding in the visitor's words."""
    key, numbers = finding
    named = dict(numbers)
    if "term" in named:
        named["term"] = text.setting(named["term"])
    if "measure" in named:
        named["measure"] = t(f"chart.{named['measure']}")
    return t(f"chart.{key}", **named)


# ---- the panels ----


def _curves(own: RunView, others: Sequence[RunView]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="curve_switches"):
        log_y = st.toggle(t("figure.log"), value=True, key=session.LOG, persist_state="session")
        weighted = st.toggle(t("figure.weighted"), key=session.WEIGHTED, help=t("figure.weighted_help"), persist_state="session")
    draw(*_figure("loss", *_moment(own, others), bool(log_y), bool(weighted)), "chart_curves")
    st.caption(t("figure.curves_help"))


def _code(own: RunView, others: Sequence[RunView]) -> None:
    """How the code's values are spread, and over time how many units are active or dead."""
    moment = _moment(own, others)
    draw(*_figure("histogram", *moment), "chart_histogram")
    for name, column in zip(("l0", "dead"), st.columns(2), strict=True):
        with column:
            draw(*_figure(name, *moment), f"chart_{name}")


def _spectrum(own: RunView, others: Sequence[RunView]) -> None:
    draw(*_figure("spectrum", *_moment(own, others)), "chart_spectrum")
    st.caption(t("figure.spectrum_help"))


def _measures(own: RunView, others: Sequence[RunView]) -> None:
    """Every measure of the moment as a table, the pinned runs beside it; at the end of a run also those that take longer."""
    views = (own, *others)
    columns: list[dict[str, float | None]] = [_with_pca(runs.measures_of(view, session.get(session.EPOCH))) for view in views]
    names = [name for name in columns[0] if name != "samples_per_second" and text.has(f"measure.{name}")]
    table = {t("panel.measures"): [t(f"measure.{name}") for name in names]}
    for view, column in zip(views, columns, strict=True):
        table[runs.title_of(view)] = [measured(name, column.get(name), view) for name in names]
    with st.container(key="measures_table"):
        tables.show(table, "measures", offered=not any(view.live for view in views))


def _with_pca(found: Mapping[str, float]) -> dict[str, float | None]:
    """PCA's error only where there is something to compare with."""
    return {**found, "pca_error": runs.pca_error(found)} if "pca_error" in found else dict(found)


def headline(own: RunView) -> None:
    """Four numbers of the moment, and over which samples they are taken; the error also as a multiple of PCA's."""
    epoch = session.get(session.EPOCH)
    now = runs.measures_of(own, epoch)
    if "squared_error" not in now:
        return
    with st.container(horizontal=True, key="headline"):
        for name in _HEADLINES:
            pca = runs.pca_error(now)
            delta = t("measure.against_pca", ratio=now[name] / pca) if name == "squared_error" and pca else None
            label, help_text = t(f"measure.{name}"), t(f"measure.{name}_help")
            st.metric(label, measured(name, now[name], own), delta, delta_color="off", delta_arrow="off", help=help_text)
    started = runs.events_of(own, "started")
    whole = own.state == "finished" and epoch is None and started
    st.caption(t("measure.over_all", n=started[-1].test_samples) if whole else t("measure.over_some"))


def measured(name: str, value: float | None, view: RunView) -> str:
    """A measure with its unit: shares in percent, dead units of how many; a dash where there is none."""
    if value is None:
        return "–"
    if name == "dead" and view.experiment:
        return t("measure.of_total", n=int(value), total=view.experiment.code_size)
    if name in _SHARES:
        return t("measure.percent", n=plot.three(100 * value))
    return plot.three(value)


# ---- figures, built once for all who watch ----


def _moment(own: RunView, others: Sequence[RunView]) -> Moment:
    return snapshot(own, others), session.get(session.EPOCH), text.language(), is_dark()


@lru_cache(maxsize=128)
def _figure(kind: str, shown: Snapshot, cursor: float | None, lang: str, dark: bool, *options: bool) -> tuple[go.Figure, Finding]:
    """A chart and its finding. Building one is the dearest part of a poll, so all who watch a run share it."""
    views, texts = [runs.history(run_id) for run_id, *_ in shown], chart_texts(lang)
    if kind == "histogram":
        counts, edges = _histogram(views[0], cursor)
        return charts.histogram(counts, edges, texts=texts, dark=dark), charts.describe_histogram(counts, edges)
    if kind == "spectrum":
        series = [
            (runs.title_of(view), values, pinned)
            for view, (*_, pinned) in zip(views, shown, strict=True)
            if (values := _latest(view, "spectrum", cursor)) is not None
        ]
        return charts.spectrum(series, texts=texts, dark=dark), charts.describe_spectrum(series)
    lines = segments(shown, lang)
    if kind == "loss":
        log_y, weighted = options
        baseline = _baseline(views[0])
        words: Mapping[str, Any] = {"texts": texts, "dark": dark, "log_y": log_y, "weighted": weighted, "baseline": baseline}
        return charts.loss_curves(lines, cursor=cursor, **words), charts.describe_loss_curves(lines, cursor=cursor)
    finding = charts.describe_measure_lines(lines, kind, cursor=cursor)
    return charts.measure_lines(lines, kind, cursor=cursor, texts=texts, dark=dark), finding


def _baseline(own: RunView) -> Baseline | None:
    found = runs.events_of(own, "baseline")
    if not found:
        return None
    return found[-1] if runs.pca_error(vars(found[-1])) else replace(found[-1], pca_error=math.nan)


# ---- arrays of a moment ----


def _histogram(view: RunView, cursor: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Counts (bins,) and edges (bins + 1,) of the code's values; one empty bin where there are none."""
    moments = runs.events_of(view, "progress")
    frame = runs.at_epoch(moments, cursor).frame if moments else {}
    return frame.get("histogram", np.zeros(1)), frame.get("histogram_edges", np.array([0.0, 1.0]))


def _latest(view: RunView, name: str, cursor: float | None) -> np.ndarray | None:
    """The newest array recorded at or before the moment: a spectrum costs more than the rest, so it is recorded less often."""
    kept = [m for m in runs.events_of(view, "progress") if name in m.frame and (cursor is None or m.epoch <= cursor + 1e-9)]
    return kept[-1].frame[name] if kept else None


# ---- lineages as segments ----


def snapshot(own: RunView, others: Sequence[RunView]) -> Snapshot:
    """What is drawn, as a key: equal snapshots look alike, for equal runs have equal histories."""
    return tuple((view.run_id, view.count, view is not own) for view in (own, *others))


@lru_cache(maxsize=64)
def segments(shown: Snapshot, lang: str) -> tuple[Segment, ...]:
    """Each run and each of its ancestors as a segment. lang: the language of the labels, which is part of the key."""
    return tuple(segment for run_id, _, pinned in shown for segment in _segments(runs.history(run_id), pinned))


def _segments(view: RunView, pinned: bool) -> list[Segment]:
    """One segment a member of the lineage, in time; each continuation says what was changed."""
    title = runs.title_of(view)
    lines: list[Segment] = []
    before: Experiment | None = None
    for member in dict.fromkeys(view.origins):
        events = [event for event, origin in zip(view.events, view.origins, strict=True) if origin == member]
        moments: list[Any] = [event for event in events if event.kind == "progress"]
        experiment = view.experiment if member == view.run_id else runs.known(member)
        begins = float(experiment.continues[1]) if experiment and experiment.continues and lines else None
        label = changed(before, experiment) if begins is not None else ""
        lines.append(Segment(title, moments, pinned, begins, label))
        before = experiment
    return lines


def changed(before: Experiment | None, after: Experiment | None) -> str:
    """What a continuation changed, short enough to stand at its line: `λ 0.1 → 0.3`."""
    if before is None or after is None:
        return t("chart.resumed")
    old, new = _numbers(before), _numbers(after)
    parts = [
        t("chart.change", name=text.setting(name), before=_value(old, name), after=_value(new, name))
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    ]
    return ", ".join(parts) or t("chart.resumed")


def _numbers(experiment: Experiment) -> dict[str, float]:
    terms = [*experiment.penalties, *([experiment.corruption] if experiment.corruption else [])]
    return {term.name: term.weight for term in terms} | {
        "learning_rate": experiment.learning_rate,
        "batch_size": experiment.batch_size,
    }


def _value(numbers: Mapping[str, float], name: str) -> str:
    return text.number(numbers[name]) if name in numbers else t("chart.off")
