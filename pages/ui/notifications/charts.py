"""Charts of the notifications page: lines, one row a model, effects with intervals, embeddings as points; each with its words."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from pages.ui import drawing, palette, plot
from pages.ui.text import t
from replearn_core.properties.study import interval, within

LOOK: Mapping[str, tuple[str, str]] = {
    "one_hot": ("grey", "dash"),
    "boosting": ("green", "dash"),
    "embedding": ("blue", "solid"),
    "boosting_rates": ("green", "dot"),
    "embedding_rates": ("blue", "dot"),
    "fed": ("orange", "solid"),
    "random": ("grey", "dot"),
    "knowing": ("purple", "dash"),
    "pretrained": ("blue", "solid"),
    "frozen": ("sky", "dash"),
    "scratch": ("vermilion", "dot"),
    "two_models": ("blue", "solid"),
    "two_forests": ("green", "dash"),
    "response": ("orange", "dot"),
    "replayed": ("purple", "solid"),
    "logged": ("orange", "dash"),
}
"""Colour and dash of each line; a marker of its own is the third cue."""


class Line(NamedTuple):
    """One curve: x (T,), y (T,), band (T, 2) or none."""

    kind: str
    label: str
    x: np.ndarray
    y: np.ndarray
    band: np.ndarray | None = None


def is_dark() -> bool:
    return st.context.theme.type == "dark"


def colour(kind: str, dark: bool) -> str:
    return palette.hue(LOOK[kind][0], dark)


def symbol(kind: str) -> str:
    return palette.class_symbol(list(LOOK).index(kind) % 11)


def draw(figure: Any, key: str, alt: str) -> None:
    drawing.draw(figure, f"notifications_{key}", alt)


def lines(
    drawn: Sequence[Line],
    x_title: str,
    y_title: str,
    key: str,
    alt: str,
    *,
    diagonal: bool = False,
    chord: float | None = None,
    at: float | None = None,
    log: bool = False,
    ticks: Sequence[float] | np.ndarray = (),
    height: int = 360,
) -> None:
    """Curves. diagonal: the line y = x. chord: height at 100 of a straight line from zero. at: a vertical line."""
    dark = is_dark()
    theme = palette.theme(dark)
    traces: list[dict[str, Any]] = []
    for kind, label, x, y, band in drawn:
        ink = colour(kind, dark)
        if band is not None:
            traces += plot.band(x.tolist(), band[:, 0].tolist(), band[:, 1].tolist(), ink, kind)
        marked = len(x) <= 12
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers" if marked else "lines",
                "x": list(map(float, x)),
                "y": list(map(float, y)),
                "name": plot.plain(label),
                "legendgroup": kind,
                "line": {"color": ink, "dash": LOOK[kind][1], "width": 2.2},
                "marker": {"symbol": symbol(kind), "size": 7},
                "hovertemplate": f"{plot.plain(label)}: %{{y:.3g}}<extra></extra>",
            }
        )
    shapes = [] if at is None else [plot.vertical(at, theme.accent, "solid", 2)]
    end = max((float(line.x.max()) for line in drawn), default=1.0) if diagonal else 100.0
    if diagonal or chord is not None:
        straight = {"color": theme.muted, "dash": "dot", "width": 1.5}
        height_at = end if chord is None else chord
        shapes.append({"type": "line", "x0": 0, "y0": 0, "x1": end, "y1": height_at, "line": straight})
    margin = {"l": 8, "r": 8, "t": 16, "b": 96}
    figure = plot.figure(traces, dark, x_title, y_title, key, shapes, height=height, margin=margin)
    figure.update_layout(hovermode="closest")
    if log:
        figure.update_xaxes(type="log")
    if len(ticks):
        figure.update_xaxes(tickvals=list(map(float, ticks)), ticktext=[f"{one:,.0f}" for one in ticks])
    draw(figure, key, alt)


def rows(
    drawn: Sequence[tuple[str, str, np.ndarray]], title: str, key: str, alt: str, mark: float | None = None, note: str = ""
) -> None:
    """One row a model: rings are seeds, the marker is their mean with its 95 % interval. drawn: (kind, label, values (S,))."""
    dark = is_dark()
    traces: list[dict[str, Any]] = []
    for place, (kind, label, values) in enumerate(drawn):
        found = within(interval(values))
        hover = f"{label}: {t('properties.spread', mean=found.mean, low=found.low, high=found.high)}"
        ends = (found.mean, found.low, found.high)
        traces += plot.seeds_row(place, values.tolist(), ends, colour(kind, dark), symbol(kind), hover)
    shapes, notes = ([], []) if mark is None else plot.mark(mark, note, dark)
    axis = plot.rows_axis([label for _, label, _ in drawn], dark)
    under, below = plot.under(title, dark)
    height, margin = 34 + below["b"] + 34 * len(drawn), {"l": 8, "r": 8, "t": 24} | below
    figure = plot.figure(traces, dark, "", "", key, shapes, [*notes, under], axis, height=height, margin=margin)
    figure.update_layout(hovermode="closest")
    draw(figure, key, alt)


def effects(found: np.ndarray, labels: Sequence[str], title: str, key: str, alt: str, truth: np.ndarray | None = None) -> None:
    """One row an effect: its interval, coloured by the side of zero it lies on. found (n, 3): value, low, high."""
    dark = is_dark()
    theme = palette.theme(dark)
    traces: list[dict[str, Any]] = []
    for place, (value, low, high) in enumerate(np.asarray(found, float)):
        side = "vermilion" if high < 0 else "blue" if low > 0 else "grey"
        ink = palette.hue(side, dark)
        mark = {"vermilion": "triangle-left", "blue": "triangle-right", "grey": "circle"}[side]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "showlegend": False,
                "x": [value],
                "y": [place],
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [high - value],
                    "arrayminus": [value - low],
                    "color": ink,
                    "thickness": 2,
                    "width": 5,
                },
                "marker": {"color": ink, "size": 10, "symbol": mark},
                "hovertemplate": f"{plot.plain(labels[place])}: {value:.3g} ({low:.3g} … {high:.3g})<extra></extra>",
            }
        )
    if truth is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": list(map(float, truth)),
                "y": list(range(len(truth))),
                "name": t("notifications.truth"),
                "marker": {"color": theme.text, "size": 11, "symbol": "line-ns-open", "line": {"width": 2}},
                "hovertemplate": "%{x:.3g}<extra></extra>",
            }
        )
    shapes = [plot.vertical(0, theme.muted, "dot", 1.5)]
    figure = plot.figure(traces, dark, title, "", key, shapes, (), plot.rows_axis(labels, dark), height=110 + 28 * len(labels))
    figure.update_layout(hovermode="closest")
    draw(figure, key, alt)


def scatter(
    points: np.ndarray,
    names: Sequence[str],
    groups: np.ndarray | None,
    labels: Sequence[str] | None,
    rates: np.ndarray,
    title: str,
    key: str,
    alt: str,
) -> None:
    """Points (n, 2) of an embedding: by group where groups are known, else by how often they are clicked."""
    dark = is_dark()
    traces: list[dict[str, Any]] = []
    shared = {"type": "scatter", "mode": "markers", "hovertemplate": "%{text}<extra></extra>"}
    hover = [plot.plain(f"{name}: {100 * rate:.1f} %") for name, rate in zip(names, rates)]
    if groups is None or labels is None:
        scale = {"color": (100 * rates).tolist(), "colorscale": list(palette.MAGNITUDE), "size": 9, "showscale": True}
        scale["colorbar"] = {"title": {"text": t("notifications.axis.rate")}, "thickness": 10}
        traces.append(
            shared | {"x": points[:, 0].tolist(), "y": points[:, 1].tolist(), "text": hover, "marker": scale, "showlegend": False}
        )
    else:
        for one, label in enumerate(labels):
            here = np.flatnonzero(groups == one)
            mark = {"color": palette.class_colour(one, dark), "symbol": palette.class_symbol(one), "size": 9, "opacity": 0.85}
            own = {"x": points[here, 0].tolist(), "y": points[here, 1].tolist(), "text": [hover[place] for place in here]}
            traces.append(shared | own | {"marker": mark, "name": plot.plain(label)})
    margin = {"l": 8, "r": 8, "t": 32, "b": 88}
    heading = {"text": plot.plain(title), "font": {"size": 13}, "x": 0}
    figure = plot.figure(traces, dark, "PC 1", "PC 2", key, height=380, margin=margin, title=heading)
    figure.update_layout(hovermode="closest")
    draw(figure, key, alt)
