"""What a visitor sees when something breaks: an error id in their language, never a traceback; the log has the rest."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.ui import session
from pages.ui.text import t

BROKE = "errors.broke"  # the id of a press that broke, until a page has been drawn beneath it

log = logging.getLogger("replearn.pages")


@contextmanager
def contained(place: str) -> Iterator[None]:
    """Turn an error inside into one calm line with an id; Streamlit's own stop and rerun pass (they are BaseExceptions)."""
    try:
        yield
    except Exception:
        _tell(_logged(place))


def uncaught(_: Exception) -> bool:
    """The same for what no page contains; True keeps Streamlit's own words away.

    A widget's callback runs before the page: the page is drawn after all, in a run without the callback, and `told` says above it
    what happened. What breaks in the page itself would break again, and is said in its place.
    """
    ctx = get_script_run_ctx()
    if ctx is None or ctx.has_script_started:
        _tell(_logged("the frame"))
        return True
    session.put(BROKE, _logged("a callback"))
    st.rerun()  # asked for here, beyond the script, it only asks for the next run
    return True


@contextmanager
def told() -> Iterator[None]:
    """Around a page: above it, that the visitor's last press broke. A page that asks for another run says so there again."""
    if (error_id := session.get(BROKE)) is not None:
        st.error(t("error.press", id=error_id), icon=":material/error:")
    yield
    session.put(BROKE, None)


def _logged(place: str) -> str:
    """The exception that is being handled, in the log; the id under which it stands there."""
    error_id = secrets.token_hex(4)
    log.exception("error %s in %s", error_id, place)
    return error_id


def _tell(error_id: str) -> None:
    st.error(t("error.page", id=error_id), icon=":material/error:")
