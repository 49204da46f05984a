"""Charts of the transfer page: curves with 95 % bands over seeds, one row a strategy with its seeds, both in words too."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pages.ui import drawing, palette, plot
from pages.ui.properties import figures
from pages.ui.text import t
from replearn_core.properties.study import Interval, interval, within

LOOK: Mapping[str, tuple[str, str]] = {
    "from_scratch": ("grey", "dash"),
    "random_features": ("grey", "dot"),
    "fixed_features": ("blue", "solid"),
    "early_svm": ("purple", "solid"),
    "last_layers": ("sky", "solid"),
    "all_layers": ("orange", "solid"),
    "layer_rates": ("yellow", "solid"),
    "gradual": ("green", "solid"),
    "probe_then_tune": ("vermilion", "solid"),
    "transfer_frozen": ("blue", "solid"),
    "transfer_tuned": ("orange", "solid"),
    "selffer_frozen": ("blue", "dot"),
    "selffer_tuned": ("orange", "dot"),
}
"""Colour and dash of each line; a marker of its own is the third cue."""


class Line(NamedTuple):
    """One curve: x (T,), values (S, T)."""

    kind: str
    label: str
    x: np.ndarray
    values: np.ndarray


def colour(kind: str, dark: bool) -> str:
    return palette.hue(LOOK[kind][0], dark)


def symbol(kind: str) -> str:
    return palette.class_symbol(list(LOOK).index(kind) % 9)


def percent(values: Any) -> np.ndarray:
    return 100 * np.asarray(values, np.float64)


def of_percent(values: np.ndarray) -> Interval:
    """The 95 % interval of percentages (S,), within 0 to 100."""
    return within(interval(values), high=100.0)


def bands(
    lines: Sequence[Line],
    x_title: str,
    y_title: str,
    key: str,
    alt: str,
    *,
    level: float | None = None,
    level_is: str = "",
    log: bool = False,
    ticks: Sequence[str] = (),
) -> None:
    """Means over seeds with their 95 % intervals as bands, in percent. level: a share to mark. level_is: what it is, in words."""
    dark = figures.is_dark()
    traces: list[dict[str, Any]] = []
    for kind, label, x, values in lines:
        found = [of_percent(column) for column in percent(values).T]
        ink, places = colour(kind, dark), list(map(float, x))
        traces += plot.band(places, [one.low for one in found], [one.high for one in found], ink, kind)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": places,
                "y": [one.mean for one in found],
                "name": plot.plain(label),
                "legendgroup": kind,
                "line": {"color": ink, "dash": LOOK[kind][1], "width": 2.2},
                "marker": {"symbol": symbol(kind), "size": 6},
                "hovertemplate": f"{plot.plain(label)}: %{{y:.3g}} %<extra></extra>",
            }
        )
    shapes = [] if level is None else [plot.level(100 * level, dark)]
    notes = [] if level is None else plot.level_note(100 * level, level_is, dark)
    margin = {"l": 8, "r": 8, "t": 16, "b": 96}
    figure = plot.figure(traces, dark, x_title, y_title, key, shapes, notes, height=380, margin=margin)
    figure.update_layout(hovermode="closest")
    if log:
        figure.update_xaxes(type="log")
    if ticks:
        figure.update_xaxes(tickvals=[float(one) for one in ticks], ticktext=list(ticks))
    drawing.draw(figure, f"transfer_{key}", alt)


def rows(lines: Sequence[tuple[str, str, np.ndarray]], x_title: str, key: str, alt: str, level: float | None = None) -> None:
    """One row a strategy: rings are seeds, the marker is their mean with its 95 % interval. lines: (kind, label, values (S,)).
    level: chance."""
    dark = figures.is_dark()
    traces: list[dict[str, Any]] = []
    for place, (kind, label, values) in enumerate(lines):
        found = of_percent(percent(values))
        hover = f"{label}: {figures.spread(found.low, found.mean, found.high)}"
        ends = (found.mean, found.low, found.high)
        traces += plot.seeds_row(place, percent(values).tolist(), ends, colour(kind, dark), symbol(kind), hover)
    axis = plot.rows_axis([label for _, label, _ in lines], dark)
    shapes, notes = ([], []) if level is None else plot.mark(100 * level, t("properties.chance"), dark)
    under, below = plot.under(x_title, dark)
    height, margin = 24 + below["b"] + figures.ROW * len(lines), {"l": 8, "r": 8, "t": 24} | below
    figure = plot.figure(traces, dark, "", "", key, shapes, [*notes, under], axis, height=height, margin=margin)
    figure.update_layout(hovermode="closest")
    drawing.draw(figure, f"transfer_{key}", alt)


def said(lines: Sequence[tuple[str, np.ndarray]]) -> str:
    """Labels with their means and intervals, as text: the alternative of a chart. lines: (label, values (S,))."""
    parts = []
    for label, values in lines:
        found = of_percent(percent(values))
        parts.append(f"{label}{t('properties.colon')}{figures.spread(found.low, found.mean, found.high)}")
    return t("transfer.semicolon").join(parts)
