"""The page of `film_app.py`: a film set up by the address (`?runs=a,b&view=all&live=1&start=5&lang=en`) and what Python heard."""

import sys
import tomllib
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from pages.ui.components.film import FilmRun, film  # noqa: E402


def texts(language: str) -> dict[str, str]:
    return tomllib.loads((ROOT / "assets" / "i18n" / f"{language}.toml").read_text(encoding="utf-8"))["film"]


def page() -> None:
    query = st.query_params
    ids = [name for name in query.get("runs", "").split(",") if name]
    if st.button("Continue the run") or st.session_state.get("continued"):
        st.session_state.continued = True
        ids = [f"{name}+more" for name in ids]
    runs = [FilmRun(name, name.capitalize(), pinned=name.startswith("weak")) for name in ids]
    shown = texts(query.get("lang", "en"))
    replay = st.session_state.get("replay", 0)
    if st.button("Train again"):
        replay = st.session_state.replay = replay + 1
    if st.checkbox("Without the film"):
        return
    start = float(query["start"]) if "start" in query else None
    look, live = query.get("view", "all"), query.get("live") == "1"
    state = film(runs, texts=shown, view=look, key="film", live=live, replay=replay, start=start)
    st.session_state.runs_of_the_script = st.session_state.get("runs_of_the_script", 0) + 1
    st.text(f"Python heard {state.epoch}, script run {st.session_state.runs_of_the_script}")
    st.text(f"First picture painted: {state.ready}")


st.navigation([st.Page(page, title="Film", default=True), st.Page(page, title="Deep", url_path="deep")], position="hidden").run()
