"""The first page: what this is, a network seen learning, and the ways into the lab."""

import html
from pathlib import Path

import streamlit as st

from pages.ui import draft, live, menu, runs, search, text, visits
from pages.ui.api import BASE
from pages.ui.components.film import FilmRun, film
from pages.ui.lessons import progress
from pages.ui.lessons.lesson import lessons
from pages.ui.text import t

HERE = Path(__file__).parent
LAB = str(HERE / "autoencoder.py")
MAP = ("properties", "autoencoder", "latent", "pretraining", "transfer", "notifications", "malware", "deployment", "evidence")
"""The lecture's outline, page by page. Each has a heading, what is asked there, and its claims."""

shown = runs.history(draft.FIRST.id)
with st.container(key="home"):
    with st.container(key="home_words"):
        st.markdown(t("home.welcome"))
        st.page_link(LAB, label=t("home.enter"), icon=":material/arrow_forward:")
    if shown.events:
        with st.container(border=True, key="home_film"):
            first = draft.FIRST
            st.markdown(t("home.film", n=first.samples, size=first.code_size, epochs=first.epochs))
            one = FilmRun(shown.run_id, runs.title_of(shown))
            film([one], texts=live.film_texts(), view="images", key="film_home", live=True)
    with st.container(key="home_ways"):
        st.markdown(f"**{t('home.ways')}**")
        with st.container(key="home_six"):
            for name in draft.LECTURE:
                label = f"**{t(f'variant.{name}.name')}**\u2003{t(f'variant.{name}.card')}"
                st.page_link(LAB, label=label, query_params={"variant": name})

# ---- the field as a map: every part of the lecture is a page ----
with st.container(key="home_map"):
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="home_map_head"):
        st.markdown(f"## {t('home.map')}")
        done = len(progress.finished(lessons(text.language()))) if progress.everything() else 0
        way = t("home.lessons") + (f" :small[:gray[:material/check: {t('home.lessons_done', n=done)}]]" if done else "")
        st.page_link(str(HERE / "lessons.py"), label=way, icon=":material/school:")
    search.show()
    with st.container(key="home_pages"):
        for name in MAP:
            with st.container(border=True, key=f"home_page_{name}"):
                heading, mark = (
                    t(f"home.part.{name}.name"),
                    f" :small[:gray[:material/check: {t('home.seen')}]]" * visits.seen(name),
                )
                icon = f":material/{menu.ICONS[name]}:"
                st.page_link(str(HERE / f"{name}.py"), label=f"**{heading}**{mark}", icon=icon)
                picture = f"{BASE}/api/pictures/{name}.webp"
                alt = html.escape(t(f"home.part.{name}.picture"), quote=True)
                st.html(f'<div class="moving" role="img" aria-label="{alt}" style="background-image: url({picture})"></div>')
                st.markdown(t(f"home.part.{name}.asks"))
                st.caption(t(f"home.part.{name}.claims"))
