"""What the entry script needs of the lessons on every page: the guide where the address asks for it, and the browser's memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from pages.ui import address_bar
from pages.ui.components import memory
from pages.ui.lessons import progress


@contextmanager
def around(page: str) -> Iterator[None]:
    """The guide stands before the page and is ended after it, since it reads what the page shows. page: as in the address."""
    address_bar.arrive(page)
    kept = st.container(key="memory_place")
    if "lesson" in st.query_params and page != "lessons":
        from pages.ui.lessons import guide  # with what it reads; pages without a lesson need none of it

        rest = guide.place(page)
        yield
        rest()
    else:
        yield
    with kept:
        memory.mount({progress.KEPT: progress.merged})
