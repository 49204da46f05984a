"""A server for `test_faults.py` alone: a page whose button's callback breaks, with the app's own answer to that."""

import sys
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).parents[2]))

from app import app as whole  # noqa: E402

app = st.App(str(Path(__file__).with_name("faulty_page.py")), on_script_error=whole._on_script_error)
