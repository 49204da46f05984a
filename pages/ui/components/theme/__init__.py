"""Tells the server when the visitor's appearance has turned light or dark, so that what is drawn there turns too.

Streamlit repaints its own parts by itself, but runs no script for it: texts of ours would stay dark on dark. `mount` is called by
the entry script.
"""

from pathlib import Path

import streamlit as st

from pages.ui.components.shared import joined

_COMPONENT = st.components.v2.component("replearn_theme", html="<div></div>", js=joined(Path(__file__).parent, ("theme.js",)))


def mount(dark: bool) -> None:
    """dark: what the server has drawn for. A run of the script follows where the browser shows the other appearance."""
    _COMPONENT(key="theme", data=[{"dark": dark}], on_turned_change=lambda: None)
