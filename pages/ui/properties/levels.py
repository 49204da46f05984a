"""The hierarchical study, drawn: what can be read off each level, what its units prefer, how levels and classes are related."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from pages.ui import palette, plot
from pages.ui.latent import pictures
from pages.ui.latent.knobs import classes_in
from pages.ui.properties import figures
from pages.ui.properties.pick import one_of
from pages.ui.text import t

ATTRIBUTES = ("class", "intensity", "position", "angle")


def hierarchical(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    trained, untrained = arrays["probes"], arrays["untrained.probes"]  # (S, L + 1, 4)
    count = trained.shape[1]
    names = [name_of(level, count) for level in range(count)]
    attribute = one_of("attribute", ATTRIBUTES, lambda name: t(f"properties.attribute.{name}"), "class")
    place = ATTRIBUTES.index(attribute)
    ends = [float(trained[:, level, place].mean()) for level in (0, 1, count - 1)]
    alt = t("properties.probes_alt", what=t(f"properties.attribute.{attribute}"), pixels=ends[0], first=ends[1], code=ends[2])
    figures.curves(
        range(count),
        [
            ("plain", t("properties.kind.trained"), trained[:, :, place], "solid"),
            ("untrained", t("properties.kind.untrained"), untrained[:, :, place], "dash"),
        ],
        t("properties.levels"),
        t("properties.accuracy" if attribute == "class" else "properties.r2"),
        "probes",
        alt,
        ticks=names,
        share=attribute == "class",
    )
    shown = one_of("level", [str(level) for level in range(1, count)], lambda level: names[int(level)], "1")
    _preferred(arrays, shown, names[int(shown)])
    left, right = st.columns(2)
    with left:
        similar = arrays["cka"].mean(axis=0)
        st.markdown(f"**{t('properties.cka')}**")
        alt = t("properties.cka_alt", value=float(similar[0, -1]))
        short = [str(level) for level in range(count)]
        figures.square(similar, short, short, t("properties.level_number"), t("properties.level_number"), "cka", alt, 1.0)
    with right:
        st.markdown(f"**{t('properties.tree', level=names[int(shown)])}**")
        names_of, linkage = classes_in(str(told["settings"]["dataset"])), arrays["tree"][int(shown)]
        there = arrays.get("tree.classes", np.arange(len(linkage) + 1))  # answers kept before it was told have them all
        _tree(linkage, [names_of[leaf] if leaf < len(names_of) else str(leaf) for leaf in there])


def name_of(level: int, count: int) -> str:
    if level == 0:
        return t("properties.kind.pixels")
    return t("properties.the_code") if level == count - 1 else t("properties.layer", n=level)


def _preferred(arrays: Mapping[str, np.ndarray], level: str, name: str) -> None:
    """A row a unit: the picture that ascent finds, then those held-out pictures that excite it most."""
    best, ideal = arrays[f"level{level}.best"], arrays[f"level{level}.ideal"]
    st.markdown(f"**{t('properties.preferred')}**")
    columns = st.columns(3)
    for unit in range(min(12, len(best))):
        shown = [
            pictures.image(pictures.grey(ideal[unit]), t("properties.ideal_alt", n=unit + 1, level=name), width=40, strong=True)
        ]
        shown += [
            pictures.image(pictures.grey(one), t("properties.best_alt", n=unit + 1, place=place + 1), width=32)
            for place, one in enumerate(best[unit])
        ]
        with columns[unit % 3]:
            pictures.show(pictures.row(shown))


def _tree(linkage: np.ndarray, labels: Sequence[str]) -> None:
    """A dendrogram of the class means. labels: the class of each leaf."""
    from scipy.cluster.hierarchy import dendrogram

    drawn, dark = dendrogram(linkage.astype(np.float64), no_plot=True), figures.is_dark()
    ink = palette.theme(dark).text
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": x,
            "y": y,
            "line": {"color": ink, "width": 1.5},
            "hoverinfo": "skip",
            "showlegend": False,
        }
        for x, y in zip(drawn["icoord"], drawn["dcoord"])
    ]
    figure = plot.figure(traces, dark, t("properties.classes"), t("properties.joined_at"), "tree", height=300)
    ticks = [labels[leaf] for leaf in drawn["leaves"]]
    figure.update_xaxes(tickvals=[5 + 10 * place for place in range(len(ticks))], ticktext=[plot.plain(tick) for tick in ticks])
    first = [labels[int(leaf)] for leaf in linkage[0, :2] if int(leaf) < len(labels)]
    figures.draw(figure, "tree", t("properties.tree_alt", classes=first))
