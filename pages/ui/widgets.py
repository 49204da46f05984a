"""One widget for each knob, bound to the draft: it shows the draft's value and writes to it. Called by controls.py."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pages.ui import address_bar, draft, session, text
from pages.ui.teaching import locks, teach
from pages.ui.text import t
from replearn_core import catalog

SET = "knobs.set"  # widget key → (value before, when), of knobs that we set and not the visitor
_LETTERS = dict(zip((r"\alpha", r"\beta", r"\gamma", r"\eta", r"\lambda", r"\nu", r"\rho", r"\sigma"), "αβγηλνρσ", strict=True))
_ONE_TWO_FIVE = tuple(float(f"{digit}e{power}") for power in range(-6, 3) for digit in (1, 2, 5))


def bound(field: str, take: Callable[[Any], None] | None = None) -> dict[str, Any]:
    locked = locks.locked(teach.knob_of(field))
    return {"key": session.KNOB + field, "on_change": _take, "args": (field, take), "disabled": locked}


def free(field: str) -> bool:
    """Whether a knob may be turned; where a teacher's link locks it, the visitor is told."""
    refused = locks.refusal(teach.knob_of(field), text.setting(teach.knob_of(field)))
    if refused is not None:
        session.put(session.NOTICES, (refused,))
    return refused is None


def _hidden(field: str) -> bool:
    return locks.hidden(teach.knob_of(field))


def _help(field: str, usual: str | None) -> str | None:
    return locks.help_for(teach.knob_of(field), usual)


def _take(field: str, take: Callable[[Any], None] | None) -> None:
    value = session.get(session.KNOB + field)
    if value is None or late(session.KNOB + field) or not free(field):
        return  # an emptied field keeps the number it had
    if take:
        take(value)
    else:
        draft.take(**{field: value})


def put(field: str, value: Any) -> None:
    """Show the draft's value; assigned even when it is the same, or a browser keeps a list's label in the language it had."""
    show(session.KNOB + field, value)


def show(key: str, value: Any) -> None:
    before = session.get(key, value)
    if before != value:
        session.put(SET, {**session.get(SET, {}), key: (before, time.monotonic())})
    st.session_state[key] = value


def late(key: str) -> bool:
    """Whether a widget says again what it said before we set it: a poll that was on its way brings all knobs as the browser had
    them, and Streamlit takes that for a visitor's hand."""
    before, when = session.get(SET, {}).get(key, (None, -math.inf))
    return session.get(key) == before and time.monotonic() - when < address_bar.STALE


def title_of(field: str, symbol: str = "") -> str:
    """The knob's name and symbol; a screen reader reads the label, so the symbol is a letter and not a formula."""
    return f"{t(f'knob.{field}.name')} {_LETTERS.get(symbol, symbol)}".rstrip()


def named(group: str) -> Callable[[str], str]:
    return lambda name: t(f"{group}.{name}.name")


def entry(group: str, names: Sequence[str]) -> None:
    """A list of catalogue entries, for the setting of the same name."""
    value = draft.fields()[group]
    choice(group, names, named(group), value, idea=t(f"{group}.{value}.idea"))


def choice(
    field: str,
    names: Sequence[str],
    label_of: Callable[[str], str],
    value: str,
    take: Callable[[str], None] | None = None,
    label: bool = True,
    idea: str = "",
) -> None:
    """A list to choose from; its help says what the knob is and what the present choice means."""
    if _hidden(field):
        return
    put(field, value)
    help_text = _help(field, text.sentences(*filter(None, (t(f"knob.{field}.help"), idea)))) if label else None
    labels = {name: label_of(name) for name in names}
    st.selectbox(
        title_of(field),
        names,
        format_func=lambda name: labels.get(name, str(name)),
        **bound(field, take),
        help=help_text,
        label_visibility="visible" if label else "collapsed",
    )
    problems(field)


def toggle(field: str, on: bool, take: Callable[[bool], None]) -> bool:
    if _hidden(field):
        return False
    put(field, on)
    st.toggle(title_of(field), **bound(field, take), help=_help(field, t(f"knob.{field}.help")))
    return on


def switch(field: str, on: bool) -> None:
    if _hidden(field):
        return
    put(field, on)
    st.toggle(title_of(field), **bound(field), help=_help(field, t(f"knob.{field}.help")))
    problems(field)


def integer(field: str, high: int | None = None) -> None:
    knob = catalog.BOUNDS[field]
    now = draft.fields()[field]
    top = min(int(knob.high), high or int(knob.high))
    value = top if now is None else min(int(now), top)
    low = min(int(knob.low), top)
    symbol = "" if knob.symbol.startswith(r"\text") else knob.symbol
    number(field, value, low, top, None, symbol)


def number(field: str, value: float, low: int, high: int, take: Callable[[int], None] | None = None, symbol: str = "") -> None:
    if _hidden(field):
        return
    put(field, max(low, min(int(value), high)))
    helped = _help(field, t(f"knob.{field}.help"))
    st.number_input(title_of(field, symbol), low, high, step=1, **bound(field, take), help=helped)
    problems(field)


def slider(
    field: str, value: float, steps: Sequence[float], take: Callable[[float], None] | None = None, symbol: str = ""
) -> None:
    """A slider over readable steps; a number that a link brought in stands among them."""
    if _hidden(field):
        return
    symbol = symbol or (catalog.BOUNDS[field].symbol if field in catalog.BOUNDS else "")
    put(field, float(value))
    options = sorted({float(step) for step in steps} | {float(value)})
    name = field if text.has(f"knob.{field}.name") else "level" if field.startswith("corruption.") else "strength"
    st.select_slider(
        title_of(name, symbol), options, format_func=text.number, **bound(field, take), help=_help(field, t(f"knob.{name}.help"))
    )
    problems(field)


def knob_steps(knob: catalog.Knob, lowest: float = 0.0) -> list[float]:
    return [step for step in _ONE_TWO_FIVE if max(knob.low, lowest) <= step <= knob.high]


# ---- what is wrong, beside the knob ----


def problems(*settings: str) -> None:
    for found in draft.checked()[1]:
        if found.setting in settings:
            with st.container(horizontal=True, key=f"problem_{found.key.removeprefix('problem.')}", gap="xsmall"):
                st.text(text.problem(found))
