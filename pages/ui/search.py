"""The home page's search: pages, guided lessons, terms and formulas by a word of their name or text, in either language."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import streamlit as st

from pages.ui import glossary, menu, text
from pages.ui.lessons.lesson import lessons
from pages.ui.text import t
from replearn_core import catalog
from replearn_core.presets import preset

WORDS = "home.search"  # the widget
MOST_TYPED, MOST_SHOWN = 60, 12
KINDS = {"page": "web", "lesson": "school", "term": "dictionary", "formula": "function"}
"""What can be found, in this order → Material symbol."""


class Hit(NamedTuple):
    """kind: of KINDS. page and query: where it leads. words: what is searched, in both languages."""

    kind: str
    title: str
    sentence: str
    page: str
    query: Mapping[str, str]
    words: str
    formula: str = ""


def show() -> None:
    """The field, and what was found below it; nothing until somebody types."""
    wanted = st.text_input(
        t("home.search"), key=WORDS, placeholder=t("home.search_hint"), icon=":material/search:", label_visibility="collapsed"
    )
    if not (wanted or "").strip():
        return
    hits = found(text.language(), wanted)
    st.caption(t("home.found", n=len(hits)) if hits else t("home.found_none"))
    with st.container(key="home_found"):
        for place, hit in enumerate(hits[:MOST_SHOWN]):
            with st.container(key=f"home_hit_{place}", gap=None):
                st.page_link(
                    str(glossary.PAGES / f"{hit.page}.py"),
                    label=f"**{hit.title}**",
                    icon=f":material/{KINDS[hit.kind]}:",
                    query_params=dict(hit.query),
                )
                st.markdown(f"${hit.formula}$" if hit.formula else hit.sentence)


def found(lang: str, wanted: str) -> tuple[Hit, ...]:
    """All hits in which every word occurs; those with a word in their title first."""
    words = wanted[:MOST_TYPED].casefold().split()
    hits = [one for one in _everything(lang) if all(word in one.words for word in words)]
    return tuple(sorted(hits, key=lambda one: not any(word in one.title.casefold() for word in words)))


@lru_cache
def _everything(lang: str) -> tuple[Hit, ...]:
    return (*_pages(lang), *_lessons(lang), *_terms(lang), *_formulas(lang))


def _hit(kind: str, title: str, sentence: str, page: str, query: Mapping[str, str], also: str, formula: str = "") -> Hit:
    return Hit(kind, title, sentence, page, query, " ".join((title, sentence, also, formula)).casefold(), formula)


def _pages(lang: str) -> Iterator[Hit]:
    for name in menu.ICONS:
        both = " ".join(text.said(one, f"{name}.{part}") for one in text.LANGUAGES for part in ("nav", "title", "sentence"))
        yield _hit("page", text.said(lang, f"{name}.title"), text.said(lang, f"{name}.sentence"), name, {}, both)


def _lessons(lang: str) -> Iterator[Hit]:
    others = {name: one for other in text.LANGUAGES if other != lang for name, one in lessons(other).items()}
    for name, one in lessons(lang).items():
        first = one.steps[0]
        also = f"{others[name].title} {others[name].question} {' '.join(one.claims)}"
        yield _hit("lesson", one.title, one.question, first.view, {"lesson": one.id, "step": "1"} | dict(first.knobs), also)


def _terms(lang: str) -> Iterator[Hit]:
    for one in glossary.terms(lang):
        yield _hit("term", one.name, one.sentence, "glossary", {"term": one.id}, " ".join((one.other, *one.spellings)))


def _formulas(lang: str) -> Iterator[Hit]:
    for group, entries in (
        ("variant", catalog.VARIANTS),
        ("reconstruction", catalog.RECONSTRUCTIONS),
        ("penalty", catalog.PENALTIES),
        ("corruption", catalog.CORRUPTIONS),
    ):
        for name, entry in entries.items():
            variant = name if group == "variant" else _variant_with(group, name)
            also = " ".join((*(text.said(one, f"{group}.{name}.name") for one in text.LANGUAGES), entry.paper))
            title = text.said(lang, f"{group}.{name}.name")
            yield _hit("formula", title, "", "autoencoder", {"variant": variant} if variant else {}, also, entry.equation)


@lru_cache
def _variant_with(group: str, name: str) -> str:
    """The first variant that has this term, "" where none has."""
    for variant in catalog.VARIANTS:
        one = preset("digits", variant)
        own = {
            "reconstruction": [one.reconstruction],
            "penalty": [term.name for term in one.penalties],
            "corruption": [one.corruption.name] if one.corruption else [],
        }
        if name in own[group]:
            return variant
    return ""
