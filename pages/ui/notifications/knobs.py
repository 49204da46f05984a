"""The knobs of the notifications page: the part, its settings, what of a link could not be used, and the button."""

import streamlit as st

from pages.ui import questions
from pages.ui.notifications import state
from pages.ui.text import t
from replearn_core.applications.notifications import tables
from replearn_core.catalog import Knob
from replearn_core.options import Choice

BASIC = {
    "clicks": ("dataset", "fatigue", "width"),
    "decide": ("budget", "family", "revenue", "disturbance", "uninstall"),
    "uplift": ("dataset", "arm", "outcome", "harm"),
    "few": ("dataset", "noise", "code_size"),
    "own": ("family", "budget"),
}
SIMULATED = ("users", "days", "fatigue", "customers", "harm")  # settings of worlds of our own
CAMPAIGN = ("arm", "outcome")  # settings of the real one


def choose() -> None:
    """The part, and what of a link or a knob could not be used."""
    state.ADDRESS.choose_part()


def turn() -> None:
    """The settings of the part on screen and the button that starts it."""
    part = state.ADDRESS.part()
    for name in BASIC[part]:
        _knob(name)
    if part == "own":
        return
    questions.button(state.question(), "notifications_run")
    with st.expander(t("controls.more"), icon=":material/tune:"):
        for name in state.options_of(part):
            if name not in BASIC[part]:
                _knob(name)
        st.button(t("properties.usual"), key="notifications_usual", icon=":material/undo:", on_click=state.ADDRESS.usual)


def _knob(name: str) -> None:
    option, values = state.options_of(state.ADDRESS.part())[name], state.ADDRESS.values
    real = values.get("dataset", "simulator") != "simulator"
    if (real and name in SIMULATED) or (not real and name in CAMPAIGN):
        return
    if isinstance(option, Choice):
        _choice(name, option)
    elif name in state.PRICES:
        state.ADDRESS.exponent(name, state.PRICES[name], lambda one: t("notifications.money", n=f"{one:g}"))
    elif isinstance(option, Knob):
        state.ADDRESS.slider(name)


def _choice(name: str, option: Choice) -> None:
    labels = {one: _label(name, one) for one in option.values}
    state.ADDRESS.choice(name, option, labels)


def _label(name: str, one: str) -> str:
    label = t(f"notifications.{name}.{one}")
    if name != "dataset" or tables.available(one):
        return label
    return t("notifications.to_fetch" if tables.fetchable(one) else "controls.unavailable", name=label)
