"""The middle of the page: one part's picture as it stands, computed, being computed, or waiting for a press."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui import errors, text
from pages.ui.properties import plane, show, state
from pages.ui.properties.state import Asked, Now
from pages.ui.text import duration, t
from replearn_core import properties, tasks

POLL = 1.0  # seconds


def draw(shown: Now) -> None:
    if shown.part == "plane":
        with errors.contained("properties.plane"):
            plane.show()
        return
    asked = state.question(shown)
    if asked.view.live and asked.task is not None:
        st.fragment(_progress, run_every=POLL, key="properties_progress")(asked.task)
    elif asked.view.state == "finished":
        with errors.contained(f"properties.{shown.part}"):
            _result(shown, asked)
    else:
        _invite(shown, asked)


def _progress(task: tasks.Task) -> None:
    """Polls while the engine works; its end draws the whole page anew."""
    view = state.question(state.now()).view
    if not view.live or view.task_id != task.id:
        st.rerun()
    with st.container(border=True, key="properties_working"):
        st.progress(min(max(view.progress, 0.0), 1.0), text=t("properties.working", percent=round(100 * view.progress)))
        if view.position:
            st.caption(t("properties.queued", n=view.position))
        st.button(t("properties.stop"), key="properties_stop", icon=":material/stop:", on_click=state.stop, args=(task,))


def _invite(shown: Now, asked: Asked) -> None:
    with st.container(border=True, key="properties_invite"):
        if asked.problem is not None:
            st.text(text.problem(asked.problem))
        st.markdown(t("properties.invite"))
        options = shown.options()
        st.caption(
            t("properties.cost", seeds=int(options["seeds"]), time=duration(properties.estimated_seconds(shown.part, options)))
        )
        button(asked, "properties_run_here")


def button(asked: Asked, key: str) -> None:
    """Train and measure; off while it goes or where there is nothing to ask."""
    st.button(
        t("properties.again" if asked.view.state == "failed" else "properties.run"),
        key=key,
        type="primary",
        icon=":material/play_arrow:",
        disabled=asked.task is None or asked.view.live or asked.view.state == "finished",
        on_click=state.press,
        args=(asked.task,),
    )


def _result(shown: Now, asked: Asked) -> None:
    arrays = asked.view.arrays
    told = properties.read_answer(arrays)
    first, *rest = told["findings"]
    with st.container(border=True, key="properties_answer"):
        st.markdown(f"**{finding(first[0], first[1])}**")
    show.DRAWN[shown.part](told, arrays)
    with st.expander(t("properties.all_findings", n=len(told["findings"])), icon=":material/checklist:"):
        for key, numbers in told["findings"]:
            st.markdown(f"- {finding(key, numbers)}")
        st.caption(t("properties.how"))
    st.caption(
        t("properties.about", seeds=len(_seeds(told)), first=_seeds(told)[0], last=_seeds(told)[-1], runs=len(set(told["runs"])))
    )


def _seeds(told: Mapping[str, Any]) -> range:
    first = int(told["settings"]["first_seed"])
    return range(first, first + int(told["settings"]["seeds"]))


def finding(key: str, numbers: Mapping[str, float]) -> str:
    """One sentence: what was compared, the effect with its interval, and whether that is more than luck."""
    name, _, direction = key.removeprefix("finding.").rpartition(".")
    labels = f"properties.label.{name}"
    what = t(labels, **{one: numbers[one] for one in numbers})
    effect = t(
        "properties.effect", effect=numbers["effect"], low=numbers["low"], high=numbers["high"], seeds=int(numbers["seeds"])
    )
    return f"{what}{t('properties.colon')}{effect} {t(f'properties.verdict_{direction}')}"
