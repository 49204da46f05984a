"""App notifications: who clicks, who gets the message, who is left alone, what unlabelled logs give; and a visitor's own log."""

import streamlit as st

from pages.ui import notes, text
from pages.ui.notifications import knobs, region, state
from pages.ui.text import ASSETS

st.html(ASSETS / "css" / "properties.css")
state.ADDRESS.follow()
lesson = text.lesson("notifications")[state.ADDRESS.part()]

with st.container(key="properties_page"):
    above, beside, picture, below = (st.container(key=f"properties_{name}") for name in ("choice", "knobs", "picture", "notes"))

# ---- which part, and its question ----
with above:
    knobs.choose()
    st.markdown(f"## {lesson['question']}")

# ---- knobs: left ----
with beside:
    knobs.turn()

# ---- the picture, from real fits ----
with picture:
    region.draw()

# ---- what to notice ----
with below:
    notes.beneath(lesson["notice"])

state.ADDRESS.write()
