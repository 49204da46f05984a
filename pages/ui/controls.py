"""The lab's knobs: which of the catalogue stand where and what each changes in the draft, whose checks are in `draft.py`."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import streamlit as st

from pages.ui import draft, session, text, widgets
from pages.ui.own import door as own_door
from pages.ui.own import sets as own_sets
from pages.ui.teaching import locks
from pages.ui.text import ASSETS, t
from replearn_core import catalog
from replearn_core.cost import too_costly
from replearn_core.experiment import INFERRED_CODES, Experiment, Problem

OTHERS = tuple(name for name in catalog.VARIANTS if name not in draft.LECTURE)
MORE = "more_knobs"  # whether the rest is unfolded
FOLDED = ("hidden", "activation", "code", "network", "tied", "reconstruction", "strategy", "batch_size", "train_size")
SPARSITIES = ("l1", "kl_sparsity", "k_sparse")


def choose_data(available: Callable[[str], Problem | None]) -> Problem | None:
    """The data set; one that cannot be had can be looked at, and says how to get it. Returns that Problem."""
    name = draft.fields()["dataset"]
    names = (*catalog.DATASETS, *own_sets.offered(name))
    missing = {name: found for name in names if (found := available(name))}
    idea = own_sets.about(name) if catalog.is_own(name) else t(f"dataset.{name}.idea")
    widgets.choice("dataset", names, lambda one: _dataset_label(one, one in missing), name, draft.take_dataset, idea=idea)
    if name in missing:
        st.text(text.problem(missing[name]))
    widgets.problems("dataset")
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
        widgets.integer("code_size")
        widgets.slider("learning_rate", draft.fields()["learning_rate"], widgets.knob_steps(catalog.BOUNDS["learning_rate"]))
    with right:
        widgets.integer("epochs")
        widgets.integer("seed")


def turn_terms() -> None:
    """Corruption, sparsity, contraction; and the two strengths that belong to a code type."""
    _corruption()
    _sparsity()
    _penalty_toggle("contraction")
    if draft.fields()["code"] == "gaussian" or draft.term("gaussian_kl"):
        _penalty_toggle("gaussian_kl")
    if draft.fields()["code"] in INFERRED_CODES or draft.term("prediction"):
        _penalty_toggle("prediction")
    widgets.problems("penalties", "corruption", *catalog.PENALTIES, *catalog.CORRUPTIONS)


def turn_more() -> None:
    """The rest, folded, and drawn when somebody looks: each widget costs the browser time whenever the page is drawn."""
    now = draft.fields()
    box = st.expander(t("controls.more"), icon=":material/tune:", key=MORE, on_change="rerun")
    if not box.open:
        return
    with box:
        _layers(now["hidden"])
        widgets.entry("activation", catalog.ACTIVATIONS)
        widgets.entry("code", tuple(catalog.CODES))
        _code_options(now)
        widgets.entry("network", catalog.NETWORKS)
        widgets.switch("tied", now["tied"])
        widgets.entry("reconstruction", tuple(catalog.RECONSTRUCTIONS))
        widgets.entry("strategy", catalog.STRATEGIES)
        widgets.integer("batch_size")
        widgets.integer("train_size", high=catalog.dataset(now["dataset"]).train_size)


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
    widgets.show(key, chosen if chosen in names else None)
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
    if name is not None and not widgets.late(key) and widgets.free("variant"):
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
    if not widgets.toggle("corruption", now is not None, _take_corruption_on):
        return
    name = now["name"] if now else "masking"
    widgets.choice(
        "corruption_kind", tuple(catalog.CORRUPTIONS), widgets.named("corruption"), name, _take_corruption_kind, label=False
    )
    knob = catalog.CORRUPTIONS[name].strength
    widgets.slider(f"corruption.{name}", now["weight"], [round(0.05 * i, 2) for i in range(20)], _take_level, symbol=knob.symbol)


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
    if not widgets.toggle("sparsity", kind is not None, _take_sparsity_on) or kind is None:
        return
    widgets.choice("sparsity_kind", SPARSITIES, lambda name: t(f"sparsity.{name}"), kind, _take_sparsity_kind, label=False)
    if kind == "k_sparse":
        widgets.number("k", draft.fields()["code_options"].get("k", 8), 1, draft.last_valid().code_size, _take_code_option("k"))
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
        widgets.slider(
            "target", target, steps, lambda value: draft.take(penalties=draft.with_penalty("kl_sparsity", target=value))
        )


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

    if widgets.toggle(name, draft.term(name) is not None, take):
        _strength(name)


def _strength(name: str) -> None:
    knob = catalog.PENALTIES[name].strength
    found = draft.term(name)
    if knob and found:
        steps = widgets.knob_steps(knob, lowest=1e-3)
        widgets.slider(
            f"penalty.{name}", found["weight"], steps, lambda v: draft.take(penalties=draft.with_penalty(name, v)), knob.symbol
        )


def _code_options(now: dict[str, Any]) -> None:
    for knob in catalog.CODES[now["code"]].options:
        if knob.name == "k":
            continue  # stands with sparsity
        value = now["code_options"].get(knob.name, knob.default)
        if knob.integer:
            widgets.number(knob.name, value, int(knob.low), int(knob.high), _take_code_option(knob.name))
        else:
            widgets.slider(knob.name, value, [1, 1.5, 2, 3, 5, 10], _take_code_option(knob.name), knob.symbol)


def _take_code_option(name: str) -> Callable[[float], None]:
    return lambda value: draft.take(code_options={**draft.fields()["code_options"], name: value})


def _layers(widths: Sequence[int]) -> None:
    if locks.hidden("hidden"):
        return
    widgets.put("hidden", ", ".join(map(str, widths)))
    st.text_input(
        widgets.title_of("hidden", "H"),
        placeholder=t("knob.hidden.none"),
        max_chars=60,
        **widgets.bound("hidden", _take_layers),
        help=locks.help_for("hidden", t("knob.hidden.help")),
    )
    widgets.problems("hidden")


def _take_layers(typed: str) -> None:
    parts = [part for part in typed.replace("，", ",").replace("、", ",").split(",") if part.strip()]
    draft.take(hidden=[part.strip()[:12] for part in parts])


def _dataset_label(name: str, missing: bool) -> str:
    label = text.dataset(name)
    key = "own.left" if catalog.is_own(name) else "controls.unavailable"
    return t(key, name=label) if missing else label


def reason_not_to_train(experiment: Experiment | None, problems: Sequence[Problem], missing: Problem | None) -> Problem | None:
    """Why Train cannot be pressed, as far as the knobs go."""
    if experiment is None:
        return problems[0]
    return missing or too_costly(experiment)
