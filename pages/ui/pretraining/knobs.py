"""The knobs of the pretraining page: the part, its settings, what of a link could not be used, and the button."""

import streamlit as st

from pages.ui import questions
from pages.ui.pretraining import state
from pages.ui.text import has, t
from replearn_core.catalog import Knob
from replearn_core.options import Choice

BASIC = {
    "pretraining": (("dataset",), ("depth",), ("activation", "initialisation"), ("labels",), ("layer",), ("task",)),
    "borders": (("over",), ("dataset",), ("depth",), ("activation", "initialisation"), ("labels",), ("layer",)),
}
"""Rows of knobs that are always in sight."""
STOPS: dict[str, tuple[float, ...]] = {
    "labels": (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000),
    "width": (8, 16, 32, 64, 100, 200, 300),
    "strength": (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4),
    "penalty": (0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
    "train_size": (100, 200, 500, 1_000, 1_437, 2_000, 5_000, 10_000, 20_000),
    "updates": (100, 200, 500, 1_000, 2_000, 5_000),
    "pretrain_epochs": (1, 2, 5, 10, 20, 50, 100, 200),
    "learning_rate": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1),
    "batch_size": (8, 16, 32, 64, 128, 256, 500),
}


def choose() -> None:
    """The part, and what of a link or a knob could not be used."""
    state.ADDRESS.choose_part()


def turn() -> None:
    """The settings of the part on screen and the button that starts it."""
    rows, options = BASIC[state.ADDRESS.part()], state.options_of(state.ADDRESS.part())
    for row in rows:
        if "depth" in row and state.ADDRESS.part() == "borders" and state.ADDRESS.settings()["over"] == "depth":
            continue  # every depth is measured
        for place, name in zip(st.columns(len(row)), row):
            with place:
                _knob(name)
    questions.button(state.question(), "pretraining_run")
    with st.expander(t("controls.more"), icon=":material/tune:"):
        for name in options:
            if not any(name in row for row in rows):
                _knob(name)
        st.button(t("properties.usual"), key="pretraining_usual", icon=":material/undo:", on_click=state.ADDRESS.usual)


def _knob(name: str) -> None:
    option, address = state.options_of(state.ADDRESS.part())[name], state.ADDRESS
    if isinstance(option, Choice):
        _choice(name, option)
    elif isinstance(option, Knob) and name in STOPS:
        pictures = float(address.values["train_size"])
        most = pictures if name == "labels" else option.high
        whole, now = (int if option.integer else float), float(address.values[name])
        stops = {whole(one) for one in STOPS[name] if option.low <= one <= most} | {whole(now)}
        if name == "labels":
            stops.add(int(pictures))
        every = t("pretraining.all", n=int(pictures))
        address.exponent(
            name, tuple(sorted(stops)), lambda one: every if name == "labels" and one == pictures else f"{one:,.10g}"
        )
    else:
        address.slider(name)


def _choice(name: str, option: Choice) -> None:
    labels = {one: _label(name, one) for one in option.values}
    state.ADDRESS.choice(name, option, labels)


def _label(name: str, one: str) -> str:
    for key in (f"pretraining.{name}.{one}", f"{name}.{one}.name"):
        if has(key):
            return t(key)
    return one
