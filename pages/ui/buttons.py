"""The buttons of the lab: the Train row, always in sight, and the tools above the picture."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pages.ui import runs, session, text
from pages.ui.teaching import locks
from pages.ui.text import t
from replearn_core.engine import RunView
from replearn_core.experiment import Experiment, Problem

LATENT = str(Path(__file__).resolve().parents[1] / "latent.py")


def train_row(view: RunView, experiment: Experiment | None, reason: Problem | None) -> None:
    """Train, pause or resume, one epoch, stop; always in sight. Where Train is off, the reason stands with it."""
    with st.container(key="train_row"):
        for problem in (reason, session.get(session.REFUSAL)):
            if problem:  # how to get a data set's files stands beside the data set: here it would push the buttons away
                st.text(t("train.no_data") if problem.key == "problem.dataset_unavailable" else text.problem(problem))
        waiting = runs.waiting_knobs(view, experiment) if view.live else ()
        if waiting:
            st.text(t("train.waits", settings=[text.setting(name) for name in waiting]))
        st.button(
            t("train.start"), key="train", icon=":material/play_arrow:", type="primary", width="stretch",
            on_click=runs.train, disabled=reason is not None, help=t("train.start_help"),
        )  # fmt: skip
        with st.container(horizontal=True, gap="xsmall", key="train_small"):
            _small_buttons(view, reason)


def _small_buttons(view: RunView, reason: Problem | None) -> None:
    goes_on = reason is None and view.state in ("stopped", "finished", "interrupted", "failed") and bool(view.events)
    if view.live:
        _small("pause", "pause", runs.pause, view.run_id)
    else:
        paused = view.state == "stopped"
        _small("resume", "resume", runs.resume, view.run_id, disabled=not (goes_on and paused))
    _small("one_epoch", "skip_next", runs.one_epoch, view.run_id, disabled=not goes_on)
    _small("stop", "stop", runs.stop, view.run_id, disabled=not view.live)


def _small(name: str, icon: str, action: Callable[[str], None], run_id: str, disabled: bool = False) -> None:
    st.button(
        t(f"train.{name}"), key=f"train_{name}", icon=f":material/{icon}:", on_click=action, args=(run_id,),
        disabled=disabled, help=t(f"train.{name}_help"), wrap=False,
    )  # fmt: skip


def toolbar(view: RunView, experiment: Experiment | None) -> None:
    """What concerns the picture: again, another seed, runs.pin, all six."""
    off = runs.engine_problem() is not None or experiment is None
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="toolbar"):
        _tool("rewind", "replay", runs.train, (), off)
        _tool("new_seed", "casino", runs.train_new_seed, (), off or locks.locked("seed"))
        pins = session.get(session.PINS, ())
        _tool("pin", "keep", runs.pin, (view.run_id,), not view.events or view.run_id in pins)
        if pins:
            _tool("unpin", "keep_off", runs.unpin, (), False)
        _tool("six", "grid_view", runs.train_six, (), off)
        if view.experiment is not None:
            st.page_link(LATENT, label=t("explorer.link"), icon=":material/scatter_plot:", query_params={"run": view.run_id})


def _tool(name: str, icon: str, action: Callable[..., None], args: tuple[str, ...], disabled: bool) -> None:
    st.button(
        t(f"train.{name}"), key=f"tool_{name}", icon=f":material/{icon}:", on_click=action, args=args, disabled=disabled,
        type="tertiary", help=t(f"train.{name}_help") if text.has(f"train.{name}_help") else None,
    )  # fmt: skip
