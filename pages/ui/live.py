"""The region that moves: the state of the run on screen, its film and the charts that follow the film's slider."""

from collections.abc import Mapping, Sequence
from typing import cast

import streamlit as st

from pages.ui import draft, errors, fragments, panels, plot, runs, session, text
from pages.ui.components.film import TEXT_KEYS, FilmRun, View, film
from pages.ui.runs import events_of, history
from pages.ui.text import t
from replearn_core import catalog, engine
from replearn_core.engine import RunView
from replearn_core.experiment import Experiment, Problem

POLL = 0.5  # seconds between two looks at a run that is going

# ---- the region that moves ----


def region(view: RunView) -> None:
    """Film and charts of the run on screen and the pinned ones; polls only while something is going."""
    trouble = runs.engine_problem()
    moving = view.live or trouble is not None or any(history(pinned).live for pinned in session.get(session.PINS, ()))
    fragments.region(_region, run_every=POLL if moving else None, key="region")(view.run_id, view.live, trouble)


def _region(run_id: str, was_live: bool, trouble: Problem | None) -> None:
    with errors.contained("live"):
        view = history(run_id)
        if run_id != runs.on_screen().run_id or was_live != view.live or trouble != runs.engine_problem():
            st.rerun()  # the buttons outside have to change, or Train was pressed while this was on its way
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="region_head"):
            state_line(view)
            look = cast(View, _choose("view", session.VIEW, draft.VIEWS))
        shown = _shown_runs(view)
        replay, start = session.get(session.REPLAY, 0), session.get(session.START)
        state = film(shown, texts=film_texts(), view=look, key="film", live=was_live, replay=replay, start=start)
        if state.epoch != session.get(session.EPOCH):
            session.put(session.EPOCH, state.epoch)
            session.put(session.START, None)
        if view.events:
            panels.headline(view)
            panel = _choose("panel", session.PANEL, draft.PANELS)
            others = [history(run.id) for run in shown if run.pinned]
            if state.ready or session.get(session.PICTURE_SEEN):
                session.put(session.PICTURE_SEEN, True)
                panels.show(view, others, panel)
            else:  # Plotly's five megabytes come after the first picture, not before it
                st.space(plot.HEIGHT)
        draft.write_link()


def note(view: RunView, experiment: Experiment | None) -> None:
    """One line on how the picture and the knobs belong together."""
    if view.experiment is None:
        return
    if runs.differs(view, experiment):
        chosen = session.get(session.RUN) is not None
        st.caption(t("train.differs" if chosen or view.run_id != draft.FIRST.id else "train.example"))
    elif view.live:
        st.caption(t("train.follows"))


def _shown_runs(view: RunView) -> list[FilmRun]:
    """The run on screen and the pinned ones; a run that is nowhere is left out, so that the film asks for it when it is there."""
    views = {view.run_id: view} | {pinned: history(pinned) for pinned in session.get(session.PINS, ()) if pinned != view.run_id}
    return [FilmRun(run_id, runs.title_of(one), run_id != view.run_id) for run_id, one in views.items() if one.state != "missing"]


def _choose(name: str, kept_as: str, names: Sequence[str]) -> str:
    """One of a few views, by a widget of this name. The choice is kept apart from the widget, which forgets it in a run that does
    not draw it; a value that was never offered changes nothing."""
    kept = session.get(kept_as)
    kept = kept if kept in names else names[0]
    session.put(kept_as, kept)
    if session.get(name) != kept:
        session.put(name, kept)
    labels = {one: t(f"{name}.{one}") for one in names}
    st.segmented_control(
        t(f"{name}.label"),
        names,
        format_func=lambda one: labels.get(one, one),
        key=name,
        required=True,
        on_change=_chosen,
        args=(name, kept_as, names),
        label_visibility="collapsed",
    )
    return kept


def _chosen(name: str, kept_as: str, names: Sequence[str]) -> None:
    if session.get(name) in names:
        session.put(kept_as, session.get(name))


def film_texts() -> Mapping[str, str]:
    """The film's sentences with their places for numbers unfilled: it fills them in the browser."""
    words = text.catalogue(text.language())
    return {name: words[f"film.{name}"] for name in TEXT_KEYS}


def state_line(view: RunView) -> None:
    """One line that says how far the run is, and for each bad end a second one that says what to do."""
    sentence, icon, hint = state_of(view)
    with st.container(key=f"state_{view.state}", gap="xsmall"):
        st.markdown(f":material/{icon}: {sentence}")
        if hint:
            st.text(hint)
        if view.restarts and view.live:
            st.text(t("state.restarted", n=view.restarts))


def state_of(view: RunView) -> tuple[str, str, str]:
    """(sentence, icon, hint)."""
    epoch = int(runs.epoch_of(view))
    hint = text.problem(view.problem) if view.problem else ""
    if view.state == "queued":
        if view.position is None or view.seconds_left is None:
            return t("state.queued_plain"), "hourglass_empty", hint
        return t("state.queued", position=view.position, left=text.duration(view.seconds_left)), "hourglass_empty", hint
    if view.state == "running":
        return _running(view, epoch), "play_circle", hint
    if view.state == "stopped":
        name = "paused" if session.get(session.PAUSED) == view.run_id else "stopped"
        return t(f"state.{name}", epoch=epoch), "pause_circle", hint
    if view.state == "finished":
        return (
            t("state.finished", epoch=epoch, time=text.duration(runs.seconds_of(view))),
            "check_circle",
            hint or _worse_than_mean(view),
        )
    if view.state == "diverged":
        found = events_of(view, "diverged")
        name = found[-1].term if found else ""
        term = t(f"diverged.{name}") if text.has(f"diverged.{name}") else text.setting(name)
        rate = (view.experiment.learning_rate if view.experiment else 0.01) / 10
        sentence = t("state.diverged", term=term, epoch=epoch) if epoch else t("state.diverged_at_once", term=term)
        return sentence, "trending_up", t("state.diverged_hint", rate=rate)
    if view.state == "missing" and engine.current() is None:
        return t("state.no_engine"), "hourglass_empty", ""
    own_hint = f"state.{view.state}_hint"
    return t(f"state.{view.state}"), "info", t(own_hint) if text.has(own_hint) else hint


def _worse_than_mean(view: RunView) -> str:
    """A run can stay finite and still have learned nothing; say so, and what to turn."""
    measured = runs.measures_of(view)
    if view.experiment is None or measured.get("squared_error", 0.0) <= measured.get("mean_error", float("inf")):
        return ""
    return t("state.worse_than_mean", rate=view.experiment.learning_rate / 10)


def _running(view: RunView, epoch: int) -> str:
    started, moments = events_of(view, "started"), events_of(view, "progress")
    if not started:
        done, total = view.loading or (0, None)
        if done and total is None:  # bytes of a download; OpenML does not say beforehand how many there will be
            return t("state.downloading", megabytes=done / 1e6)
        return t("state.starting")
    total = started[-1].last_epoch
    speed = moments[-1].measures.get("samples_per_second") if moments else None
    if view.seconds_left is None or not speed:
        return t("state.running_plain", epoch=epoch, total=total)
    return t("state.running", epoch=epoch, total=total, left=text.duration(view.seconds_left), speed=round(speed, -2) or speed)


def foot(view: RunView) -> None:
    """run id · seed · data and licence · seconds · device."""
    started = events_of(view, "started")
    if view.experiment is None or not started:
        return
    data = view.experiment.data
    st.caption(
        t(
            "figure.foot",
            run=f"`{view.run_id[:8]}`",
            seed=str(view.experiment.seed),
            data=text.dataset(data.name),
            licence=t("own.licence") if catalog.is_own(data.name) else data.licence,
            time=text.duration(runs.seconds_of(view)),
            device=started[-1].device,
        )
        + "  \n"
        + t("figure.foot_sample", n=started[-1].test_samples)
        + (" " + t("own.cells") if data.kind == "points" and data.size > 3 else "")
    )
