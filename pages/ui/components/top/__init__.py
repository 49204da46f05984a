"""Scrolls a panel back to its first line when what it shows has changed. The lessons' guide calls `top`."""

from pathlib import Path

import streamlit as st

from pages.ui.components.shared import joined

_COMPONENT = st.components.v2.component("replearn_top", html="<div></div>", js=joined(Path(__file__).parent, ("top.js",)))


def top(panel: str, at: str) -> None:
    """panel: its CSS selector. at: what it shows."""
    _COMPONENT(key="top", data=[{"panel": panel, "at": at}])
