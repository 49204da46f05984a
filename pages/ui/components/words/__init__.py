"""Streamlit's own words in the visitor's language: it has no setting for them. `mount` is called by the entry script.

The catalogues' section `streamlit` holds them: the English one as Streamlit says them (`{name}` for what comes in), the others in
their language. The uploader's visible words are replaced by style alone (assets/css/words.css), so that they are right before any
script has run; its limits and kinds of files are said by the pages that use it.
"""

import json
from pathlib import Path

import streamlit as st

from pages.ui import text
from pages.ui.components.shared import joined

_COMPONENT = st.components.v2.component("replearn_words", html="<div></div>", js=joined(Path(__file__).parent, ("words.js",)))
_SECTION = "streamlit."
_UPLOADER = ("choose", "drop", "here", "refused")


def mount() -> None:
    says = "; ".join(f"--say-{name}: {_quoted(text.t(f'uploader.{name}'))}" for name in _UPLOADER)
    st.html(f"<style>:root {{ {says} }}</style>")
    st.html(text.ASSETS / "css" / "words.css")
    with st.container(key="words_place"):
        _COMPONENT(key="words", data=[{"lang": text.language(), "words": said(text.language())}])


def said(lang: str) -> dict[str, tuple[str, str]]:
    """Key → Streamlit's words and ours, where they differ."""
    theirs, ours = text.catalogue("en"), text.catalogue(lang)
    pairs = {key: (theirs[key], ours.get(key, theirs[key])) for key in theirs if key.startswith(_SECTION)}
    return {key.removeprefix(_SECTION): pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _quoted(sentence: str) -> str:
    """A string of a style sheet; JSON's own escapes of quotes and backslashes are a style sheet's too."""
    return json.dumps(sentence, ensure_ascii=False).replace("<", "\\3c ")
