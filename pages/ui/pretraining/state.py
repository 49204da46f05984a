"""Which part is on screen, with which knobs, and how its question stands. Nothing is computed here, and no link starts work."""

from dataclasses import dataclass

import streamlit as st

from pages.ui import session
from pages.ui.address import Address
from replearn_core import claims, datasets, engine, studies, tasks
from replearn_core.engine import Refused, TaskView
from replearn_core.experiment import InvalidExperiment, Problem
from replearn_core.options import Choice, Option

PARTS = ("pretraining", "borders")
REFUSAL = "pretraining.refusal"  # (task id, Problem) with which the engine refused the last press


def part() -> str:
    """The part on screen: the name of its study."""
    found = session.get("pretraining.turned", {}).get("part", PARTS[0])
    return found if found in PARTS else PARTS[0]


def options_of(name: str) -> dict[str, Option]:
    """The settings of a part by name."""
    chosen: dict[str, Option] = {"part": Choice("part", PARTS, PARTS[0])}
    return chosen | {one.name: one for one in studies.options_of(name)}


ADDRESS = Address("pretraining", lambda: options_of(part()))


def follow_link() -> None:
    """Take over what the address says, once per address; which settings there are depends on the part that it names."""
    query = {key: st.query_params.get_all(key) for key in st.query_params if key != "lang"}
    asked = query.get("part", [PARTS[0]])[-1]
    if query and repr(sorted(query.items())) != session.get("pretraining.query") and asked in PARTS:
        session.put("pretraining.turned", {"part": asked})
    ADDRESS.follow()


def show(name: str) -> None:
    """Another part: settings that both have stay."""
    if name not in PARTS:
        return
    known = options_of(name)
    kept = {key: value for key, value in dict(session.get("pretraining.turned", {})).items() if key in known and key != "part"}
    session.put("pretraining.turned", kept | ({"part": name} if name != PARTS[0] else {}))
    session.put("pretraining.problems", ())


def usual() -> None:
    """All knobs of the part on screen back to their defaults."""
    session.put("pretraining.turned", {"part": part()} if part() != PARTS[0] else {})


def values() -> dict[str, float | str]:
    """Every setting of the part on screen."""
    return {name: ADDRESS.values[name] for name in options_of(part()) if name != "part"}


# ---- the question ----


@dataclass(frozen=True)
class Asked:
    """task: None where the knobs do not go together. view: how the answer stands. problem: why there is none. shipped: the answer
    came with the app, and nobody has computed it here."""

    task: tasks.Task | None
    view: TaskView
    problem: Problem | None = None
    shipped: bool = False


def question() -> Asked:
    """How the study on screen stands; asking for it is `press`'s."""
    nothing, options = TaskView("none", "missing"), values()
    try:
        task = tasks.Task.from_values({"kind": studies.PREFIX + part(), "options": options})
        assert task.experiment is not None
        tasks.check(task, task.experiment)
    except InvalidExperiment as error:
        return Asked(None, nothing, error.problems[0])
    except tasks.CannotAnswer as error:
        return Asked(None, nothing, error.problem)
    running, refused, kept = engine.current(), session.get(REFUSAL), claims.shipped_answer(task.id)
    view = running.task(task.id) if running else nothing
    told = refused[1] if refused and refused[0] == task.id and view.state == "missing" else None
    if view.state == "failed":
        told = view.problem or Problem("problem.task_failed", "", {"error": "–"})
    if running is None:
        told = Problem("problem.engine_starting")
    if kept is not None and view.state in ("missing", "failed"):
        return Asked(task, TaskView(task.id, "finished", progress=1.0, answer=kept), told, shipped=True)
    dataset = str(options["dataset"])
    if view.state in ("missing", "failed") and not datasets.available(dataset):
        numbers = {"dataset": dataset, "reason": "missing", "files": datasets.expected_files(dataset)}
        return Asked(None, view, Problem("problem.dataset_unavailable", "dataset", numbers))
    return Asked(task, view, told)


def press(task: tasks.Task) -> None:
    """Ask the engine; equal questions of all visitors are one computation."""
    running = engine.current()
    if running is None:
        return
    session.put(REFUSAL, None)
    try:
        running.compute(task, owner=session.owner(), again=running.task(task.id).state == "failed")
    except Refused as refused:
        session.put(REFUSAL, (task.id, refused.problem))


def stop(task: tasks.Task) -> None:
    """Give it up; whoever else waits for it still gets it."""
    if (running := engine.current()) is not None:
        running.cancel(task.id, owner=session.owner())
