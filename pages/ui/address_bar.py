"""The address: a page reads and writes its own parameters here; those that every page carries along stay as they are."""

from collections.abc import Mapping

import streamlit as st

from pages.ui import session

CARRIED = ("lang", "lesson", "step", "teach", "room", "show")
"""What belongs to the frame of all pages, not to a page: language, lesson, a teacher's settings, class room, projector."""
ARRIVED = "address.arrived"  # the session's key of what `arrive` noted


def own() -> dict[str, list[str]]:
    """The page's own parameters, each with all its values."""
    return {key: st.query_params.get_all(key) for key in st.query_params if key not in CARRIED}


def arrive() -> None:
    """Note what the frame's parameters are; the entry script calls this at each of its runs."""
    session.put(ARRIVED, {key: st.query_params[key] for key in CARRIED if key in st.query_params})


def carried() -> dict[str, str]:
    """The frame's parameters as the last run of the whole script found them: a fragment that was on its way when the visitor
    followed a link brings the address of before."""
    return dict(session.get(ARRIVED, {}))


def write(parameters: Mapping[str, str]) -> None:
    """Make these the page's own parameters; no rerun follows from it."""
    wanted = dict(parameters) | carried()
    if wanted != {key: st.query_params[key] for key in st.query_params}:
        st.query_params.from_dict(wanted)
