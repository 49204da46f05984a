"""What is on the deployment page: a run, how its smaller forms are made, the product's terms; and how the measuring stands."""

import streamlit as st

from pages.ui import questions, session
from pages.ui.address import Address
from pages.ui.latent import asking
from replearn_core import engine, tasks
from replearn_core.applications.deployment import product
from replearn_core.catalog import Knob
from replearn_core.engine import RunView, TaskView
from replearn_core.experiment import Problem
from replearn_core.options import Option
from replearn_core.presets import preset

FORMS = ("pruned", "energy", "student")
TERMS: dict[str, tuple[float, ...]] = {
    "traffic": tuple(10.0**power for power in range(3, 13)),
    "budget": product.BUDGETS,
    "price": (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
    "revenue": product.REVENUES,
    "storage": (0.0, 0.01, 0.1, 1.0, 10.0, 100.0),
    "watts": (2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 100.0),
}
"""The product's terms and the stops of their knobs: decisions a day, seconds, money a core-hour, money a correct decision, money
a day for each megabyte of the model's file, watts of a busy core."""
_USUAL = {**product.TERMS, "budget": product.BUDGET, "revenue": 1e-7, "watts": 15.0}


def _options_of(_: str) -> dict[str, Option]:
    task = {option.name: option for option in tasks.KINDS["deployment"].options if option.name != "rounds"}
    terms = {name: Knob(name, rf"\text{{{name}}}", min(stops), max(stops), _USUAL[name]) for name, stops in TERMS.items()}
    return {**task, **terms}


ADDRESS = Address("deployment", _options_of, about_run=True)


def usual_run() -> str:
    """The run that this visitor saw last, else the deep one that came with the app: the first is too small to be made smaller."""
    return asking.usual_run() if session.get(session.RUN) else preset("digits", "deep").id


def term(name: str) -> float:
    return float(ADDRESS.values[name])


def question(view: RunView) -> tuple[tasks.Task | None, TaskView, Problem | None]:
    """(the question about this run, how it stands, why it cannot be answered); asking it is `questions.press`'s."""
    nothing = TaskView("none", "missing")
    if view.experiment is None:
        return None, nothing, view.problem or Problem("explorer.unknown_run", "run")
    values = ADDRESS.values
    options = {name: values[name] for name in (*FORMS, "again")}
    try:
        task = tasks.Task.from_values({"kind": "deployment", "run": view.run_id, "options": options})
        task = tasks.settled(task, view.experiment, asking.epochs_of(view))
    except tasks.CannotAnswer as error:
        return None, nothing, error.problem
    running = engine.current()
    standing = running.task(task.id) if running else nothing
    return task, standing, questions.refusal(task, standing)


def once_more(task: tasks.Task) -> None:
    """Measure anew: another try is another question."""
    ADDRESS.take("again", (float(task.options["again"]) + 1) % 1_001)
    questions.press(task.changed(again=float(ADDRESS.values["again"])))


def is_dark() -> bool:
    return st.context.theme.type == "dark"
