"""Which property, which part of it, and its knobs; each of them shows what `state` holds and writes to it."""

from typing import Any

import streamlit as st

from pages.ui import draft, questions, scorecard, session, text
from pages.ui.own import door as own_door
from pages.ui.own import sets as own_sets
from pages.ui.properties import plane, state
from pages.ui.properties.state import GROUPS, KNOB, Now
from pages.ui.teaching import locks
from pages.ui.text import has, t
from replearn_core import catalog
from replearn_core.catalog import Knob
from replearn_core.options import Choice, Option

BASIC: dict[str, tuple[str, ...]] = {
    "disentangled": ("dataset", "beta", "code_size"),
    "distributed": ("units", "hidden"),
    "smooth": ("dataset", "noise", "contraction"),
    "boundary": ("dataset", "labels", "units"),
    "hierarchical": ("dataset", "network", "depth"),
    "sparse": ("dataset", "l1", "kl", "k"),
    "atoms": ("code", "strong_k", "weak_k"),
    "manifold": ("dataset", "noise", "n_neighbors"),
    "field": ("dataset", "noise"),
    "dimension": ("dataset", "code_size"),
    "few_labels": ("dataset", "noise", "units"),
    "causes": ("labelled", "noise", "code_size"),
}
STOPS: dict[str, tuple[float, ...]] = {
    "beta": (0, 1, 2, 4, 6, 8, 10, 15, 20, 30, 50),
    "contraction": (0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
    "noise": (0.01, 0.02, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5),
    "l1": (0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
    "kl": (0, 0.03, 0.1, 0.3, 1, 3, 10),
    "k": (1, 2, 3, 5, 10, 20, 50, 100),
    "strong_k": (1, 2, 3, 5, 10, 20, 50),
    "weak_k": (5, 10, 20, 50, 100),
    "units": (2, 4, 8, 16, 32, 64, 128),
    "labels": (2, 5, 10, 20, 50, 100, 200),
    "labelled": (50, 100, 200, 500, 1000, 2000),
    "depth": (1, 2, 3, 4),
    "n_neighbors": (4, 8, 12, 20, 30, 50, 100),
    "code_size": (2, 3, 4, 6, 8, 10, 12, 16, 24, 32),
}
"""Stops of the sliders; the value on screen is always one of them."""


def choose(shown: Now) -> None:
    """The property, and where it has more than one part, the part; what of a link could not be used."""
    _segments("group", shown.group, tuple(GROUPS), lambda group: state.show(GROUPS[group][0]))
    if len(GROUPS[shown.group]) > 1:
        _segments("part", shown.part, GROUPS[shown.group], state.show)
    locks.hint("part")
    if found := session.get(state.NOTICES, ()):
        with st.container(border=True, key="properties_notices"):
            st.markdown(f":material/info: **{t('controls.notices')}**")
            for one in found[:6]:
                st.text(text.problem(one))
            st.button(
                t("controls.understood"),
                key="properties_understood",
                on_click=session.put,
                args=(state.NOTICES, ()),
                type="tertiary",
            )


def _segments(name: str, value: str, values: tuple[str, ...], take: Any) -> None:
    key = KNOB + name
    st.session_state[key] = value
    labels = {one: t(f"properties.{name}.{one}") for one in values}
    st.segmented_control(
        t(f"properties.choose_{name}"),
        values,
        format_func=lambda one: labels.get(one, str(one)),
        key=key,
        required=True,
        label_visibility="collapsed",
        disabled=locks.locked("part"),
        on_change=lambda: None if locks.locked("part") else take(session.get(key)),
    )


def turn(shown: Now) -> None:
    """The knobs of the study on screen and the button that starts it."""
    if shown.part == "plane":
        plane.knobs()
        return
    if shown.part == "scorecard":
        scorecard.choose(shown.run, state.choose_run)
        own_door.door("latent", draft.take_dataset, own_sets.of_run(shown.run), t("own.hint_latent"), to="pages/autoencoder.py")
        return
    options, basic = state.known_options(shown.part), BASIC[shown.part]
    for name in basic:
        _knob(shown, name, options[name], basic=True)
    questions.button(state.question(shown), "properties_run")
    with st.expander(t("controls.more"), icon=":material/tune:"):
        for name, option in options.items():
            if name not in basic:
                _knob(shown, name, option, basic=False)
        if not locks.any_locked():
            st.button(t("properties.usual"), key="properties_usual", icon=":material/undo:", on_click=state.ADDRESS.usual)


def _knob(shown: Now, name: str, option: Option, *, basic: bool) -> None:
    if locks.hidden(name):
        return
    value, label, whole = shown.options()[name], state.name_of(name), getattr(option, "integer", False)
    number = int if whole else float
    key = f"{KNOB}{shown.part}.{name}"
    bound = state.ADDRESS.bound(name, value if isinstance(option, Choice) else number(value), key=key)
    bound["on_change"] = lambda: state.take(name, session.get(key))
    if isinstance(option, Choice):
        values = (*option.values, *own_sets.beside(option, str(value)))
        labels = {one: _choice(one) for one in values}
        st.selectbox(label, values, format_func=lambda one: labels.get(one, one), **bound)
        if option.own and not locks.locked(name):
            own_door.door("properties", lambda chosen: state.take(name, chosen), str(value), t("own.hint_properties"))
        return
    assert isinstance(option, Knob)  # studies of the properties have nothing else
    low, high = number(option.low), number(option.high)
    if basic and name in STOPS:
        stops = sorted({*(number(one) for one in STOPS[name] if low <= one <= high), number(value)})
        st.select_slider(label, stops, format_func=lambda one: f"{one:g}", **bound)
        return
    st.number_input(label, low, high, step=1 if whole else None, format="%d" if whole else "%g", **bound)


def _choice(name: str) -> str:
    if catalog.is_own(name):
        return text.dataset(name)
    for key in (f"dataset.{name}.name", f"network.{name}.name", f"activation.{name}.name", f"code.{name}.name"):
        if has(key):
            return t(key)
    return name
