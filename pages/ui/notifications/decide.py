"""Decisions: a budget moves along the curves; clicks, disturbances, uninstalls and money beside the two blunt policies."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from pages.ui import tables
from pages.ui.notifications import charts, show, state
from pages.ui.notifications.charts import Line
from pages.ui.plot import three
from pages.ui.text import sentences, t
from replearn_core.applications.notifications import models, policy, simulator

SHOWN = ("one_hot", "boosting", "embedding", "fed")


def decide(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    family = str(state.ADDRESS.values["family"])
    place = round(float(state.ADDRESS.values["budget"]) / 100 * (len(policy.BUDGETS) - 1))
    if "policy.random" in arrays:
        _replayed(told, arrays, family, place)
    else:
        logged(arrays, family, place)


def prices() -> dict[str, float]:
    return {name: float(state.ADDRESS.values[name]) for name in state.PRICES}


# ---- on the simulator: the truth ----


def _replayed(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray], family: str, place: int) -> None:
    curve, coin = arrays[f"policy.{family}"].mean(axis=0), arrays["policy.random"].mean(axis=0)  # (21, 4)
    same = policy.same_messages(curve, coin)(place)
    random = np.array([same[name] for name in policy.COUNTS])
    everyone, own = coin[-1], curve[place]
    money = [float(policy.profit(one, **prices())) for one in (own, everyone, random)]
    best = max(("own", "all", "random"), key=lambda name: money[("own", "all", "random").index(name)])
    values = {
        "model": show.name_of(family),
        "share": round(100 * policy.BUDGETS[place]),
        "clicks": t("notifications.percent", n=three(100 * own[1] / max(everyone[1], 1))),
        "less": t("notifications.percent", n=three(100 * (1 - own[2] / max(everyone[2], 1)))),
        "random": three(random[1]),
        "own": three(own[1]),
    }
    show.headline(sentences(t("notifications.says.decide", **values), t(f"notifications.richest.{best}")))
    _table(own, everyone, random, money)
    _curves(arrays, family, place)
    left, right = st.columns(2)
    with left:
        _profit(arrays, family, place)
    with right:
        _estimated(arrays, family, place)
    users, days = int(told["settings"]["users"]), int(told["settings"]["days"])
    st.caption(
        t("notifications.replay_how", users=users, days=days, moments=len(simulator.HOURS), seeds=int(told["settings"]["seeds"]))
    )


def _table(own: np.ndarray, everyone: np.ndarray, random: np.ndarray, money: list[float]) -> None:
    """Four counts and the money, three policies side by side."""
    rows = [t(f"notifications.count.{name}") for name in policy.COUNTS] + [t("notifications.count.money")]
    columns = {t("notifications.column.count"): rows}
    for name, counts, worth in zip(("model", "all", "random"), (own, everyone, random), money):
        columns[t(f"notifications.policy.{name}")] = [f"{one:,.0f}" for one in counts] + [f"{worth:,.0f}".replace("-", "−")]
    with st.container(key="notifications_policies"):
        tables.show(columns, "notifications_policies_table")


def _curves(arrays: Mapping[str, np.ndarray], family: str, place: int) -> None:
    """Clicks and uninstalls against messages sent."""
    names = tuple(dict.fromkeys((*SHOWN, family)))
    own = arrays[f"policy.{family}"].mean(axis=0)
    for column, one, key in zip(st.columns(2), (1, 3), ("clicks", "uninstalls")):
        drawn = []
        for name in (*names, "random", "knowing"):
            curve = arrays[f"policy.{name}"].mean(axis=0)
            drawn.append(Line(name, show.name_of(name), curve[:, 0], curve[:, one]))
        top = int(drawn[names.index(family)].y.argmax())
        said = t(
            f"notifications.alt.policy_{key}",
            model=show.name_of(family),
            at=three(own[place, 0]),
            n=three(own[place, one]),
            top=three(own[top, 0]),
            most=three(own[top, one]),
        )
        with column:
            st.markdown(f"### {t(f'notifications.chart.policy_{key}')}")
            charts.lines(
                drawn,
                t("notifications.count.sent"),
                t(f"notifications.count.{key}"),
                f"policy_{key}",
                said,
                at=float(own[place, 0]),
            )
            st.caption(said)


def _profit(arrays: Mapping[str, np.ndarray], family: str, place: int) -> None:
    st.markdown(f"### {t('notifications.chart.profit')}")
    shares, drawn = 100 * policy.BUDGETS, []
    for name in (family, "random", "knowing"):
        money = policy.profit(arrays[f"policy.{name}"].mean(axis=0), **prices())
        drawn.append(Line(name, show.name_of(name), shares, money))
    top = int(drawn[0].y.argmax())
    said = t(
        "notifications.alt.profit",
        model=drawn[0].label,
        share=int(shares[top]),
        most=three(float(drawn[0].y[top])),
        all=three(float(drawn[1].y[-1])),
    )
    charts.lines(drawn, t("notifications.axis.budget"), t("notifications.count.money"), "profit", said, at=float(shares[place]))
    st.caption(said)


def _estimated(arrays: Mapping[str, np.ndarray], family: str, place: int) -> None:
    """What the log alone would have told, beside what came true."""
    st.markdown(f"### {t('notifications.chart.estimated')}")
    guess = 100 * arrays[f"logged.{family}"].mean(axis=0)  # (21, 3)
    truth = 100 * arrays[f"replayed.{family}"].mean(axis=0)
    shares = 100 * policy.BUDGETS
    drawn = [
        Line("logged", t("notifications.family.logged"), shares, guess[:, 0], guess[:, 1:]),
        Line("replayed", t("notifications.family.replayed"), shares, truth),
    ]
    said = t("notifications.alt.estimated", share=int(shares[place]), guess=three(guess[place, 0]), truth=three(truth[place]))
    charts.lines(
        drawn, t("notifications.axis.budget"), t("notifications.axis.per_hundred"), "estimated", said, at=float(shares[place])
    )
    st.caption(sentences(said, t("notifications.assumes")))


# ---- on logs: an estimate ----


def logged(arrays: Mapping[str, np.ndarray], family: str, place: int) -> None:
    """Clicks that would be kept, estimated from the log."""
    shares = 100 * policy.BUDGETS
    drawn = []
    for name in models.FAMILIES if family == "all" else dict.fromkeys((*SHOWN, family)):
        guess = 100 * arrays[f"logged.{name}"].mean(axis=0)
        drawn.append(Line(name, show.name_of(name), shares, guess[:, 0], guess[:, 1:] if name == family else None))
    own = next(line for line in drawn if line.kind == family)
    assert own.band is not None
    everyone = float(own.y[-1])
    kept = 100 * float(own.y[place]) / max(everyone, 1e-9)
    said = t(
        "notifications.alt.logged",
        model=own.label,
        share=int(shares[place]),
        kept=three(kept),
        low=three(float(own.band[place, 0])),
        high=three(float(own.band[place, 1])),
        value=three(float(own.y[place])),
    )
    show.headline(said, "notifications_kept")
    st.markdown(f"### {t('notifications.chart.logged')}")
    charts.lines(
        drawn,
        t("notifications.axis.budget"),
        t("notifications.axis.per_hundred"),
        "logged",
        said,
        at=float(shares[place]),
        chord=everyone,
    )
    st.caption(t("notifications.assumes_log"))
