"""The first page: what this is, and the way into the lab."""

import streamlit as st

from pages.ui.text import t

st.markdown(t("home.welcome"))
st.page_link("pages/autoencoder.py", label=t("home.enter"), icon=":material/arrow_forward:")
