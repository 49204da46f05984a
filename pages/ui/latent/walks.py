"""Panels that walk through the latent space: between two images, along units, over the plane, along tangents, down the field."""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.ui import drawing, palette, plot, session
from pages.ui.latent import asking, knobs, pictures
from pages.ui.latent import look as looks
from pages.ui.latent.asking import Asked
from pages.ui.latent.look import KNOB
from pages.ui.latent.panels import class_name, is_dark, sample_name, waits
from pages.ui.text import t

if TYPE_CHECKING:
    from pages.ui.latent.region import Scene

STEPS = 11


# ---- between two images ----


def walk(scene: "Scene") -> list[Asked]:
    """From the first of two selected samples to the second: through codes, and by mixing pixels."""
    rows = scene.rows()
    if len(rows) < 2:
        st.caption(t("explorer.select_two"))
        st.button(t("explorer.two_for_me"), key="latent_two", icon=":material/casino:", on_click=_two, args=(scene,))
        return []
    first, last = rows[0], rows[-1]
    a, b = (int(scene.points.arrays["index"][row]) for row in (first, last))
    asked = asking.question(scene.look, scene.view, "walk", a=a, b=b, steps=STEPS)
    st.caption(t("explorer.walk_from", a=sample_name(scene, first), b=sample_name(scene, last)))
    if waits(asked):
        return [asked]
    arrays = asked.arrays
    if arrays["code_images"].dtype == np.uint8:
        width = pictures.size(arrays["code_images"].shape[2], 52)
        for name in ("code", "pixel"):
            strip = arrays[f"{name}_images"]
            shown = [
                pictures.image(pictures.grey(one), t(f"explorer.walk_{name}_alt", n=i + 1, total=len(strip)), width=width)
                for i, one in enumerate(strip)
            ]
            pictures.show(pictures.row(shown, t(f"explorer.walk_{name}")))
    if "code_confidence" in arrays:
        _confidence(scene, asked, (first, last))
    return [asked]


def _two(scene: "Scene") -> None:
    """Two samples of different classes, the same for everybody."""
    labels = scene.points.arrays["labels"]
    other = np.flatnonzero(labels != labels[0])
    looks.choose((0, int(other[0]) if len(other) else 1))


def _confidence(scene: "Scene", asked: Asked, rows: tuple[int, int]) -> None:
    """How sure a classifier that has seen pixels only is of the two classes, along both walks."""
    arrays, dark, names = asked.arrays, is_dark(), knobs.class_names(scene.experiment)
    labels = list(dict.fromkeys(int(scene.points.arrays["labels"][row]) for row in rows))
    classes = [int(one) for one in arrays["classes"]]
    ways = (("code", "solid", palette.meaning("reconstruction", dark)), ("pixel", "dash", palette.meaning("noise", dark)))
    traces = []
    for name, dash, colour in ways:
        values = arrays[f"{name}_confidence"]
        for place, label in enumerate(labels):
            if label not in classes:
                continue
            title = t("explorer.confidence_line", way=t(f"explorer.walk_{name}"), label=class_name(label, names))
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "x": arrays["t"].tolist(),
                    "y": (100 * values[:, classes.index(label)]).tolist(),
                    "name": plot.plain(title),
                    "line": {"color": colour, "dash": dash, "width": 2.2},
                    "marker": {"symbol": palette.class_symbol(place), "size": 7},
                    "hovertemplate": f"{plot.plain(title)}: %{{y:.0f}} %<extra></extra>",
                }
            )
    figure = plot.figure(
        traces, dark, t("explorer.confidence_x"), t("explorer.confidence_y"), "walk", y_axis={"range": [-4, 104]}, height=250
    )
    lowest = {name: float(100 * arrays[f"{name}_confidence"].max(axis=1).min()) for name in ("code", "pixel")}
    alt = t("explorer.confidence_alt", code=lowest["code"], pixels=lowest["pixel"])
    drawing.draw(figure, "latent_confidence", alt)
    accuracy = asked.numbers.get("classifier_accuracy", 0.0)
    st.caption(alt + " " + t("explorer.classifier", n=plot.three(100 * accuracy)))


# ---- units, the plane ----


def _chosen_sample(scene: "Scene") -> tuple[int, int]:
    """(row, index) of the first selected sample, else of the first one."""
    row = next(iter(scene.rows()), 0)
    return row, int(scene.points.arrays["index"][row])


def units(scene: "Scene") -> list[Asked]:
    """The units that vary most, each moved alone."""
    row, index = _chosen_sample(scene)
    asked = asking.question(scene.look, scene.view, "traverse", index=index, units=8, steps=9)
    st.caption(t("explorer.units_help", name=sample_name(scene, row)))
    if waits(asked):
        return [asked]
    if "images" not in asked.arrays:
        drawing.draw(_moved_points(asked), "latent_units", t("explorer.units_points_alt"))
        return [asked]
    images, values = asked.arrays["images"], asked.arrays["values"]
    width = pictures.size(images.shape[3], 48)
    lines = []
    for unit, strip, at in zip(asked.arrays["units"], images, values):
        shown = [
            pictures.image(pictures.grey(one), t("explorer.unit_alt", unit=int(unit) + 1, value=float(value)), width=width)
            for one, value in zip(strip, at)
        ]
        label = t("explorer.unit_row", unit=int(unit) + 1, low=float(at[0]), high=float(at[-1]))
        lines.append(pictures.row(shown, label))
    pictures.show(*lines)
    return [asked]


def _moved_points(asked: Asked) -> go.Figure:
    """Where the decoder goes when one unit moves: a curve a unit, in the plane of the first two coordinates."""
    dark = is_dark()
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": line[:, 0].tolist(),
            "y": line[:, 1].tolist(),
            "name": t("explorer.unit", unit=int(unit) + 1),
            "line": {"color": palette.class_colour(place, dark)},
        }
        for place, (unit, line) in enumerate(zip(asked.arrays["units"], asked.arrays["samples"]))
    ]
    return plot.figure(traces, dark, "x₁", "x₂", "units", y_axis={"scaleanchor": "x"}, height=380)


def grid(scene: "Scene") -> list[Asked]:
    """The decoded plane of a two-dimensional code."""
    asked = asking.question(scene.look, scene.view, "grid", steps=18)
    if waits(asked):
        return [asked]
    arrays = asked.arrays
    far = arrays["distance"] > asked.numbers["nearest_95"] * 3  # as the canvas has it for two dimensions: `codes.js`
    st.caption(t("explorer.grid_help", share=float(100 * far.mean())))
    if "images" in arrays:
        sheet = pictures.mosaic(pictures.dimmed(pictures.grey(arrays["images"]), far, is_dark()), gap=0)
        width = pictures.size(sheet.shape[1], 620)
        pictures.show(
            f'<div class="latent-plane">{pictures.image(sheet, t("explorer.grid_alt", n=len(arrays["xs"])), width=width)}</div>'
        )
        return [asked]
    at = arrays["samples"].reshape(-1, arrays["samples"].shape[-1])
    trace = {"type": "scatter", "mode": "markers", "x": at[:, 0].tolist(), "y": at[:, 1].tolist(), "showlegend": False}
    trace |= {"marker": {"size": 4, "color": palette.meaning("reconstruction", is_dark())}}
    figure = plot.figure([trace], is_dark(), "x₁", "x₂", "grid", y_axis={"scaleanchor": "x"}, height=420)
    drawing.draw(figure, "latent_grid", t("explorer.grid_alt", n=len(arrays["xs"])))
    return [asked]


# ---- tangents ----


def tangents(scene: "Scene") -> list[Asked]:
    """Directions in picture space along which the code says something, or can say something."""
    st.session_state[KNOB + "of"] = scene.look.of
    labels = {name: t(f"explorer.of_{name}") for name in looks.OF}
    st.segmented_control(
        t("explorer.of"), looks.OF, format_func=lambda name: labels.get(name, str(name)), key=KNOB + "of", required=True,
        on_change=lambda: looks.take(of=session.get(KNOB + "of")), label_visibility="collapsed",
    )  # fmt: skip
    row, index = _chosen_sample(scene)
    asked = asking.question(scene.look, scene.view, "tangents", index=index, count=8, of=scene.look.of)
    st.caption(t(f"explorer.tangents_{scene.look.of}", name=sample_name(scene, row)))
    if waits(asked):
        return [asked]
    arrays, dark = asked.arrays, is_dark()
    width = pictures.size(arrays["image"].shape[1], 64)
    pair = [
        pictures.image(pictures.grey(arrays[name]), t(f"explorer.tangent_{name}"), width=width)
        for name in ("image", "reconstruction")
    ]
    values = arrays["values"]
    vectors = [
        pictures.image(one, t("explorer.tangent_alt", n=i + 1, value=float(values[i])), width=width)
        for i, one in enumerate(pictures.signed(arrays["vectors"], dark))
    ]
    pictures.show(pictures.row(pair, t("explorer.tangent_pair")), pictures.row(vectors, t("explorer.tangent_vectors")))
    _values(values, dark)
    return [asked]


def _values(values: np.ndarray, dark: bool) -> None:
    bar = {"type": "bar", "x": list(range(1, len(values) + 1)), "y": values.tolist(), "showlegend": False}
    bar |= {"marker": {"color": palette.meaning("contraction", dark)}, "hovertemplate": "%{x}: %{y:.3g}<extra></extra>"}
    figure = plot.figure([bar], dark, t("chart.rank_axis"), t("chart.spectrum_axis"), "tangents", height=200, bargap=0.2)
    strong = int((values >= values[0] / 10).sum()) if len(values) and values[0] > 0 else 0
    alt = t("explorer.values_alt", largest=float(values[0]) if len(values) else 0.0, strong=strong, count=len(values))
    drawing.draw(figure, "latent_values", alt)
    st.caption(alt)


# ---- the field of a denoiser ----


def field(scene: "Scene") -> list[Asked]:
    """Where reconstruction pulls each place of the plane, and the paths of points that follow it."""
    asked = asking.question(scene.look, scene.view, "field")
    st.caption(t("explorer.field_help"))
    if waits(asked):
        return [asked]
    arrays, dark = asked.arrays, is_dark()
    theme = palette.theme(dark)
    dots = {"type": "scatter", "mode": "markers", "x": arrays["samples"][:, 0].tolist(), "y": arrays["samples"][:, 1].tolist()}
    dots |= {"marker": {"size": 3, "color": theme.muted, "opacity": 0.6}, "name": t("explorer.field_data"), "hoverinfo": "skip"}
    arrows = _line(*_arrows(arrays["at"], arrays["pull"]), palette.meaning("noise", dark), 1.2, t("explorer.field_pull"))
    paths = arrays["trajectories"]
    lines = _line(*_joined(paths), palette.meaning("reconstruction", dark), 1.6, t("explorer.field_paths"))
    ends = {"type": "scatter", "mode": "markers", "x": paths[:, -1, 0].tolist(), "y": paths[:, -1, 1].tolist()}
    ends |= {
        "marker": {"size": 7, "color": palette.meaning("sparsity", dark)},
        "name": t("explorer.field_ends"),
        "hoverinfo": "skip",
    }
    before, after = _distance(paths[:, 0], arrays["samples"]), _distance(paths[:, -1], arrays["samples"])
    numbers = {"before": before, "after": after, "steps": paths.shape[1] - 1, "paths": len(paths), "places": _places(paths)}
    alt = t("explorer.field_alt", **numbers)
    figure = plot.figure([dots, arrows, lines, ends], dark, "x₁", "x₂", "field", y_axis={"scaleanchor": "x"}, height=520)
    drawing.draw(figure, "latent_field", alt)
    st.caption(alt)
    return [asked]


def _arrows(at: np.ndarray, pull: np.ndarray) -> tuple[list[float | None], list[float | None]]:
    """Every second place of the grid: shaft and two barbs, the longest as long as the places are apart, so that none overlap."""
    at, pull = at[::2, ::2], pull[::2, ::2]
    apart = float(np.abs(at[0, 1] - at[0, 0]).max())
    start, step = at.reshape(-1, 2), pull.reshape(-1, 2)
    step = step * 0.95 * apart / max(float(np.linalg.norm(step, axis=1).max()), 1e-12)
    end = start + step
    across = np.stack([-step[:, 1], step[:, 0]], axis=1)
    left, right = end - 0.3 * step + 0.18 * across, end - 0.3 * step - 0.18 * across
    return _joined(np.stack([start, end, left, end, right], axis=1))


def _joined(lines: np.ndarray) -> tuple[list[float | None], list[float | None]]:
    """(n, points, 2) → x and y of one trace with a gap after each line."""
    gap = np.full((len(lines), 1, 2), np.nan)
    flat = np.concatenate([lines, gap], axis=1).reshape(-1, 2)
    return tuple([None if np.isnan(value) else float(value) for value in flat[:, axis]] for axis in (0, 1))  # type: ignore[return-value]


def _line(x: list, y: list, colour: str, width: float, name: str) -> dict:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "name": name,
        "hoverinfo": "skip",
        "line": {"color": colour, "width": width},
    }


def _places(paths: np.ndarray) -> int:
    """In how many places the paths end, told apart by a twentieth of the box in which they began."""
    side = np.maximum(np.ptp(paths[:, 0], axis=0), 1e-12) / 20
    return len({tuple(place) for place in np.floor(paths[:, -1] / side).astype(int)})


def _distance(points: np.ndarray, samples: np.ndarray) -> float:
    """Mean distance to the nearest sample."""
    return float(np.sqrt(((points[:, None] - samples[None]) ** 2).sum(axis=-1)).min(axis=1).mean())
