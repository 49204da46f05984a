"""The quadrant, drawn: a cell for each size and likeness with the lecture's advice and what was measured; and the adviser."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from pages.ui import tables, text
from pages.ui.properties.pick import one_of
from pages.ui.text import t
from pages.ui.transfer import figures, state
from pages.ui.transfer.figures import Line
from pages.ui.transfer.race import name_of
from replearn_core.comparisons import quadrant
from replearn_core.comparisons.quadrant import LIKENESSES
from replearn_core.strategies import TRANSFERS
from replearn_core.tasks import CannotAnswer

MARKS = {"agrees": "✓", "among": "≈", "disagrees": "✗"}


def show(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """The table, then one likeness over sizes, then one cell with every strategy; unfinished cells stay empty."""
    accuracy, sizes = arrays["accuracy"], [int(size) for size in arrays["sizes"]]
    _table(told, accuracy, sizes)
    if np.isfinite(accuracy).all():  # a file that a poll has replaced can no longer be fetched
        tables.offer("transfer_quadrant", lambda: tables.of_columns(as_columns(accuracy, sizes)))
    likeness = one_of("transfer_likeness", LIKENESSES, lambda name: t(f"transfer.likeness.{name}"), LIKENESSES[0])
    row = LIKENESSES.index(likeness)
    measured = [place for place in range(len(sizes)) if np.isfinite(accuracy[row, place]).all()]
    if not measured:
        return
    x = np.array([sizes[place] for place in measured])
    lines = [
        Line(name, name_of(name), x, accuracy[row][measured, place].T)  # (S, Z)
        for place, name in enumerate(TRANSFERS)
    ]
    words = t("transfer.semicolon").join(
        t("transfer.best_at", n=sizes[place], strategy=name_of(TRANSFERS[int(accuracy[row, place].mean(axis=1).argmax())]))
        for place in measured
    )
    alt = t("transfer.sizes_alt", likeness=t(f"transfer.likeness.{likeness}"), rows=words)
    titles, ticks = (t("transfer.sizes_axis"), t("transfer.accuracy_axis")), [str(one) for one in x]
    chance = float(arrays["chance"][row])
    figures.bands(lines, *titles, "sizes", alt, level=chance, level_is=t("properties.chance"), log=True, ticks=ticks)
    st.caption(alt)
    offered = [str(sizes[place]) for place in measured]
    size = one_of("transfer_size", offered, lambda one: t("transfer.size_n", n=int(one)), offered[0])
    _cell(accuracy[row, sizes.index(int(size))], int(size), likeness, float(arrays["chance"][row]))


def _table(told: Mapping[str, Any], accuracy: np.ndarray, sizes: list[int]) -> None:
    """Rows: similar and different. Columns: labels a class. HTML, since each cell holds three lines and a mark."""
    head = "".join(f"<th scope='col'>{t('transfer.size_n', n=size)}</th>" for size in sizes)
    body = ""
    for row, likeness in enumerate(LIKENESSES):
        pair = t(f"transfer.pair.{told['settings'][likeness]}")
        cells = "".join(_td(accuracy[row, place], size, likeness) for place, size in enumerate(sizes))
        body += f"<tr><th scope='row'>{t(f'transfer.likeness.{likeness}')}<small>{pair}</small></th>{cells}</tr>"
    table = f"<table class='transfer-quadrant'><tr><td></td>{head}</tr>{body}</table>"
    st.html(f"<div class='transfer-scroll' tabindex='0' role='region' aria-label='{t('transfer.part.quadrant')}'>{table}</div>")
    st.caption(t("transfer.quadrant_key", border=quadrant.BORDER))


def as_columns(accuracy: np.ndarray, sizes: Sequence[int]) -> dict[str, list[Any]]:
    """What the table says, a row a cell; accuracies in percent, means over the seeds. accuracy: (L, Z, T, S)."""
    heads = ("likeness", "size", "lecture", "lecture_accuracy", "best", "best_accuracy", "verdict")
    rows = []
    for row, likeness in enumerate(LIKENESSES):
        for place, size in enumerate(sizes):
            advice, means = quadrant.advised(size, likeness), 100 * accuracy[row, place].mean(axis=1)
            found, best = quadrant.cell(accuracy[row, place], advice), int(means.argmax())
            shares = (float(means[found.advice]), float(means[best]))
            names = (name_of(advice), name_of(TRANSFERS[best]), t(f"transfer.verdict.{found.verdict}"))
            rows.append((t(f"transfer.likeness.{likeness}"), size, names[0], shares[0], names[1], shares[1], names[2]))
    return {t(f"transfer.column.{head}"): list(column) for head, column in zip(heads, zip(*rows))}


def _td(accuracy: np.ndarray, size: int, likeness: str) -> str:
    advice = quadrant.advised(size, likeness)
    said = f"<small>{t('transfer.lecture_says')}</small>{name_of(advice)}"
    if not np.isfinite(accuracy).all():
        return f"<td class='waiting'>{said}<small>{t('transfer.not_yet')}</small></td>"
    found = quadrant.cell(accuracy, advice)
    means = 100 * accuracy.mean(axis=1)
    best = int(means.argmax())
    verdict = t(f"transfer.verdict.{found.verdict}")
    own = _share(means[found.advice])
    top = f"{name_of(TRANSFERS[best])} {_share(means[best])}" if best != found.advice else ""
    measured = f"<small>{t('transfer.measured_best')}</small>{top}" if top else ""
    return f"<td class='{found.verdict}'><b>{MARKS[found.verdict]} {verdict}</b>{said} {own}{measured}</td>"


def _share(value: float) -> str:
    """A percentage that no line break parts."""
    return f"<span>{t('transfer.percent', n=float(value))}</span>"


def _cell(accuracy: np.ndarray, size: int, likeness: str, chance: float) -> None:
    """One cell: every strategy with its seeds, and the advice against the best other."""
    advice = quadrant.advised(size, likeness)
    found = quadrant.cell(accuracy, advice)
    numbers = {"effect": 100 * found.effect.mean, "low": 100 * found.effect.low, "high": 100 * found.effect.high}
    st.markdown(
        t(
            f"transfer.cell_says.{found.verdict}",
            advice=name_of(advice),
            other=name_of(TRANSFERS[found.other]),
            seeds=found.effect.seeds,
            **numbers,
        )
    )
    order = sorted(range(len(TRANSFERS)), key=lambda place: -float(accuracy[place].mean()))
    lines = [(TRANSFERS[place], name_of(TRANSFERS[place]), accuracy[place]) for place in order]
    words = figures.said([(label, values) for _, label, values in lines])
    alt = t("transfer.final_alt", rows=words)
    figures.rows(lines, t("transfer.accuracy_axis"), "cell", alt, chance)
    st.caption(alt)


# ---- the adviser ----


def advice() -> None:
    """A strategy for a visitor's own data, with the measured cells that it rests on."""
    usual = {name: one.default for name, one in state.options_of("quadrant").items()}
    asked = state.question("quadrant", usual)
    if asked.view.state != "finished":
        st.info(t("transfer.advice_needs_quadrant"), icon=":material/info:")
        return
    told, given = asked.view.arrays, state.ADDRESS.settings()
    try:
        found = quadrant.advise(
            told,
            int(given["labels"]),
            int(given["classes"]),
            str(given["likeness"]),
            str(given["compute"]),  # type: ignore[arg-type]
        )
    except CannotAnswer as error:
        st.text(text.problem(error.problem))
        return
    with st.container(border=True, key="transfer_advice"):
        st.markdown(f"### {name_of(found.strategy)}")
        st.markdown(t(f"transfer.idea.{found.strategy}"))
        st.markdown(_why(found))
        same = "same" if found.lecture == found.strategy else "other"
        st.markdown(t(f"transfer.advice_lecture_{same}", lecture=name_of(found.lecture), border=quadrant.BORDER))
        if found.outside:
            st.markdown(t("transfer.advice_outside", low=int(told["sizes"][0]), high=int(told["sizes"][-1])))
    st.markdown(f"**{t('transfer.advice_cells')}**")
    table: dict[str, list[Any]] = {
        t("transfer.sizes_axis"): [size for size, _, _ in found.rows],
        t("transfer.strategy_head"): [name_of(TRANSFERS[place]) for _, place, _ in found.rows],
        t("transfer.accuracy_axis"): [_spread(one) for _, _, one in found.rows],
    }
    tables.show(table, "transfer_advice")
    likeness = str(given["likeness"])
    pair = quadrant.Quadrant().similar if likeness == "similar" else quadrant.Quadrant().different
    st.caption(t("transfer.advice_caution", pair=t(f"transfer.pair.{pair}")))


def _spread(one: Any) -> str:
    return t("properties.spread", mean=100 * one.mean, low=100 * one.low, high=100 * one.high)


def _why(found: quadrant.Advised) -> str:
    """How many labels a class that is, and how the recommended strategy stands to the best one."""
    asked = t("transfer.advice_asked", n=found.asked)
    if found.best == found.strategy:
        return text.sentences(asked, t("transfer.advice_best"))
    numbers = {"effect": 100 * found.gap.mean, "low": 100 * found.gap.low, "high": 100 * found.gap.high}
    return text.sentences(asked, t("transfer.advice_close", best=name_of(found.best), **numbers))
