"""The lessons: short guided ones that drive the real pages, with what this visitor has done of each."""

import streamlit as st

from pages.ui.lessons import shelf
from pages.ui.text import ASSETS

st.html(ASSETS / "css" / "lessons.css")
shelf.show()
