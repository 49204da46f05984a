"""The pretraining page without a browser and without an engine: both parts draw, links are judged, every word is there."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pages.ui import glossary, text
from pages.ui.pretraining import borders, diagram, show, state
from replearn_core import studies
from tests.pages import opening
from tests.pages.opening import shown

ROOT = Path(__file__).parents[2]
LANGUAGES = tuple(text.LANGUAGES)


opened = partial(opening.opened, "pretraining")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("part", state.PARTS)
def test_each_part_draws_its_question_its_notes_and_no_raw_key(part, lang):
    app = opened(lang, part=part)
    assert not app.exception and not app.error
    lesson = text._lesson(lang, "pretraining")[part]
    assert f"## {lesson['question']}" in shown(app) and glossary.linked(lesson["notice"], lang) in shown(app)
    assert not [line for line in shown(app) if re.search(r"pretraining\.[a-z]", line)]


def test_a_link_turns_the_knobs_and_starts_no_work():
    app = opened(depth="6", labels="20", layer="sparse")
    assert app.query_params["depth"] == "6" and app.query_params["layer"] == "sparse"
    assert app.slider(key="pretraining.knob.depth").value == 6
    assert not app.button(key="pretraining_run").disabled


@pytest.mark.parametrize(
    "query",
    [{"part": "nothing"}, {"depth": "70"}, {"depth": "1.5"}, {"labels": "nan"}, {"dataset": "<script>"}, {"beta": "3"}],
    ids=str,
)
def test_a_bad_value_in_a_link_is_told_and_the_page_works(query):
    app = opened(**query)
    assert not app.exception and not app.error
    told = app.container(key="pretraining_notices").text
    assert len(told) == 1 and not told[0].value.startswith("problem.")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("query", [{"labels": "5"}, {"labels": "2000"}, {"task": "position"}, {"train_size": "9000"}], ids=str)
def test_knobs_that_do_not_go_together_are_told_before_anything_is_asked(query, lang):
    app = opened(lang, **query)
    assert not app.exception and app.button(key="pretraining_run").disabled
    told = app.container(key="pretraining_invite").text[0].value
    assert told and not told.startswith("problem.")


def test_the_part_on_screen_keeps_the_knobs_that_both_have():
    app = opened(depth="2", over="label", part="borders")
    assert app.query_params["over"] == "label" and app.query_params["depth"] == "2"


def test_every_setting_has_a_label_and_every_choice_a_name():
    for part in state.PARTS:
        for name in (one.name for one in studies.options_of(part)):
            assert text.has(f"pretraining.knob.{name}"), name
    for name in ("task", "initialisation", "layer", "over"):
        option = state.options_of("borders")[name]
        for lang in LANGUAGES:
            assert all(f"pretraining.{name}.{one}" in text.catalogue(lang) for one in option.values)


def test_every_word_that_is_put_together_from_a_name_exists():
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "pages" / "ui" / "pretraining").glob("*.py"))
    for name in set(re.findall(r'\bt\("(pretraining\.[a-z_.]+)"', sources)):
        assert text.has(name), name
    names = [*(f"view.{one}" for one in show.VIEWS), *(f"measure.{one}" for one in show.MEASURES)]
    names += [f"axis.{one}" for one in show.MEASURES] + [f"family.{one}" for one in show.FAMILIES]
    names += [f"stage.{one}" for one in diagram.STAGES[1:]]
    names += [f"says.{one}" for one in ("higher", "unclear", "lower")] + [f"edge.{one}" for one in ("at", "none", "never")]
    names += [f"why.{fits}_{one}" for fits in ("equal", "unequal") for one in ("higher", "unclear", "lower")]
    assert [name for name in names if not text.has(f"pretraining.{name}")] == []
    core = "\n".join((ROOT / "replearn_core" / "comparisons" / f"{name}.py").read_text() for name in state.PARTS)
    for name in set(re.findall(r'finding\("([a-z_.]+)"', core)):
        assert text.has(f"pretraining.label.{name}"), name


# ---- the diagram ----


def test_the_diagram_lights_the_layer_that_trains_and_shows_those_below_as_frozen():
    assert [diagram.state_of(layer, 3, (0, 1)) for layer in range(4)] == ["frozen", "training", "waiting", "waiting"]
    assert {diagram.state_of(layer, 3, (1, 0)) for layer in range(4)} == {"tuning"}
    assert {diagram.state_of(layer, 3, None) for layer in range(4)} == {"ready"}


@pytest.mark.parametrize(("at", "place"), [((0, 0), 0), ((0, 2), 2), ((1, 0), 3), ((4, 2), 6)])
def test_exactly_one_step_is_marked_as_the_present_one(at, place):
    items = re.findall(r"<li[^>]*>", diagram.steps(3, at))
    assert [number for number, item in enumerate(items) if "aria-current" in item] == [place]
    assert "aria-current" not in diagram.steps(3, None)


def test_the_plan_on_screen_is_the_plan_that_the_core_carries_out():
    values = {"depth": 2, "pretrain_epochs": 7, "updates": 100, "labels": 50, "batch_size": 32}
    plan = diagram.plan(values)
    assert [phase.name for phase in plan] == ["layer_1", "layer_2", "fine_tuning"]
    assert plan[-1].objective == "classification" and plan[-1].epochs == 50
    assert diagram.as_code(values).count("Phase(") == 3


def test_a_stop_is_named_by_its_depth_or_by_whose_label_it_is():
    assert borders.stop_name(3) != borders.stop_name(0.03) != borders.stop_name(0.0)
    assert "3" in borders.stop_name(3) and "0.03" in borders.stop_name(np.float32(0.03).round(4).item())
