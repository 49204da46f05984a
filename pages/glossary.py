"""The glossary: every term with its symbol, one sentence, and a way to the page where it is alive."""

import streamlit as st

from pages.ui import glossary
from pages.ui.text import ASSETS, t

st.html(ASSETS / "css" / "glossary.css")
if asked := glossary.asked():
    st.session_state.setdefault(glossary.SEARCH, asked)
with st.container(key="glossary_page"):
    wanted = st.text_input(t("glossary.search"), key=glossary.SEARCH, placeholder=t("glossary.hint"), icon=":material/search:")
    glossary.show(wanted)
