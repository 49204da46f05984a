"""The address: a page reads and writes its own parameters here; those that every page carries along stay as they are."""

import time
from collections.abc import Mapping

import streamlit as st

from pages.ui import session

CARRIED = ("lang", "lesson", "step", "teach", "room", "show")
"""What belongs to the frame of all pages, not to a page: language, lesson, a teacher's settings, class room, projector."""
REPLACED = "address.replaced"  # (page, address before the last write, own parameters that were written, when)
PAGE = "address.page"
STALE = 1.5  # seconds in which a run may still bring the address that we have just replaced; later it is the visitor's way back
ARRIVED = "address.arrived"  # the session's key of what `arrive` noted
LAST = "address.last"  # the whole address, as the last run of the whole script found it or `write` left it
SWITCHED = ("lang", "show", "room")  # what a press may have just changed


def own() -> dict[str, list[str]]:
    """The page's own parameters, each with all its values.

    A poll that was on its way while we wrote the address brings the one before: a rerun from there is no link that was followed.
    """
    page, before, written, when = session.get(REPLACED, (None, None, {}, 0.0))
    if page == session.get(PAGE) and before == _all() and time.monotonic() - when < STALE:
        return dict(written)
    return {key: values for key, values in _all().items() if key not in CARRIED}


def _all() -> dict[str, list[str]]:
    return {key: st.query_params.get_all(key) for key in st.query_params}


def arrive(page: str) -> None:
    """Note the page and what the frame's parameters are; the entry script calls this at each of its runs."""
    session.put(PAGE, page)
    session.put(ARRIVED, {key: st.query_params[key] for key in CARRIED if key in st.query_params})
    session.put(LAST, _all())


def carried() -> dict[str, str]:
    """The frame's parameters as the last run of the whole script found them: a fragment that was on its way when the visitor
    followed a link brings the address of before."""
    return dict(session.get(ARRIVED, {}))


def keep() -> None:
    """Make the address what the page has made it: a fragment may have been on its way when a link was followed."""
    now, last = _all(), session.get(LAST)
    if last is None:
        return
    wanted = {key: last[key] for key in last if key not in SWITCHED} | {key: now[key] for key in SWITCHED if key in now}
    if wanted != now:
        st.query_params.from_dict(wanted)


def write(parameters: Mapping[str, str]) -> None:
    """Make these the page's own parameters; no rerun follows from it."""
    wanted = dict(parameters) | carried()
    if wanted != {key: st.query_params[key] for key in st.query_params}:
        session.put(REPLACED, (session.get(PAGE), _all(), {key: [value] for key, value in parameters.items()}, time.monotonic()))
        st.query_params.from_dict(wanted)
        session.put(LAST, _all())
