"""The lecture's six variants on the same data and seed: small multiples and a table against PCA, above the one run's picture."""

from collections.abc import Mapping

import streamlit as st

from pages.ui import errors, fragments, live, plot, session, tables, text
from pages.ui.components.film import FilmRun, film
from pages.ui.panels import measured
from pages.ui.runs import epoch_of, events_of, history, measures_of, pca_error
from pages.ui.text import t
from replearn_core.engine import RunView

MEASURES = (
    *("squared_error", "l0", "hoyer", "dead", "jacobian"),
    *("probe_few", "probe_all", "trustworthiness", "continuity"),
)
_PIXELS = {"probe_few": "pixels_few", "probe_all": "pixels_all"}  # the same probe on the raw input, to compare with


def show() -> None:
    """The six runs that this visitor, or the link, asked for; polls only while one of them is going."""
    if runs := session.get(session.SIX):
        moving = any(history(run_id).live for run_id in runs.values())
        fragments.region(_six, run_every=2 * live.POLL if moving else None, key="six")(runs, moving)


def _six(runs: Mapping[str, str], was_moving: bool) -> None:
    with errors.contained("six"), st.container(border=True, key="six_panel"):
        views = {name: history(run_id) for name, run_id in runs.items()}
        if session.get(session.SIX) != runs or (was_moving and not any(view.live for view in views.values())):
            st.rerun()
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="six_head"):
            st.header(t("six.title"), anchor=False)
            st.button(t("six.close"), key="six_close", icon=":material/close:", on_click=_close, type="tertiary")
        st.caption(t("six.sentence"))
        shown = [FilmRun(view.run_id, t(f"variant.{name}.name")) for name, view in views.items() if view.state != "missing"]
        film(shown, texts=live.film_texts(), view="images", key="film_six", live=was_moving)
        st.html(_narrow_labels([t(f"variant.{name}.name") for name in views]))
        with st.container(key="six_table"):
            tables.show(table(views), "six", offered=not was_moving)
            st.caption(t("six.no_pca"))


def _close() -> None:
    session.put(session.SIX, {})


def table(views: Mapping[str, RunView]) -> dict[str, list[str]]:
    """A row a measure, a column a variant; a dash where a run has not got there yet, or where there is nothing to measure."""
    found = {name: measures_of(view) for name, view in views.items()}
    rows = [_state_row(views)] if any(view.state != "finished" for view in views.values()) else []
    for measure in MEASURES:
        values = [measured(measure, found[name].get(measure), view) for name, view in views.items()]
        rows.append([_label(measure, found), *values])
        if measure == "squared_error":
            rows.append([t("six.against_pca"), *(_against_pca(numbers) for numbers in found.values())])
    heads = [t("measure.measure"), *(t(f"variant.{name}.name") for name in views)]
    return {head: [row[column] for row in rows] for column, head in enumerate(heads)}


def _label(measure: str, found: Mapping[str, Mapping[str, float]]) -> str:
    """What the row measures; beside a probe of codes also what the same probe makes of the raw input, which all six share."""
    raw = next((numbers[_PIXELS[measure]] for numbers in found.values() if _PIXELS.get(measure) in numbers), None)
    label = t(f"six.{measure}") if text.has(f"six.{measure}") else t(f"measure.{measure}")
    return label if raw is None else t("six.raw", name=label, n=plot.three(100 * raw))


def _against_pca(numbers: Mapping[str, float]) -> str:
    pca = pca_error(numbers)
    return t("six.times", ratio=plot.three(numbers["squared_error"] / pca)) if pca and "squared_error" in numbers else "–"


def _state_row(views: Mapping[str, RunView]) -> list[str]:
    return [t("measure.state"), *(_short_state(view) for view in views.values())]


def _short_state(view: RunView) -> str:
    started = events_of(view, "started")
    if view.state == "running" and started:
        return t("measure.of_total", n=int(epoch_of(view)), total=started[-1].last_epoch)
    return t(f"six.state_{view.state}")


def _narrow_labels(names: list[str]) -> str:
    """On a phone each measure becomes a block of its own, with every variant's name above its number: see lab.css."""
    rules = [f'.st-key-six_table td:nth-child({place})::before {{ content: "{name}" }}' for place, name in enumerate(names, 2)]
    return "<style>@media (max-width: 820px) {" + "\n".join(rules) + "}</style>"
