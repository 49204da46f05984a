"""What our plotly figures share: a frame in the theme's colours, marked lines, how numbers are written. Used by `charts.py`."""

import math
from typing import Any

import plotly.graph_objects as go

from pages.ui import palette

HEIGHT = 300  # CSS px


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
    """Three significant digits, as everywhere in this app; no exponent where a person would write none."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "–"
    if abs(value) >= 1_000:
        return f"{value:.0f}"
    return f"{value:#.3g}".rstrip(".") if abs(value) >= 0.001 else f"{value:.1e}"


def epoch_text(epoch: float) -> str:
    """A whole epoch without a decimal point, a fraction with up to two digits."""
    return f"{epoch:g}" if epoch == int(epoch) else f"{epoch:.2f}"


def plain(text: str) -> str:
    """Plotly reads a few HTML tags in its texts: a title that a visitor typed stays literal."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def vertical(x: float, colour: str, dash: str, width: float) -> dict[str, Any]:
    line = {"color": colour, "dash": dash, "width": width}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line, "layer": "above"}
