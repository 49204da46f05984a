"""Watching a run: what the Train row does, and the region that polls the engine and draws the film and its charts."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui import draft, errors, session, text
from pages.ui.components.film import TEXT_KEYS, FilmRun, film
from pages.ui.text import t
from replearn_core import catalog, datasets, engine
from replearn_core.engine import Refused, RunView
from replearn_core.experiment import Experiment, InvalidExperiment, Problem, preset, variant_of

POLL = 0.5  # seconds between two looks at a run that is going


# ---- the run on screen ----


def known(run_id: str) -> Experiment | None:
    """The experiment of a run that is kept or going, else None."""
    running = engine.current()
    return running.watch(run_id).experiment if running else None


def history(run_id: str) -> RunView:
    """The run with its ancestors' events; `missing` where there is no engine."""
    running = engine.current()
    return running.history(run_id) if running else RunView(run_id, None, "missing")


def on_screen() -> RunView:
    """The chosen run; else the one that the knobs mean, if it exists; else the shipped example."""
    if chosen := session.get(session.RUN):
        return history(chosen)
    meant = history(draft.last_valid().id)
    return meant if meant.state != "missing" else history(draft.FIRST.id)


def missing_data(name: str) -> Problem | None:
    """Why this data set cannot be had now, with the files that would mend it."""
    if datasets.available(name):
        return None
    files = "、".join(datasets.expected_files(name)) if text.language() == "zh-TW" else ", ".join(datasets.expected_files(name))
    return Problem("problem.dataset_unavailable", "dataset", {"dataset": name, "reason": datasets.origin(name), "files": files})


def engine_problem() -> Problem | None:
    """Why nothing can be trained now, as far as the engine goes."""
    running = engine.current()
    return running.problem if running else Problem("problem.engine_starting")


# ---- what the buttons do ----


def train(replay: bool = True) -> None:
    """Submit the knobs as they stand; an equal run is joined, and played from its beginning."""
    experiment, _ = draft.checked()
    if experiment:
        _show(lambda running: running.submit(experiment, owner=session.owner()), experiment)
        if replay:
            session.put(session.REPLAY, session.get(session.REPLAY, 0) + 1)


def train_new_seed() -> None:
    highest = int(catalog.BOUNDS["seed"].high)
    draft.take(seed=(draft.last_valid().seed + 1) % (highest + 1))
    train()


def pause(run_id: str) -> None:
    """Stop, keeping the weights; Resume goes on from them."""
    _leave(run_id)
    session.put(session.PAUSED, run_id)


def stop(run_id: str) -> None:
    _leave(run_id)
    session.put(session.PAUSED, None)


def _leave(run_id: str) -> None:
    if running := engine.current():
        running.cancel(run_id, owner=session.owner())


def resume(run_id: str) -> None:
    """Go on from the latest weights, with whatever knobs a run can follow, to the epochs that the knob says."""
    _continue(run_id, None)


def one_epoch(run_id: str) -> None:
    _continue(run_id, 1)


def _continue(run_id: str, epochs: int | None) -> None:
    experiment = draft.last_valid()
    done = int(epoch_of(history(run_id)))
    left = experiment.epochs - done if experiment.epochs > done else experiment.epochs
    changes = _followable(experiment) | {"epochs": epochs or left}
    _show(lambda running: running.branch(run_id, changes, owner=session.owner()), experiment)


def follow_knobs(view: RunView, experiment: Experiment | None) -> None:
    """While a run goes, a turned knob makes a continuation from the weights it has; other knobs wait for Train."""
    asked = session.get(session.ASKED)
    if not view.live or experiment is None or asked is None or experiment == asked or waiting_knobs(view, experiment):
        return
    changes = _followable(experiment)
    if experiment.epochs == asked.epochs:
        changes.pop("epochs")
    else:
        changes["epochs"] = max(1, experiment.epochs - int(epoch_of(view)))
    _show(lambda running: running.branch(view.run_id, changes, owner=session.owner()), experiment)


def waiting_knobs(view: RunView, experiment: Experiment | None) -> tuple[str, ...]:
    """Settings in which the knobs differ from the run on screen and which it cannot follow."""
    if experiment is None or view.experiment is None:
        return ()
    fields = [name for name in Experiment.model_fields if name not in (*draft.CONTINUABLE, "continues", "version")]
    return tuple(name for name in fields if getattr(experiment, name) != getattr(view.experiment, name))


def differs(view: RunView, experiment: Experiment | None) -> bool:
    """Whether the picture is of other settings than the knobs say (epochs apart: a run may have been stopped or stepped)."""
    if experiment is None or view.experiment is None:
        return view.experiment is not None
    names = [name for name in Experiment.model_fields if name not in ("epochs", "continues", "version")]
    return any(getattr(experiment, name) != getattr(view.experiment, name) for name in names)


def _followable(experiment: Experiment) -> dict[str, Any]:
    plain = experiment.model_dump()
    return {name: plain[name] for name in draft.CONTINUABLE}


def _show(ask, experiment: Experiment) -> None:
    """Put the run that `ask(engine)` returns on screen, or keep the reason of the refusal."""
    running = engine.current()
    session.put(session.REFUSAL, None)
    try:
        if running is None:
            raise Refused(Problem("problem.engine_starting"))
        session.put(session.RUN, ask(running))
    except Refused as refused:
        session.put(session.REFUSAL, refused.problem)
        return
    except InvalidExperiment as error:
        session.put(session.REFUSAL, error.problems[0])
        return
    session.put(session.ASKED, experiment)
    session.put(session.PAUSED, None)
    session.put(session.EPOCH, None)


def pin(run_id: str) -> None:
    pins = [pinned for pinned in session.get(session.PINS, ()) if pinned != run_id]
    session.put(session.PINS, tuple([*pins, run_id][-(draft.MAX_SHOWN - 1) :]))


def unpin(run_id: str) -> None:
    session.put(session.PINS, tuple(pinned for pinned in session.get(session.PINS, ()) if pinned != run_id))


def train_six() -> None:
    """Six submits on the same data, seed and pace; equal runs are joined."""
    base = draft.last_valid()
    running = engine.current()
    session.put(session.REFUSAL, None)
    six: dict[str, str] = {}
    for name in (name for name, variant in catalog.VARIANTS.items() if variant.lecture):
        experiment = preset(base.dataset, name, seed=base.seed, train_size=base.train_size, epochs=base.epochs)
        try:
            if running is None:
                raise Refused(Problem("problem.engine_starting"))
            six[name] = running.submit(experiment, owner=session.owner())
        except Refused as refused:
            session.put(session.REFUSAL, refused.problem)
            break
    session.put(session.SIX, six)


# ---- the region that moves ----


def region(view: RunView) -> None:
    """Film and charts of the run on screen and the pinned ones; polls only while something is going."""
    moving = view.live or any(history(pinned).live for pinned in session.get(session.PINS, ()))
    st.fragment(_region, run_every=POLL if moving else None, key="region")(view.run_id, view.live)


def _region(run_id: str, was_live: bool) -> None:
    with errors.contained("live"):
        view = history(run_id)
        if was_live and not view.live:
            st.rerun()
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="region_head"):
            state_line(view)
            look = _choose("view", ("images", "features", "activity"))
        shown = _shown_runs(view)
        state = film(shown, texts=film_texts(), view=look, key="film", live=was_live, replay=session.get(session.REPLAY, 0))
        if state.epoch != session.get(session.EPOCH):
            session.put(session.EPOCH, state.epoch)
            draft.write_link()


def _shown_runs(view: RunView) -> list[FilmRun]:
    """The run on screen and the pinned ones; a run that is nowhere is left out, so that the film asks for it when it is there."""
    views = {view.run_id: view} | {pinned: history(pinned) for pinned in session.get(session.PINS, ()) if pinned != view.run_id}
    return [FilmRun(run_id, title_of(one), run_id != view.run_id) for run_id, one in views.items() if one.state != "missing"]


def _choose(key: str, names: Sequence[str]) -> str:
    """One of a few views; a value that was never offered counts as the first."""
    st.session_state.setdefault(key, names[0])
    chosen = st.segmented_control(
        t(f"{key}.label"), names, format_func=lambda name: t(f"{key}.{name}"), key=key, required=True, label_visibility="collapsed"
    )
    return chosen if chosen in names else names[0]


def film_texts() -> Mapping[str, str]:
    """The film's sentences with their places for numbers unfilled: it fills them in the browser."""
    words = text.catalogue(text.language())
    return {name: words[f"film.{name}"] for name in TEXT_KEYS}


def title_of(view: RunView) -> str:
    if view.experiment is None:
        return t("state.missing")
    return f"{t(f'variant.{variant_of(view.experiment)}.name')} · {view.run_id[:6]}"


# ---- what the run says ----


def events_of(view: RunView, kind: str) -> list[Any]:
    return [event for event in view.events if event.kind == kind]


def epoch_of(view: RunView) -> float:
    """Epochs done."""
    moments = events_of(view, "progress")
    return float(moments[-1].epoch) if moments else float(view.experiment.continues[1] if view.experiment and view.experiment.continues else 0)


def state_line(view: RunView) -> None:
    """One line that says how far the run is, and for each bad end a second one that says what to do."""
    sentence, icon, hint = _state(view)
    with st.container(key=f"state_{view.state}", gap="xsmall"):
        st.markdown(f":material/{icon}: {sentence}")
        if hint:
            st.text(hint)
        if view.restarts and view.live:
            st.text(t("state.restarted", n=view.restarts))


def _state(view: RunView) -> tuple[str, str, str]:
    """(sentence, icon, hint)."""
    epoch = int(epoch_of(view))
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
        return t("state.finished", epoch=epoch, time=text.duration(seconds_of(view))), "check_circle", hint
    if view.state == "diverged":
        found = events_of(view, "diverged")
        term = text.setting(found[-1].term) if found else ""
        rate = (view.experiment.learning_rate if view.experiment else 0.01) / 10
        return t("state.diverged", term=term, epoch=epoch), "trending_up", t("state.diverged_hint", rate=rate)
    if view.state == "missing" and engine.current() is None:
        return t("state.no_engine"), "hourglass_empty", ""
    hints = {"interrupted": "state.interrupted_hint", "missing": "state.missing_hint"}
    return t(f"state.{view.state}"), "info", hint or (t(hints[view.state]) if view.state in hints else "")


def _running(view: RunView, epoch: int) -> str:
    started, moments = events_of(view, "started"), events_of(view, "progress")
    if not started:
        return t("state.starting")
    total = started[-1].last_epoch
    speed = moments[-1].measures.get("samples_per_second") if moments else None
    if view.seconds_left is None or not speed:
        return t("state.running_plain", epoch=epoch, total=total)
    return t("state.running", epoch=epoch, total=total, left=text.duration(view.seconds_left), speed=round(speed, -2) or speed)


def seconds_of(view: RunView) -> float:
    moments = events_of(view, "progress")
    return float(moments[-1].seconds) if moments else 0.0


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
            data=t(f"dataset.{data.name}.name"),
            licence=data.licence,
            time=text.duration(seconds_of(view)),
            device=started[-1].device,
        )
        + "  \n"
        + t("figure.foot_sample", n=started[-1].test_samples)
    )


def at_epoch(moments: Sequence[Any], epoch: float | None) -> Any:
    """The recorded moment at which the slider stands: the last one not after it; the newest for None."""
    if epoch is None:
        return moments[-1]
    return next((moment for moment in reversed(moments) if moment.epoch <= epoch + 1e-9), moments[0])


# ---- buttons ----


def train_row(view: RunView, experiment: Experiment | None, reason: Problem | None) -> None:
    """Train, pause or resume, one epoch, stop; always in sight. Where Train is off, the reason stands with it."""
    with st.container(key="train_row"):
        for problem in (reason, session.get(session.REFUSAL)):
            if problem:
                st.text(text.problem(problem))
        waiting = waiting_knobs(view, experiment) if view.live else ()
        if waiting:
            st.text(t("train.waits", settings=[text.setting(name) for name in waiting]))
        st.button(
            t("train.start"), key="train", icon=":material/play_arrow:", type="primary", width="stretch",
            on_click=train, disabled=reason is not None, help=t("train.start_help"),
        )  # fmt: skip
        with st.container(horizontal=True, gap="xsmall", key="train_small"):
            _small_buttons(view, reason)


def _small_buttons(view: RunView, reason: Problem | None) -> None:
    goes_on = reason is None and view.state in ("stopped", "finished", "interrupted", "failed") and bool(view.events)
    if view.live:
        _small("pause", "pause", pause, view.run_id)
    else:
        paused = view.state == "stopped"
        _small("resume", "resume", resume, view.run_id, disabled=not (goes_on and paused))
    _small("one_epoch", "skip_next", one_epoch, view.run_id, disabled=not goes_on)
    _small("stop", "stop", stop, view.run_id, disabled=not view.live)


def _small(name: str, icon: str, action, run_id: str, disabled: bool = False) -> None:
    st.button(
        t(f"train.{name}"), key=f"train_{name}", icon=f":material/{icon}:", on_click=action, args=(run_id,),
        disabled=disabled, help=t(f"train.{name}_help"), wrap=False,
    )  # fmt: skip


def toolbar(view: RunView, experiment: Experiment | None) -> None:
    """What concerns the picture: again, another seed, pin, all six."""
    off = engine_problem() is not None or experiment is None
    with st.container(horizontal=True, gap="xsmall", key="toolbar"):
        _tool("rewind", "replay", train, (), off)
        _tool("new_seed", "casino", train_new_seed, (), off)
        if view.run_id in session.get(session.PINS, ()):
            _tool("unpin", "keep_off", unpin, (view.run_id,), False)
        else:
            _tool("pin", "keep", pin, (view.run_id,), not view.events)
        _tool("six", "grid_view", train_six, (), off)


def _tool(name: str, icon: str, action, args: tuple, disabled: bool) -> None:
    st.button(
        t(f"train.{name}"), key=f"tool_{name}", icon=f":material/{icon}:", on_click=action, args=args, disabled=disabled,
        type="tertiary", help=t(f"train.{name}_help") if text.has(f"train.{name}_help") else None,
    )  # fmt: skip


def six() -> None:
    """The lecture's six on the same data and seed: small multiples and a table against PCA."""
    runs = session.get(session.SIX) or {}
    if runs:
        moving = any(history(run_id).live for run_id in runs.values())
        st.fragment(_six, run_every=2 * POLL if moving else None, key="six")(runs, moving)


def _six(runs: Mapping[str, str], was_moving: bool) -> None:
    with errors.contained("six"), st.container(border=True, key="six_panel"):
        views = {name: history(run_id) for name, run_id in runs.items()}
        if was_moving and not any(view.live for view in views.values()):
            st.rerun()
        st.subheader(t("six.title"), anchor=False)
        st.caption(t("six.sentence"))
        shown = [FilmRun(view.run_id, t(f"variant.{name}.name")) for name, view in views.items() if view.state != "missing"]
        film(shown, texts=film_texts(), view="images", key="film_six", live=was_moving)
        st.table(_six_rows(views), hide_index=True, border="horizontal")
        st.button(t("six.close"), key="six_close", on_click=session.put, args=(session.SIX, {}), type="tertiary")


def _six_rows(views: Mapping[str, RunView]) -> dict[str, list[str]]:
    """One column a measure, one row a variant; a dash where a run has not got there yet."""
    names = ("squared_error", "l0", "dead", "jacobian", "probe_few")
    rows: dict[str, list[str]] = {t("measure.variant"): [t(f"variant.{name}.name") for name in views]}
    for name in names:
        rows[t(f"measure.{name}")] = [_or_dash(measures_of(view).get(name)) for view in views.values()]
    rows[t("figure.pca")] = [_or_dash(measures_of(view).get("pca_error")) for view in views.values()]
    rows[t("measure.state")] = [_state(view)[0] for view in views.values()]
    return rows


def _or_dash(value: float | None) -> str:
    return "–" if value is None else text.number(value)


def measures_of(view: RunView, epoch: float | None = None) -> dict[str, float]:
    """What was measured at a moment; at the newest one of a finished run also the measures of its end, and PCA where it is known."""
    moments, ends, pca = events_of(view, "progress"), events_of(view, "finished"), events_of(view, "baseline")
    found = {"pca_error": pca[-1].pca_error, "mean_error": pca[-1].mean_error} if pca else {}
    if moments:
        found |= at_epoch(moments, epoch).measures
    return found | (dict(ends[-1].metrics) if ends and epoch is None else {})
