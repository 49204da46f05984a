"""Greedy layer-wise pretraining: the stack grows layer by layer, then races the same network from random weights."""

import streamlit as st

from pages.ui import notes, text
from pages.ui.pretraining import knobs, region, state
from pages.ui.text import ASSETS

st.html(ASSETS / "css" / "properties.css")
st.html(ASSETS / "css" / "pretraining.css")
state.ADDRESS.follow()
lesson = text.lesson("pretraining")[state.ADDRESS.part()]

with st.container(key="properties_page"):
    above, beside, picture, below = (st.container(key=f"properties_{name}") for name in ("choice", "knobs", "picture", "notes"))

# ---- which part, and its question ----
with above:
    knobs.choose()
    st.markdown(f"## {lesson['question']}")

# ---- knobs: left ----
with beside:
    knobs.turn()

# ---- the picture, from real runs ----
with picture:
    region.draw()

# ---- what to notice, one layer's objective, the plan as data ----
with below:
    notes.beneath(lesson["notice"])
    region.objective()

state.ADDRESS.write()
