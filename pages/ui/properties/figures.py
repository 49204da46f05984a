"""Charts that the properties share: intervals over seeds with the seeds as dots, curves over seeds, squares of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.ui import drawing, palette, plot
from pages.ui.text import t
from replearn_core.properties.study import interval, within

ROW = 30  # CSS px of one row of dots
_OWN = {
    "plain": "reconstruction",
    "autoencoder": "reconstruction",
    "denoising": "noise",
    "contractive": "contraction",
    "l1": "sparsity",
    "none": "reconstruction",
    "strong": "sparsity",
}
_ORDER = ("vae", "beta", "kl", "k_sparse", "one_hot", "binary", "real", "pixels", "raw", "untrained", "pca", "umap", "weak")


def is_dark() -> bool:
    return st.context.theme.type == "dark"


def colour(name: str, dark: bool) -> str:
    """One colour a kind of representation, on all parts of the page."""
    if name in _OWN:
        return palette.meaning(_OWN[name], dark)
    if name not in _ORDER:
        return palette.theme(dark).muted
    return palette.hue(("green", "vermilion", "sky", "yellow")[_ORDER.index(name) % 4], dark)


def symbol(name: str) -> str:
    known = [*_OWN, *_ORDER]
    return palette.class_symbol(known.index(name)) if name in known else "circle"


def draw(figure: go.Figure, key: str, alt: str, *, caption: bool = True) -> None:
    """The chart, and in words what it shows."""
    drawing.draw(figure, f"properties_{key}", alt)
    if caption:
        st.caption(alt)


# ---- intervals over seeds ----


def spread(low: float, mean: float, high: float) -> str:
    return t("properties.spread", mean=float(mean), low=float(low), high=float(high))


def dots(
    told: Mapping[str, Any], rows: Sequence[tuple[str, str, str]], title: str, key: str, *, mark: tuple[float, str] | None = None
) -> None:
    """One row a measure: the seeds as dots, the mean with its 95 % interval. rows: (measure, label, kind)."""
    dark, traces, words = is_dark(), [], []
    for place, (measure, label, kind) in enumerate(rows):
        mean, low, high = told["summary"][measure][:3]
        said = spread(low, mean, high)
        traces += plot.seeds_row(
            place, told["values"][measure], (mean, low, high), colour(kind, dark), symbol(kind), f"{label}: {said}"
        )
        words.append(f"{label}{t('properties.colon')}{said}")
    shapes, notes = ([], []) if mark is None else plot.mark(*mark, dark)
    axis = plot.rows_axis([label for _, label, _ in rows], dark)
    under, below = plot.under(title, dark)
    height = 24 + below["b"] + ROW * len(rows)
    margin = {"l": 8, "r": 8, "t": 24} | below
    figure = plot.figure(traces, dark, "", "", key, shapes, [*notes, under], axis, height=height, margin=margin)
    figure.update_layout(hovermode="closest")
    draw(figure, key, t("properties.dots_alt", title=title, rows=t("properties.semicolon").join(words)), caption=False)


def curves(
    x: Sequence[float] | np.ndarray,
    lines: Sequence[tuple[str, str, np.ndarray, str]],
    x_title: str,
    y_title: str,
    key: str,
    alt: str,
    *,
    log: bool = False,
    log_y: bool = False,
    at: float | None = None,
    ticks: Sequence[str] = (),
    level: float | None = None,
    share: bool = False,
) -> None:
    """Means over seeds with 95 % intervals as bars. lines: (kind, label, values (S, T), dash). at: a moment to mark. level:
    chance. share: none lies outside 0 to 1."""
    dark = is_dark()
    traces = [trace for line in lines for trace in _curve(list(map(float, x)), *line, dark, share)]
    shapes = [] if at is None else [plot.vertical(at, palette.theme(dark).accent, "dash", 1.5)]
    if level is not None:
        shapes.append(plot.level(level, dark))
    notes = [] if level is None else plot.level_note(level, t("properties.chance"), dark, "left")
    figure = plot.figure(
        traces, dark, x_title, y_title, key, shapes, notes, height=320, margin={"l": 8, "r": 8, "t": 16, "b": 60}
    )
    if log_y:
        drawn = np.concatenate([np.asarray(line[2], float).ravel() for line in lines])
        figure.update_yaxes(type="log", **plot.powers_only(drawn.tolist()))
    if log:
        figure.update_xaxes(type="log", tickvals=list(map(float, x)), ticktext=[f"{one:g}" for one in x])
    if ticks:
        figure.update_xaxes(tickvals=list(map(float, x)), ticktext=list(ticks))
    draw(figure, key, alt)


def _curve(x: list[float], kind: str, label: str, values: np.ndarray, dash: str, dark: bool, share: bool) -> plot.Traces:
    """A mean with its intervals; of a solid line also every seed as a dot."""
    found, ink = [interval(column) for column in np.asarray(values, np.float64).T], colour(kind, dark)
    found = [within(one) for one in found] if share else found
    bar = {"type": "data", "symmetric": False, "color": ink, "thickness": 1.2, "width": 2}
    ends = {"array": [one.high - one.mean for one in found], "arrayminus": [one.mean - one.low for one in found]}
    line: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": x,
        "y": [one.mean for one in found],
        "error_y": bar | ends,
        "name": plot.plain(label),
        "line": {"color": ink, "dash": dash, "width": 2.2},
        "marker": {"symbol": symbol(kind), "size": 7},
        "hovertemplate": f"{plot.plain(label)}: %{{y:.3g}}<extra></extra>",
    }
    dot: dict[str, Any] = {"type": "scatter", "mode": "markers", "x": x, "hoverinfo": "skip", "showlegend": False}
    dot |= {"marker": {"color": ink, "size": 3}}
    return [line, *(dot | {"y": np.asarray(seed, float).tolist()} for seed in values if dash == "solid")]


# ---- squares of numbers ----


def square(
    values: np.ndarray,
    across: Sequence[str],
    down: Sequence[str],
    x_title: str,
    y_title: str,
    key: str,
    alt: str,
    most: float | None = None,
) -> None:
    """(R, C) magnitudes as a heatmap on the even scale, numbers in the cells."""
    dark, stops = is_dark(), palette.MAGNITUDE
    trace = {
        "type": "heatmap",
        "z": np.asarray(values, float).tolist(),
        "x": list(range(len(across))),
        "y": list(range(len(down))),
        "zmin": 0,
        "zmax": most or max(float(np.max(values)), 1e-9),
        "colorscale": [[place / (len(stops) - 1), stop] for place, stop in enumerate(stops)],
        "hovertemplate": "%{z:.3g}<extra></extra>",
        "xgap": 1,
        "ygap": 1,
        "colorbar": {"thickness": 10, "tickfont": {"color": palette.theme(dark).muted, "size": 11}},
    }
    axis = {"tickvals": list(range(len(down))), "ticktext": list(down), "autorange": "reversed"}
    traces = [trace, *_numbers(np.asarray(values, float), trace)]
    figure = plot.figure(traces, dark, x_title, y_title, key, (), (), axis, height=max(240, 90 + 34 * len(down)))
    figure.update_xaxes(tickvals=list(range(len(across))), ticktext=list(across))
    figure.update_layout(hovermode="closest")
    draw(figure, key, alt)


def _numbers(values: np.ndarray, drawn: Mapping[str, Any]) -> plot.Traces:
    """The numbers of a square's cells, in the ink that can be read on each: plotly writes all of a trace in one."""
    inks = np.array([[palette.readable(palette.magnitude(one / drawn["zmax"])) for one in row] for row in values])
    clear = {"colorscale": [[0, "rgba(0,0,0,0)"], [1, "rgba(0,0,0,0)"]], "showscale": False, "hoverinfo": "skip"}
    return [
        {name: drawn[name] for name in ("type", "z", "x", "y", "zmin", "zmax", "xgap", "ygap")}
        | clear
        | {"text": np.where(inks == ink, np.char.mod("%.2f", values), "").tolist(), "texttemplate": "%{text}"}
        | {"textfont": {"color": ink}}
        for ink in np.unique(inks)
    ]


def plane(
    traces: Sequence[Mapping[str, Any]],
    title: str,
    key: str,
    alt: str,
    *,
    unit: bool = True,
    height: int = 300,
    shapes=(),
    reach: float | None = None,
) -> None:
    """Traces on two axes of one scale; `unit`: the unit square, reach: from −reach to reach, else as the points lie."""
    span = {"range": [0, 1]} if unit else {"range": [-reach, reach]} if reach else {}
    figure = plot.figure(
        traces, is_dark(), "", "", key, shapes, (), {"scaleanchor": "x", "showgrid": False} | span, height=height
    )
    figure.update_xaxes(showgrid=False, **span)
    figure.update_layout(
        hovermode="closest", title={"text": plot.plain(title), "font": {"size": 13}}, margin={"l": 8, "r": 8, "t": 36, "b": 8}
    )
    draw(figure, key, alt, caption=False)
