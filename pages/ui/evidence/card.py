"""One claim on the evidence page: the lecture's sentence, the verdict in plain words, its comparisons, and their experiments."""

import html
from collections.abc import Iterable
from pathlib import Path

import streamlit as st

from pages.ui.evidence import told
from pages.ui.text import number, t
from replearn_core import claims
from replearn_core.claims import Measured

HERE = Path(__file__).resolve().parents[2]
ICONS = {"shown": "check_circle", "partly": "contrast", "not_shown": "cancel", "none": "hourglass_empty"}
HEADS = ("comparison", "picture", "effect", "says", "seeds")
WIDTHS = (34, 20, 18, 14, 14)  # percent
MARKS = {"expected": "●", "unclear": "○", "opposite": "◆"}


def draw(claim: str) -> None:
    verdict, effects = told.verdict_of(claim), told.measured(claim)
    with st.container(border=True, key=f"evidence_{claim}"):
        st.markdown(f"**{claim}**\u2003{t(f'claim.{claim}.sentence')}")
        shown = sum(one.as_expected for one in effects)
        said = t(f"evidence.says.{verdict}", shown=shown, all=len(effects))
        st.markdown(f":material/{ICONS[verdict]}: {said}")
        if verdict in ("partly", "not_shown") and told.when(claim):
            st.markdown(told.when(claim))
        for place, (link, some) in enumerate(told.by_experiment(effects).items()):
            st.html(table(some, headed=place == 0))
            _open(link)
        if not effects:
            _open(claims.CLAIMS[claim][0].link if claim in claims.CLAIMS else told.part_of(claim))


def _open(link: str) -> None:
    page, query = told.place(link)
    path = HERE / f"{page}.py"
    if not path.is_file():  # a part of the lecture that this installation does not have
        return
    label = t("evidence.open", name=told.experiment(page, query))
    st.page_link(str(path), label=label, icon=":material/science:", query_params=query)


def table(effects: Iterable[Measured], headed: bool = True) -> str:
    """HTML: what was compared, its interval as a picture against zero and in numbers, what that says, seeds and date.

    headed: whether the column names can be seen; they are there for those who listen.
    """
    heads = "".join(f"<th scope='col'>{t(f'evidence.head.{name}')}</th>" for name in HEADS)
    head = "<thead>" if headed else "<thead class='heard'>"
    columns = "".join(f"<col style='width:{share}%'>" for share in WIDTHS)
    rows = "".join(map(_row, effects))
    return f"<table class='evidence'><colgroup>{columns}</colgroup>{head}<tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _row(one: Measured) -> str:
    side = told.side(one)
    interval = t("evidence.interval", effect=one.mean, low=one.low, high=one.high)
    said = f"{MARKS[side]} {t(f'evidence.side.{side}')}"
    made = t("evidence.made", seeds=one.seeds, date=one.date)
    cells = (html.escape(interval), html.escape(said), html.escape(made))
    rest = "".join(f"<td class='{name}'>{cell}</td>" for name, cell in zip(("number", side, "made"), cells))
    return f"<tr><th scope='row'>{html.escape(told.label(one))}</th><td>{strip(one)}</td>{rest}</tr>"


def strip(one: Measured) -> str:
    """A dot and a bar against zero in the middle; the half where the lecture expects it is shaded. Each has its own scale."""
    scale = 1.08 * max(abs(one.low), abs(one.high)) or 1.0

    def at(value: float) -> float:
        return round(50 + 50 * value / scale, 2)

    half = 50 if one.effect.expected == "higher" else 0
    alt = html.escape(t("evidence.strip_alt", effect=number(one.mean), low=number(one.low), high=number(one.high)))
    bar = f"left:{at(one.low)}%;width:{max(round(at(one.high) - at(one.low), 2), 0.5)}%"
    return (
        f"<div class='evidence-strip {told.side(one)}' role='img' aria-label='{alt}'><i class='half' style='left:{half}%'></i>"
        f"<i class='zero'></i><i class='bar' style='{bar}'></i><i class='dot' style='left:{at(one.mean)}%'></i></div>"
    )
