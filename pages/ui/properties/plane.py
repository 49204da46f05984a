"""Lines against prototypes in the plane: counted exactly at every move, without any training."""

import numpy as np
import streamlit as st

from pages.ui import palette, session
from pages.ui.properties import figures
from pages.ui.text import t
from replearn_core.properties import lines_and_prototypes

LINES = "properties.plane.lines"  # how many lines, and as many prototypes
DRAW = "properties.plane.draw"  # which random lay-out
MOVED = "properties.plane.moved"  # {line: (angle in degrees, position 0 … 1)}
MOST = 8
GRID = 90


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
    angle, place = placed()[line - 1]
    st.session_state[f"{LINES}.angle"], st.session_state[f"{LINES}.place"] = int(round(angle)), round(place, 2)
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


def _move(line: int) -> None:
    session.put(MOVED, session.get(MOVED, {}) | {line: (session.get(f"{LINES}.angle"), session.get(f"{LINES}.place"))})


def placed() -> list[tuple[float, float]]:
    """(angle in degrees, position) of each line: as drawn, or as moved by hand."""
    random = np.random.default_rng(session.get(DRAW, 0))
    drawn = [(float(angle), float(place)) for angle, place in zip(random.uniform(0, 180, MOST), random.uniform(0.3, 0.7, MOST))]
    moved = session.get(MOVED, {})
    return [moved.get(line + 1, drawn[line]) for line in range(_count())]


def equations(layout: list[tuple[float, float]]) -> np.ndarray:
    """(n, 3): a, b, c of a·x + b·y = c; the position goes from one edge of the square to the other along the normal."""
    rows = []
    for angle, place in layout:
        a, b = -np.sin(np.radians(angle)), np.cos(np.radians(angle))
        reach = (abs(a) + abs(b)) / 2
        rows.append((a, b, (a + b) / 2 + (place - 0.5) * 2 * reach))
    return np.round(np.array(rows), 6)


def show() -> None:
    """Two squares side by side, with the counts as their titles."""
    count, dark = _count(), figures.is_dark()
    lines = equations(placed())
    prototypes = np.random.default_rng([7, session.get(DRAW, 0)]).uniform(0.05, 0.95, (MOST, 2))[:count]
    counted = lines_and_prototypes(lines, prototypes, grid=GRID)
    with st.container(border=True, key="properties_answer"):
        st.markdown(
            "**"
            + t("properties.plane.counts", n=count, regions=counted.regions, cells=counted.cells, formula=counted.formula)
            + "**"
        )
    left, right = st.columns(2)
    alt = t("properties.plane.alt", n=count, regions=counted.regions, cells=counted.cells)
    ink = palette.theme(dark).text
    shapes = [line for row in lines if (line := _segment(row, ink)) is not None]
    with left:
        title = t("properties.plane.lines_title", n=count, regions=counted.regions)
        figures.plane([_patches(counted.patterns, dark)], title, "plane_lines", alt, shapes=shapes, height=340)
    with right:
        marks = {
            "type": "scatter", "mode": "markers", "x": prototypes[:, 0].tolist(), "y": prototypes[:, 1].tolist(),
            "marker": {"color": ink, "size": 9, "symbol": "x"}, "hoverinfo": "skip", "showlegend": False,
        }  # fmt: skip
        title = t("properties.plane.prototypes_title", n=count, cells=counted.cells)
        figures.plane([_patches(counted.nearest, dark), marks], title, "plane_prototypes", alt, height=340)
    _growth(count)


def _patches(numbers: np.ndarray, dark: bool) -> dict:
    """Every region in a colour of its own; neighbours' numbers are mixed so that they differ."""
    stops = [palette.faded(palette.class_colour(index, dark), 0.45) for index in range(7)]
    scale = [[edge, stop] for index, stop in enumerate(stops) for edge in (index / 7, (index + 1) / 7)]
    centres = ((np.arange(GRID) + 0.5) / GRID).tolist()
    return {
        "type": "heatmap", "z": (numbers * 5 % 7 + 0.5).tolist(), "x": centres, "y": centres, "zmin": 0, "zmax": 7,
        "colorscale": scale, "showscale": False, "hoverinfo": "skip",
    }  # fmt: skip


def _segment(row: np.ndarray, ink: str) -> dict | None:
    """The line within the unit square, as plotly draws it."""
    a, b, c = row
    ends = [(x, (c - a * x) / b) for x in (0.0, 1.0) if abs(b) > 1e-9] + [
        ((c - b * y) / a, y) for y in (0.0, 1.0) if abs(a) > 1e-9
    ]
    inside = sorted({(round(x, 5), round(y, 5)) for x, y in ends if -1e-6 <= x <= 1 + 1e-6 and -1e-6 <= y <= 1 + 1e-6})
    if len(inside) < 2:
        return None
    (x0, y0), (x1, y1) = inside[0], inside[-1]
    return {"type": "line", "x0": x0, "y0": y0, "x1": x1, "y1": y1, "line": {"color": ink, "width": 2}}


def _growth(count: int) -> None:
    """The same count by formula, for more units and more dimensions."""
    from replearn_core.measures import regions_of_hyperplanes

    units = (1, 2, 4, 8, 16, 32)
    head = f"| {t('properties.plane.dimension')} | " + " | ".join(f"n = {n}" for n in units) + " |"
    rows = [head, "|" + "---:|" * (len(units) + 1)]
    for d in (1, 2, 3, 6):
        rows.append(f"| {d} | " + " | ".join(t("properties.whole", n=regions_of_hyperplanes(n, d)) for n in units) + " |")
    rows.append(f"| {t('properties.plane.prototypes')} | " + " | ".join(str(n) for n in units) + " |")
    st.markdown(t("properties.plane.growth"))
    st.markdown("\n".join(rows))
