"""The page of `faulty_app.py`."""

import streamlit as st


def broken() -> None:
    raise KeyError("a name that nobody should see")


st.button("Press", on_click=broken)
st.text("The rest of the page")
