"""From a trained run to a product: what a model weighs, how fast it answers, how small it can be made, and what it earns."""

import streamlit as st

from pages.ui import notes, runs, text
from pages.ui.deployment import knobs, region, state
from pages.ui.text import ASSETS

st.html(ASSETS / "css" / "properties.css")
state.ADDRESS.follow()
view = runs.history(str(state.ADDRESS.values["run"]) or state.usual_run())
lesson = text.lesson("deployment")

with st.container(key="properties_page"):
    above, beside, picture, below = (st.container(key=f"properties_{name}") for name in ("choice", "knobs", "picture", "notes"))

# ---- the question ----
with above:
    st.markdown(f"## {lesson['deployment']['question']}")

# ---- which run, which smaller forms: left ----
with beside:
    knobs.turn(view)

# ---- measured here, then what it means for a product ----
with picture:
    region.show(view)

# ---- what to notice ----
with below:
    notes.beneath(lesson["deployment"]["notice"])

state.ADDRESS.write()
