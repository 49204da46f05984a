"""The terms of assets/glossary.toml in both languages: read, searched, and shown as cards."""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl

import streamlit as st

from pages.ui import text
from pages.ui.text import ASSETS, t

SEARCH = "glossary.search"  # the widget
PAGES = Path(__file__).resolve().parents[1]
MOST_TYPED = 60  # characters of a search that are looked at


class Term(NamedTuple):
    """name and other: in the visitor's language and in the other one. query: of the page's address."""

    id: str
    name: str
    other: str
    sentence: str
    symbol: str
    page: str
    query: Mapping[str, str]


@lru_cache
def terms(lang: str) -> tuple[Term, ...]:
    """All terms in the file's order, which is the lecture's."""
    with (ASSETS / "glossary.toml").open("rb") as file:
        known = tomllib.load(file)
    (beside,) = set(text.LANGUAGES) - {lang}
    return tuple(
        Term(
            name, *(one[lang][0], one[beside][0], one[lang][1]), one["symbol"], one["page"], dict(parse_qsl(one.get("query", "")))
        )
        for name, one in known.items()
    )


def found(lang: str, wanted: str) -> tuple[Term, ...]:
    """The terms in whose names or sentence every word of the search occurs."""
    words = wanted[:MOST_TYPED].casefold().split()
    return tuple(one for one in terms(lang) if all(word in f"{one.name} {one.other} {one.sentence}".casefold() for word in words))


def show(wanted: str) -> None:
    """A card a term."""
    chosen = found(text.language(), wanted or "")
    st.caption(t("glossary.count", n=len(chosen), all=len(terms(text.language()))))
    if not chosen:
        st.text(t("glossary.nothing"))
    with st.container(key="glossary_terms"):
        for one in chosen:
            with st.container(border=True, key=f"glossary_term_{one.id}"):
                st.markdown(f"**{one.name}** :gray[{one.other}]")
                st.markdown(one.sentence)
                if one.symbol:
                    st.markdown(f"${one.symbol}$")
                st.page_link(
                    str(PAGES / f"{one.page}.py"),
                    label=t("glossary.open", page=t(f"{one.page}.nav")),
                    icon=":material/arrow_forward:",
                    query_params=dict(one.query),
                )
