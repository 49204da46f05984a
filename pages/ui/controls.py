"""Catalogue → widgets. Every widget shows the draft and writes to it; `draft.py` decides what is valid. Called by the lab."""

import math
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import streamlit as st

from pages.ui import address_bar, draft, session, text
from pages.ui.own import door as own_door
from pages.ui.own import sets as own_sets
from pages.ui.teaching import locks, teach
from pages.ui.text import ASSETS, t
from replearn_core import catalog
from replearn_core.cost import too_costly
from replearn_core.experiment import INFERRED_CODES, Experiment, Problem

OTHERS = tuple(name for name in catalog.VARIANTS if name not in draft.LECTURE)
SET = "knobs.set"  # widget key → (value before, when), of knobs that we set and not the visitor
MORE = "more_knobs"  # whether the rest is unfolded
FOLDED = ("hidden", "activation", "code", "network", "tied", "reconstruction", "strategy", "batch_size", "train_size")
SPARSITIES = ("l1", "kl_sparsity", "k_sparse")
_LETTERS = dict(zip((r"\alpha", r"\beta", r"\gamma", r"\eta", r"\lambda", r"\nu", r"\rho", r"\sigma"), "αβγηλνρσ", strict=True))
_ONE_TWO_FIVE = tuple(float(f"{digit}e{power}") for power in range(-6, 3) for digit in (1, 2, 5))


def choose_data(available: Callable[[str], Problem | None]) -> Problem | None:
    """The data set; one that cannot be had can be looked at, and says how to get it. Returns that Problem."""
    name = draft.fields()["dataset"]
    names = (*catalog.DATASETS, *own_sets.offered(name))
    missing = {name: found for name in names if (found := available(name))}
    idea = own_sets.about(name) if catalog.is_own(name) else t(f"dataset.{name}.idea")
    _choice("dataset", names, lambda one: _dataset_label(one, one in missing), name, draft.take_dataset, idea=idea)
    if name in missing:
        st.text(text.problem(missing[name]))
    _problems("dataset")
    if not locks.locked("dataset"):
        own_door.door("lab", draft.take_dataset, now=name)
    return missing.get(name)


def choose_variant() -> None:
    """The six cards of the lecture, a radio group, so that arrow keys work."""
    st.html(_card_style())
    _cards("variant", draft.LECTURE, draft.variant())


def choose_other_variant() -> None:
    """The autoencoders beyond the lecture's, folded."""
    chosen = draft.variant()
    if locks.hidden("variant"):
        return
    among = chosen in OTHERS  # of its own key then: a link to one of them unfolds it, and a lecture's card folds it again
    box = st.expander(t("controls.more_variants"), expanded=among, key=f"more_variants_{among}", on_change="rerun")
    if box.open:
        with box:
            _cards("variant_other", OTHERS, chosen)


def turn_basic() -> None:
    """The knobs that a first lesson needs."""
    left, right = st.columns(2, wrap=False)
    with left:
        _integer("code_size")
        _steps("learning_rate", draft.fields()["learning_rate"], _knob_steps(catalog.BOUNDS["learning_rate"]))
    with right:
        _integer("epochs")
        _integer("seed")


def turn_terms() -> None:
    """Corruption, sparsity, contraction; and the two strengths that belong to a code type."""
    _corruption()
    _sparsity()
    _penalty_toggle("contraction")
    if draft.fields()["code"] == "gaussian" or draft.term("gaussian_kl"):
        _penalty_toggle("gaussian_kl")
    if draft.fields()["code"] in INFERRED_CODES or draft.term("prediction"):
        _penalty_toggle("prediction")
    _problems("penalties", "corruption", *catalog.PENALTIES, *catalog.CORRUPTIONS)


def turn_more() -> None:
    """The rest, folded, and drawn when somebody looks: each widget costs the browser time whenever the page is drawn."""
    now = draft.fields()
    box = st.expander(t("controls.more"), icon=":material/tune:", key=MORE, on_change="rerun")
    if not box.open:
        return
    with box:
        _layers(now["hidden"])
        _entry("activation", catalog.ACTIVATIONS)
        _entry("code", tuple(catalog.CODES))
        _code_options(now)
        _entry("network", catalog.NETWORKS)
        _switch("tied", now["tied"])
        _entry("reconstruction", tuple(catalog.RECONSTRUCTIONS))
        _entry("strategy", catalog.STRATEGIES)
        _integer("batch_size")
        _integer("train_size", high=catalog.dataset(now["dataset"]).train_size)


def notices() -> None:
    """What of a link, or of a refused value, could not be used; the rest was. First, what a teacher locked is as it has to be."""
    locks.hold()
    found = session.get(session.NOTICES, ())
    if not found:
        return
    with st.container(border=True, key="notices"):
        st.markdown(f":material/info: **{t('controls.notices')}**")
        for one in found[:8]:
            st.text(text.problem(one))
        st.button(t("controls.understood"), key="understood", on_click=session.put, args=(session.NOTICES, ()), type="tertiary")


# ---- the cards ----


def _cards(field: str, names: Sequence[str], chosen: str) -> None:
    if locks.hidden("variant"):
        return
    key = session.KNOB + field
    _show(key, chosen if chosen in names else None)
    labels = {name: t(f"variant.{name}.name") for name in names}
    st.radio(
        t("knob.variant.name"),
        names,
        index=None,
        format_func=lambda name: labels.get(name, str(name)),
        captions=[f"{t(f'variant.{name}.card')}  \n${catalog.VARIANTS[name].equation}$" for name in names],
        key=key,
        on_change=_take_variant,
        args=(key,),
        label_visibility="collapsed",
        disabled=locks.locked("variant"),
    )
    locks.hint("variant")


def _take_variant(key: str) -> None:
    name = session.get(key)
    if name is not None and not _late(key) and _free("variant"):
        draft.take_variant(name)


@lru_cache
def _card_style() -> str:
    """Each card's diagram as a CSS mask, so that it takes the text's colour in light and dark."""
    rules = [
        f".st-key-knob-{field} [role=radiogroup] > div:nth-child({place}) label::before {{ {_mask(name)} }}"
        for field, names in (("variant", draft.LECTURE), ("variant_other", OTHERS))
        for place, name in enumerate(names, start=1)
    ]
    return "<style>" + "\n".join(rules) + "</style>"


def _mask(name: str) -> str:
    svg = (ASSETS / "images" / "variants" / f"{name}.svg").read_text(encoding="utf-8")
    address = f'url("data:image/svg+xml,{quote(svg)}")'
    return f"-webkit-mask-image: {address}; mask-image: {address};"


# ---- terms ----


def _corruption() -> None:
    now = draft.fields()["corruption"]
    if not _toggle("corruption", now is not None, _take_corruption_on):
        return
    name = now["name"] if now else "masking"
    _choice("corruption_kind", tuple(catalog.CORRUPTIONS), _named("corruption"), name, _take_corruption_kind, label=False)
    knob = catalog.CORRUPTIONS[name].strength
    _steps(f"corruption.{name}", now["weight"], [round(0.05 * i, 2) for i in range(20)], _take_level, symbol=knob.symbol)


def _take_corruption_on(on: bool) -> None:
    draft.take(corruption=_corruption_term("masking") if on else None)


def _take_corruption_kind(name: str) -> None:
    draft.take(corruption=_corruption_term(name) if name in catalog.CORRUPTIONS else {"name": str(name)[:40]})


def _take_level(level: float) -> None:
    draft.take(corruption={**draft.fields()["corruption"], "weight": level})


def _corruption_term(name: str) -> dict[str, Any]:
    knob = catalog.CORRUPTIONS[name].strength
    return {"name": name, "weight": knob.default if knob else 0.0, "options": {}}


def _sparsity_kind() -> str | None:
    if draft.fields()["code"] == "k_sparse":
        return "k_sparse"
    return next((name for name in ("kl_sparsity", "l1") if draft.term(name)), None)


def _sparsity() -> None:
    kind = _sparsity_kind()
    if not _toggle("sparsity", kind is not None, _take_sparsity_on) or kind is None:
        return
    _choice("sparsity_kind", SPARSITIES, lambda name: t(f"sparsity.{name}"), kind, _take_sparsity_kind, label=False)
    if kind == "k_sparse":
        _number("k", draft.fields()["code_options"].get("k", 8), 1, draft.last_valid().code_size, _take_code_option("k"))
        return
    if kind == "l1":
        _strength(kind)
        return
    left, right = st.columns(2, wrap=False)
    with left:
        _strength(kind)
    with right:
        target = (draft.term(kind) or {})["options"].get("target", 0.05)
        steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5]
        _steps("target", target, steps, lambda value: draft.take(penalties=draft.with_penalty("kl_sparsity", target=value)))


def _take_sparsity_on(on: bool) -> None:
    if on:
        _take_sparsity_kind("kl_sparsity" if draft.fields()["code"] == "sigmoid" else "l1")
    elif draft.fields()["code"] == "k_sparse":
        draft.take(code="linear")
    else:
        draft.take(penalties=draft.without_penalties("l1", "kl_sparsity"))


def _take_sparsity_kind(kind: str) -> None:
    rest = draft.without_penalties("l1", "kl_sparsity")
    if kind == "k_sparse":
        size = draft.last_valid().code_size
        draft.take(code="k_sparse", code_options={"k": max(1, size // 10)}, penalties=rest)
    elif kind in SPARSITIES:
        kept = draft.fields()["code"]
        added = [found for found in draft.with_penalty(kind) if found["name"] == kind]
        draft.take(penalties=(*rest, *added), **({"code": "sigmoid"} if kept == "k_sparse" else {}))
    else:
        draft.take(penalties=({"name": str(kind)[:40]},))


def _penalty_toggle(name: str) -> None:
    def take(on: bool) -> None:
        draft.take(penalties=draft.with_penalty(name) if on else draft.without_penalties(name))

    if _toggle(name, draft.term(name) is not None, take):
        _strength(name)


def _strength(name: str) -> None:
    knob = catalog.PENALTIES[name].strength
    found = draft.term(name)
    if knob and found:
        steps = _knob_steps(knob, lowest=1e-3)
        _steps(
            f"penalty.{name}", found["weight"], steps, lambda v: draft.take(penalties=draft.with_penalty(name, v)), knob.symbol
        )


def _code_options(now: dict[str, Any]) -> None:
    for knob in catalog.CODES[now["code"]].options:
        if knob.name == "k":
            continue  # stands with sparsity
        value = now["code_options"].get(knob.name, knob.default)
        if knob.integer:
            _number(knob.name, value, int(knob.low), int(knob.high), _take_code_option(knob.name))
        else:
            _steps(knob.name, value, [1, 1.5, 2, 3, 5, 10], _take_code_option(knob.name), knob.symbol)


def _take_code_option(name: str) -> Callable[[float], None]:
    return lambda value: draft.take(code_options={**draft.fields()["code_options"], name: value})


def _layers(widths: Sequence[int]) -> None:
    if locks.hidden("hidden"):
        return
    _put("hidden", ", ".join(map(str, widths)))
    st.text_input(
        _label("hidden", "H"),
        placeholder=t("knob.hidden.none"),
        max_chars=60,
        **_bound("hidden", _take_layers),
        help=locks.help_for("hidden", t("knob.hidden.help")),
    )
    _problems("hidden")


def _take_layers(typed: str) -> None:
    parts = [part for part in typed.replace("，", ",").replace("、", ",").split(",") if part.strip()]
    draft.take(hidden=[part.strip()[:12] for part in parts])


# ---- one widget each, bound to the draft ----


def _bound(field: str, take: Callable[[Any], None] | None = None) -> dict[str, Any]:
    locked = locks.locked(teach.knob_of(field))
    return {"key": session.KNOB + field, "on_change": _take, "args": (field, take), "disabled": locked}


def _free(field: str) -> bool:
    """Whether a knob may be turned; where a teacher's link locks it, the visitor is told."""
    refused = locks.refusal(teach.knob_of(field), text.setting(teach.knob_of(field)))
    if refused is not None:
        session.put(session.NOTICES, (refused,))
    return refused is None


def _hidden(field: str) -> bool:
    return locks.hidden(teach.knob_of(field))


def _help(field: str, usual: str | None) -> str | None:
    return locks.help_for(teach.knob_of(field), usual)


def _take(field: str, take: Callable[[Any], None] | None) -> None:
    value = session.get(session.KNOB + field)
    if value is None or _late(session.KNOB + field) or not _free(field):
        return  # an emptied field keeps the number it had
    if take:
        take(value)
    else:
        draft.take(**{field: value})


def _put(field: str, value: Any) -> None:
    """Show the draft's value; assigned even when it is the same, or a browser keeps a list's label in the language it had."""
    _show(session.KNOB + field, value)


def _show(key: str, value: Any) -> None:
    before = session.get(key, value)
    if before != value:
        session.put(SET, {**session.get(SET, {}), key: (before, time.monotonic())})
    st.session_state[key] = value


def _late(key: str) -> bool:
    """Whether a widget says again what it said before we set it: a poll that was on its way brings all knobs as the browser had
    them, and Streamlit takes that for a visitor's hand."""
    before, when = session.get(SET, {}).get(key, (None, -math.inf))
    return session.get(key) == before and time.monotonic() - when < address_bar.STALE


def _label(field: str, symbol: str = "") -> str:
    """The knob's name and symbol; a screen reader reads the label, so the symbol is a letter and not a formula."""
    return f"{t(f'knob.{field}.name')} {_LETTERS.get(symbol, symbol)}".rstrip()


def _named(group: str) -> Callable[[str], str]:
    return lambda name: t(f"{group}.{name}.name")


def _dataset_label(name: str, missing: bool) -> str:
    label = text.dataset(name)
    key = "own.left" if catalog.is_own(name) else "controls.unavailable"
    return t(key, name=label) if missing else label


def _entry(group: str, names: Sequence[str]) -> None:
    """A list of catalogue entries, for the setting of the same name."""
    value = draft.fields()[group]
    _choice(group, names, _named(group), value, idea=t(f"{group}.{value}.idea"))


def _choice(
    field: str,
    names: Sequence[str],
    label_of: Callable[[str], str],
    value: str,
    take: Callable[[str], None] | None = None,
    label: bool = True,
    idea: str = "",
) -> None:
    """A list to choose from; its help says what the knob is and what the present choice means."""
    if _hidden(field):
        return
    _put(field, value)
    help_text = _help(field, " ".join(filter(None, (t(f"knob.{field}.help"), idea)))) if label else None
    labels = {name: label_of(name) for name in names}
    st.selectbox(
        _label(field),
        names,
        format_func=lambda name: labels.get(name, str(name)),
        **_bound(field, take),
        help=help_text,
        label_visibility="visible" if label else "collapsed",
    )
    _problems(field)


def _toggle(field: str, on: bool, take: Callable[[bool], None]) -> bool:
    if _hidden(field):
        return False
    _put(field, on)
    st.toggle(_label(field), **_bound(field, take), help=_help(field, t(f"knob.{field}.help")))
    return on


def _switch(field: str, on: bool) -> None:
    if _hidden(field):
        return
    _put(field, on)
    st.toggle(_label(field), **_bound(field), help=_help(field, t(f"knob.{field}.help")))
    _problems(field)


def _integer(field: str, high: int | None = None) -> None:
    knob = catalog.BOUNDS[field]
    now = draft.fields()[field]
    top = min(int(knob.high), high or int(knob.high))
    value = top if now is None else min(int(now), top)
    low = min(int(knob.low), top)
    symbol = "" if knob.symbol.startswith(r"\text") else knob.symbol
    _number(field, value, low, top, None, symbol)


def _number(field: str, value: float, low: int, high: int, take: Callable[[int], None] | None = None, symbol: str = "") -> None:
    if _hidden(field):
        return
    _put(field, max(low, min(int(value), high)))
    helped = _help(field, t(f"knob.{field}.help"))
    st.number_input(_label(field, symbol), low, high, step=1, **_bound(field, take), help=helped)
    _problems(field)


def _steps(
    field: str, value: float, steps: Sequence[float], take: Callable[[float], None] | None = None, symbol: str = ""
) -> None:
    """A slider over readable steps; a number that a link brought in stands among them."""
    if _hidden(field):
        return
    symbol = symbol or (catalog.BOUNDS[field].symbol if field in catalog.BOUNDS else "")
    _put(field, float(value))
    options = sorted({float(step) for step in steps} | {float(value)})
    name = field if text.has(f"knob.{field}.name") else "level" if field.startswith("corruption.") else "strength"
    st.select_slider(
        _label(name, symbol), options, format_func=text.number, **_bound(field, take), help=_help(field, t(f"knob.{name}.help"))
    )
    _problems(field)


def _knob_steps(knob: catalog.Knob, lowest: float = 0.0) -> list[float]:
    return [step for step in _ONE_TWO_FIVE if max(knob.low, lowest) <= step <= knob.high]


# ---- what is wrong, beside the knob ----


def _problems(*settings: str) -> None:
    for found in draft.checked()[1]:
        if found.setting in settings:
            with st.container(horizontal=True, key=f"problem_{found.key.removeprefix('problem.')}", gap="xsmall"):
                st.text(text.problem(found))


def reason_not_to_train(experiment: Experiment | None, problems: Sequence[Problem], missing: Problem | None) -> Problem | None:
    """Why Train cannot be pressed, as far as the knobs go."""
    if experiment is None:
        return problems[0]
    return missing or too_costly(experiment)
