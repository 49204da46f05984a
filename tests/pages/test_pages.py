"""Every page in both languages, without a browser and without an engine: it draws, speaks one language, and survives any link."""

import re

import pytest
from streamlit.runtime.scriptrunner import exec_code
from streamlit.testing.v1 import AppTest

from pages.ui import errors, notes, text, visits
from pages.ui.draft import FIRST
from replearn_core.presets import preset
from tests.pages.opening import ENTRY, opened

PAGES = ("home", "autoencoder")
LANGUAGES = tuple(text.LANGUAGES)


def said(app: AppTest) -> str:
    """All that stands on the page."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "text", "error", "button", "radio", "selectbox", "toggle")
    return "\n".join(str(getattr(element, "label", "") or element.value) for kind in kinds for element in app.get(kind))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_page_draws_without_an_error(page, lang):
    app = opened(page, lang=lang)
    assert not app.exception and not app.error
    assert app.title[0].value == text.catalogue(lang)[f"{page}.title"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_no_text_key(page):
    shown = said(opened(page, lang="zh-TW"))
    assert [key for key in text.catalogue("zh-TW") if key in shown.split()] == []


@pytest.mark.parametrize(("locale", "lang"), [("zh-TW", "zh-TW"), ("zh-CN", "zh-TW"), ("fr", "en"), (None, "en")])
def test_the_browser_decides_the_language_of_a_first_visit(locale, lang):
    assert opened("home", None, locale=locale).title[0].value == text.catalogue(lang)["home.title"]


def test_a_link_decides_over_the_browser_and_an_unknown_language_over_nothing():
    assert opened("autoencoder", locale="zh-TW", lang="en").title[0].value == text.catalogue("en")["autoencoder.title"]
    assert opened("autoencoder", locale="zh-TW", lang="tlh").title[0].value == text.catalogue("zh-TW")["autoencoder.title"]


def test_switching_the_language_keeps_every_knob_and_the_rest_of_the_link():
    app = opened("autoencoder", lang="zh-TW", variant="denoising", seed="7", code_size="12")
    app.segmented_control(key="language_switch").set_value("en").run()
    assert app.title[0].value == text.catalogue("en")["autoencoder.title"]
    assert app.number_input(key="knob.seed").value == 7 and app.number_input(key="knob.code_size").value == 12
    assert app.radio(key="knob.variant").value == "denoising"
    assert app.query_params["lang"] == "en" and app.query_params["seed"] == "7"


@pytest.mark.parametrize(
    "query",
    [
        {"epochs": ["1", "2"]},
        {"run": "../../etc"},
        {"six": "../../etc"},
        {"view": "nothing"},
        {"panel": ["curves", "code"]},
        {"run": "0" * 32},
        {"run": ["0" * 32, "1" * 32]},
        {"pins": "x,y,z"},
        {"epoch": "nan"},
        {"lr": "nan"},
        {"dataset": "<script>alert(1)</script>"},
        {"version": "99"},
        {"penalties": "kl_sparsity:1", "code": "relu"},
        {"code_size": "9" * 5000},
        {"hidden": "1,2,3,4,5,6,7,8,9"},
        {"title": "<b>bold</b>"},
    ],
    ids=lambda query: "&".join(f"{key}={str(value)[:20]}" for key, value in query.items()),
)
def test_a_link_with_a_bad_value_says_so_and_the_page_works(query):
    app = opened("autoencoder", lang="en", **query)
    assert not app.exception and not app.error
    told = app.container(key="notices").text
    assert told and all(not line.value.startswith("problem.") for line in told)
    assert not [number for number in app.number_input if number.value is None]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"epochs": "1e9"}, r"Epochs.*1 to 2,000"),
        ({"epochs": "-1"}, r"Epochs.*1 to 2,000"),
        ({"epochs": "abc"}, r"Epochs.*1 to 2,000"),
        ({"epochs": ""}, r"Epochs.*1 to 2,000"),
        ({"learning_rate": "nan"}, r"Learning rate"),
        ({"version": "0"}, r"Version 0"),
        ({"version": "7"}, r"newer version"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_setting_that_cannot_be_is_told_by_its_name_with_what_can_be(query, words):
    app = opened("autoencoder", lang="en", **query)
    assert not app.exception and not app.error
    assert re.search(words, " ".join(line.value for line in app.container(key="notices").text))
    assert not [number for number in app.number_input if number.value is None]


def test_a_run_that_never_was_one_that_was_deleted_and_no_run_at_all_get_one_answer():
    answers = {
        opened("autoencoder", lang="en", run=run).container(key="notices").text[0].value for run in ("0" * 32, "../../etc", "x")
    }
    assert len(answers) == 1


def test_a_value_in_a_link_is_repeated_literally():
    app = opened("autoencoder", lang="en", code_size="**b** :material/home: $x$")
    assert "**b** :material/home: $x$" in app.container(key="notices").text[0].value


def test_a_link_is_followed_and_written_again_as_it_came():
    query = {"dataset": "sprites", "variant": "sparse", "seed": "3", "penalties": "kl_sparsity:2:target=0.05"}
    app = opened("autoencoder", lang="en", **query)
    assert {key: app.query_params[key] for key in query} == query
    assert app.number_input(key="knob.seed").value == 3


def test_a_first_visit_shows_the_first_experiment_and_other_pages_keep_it():
    app = opened("autoencoder", lang="en")
    assert app.query_params["variant"] == "undercomplete" and app.query_params["dataset"] == "digits"
    assert preset("digits", "undercomplete") == FIRST


def test_an_error_in_one_page_gives_an_id_in_the_visitors_language_and_leaves_the_others_working(monkeypatch):
    def broken(*_):
        raise RuntimeError("secret detail")

    with monkeypatch.context() as patch:
        patch.setattr(notes, "show", broken)
        app = opened("autoencoder", lang="zh-TW")
    assert "代號" in app.error[0].value and "secret" not in said(app)
    assert not opened("home", lang="zh-TW").error


def test_a_press_that_breaks_is_told_by_an_id_above_the_page_which_is_drawn_all_the_same(monkeypatch):
    def broken(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(notes, "_try", broken)
    handled = exec_code.handle_user_script_exception
    monkeypatch.setattr(exec_code, "handle_user_script_exception", lambda error, _: handled(error, errors.uncaught))  # as app.py
    app = opened("autoencoder", lang="zh-TW", seed="7").button(key="try").click().run()
    before, after = text.said("zh-TW", "error.press", id="|").split("|")
    assert len(app.error) == 1 and app.error[0].value.startswith(before) and app.error[0].value.endswith(after)
    assert "secret" not in said(app) and not app.exception
    assert app.number_input(key="knob.seed").value == 7 and app.button(key="try")
    app.number_input(key="knob.seed").set_value(8).run()
    assert not app.error and app.query_params["seed"] == "8"


def test_a_frame_that_breaks_is_told_once_and_not_drawn_for_ever(monkeypatch):
    drawn = []

    def broken(*_):
        drawn.append(1)
        raise RuntimeError("secret detail")

    monkeypatch.setattr(visits, "note", broken)
    handled = exec_code.handle_user_script_exception
    monkeypatch.setattr(exec_code, "handle_user_script_exception", lambda error, _: handled(error, errors.uncaught))
    app = AppTest.from_file(str(ENTRY), default_timeout=30).run()
    assert len(app.error) == 1 and len(drawn) == 1


def test_a_link_says_the_moment_the_view_and_the_chart_and_they_stay_in_it():
    app = opened("autoencoder", lang="en", view="activity", panel="spectrum", epoch="4")
    assert app.segmented_control(key="view").value == "activity"
    assert [app.query_params[name] for name in ("view", "panel", "epoch")] == ["activity", "spectrum", "4"]
    app.session_state["view"] = None  # as Streamlit leaves a choice after a run that did not draw it
    assert app.run().segmented_control(key="view").value == "activity"
    app.segmented_control(key="view").set_value("images").run()
    assert "view" not in app.query_params and app.query_params["epoch"] == "4"


def test_six_runs_that_are_not_there_are_told_and_none_is_started():
    app = opened("autoencoder", lang="en", six="0" * 32)
    assert app.container(key="notices").text[0].value == text.said("en", "problem.unknown_run")
    assert "six" not in app.query_params
