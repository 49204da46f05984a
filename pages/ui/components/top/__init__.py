"""Scrolls a panel back to its first line when what it shows has changed, and what it points at into sight. For the guide."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pages.ui.components.shared import joined

_COMPONENT = st.components.v2.component("replearn_top", html="<div></div>", js=joined(Path(__file__).parent, ("top.js",)))


def top(panel: str, at: str, pointed: Sequence[str] = ()) -> None:
    """panel: its CSS selector. at: what it shows. pointed: selectors of what it points at."""
    _COMPONENT(key="top", data=[{"panel": panel, "at": at, "pointed": list(pointed)}])
