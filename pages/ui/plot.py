"""What our plotly figures share: a frame in the theme's colours, marked lines, how numbers are written. Used by `charts.py`."""

import math
import re
from collections.abc import Sequence
from typing import Any, Literal

import plotly.graph_objects as go

from pages.ui import palette, powers

Traces = list[dict[str, Any]]
Ends = tuple[float, float, float]
HEIGHT = 300  # CSS px
WIDEST = 46  # of a title on a phone, in halves of a Chinese character
NOTHING = 1e-12  # as text.NOTHING, which knows streamlit


class Shared(go.Figure):
    """A finished figure that many sessions draw: the plain values that Streamlit asks for are made once. Change it no more."""

    def to_dict(self) -> dict[str, Any]:
        kept = self.__dict__.get("_plain_values")
        if kept is None:
            kept = self.__dict__["_plain_values"] = super().to_dict()
        return kept


def figure(traces, dark: bool, x_title: str, y_title: str, revision: str, shapes=(), notes=(), y_axis=None, **own) -> go.Figure:
    """All in one validation, which is what a figure costs: `y_axis` and `own` are what one kind of chart has of its own."""
    theme = palette.theme(dark)
    title = {"size": 13, "color": theme.muted}
    axis = {
        "gridcolor": theme.hairline,
        "linecolor": theme.hairline,
        "zerolinecolor": theme.hairline,
        "tickfont": {"color": theme.muted, "size": 12},
        "automargin": True,
        "fixedrange": False,
    }
    layout = {
        "height": HEIGHT,
        "margin": {"l": 8, "r": 8, "t": 24, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": palette.FONT, "size": 13, "color": theme.text},
        "xaxis": axis | {"title": {"text": x_title, "standoff": 8, "font": title}},
        "yaxis": axis | {"title": {"text": y_title, "standoff": 12, "font": title}} | (y_axis or {}),
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "maxheight": 1,  # a legend that scrolls hides names on a phone; the chart gives way
            "font": {"size": 12},
        },
        "hovermode": "x",
        "hoverlabel": {"font": {"family": palette.FONT, "size": 12}},
        "uirevision": revision,
        "shapes": list(shapes),
        "annotations": list(notes),
        "dragmode": False,  # a finger that scrolls the page must not zoom the chart; plotly's buttons still can
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": theme.muted, "activecolor": theme.accent},
    }
    return Shared({"data": list(traces), "layout": layout | own})


def finite(value: float | None) -> float | None:
    """The value where it can be drawn, else None."""
    return value if value is not None and math.isfinite(value) else None


def three(value: float) -> str:
    """Three significant digits, as everywhere in this app, with a true minus; a power of ten where zeros would hide it."""
    if abs(value) < NOTHING or not math.isfinite(value):
        return "0" if abs(value) < NOTHING else "–"
    small = abs(value) < 0.001
    shown = f"{value:,.0f}" if abs(value) >= 1_000 else powers.written(value, 2) if small else f"{value:#.3g}".rstrip(".")
    return shown.replace("-", "−")


def epoch_text(epoch: float) -> str:
    """A whole epoch without a decimal point, a fraction with up to two digits."""
    return f"{epoch:g}" if epoch == int(epoch) else f"{epoch:.2f}"


def plain(text: str) -> str:
    """Plotly reads a few HTML tags in its texts: a title that a visitor typed stays literal."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def vertical(x: float, colour: str, dash: str, width: float) -> dict[str, Any]:
    line = {"color": colour, "dash": dash, "width": width}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line, "layer": "above"}


# ---- what several kinds of chart are made of ----


def seeds_row(place: int, values: Sequence[float], found: Ends, ink: str, symbol: str, hover: str) -> Traces:
    """Row `place` of a chart: seeds as rings, below them their mean with its 95 % interval. found: (mean, low, high)."""
    mean, low, high = found
    bar = {"type": "data", "symmetric": False, "array": [high - mean], "arrayminus": [mean - low]}
    shared = {"type": "scatter", "mode": "markers", "showlegend": False}
    rings = {"color": ink, "size": 6, "symbol": "circle-open"}  # faded ones fall below the contrast that marks need
    seeds = {"x": list(values), "y": [place + 0.22] * len(values), "marker": rings, "hovertemplate": "%{x:.3g}<extra></extra>"}
    middle = {"x": [mean], "y": [place - 0.1], "marker": {"color": ink, "size": 10, "symbol": symbol}}
    error = {"error_x": bar | {"color": ink, "thickness": 2, "width": 5}, "hovertemplate": f"{plain(hover)}<extra></extra>"}
    return [shared | seeds, shared | middle | error]


def rows_axis(labels: Sequence[str], dark: bool) -> dict[str, Any]:
    """A vertical axis with a label a row, the first on top."""
    return {
        "tickvals": list(range(len(labels))),
        "ticktext": [plain(label) for label in labels],
        "range": [len(labels) - 0.5, -0.5],
        "tickfont": {"color": palette.theme(dark).text, "size": 12},
        "showgrid": False,
    }


def under(title: str, dark: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """(note, margin) of a horizontal axis with long labels at its left: the title ends where the axis does, in as many lines as a
    phone needs, since plotly centres its own below the axis and cuts off what has no room there."""
    lines = [""]
    for word in re.split(r"(?<=[ ，：；（])|(?=（)", title):
        if lines[-1] and _breadth(lines[-1] + word) > WIDEST:
            lines.append("")
        lines[-1] += word
    place = {"x": 1, "xref": "paper", "xanchor": "right", "y": 0, "yref": "paper", "yanchor": "top", "yshift": -22}
    words = {"text": "<br>".join(plain(line.strip()) for line in lines), "align": "right", "showarrow": False}
    return place | words | {"font": {"size": 13, "color": palette.theme(dark).muted}}, {"b": 28 + 17 * len(lines)}


def _breadth(words: str) -> int:
    """Halves of a Chinese character."""
    return sum(2 if letter >= "\u2e80" else 1 for letter in words)


def band(x: Sequence[float], low: Sequence[float], high: Sequence[float], ink: str, group: str) -> Traces:
    """What lies between two curves, as a breath of their colour; nothing of a single place."""
    if len(x) < 2:
        return []
    around = {"x": [*x, *reversed(x)], "y": [*high, *reversed(low)], "fill": "toself", "fillcolor": palette.faded(ink, 0.13)}
    line = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    return [line | around | {"showlegend": False, "legendgroup": group}]


def level(y: float, dark: bool) -> dict[str, Any]:
    """A dotted line across the chart."""
    line = {"color": palette.theme(dark).muted, "dash": "dot", "width": 1.5}
    return {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": y, "y1": y, "line": line}


def level_note(y: float, words: str, dark: bool, end: Literal["left", "right"] = "right") -> list[dict[str, Any]]:
    """What a line of `level` is, above one of its ends."""
    place = {"x": int(end == "right"), "xref": "paper", "xanchor": end, "y": y, "yanchor": "bottom", "showarrow": False}
    return [place | {"text": words, "font": {"size": 12, "color": palette.theme(dark).muted}}] if words else []


def powers_only(values: Sequence[float]) -> dict[str, Any]:
    """For a log axis over these: beyond a decade and a half only powers of ten have labels, since plotly writes what
    lies between as a bare 2 and 5."""
    there = [value for value in values if math.isfinite(value) and value > 0]
    return {"dtick": 1} if there and max(there) > 30 * min(there) else {}


def mark(x: float, words: str, dark: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(shapes, notes): a dotted line upwards with its words above it."""
    note = {"x": x, "y": 1, "yref": "paper", "yanchor": "bottom", "text": words, "showarrow": False, "font": {"size": 12}}
    return [vertical(x, palette.theme(dark).muted, "dot", 1.5)], [note] if words else []
