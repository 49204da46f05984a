"""Saves figures as PNG or SVG: asks which of them where plotly's own button is pressed. `mount` is called by the entry script."""

from pathlib import Path

import streamlit as st

from pages.ui.components.shared import joined
from pages.ui.text import t

_JS = joined(Path(__file__).parent, ("../shared/paper.js", "saving.js"))
_COMPONENT = st.components.v2.component("replearn_saving", html="<div></div>", js=_JS)


def mount(background: str) -> None:
    """background: what a saved figure stands on, `#RRGGBB`; on the page figures are transparent."""
    _COMPONENT(key="saving", data=[{"button": t("figure.save"), "background": background}])
