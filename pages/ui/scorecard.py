"""The scorecard of one run: a number for each ideal property beside its reference, and what that means in plain words.

The properties page shows it for any run, the autoencoder lab beneath a run that has ended. Computed on a press, by the engine.
"""

from collections.abc import Callable, Mapping

import streamlit as st

from pages.ui import fragments, plot, questions, runs, session, tables, text
from pages.ui.latent import asking, knobs
from pages.ui.text import t
from replearn_core import engine, properties, tasks
from replearn_core.engine import RunView, TaskView
from replearn_core.properties.scorecard import FEW, ROWS

POLL = 1.0  # seconds
RUN = "scorecard.run"  # the widget that chooses the run
WIDTH = 170  # CSS pixels of one number
SHARES = ("labels", "hierarchical", "manifold")  # in percent


def choose(run_id: str, take: Callable[[str], None]) -> None:
    """Which run the scorecard is about: the latest ones, and those that came with the app."""
    view = runs.history(run_id or asking.usual_run())
    choices = asking.choices(view)
    labels = {one: knobs.run_label(one, experiment) for one, experiment in choices.items()}
    st.session_state[RUN] = view.run_id if view.run_id in choices else None
    st.selectbox(
        t("knob.run.name"),
        tuple(choices),
        format_func=lambda one: labels.get(one, str(one)[:6]),
        key=RUN,
        placeholder=t("scorecard.choose"),
        on_change=lambda: take(session.get(RUN)) if session.get(RUN) in choices else None,
    )
    if view.experiment is not None:
        st.caption(knobs.about(view))


def page(run_id: str) -> None:
    """The whole scorecard of the chosen run, for the properties page."""
    view = runs.history(run_id or asking.usual_run())
    if view.experiment is None:
        st.text(t("explorer.unknown_run"))
        return
    show(view)


def beneath(view: RunView) -> None:
    """The scorecard under a run that has ended, for the lab; nothing while it goes, or where it learned nothing."""
    if view.live or view.experiment is None or not asking.epochs_of(view):
        return
    with st.container(border=True, key="scorecard"):
        st.markdown(f"**{t('scorecard.title')}**")
        show(view)


def show(view: RunView) -> None:
    """Numbers if they are there, else the button, or how far they are. Never waits."""
    try:
        assert view.experiment is not None
        task = tasks.settled(tasks.asked("scorecard", run=view.run_id), view.experiment, asking.epochs_of(view))
    except tasks.CannotAnswer as error:
        st.text(text.problem(error.problem))
        return
    standing = _standing(task)
    if standing.live:
        fragments.region(_waiting, run_every=POLL, key="scorecard_waiting")(task)
    elif standing.state == "finished":
        _numbers(standing.numbers, view)
    else:
        _invite(task, standing)


def _standing(task: tasks.Task) -> TaskView:
    running = engine.current()
    return running.task(task.id) if running else TaskView(task.id, "missing")


def _waiting(task: tasks.Task) -> None:
    """Polls; its end draws the whole page anew."""
    view = _standing(task)
    if not view.live:
        st.rerun()
    st.progress(min(max(view.progress, 0.0), 1.0), text=t("scorecard.working", percent=round(100 * view.progress)))


def _invite(task: tasks.Task, standing: TaskView) -> None:
    problem = questions.refusal(task, standing)
    if problem is not None:
        st.text(text.problem(problem))
    st.caption(t("scorecard.invite"))
    st.button(
        t("scorecard.measure"), key="scorecard_measure", icon=":material/fact_check:", on_click=questions.press, args=(task,)
    )


# ---- the row of numbers ----


def _numbers(numbers: Mapping[str, float], view: RunView) -> None:
    """One number a property with its reference, then one sentence each."""
    with st.container(horizontal=True, key="scorecard_row"):
        for name in ROWS:
            reference = numbers.get(f"{name}.reference")
            beside = None if reference is None else t(f"scorecard.{name}.reference", value=shown(name, reference))
            st.metric(
                t(f"scorecard.{name}.name"),
                shown(name, numbers.get(name)),
                beside,
                delta_color="off",
                delta_arrow="off",
                help=t(f"scorecard.{name}.help", labels=FEW),
                width=WIDTH,
            )
    st.markdown("\n".join(f"- {sentence}" for sentence in sentences(numbers)))
    assert view.experiment is not None
    st.caption(t("scorecard.about", seed=str(view.experiment.seed), run=view.run_id[:8]))
    tables.offer("scorecard", lambda: tables.of_columns(columns(numbers)), t("scorecard.csv"))


def columns(numbers: Mapping[str, float]) -> dict[str, list[float | str | None]]:
    """The same numbers as a table: a row a property with its reference."""
    return {
        t("measure.measure"): [t(f"scorecard.{name}.name") for name in ROWS],
        t("scorecard.this_run"): [numbers.get(name) for name in ROWS],
        t("scorecard.compared"): [numbers.get(f"{name}.reference") for name in ROWS],
    }


def sentences(numbers: Mapping[str, float]) -> list[str]:
    """A plain reading of each property, and how many numbers the codes and the inputs seem to need."""
    found = [t(key, labels=FEW) for key in properties.readings(numbers).values()]
    if "intrinsic_dimension" in numbers and "intrinsic_dimension.reference" in numbers:
        codes, inputs = numbers["intrinsic_dimension"], numbers["intrinsic_dimension.reference"]
        found.append(t("scorecard.dimension", codes=codes, inputs=inputs))
    return found


def shown(name: str, value: float | None) -> str:
    """A number with its unit: accuracies and trustworthiness in percent; a dash where it was not measured."""
    if value is None:
        return "–"
    if name == "distributed":
        return text.number(int(value))
    return t("measure.percent", n=plot.three(100 * value)) if name in SHARES else plot.three(value)
