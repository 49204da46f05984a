"""The middle of the page: a part's picture as it stands: computed, growing while it is computed, or waiting for a press."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import streamlit as st

from pages.ui import errors, fragments, questions, text
from pages.ui import tables as exports
from pages.ui.notifications import decide, own, show, state
from pages.ui.notifications.state import Asked
from pages.ui.text import duration, t
from replearn_core import studies, tasks
from replearn_core.applications.notifications import tables
from replearn_core.properties import read_answer

POLL = 1.0  # seconds
DRAWN: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, np.ndarray]], None]] = {
    "clicks": show.clicks,
    "decide": decide.decide,
    "uplift": show.uplift,
    "few": show.few,
}


def draw() -> None:
    if state.ADDRESS.part() == "own":
        with errors.contained("notifications.own"):
            own.draw()
        return
    asked = state.question()
    if asked.view.live and asked.task is not None:
        fragments.region(_progress, run_every=POLL, key="notifications_progress")(asked.task)
    elif asked.view.state == "finished":
        with errors.contained(f"notifications.{state.ADDRESS.part()}"):
            _result(asked)
    else:
        _invite(asked)


def _progress(task: tasks.Task) -> None:
    """Polls while the engine works and draws what there is; its end draws the whole page anew."""
    view = questions.working(task, state.question, "notifications")
    if arrays := view.arrays:
        with errors.contained("notifications.so_far"):
            show.so_far(state.STUDY[state.ADDRESS.part()], arrays)


def _invite(asked: Asked) -> None:
    with st.container(border=True, key="notifications_invite"):
        if asked.problem is not None and asked.problem.key == state.MISSING:
            dataset = asked.problem.numbers["dataset"]
            st.markdown(f":material/folder_off: {t(state.MISSING, name=t(f'notifications.dataset.{dataset}'))}")
            st.markdown(t(f"notifications.get.{dataset}"))
        elif asked.problem is not None:
            st.text(text.problem(asked.problem))
            if asked.problem.key == "problem.dataset_unavailable":
                st.markdown(t(f"notifications.get.{state.values()['dataset']}"))
        if asked.task is not None:
            st.markdown(t(f"notifications.invite.{state.ADDRESS.part()}"))
            seconds = studies.estimated_seconds(state.STUDY[state.ADDRESS.part()], asked.task.options)
            st.caption(t("properties.cost", seeds=int(float(asked.task.options["seeds"])), time=duration(seconds)))
            if tables.fetchable(dataset := str(state.values()["dataset"])) and not tables.available(dataset):
                st.caption(f":material/cloud_download: {t(f'notifications.fetch.{dataset}')}")
            questions.button(asked, "notifications_run_here")
    _source(str(state.values()["dataset"]))


def _result(asked: Asked) -> None:
    arrays = asked.view.arrays
    told = read_answer(arrays)
    questions.origin(asked)
    if asked.problem is not None:
        st.text(text.problem(asked.problem))
    DRAWN[state.ADDRESS.part()](told, arrays)
    with st.expander(t("properties.all_findings", n=len(told["findings"])), icon=":material/checklist:"):
        for key, numbers in told["findings"]:
            st.markdown(f"- {show.finding(key, numbers)}")
        kind = "worlds" if told["settings"]["dataset"] == "simulator" else "splits"
        st.caption(t(f"notifications.how_{kind}"))
        exports.offer_study(told, show.finding)
    _source(str(told["settings"]["dataset"]))
    first, count = int(told["settings"]["first_seed"]), int(told["settings"]["seeds"])
    st.caption(t("notifications.about", first=first, last=first + count - 1, seeds=count, id=asked.view.task_id[:8]))


def _source(dataset: str) -> None:
    """Where the data come from, and under which licence; a simulation says that it is one."""
    name = "campaign" if dataset == "simulator" and state.ADDRESS.part() == "uplift" else dataset
    st.caption(f":material/database: {t(f'notifications.source.{name}')}")
