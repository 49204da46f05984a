"""A strip of small pictures, one of which the visitor chooses. Pages call `strip`."""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from pages.ui.components.shared import joined, texts_of

_HERE = Path(__file__).parent
_COMPONENT = st.components.v2.component(
    "replearn_strip",
    html='<div class="strip" role="group"></div>',
    css=texts_of(_HERE, ("strip.css",)),
    js=joined(_HERE, ("../shared/mount.js", "strip.js")),
)


def strip(
    pictures: Sequence[str], names: Sequence[str], label: str, *, key: str, on_change: Callable[[], None] = lambda: None
) -> int:
    """The place of the chosen picture, the first one at first. pictures: data addresses; names: their text alternatives."""
    before = valid_place((st.session_state.get(key) or {}).get("place"), len(pictures))
    data = {"pictures": list(pictures), "names": list(names), "label": label, "chosen": before}
    # In a list: Streamlit looks for data frames in a dictionary, and imports pandas to do so, half a second at the first visit.
    result = _COMPONENT(key=key, data=[data], default={"place": 0}, on_place_change=on_change)
    return valid_place(result.place, len(pictures))


def valid_place(value: object, count: int) -> int:
    """What a browser sent, as a place from 0 to count − 1; anything else is the first."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count else 0
