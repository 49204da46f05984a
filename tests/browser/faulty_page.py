"""The page of `faulty_app.py`."""

import streamlit as st

from pages.ui import errors


def broken() -> None:
    raise KeyError("a name that nobody should see")


with errors.told():
    st.button("Press", on_click=broken)
    st.button("Another")
    st.text("The rest of the page")
