"""Questions to the engine: a look becomes tasks; what is kept is shown, and what is not is computed once the visitor may work.

Nothing heavy happens here: the engine's workers answer, and equal questions of all visitors are one computation.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from pages.ui import draft, session
from pages.ui.latent import look as looks
from pages.ui.latent.look import Look
from pages.ui.own import sets as own_sets
from pages.ui.runs import history
from replearn_core import catalog, engine, tasks
from replearn_core.engine import Refused, RunView, TaskView
from replearn_core.engine.lineage import recorded_epochs
from replearn_core.experiment import Experiment, InvalidExperiment, Problem

OPEN = "latent.open"  # ids of tasks that this visitor asked for and that may not have ended
FOLLOWED = "latent.followed"  # Followed: which epoch of a run that goes is on screen, and which one is on its way
FILMED = "latent.filmed"  # (run, epoch): where the film of a run that goes ends
PASSING = ("problem.engine_starting", "problem.engine_lost", "problem.queue_full", "problem.owner_queue_full")
PASSED = ("problem.task_failed", "problem.quarantined", "problem.time_limit", "problem.out_of_memory")
"""Failures that another try may get past; what a question itself is refused for stays as it is."""
PACE = 6.0  # seconds between two maps of a run that goes


@dataclass(frozen=True)
class Asked:
    """One question: its settled id, how it stands, why it cannot be answered if it cannot; `new`: nobody has asked it yet."""

    task_id: str
    view: TaskView
    problem: Problem | None = None
    new: bool = False
    failed: tasks.Task | None = None  # what can be tried once more

    @property
    def live(self) -> bool:
        return self.problem is None and self.view.live

    @property
    def later(self) -> bool:
        """Whether it was refused for now only: worth another question by itself."""
        return self.problem is not None and self.problem.key in PASSING

    @property
    def finished(self) -> bool:
        return self.view.state == "finished"

    @property
    def arrays(self) -> Mapping[str, np.ndarray]:
        return self.view.arrays if self.finished else {}

    @property
    def numbers(self) -> Mapping[str, float]:
        return self.view.numbers if self.finished else {}


def question(look: Look, view: RunView, kind: str, **options: float | str) -> Asked:
    """The question as it stands now. Computes it where that is allowed and it is not kept."""
    try:
        task = tasks.Task.from_values({"kind": kind, "run": look.run, "epoch": look.epoch, "options": options})
        task = _settled(task, view)
    except InvalidExperiment as error:
        return refused(kind, error.problems[0])
    except tasks.CannotAnswer as error:
        return refused(kind, error.problem)
    except Refused as error:
        return refused(kind, error.problem)
    return _standing(task)


def waiting(kind: str) -> Asked:
    """A question that cannot be asked yet, but soon."""
    return Asked(f"none-{kind}", TaskView(f"none-{kind}", "queued"))


def refused(kind: str, problem: Problem) -> Asked:
    """An id that no task has, so that a canvas can show the sentence in its place."""
    return Asked(f"none-{kind}", TaskView(f"none-{kind}", "missing"), problem)


def _settled(task: tasks.Task, view: RunView) -> tasks.Task:
    if engine.current() is None:
        raise Refused(Problem("problem.engine_starting"))
    if view.experiment is None or view.state == "damaged":
        raise Refused(view.problem or Problem("explorer.unknown_run", "run"))
    settled = tasks.settled(task, view.experiment, epochs_of(view))
    tasks.check(settled, view.experiment)
    return settled


def epochs_of(view: RunView) -> tuple[int, ...]:
    """Recorded whole epochs of the run itself: its ancestors' belong to other runs."""
    own = (
        tuple(event for event, origin in zip(view.events, view.origins) if origin == view.run_id) if view.origins else view.events
    )
    return recorded_epochs(own)


def _standing(task: tasks.Task) -> Asked:
    running, task_id = engine.current(), task.id
    if running is None:
        return Asked(task_id, TaskView(task_id, "missing"), Problem("problem.engine_starting"))
    view = running.task(task_id)
    if view.state == "failed":
        problem = view.problem or Problem("problem.task_failed", "", {"error": "–"})
        return Asked(task_id, view, problem, failed=task if problem.key in PASSED else None)
    if view.state != "missing":
        return Asked(task_id, view)
    if not looks.may_work():
        return Asked(task_id, view, new=True)
    try:
        running.compute(task, owner=session.owner())
    except Refused as refused:
        return Asked(task_id, view, refused.problem)
    session.put(OPEN, session.get(OPEN, frozenset()) | {task_id})
    return Asked(task_id, running.task(task_id))


def again(failed: Sequence[tasks.Task]) -> None:
    """Try once more what has failed: the visitor pressed for it."""
    looks.start()
    running = engine.current()
    for task in failed if running else ():
        with suppress(Refused):  # its reason stands in the place of the map
            running.compute(task, owner=session.owner(), again=True)  # type: ignore[union-attr]


def leave(wanted: frozenset[str]) -> None:
    """Give up what this visitor asked for and no longer looks at, so that nobody waits behind it."""
    running = engine.current()
    if running is None:
        return
    still = set()
    for task_id in session.get(OPEN, frozenset()):
        if not running.task(task_id).live:
            continue
        if task_id in wanted:
            still.add(task_id)
        else:
            running.cancel(task_id, owner=session.owner())
    session.put(OPEN, frozenset(still))


# ---- which run ----


def usual_run() -> str:
    """The run that this visitor saw last, else the shipped one."""
    last = session.get(session.RUN)
    return last if last and history(last).experiment else draft.FIRST.id


def choices(view: RunView) -> dict[str, Experiment]:
    """Runs to choose from, by id: the one on screen, the latest ones, those that came with the app."""
    found = {view.run_id: view.experiment} if view.experiment else {}
    running = engine.current()
    for kept in running.store.runs(60) if running else ():
        shown = kept.state not in ("damaged", "failed", "quarantined") and kept.count > 0
        if kept.experiment is not None and shown and own_sets.may_list(kept.experiment.dataset):
            found.setdefault(kept.run_id, kept.experiment)
    return found


# ---- following a run that goes ----


@dataclass(frozen=True)
class Followed:
    run: str
    shown: float | None = None
    coming: float | None = None
    since: float = 0.0


def follow(look: Look, view: RunView) -> tuple[Look | None, Look | None]:
    """(the look on screen, the one that is being computed) while a run goes; the look itself, and None, in all other cases.

    At a calm pace: the state that the worker has now is kept, its maps are computed, and when they are there they take the
    place of the last ones. None on screen: nothing is to be shown yet, for want of a whole epoch or of a press.
    """
    kept = session.get(FOLLOWED)
    if not view.live or look.epoch is not None:
        session.put(FOLLOWED, None)
        return look, None
    if not looks.may_work():
        return None, None
    if kept is None or kept.run != view.run_id:
        kept = Followed(view.run_id)
    if kept.coming is None and (kept.shown is None or time.monotonic() - kept.since > PACE):
        kept = _next(kept, view)
    session.put(FOLLOWED, kept)
    shown, coming = (None if epoch is None else replace(look, epoch=epoch) for epoch in (kept.shown, kept.coming))
    return (coming, None) if shown is None else (shown, coming)


def _next(kept: Followed, view: RunView) -> Followed:
    running, epochs = engine.current(), epochs_of(view)
    newest = epochs[-1] if epochs else 0
    if running is None or newest <= (kept.shown or 0):
        return kept
    try:
        epoch = running.checkpoint(view.run_id)
    except Refused:
        return kept
    if epoch is None or epoch <= (kept.shown or 0):
        return kept
    return Followed(kept.run, kept.shown, float(epoch), kept.since)


def arrived(look: Look) -> None:
    """The maps of `look` are there: show them from now on."""
    kept = session.get(FOLLOWED)
    if kept is not None and look.epoch != kept.shown:
        session.put(FOLLOWED, Followed(kept.run, look.epoch, None, time.monotonic()))


def filmed(view: RunView) -> float | None:
    """The epoch at which the film of a run that goes ends; None while fewer than two are recorded.

    It stays, for each further epoch would be another film, made from the beginning; `film_anew` moves it.
    """
    run, until = session.get(FILMED, (None, None))
    if run == view.run_id:
        return until
    if len(epochs_of(view)) < 2:
        return None
    film_anew(view)
    return float(epochs_of(view)[-1])


def film_anew(view: RunView) -> None:
    """Film up to the latest epoch that is recorded."""
    session.put(FILMED, (view.run_id, float(epochs_of(view)[-1])))


# ---- names in the data ----


def names_in(dataset: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(class names, factor names) of a data set, without reading it. Own data may leave, and their names with them."""
    return (own_sets.classes_of(dataset), ()) if catalog.is_own(dataset) else _names_in(dataset)


@lru_cache
def _names_in(dataset: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    from replearn_core.datasets import glyphs, manifolds, real, sprites

    if dataset in real.SETS:
        factors = ("shape", "scale", "angle", "x", "y") if dataset == "dsprites" else ()
        return real.SETS[dataset].class_names, factors
    if dataset in manifolds.SHAPES:
        return manifolds.SHAPES[dataset][1], manifolds.SHAPES[dataset][2]
    known: dict[str, Any] = {
        "digits": (tuple(map(str, range(10))), ()),
        "sprites": (sprites.SHAPES, sprites.FACTORS),
        "glyphs": (glyphs.CHARACTERS, glyphs.FACTORS),
    }
    return known.get(dataset, ((), ()))
