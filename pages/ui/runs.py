"""Runs as the pages see them: which one is on screen, what its events say, and what each button asks of the engine."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pages.ui import draft, session
from pages.ui.text import t
from replearn_core import catalog, datasets, engine
from replearn_core.engine import Engine, Refused, RunView
from replearn_core.experiment import Experiment, InvalidExperiment, Problem
from replearn_core.presets import preset, variant_of

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
    if catalog.is_own(name):
        return Problem("problem.own_left", "dataset")
    files = [file.removeprefix("REPLEARN_DATA/") for file in datasets.expected_files(name)]
    return Problem("problem.dataset_unavailable", "dataset", {"dataset": name, "reason": datasets.origin(name), "files": files})


def engine_problem() -> Problem | None:
    """Why nothing can be trained now, as far as the engine goes."""
    running = engine.current()
    return running.problem if running else Problem("problem.engine_starting")


# ---- what the buttons do ----


def train() -> None:
    """Submit the knobs as they stand; an equal run is joined, and played from its beginning."""
    experiment, _ = draft.checked()
    before = session.get(session.RUN)
    if experiment and _show(lambda running: running.submit(experiment, owner=session.owner()), experiment):
        session.put(session.REPLAY, session.get(session.REPLAY, 0) + 1)
        if before and before not in (experiment.id, *session.get(session.PINS, ()), *(session.get(session.SIX) or {}).values()):
            _leave(before)  # nobody watches it any more, unless somebody else does


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


def _show(ask: Callable[[Engine], str], experiment: Experiment) -> bool:
    """Put the run that `ask(engine)` returns on screen, or keep the reason of the refusal. Returns whether it was accepted."""
    running = engine.current()
    session.put(session.REFUSAL, None)
    try:
        if running is None:
            raise Refused(Problem("problem.engine_starting"))
        session.put(session.RUN, ask(running))
    except Refused as refused:
        session.put(session.REFUSAL, refused.problem)
        return False
    except InvalidExperiment as error:
        session.put(session.REFUSAL, error.problems[0])
        return False
    session.put(session.ASKED, experiment)
    session.put(session.PAUSED, None)
    session.put(session.EPOCH, None)
    session.put(session.START, None)
    return True


def pin(run_id: str) -> None:
    pins = [pinned for pinned in session.get(session.PINS, ()) if pinned != run_id]
    session.put(session.PINS, tuple([*pins, run_id][-(draft.MAX_SHOWN - 1) :]))


def unpin() -> None:
    session.put(session.PINS, ())


def train_six() -> None:
    """Six submits on the same data, seed and pace; equal runs are joined."""
    base = draft.last_valid()
    running = engine.current()
    session.put(session.REFUSAL, None)
    six: dict[str, str] = {}
    for name in draft.LECTURE:
        experiment = preset(base.dataset, name, seed=base.seed, train_size=base.train_size, epochs=base.epochs)
        try:
            if running is None:
                raise Refused(Problem("problem.engine_starting"))
            six[name] = running.submit(experiment, owner=session.owner())
        except Refused as refused:
            session.put(session.REFUSAL, refused.problem)
            break
    session.put(session.SIX, six)
    session.put(session.SIX_ASKED, six)


# ---- what the events say ----


def events_of(view: RunView, kind: str) -> list[Any]:
    return [event for event in view.events if event.kind == kind]


def epoch_of(view: RunView) -> float:
    """Epochs done."""
    moments = events_of(view, "progress")
    return (
        float(moments[-1].epoch)
        if moments
        else float(view.experiment.continues[1] if view.experiment and view.experiment.continues else 0)
    )


def seconds_of(view: RunView) -> float:
    """Seconds of training so far, those of the runs that this one continues among them."""
    origins = view.origins or (view.run_id,) * len(view.events)
    ends: dict[str, float] = {}
    for event, origin in zip(view.events, origins, strict=True):
        if event.kind == "progress":
            ends[origin] = event.seconds  # type: ignore[union-attr]
    return float(sum(ends.values()))


def at_epoch(moments: Sequence[Any], epoch: float | None) -> Any:
    """The recorded moment at which the slider stands: the last one not after it; the newest for None."""
    if epoch is None:
        return moments[-1]
    return next((moment for moment in reversed(moments) if moment.epoch <= epoch + 1e-9), moments[0])


def title_of(view: RunView) -> str:
    if view.experiment is None:
        return t("state.missing")
    name = t(f"variant.{variant(view.experiment)}.name")
    return t("figure.run_title", variant=name, seed=str(view.experiment.seed), run=view.run_id[:6])


variant = lru_cache(maxsize=512)(variant_of)  # thirteen presets are made to find the nearest; polls ask twice a second


# ---- what the run says ----


def measures_of(view: RunView, epoch: float | None = None) -> dict[str, float]:
    """What was measured at a moment, and PCA where it is known; at the newest one of a finished run also its last measures."""
    moments, ends, pca = events_of(view, "progress"), events_of(view, "finished"), events_of(view, "baseline")
    found = {"pca_error": pca[-1].pca_error, "mean_error": pca[-1].mean_error} if pca else {}
    if moments:
        found |= at_epoch(moments, epoch).measures
    return found | (dict(ends[-1].metrics) if ends and epoch is None else {})


def pca_error(measured: Mapping[str, float]) -> float | None:
    """PCA's error; None where a code as wide as the data lets PCA rebuild everything, and there is nothing to compare with."""
    pca = measured.get("pca_error")
    return pca if pca is not None and pca > 1e-6 * measured.get("mean_error", 1.0) else None
