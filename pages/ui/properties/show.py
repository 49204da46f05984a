"""What came out of a study, drawn: disentangled, distributed, smooth. `DRAWN` names the function of each study."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from pages.ui import palette, plot
from pages.ui.components.strip import strip
from pages.ui.latent import pictures
from pages.ui.latent.asking import names_in
from pages.ui.properties import figures, levels, surfaces, units, useful
from pages.ui.properties.pick import one_of, step_of
from pages.ui.text import number, t

Told = Mapping[str, Any]
Arrays = Mapping[str, np.ndarray]
FAMILIES = ("plain", "vae", "beta")
CODES = ("one_hot", "binary", "real")
SPACES = ("pixels", "plain", "denoising", "contractive")
CHANGES = ("shift", "rotate", "thicken", "noise")


def kind(name: str) -> str:
    return t(f"properties.kind.{name}")


def rows(kinds: Sequence[str], measures: Sequence[str]) -> list[tuple[str, str, str]]:
    """Rows for `figures.dots`: every measure of every kind, measure by measure."""
    single = len(measures) == 1
    return [
        (f"{one}.{measure}", kind(one) if single else f"{t(f'properties.measure.{measure}')} · {kind(one)}", one)
        for measure in measures
        for one in kinds
    ]


# ---- disentangled ----


def disentangled(told: Told, arrays: Arrays) -> None:
    factors = [t(f"factor.{name}") for name in names_in(str(told["settings"]["dataset"]))[1]]
    figures.dots(told, rows(FAMILIES, ("mig",)), t("properties.measure.mig_long"), "mig")
    family = one_of("family", FAMILIES, kind, "beta")
    strips = arrays[f"{family}.traversal"]  # (K, 9, H, W)
    st.markdown(f"**{t('properties.traversal')}**")
    sheet = pictures.mosaic(pictures.grey(strips))
    pictures.show(
        pictures.image(sheet, t("properties.traversal_alt", n=len(strips), kind=kind(family)), width=sheet.shape[1] * 1.6)
    )
    names = [t("properties.unit", n=unit + 1) for unit in range(len(strips))]
    left, right = st.columns(2)
    shared, moved = arrays[f"{family}.information"][0], arrays[f"{family}.response"]
    with left:
        st.markdown(f"**{t('properties.information')}**")
        best = np.unravel_index(int(shared.argmax()), shared.shape)
        alt = t("properties.information_alt", unit=names[best[0]], factor=factors[best[1]], value=float(shared.max()))
        figures.square(shared, factors, names, t("properties.factor"), "", "information", alt)
    with right:
        st.markdown(f"**{t('properties.response')}**")
        many = int((moved > 0.1).sum(axis=0).max())
        figures.square(moved, factors, names, t("properties.factor"), "", "response", t("properties.response_alt", n=many))
    _turn(arrays, family, factors, names)
    figures.dots(
        told,
        rows(FAMILIES, ("disentanglement", "completeness", "sap", "one_unit", "all_units")),
        t("properties.scores"),
        "scores",
    )
    figures.dots(told, rows(FAMILIES, ("error",)), t("properties.measure.error"), "error")


def _turn(arrays: Arrays, family: str, factors: Sequence[str], names: Sequence[str]) -> None:
    """Turn one factor of one sprite and watch the units."""
    st.markdown(f"**{t('properties.turn')}**")
    factor = factors.index(one_of("factor", factors, str, factors[-1]))
    images, codes = arrays["turn.images"][factor], arrays[f"{family}.turn"][factor]  # (L, H, W), (L, K)
    level = step_of("turn_level", t("properties.level"), range(1, len(images) + 1), len(images) - 1)
    shown = [
        pictures.image(pictures.grey(one), t("properties.turn_image", n=place + 1), width=48, strong=place == level)
        for place, one in enumerate(images)
    ]
    pictures.show(pictures.row(shown))
    dark, moved = figures.is_dark(), codes[level] - codes[0]
    trace = {
        "type": "bar",
        "x": list(names),
        "y": moved.tolist(),
        "marker": {"color": palette.meaning("reconstruction", dark)},
        "hovertemplate": "%{y:.3g}<extra></extra>",
    }
    reach = float(np.abs(codes - codes[0]).max()) * 1.05 + 1e-6
    figure = plot.figure([trace], dark, "", t("properties.moved"), "turn", (), (), {"range": [-reach, reach]}, height=220)
    most = int(np.abs(codes - codes[0]).max(axis=0).argmax())
    count = int((np.abs(codes - codes[0]).max(axis=0) > 0.5).sum())
    figures.draw(figure, "turn", t("properties.turn_alt", factor=factors[factor], unit=names[most], n=count))


# ---- distributed ----


def distributed(told: Told, arrays: Arrays) -> None:
    chance = float(told["summary"]["chance"][0])
    figures.dots(told, rows(CODES, ("seen", "unseen")), t("properties.accuracy"), "unseen", mark=(chance, t("properties.chance")))
    st.markdown(f"**{t('properties.neighbours')}**")
    code = one_of("code", CODES, kind, "real")
    for place, line in enumerate(arrays[f"{code}.neighbours"]):
        shown = [
            pictures.image(
                pictures.grey(one),
                t("properties.query_alt") if spot == 0 else t("properties.near_alt", n=spot),
                width=48,
                strong=spot == 0,
            )
            for spot, one in enumerate(line)
        ]
        pictures.show(pictures.row(shown, t("properties.query", n=place + 1)))
    away = [*rows(CODES, ("away",)), ("random.away", t("properties.kind.random"), "random")]
    figures.dots(told, away, t("properties.measure.away_long"), "away")
    st.markdown(f"**{t('properties.counting')}**")
    dimensions = [int(one) for one in arrays["count.dimensions"]]
    row = dimensions.index(int(one_of("dimension", list(map(str, dimensions)), lambda d: t("properties.dimensions", n=d), "2")))
    formula = np.repeat(arrays["count.formula"][row][None], 2, axis=0)
    lines, prototypes = arrays["count.lines"][:, row], arrays["count.prototypes"][:, row]
    alt = t(
        "properties.counting_alt",
        n=int(arrays["count.units"][-1]),
        lines=float(lines[:, -1].mean()),
        prototypes=float(prototypes[:, -1].mean()),
    )
    figures.curves(
        arrays["count.units"],
        [
            ("binary", t("properties.count_lines"), lines, "solid"),
            ("one_hot", t("properties.count_prototypes"), prototypes, "solid"),
            ("plain", t("properties.count_formula"), formula, "dash"),
        ],
        t("properties.units"),
        t("properties.told_apart"),
        "count",
        alt,
        log_y=True,
    )


# ---- smooth ----


def smooth(told: Told, arrays: Arrays) -> None:
    change = one_of("change", CHANGES, lambda name: t(f"properties.change.{name}"), "noise")
    place, steps = CHANGES.index(change), arrays[f"steps.{change}"]
    strips = arrays["path.images"]  # (P, 4, 11, H, W)
    names = [t("properties.picture", n=n + 1) for n in range(len(strips))]
    sources = [pictures.source(pictures.grey(one)) for one in strips[:, 0, 0]]
    chosen = strip(sources, names, t("properties.which_picture"), key="properties_strip")
    images = strips[chosen, place]
    step = step_of("smooth_step", t(f"properties.axis.{change}"), steps, len(images) // 2)
    shown = [
        pictures.image(pictures.grey(one), t("properties.changed_alt", n=float(amount)), width=48, strong=spot == step)
        for spot, (one, amount) in enumerate(zip(images, steps))
    ]
    pictures.show(pictures.row(shown))
    dark = figures.is_dark()
    ways = np.stack([arrays[f"path.plane.{space}"][chosen, place] for space in SPACES])  # (4, 11, 2)
    reach = 1.1 * float(np.abs(ways - ways[:, :1]).max()) + 1e-6
    for column, space in zip(st.columns(4), SPACES):
        path, far = arrays[f"path.plane.{space}"][chosen, place], float(arrays[f"path.{space}"][chosen, place, step])
        ink = figures.colour(space, dark)
        way = {
            "type": "scatter",
            "mode": "lines+markers",
            "x": (path[:, 0] - path[0, 0]).tolist(),
            "y": (path[:, 1] - path[0, 1]).tolist(),
            "line": {"color": ink, "width": 2},
            "marker": {"color": ink, "size": [14 if spot == step else 5 for spot in range(len(path))]},
            "hoverinfo": "skip",
            "showlegend": False,
        }
        with column:
            alt = t("properties.path_alt", kind=kind(space), far=far)
            figures.plane([way], f"{kind(space)}", f"path_{space}", alt, unit=False, height=210, reach=reach)
            st.caption(alt)
    curve = arrays[f"curve.{change}"]  # (S, 4, 11)
    lines = [(space, kind(space), curve[:, row], "solid") for row, space in enumerate(SPACES)]
    means = t("properties.semicolon").join(
        f"{kind(space)} {number(float(curve[:, row, step].mean()))}" for row, space in enumerate(SPACES)
    )
    figures.curves(
        steps,
        lines,
        t(f"properties.axis.{change}"),
        t("properties.relative"),
        "sensitivity",
        t("properties.sensitivity_alt", n=float(steps[step]), means=means),
        at=float(steps[step]),
    )
    figures.dots(told, rows(SPACES, (change,)), t("properties.half", change=t(f"properties.change.{change}")), "half")
    figures.dots(told, rows(SPACES[1:], ("probe",)), t("properties.measure.probe"), "probe")


def boundary(told: Told, arrays: Arrays) -> None:
    dark, spaces = figures.is_dark(), ("raw", "untrained", "plain", "denoising", "contractive")
    figures.dots(told, rows(spaces, ("accuracy",)), t("properties.accuracy"), "boundary")
    points, labels = arrays["points"], arrays["labels"]
    stops = [palette.faded(palette.class_colour(label, dark), 0.55) for label in (0, 1)]
    centres = ((np.arange(60) + 0.5) / 60).tolist()
    for start in (0, 3):
        for column, space in zip(st.columns(3), spaces[start : start + 3]):
            sides = {
                "type": "heatmap", "z": (arrays[f"{space}.grid"] > 127).astype(int).tolist(), "x": centres, "y": centres,
                "colorscale": [[0, stops[0]], [0.5, stops[0]], [0.5, stops[1]], [1, stops[1]]], "zmin": 0, "zmax": 1,
                "showscale": False, "hoverinfo": "skip",
            }  # fmt: skip
            marks = [
                {
                    "type": "scatter", "mode": "markers", "x": points[labels == label, 0].tolist(), "hoverinfo": "skip",
                    "y": points[labels == label, 1].tolist(), "showlegend": False,
                    "marker": {
                        "color": palette.class_colour(label, dark), "size": 7, "symbol": palette.class_symbol(label),
                        "line": {"color": palette.theme(dark).text, "width": 1},
                    },
                }
                for label in (0, 1)
            ]  # fmt: skip
            alt = t("properties.boundary_alt", kind=kind(space), accuracy=100 * float(told["values"][f"{space}.accuracy"][0]))
            with column:
                figures.plane([sides, *marks], kind(space), f"boundary_{space}", alt, height=250)
                st.caption(alt)
    figures.dots(told, rows(spaces, ("steadiness",)), t("properties.measure.steadiness"), "steadiness")


DRAWN: Mapping[str, Callable[[Told, Arrays], None]] = {
    "disentangled": disentangled,
    "distributed": distributed,
    "smooth": smooth,
    "boundary": boundary,
    "hierarchical": levels.hierarchical,
    "sparse": units.sparse,
    "atoms": units.atoms,
    "manifold": surfaces.manifold,
    "field": surfaces.field,
    "dimension": surfaces.dimension,
    "few_labels": useful.few_labels,
    "causes": useful.causes,
}
