"""Charts of the pretraining page: curves with 95 % bands over seeds, on plain or log axes, each with its words."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.ui import drawing, palette, plot
from pages.ui.properties.figures import is_dark
from pages.ui.text import t
from replearn_core.properties.study import interval, within

LOOK: Mapping[str, tuple[str, str, str]] = {
    "random": ("grey", "dash", "circle"),
    "pretrained": ("blue", "solid", "square"),
    "modern": ("vermilion", "solid", "diamond"),
    "batch_norm": ("green", "dot", "triangle-up"),
}
"""Hue, dash and marker of each family."""
LAYERS = ("blue", "orange", "green", "purple", "sky", "vermilion", "yellow")


class Line(NamedTuple):
    """One curve: x (T,), values (S, T)."""

    kind: str
    label: str
    x: np.ndarray
    values: np.ndarray


def look(kind: str, dark: bool) -> tuple[str, str, str]:
    """(colour, dash, marker) of a family, or of a layer by its number."""
    if kind in LOOK:
        hue, dash, symbol = LOOK[kind]
        return palette.hue(hue, dark), dash, symbol
    place = int(kind)
    return palette.hue(LAYERS[place % len(LAYERS)], dark), "solid", palette.class_symbol(place)


def bands(
    lines: Sequence[Line],
    x_title: str,
    y_title: str,
    key: str,
    alt: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    at: float | None = None,
    ticks: Mapping[float, str] | None = None,
    height: int = 360,
    share: bool = False,
) -> None:
    """Means over seeds with their 95 % intervals as bands; geometric means and intervals of logarithms where `log_y`. share: of
    percentages, so none lies outside 0 to 100."""
    dark = is_dark()
    traces: list[dict[str, Any]] = []
    drawn: list[float] = []
    for line in lines:
        there = np.isfinite(line.values).all(axis=0)
        if not there.any():
            continue
        x, values = [float(one) for one in np.asarray(line.x)[there]], np.asarray(line.values, np.float64)[:, there]
        found = [interval(np.log(np.maximum(column, 1e-30)) if log_y else column) for column in values.T]
        found = [within(one, high=100.0) for one in found] if share else found
        low, mean, high = (np.array([getattr(one, name) for one in found]) for name in ("low", "mean", "high"))
        if log_y:
            low, mean, high = np.exp(low), np.exp(mean), np.exp(high)
        drawn += mean.tolist()
        ink, dash, symbol = look(line.kind, dark)
        traces += plot.band(x, low.tolist(), high.tolist(), ink, line.label)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": x,
                "y": mean.tolist(),
                "name": plot.plain(line.label),
                "legendgroup": line.label,
                "line": {"color": ink, "dash": dash, "width": 2.2},
                "marker": {"symbol": symbol, "size": 6},
                "hovertemplate": f"{plot.plain(line.label)}: %{{y:.3g}}<extra></extra>",
            }
        )
    shapes = [] if at is None else [plot.vertical(at, palette.theme(dark).accent, "dash", 1.5)]
    figure = plot.figure(traces, dark, x_title, y_title, key, shapes, height=height, margin={"l": 8, "r": 8, "t": 16, "b": 88})
    if log_x:
        figure.update_xaxes(type="log")
    if log_y:
        figure.update_yaxes(type="log", exponentformat="power", **plot.powers_only(drawn))
    else:
        figure.update_yaxes(rangemode="tozero")
    if ticks:
        figure.update_xaxes(tickvals=list(ticks), ticktext=list(ticks.values()))
    draw(figure, key, alt)


def draw(figure: go.Figure, key: str, alt: str) -> None:
    """The chart, and in words what it shows."""
    drawing.draw(figure, f"pretraining_{key}", alt)
    st.caption(alt)


def separated(parts: Sequence[str]) -> str:
    return t("pretraining.separator").join(parts)


def ends(lines: Sequence[Line], colon: str, scale: float = 1.0) -> str:
    """Each line's label with the mean of its last values: half of a chart's text alternative."""
    parts = []
    for line in lines:
        there = np.isfinite(line.values).all(axis=0)
        if there.any():
            parts.append(f"{line.label}{colon}{plot.three(scale * float(np.asarray(line.values)[:, there][:, -1].mean()))}")
    return separated(parts)
