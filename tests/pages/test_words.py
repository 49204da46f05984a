"""Streamlit's own words: each of them is really Streamlit's, every language has its own, and every page brings them along."""

import re
from pathlib import Path

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from pages.ui import text
from pages.ui.components import words
from pages.ui.menu import GROUPS

ENTRY = Path(__file__).parents[2] / "pages" / "ui" / "entry.py"
SCRIPTS = Path(streamlit.__file__).parent / "static" / "static" / "js"
THEIRS = {key: sentence for key, sentence in text.catalogue("en").items() if key.startswith("streamlit.")}


@pytest.fixture(scope="module")
def spoken() -> str:
    """All that the installed Streamlit's browser scripts can say."""
    return "\n".join(script.read_text(encoding="utf-8") for script in SCRIPTS.glob("*.js"))


@pytest.mark.parametrize("key", THEIRS)
def test_the_english_words_are_those_that_streamlit_itself_says(spoken, key):
    """So that an update of Streamlit that calls something by another name is noticed."""
    parts = [part.strip() for part in re.split(r"\{\w+\}| to (?=apply|submit)", THEIRS[key])]  # it joins those two itself
    assert all(part in spoken for part in parts if len(part) > 1), THEIRS[key]


def test_english_pages_keep_streamlits_words_and_chinese_ones_replace_every_one_of_them():
    assert words.said("en") == {}
    chinese = words.said("zh-TW")
    assert {f"streamlit.{key}": theirs for key, (theirs, _) in chinese.items()} == THEIRS
    assert not [ours for _, ours in chinese.values() if re.search("[A-Za-z]{2}", re.sub(r"\{\w+\}|Streamlit", "", ours))]


@pytest.mark.parametrize("page", [name for group in GROUPS.values() for name in group])
def test_every_page_brings_the_uploaders_words_in_its_language(page):
    app = AppTest.from_file(str(ENTRY), default_timeout=60)
    app.query_params["lang"] = "zh-TW"
    app.run()
    if page != "home":
        app.switch_page(f"../{page}.py")
        app.query_params["lang"] = "zh-TW"
        app.run()
    styles = "".join(one.proto.body for one in app.get("html"))
    for name in ("choose", "drop", "here", "refused"):
        assert f'--say-{name}: "{text.said("zh-TW", f"uploader.{name}")}"' in styles
        assert f"var(--say-{name})" in styles
