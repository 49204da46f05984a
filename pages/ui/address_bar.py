"""The address: a page reads and writes its own parameters here; those that every page carries along stay as they are."""

from collections.abc import Mapping

import streamlit as st

CARRIED = ("lang", "lesson", "step", "teach", "room")
"""What belongs to the frame of all pages, not to a page: language, lesson, a teacher's settings, class room."""


def own() -> dict[str, list[str]]:
    """The page's own parameters, each with all its values."""
    return {key: st.query_params.get_all(key) for key in st.query_params if key not in CARRIED}


def write(parameters: Mapping[str, str]) -> None:
    """Make these the page's own parameters; no rerun follows from it."""
    wanted = dict(parameters) | {key: st.query_params[key] for key in CARRIED if key in st.query_params}
    if wanted != {key: st.query_params[key] for key in st.query_params}:
        st.query_params.from_dict(wanted)
