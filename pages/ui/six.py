"""The lecture's six variants on the same data and seed: small multiples and a table against PCA. Drawn below the picture."""

from collections.abc import Mapping

import streamlit as st

from pages.ui import errors, live, session, text
from pages.ui.components.film import FilmRun, film
from pages.ui.runs import history, measures_of, pca_error
from pages.ui.text import t
from replearn_core.engine import RunView


def show() -> None:
    """The lecture's six on the same data and seed: small multiples and a table against PCA."""
    runs = session.get(session.SIX) or {}
    if runs:
        moving = any(history(run_id).live for run_id in runs.values())
        st.fragment(_six, run_every=2 * live.POLL if moving else None, key="six")(runs, moving)


def _six(runs: Mapping[str, str], was_moving: bool) -> None:
    with errors.contained("six"), st.container(border=True, key="six_panel"):
        views = {name: history(run_id) for name, run_id in runs.items()}
        if was_moving and not any(view.live for view in views.values()):
            st.rerun()
        st.subheader(t("six.title"), anchor=False)
        st.caption(t("six.sentence"))
        shown = [FilmRun(view.run_id, t(f"variant.{name}.name")) for name, view in views.items() if view.state != "missing"]
        film(shown, texts=live.film_texts(), view="images", key="film_six", live=was_moving)
        st.table(_six_rows(views), hide_index=True, border="horizontal")
        st.button(t("six.close"), key="six_close", on_click=session.put, args=(session.SIX, {}), type="tertiary")


def _six_rows(views: Mapping[str, RunView]) -> dict[str, list[str]]:
    """One column a measure, one row a variant; a dash where a run has not got there yet."""
    names = ("squared_error", "l0", "dead", "jacobian", "probe_few")
    rows: dict[str, list[str]] = {t("measure.variant"): [t(f"variant.{name}.name") for name in views]}
    for name in names:
        rows[t(f"measure.{name}")] = [_or_dash(measures_of(view).get(name)) for view in views.values()]
    rows[t("figure.pca")] = [_or_dash(pca_error(measures_of(view))) for view in views.values()]
    rows[t("measure.state")] = [live.state_of(view)[0] for view in views.values()]
    return rows


def _or_dash(value: float | None) -> str:
    return "–" if value is None else text.number(value)
