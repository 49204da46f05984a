"""The deployment page's figures: quality against latency and size, and what each model earns."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from pages.ui import palette, plot
from pages.ui.text import t
from replearn_core.applications.deployment import FORMS, Model, earnings

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon")  # of the forms, for those who see no hue
HUES = ("blue", "sky", "orange", "yellow", "green", "vermilion", "purple")


def colour(form: str, dark: bool) -> str:
    return palette.hue(HUES[FORMS.index(form) % len(HUES)], dark)


def trade_off(models: Sequence[Model], best: frozenset[str], labelled: bool, revision: str, dark: bool) -> go.Figure:
    """One bubble a form: median latency against quality, its area the size of the file; the frontier's have a ring."""
    largest = max(one.size for one in models)
    ring = palette.theme(dark).text
    said = "{name}: %{{x:.3g}} µs, %{{y:.2f}} %, {size:.1f} kB<extra></extra>"
    traces = [
        go.Scatter(
            x=[1e6 * one.seconds],
            y=[100 * one.quality],
            mode="markers",
            name=t(f"deployment.form.{one.name}"),
            cliponaxis=False,
            marker={
                "size": 12 + 36 * (one.size / largest) ** 0.5,
                "color": colour(one.name, dark),
                "symbol": SYMBOLS[FORMS.index(one.name) % len(SYMBOLS)],
                "opacity": 0.85,
                "line": {"width": 2 if one.name in best else 0, "color": ring},
            },
            hovertemplate=said.format(name=t(f"deployment.form.{one.name}"), size=one.size / 1e3),
        )
        for one in sorted(models, key=lambda one: one.seconds)
    ]
    title = t("deployment.column.accuracy" if labelled else "deployment.column.explained")
    values = [100 * one.quality for one in models]
    spread = max(max(values) - min(values), 1.0)
    axis = {"range": [min(values) - 0.45 * spread, max(values) + 0.45 * spread]}
    times = [1e6 * one.seconds for one in models]
    return plot.figure(
        traces,
        dark,
        t("deployment.axis_latency"),
        f"{title} (%)",
        revision,
        y_axis=axis,
        legend_itemsizing="constant",
        hovermode="closest",
        xaxis_type="log",
        xaxis_tickvals=[base * 10.0**power for power in range(-1, 6) for base in (1, 2, 5)],
        xaxis_range=[float(np.log10(min(times) / 1.5)), float(np.log10(max(times) * 1.5))],
        height=420,
    )


def product(
    models: Sequence[Model],
    terms: Mapping[str, float],
    revenue: float,
    changes: Sequence[tuple[float, str, str]],
    dark: bool,
) -> go.Figure:
    """Each model's daily result as a share of the best one's, along what a correct decision is worth."""
    revenues = np.geomspace(1e-10, 1.0, 161)
    table = np.array([[earnings(one, revenue=float(worth), **terms) for worth in revenues] for one in models])
    top = table.max(axis=0)
    shares = np.where(top > 0, 100 * table / np.where(top > 0, top, 1.0), np.nan)
    traces = [
        go.Scatter(
            x=revenues,
            y=np.where(row < 0, np.nan, row),
            mode="lines",
            name=t(f"deployment.form.{one.name}"),
            line={"color": colour(one.name, dark), "width": 2},
            hovertemplate="%{y:.1f} %",
        )
        for one, row in zip(models, shares)
    ]
    theme = palette.theme(dark)
    lines = [plot.vertical(at, theme.muted, "dot", 1) for at, _, _ in changes] + [
        plot.vertical(revenue, theme.accent, "solid", 2)
    ]
    return plot.figure(
        traces,
        dark,
        t("deployment.axis_revenue"),
        t("deployment.axis_share"),
        "product",
        shapes=lines,
        y_axis={"range": [0, 105]},
        xaxis_type="log",
        xaxis_exponentformat="power",
        height=360,
    )
