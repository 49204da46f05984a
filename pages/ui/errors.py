"""What a visitor sees when a page breaks: an error id in their language, never a traceback; the log has the rest."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pages.ui.text import t

log = logging.getLogger("replearn.pages")


@contextmanager
def contained(place: str) -> Iterator[None]:
    """Turn an error inside into one calm line with an id; Streamlit's own stop and rerun pass (they are BaseExceptions)."""
    try:
        yield
    except Exception:
        _tell(place)


def uncaught(_: Exception) -> bool:
    """The same for what no page contains, a widget's callback above all; True keeps Streamlit's own words away."""
    _tell("a callback or the frame")
    return True


def _tell(place: str) -> None:
    """The exception that is being handled, in the log by an id and on the page by the same."""
    error_id = secrets.token_hex(4)
    log.exception("error %s in %s", error_id, place)
    st.error(t("error.page", id=error_id), icon=":material/error:")
