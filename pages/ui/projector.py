"""For a projector (`?show=projector` on any page): larger text, what to notice folded. Called by entry.py and the pages."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pages.ui import session
from pages.ui.text import ASSETS, t

PARAMETER, ON = "show", "projector"
_KEPT = "projector.on"  # the session's key: the mode stays while the visitor goes from page to page


def on() -> bool:
    """The address decides, else what was chosen before."""
    if PARAMETER in st.query_params:
        session.put(_KEPT, st.query_params[PARAMETER] == ON)
    return bool(session.get(_KEPT))


def style() -> None:
    if on():
        st.html(ASSETS / "css" / "show.css")


def switch() -> None:
    """The button in the header."""
    label, icon = t("projector.off" if on() else "projector.on"), ":material/cast_for_education:"
    st.button(label, icon=icon, key="projector_switch", type="tertiary", on_click=_turn, help=t("projector.help"))


def _turn() -> None:
    wanted = not on()
    session.put(_KEPT, wanted)
    if wanted:
        st.query_params[PARAMETER] = ON
    else:
        st.query_params.pop(PARAMETER, None)


@contextmanager
def notes() -> Iterator[None]:
    """Around what there is to notice on a page: folded on a projector, else as it is."""
    if on():
        with st.expander(t("notice.title"), icon=":material/lightbulb:"):
            yield
    else:
        yield
