"""The home page: a picture and a way into every part of the lecture, a search that finds, and marks where one has been."""

from html import unescape
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.ui import menu, search, text
from pages.ui.lessons.lesson import lessons
from replearn_core import catalog

ROOT = Path(__file__).parents[2]
LANGUAGES = tuple(text.LANGUAGES)


def opened(lang: str = "en") -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages" / "ui" / "entry.py"), default_timeout=30)
    app.query_params["lang"] = lang
    return app.run()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_part_of_the_lecture_has_a_moving_picture_that_says_what_it_shows(lang):
    app = opened(lang)
    assert not app.exception and not app.error
    drawn = unescape(" ".join(element.proto.body for element in app.get("html")))
    for name in menu.ICONS:
        if not text.has(f"home.part.{name}.name"):
            continue
        assert f"api/pictures/{name}.webp" in drawn and text.catalogue(lang)[f"home.part.{name}.picture"] in drawn
        with Image.open(ROOT / "assets" / "home" / f"{name}.webp") as strip:
            assert strip.size == (576, 24 * 144)
            first, last = strip.crop((0, 0, 576, 144)), strip.crop((0, 23 * 144, 576, 24 * 144))
            assert first.tobytes() != last.tobytes()


def test_the_menu_names_each_page_once_and_each_is_there():
    listed = [name for names in menu.GROUPS.values() for name in names]
    assert sorted(listed) == sorted(menu.ICONS) == sorted(path.stem for path in (ROOT / "pages").glob("*.py"))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("typed", "kind", "title"),
    [
        ("UMAP", "term", "UMAP"),
        ("抖動", None, ""),
        ("vincent 2008", "formula", None),
        ("rifai", "formula", None),
        ("malware", "page", None),
    ],
)
def test_a_search_finds_by_name_text_or_paper_in_either_language(lang, typed, kind, title):
    hits = search.found(lang, typed)
    if kind is None:
        assert hits == ()
    else:
        assert kind in [hit.kind for hit in hits] and (title is None or title in [hit.title for hit in hits])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_lesson_and_every_variants_formula_is_found_by_its_title(lang):
    for name, one in lessons(lang).items():
        assert name in [hit.query.get("lesson") for hit in search.found(lang, one.title)]
    for name, entry in catalog.VARIANTS.items():
        hits = search.found(lang, text.catalogue(lang)[f"variant.{name}.name"])
        assert entry.equation in [hit.formula for hit in hits if hit.query == {"variant": name}]


def test_what_is_typed_into_the_search_is_never_shown_as_markup():
    app = opened()
    app.text_input(key=search.WORDS).set_value("<img src=x onerror=alert(1)> **x**").run()
    assert not app.exception and text.catalogue("en")["home.found_none"] in [one.value for one in app.caption]
    assert not any("<img" in element.value for element in app.markdown)


def test_a_page_that_was_opened_and_lessons_that_are_done_are_marked_on_the_home_page():
    app = opened()
    seen = text.catalogue("en")["home.seen"]
    labels = [link.proto.label for link in app.get("page_link")]
    assert not any(seen in label for label in labels)
    app.switch_page("../transfer.py").run()
    every = list(range(1, 5))
    app.session_state["memory.kept"] |= {"lessons": {"squeeze": {"at": 4, "done": every}, "noise": {"at": 2, "done": [1]}}}
    app.switch_page("../home.py").run()
    labels = [link.proto.label for link in app.get("page_link")]
    assert any(label.startswith(text.said("en", "home.lessons")) and "1 done" in label for label in labels)
    assert [seen in label for label in labels if label.startswith(f"**{text.catalogue('en')['home.part.transfer.name']}")] == [
        True
    ]
