"""Parts of a page that are drawn again without the rest of it: every fragment of the app is made here."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.ui import address_bar


def region(draw: Callable[..., None], *, key: str, run_every: float | None = None) -> Callable[..., None]:
    """`draw` as a fragment, every so many seconds and at a touch of its own widgets.

    The browser sends what happens at one moment as one message, and where one of two widgets stands in a fragment, Streamlit
    draws that fragment alone: a press on a button elsewhere is obeyed, yet the page goes on showing how it was before. So a
    fragment that was started together with another part's widget draws the whole page anew. And one that was on its way when a
    link was followed brings the address of before: it keeps the one that the page has now.
    """

    @wraps(draw)
    def guarded(*arguments: Any) -> None:
        if alone():
            address_bar.keep()
            if touched_elsewhere():
                st.rerun()
        draw(*arguments)

    return st.fragment(guarded, run_every=run_every, key=key)


def alone() -> bool:
    """Whether this is a run of fragments, without the page around them."""
    ctx = get_script_run_ctx()
    return ctx is not None and bool(ctx.fragment_ids_this_run)


def touched_elsewhere() -> bool:
    """Whether a run of fragments brought a change of a widget that stands in none of them.

    Streamlit does not say so; this reads what its session keeps, as 1.67 keeps it (a browser test holds that).
    """
    ctx = get_script_run_ctx()
    if ctx is None or not ctx.fragment_ids_this_run:
        return False
    state = ctx.session_state._state
    arrived = state._new_widget_state
    elsewhere = (
        name
        for name in arrived
        if (kept := arrived.widget_metadata.get(name)) is not None and kept.fragment_id not in ctx.fragment_ids_this_run
    )
    return any(state._widget_changed(name) for name in elsewhere)
