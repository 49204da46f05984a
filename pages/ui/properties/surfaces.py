"""The manifold studies, drawn: maps of a rolled-up plane, tangent planes, the denoising field, intrinsic dimensions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from pages.ui import palette, plot
from pages.ui.properties import figures
from pages.ui.properties.levels import name_of
from pages.ui.properties.pick import one_of
from pages.ui.text import t

METHODS = ("pca", "autoencoder", "umap")
REACH = 0.06  # half the length of a drawn tangent, in units of x


def _kind(name: str) -> str:
    return t(f"properties.kind.{name}")


def _scale() -> list[list[Any]]:
    return [[place / (len(palette.MAGNITUDE) - 1), stop] for place, stop in enumerate(palette.MAGNITUDE)]


def manifold(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    truth = arrays["truth"][:, 0].tolist()
    figures.dots(told, [(f"{one}.distance", _kind(one), one) for one in METHODS], t("properties.measure.distance"), "distance")
    for column, method in zip(st.columns(3), METHODS):
        points = arrays[f"{method}.map"]
        trace = {
            "type": "scatter", "mode": "markers", "x": points[:, 0].tolist(), "y": points[:, 1].tolist(), "hoverinfo": "skip",
            "marker": {"color": truth, "colorscale": _scale(), "size": 4}, "showlegend": False,
        }  # fmt: skip
        value = float(told["values"][f"{method}.distance"][0])
        alt = t("properties.map_alt", kind=_kind(method), value=value)
        with column:
            figures.plane([trace], _kind(method), f"map_{method}", alt, unit=False, height=260)
            st.caption(alt)
    _space(told, arrays, truth)
    tangents = [(f"{one}.tangent", _kind(one), one) for one in ("pca", "autoencoder", "denoising")]
    figures.dots(told, tangents, t("properties.measure.tangent"), "tangent", mark=(57.0, t("properties.random_plane")))
    walks = [(f"denoising.{way}", f"{_kind('denoising')} · {t(f'properties.{way}')}", "denoising") for way in ("along", "off")]
    figures.dots(told, walks, t("properties.undone"), "undone")


def _space(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray], truth: list[float]) -> None:
    """The surface in its three dimensions with tangents: the true ones, or the denoising autoencoder's."""
    st.markdown(f"**{t('properties.tangents')}**")
    names = {"planes": t("properties.tangents_true"), "denoising.planes": _kind("denoising")}
    which, dark = one_of("tangents", tuple(names), lambda name: names[name], "denoising.planes"), figures.is_dark()
    points, at, planes = arrays["points"], arrays["planes.at"], arrays[which]
    lines: list[list[float | None]] = [[], [], []]
    for centre, plane in zip(at, planes):
        for direction in plane:
            for axis in range(3):
                lines[axis] += [
                    float(centre[axis] - REACH * direction[axis]),
                    float(centre[axis] + REACH * direction[axis]),
                    None,
                ]
    ink = figures.colour("denoising", dark) if which != "planes" else palette.theme(dark).text
    traces = [
        {
            "type": "scatter3d", "mode": "markers", "x": points[:, 0].tolist(), "y": points[:, 1].tolist(),
            "z": points[:, 2].tolist(), "marker": {"color": truth, "colorscale": _scale(), "size": 2.5},
            "hoverinfo": "skip", "showlegend": False,
        },
        {
            "type": "scatter3d", "mode": "lines", "x": lines[0], "y": lines[1], "z": lines[2], "hoverinfo": "skip",
            "line": {"color": ink, "width": 5}, "showlegend": False,
        },
    ]  # fmt: skip
    bare = {
        "showticklabels": False,
        "title": {"text": ""},
        "backgroundcolor": "rgba(0,0,0,0)",
        "gridcolor": palette.theme(dark).hairline,
    }
    figure = plot.figure(traces, dark, "", "", "space", height=380, scene={"xaxis": bare, "yaxis": bare, "zaxis": bare})
    mean, low, high, _ = told["summary"]["denoising.tangent"]
    figures.draw(figure, "space", t("properties.tangents_alt", angle=figures.spread(low, mean, high)))


def field(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    dark, points, grid = figures.is_dark(), arrays["points"], arrays["grid"]
    show = one_of("field", ("arrows", "paths"), lambda name: t(f"properties.field_{name}"), "arrows")
    for column, one in zip(st.columns(2), ("plain", "denoising")):
        side = round(len(grid) ** 0.5)
        sparse = np.arange(len(grid)).reshape(side, side)[::2, ::2].ravel()  # every arrow would hide the data
        starts = grid[sparse]
        ways = arrays[f"{one}.paths"] if show == "paths" else np.stack([starts, starts + arrays[f"{one}.arrows"][sparse]], axis=1)
        x = [value for way in ways for value in (*way[:, 0].tolist(), None)]
        y = [value for way in ways for value in (*way[:, 1].tolist(), None)]
        ink, ends = figures.colour(one, dark), ways[:, -1]
        traces = [
            {"type": "scatter", "mode": "markers", "x": points[:, 0].tolist(), "y": points[:, 1].tolist(), "hoverinfo": "skip",
             "marker": {"color": palette.theme(dark).muted, "size": 4}, "showlegend": False},
            {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": {"color": ink, "width": 1.5}, "hoverinfo": "skip",
             "showlegend": False},
            {"type": "scatter", "mode": "markers", "x": ends[:, 0].tolist(), "y": ends[:, 1].tolist(), "hoverinfo": "skip",
             "marker": {"color": ink, "size": 4, "symbol": "diamond"}, "showlegend": False},
        ]  # fmt: skip
        alt = t("properties.field_alt", kind=_kind(one), cosine=float(told["values"][f"{one}.cosine"][0]))
        with column:
            figures.plane(traces, _kind(one), f"field_{one}", alt, height=360)
            st.caption(alt)
    for measure in ("cosine", "nearer", "left"):
        rows = [(f"{one}.{measure}", _kind(one), one) for one in ("plain", "denoising")]
        figures.dots(told, rows, t(f"properties.measure.{measure}"), measure)


def dimension(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    layers, widths = arrays["layers"], arrays["levels"]  # (S, L + 1, 2), (L + 1,)
    count = layers.shape[1]
    names = [f"{name_of(level, count)} ({int(widths[level])})" for level in range(count)]
    ends = (float(layers[:, 0, 0].mean()), float(layers[:, -1, 0].mean()))
    figures.curves(
        range(count),
        [("plain", "TwoNN", layers[:, :, 0], "solid"), ("umap", "MLE", layers[:, :, 1], "solid")],
        t("properties.levels"),
        t("properties.intrinsic"),
        "layers",
        t("properties.layers_alt", pixels=int(widths[0]), first=ends[0], code=ends[1]),
        ticks=names,
    )
    sets = [name.split(".")[1] for name in told["summary"] if name.startswith("set.") and name.endswith(".twonn")]
    method = one_of("method", ("twonn", "mle"), lambda name: {"twonn": "TwoNN", "mle": "MLE"}[name], "twonn")
    rows = [(f"set.{one}.{method}", t(f"dataset.{one}.name"), "plain") for one in sets]
    rows.append((f"shuffled.{method}", t("properties.shuffled", data=t(f"dataset.{told['settings']['dataset']}.name")), "chance"))
    figures.dots(told, rows, t("properties.intrinsic"), "sets")
    st.caption(t("properties.sets_about", n=int(told["settings"]["size"])))
