"""Transfer and fine-tuning: a race of strategies, the lecture's quadrant measured, layers copied one by one."""

import streamlit as st

from pages.ui import notes, text
from pages.ui.text import ASSETS
from pages.ui.transfer import knobs, region, state

st.html(ASSETS / "css" / "properties.css")
st.html(ASSETS / "css" / "transfer.css")
state.ADDRESS.follow()
lesson = text.lesson("transfer")[state.ADDRESS.part()]

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

# ---- what to notice ----
with below:
    notes.beneath(lesson["notice"])

state.ADDRESS.write()
