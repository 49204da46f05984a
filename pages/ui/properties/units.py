"""The sparse studies, drawn: how few units carry how much, what few labels teach, what zeros spare; atoms of natural patches."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from pages.ui import palette, plot
from pages.ui.latent import pictures
from pages.ui.properties import figures
from pages.ui.properties.pick import one_of, step_of
from pages.ui.text import number, t

FAMILIES = ("plain", "l1", "kl", "k_sparse")
STRENGTHS = ("none", "weak", "strong")


def _kind(name: str) -> str:
    return t(f"properties.kind.{name}")


def sparse(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    kept, curve = arrays["kept"], arrays["curve.kept"]  # (10,), (S, 4, 10)
    step = step_of("kept", t("properties.keep"), kept, 3)
    st.caption(t("properties.keeping", n=int(kept[step])))
    shown = [pictures.image(pictures.grey(one), t("properties.clean_alt"), width=40) for one in arrays["clean"]]
    lines = [pictures.row(shown, t("properties.clean"))]
    for family in FAMILIES:
        alt = t("properties.kept_alt", kind=_kind(family), n=int(kept[step]))
        shown = [pictures.image(pictures.grey(one[step]), alt, width=40) for one in arrays[f"{family}.kept"]]
        lines.append(pictures.row(shown, _kind(family)))
    pictures.show(*lines)
    means = t("properties.semicolon").join(
        f"{_kind(family)} {number(float(curve[:, row, step].mean()))}" for row, family in enumerate(FAMILIES)
    )
    figures.curves(
        kept,
        [(family, _kind(family), curve[:, row], "solid") for row, family in enumerate(FAMILIES)],
        t("properties.kept_units"),
        t("properties.kept_error"),
        "kept",
        t("properties.kept_curve_alt", n=int(kept[step]), means=means),
        log=True,
        at=float(kept[step]),
    )
    measure = one_of("sparsity", ("l0", "hoyer", "population", "lifetime"), lambda name: t(f"properties.measure.{name}"), "l0")
    _dots(told, FAMILIES, measure)
    labels = [(f"{family}.labels_{count}", t("properties.labels_row", kind=_kind(family), n=count), family)
              for count in (1, 5) for family in ("pixels", *FAMILIES)]  # fmt: skip
    figures.dots(told, labels, t("properties.few_labels"), "labels")
    st.markdown(f"**{t('properties.zeros')}**")
    _dots(told, FAMILIES, "saved")
    figures.dots(
        told,
        [(f"{family}.speedup", _kind(family), family) for family in FAMILIES],
        t("properties.measure.speedup"),
        "speedup",
        mark=(1.0, t("properties.break_even")),
    )
    _speedup(arrays)


def _dots(told: Mapping[str, Any], kinds: tuple[str, ...], measure: str) -> None:
    figures.dots(told, [(f"{one}.{measure}", _kind(one), one) for one in kinds], t(f"properties.measure.{measure}"), measure)


def _speedup(arrays: Mapping[str, np.ndarray]) -> None:
    """Random codes: from which share of active units on does skipping zeros pay on this machine?"""
    dark, share, speed = figures.is_dark(), arrays["curve.share"], arrays["curve.speedup"]
    trace = {
        "type": "scatter", "mode": "lines+markers", "x": (100 * share).tolist(), "y": speed.tolist(), "showlegend": False,
        "line": {"color": palette.meaning("sparsity", dark), "width": 2.2}, "hovertemplate": "%{y:.3g}<extra></extra>",
    }  # fmt: skip
    titles = t("properties.share"), t("properties.speed_axis")
    figure = plot.figure([trace], dark, *titles, "speed", [plot.level(1, dark)], height=260)
    pays = share[speed > 1]
    alt = t("properties.speed_alt", share=100 * float(pays.max())) if len(pays) else t("properties.speed_never")
    figures.draw(figure, "speed", alt)


def atoms(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    which = one_of("atoms", ("atoms", "fits"), lambda name: t(f"properties.atoms_{name}"), "atoms")
    for column, strength in zip(st.columns(3), STRENGTHS):
        tiles = arrays[f"{strength}.{which}"]
        side = 8
        tiles = np.concatenate([tiles, np.full((max(0, side * side - len(tiles)), *tiles.shape[1:]), 128, np.uint8)])[
            : side * side
        ]
        dark = figures.is_dark()
        sheet = pictures.mosaic(pictures.signed(tiles.reshape(side, side, *tiles.shape[1:]).astype(float) - 128, dark))
        mean, low, high, _ = told["summary"][f"{strength}.gabor"]
        alt = t("properties.atoms_alt", kind=_kind(strength), fit=figures.spread(low, mean, high))
        with column:
            st.markdown(f"**{_kind(strength)}**")
            pictures.show(pictures.image(sheet, alt, width=sheet.shape[1] * 2))
            st.caption(alt)
    rows = [(f"{one}.gabor", _kind(one), one) for one in STRENGTHS]
    figures.dots(told, [*rows, ("chance.gabor", _kind("chance"), "chance")], t("properties.measure.gabor"), "gabor")
    _dots(told, STRENGTHS, "locality")
    _dots(told, STRENGTHS, "l0")
