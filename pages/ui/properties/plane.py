"""Lines against prototypes in the plane, to be dragged: counted exactly at every move, without any training."""

import numpy as np
import streamlit as st

from pages.ui import palette, session, text
from pages.ui.components.lines import TEXT_KEYS, Layout, lines, moved
from pages.ui.properties import figures
from pages.ui.text import t
from replearn_core import measures

LINES = "properties.plane.lines"  # how many lines, and as many prototypes
DRAW = "properties.plane.draw"  # which random lay-out
MOVED = "properties.plane.moved"  # {line: (angle in degrees, position 0 … 1)}
POINTS = "properties.plane.points"  # {prototype: (x, y)}
MOST = 8
BOX = (0.0, 0.0, 1.0, 1.0)


def knobs() -> None:
    """How many units, another lay-out, and one line by hand."""
    count = _count()
    st.session_state[f"{LINES}.knob"] = count
    st.slider(t("properties.plane.units"), 1, MOST, key=f"{LINES}.knob", on_change=_take_count)
    st.button(t("properties.plane.shuffle"), key="properties_shuffle", icon=":material/shuffle:", on_click=_shuffle)
    st.session_state[f"{LINES}.which"] = line = min(session.get(f"{LINES}.which") or 1, count)
    if count > 1:
        st.slider(t("properties.plane.which"), 1, count, key=f"{LINES}.which")
        line = session.get(f"{LINES}.which")
    angle, place = layout().lines[line - 1]
    st.session_state[f"{LINES}.angle"], st.session_state[f"{LINES}.place"] = int(round(angle)) % 180, round(place, 2)
    st.slider(t("properties.plane.angle"), 0, 179, key=f"{LINES}.angle", format="%d°", on_change=_move, args=(line,))
    st.slider(t("properties.plane.place"), 0.0, 1.0, step=0.01, key=f"{LINES}.place", on_change=_move, args=(line,))


def _count() -> int:
    value = session.get(LINES, 4)
    return value if isinstance(value, int) and 1 <= value <= MOST else 4


def _take_count() -> None:
    session.put(LINES, session.get(f"{LINES}.knob"))


def _shuffle() -> None:
    session.put(DRAW, session.get(DRAW, 0) + 1)
    session.put(MOVED, {})
    session.put(POINTS, {})


def _move(line: int) -> None:
    session.put(MOVED, session.get(MOVED, {}) | {line: (session.get(f"{LINES}.angle"), session.get(f"{LINES}.place"))})


def _take_layout(key: str) -> None:
    """The visitor dragged something. What no hand could have made is left out."""
    dragged = moved(key, _count())
    if dragged is not None:
        session.put(MOVED, session.get(MOVED, {}) | {place + 1: line for place, line in enumerate(dragged.lines)})
        session.put(POINTS, session.get(POINTS, {}) | {place + 1: point for place, point in enumerate(dragged.prototypes)})


def layout() -> Layout:
    """Every line and every prototype: as drawn by chance, or as moved by hand."""
    draw, count = session.get(DRAW, 0), _count()
    random = np.random.default_rng(draw)
    drawn = [(float(angle), float(place)) for angle, place in zip(random.uniform(0, 180, MOST), random.uniform(0.3, 0.7, MOST))]
    points = [(float(x), float(y)) for x, y in np.random.default_rng([7, draw]).uniform(0.05, 0.95, (MOST, 2))]
    by_hand, put = session.get(MOVED, {}), session.get(POINTS, {})
    return Layout(
        tuple(by_hand.get(place + 1, drawn[place]) for place in range(count)),
        tuple(put.get(place + 1, points[place]) for place in range(count)),
    )


def equations(rows: tuple[tuple[float, float], ...]) -> np.ndarray:
    """(n, 3): a, b, c of a·x + b·y = c; the position goes from one edge of the square to the other along the normal."""
    found = []
    for angle, place in rows:
        a, b = -np.sin(np.radians(angle)), np.cos(np.radians(angle))
        reach = (abs(a) + abs(b)) / 2
        found.append((a, b, (a + b) / 2 + (place - 0.5) * 2 * reach))
    return np.round(np.array(found), 6)


def show() -> None:
    """The exact counts in a sentence, the two squares, and how the count grows."""
    shown, count = layout(), _count()
    regions, formula = measures.regions_of_lines(equations(shown.lines), BOX), measures.regions_of_hyperplanes(count, 2)
    cells = len(set(shown.prototypes))
    with st.container(border=True, key="properties_answer"):
        st.markdown("**" + t("properties.plane.counts", n=count, regions=regions, cells=cells, formula=formula) + "**")
    key, words = f"{LINES}.board", text.catalogue(text.language())
    lines(
        shown,
        texts={name: words[f"properties.plane.{name}"] for name in TEXT_KEYS},
        colours=[palette.faded(palette.class_colour(index, figures.is_dark()), 0.45) for index in range(8)],
        key=key,
        on_change=lambda: _take_layout(key),
    )
    st.caption(t("properties.plane.drag"))
    _growth()


def _growth() -> None:
    """The same count by formula, for more units and more dimensions."""
    units = (1, 2, 4, 8, 16, 32)
    head = f"| {t('properties.plane.dimension')} | " + " | ".join(f"n = {n}" for n in units) + " |"
    rows = [head, "|" + "---:|" * (len(units) + 1)]
    for d in (1, 2, 3, 6):
        rows.append(
            f"| {d} | " + " | ".join(t("properties.whole", n=measures.regions_of_hyperplanes(n, d)) for n in units) + " |"
        )
    rows.append(f"| {t('properties.plane.prototypes')} | " + " | ".join(str(n) for n in units) + " |")
    st.markdown(t("properties.plane.growth"))
    st.markdown("\n".join(rows))
