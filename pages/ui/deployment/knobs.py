"""The knobs of the deployment page: which run, how its smaller forms are made, and the terms of the product."""

import math

import streamlit as st

from pages.ui import powers, questions, text
from pages.ui.deployment import state
from pages.ui.latent import asking, knobs
from pages.ui.teaching import locks
from pages.ui.text import t
from replearn_core.engine import RunView

RUN = "deployment.run"  # the widget that chooses the run


def measure(view: RunView, key: str) -> None:
    """The button that measures, or does so once more."""
    task, standing, _ = state.question(view)
    st.button(
        t("deployment.again" if standing.state == "finished" else "deployment.measure"),
        key=key,
        type="primary",
        icon=":material/timer:",
        disabled=task is None or standing.live,
        on_click=state.once_more if standing.state == "finished" else questions.press,
        args=(task,),
    )


def turn(view: RunView) -> None:
    for problem in state.ADDRESS.problems:
        st.text(text.problem(problem))
    with st.container(key="deployment_knobs"):
        _run(view)
        measure(view, "deployment_measure")
        st.markdown(f"**{t('deployment.forms')}**")
        state.ADDRESS.slider("pruned")
        state.ADDRESS.slider("energy", format="%.3f")
        state.ADDRESS.slider("student")
        st.markdown(f"**{t('deployment.product')}**")
        for name, stops in state.TERMS.items():
            state.ADDRESS.exponent(name, stops, lambda value, name=name: shown(name, value))  # type: ignore[misc]


def shown(name: str, value: float) -> str:
    """A term with its unit."""
    if name == "budget":
        return t("deployment.unit.ms", n=f"{1e3 * value:g}")
    if name == "traffic":
        return t("deployment.unit.a_day", n=f"{value:,.0f}" if value < 1e6 else power_of_ten(value))
    if name == "watts":
        return t("deployment.unit.watt", n=f"{value:g}")
    return t("deployment.unit.dollar", n=f"{value:g}" if value >= 0.001 or not value else small(value))


def power_of_ten(value: float) -> str:
    """`10⁸`."""
    return powers.of_ten(round(math.log10(value)))


def small(value: float) -> str:
    """A positive number below a thousandth, as a person writes it: `3.2 × 10⁻⁸`, `10⁻⁷`."""
    power = math.floor(math.log10(value) + 1e-9)
    digits = f"{value / 10.0**power:.2g}"
    if digits == "10":  # rounded up
        digits, power = "1", power + 1
    return power_of_ten(10.0**power) if digits == "1" else f"{digits} × {power_of_ten(10.0**power)}"


def _run(view: RunView) -> None:
    if locks.hidden("run"):
        return
    choices = asking.choices(view)
    labels = {one: knobs.run_label(one, experiment) for one, experiment in choices.items()}
    now = view.run_id if view.run_id in choices else None
    bound = state.ADDRESS.bound("run", now, key=RUN, read=lambda one: one if one in choices else "")
    st.selectbox(
        t("knob.run.name"),
        tuple(choices),
        format_func=lambda one: labels.get(one, str(one)[:6]),
        placeholder=t("deployment.choose"),
        **bound,
    )
    if view.experiment is not None:
        st.caption(knobs.about(view))
