"""The race, drawn: accuracy against time, epochs and trained parameters, what is forgotten, and the strategies as data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.ui import drawing, plot, text
from pages.ui.properties import figures as shared
from pages.ui.properties.pick import one_of
from pages.ui.text import t
from pages.ui.transfer import figures
from pages.ui.transfer.figures import Line
from replearn_core import catalog
from replearn_core.strategies import TRANSFERS, Phase, Transfer

AXES = ("epochs", "seconds", "parameters")


def name_of(strategy: str) -> str:
    return t(f"transfer.strategy.{strategy}")


def pair_name(pair: str) -> str:
    """A pair as people call it; a visitor's own images after the source that they are the target of."""
    source, _, target = pair.partition("_")
    return t(f"own.pair_{source}", data=text.dataset(target)) if catalog.is_own(target) else t(f"transfer.pair.{pair}")


def show(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Everything about one race, finished or not."""
    raced = [name for name in TRANSFERS if f"{name}.curve" in arrays]
    if not raced:
        return
    chance = float(arrays["chance"][0])
    axis = one_of("transfer_axis", AXES, lambda name: t(f"transfer.axis_{name}"), AXES[0])
    finals = [(name, name_of(name), np.array(told["values"][f"{name}.accuracy"])) for name in raced]
    words = figures.said([(label, values) for _, label, values in finals])
    alt = t("transfer.race_alt", axis=t(f"transfer.axis_{axis}"), rows=words, chance=100 * chance)
    if axis == "parameters":
        _parameters(told, raced, alt, chance)
    else:
        _curves(arrays, raced, axis, alt, chance)
    st.markdown(f"**{t('transfer.final')}**")
    figures.rows(finals, t("transfer.accuracy_axis"), "final", t("transfer.final_alt", rows=words), chance)
    st.caption(t("transfer.final_alt", rows=words))
    _forgotten(told, arrays, raced)


def _curves(arrays: Mapping[str, np.ndarray], raced: Sequence[str], axis: str, alt: str, chance: float) -> None:
    most = max(float(arrays[f"{name}.{axis}"][-1]) for name in raced)
    lines = []
    for name in raced:
        x, curve = arrays[f"{name}.{axis}"], arrays[f"{name}.curve"]
        if len(x) == 1:  # an SVM is solved at once
            x, curve = np.array([float(x[0]), max(most, float(x[0]))]), np.repeat(curve, 2, axis=1)
        lines.append(Line(name, name_of(name), x, curve))
    titles = t(f"transfer.axis_{axis}"), t("transfer.accuracy_axis")
    figures.bands(lines, *titles, f"race_{axis}", alt, level=chance, level_is=t("properties.chance"))


def _parameters(told: Mapping[str, Any], raced: Sequence[str], alt: str, chance: float) -> None:
    """Final accuracy against the numbers that one network trains."""
    dark, traces = shared.is_dark(), []
    for name in raced:
        found, ink = figures.of_percent(figures.percent(told["values"][f"{name}.accuracy"])), figures.colour(name, dark)
        error = {"type": "data", "symmetric": False, "array": [found.high - found.mean], "arrayminus": [found.mean - found.low]}
        trace: dict[str, Any] = {"type": "scatter", "mode": "markers", "x": [told["values"][f"{name}.parameters"][0]]}
        trace |= {"y": [found.mean], "error_y": error | {"color": ink}, "name": plot.plain(name_of(name))}
        trace |= {"marker": {"color": ink, "size": 11, "symbol": figures.symbol(name)}}
        traces.append(trace | {"hovertemplate": f"{plot.plain(name_of(name))}: %{{x:,}}, %{{y:.3g}} %<extra></extra>"})
    titles, margin = (t("transfer.axis_parameters"), t("transfer.accuracy_axis")), {"l": 8, "r": 8, "t": 16, "b": 96}
    shapes, notes = [plot.level(100 * chance, dark)], plot.level_note(100 * chance, t("properties.chance"), dark)
    figure = plot.figure(traces, dark, *titles, "race_parameters", shapes, notes, height=380, margin=margin)
    figure.update_xaxes(type="log")
    figure.update_layout(hovermode="closest")
    drawing.draw(figure, "transfer_race_parameters", alt)


def _forgotten(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray], raced: Sequence[str]) -> None:
    """Accuracy on the source task, with the source's own classifier on the layers as they are now."""
    lines = [
        Line(name, name_of(name), arrays[f"{name}.epochs"], arrays[f"{name}.forgetting"])
        for name in raced
        if f"{name}.forgetting" in arrays
    ]
    if not lines:
        return
    st.markdown(f"**{t('transfer.forgotten')}**")
    before = 100 * float(told["summary"]["source.accuracy"][0])
    words = figures.said([(line.label, np.array(told["values"][f"{line.kind}.kept"])) for line in lines])
    alt = t("transfer.forgotten_alt", before=before, rows=words)
    figures.bands(lines, t("transfer.axis_epochs"), t("transfer.source_axis"), "forgotten", alt, level=before / 100)
    st.caption(alt)


# ---- the strategies as they are ----


def strategies(plan: Sequence[Transfer], depth: int) -> None:
    """Every strategy as squares, one a layer and one for the classifier, for each of its phases."""
    rows = "".join(_row(one, depth) for one in plan)
    head = f"<tr><th scope='col'>{t('transfer.strategy_head')}</th><th scope='col'>{t('transfer.phases_head')}</th></tr>"
    table = f"<table class='transfer-plan'>{head}{rows}</table>"
    st.html(
        f"<div class='transfer-scroll' tabindex='0' role='region' aria-label='{t('transfer.strategies_title')}'>{table}</div>"
    )
    keys = "".join(
        f"<span><i class='cell {kind}'></i>{t(f'transfer.cell_{kind}')}</span>"
        for kind in ("copied_frozen", "copied_trained", "new_trained", "new_frozen")
    )
    st.html(f"<div class='transfer-key'>{keys}</div>")


def _row(one: Transfer, depth: int) -> str:
    idea = f"<small>{t(f'transfer.idea.{one.name}')}</small>"
    return f"<tr><th scope='row'>{name_of(one.name)}{idea}</th><td>{phases(one, depth)}</td></tr>"


def phases(one: Transfer, depth: int) -> str:
    """The phases of a strategy as squares with words for those who do not see them."""
    if one.svm is not None:
        cells = "".join(_cell(layer, depth, "copied_frozen") for layer in range(one.svm))
        return f"<span class='phase'>{cells}<b>{t('transfer.svm')}</b></span>"
    return "<span class='then'>→</span>".join(_phase(one, phase, depth) for phase in one.phases if phase.epochs)


def _phase(one: Transfer, phase: Phase, depth: int) -> str:
    cells = []
    for layer in range(depth + 1):
        name = "head.weight" if layer == depth else f"encoder.{layer}.weight"
        kind = f"{'copied' if layer < one.copied else 'new'}_{'trained' if phase.trains(name) else 'frozen'}"
        rate = phase.rate(name)
        note = f"×{plot.three(rate)}" if phase.trains(name) and rate != 1 else ""
        cells.append(_cell(layer, depth, kind, note))
    rates = [phase.rate("head.weight" if layer == depth else f"encoder.{layer}.weight") for layer in range(depth + 1)]
    spread = f" · ×{rates[0]:.2g} … ×{rates[-1]:.2g}" if phase.trains("encoder.0.weight") and len(set(rates)) > 1 else ""
    return f"<span class='phase'>{''.join(cells)}<small>{t('transfer.epochs_n', n=phase.epochs)}{spread}</small></span>"


def _cell(layer: int, depth: int, kind: str, note: str = "") -> str:
    where = t("transfer.classifier") if layer == depth else t("transfer.layer_n", n=layer + 1)
    words = f"{where}{t('properties.colon')}{t(f'transfer.cell_{kind}')} {note}".strip()
    return f"<i class='cell {kind}' role='img' aria-label='{words}' title='{words}'></i>"


def as_code(plan: Sequence[Transfer]) -> str:
    """The same data as Python prints them."""
    lines = []
    for one in plan:
        lines.append(f"{one.name}: copied={one.copied}" + (f", svm={one.svm}" if one.svm is not None else ""))
        for phase in one.phases:
            rates = ", ".join(f"{pattern} ×{plot.three(rate)}" for pattern, rate in phase.rates if not pattern.startswith("norm"))
            frozen = ", ".join(pattern for pattern in phase.frozen if not pattern.startswith("norm")) or "–"
            lines.append(f"    {phase.name}: epochs={phase.epochs}, frozen={frozen}" + (f", rates={rates}" if rates else ""))
    return "\n".join(lines)


def rates_figure(factors: Sequence[float], alt: str) -> None:
    """The learning-rate factors as bars, the input's layer at the left."""
    dark = shared.is_dark()
    labels = [t("transfer.layer_n", n=place + 1) for place in range(len(factors) - 1)] + [t("transfer.classifier")]
    bar = {"type": "bar", "x": labels, "y": list(factors), "marker": {"color": figures.colour("layer_rates", dark)}}
    bar |= {"hovertemplate": "×%{y:.3g}<extra></extra>"}
    figure: go.Figure = plot.figure([bar], dark, "", t("transfer.rate_axis"), "rates", height=180)
    drawing.draw(figure, "transfer_rates", alt)
