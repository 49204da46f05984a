"""The first page: what this is, and the way into the lab."""

from pathlib import Path

import streamlit as st

from pages.ui.text import t

st.markdown(t("home.welcome"))
st.page_link(str(Path(__file__).with_name("autoencoder.py")), label=t("home.enter"), icon=":material/arrow_forward:")
