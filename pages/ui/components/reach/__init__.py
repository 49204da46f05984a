"""What Streamlit's own parts lack for a keyboard and for a screen reader. `mount` is called by the entry script."""

from pathlib import Path

import streamlit as st

from pages.ui.components.shared import joined

_COMPONENT = st.components.v2.component("replearn_reach", html="<div></div>", js=joined(Path(__file__).parent, ("reach.js",)))


def mount() -> None:
    """Watches the page from then on."""
    _COMPONENT(key="reach")
