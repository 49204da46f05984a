"""Six ideal properties of a representation: turn knobs, train for several seeds, see the effect or its absence."""

import streamlit as st

from pages.ui import notes, text
from pages.ui.properties import knobs, region, state
from pages.ui.text import ASSETS

st.html(ASSETS / "css" / "properties.css")
state.follow_link()
now = state.now()
lesson = text.lesson("properties")[now.part]

with st.container(key="properties_page"):
    above, beside, picture, below = (st.container(key=f"properties_{name}") for name in ("choice", "knobs", "picture", "notes"))

# ---- which property, and its question ----
with above:
    knobs.choose(now)
    st.markdown(f"## {lesson['question']}")
    region.lecture(now)

# ---- knobs: left ----
with beside:
    knobs.turn(now)

# ---- the picture, from real runs ----
with picture:
    region.draw(now)

# ---- what to notice ----
with below:
    notes.beneath(lesson["notice"])

state.ADDRESS.write()
