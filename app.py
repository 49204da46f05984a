"""The ASGI entry: `streamlit run app.py`. The pages begin in pages/ui/entry.py; the engine lives in the lifespan."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from pages.ui import errors
from pages.ui.api import ROUTES
from pages.ui.serve import SecurityHeaders, lifespan

app = st.App(
    str(Path(__file__).resolve().parent / "pages" / "ui" / "entry.py"),
    lifespan=lifespan,
    routes=ROUTES,
    middleware=[Middleware(SecurityHeaders)],
    on_script_error=errors.uncaught,
)
