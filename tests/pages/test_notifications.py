"""The notifications page without a browser and without an engine: every part draws, links are judged, and all words are there."""

from functools import partial
from pathlib import Path

import pytest

from pages.ui import glossary, text
from pages.ui.notifications import own, show, state
from replearn_core import studies
from replearn_core.applications.notifications import models, policy, pretraining, tables, uplift
from replearn_core.own import csvfile
from replearn_core.properties.study import Finding
from tests.pages import opening
from tests.pages.opening import shown

ROOT = Path(__file__).parents[2]
LANGUAGES = tuple(text.LANGUAGES)


opened = partial(opening.opened, "notifications")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("part", state.PARTS)
def test_every_part_asks_its_question_and_starts_no_work(part, lang):
    app = opened(lang, part=part)
    assert not app.exception and not app.error
    lesson = text._lesson(lang, "notifications")[part]
    assert f"## {lesson['question']}" in shown(app) and glossary.linked(lesson["notice"], lang) in shown(app)
    assert not [line for line in shown(app) if "notifications." in line]


def test_a_simulation_says_that_it_is_one():
    assert any(text.said("en", "notifications.source.simulator") in line for line in shown(opened()))


def test_a_link_turns_the_knobs():
    app = opened(part="decide", budget="55", uninstall="20", family="fed")
    sliders = {one.key: one.value for one in (*app.slider, *app.select_slider)}
    assert sliders["notifications.knob.budget"] == 55 and float(sliders["notifications.knob.uninstall"]) == 20
    assert app.query_params["family"] == "fed" and app.query_params["part"] == "decide"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"fatigue": "1e9"}, "1"),
        ({"fatigue": "nan"}, "3"),
        ({"width": "many"}, "many"),
        ({"part": "decide", "family": "<script>"}, "<script>"),
        ({"nonsense": "red"}, "nonsense"),
        ({"part": "uplift", "dataset": "../../etc"}, "../../etc"),
    ],
)
def test_what_a_link_says_wrongly_is_told_and_the_page_stands(query, told):
    app = opened(**query)
    assert not app.exception and any(told in element.value for element in app.get("text"))


def test_a_set_that_is_not_here_is_said_to_be_missing_and_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("REPLEARN_DATA", str(tmp_path))
    app = opened(dataset="push_2019")
    assert text.said("en", "notifications.get.push_2019") in shown(app)
    assert app.button(key="notifications_run").disabled


def test_a_set_that_can_be_fetched_is_said_to_be_fetched_by_the_press(monkeypatch, tmp_path):
    monkeypatch.setenv("REPLEARN_DATA", str(tmp_path))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    app = opened(dataset="kdd")
    assert any(text.said("en", "notifications.fetch.kdd") in line for line in shown(app))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_name_that_can_be_shown_has_its_words(lang):
    keys = [f"part.{one}" for one in state.PARTS]
    keys += [f"knob.{name}" for part in state.PARTS for name in state.options_of(part)]
    keys += [f"family.{one}" for one in (*models.FAMILIES, *pretraining.KINDS, *uplift.RANKINGS, "random", "knowing")]
    keys += [f"count.{one}" for one in policy.COUNTS]
    keys += [f"kind.{one.replace('=', '_')}" for one in (*uplift.KINDS, *uplift.GROUPS)]
    for name in tables.FILES:
        keys += [f"dataset.{name}", f"get.{name}", f"source.{name}"]
    assert not [key for key in keys if f"notifications.{key}" not in text.catalogue(lang)]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_refusal_of_the_core_has_its_words(lang):
    sources = [Path(module.__file__).read_text(encoding="utf-8") for module in (csvfile, tables)]
    import re

    keys = {key for source in sources for key in re.findall(r'Refusal\(\s*"(\w+)"', source)} | {
        "one_sided",
        "busy",
        "too_slow",
        "memory",
    }
    assert len(keys) > 18
    assert not [key for key in keys if f"notifications.refusal.{key}" not in text.catalogue(lang)]


def test_an_unknown_refusal_still_says_something_calm():
    assert own.problem(["no such key", {}]) == text.said("en", "notifications.refusal.memory")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_finding_has_a_label_in_words(lang):
    found: list[Finding] = []
    values = {f"{family}.{measure}": [0.1, 0.2] for family in models.FAMILIES for measure in ("auc", "calibration", "auc_new")}
    values |= {f"embedding.{one}": [1.0, 2.0] for one in ("profit_gain", "beside_random")}
    from replearn_core.applications.notifications import study

    found += study._findings(values)
    few = {f"{kind}.auc_{n}": [0.5, 0.6] for kind in pretraining.KINDS for n in pretraining.COUNTS}
    found += pretraining._findings(few | {"recovered": [0.5, 0.6], "guessed": [0.4, 0.4]})
    rankings = {f"{one}.{m}": [1.0, 2.0] for one in uplift.RANKINGS for m in ("area", "spared", "top", "bottom")}
    found += uplift._findings(rankings | {"all": [1.0, 2.0]})
    names = {one.key.removeprefix("finding.").rpartition(".")[0] for one in found}
    assert len(names) > 15
    assert not [name for name in names if f"notifications.label.{name}" not in text.catalogue(lang)]


def test_a_finding_reads_as_points_with_its_interval():
    numbers = {"effect": 0.021, "low": 0.011, "high": 0.031, "seeds": 5}
    assert "2.1" in show.finding("finding.clicks.fed_boosting.higher", numbers)


def test_the_parts_ask_studies_that_there_are():
    assert set(state.STUDY.values()) <= set(studies.STUDIES)
