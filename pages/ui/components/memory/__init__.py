"""What a visitor's own browser keeps for the next visit: a JSON object in its localStorage. No person is known to the server.

`get` and `put` work on the session's copy at once; `mount`, called once a run by the entry script, hands what changed to the
browser, and asks it, once and only where a page has asked for something, what it kept of earlier visits.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from pages.ui import session
from pages.ui.components.shared import joined

NAME = "replearn"  # of the object in localStorage
MOST = 20_000  # characters that are read of it, as memory.js has it
_KEPT = "memory.kept"  # the session's copy: what the browser told, and over it what was put since
_PUT = "memory.put"  # names that were put in this session
_MARKED = "memory.marked"  # names that were marked in it
_ASKED = "memory.asked"  # whether a page wants to know
_TOLD = "memory.told"  # whether the browser has answered
_HERE = Path(__file__).parent
_COMPONENT = st.components.v2.component("replearn_memory", html="<div></div>", js=joined(_HERE, ("memory.js",)))


def get(name: str, default: Any = None) -> Any:
    """What is kept under this name, as JSON gave it: anybody can write there, so check it."""
    session.put(_ASKED, True)
    return _copy().get(name, default)


def put(name: str, value: Any) -> None:
    """Keep a JSON value under this name, here and in the browser."""
    session.put(_KEPT, _copy() | {name: value})
    session.put(_PUT, session.get(_PUT, frozenset()) | {name})


def mark(name: str) -> None:
    """Keep true under this name. Unlike `put` it needs no word of what the browser kept: a page that only marks is drawn once."""
    session.put(_KEPT, _copy() | {name: True})
    session.put(_MARKED, session.get(_MARKED, frozenset()) | {name})


def told() -> bool:
    """Whether the browser has said what it kept; until then `get` knows of this visit only."""
    return bool(session.get(_TOLD))


def mount(merged: Mapping[str, Callable[[Any, Any], Any]]) -> None:
    """The component itself. merged: name → how what the browser kept and what this visit has put already become one value."""
    waiting = session.get(_PUT, frozenset())
    ready = session.get(_MARKED, frozenset()) | (waiting if told() else frozenset())  # else it would overwrite what was kept
    given = {name: _copy()[name] for name in sorted(ready)}
    ask = bool(session.get(_ASKED) or waiting) and not told()
    # In a list: Streamlit looks for data frames in a dictionary, and imports pandas to do so.
    result = _COMPONENT(key="memory", data=[{"name": NAME, "put": given, "ask": ask}], on_kept_change=lambda: None)
    if ask and result.kept is not None:
        session.put(_TOLD, True)
        _take(read(result.kept), merged)


def read(said: object) -> dict[str, Any]:
    """What a browser sent, as an object; anything else is an empty one."""
    try:
        found = json.loads(said) if isinstance(said, str) and len(said) <= MOST else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _take(kept: Mapping[str, Any], merged: Mapping[str, Callable[[Any, Any], Any]]) -> None:
    """The browser's object under the session's; a page that has been drawn without it is drawn again."""
    mine = _copy()
    both = {name: merged[name](kept[name], mine[name]) for name in kept.keys() & mine.keys() & merged.keys()}
    session.put(_KEPT, {**kept, **mine, **both})
    session.put(_PUT, session.get(_PUT, frozenset()) | both.keys())
    if kept or session.get(_PUT):
        st.rerun()


def _copy() -> dict[str, Any]:
    return dict(session.get(_KEPT, {}))
