"""The knobs of the transfer page: the part, its settings, and the learning-rate factors as bars that can be moved."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from pages.ui import questions, text
from pages.ui.own import door as own_door
from pages.ui.own import sets as own_sets
from pages.ui.teaching import locks
from pages.ui.text import t
from pages.ui.transfer import race, state
from replearn_core.catalog import Knob
from replearn_core.comparisons import pairs, sources
from replearn_core.options import Choice, Numbers, Several
from replearn_core.strategies import DISCRIMINATIVE, TRANSFERS

KNOB = "transfer.knob."
BASIC = {
    "race": ("pair", "per_class", "strategies"),
    "quadrant": ("similar", "different", "sizes"),
    "layers": ("pair", "per_class"),
    "advice": ("labels", "classes", "likeness", "compute"),
}
STOPS: dict[str, tuple[float, ...]] = {
    "per_class": (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500),
    "labels": (10, 20, 30, 50, 100, 200, 300, 500, 1_000, 2_000, 5_000, 10_000, 50_000),
    "classes": (2, 3, 5, 10, 20, 50, 100, 200),
    "width": (8, 16, 32, 64, 128, 256),
    "learning_rate": (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1),
}
FACTORS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


def choose() -> None:
    """The part, and what of a link or a knob could not be used."""
    state.ADDRESS.choose_part()


def turn() -> None:
    """The settings of the part on screen and the button that starts it."""
    name = state.ADDRESS.part()
    options = state.options_of(name)
    for setting in BASIC[name]:
        _knob(setting)
    if name == "advice":
        return
    if name == "race" and "layer_rates" in str(state.ADDRESS.values["strategies"]) and not locks.hidden("factors"):
        _rates()
    questions.button(state.question(), "transfer_run")
    with st.expander(t("controls.more"), icon=":material/tune:"):
        for setting in options:
            if setting not in (*BASIC[name], "factors"):
                _knob(setting)
        st.button(t("properties.usual"), key="transfer_usual", icon=":material/undo:", on_click=state.ADDRESS.usual)


def _knob(name: str) -> None:
    option, address = state.options_of(state.ADDRESS.part())[name], state.ADDRESS
    if locks.hidden(name):
        return
    if isinstance(option, Choice):
        _choice(name, option)
    elif isinstance(option, Several):
        _several(name, option)
    elif isinstance(option, Numbers):
        _numbers(name)
    elif isinstance(option, Knob) and name in STOPS:
        most, now = _most(name, option), float(address.values[name])
        whole = int if option.integer else float
        stops = tuple(sorted({whole(one) for one in STOPS[name] if option.low <= one <= most} | {whole(now)}))
        address.exponent(name, stops, lambda one: f"{one:,.10g}")
    else:
        address.slider(name)


def _most(name: str, option: Knob) -> float:
    """No more labels than the target has."""
    pair = state.ADDRESS.values.get("pair")
    return pairs.about(pairs.pair_of(str(pair)).target).most if name == "per_class" and pair in pairs.PAIR else option.high


def _choice(name: str, option: Choice) -> None:
    group = "pair" if name in ("pair", "similar", "different") else name
    value = str(state.ADDRESS.values[name])
    offered = replace(option, values=(*option.values, *own_sets.beside(option, value)))
    labels = {one: _choice_label(group, one) for one in offered.values}
    state.ADDRESS.choice(name, offered, labels)
    if option.own and not locks.locked(name):
        target = value.partition("_")[2]
        own_door.door("transfer", lambda chosen: state.ADDRESS.take(name, option.own[0] + chosen), target, t("own.hint_transfer"))
    if group == "pair":
        _about_pair(str(state.ADDRESS.values[name]))


def _choice_label(group: str, one: str) -> str:
    lacking = group == "pair" and pairs.missing(one)
    label = race.pair_name(one) if group == "pair" else t(f"transfer.{group}.{one}")
    return t("transfer.not_here", name=label) if lacking else label


def _about_pair(pair: str) -> None:
    """Where the source's weights come from; what is missing and how to get it."""
    found = pairs.problem(pair, 1)
    if found is not None:
        st.caption(text.problem(found))
        return
    shipped = pairs.pair_of(pair).source in sources.SHIPPED
    st.caption(t("transfer.source_shipped" if shipped else "transfer.source_trained"))


def _several(name: str, option: Several) -> None:
    chosen = str(state.ADDRESS.values[name]).split(",")
    bound = state.ADDRESS.bound(name, chosen, read=lambda some: ",".join(some or (TRANSFERS[0],)))
    labels = {one: race.name_of(one) for one in option.values}
    st.pills(
        state.ADDRESS.label(name),
        option.values,
        format_func=lambda one: labels.get(one, str(one)),
        selection_mode="multi",
        **bound,
    )


def _numbers(name: str) -> None:
    bound = state.ADDRESS.bound(name, str(state.ADDRESS.values[name]), read=lambda typed: str(typed).replace(" ", ""))
    st.text_input(state.ADDRESS.label(name), max_chars=100, **bound)


# ---- per-layer learning rates ----


def factors() -> list[float]:
    """The factors as they stand, from the lowest layer to the classifier."""
    depth, drawn = int(state.ADDRESS.values["depth"]), str(state.ADDRESS.values["factors"])
    if drawn and drawn.count(",") == depth:
        return [float(one) for one in drawn.split(",")]
    return [DISCRIMINATIVE ** (place - depth) for place in range(depth + 1)]


def _rates() -> None:
    with st.expander(t("transfer.rates"), icon=":material/equalizer:"):
        st.caption(t("transfer.rates_help"))
        now = factors()
        shown = t("properties.colon").join([t("transfer.rates"), ", ".join(f"{one:.3g}" for one in now)])
        race.rates_figure(now, shown)
        for place, value in enumerate(now):
            _bar(place, value, now)
        even, ruled = ",".join("1" for _ in now), ""
        left, right = st.columns(2)
        off, take = locks.locked("factors"), state.ADDRESS.take
        left.button(t("transfer.rates_rule"), key="transfer_rule", on_click=take, args=("factors", ruled), disabled=off)
        right.button(t("transfer.rates_even"), key="transfer_even", on_click=take, args=("factors", even), disabled=off)


def _bar(place: int, value: float, now: Sequence[float]) -> None:
    label = t("transfer.classifier") if place == len(now) - 1 else t("transfer.layer_n", n=place + 1)

    def moved(to: float) -> str:
        return ",".join(f"{one:.4g}" for one in (*now[:place], float(to), *now[place + 1 :]))

    stops = tuple(sorted({*FACTORS, round(value, 4)}))
    bound = state.ADDRESS.bound("factors", round(value, 4), key=f"{KNOB}factor_{place}", read=moved)
    st.select_slider(label, stops, format_func=lambda one: f"×{one:.3g}", **bound)
