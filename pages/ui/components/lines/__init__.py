"""Lines and prototypes in two squares, to be dragged; the browser paints and counts them at every move. Pages call `lines`."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from pages.ui.components.shared import joined, texts_of

TEXT_KEYS = ("lines_title", "prototypes_title", "line", "point")
_HERE = Path(__file__).parent
_COMPONENT = st.components.v2.component(
    "replearn_lines",
    html='<div class="lines"></div>',
    css=texts_of(_HERE, ("lines.css",)),
    js=joined(_HERE, ("../shared/mount.js", "geometry.js", "lines.js")),
)


class Layout(NamedTuple):
    """lines: (angle in degrees, place 0 … 1) each. prototypes: (x, y) in the unit square."""

    lines: tuple[tuple[float, float], ...]
    prototypes: tuple[tuple[float, float], ...]


def lines(layout: Layout, *, texts: Mapping[str, str], colours: Sequence[str], key: str, on_change: Callable[[], None]) -> None:
    """Draw the layout; `moved(key)` has what the visitor made of it once `on_change` is called.

    texts: words for TEXT_KEYS, their {placeholders} unfilled. colours: of the regions, seven or more.
    """
    data = {
        "lines": [list(line) for line in layout.lines],
        "prototypes": [list(point) for point in layout.prototypes],
        "texts": {name: texts[name] for name in TEXT_KEYS},
        "colours": list(colours),
        "heard": _heard(key),
    }
    # In a list: Streamlit looks for data frames in a dictionary, and imports pandas to do so, half a second at the first visit.
    _COMPONENT(key=key, data=[data], default={"layout": None}, on_layout_change=on_change)


def moved(key: str, count: int) -> Layout | None:
    """What a browser sent, or None where it is no layout of `count` lines and as many prototypes within the square."""
    return valid_layout((st.session_state.get(key) or {}).get("layout"), count)


def _heard(key: str) -> int:
    """The number of the browser's last word; with it the browser knows whether an answer is out of date."""
    sent = (st.session_state.get(key) or {}).get("layout")
    turn = sent.get("turn") if isinstance(sent, Mapping) else None
    return turn if type(turn) is int else 0


def valid_layout(sent: object, count: int) -> Layout | None:
    """A Layout, or None. Angles from 0 to 180, places and coordinates from 0 to 1, `count` of each."""
    if not isinstance(sent, Mapping):
        return None
    rows, points = sent.get("lines"), sent.get("prototypes")
    if not (isinstance(rows, list) and isinstance(points, list) and len(rows) == len(points) == count):
        return None
    try:
        found = Layout(
            tuple((float(row["angle"]), float(row["place"])) for row in rows), tuple((float(x), float(y)) for x, y in points)
        )
    except (TypeError, ValueError, KeyError):
        return None
    angles, places = [angle for angle, _ in found.lines], [place for _, place in found.lines]
    within = [*places, *(part for point in found.prototypes for part in point)]
    if not all(math.isfinite(value) for value in (*angles, *within)):
        return None
    return found if all(0 <= angle <= 180 for angle in angles) and all(0 <= value <= 1 for value in within) else None
