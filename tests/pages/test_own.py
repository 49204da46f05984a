"""The door for own data: what comes in is shown and used, what is wrong is said, what was left or deleted is gone."""

import io
import time
import zipfile

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.ui import text
from pages.ui.own import door, sets, show, visit
from replearn_core import catalog, datasets, storage
from replearn_core.own import kept, worker, zips
from replearn_core.own.refusal import Refused


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_STORE", str(tmp_path))
    visit._holders.clear()
    visit._beaten.clear()
    return storage.shared()


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8), np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(120):
            archive.writestr(f"{'ant' if number % 2 else 'bee'}/{number}.png", png(number))
    return stream.getvalue()


TABLE = "a,b,kind\n" + "\n".join(f"{n},{n * n % 17},{'x' if n % 3 else 'y'}" for n in range(130))


def brought() -> str:
    return kept.keep(*worker.read(zipped()))


# ---- the dialog ----


def page() -> None:
    import streamlit as st

    from pages.ui import session
    from pages.ui.own import door

    def use(name: str) -> None:
        session.put("used", name)

    door._dialog("lab", use, "", "")
    st.text(str(session.get("used")))


def opened(content: bytes, name: str = "x.zip") -> AppTest:
    app = AppTest.from_function(page, default_timeout=60).run()
    app.file_uploader[0].set_value((name, content, "application/octet-stream")).run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    return "\n".join(one.value for one in (*app.text, *app.markdown, *app.caption))


def test_a_zip_is_read_shown_and_used():
    app = opened(zipped(), "my ants.zip")
    assert text.said("en", "own.found_image", n=120, side=8) in said(app)
    app.button(key="own_use").click().run()
    name = app.session_state["used"]
    assert catalog.dataset(name).train_size == 96 and datasets.load(name).class_names == ("ant", "bee")
    assert next(iter(app.session_state[sets.BROUGHT].values())).title == "my ants.zip"


def test_a_table_asks_for_its_columns_first():
    app = opened(TABLE.encode(), "t.csv")
    assert app.selectbox(key=door.LABEL).value == "kind" and app.multiselect(key=door.COLUMNS).value == ["a", "b"]
    assert not kept.names()
    app.button[-1].click().run()
    assert text.said("en", "own.found_points", n=130, columns=2) in said(app)
    assert len(kept.names()) == 1


def test_another_way_of_reading_replaces_what_was_read_before():
    app = opened(zipped())
    first = kept.names()
    app.button_group(key=door.SIDE).set_value(16).run()
    assert len(kept.names()) == 1 and kept.names() != first and catalog.dataset(kept.names()[0]).shape == (16, 16)


@pytest.mark.parametrize(
    ("content", "key"),
    [(b"", "own_empty"), (png(1), "own_one_image"), (zipped()[:900], "zip_damaged"), (b"a,b\n1\n", None)],
    ids=["nothing", "one image", "cut off", "ragged"],
)
def test_what_cannot_be_taken_is_said_and_leaves_nothing(content, key):
    app = opened(content)
    told = said(app)
    if key:
        assert text.said("en", f"problem.{key}", limit=worker.LEAST) in told
    assert "Traceback" not in told and not kept.names()


def test_names_of_strangers_are_shown_literally():
    app = opened(b"<b>x</b>,*y*\n" + b"\n".join(b"%d,%d" % (n, n * 7 % 13) for n in range(110)), "$x$ <i>.csv")
    app.button[-1].click().run()
    assert not any("<b>" in one.value for one in (*app.markdown, *app.caption)) and not app.exception


def test_a_session_has_a_few_sets_and_no_more(monkeypatch):
    monkeypatch.setattr(sets, "MOST", 0)
    assert text.said("en", "problem.own_most", limit=0) in said(opened(zipped()))


def test_a_session_has_so_many_bytes_read_and_no_more(monkeypatch):
    monkeypatch.setattr(door, "QUOTA", 100)
    assert text.said("en", "problem.upload_quota", limit=0) in said(opened(zipped()))


def test_the_button_deletes_the_data():
    app = opened(zipped())
    app.button(key="own_use").click().run()
    app = app.run()
    app.file_uploader[0].set_value(None).run()
    app.button(key="own_delete_0").click().run()
    assert not kept.names() and not app.session_state[sets.BROUGHT]


# ---- words ----


def test_every_word_exists_in_both_languages():
    reasons = [f"own.skipped.{one}" for one in zips.SKIPPED]
    found = ["cropped", "resized", "repeated", "one_class", "no_folders", "loose", "flat", "stretched", "incomplete", "headless"]
    notes = [f"own.note.{one}" for one in (*zips.NOTES, *found)]
    pages = [f"own.use_{one}" for one in ("lab", "latent", "properties", "transfer")]
    for lang in text.LANGUAGES:
        for key in (*reasons, *notes, *pages, "own.named_image", "own.named_points", "own.pair_digits", "own.pair_letters"):
            assert key in text.catalogue(lang), (lang, key)


# ---- leaving ----


class Server:
    """Streamlit's runtime, as far as `visit` asks."""

    def __init__(self, *active: str):
        self.active = active

    def is_active_session(self, session_id: str) -> bool:
        return session_id in self.active


@pytest.fixture
def running(monkeypatch):
    def sessions(*active: str) -> None:
        monkeypatch.setattr(visit.runtime, "exists", lambda: True)
        monkeypatch.setattr(visit.runtime, "get_instance", lambda: Server(*active))

    return sessions


def test_data_of_an_open_page_stay_and_those_of_a_closed_one_leave(running):
    name, now = brought(), time.time()
    visit._holders["me"].add(name)
    running("me")
    for minute in range(0, 60, 5):
        visit.sweep(now + 60 * minute)
    assert kept.there(name), "an hour, and its page is open"
    running()
    visit.sweep(now + 55 * 60 + kept.GONE - 60)
    assert kept.there(name), "a network may be gone for some minutes"
    visit.sweep(now + 55 * 60 + kept.GONE + 60)
    assert not kept.names() and not visit._holders


def test_leftovers_of_an_earlier_server_leave_at_the_first_sweep(running):
    name = brought()
    running()
    visit.sweep(time.time() + kept.GONE + 1)
    assert not kept.there(name)


def test_a_run_on_data_that_somebody_else_brought_is_not_listed():
    mine = brought()
    app = AppTest.from_string(
        "import streamlit as st\nfrom pages.ui.own import sets\nst.text(str(sets.may_list(st.session_state.name)))"
    )
    app.session_state["name"] = mine
    assert app.run().text[0].value == "False"
    app.session_state[sets.BROUGHT] = {mine: sets.Brought(mine, "x", {"classes": []})}
    assert app.run().text[0].value == "True"


def test_a_storage_that_fails_is_no_end_of_the_janitor(monkeypatch):
    def fail() -> None:
        raise OSError("away")

    monkeypatch.setattr(kept, "names", fail)
    visit.sweep()


def test_the_preview_shows_pictures_of_each_class():
    facts, _ = worker.read(zipped())

    def draw(facts):
        from pages.ui.own import show

        show.preview(facts)

    app = AppTest.from_function(draw, kwargs={"facts": facts}).run()
    assert not app.exception and show.MOST_ROWS >= 2
    assert "96" in said(app) and "24" in said(app)


def test_a_refusal_of_the_server_is_passed_on(monkeypatch):
    def full(*_):
        raise Refused("problem.own_server_full")

    monkeypatch.setattr(kept, "keep", full)
    assert text.said("en", "problem.own_server_full") in said(opened(zipped()))
