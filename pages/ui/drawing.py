"""Where every plotly figure meets the page: its words for those who do not see it, and a button that saves it as PNG or SVG."""

from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

from pages.ui import plot, projector, text
from pages.ui.text import t

SCALE = 1.25  # of text on a projector
# Plotly's own names of its buttons → keys of ours.
_WORDS = {
    "Download plot": "figure.save",
    "Zoom": "figure.zoom",
    "Pan": "figure.pan",
    "Zoom in": "figure.zoom_in",
    "Zoom out": "figure.zoom_out",
    "Autoscale": "figure.autoscale",
    "Reset axes": "figure.reset",
    "Reset camera to default": "figure.reset",
    "Reset camera to last save": "figure.reset_last",
    "Orbital rotation": "figure.orbit",
    "Turntable rotation": "figure.turntable",
    "Taking snapshot - this may take a few seconds": "figure.saving",
    "Snapshot succeeded": "figure.saved",
}


def draw(figure: go.Figure, key: str, alt: str, *, zoom: bool = False, width: Literal["stretch", "content"] = "stretch") -> None:
    """alt: the figure's finding in words. zoom: plotly's own buttons as well, for figures in which one looks closer."""
    if projector.on():
        figure = _larger(figure)
    st.plotly_chart(figure, theme=None, key=key, config=_config(key, zoom), alt=alt, width=width)


def _larger(figure: go.Figure) -> go.Figure:
    """A copy with the page's larger text; the figure itself is shared with others."""
    made = go.Figure(figure)
    size, small = SCALE * 13, SCALE * 12
    made.update_layout(
        font={"size": size}, legend={"font": {"size": small}}, height=SCALE * (figure.layout.height or plot.HEIGHT)
    )
    for update in (made.update_xaxes, made.update_yaxes):
        update(tickfont={"size": small}, title={"font": {"size": size}})
    made.update_annotations(font={"size": small})
    return made


def _config(key: str, zoom: bool) -> dict[str, Any]:
    """SVG is what plotly's button saves by itself; `components/saving` asks which of the two."""
    shown = {"modeBarButtonsToRemove": ["select2d", "lasso2d"]} if zoom else {"modeBarButtons": [["toImage"]]}
    lang = text.language()
    return {
        "displaylogo": False,
        "toImageButtonOptions": {"format": "svg", "filename": key},
        "locale": lang,
        "locales": {lang: {"dictionary": {theirs: t(ours) for theirs, ours in _WORDS.items()}}},
        **shown,
    }
