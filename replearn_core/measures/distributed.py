"""How many inputs a distributed code can tell apart: regions cut by hyperplanes. Called by the lesson on distributed codes."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
from numpy.typing import ArrayLike

from replearn_core.measures.checks import matrix, whole

MOST_LINES = 100  # movable by hand; pairs of lines are counted in exact fractions, 0.1 s for so many

Line = tuple[Fraction, Fraction, Fraction]
Box = tuple[float, float, float, float]


def regions_of_hyperplanes(n: int, d: int) -> int:
    """Regions into which n hyperplanes in general position cut d dimensions: Σ_{i=0}^{min(d,n)} C(n, i), exactly.

    n binary features tell so many inputs apart, n prototypes only n. Source: Zaslavsky (1975); Goodfellow et al., Deep
    Learning, 15.4. ValueError: not whole numbers, negative, or above 10,000.
    """
    n, d = whole("n", n, 0, 10_000), whole("d", d, 0, 10_000)
    return 2**n if d >= n else sum(comb(n, i) for i in range(d + 1))


def regions_of_lines(lines: ArrayLike, box: Box | None = None) -> int:
    """Regions into which lines a·x + b·y = c cut the plane, or the open box (left, bottom, right, top), exactly.

    R = 1 + Σ_lines 1 + Σ_points (m − 1): each different line that meets the place, and each point in it where m ≥ 2 of them
    cross (Euler's formula; Zaslavsky 1975). In general position 1 + n + C(n, 2). Computed in fractions of the given floats:
    parallel, equal and concurrent lines are told apart without a tolerance. lines (n, 3), n ≤ 100.
    ValueError: another shape, a line with a = b = 0, an empty box, NaN or Inf.
    """
    rows = matrix("lines", lines) if np.size(lines) else np.zeros((0, 3))
    if rows.shape[1] != 3:
        raise ValueError(f"lines must have the shape (n, 3) for a·x + b·y = c, not {rows.shape}")
    if len(rows) > MOST_LINES:
        raise ValueError(f"{len(rows)} lines are more than {MOST_LINES}")
    within = _box(box)
    different = {_normal_form(index, row) for index, row in enumerate(rows)}
    inside = [line for line in different if within is None or _crosses(line, within)]
    through: dict[tuple[Fraction, Fraction], set[Line]] = {}
    for i, one in enumerate(inside):
        for other in inside[:i]:
            point = _crossing(one, other)
            if point is not None and (within is None or _contains(within, *point)):
                through.setdefault(point, set()).update((one, other))
    return 1 + len(inside) + sum(len(lines) - 1 for lines in through.values())


def _normal_form(index: int, row) -> Line:
    """The line with its first non-zero coefficient made 1, so that equal lines are equal triples."""
    a, b, c = (Fraction(float(value)) for value in row)
    first = a or b
    if not first:
        raise ValueError(f"line {index} has a = b = 0 and is no line")
    return a / first, b / first, c / first


def _crossing(one: Line, other: Line) -> tuple[Fraction, Fraction] | None:
    (a, b, c), (d, e, f) = one, other
    area = a * e - b * d
    return ((c * e - b * f) / area, (a * f - c * d) / area) if area else None


def _box(box: Box | None) -> tuple[Fraction, ...] | None:
    if box is None:
        return None
    left, bottom, right, top = (Fraction(float(value)) for value in box)
    if not (left < right and bottom < top):
        raise ValueError(f"the box {box} is empty: left < right and bottom < top are needed")
    return left, bottom, right, top


def _crosses(line: Line, box: tuple[Fraction, ...]) -> bool:
    """Whether the line has points inside the open box: corners on both of its sides."""
    a, b, c = line
    left, bottom, right, top = box
    sides = [a * x + b * y - c for x in (left, right) for y in (bottom, top)]
    return min(sides) < 0 < max(sides)


def _contains(box: tuple[Fraction, ...], x: Fraction, y: Fraction) -> bool:
    return box[0] < x < box[2] and box[1] < y < box[3]
