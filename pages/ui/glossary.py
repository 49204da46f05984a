"""The terms of assets/glossary.toml in both languages: read, searched, and shown as cards."""

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

import streamlit as st

from pages.ui import address_bar, text
from pages.ui.text import t

SEARCH = "glossary.search"  # the widget
PAGES = Path(__file__).resolve().parents[1]
_AS_IT_IS = r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\[[^\]]*\]\([^)]*\)|^#.*$"  # no term is looked for in these
MOST_TYPED = 60  # characters of a search that are looked at


class Term(NamedTuple):
    """name and other: in the visitor's language and in the other one. query: of the page's address. spellings: names in texts."""

    id: str
    name: str
    other: str
    sentence: str
    symbol: str
    page: str
    query: Mapping[str, str]
    spellings: tuple[str, ...]


@lru_cache
def terms(lang: str) -> tuple[Term, ...]:
    """All terms in the file's order, which is the lecture's."""
    with (text.folder(lang) / "glossary.toml").open("rb") as file:
        known = tomllib.load(file)
    beside = "zh-TW" if lang == "en" else "en"
    return tuple(
        Term(
            name,
            one[lang][0],
            one[beside][0],
            one[lang][1],
            one["symbol"],
            one["page"],
            dict(parse_qsl(one.get("query", ""))),
            (*filter(None, re.split(r"\s*[(),、（）]\s*", one[lang][0])), *one.get("also", {}).get(lang, ())),
        )
        for name, one in known.items()
    )


def found(lang: str, wanted: str) -> tuple[Term, ...]:
    """The terms in whose names or sentence every word of the search occurs."""
    words = wanted[:MOST_TYPED].casefold().split()
    return tuple(one for one in terms(lang) if all(word in f"{one.name} {one.other} {one.sentence}".casefold() for word in words))


def linked(markdown: str, lang: str | None = None) -> str:
    """The text with the first mention of each term as a link to the glossary, whose title is the term's sentence.

    `lab.css` shows that title on hover and on focus. Formulas, code, headings and links stay as they are.
    """
    return _linked(markdown, lang or text.language())


@lru_cache(maxsize=256)
def _linked(markdown: str, lang: str) -> str:
    mentioned: set[str] = set()
    known, pattern = _names(lang)

    def link(match: re.Match[str]) -> str:
        name = match["term"]
        if name is None or (one := known[name.casefold()]).id in mentioned:
            return match[0]
        mentioned.add(one.id)
        title = one.sentence.replace("\\", "").replace('"', "'")
        return f'[{name}](glossary?{urlencode({"lang": lang, "term": one.id})} "{title}")'

    return pattern.sub(link, markdown)


@lru_cache
def _names(lang: str) -> tuple[Mapping[str, Term], re.Pattern[str]]:
    """Terms by name, and what finds them: the longest name first, so that an autoencoder is no encoder."""
    known = {name.casefold(): one for one in terms(lang) for name in one.spellings}
    names = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
    whole = r"(?<![A-Za-z-])(?P<term>{})s?(?![A-Za-z-])" if lang != "zh-TW" else r"(?<!獨熱)(?P<term>{})"
    return known, re.compile(_AS_IT_IS + "|" + whole.format(names), re.IGNORECASE | re.MULTILINE)


def asked() -> str:
    """What a link to a term puts into the search: its name, or nothing where there is no such term."""
    wanted = address_bar.own().get("term", [""])[-1]
    return next((one.name for one in terms(text.language()) if one.id == wanted), "")


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
