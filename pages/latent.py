"""The latent explorer: pick a run, see its codes as maps beside the raw input's, and question what it has learned."""

import streamlit as st

from pages.ui import glossary, projector, runs, text
from pages.ui.latent import asking, knobs, look, region
from pages.ui.text import ASSETS, t

st.html(ASSETS / "css" / "latent.css")
look.follow_link(runs.known, asking.usual_run)
now = look.now()
view = runs.history(now.run or asking.usual_run())
lesson = text.lesson("latent")

with st.container(key="latent_page"):
    beside, picture, below = (st.container(key=f"latent_{name}") for name in ("knobs", "picture", "notes"))

# ---- which run, which maps: left ----
with beside:
    knobs.notices()
    knobs.turn(now, view)

# ---- the maps, and one question about them below ----
with picture:
    region.show(view)

# ---- what to notice ----
with below, projector.notes():
    if not projector.on():
        st.markdown(f"## {t('notice.title')}")
    with st.container(key="latent_lessons"):
        for name in knobs.lessons_of(now, view.experiment):
            with st.container(key=f"latent_lesson_{name}"):
                st.markdown(glossary.linked(lesson[name]["notice"]))

look.write_link()
