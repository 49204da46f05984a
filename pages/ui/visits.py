"""Which pages this visitor has opened, kept in their own browser (`components/memory`): the home page marks them."""

from pages.ui import session
from pages.ui.components import memory

_NOTED = "visits.noted"  # pages told to the browser in this session


def note(page: str) -> None:
    """This page is open. Each page is a name of its own, so that no visit forgets an earlier one."""
    noted: frozenset[str] = session.get(_NOTED, frozenset())
    if page not in noted:
        memory.mark(f"seen.{page}")
        session.put(_NOTED, noted | {page})


def seen(page: str) -> bool:
    """Whether this browser has had this page open, now or before."""
    return memory.get(f"seen.{page}") is True
