"""The knobs of the notifications page: the part, its settings, what of a link could not be used, and the button."""

import streamlit as st

from pages.ui import session, text
from pages.ui.notifications import region, state
from pages.ui.text import has, t
from replearn_core.applications.notifications import tables
from replearn_core.catalog import Knob
from replearn_core.options import Choice

KNOB = "notifications.knob."
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
    key = f"{KNOB}part"
    st.session_state[key] = state.part()
    labels = {name: t(f"notifications.part.{name}") for name in state.PARTS}
    st.segmented_control(
        t("notifications.choose_part"),
        state.PARTS,
        format_func=lambda name: labels.get(name, str(name)),
        key=key,
        required=True,
        label_visibility="collapsed",
        on_change=lambda: state.show(session.get(key)),
    )
    if found := state.ADDRESS.problems:
        with st.container(border=True, key="notifications_notices"):
            st.markdown(f":material/info: **{t('controls.notices')}**")
            for one in found[:6]:
                st.text(text.problem(one))


def turn() -> None:
    """The settings of the part on screen and the button that starts it."""
    part = state.part()
    for name in BASIC[part]:
        _knob(name)
    if part == "own":
        return
    region.button(state.question(), "notifications_run")
    with st.expander(t("controls.more"), icon=":material/tune:"):
        for name in state.options_of(part):
            if name not in (*BASIC[part], "part"):
                _knob(name)
        st.button(t("properties.usual"), key="notifications_usual", icon=":material/undo:", on_click=state.usual)


def _knob(name: str) -> None:
    option, values = state.options_of(state.part())[name], state.ADDRESS.values
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
    key = KNOB + name
    st.session_state[key] = state.ADDRESS.values[name]
    labels = {one: _label(name, one) for one in option.values}
    st.selectbox(
        state.ADDRESS.label(name),
        option.values,
        format_func=lambda one: labels.get(one, str(one)),
        key=key,
        on_change=lambda: state.ADDRESS.take(name, session.get(key)),
        help=t(f"notifications.help.{name}") if has(f"notifications.help.{name}") else None,
    )


def _label(name: str, one: str) -> str:
    label = t(f"notifications.{name}.{one}")
    return t("controls.unavailable", name=label) if name == "dataset" and not tables.available(one) else label
