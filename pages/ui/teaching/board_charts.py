"""The board's pictures: how the answers are spread, and the class's best error at each code size. Called by board_page.py."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import streamlit as st

from pages.ui import drawing, palette, plot, text
from pages.ui.lessons.lesson import lessons
from pages.ui.text import number, t
from replearn_core.room_values import Board

MOST_BARS, MOST_WHOLE = 12, 24
MOST_ROWS = 8


@dataclass(frozen=True)
class Shown:
    """A question on the board. choices: value → words, in order; none for numbers, which have a unit or none."""

    id: str
    text: str
    choices: tuple[tuple[str, str], ...] = ()
    unit: str = ""


def questions_of(board: Board) -> Mapping[str, Shown]:
    """The teacher's questions, the newest first, and those of lessons that somebody has answered."""
    found: dict[str, Shown] = {}
    for n in sorted(board.questions, reverse=True):
        asked = board.questions[n]
        found[f"q{n}"] = Shown(f"q{n}", asked.text, tuple((one, one) for one in asked.choices))
    for name in sorted(board.answers):
        if name not in found and (one := _of_lesson(name)) is not None:
            found[name] = one
    return found


def _of_lesson(name: str) -> Shown | None:
    """`lesson:<id>:<step>` in the visitor's language; None for a lesson that is none any more."""
    kind, _, rest = name.partition(":")
    lesson_id, _, step = rest.rpartition(":")
    lesson = lessons(text.language()).get(lesson_id) if kind == "lesson" else None
    if lesson is None or not step.isdigit() or not 1 <= int(step) <= len(lesson.steps):
        return None
    ask = lesson.steps[int(step) - 1].ask
    if ask is None:
        return None
    said = t("board.of_lesson", lesson=lesson.title, question=ask.question)
    return Shown(name, said, tuple((one, ask.labels.get(one, one)) for one in ask.choices), ask.unit)


# ---- answers ----


def answers(shown: Shown, given: Sequence[float | str], large: bool) -> None:
    """Bars: one for each choice, or for each range of numbers."""
    numbers = tuple(float(one) for one in given if isinstance(one, float | int))
    bars = _of_choices(shown, given) if shown.choices else _of_numbers(numbers)
    if not bars:
        return
    if not shown.choices:
        told = {"median": statistics.median(numbers), "low": min(numbers), "high": max(numbers)}
        st.markdown(t("board.spread", **{name: f"{number(one)} {shown.unit}".strip() for name, one in told.items()}))
    said = t("board.bars_alt", bars=[f"{label}: {count}" for label, count in bars])
    dark = st.context.theme.type == "dark"
    figure = _bars(tuple(bars), dark, large, bool(shown.choices), t("board.answers_axis"), shown.unit)
    drawing.draw(figure, "board_bars", said)


def _of_choices(shown: Shown, given: Sequence[float | str]) -> list[tuple[str, int]]:
    counted = Counter(given)
    return [(label, counted[value]) for value, label in shown.choices]


def _of_numbers(given: Sequence[float]) -> list[tuple[str, int]]:
    """One bar for each whole number where there are few, else ranges of equal width with round borders."""
    if not given:
        return []
    low, high = min(given), max(given)
    if all(one == int(one) for one in given) and high - low < MOST_WHOLE:
        counted = Counter(int(one) for one in given)
        return [(str(one), counted[one]) for one in range(int(low), int(high) + 1)]
    width = _round_width((high - low) / MOST_BARS or 1.0)
    first = int(low // width)
    counted = Counter(int(one // width) - first for one in given)
    return [(f"{number((first + i) * width)}–{number((first + i + 1) * width)}", counted[i]) for i in range(max(counted) + 1)]


def _round_width(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below."""
    power = 10.0 ** int(f"{least:e}".split("e")[1])
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))


@lru_cache(maxsize=64)
def _bars(bars: tuple[tuple[str, int], ...], dark: bool, large: bool, across: bool, axis: str, unit: str) -> plot.Shared:
    import plotly.graph_objects as go

    accent, size = palette.theme(dark).accent, 20 if large else 13
    labels, counts = [_wrapped(plot.plain(label)) for label, _ in bars], [count for _, count in bars]
    shared = {
        "marker": {"color": accent},
        "text": [count or "" for count in counts],
        "textposition": "outside",
        "cliponaxis": False,
        "hoverinfo": "skip",
    }
    trace = go.Bar(y=labels, x=counts, orientation="h", **shared) if across else go.Bar(x=labels, y=counts, **shared)
    titles = (axis, "") if across else (unit, axis)
    made = plot.figure(
        [trace], dark, *titles, "board", height=(330 if large else 280) if not across else 60 + len(bars) * (72 if large else 48)
    )
    made.update_layout(font={"size": size}, bargap=0.3, showlegend=False)
    made.update_xaxes(tickfont={"size": size}, type="linear" if across else "category", showgrid=False, fixedrange=True)
    made.update_yaxes(tickfont={"size": size}, showgrid=False, fixedrange=True, autorange="reversed" if across else True)
    (made.update_xaxes if across else made.update_yaxes)(showticklabels=False, rangemode="tozero")
    return made


def _wrapped(label: str) -> str:
    """A long choice on two lines."""
    if len(label) <= 28:
        return label
    middle = label.rfind(" ", 0, len(label) // 2 + 6)
    return f"{label[:middle]}<br>{label[middle + 1 :]}" if middle > 8 else label


# ---- runs ----


def datasets_of(board: Board) -> list[str]:
    """Data sets of the class's finished runs, the one with the most of them first."""
    return [name for name, _ in Counter(one.dataset for one in board.runs).most_common()]


def runs(board: Board, dataset: str, large: bool) -> None:
    """Every run as a point, the best at each code size on a line, and who has those."""
    best = board.best(dataset)
    mine = [one for one in board.runs if one.dataset == dataset]
    dark = st.context.theme.type == "dark"
    points = tuple((one.code_size, one.error) for one in mine)
    line = tuple((size, one.error) for size, one in best.items())
    said = t("board.runs_alt", best=[t("board.one_best", size=size, error=error) for size, error in line])
    figure = _errors(points, line, dark, large, t("board.size_axis"), t("board.error_axis"))
    with st.container(key="board_best"):
        with st.container(key="board_chart"):
            drawing.draw(figure, "board_errors", said)
        with st.container(key="board_rows", gap="xsmall"):
            for size, one in list(best.items())[:MOST_ROWS]:
                st.text(t("board.row", size=size, error=one.error, name=board.names[one.member]))
            st.caption(t("board.runs_about", data=text.dataset(dataset), n=len(mine)))


@lru_cache(maxsize=64)
def _errors(
    points: tuple[tuple[int, float], ...],
    line: tuple[tuple[int, float], ...],
    dark: bool,
    large: bool,
    x_title: str,
    y_title: str,
) -> plot.Shared:
    import plotly.graph_objects as go

    tone, size = palette.theme(dark), 18 if large else 13
    every = go.Scatter(
        x=[x for x, _ in points], y=[y for _, y in points], mode="markers", hoverinfo="skip",
        marker={"color": tone.muted, "size": 8, "opacity": 0.5},
    )  # fmt: skip
    best = go.Scatter(
        x=[x for x, _ in line], y=[y for _, y in line], mode="lines+markers", line={"color": tone.accent, "width": 2},
        marker={"size": 11 if large else 9, "color": tone.accent}, hovertemplate="%{x}: %{y:.3g}<extra></extra>",
    )  # fmt: skip
    made = plot.figure([every, best], dark, x_title, y_title, "board_errors", height=270 if large else 260)
    made.update_layout(font={"size": size}, showlegend=False, hovermode="closest")
    made.update_xaxes(type="log", tickvals=sorted({x for x, _ in points}), fixedrange=True, tickfont={"size": size})
    made.update_yaxes(rangemode="tozero", fixedrange=True, tickfont={"size": size})
    return made
