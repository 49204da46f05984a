"""A page's question to a study: how it stands, and asking it. No link starts work: `press` asks, `asked` only looks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from pages.ui import session, tables, text
from pages.ui.text import duration, t
from replearn_core import claims, engine, studies, tasks
from replearn_core.engine import Refused, TaskView
from replearn_core.experiment import InvalidExperiment, Problem

REFUSAL = "questions.refusal"  # (task id, Problem) with which the engine refused the last press
NOTHING = TaskView("none", "missing")


@dataclass(frozen=True)
class Asked:
    """task: None where it cannot be asked. view: how the answer stands. problem: why there is none. shipped: the answer came with
    the app, and nobody has computed it here."""

    task: tasks.Task | None
    view: TaskView
    problem: Problem | None = None
    shipped: bool = False


def asked(
    study: str,
    options: Mapping[str, float | str],
    *,
    lacking: Callable[[tasks.Task], Problem | None] = lambda task: None,
    folders: tuple[Path, ...] = (claims.SHIPPED,),
) -> Asked:
    """How a study with these settings stands. lacking: what else is in the way, told before anybody waits. folders: of answers
    that came with the app."""
    try:
        task = tasks.Task.from_values({"kind": studies.PREFIX + study, "options": dict(options)})
        assert task.experiment is not None  # a study names its data
        tasks.check(task, task.experiment)
    except InvalidExperiment as error:
        return Asked(None, NOTHING, error.problems[0])
    except tasks.CannotAnswer as error:
        return Asked(None, NOTHING, error.problem)
    running = engine.current()
    view = running.task(task.id) if running else NOTHING
    told = refusal(task, view)
    if view.state not in ("missing", "failed"):
        return Asked(task, view, told)
    kept = next(filter(None, (claims.shipped_answer(task.id, folder) for folder in folders)), None)
    if kept is not None:
        return Asked(task, TaskView(task.id, "finished", progress=1.0, answer=kept), told, shipped=True)
    found = lacking(task)
    return Asked(task, view, told) if found is None else Asked(None, view, found)


def refusal(task: tasks.Task, view: TaskView) -> Problem | None:
    """Why there is no answer: the engine refused the press, the task failed, or there is no engine yet."""
    refused = session.get(REFUSAL)
    if engine.current() is None:
        return Problem("problem.engine_starting")
    if view.state == "failed":
        return view.problem or Problem("problem.task_failed", "", {"error": "–"})
    return refused[1] if refused and refused[0] == task.id and view.state == "missing" else None


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


# ---- what every such page shows ----


def button(question: Asked, key: str) -> None:
    """Train and measure; off while it goes or where there is nothing to ask."""
    st.button(
        t(f"properties.{'recompute' if question.shipped else 'again' if question.view.state == 'failed' else 'run'}"),
        key=key,
        type="primary",
        icon=":material/play_arrow:",
        disabled=question.task is None or question.view.live or (question.view.state == "finished" and not question.shipped),
        on_click=press,
        args=(question.task,),
    )


def invite(question: Asked, page: str, sentence: str) -> None:
    """Before anybody has asked: what there will be, what it costs, and the button; or why it cannot be had. page: of the keys."""
    with st.container(border=True, key=f"{page}_invite"):
        if question.problem is not None:
            st.text(text.problem(question.problem))
        if question.task is None:
            return
        st.markdown(sentence)
        options = question.task.options
        seconds = studies.estimated_seconds(question.task.kind.removeprefix(studies.PREFIX), options)
        st.caption(t("properties.cost", seeds=int(options["seeds"]), time=duration(seconds)))
        button(question, f"{page}_run_here")


def working(task: tasks.Task, now: Callable[[], Asked], page: str) -> TaskView:
    """In a fragment that polls: how far the engine is, and the button that gives it up. Its end draws the whole page anew.

    now: the page's question as it stands. page: of the keys.
    """
    view = now().view
    if not view.live or view.task_id != task.id:
        st.rerun()
    with st.container(border=True, key=f"{page}_working"):
        far, end = st.columns([5, 1], vertical_alignment="center")
        with far:
            st.progress(min(max(view.progress, 0.0), 1.0), text=t("properties.working", percent=round(100 * view.progress)))
            if view.position:
                st.caption(t("properties.queued", n=view.position))
        with end:
            st.button(t("properties.stop"), key=f"{page}_stop", icon=":material/stop:", on_click=stop, args=(task,))
    return view


def origin(question: Asked) -> None:
    """Of an answer that came with the app: when it was made, in how long."""
    if question.shipped and question.view.answer:
        made = claims.made(question.view.answer)
        st.caption(":material/inventory_2: " + t("properties.shipped", date=made["date"], time=duration(made["seconds"])))


def findings(told: Mapping[str, Any], sentence: Callable[[str, Mapping[str, float]], str]) -> None:
    """All comparisons of an answer, those without effect too. sentence: of (key, numbers)."""
    with st.expander(t("properties.all_findings", n=len(told["findings"])), icon=":material/checklist:"):
        for key, numbers in told["findings"]:
            st.markdown(f"- {sentence(key, numbers)}")
        st.caption(t("properties.how"))
        tables.offer_study(told, sentence)
