"""The page of `latent_app.py`: one canvas, set up by the address (`?maps=code,pca&run=plane`), and what Python heard."""

import sys
import tomllib
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from pages.ui.components.latent import Filter, MapSpec, RunSpec, latent  # noqa: E402

TITLES = {"code": "Code", "pca": "PCA of pixels", "lda": "Linear discriminants", "space": "PCA in 3-D", "film": "Unfolding"}


def texts(language: str) -> dict[str, str]:
    return tomllib.loads((ROOT / "assets" / "i18n" / f"{language}.toml").read_text(encoding="utf-8"))["latent"]


def page() -> None:
    query = st.query_params
    kinds = {"code": "code", "film": "film"}
    names = [name for name in query.get("maps", "code").split(",") if name]
    maps = [MapSpec(name, TITLES.get(name.split("_")[0], name), kinds.get(name, "map")) for name in names]
    selection = [3, 5, 8] if st.button("Choose three") else None
    points, samples = query.get("points", "points"), "digits"
    if "then" in query:
        if st.button("Another epoch"):
            st.session_state.later = True
        samples = "other digits" if st.button("Other samples") else samples
        points = query["then"] if st.session_state.get("later") else points
        names[0] = query.get("next", names[0]) if st.session_state.get("later") else names[0]
        maps = [
            MapSpec(name, TITLES.get(name, name), name="first" if i == 0 else name, follows=True) for i, name in enumerate(names)
        ]
    run = query.get("run", "plane")
    state = latent(
        maps,
        points_task=points,
        run=RunSpec(run) if run != "none" else None,
        texts=texts(query.get("lang", "en")),
        key="latent",
        colour=query.get("colour", "label"),
        filters=[Filter("label", tuple(map(int, query["only"].split(","))))] if "only" in query else [],
        selection=selection,
        class_names=[str(i) for i in range(10)],
        factor_names=["Ink"] if query.get("points", "points") != "points-large" else [],
        decode=query.get("decode") == "1",
        draw=query.get("draw") == "1",
        samples=samples,
        view={names[0]: tuple(map(float, query["at"].split(",")))} if "at" in query else None,
        report_view=query.get("view") == "1",
    )
    st.session_state.script_runs = st.session_state.get("script_runs", 0) + 1
    few = list(state.selected[:5])
    st.text(
        f"Python heard {len(state.selected)} selected {few}, cursor {state.cursor}, script run {st.session_state.script_runs},"
        f" {points}"
    )
    st.text(f"View {dict(state.view)}")


st.set_page_config(layout="wide")
st.navigation([st.Page(page, title="Latent", default=True)], position="hidden").run()
