"""The glossary: every term in both languages, every link to a page that is there, and a search that finds."""

from functools import partial
from pathlib import Path

import pytest

from pages.ui import glossary, text
from tests.pages import opening

ROOT = Path(__file__).parents[2]
LANGUAGES = tuple(text.LANGUAGES)


opened = partial(opening.opened, "glossary")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_term_has_a_name_one_sentence_and_a_page_that_is_there(lang):
    assert len(glossary.terms(lang)) > 30
    for one in glossary.terms(lang):
        assert one.name and one.other and one.name != one.sentence
        assert one.sentence.endswith("。" if lang == "zh-TW" else ".")
        assert (ROOT / "pages" / f"{one.page}.py").is_file() and text.has(f"{one.page}.nav")


def test_both_languages_have_the_same_terms_in_the_same_order():
    chinese, english = (glossary.terms(lang) for lang in LANGUAGES)
    assert [(one.id, one.symbol, one.page, one.query) for one in chinese] == [
        (one.id, one.symbol, one.page, one.query) for one in english
    ]
    assert [(one.name, one.other) for one in chinese] == [(one.other, one.name) for one in english]


@pytest.mark.parametrize(("typed", "expected"), [("稀疏", "sparse"), ("SPARSE coding", "psc"), ("UMAP", "umap")])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_search_finds_a_term_by_its_name_in_either_language(lang, typed, expected):
    assert expected in [one.id for one in glossary.found(lang, typed)]


def test_a_search_for_nothing_finds_all_and_one_for_nonsense_none():
    assert glossary.found("en", "  ") == glossary.terms("en")
    assert glossary.found("en", "<script>" * 1_000) == ()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_shows_every_term(lang):
    app = opened(lang)
    assert not app.exception and not app.error
    shown = [element.value for element in app.get("markdown")]
    assert all(one.sentence in shown for one in glossary.terms(lang))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_first_mention_of_a_term_in_a_text_is_a_link_that_says_what_it_is(lang, monkeypatch):
    monkeypatch.setattr(text, "language", lambda: lang)
    code, encoder = (next(one for one in glossary.terms(lang) if one.id == name) for name in ("code", "encoder"))
    written = glossary.linked(f"{code.name} {encoder.name} {code.name}")
    assert written.count("](glossary?") == 2 and written.endswith(f" {code.name}")
    assert written.startswith(f'[{code.name}](glossary?lang={lang}&term=code "{code.sentence}")')


def test_an_autoencoder_is_no_encoder_and_formulas_code_and_links_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(text, "language", lambda: "en")
    assert "term=autoencoder" in glossary.linked("Autoencoders.") and "term=encoder" not in glossary.linked("Autoencoders.")
    for plain in ("$code$", "`code`", "[code](https://example.org)", "# code", "decoded, barcode"):
        assert glossary.linked(plain) == plain
    monkeypatch.setattr(text, "language", lambda: "zh-TW")
    assert "term=autoencoder" in glossary.linked("自編碼器") and "term=code" not in glossary.linked("自編碼器")


@pytest.mark.parametrize(("asked", "shown"), [("umap", "UMAP"), ("<script>", ""), ("", "")])
def test_a_link_to_a_term_searches_for_it_and_an_unknown_one_for_nothing(asked, shown):
    app = opened(term=asked)
    assert not app.exception and app.text_input[0].value == shown
