"""Sharing: links that open what is on screen, short ones that lead nowhere else, frames, bundles, and no secret handed on."""

import asyncio
import html
import xml.etree.ElementTree as xml

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from pages.ui import api, draft, share, text
from pages.ui.teaching import place, qr, rooms_ui
from replearn_core import bundle, engine
from replearn_core.experiment import Problem
from replearn_core.links import Links
from replearn_core.rooms import Rooms
from replearn_core.store import Store
from tests.pages.test_pages import opened


class Running:
    """An engine of which only the store is asked for."""

    def __init__(self, store):
        self.store = store

    def lineage(self, run_id):
        return ((run_id, None),)


@pytest.fixture
def store(tmp_path, monkeypatch):
    kept = Store(tmp_path / "runs")
    monkeypatch.setattr(engine, "current", lambda: Running(kept))
    monkeypatch.delenv("REPLEARN_DATABASE", raising=False)
    yield kept
    if place._kept:
        place._kept.pop("database").dispose()
        place._kept.clear()
    kept.close()


@pytest.fixture
def state(monkeypatch):
    values: dict = {}
    monkeypatch.setattr("streamlit.session_state", values)
    return values


class Browser:
    """What Streamlit knows of a visitor's browser."""

    def __init__(self, url, host=""):
        self.url, self.headers = url, {"Host": host} if host else {}


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://127.0.0.1:8501/", "http://127.0.0.1:8501"),
        ("https://lab.example/autoencoder", "https://lab.example"),
        ("https://school.example/labs/replearn/autoencoder", "https://school.example/labs/replearn"),
        ("https://school.example/labs/replearn/", "https://school.example/labs/replearn"),
        ("javascript:alert(1)", "http://host:1"),
        (None, "http://host:1"),
    ],
)
def test_a_link_has_the_address_as_the_visitor_has_it(monkeypatch, url, base):
    monkeypatch.setattr("streamlit.context", Browser(url, "host:1"))
    assert qr.base() == base
    assert qr.link("home", {}) == f"{base}/" and qr.link("latent", {"run": "a b"}) == f"{base}/latent?run=a+b"
    assert qr.short("abc") == f"{base}/s/abc"


def test_a_qr_code_is_a_picture_with_a_text_and_hostile_text_is_none(monkeypatch):
    drawn: list[str] = []
    monkeypatch.setattr("streamlit.html", drawn.append)
    qr.image("https://lab.example/s/abc", '"><script>alert(1)</script>')
    (element,) = xml.fromstring(f"<div>{drawn[0].replace('>', '/>')}</div>") if drawn else ()
    assert element.tag == "img" and element.get("alt") == '"><script>alert(1)</script>'
    assert element.get("src").startswith("data:image/svg+xml;base64,")


def test_an_address_too_long_for_a_code_is_not_drawn(monkeypatch):
    drawn: list[str] = []
    monkeypatch.setattr("streamlit.html", drawn.append)
    qr.image("https://lab.example/?" + "a" * 9_000, "")
    assert drawn == []


def test_the_frame_can_be_pasted_and_breaks_out_of_nothing():
    made = share.frame('https://lab.example/autoencoder?a="><script>&embed=true')
    assert "<script>" not in made and html.unescape(made).startswith("<iframe src=") and "&amp;embed=true" in made


# ---- short links ----


def follow(code, accepts=""):
    """The answer of GET /s/<code>."""
    headers = [(b"accept-language", accepts.encode())]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/s/x",
        "headers": headers,
        "query_string": b"",
        "path_params": {"code": code},
    }
    return asyncio.run(api.short(Request(scope)))


def test_a_short_link_leads_to_the_page_and_its_parameters(store, state):
    code = share.code_of("autoencoder", {"code_size": "4", "teach": "lock:epochs;q:What?"})
    found = follow(code)
    assert found.status_code == 303
    assert found.headers["location"] == f"{api.BASE}/autoencoder?code_size=4&teach=lock:epochs;q:What%3F"
    home = follow(share.code_of("home", {}))
    assert home.headers["location"] == f"{api.BASE}/"


@pytest.mark.parametrize(("accepts", "lang"), [("zh-TW,zh;q=0.9", "zh-TW"), ("de", "en"), ("", "en")])
def test_an_unknown_short_link_says_so_in_the_visitors_language(store, accepts, lang):
    found = follow("<script>", accepts)
    assert found.status_code == 404 and f'lang="{lang}"' in found.body.decode() and b"<script>" not in found.body
    assert html.escape(text.said(lang, "problem.link_unknown")) in found.body.decode()


def test_without_a_place_to_keep_them_short_links_say_why(state, monkeypatch):
    monkeypatch.setattr(engine, "current", lambda: None)
    assert share.code_of("home", {}) == Problem("problem.engine_starting")
    assert follow("abcdefghj").status_code == 503


def test_a_store_that_cannot_be_written_refuses_rooms_and_links_with_its_reason(tmp_path, state, monkeypatch):
    first, second = Store(tmp_path, shipped=None), Store(tmp_path, shipped=None)
    monkeypatch.setattr(engine, "current", lambda: Running(second))
    assert share.code_of("home", {}).key == "problem.store_locked"
    assert rooms_ui.asked(lambda: place.rooms().room("AAAAAA")).key == "problem.store_locked"
    first.close(), second.close()


def test_one_visit_makes_a_stated_number_of_short_links(store, state):
    made = [share.code_of("home", {"a": str(i)}) for i in range(share.MOST_MADE + 1)]
    assert isinstance(made[-1], Problem) and made[-1].key == "problem.link_session"
    assert all(isinstance(one, str) for one in made[:-1])


@given(page=st.text(max_size=30), query=st.dictionaries(st.text(max_size=20), st.text(max_size=60), max_size=5))
def test_any_address_gets_a_code_that_leads_back_or_a_reason(page, query):
    from replearn_core import database
    from replearn_core.links import LinkRefused

    links, spelled = Links(database.in_memory()), qr.encoded({k: v.encode("utf-8", "replace").decode() for k, v in query.items()})
    try:
        assert links.follow(links.make(page, spelled)) == (page, spelled)
    except LinkRefused as error:
        assert text.has(error.problem.key)


def test_rooms_and_links_lie_beside_the_runs_and_not_in_their_index(store, state):
    share.code_of("home", {})
    assert isinstance(place.rooms(), Rooms) and (store.root / place.FILE).is_file()


# ---- bundles ----


def test_a_bundle_opens_into_the_store_and_a_wrong_one_is_told(store, tmp_path, monkeypatch):
    made = bundle.packed(store, [(draft.FIRST.id, None)])
    assert share.brought(made) == draft.FIRST.id
    other = Store(tmp_path / "other", shipped=None)
    monkeypatch.setattr(engine, "current", lambda: Running(other))
    assert share.brought(made) == draft.FIRST.id and bundle.brought(other, draft.FIRST.id)
    assert share.brought(made[:-30]).key.startswith("problem.")
    other.close()


def test_the_download_is_the_bundle_of_the_run(store):
    assert bundle.opened(share._packed(draft.FIRST.id)).run_id == draft.FIRST.id


# ---- on the pages ----


@pytest.mark.parametrize("lang", text.LANGUAGES)
@pytest.mark.parametrize("page", ["home", "autoencoder", "glossary"])
def test_every_page_can_be_shared(page, lang):
    app = opened(page, lang=lang)
    assert not app.error and not app.exception
    assert text.catalogue(lang)["share.button"] in [one.proto.popover.label for one in _popovers(app)]


def _popovers(app):
    found, waiting = [], [app.main]
    while waiting:
        block = waiting.pop()
        found += [block] if getattr(block, "type", "") == "popover" else []
        waiting += [one for one in getattr(block, "children", {}).values() if hasattr(one, "children")]
    return found


def test_the_popover_has_the_link_of_what_is_on_screen_without_a_teachers_secret():
    app = opened("board", lang="en", key="secret", view="projector")
    app.session_state[share.BUTTON] = True
    app.run()
    links = [one.value for one in app.code if "/board" in one.value]
    assert links and all("secret" not in one for one in links) and "view=projector" in links[0]
