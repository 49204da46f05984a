"""Small choices within a result, which change what is shown of it and ask nothing of the engine."""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from pages.ui import session
from pages.ui.text import number, t

PICK = "properties.pick."  # prefix of their widget keys


def one_of(name: str, values: Sequence[str], label: Callable[[str], str], first: str) -> str:
    """One of a few, side by side; kept while other parts of the page are on screen. `pick.<name>` says what it is to those who
    do not see it."""
    kept = session.get(f"{PICK}{name}.kept", first)
    key, labels = PICK + name, {value: label(value) for value in values}
    st.session_state[key] = kept if kept in values else first
    st.segmented_control(
        t(f"pick.{name}"),
        values,
        format_func=lambda value: labels.get(value, str(value)),
        key=key,
        required=True,
        label_visibility="collapsed",
        on_change=lambda: session.put(f"{PICK}{name}.kept", session.get(key)),
    )
    return str(st.session_state[key])


def step_of(name: str, label: str, values: Sequence[float] | np.ndarray, first: int) -> int:
    """A place in `values`, at least two, on a slider that says the value itself."""
    kept, key = session.get(f"{PICK}{name}.kept", first), PICK + name
    places, said = range(len(values)), [number(float(value)) for value in values]
    st.session_state[key] = min(max(0, int(kept)), len(said) - 1)
    st.select_slider(
        label,
        places,
        format_func=lambda place: said[place] if place in places else str(place),
        key=key,
        on_change=lambda: session.put(f"{PICK}{name}.kept", session.get(key)),
    )
    return int(st.session_state[key])
