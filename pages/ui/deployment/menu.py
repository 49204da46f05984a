"""Five models, each also with 8-bit weights: which a paper would ship, and which a product, with the terms as they stand."""

from collections import Counter

import numpy as np
import streamlit as st

from pages.ui import tables, text
from pages.ui.deployment import knobs, state
from pages.ui.plot import three
from pages.ui.text import duration, t
from replearn_core import claims
from replearn_core.applications.deployment import product
from replearn_core.engine import wire


def show() -> None:
    """From the answer that the claim C26 rests on; nothing is computed but the money."""
    kept = claims.shipped_answer(claims.CLAIMS["C26"][0].task.id)
    if kept is None:
        return
    terms = {name: state.term(name) for name in ("revenue", "budget", "traffic", "price", "storage")}
    halves = product.halves_of(wire.arrays_of(kept))
    picks = [product.choices(first, **terms) for first, _ in halves]
    st.markdown(f"### {t('deployment.menu_title')}")
    st.markdown(f"**{_verdict(halves, picks, terms)}**")
    tables.show(_table(halves, picks, terms), "deployment_menu", wide=True)
    made = claims.made(kept)
    st.caption(t("deployment.menu_how", seeds=len(halves), date=made["date"], time=duration(made["seconds"])))


def _verdict(halves: list[tuple[product.Half, product.Half]], picks: list[tuple[int, int]], terms: dict[str, float]) -> str:
    """What the choice by money earned beside the choice by accuracy, on samples that neither had seen."""
    gains = [product.gained(judged, pick, **terms) for (_, judged), pick in zip(halves, picks)]
    found = product.interval(gains)
    same = sum(accurate == rich for accurate, rich in picks)
    direction = "same" if same == len(picks) else found.direction
    shown = {name: money(getattr(found, name)) for name in ("mean", "low", "high")}
    return t(f"deployment.menu_says.{direction}", seeds=len(picks), same=same, **shown)


def money(value: float) -> str:
    """Dollars a day, with a sign."""
    size = abs(value)
    shown = f"{size:,.0f}" if size >= 1_000 else knobs.small(size) if 0 < size < 1e-3 else three(size)
    return f"{'−' if value < 0 else '+'}US$ {shown}"


def _table(
    halves: list[tuple[product.Half, product.Half]], picks: list[tuple[int, int]], terms: dict[str, float]
) -> dict[str, list[str]]:
    """A row a model, the most accurate first; accuracy and money on the samples that judge, means over seeds."""
    quality = np.mean([judged.quality for _, judged in halves], axis=0)
    times = np.mean([np.median(judged.times, axis=1) for _, judged in halves], axis=0)
    earned = np.mean([[product.earned(one, **terms) for one in judged.models()] for _, judged in halves], axis=0)
    by_accuracy, by_money = (Counter(pick[place] for pick in picks) for place in (0, 1))
    rows = sorted(range(len(product.MENU)), key=lambda place: -quality[place])
    sizes = halves[0][0].bytes
    return {
        t("deployment.column.model"): [name_of(product.MENU[one]) for one in rows],
        t("deployment.column.accuracy"): [f"{100 * quality[one]:.1f} %" for one in rows],
        t("deployment.column.kb"): [three(sizes[one] / 1e3) for one in rows],
        t("deployment.column.median"): [three(1e6 * times[one]) for one in rows],
        t("deployment.column.earns"): [text.number(float(earned[one])) for one in rows],
        t("deployment.column.by_accuracy"): [_of(by_accuracy[one], len(picks)) for one in rows],
        t("deployment.column.by_money"): [_of(by_money[one], len(picks)) for one in rows],
    }


def _of(count: int, seeds: int) -> str:
    return t("deployment.of_seeds", n=count, seeds=seeds) if count else "–"


def name_of(model: str) -> str:
    name = t(f"deployment.menu.{model.removesuffix('_int8')}")
    return t("deployment.menu_int8", name=name) if model.endswith("_int8") else name
