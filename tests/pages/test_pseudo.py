"""Every page in a language made from English: whatever a visitor reads without accents has not come from the texts."""

import html
import re
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict
from streamlit.testing.v1 import AppTest

from pages.ui import controls, session, text
from pages.ui.menu import GROUPS
from replearn_core import catalog, papers
from tests import pseudo

ENTRY = Path(__file__).parents[2] / "pages" / "ui" / "entry.py"
PAGES = [name for group in GROUPS.values() for name in group]
READ = (
    *("label", "body", "help", "options", "placeholder", "captions", "text", "caption"),
    *("formattedValue", "delta", "content", "alt"),
)
"""The fields of Streamlit's messages that people read or are read to."""
# What stays as it is in every language: measures and methods by their names, file kinds, units, makers of data, software.
NAMES = {
    *("PCA", "UMAP", "SNE", "LDA", "VAE", "MNIST", "KMNIST", "EMNIST", "Fashion", "dSprites", "ReLU", "tanh"),
    *("sigmoid", "LISTA", "FISTA", "MIG", "DCI", "SAP", "AUC", "ROC", "ONNX", "SVM", "Gabor", "Hoyer", "KDD", "Cup"),
    *("CSV", "JSON", "PNG", "JPEG", "SVG", "EXIF", "NumPy", "npz", "npy", "zip", "URL", "API", "App", "APP", "English"),
    *("MB", "KB", "kB", "GB", "ms", "Wh", "US", "CC", "BY", "cpu", "numpy", "scipy", "scikit", "learn", "torch", "TGNP"),
}
KINDS = (catalog.CODES, catalog.CORRUPTIONS, catalog.PENALTIES, catalog.VARIANTS)
PAPERS = {one.paper for kind in KINDS for one in kind.values()} | {table.source for table in papers.TABLES.values()}
CITED = {text.spaced(paper) for paper in PAPERS if paper}
FOLDS = (controls.MORE, "more_variants_False", session.TAKEHOME, session.SOURCE)  # drawn only once somebody unfolds them
WORD = re.compile(r"[A-Za-z]{2,}")
NO_WORDS = re.compile(
    r"\$\$.*?\$\$|\$[^$]*\$|```.*?```|`[^`]*`|\]\([^)]*\)|:\w+(?:/\w+)?:|:gray\[[^\]]*\]|https?://\S+|<style>.*?</style>|<[^>]*>|\b[0-9a-f]{6,}\b",
    re.DOTALL,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The language's folder, known to the pages as `REPLEARN_TRANSLATION` makes it known."""
    folder = pseudo.write(tmp_path_factory.mktemp("texts"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(text.MAKING, pseudo.LANG, folder)
        patch.setitem(text.LANGUAGES, pseudo.LANG, pseudo.LANG)
        yield folder


def opened(page: str) -> AppTest:
    app = AppTest.from_file(str(ENTRY), default_timeout=60)
    app.query_params["lang"] = pseudo.LANG
    for fold in FOLDS:
        app.session_state[fold] = True
    app.run()
    if page != "home":
        app.switch_page(f"../{page}.py")
        app.query_params["lang"] = pseudo.LANG
        app.run()
    return app


def read(node) -> list[str]:
    """All that stands below a node of the page's tree, in messages' own order."""
    found = []
    if (message := getattr(node, "proto", None)) is not None and hasattr(message, "DESCRIPTOR"):
        for name, value in MessageToDict(message, preserving_proto_field_name=False).items():
            if name in READ:
                found += [value] if isinstance(value, str) else [one for one in value if isinstance(one, str)]
    for child in getattr(node, "children", {}).values():
        found += read(child)
    return found


def bare(said: str) -> list[str]:
    """The words that carry no accents and are no names."""
    for paper in CITED:
        said = said.replace(paper, "")
    return [word for word in WORD.findall(html.unescape(NO_WORDS.sub(" ", said))) if word not in NAMES]


@pytest.mark.parametrize("page", PAGES)
def test_nothing_on_a_page_is_left_untranslated(made, page):
    app = opened(page)
    assert not app.exception and not app.error
    told = [said for part in (app.main, app.sidebar) for said in read(part)]
    assert any("⟦" in said for said in told)
    assert [said for said in told if bare(said)] == []


def test_every_small_choice_says_what_it_chooses_to_those_who_do_not_see_it():
    sources = [path.read_text("utf-8") for path in ENTRY.parent.rglob("*.py")]
    named = {name for source in sources for name in re.findall(r'\bone_of\(\s*"(\w+)"', source)}
    assert len(named) > 10
    assert sorted(name for name in named if not text.has(f"pick.{name}")) == []


def test_the_language_has_every_key_and_placeholder(made):
    theirs, ours = text.catalogue(pseudo.LANG), text.catalogue("en")
    assert set(theirs) == set(ours)
    holes = re.compile(r"\{\w+\}")
    assert [key for key in ours if sorted(holes.findall(theirs[key])) != sorted(holes.findall(ours[key]))] == []


def test_a_sentence_is_two_fifths_longer_and_keeps_formulas_code_and_links():
    said = pseudo.said("Turn `k` for $x^2$: see [the page](glossary?term=k), {n} times.")
    assert len(said) > 1.2 * len("Turn `k` for $x^2$: see [the page](glossary?term=k), {n} times.")
    assert all(part in said for part in ("`k`", "$x^2$", "](glossary?term=k)", "{n}")) and said[0] == "⟦" and said[-1] == "⟧"
    assert not bare(said)


def test_the_shipped_app_does_not_offer_it():
    assert pseudo.LANG not in text.LANGUAGES or pseudo.LANG in text.MAKING
    assert tuple(text.LANGUAGES)[:2] == ("zh-TW", "en")
