"""The properties page without a browser and without an engine: every part draws, links are judged, and all words are there."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pages.ui import glossary, scorecard, text
from pages.ui.components.lines import Layout, valid_layout
from pages.ui.components.lines import _heard as last_word
from pages.ui.components.strip import valid_place
from pages.ui.latent import knobs
from pages.ui.properties import plane, region, state
from replearn_core import claims, properties, tasks
from replearn_core.engine import wire
from replearn_core.properties import scorecard as card
from tests.pages import opening
from tests.pages.opening import shown

ROOT = Path(__file__).parents[2]
LANGUAGES = tuple(text.LANGUAGES)


opened = partial(opening.opened, "properties")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("part", state.PARTS)
def test_every_part_draws_its_question_and_what_to_notice(part, lang):
    app = opened(lang, part=part)
    assert not app.exception and not app.error
    lesson = text._lesson(lang, "properties")[part]
    assert f"## {lesson['question']}" in shown(app) and glossary.linked(lesson["notice"], lang) in shown(app)
    assert lesson["notice"].count("- ") >= 3
    assert not [line for line in shown(app) if "properties." in line]


def test_the_page_has_every_study_of_the_core_and_two_parts_that_are_none():
    assert set(state.PARTS) == {"plane", "scorecard", *properties.STUDIES}


def test_a_link_turns_the_knobs_and_starts_no_work():
    app = opened(part="disentangled", beta="20", seeds="7")
    assert app.select_slider[0].value in (20, "20") and app.query_params["beta"] == "20" and app.query_params["seeds"] == "7"
    assert app.button(key="properties_run").label == text.said("en", "properties.run")


@pytest.mark.parametrize(
    "query",
    [
        {"part": "nothing"},
        {"part": "smooth", "noise": "1e9"},
        {"part": "smooth", "noise": "nan"},
        {"part": "smooth", "noise": "abc"},
        {"part": "smooth", "epochs": "1.5"},
        {"part": "smooth", "dataset": "<script>"},
        {"part": "smooth", "beta": "3"},
        {"part": "smooth", "noise": ["0.1", "0.2"]},
    ],
    ids=str,
)
def test_a_bad_value_in_a_link_is_told_and_the_page_works(query):
    app = opened(**query)
    assert not app.exception and not app.error
    told = app.container(key="properties_notices").text
    assert len(told) == 1 and not told[0].value.startswith("problem.")


def test_each_part_keeps_its_own_knobs_and_takes_no_others(monkeypatch):
    monkeypatch.setattr("streamlit.session_state", {})
    state.show("smooth")
    state.take("noise", 0.2)
    state.show("field")
    state.take("contraction", 1.0)  # a knob of the part before
    assert state.now().part == "field" and state.now().options()["noise"] != 0.2 and not state.ADDRESS.problems
    state.show("smooth")
    assert state.now().options()["noise"] == 0.2
    state.ADDRESS.usual()
    assert state.now().options()["noise"] != 0.2 and state.now().part == "smooth"


def test_a_question_that_costs_too_much_is_told_before_it_is_asked():
    app = opened(part="disentangled", epochs="100", seeds="20", train_size="40000")
    assert app.button(key="properties_run").disabled
    assert app.container(key="properties_invite").text[0].value


def test_every_finding_of_the_core_has_a_name_and_every_setting_a_label():
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "replearn_core" / "properties").glob("*.py")]
    named = {key for source in sources for key in re.findall(r'finding\("([a-z_.]+)"', source)}
    named |= {f"smooth.{a}.{b}" for a in ("contractive", "denoising") for b in ("noise", "shift", "rotate", "thicken")}
    named |= {f"sparse.{a}.{b}" for a in ("labels", "kept") for b in ("l1", "kl", "k_sparse")}
    named |= {f"hierarchical.{name}" for name in ("intensity", "position", "angle")}
    pairs = (("denoising", "pixels"), ("plain", "pixels"), ("denoising", "untrained"), ("denoising", "pca"))
    named |= {f"few_labels.{one}_against_{other}" for one, other in pairs}
    assert len(named) > 40
    assert sorted(key for key in named if not text.has(f"properties.label.{key}")) == []
    settings = {name for study in properties.STUDIES for name in state.known_options(study)}
    assert sorted(name for name in settings if not text.has(f"properties.knob.{name}")) == []


def test_every_word_that_is_put_together_from_a_name_exists():
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "pages" / "ui" / "properties").glob("*.py"))
    for name in set(re.findall(r't\("(properties\.[a-z_.]+)"', sources)):
        assert text.has(name), name
    for group, parts in state.GROUPS.items():
        assert text.has(f"properties.group.{group}")
        assert len(parts) == 1 or all(text.has(f"properties.part.{part}") for part in parts)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("part", properties.STUDIES)
def test_every_part_has_a_sentence_of_its_own_for_each_way_it_can_turn_out(part, lang):
    answer = claims.shipped_answer(tasks.asked(f"study:{part}").id)
    assert answer is not None
    told = properties.read_answer(wire.arrays_of(answer))
    sentences = set()
    for direction in ("higher", "lower", "unclear"):
        key = told["findings"][0][0].rpartition(".")[0]
        turned = told | {"findings": [[f"{key}.{direction}", told["findings"][0][1]]]}
        sentence = region.said(part, turned, lang)
        assert "{" not in sentence and not sentence.startswith("properties.") and re.search(r"\d", sentence)
        sentences.add(sentence)
    assert len(sentences) == 3


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("part", properties.STUDIES)
def test_a_fresh_installation_shows_every_default_result_at_once_and_where_it_comes_from(part, lang):
    app = opened(lang, part=part)
    told = properties.read_answer(wire.arrays_of(claims.shipped_answer(tasks.asked(f"study:{part}").id)))
    lines = shown(app)
    assert not app.exception and f"**{region.said(part, told, lang)}**" in lines
    assert any(claims.evidence(claims.claims_of(f"study:{part}")[0]).date in line for line in lines)
    assert app.button(key="properties_run").label == text.said(lang, "properties.recompute")


def test_what_was_not_shipped_is_not_shown():
    app = opened(part="field", noise="0.3")
    assert app.button(key="properties_run").label == text.said("en", "properties.run")
    assert app.container(key="properties_invite").markdown[0].value == text.said("en", "properties.invite")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_claim_has_its_sentence_and_says_when_it_holds_where_it_does_not_always(lang):
    for claim in claims.CLAIMS:
        words = text.catalogue(lang)
        assert words[f"claim.{claim}.sentence"]
        found = claims.evidence(claim)
        assert found is not None, claim
        assert (found.verdict == "shown") == (not words.get(f"claim.{claim}.when"))
        for one in found.effects:
            page = one.effect.page
            places = ("evidence", page, "properties", "notifications", "malware", "pretraining", "transfer")
            assert any(f"{place}.label.{one.effect.finding}" in words for place in places)


def test_published_scores_of_dsprites_are_said_to_be_out_of_reach_with_the_steps_made_here():
    app = opened(part="disentangled", dataset="dsprites", train_size="3200", epochs="10")
    said = ":material/info: " + text.said("en", "properties.dsprites", steps=1_000)
    assert said in shown(app) and said not in shown(opened(part="disentangled"))


# ---- the scorecard ----


def test_the_scorecard_of_a_link_names_its_run_and_a_bad_one_is_told():
    app = opened(part="scorecard", run="7408bb8f872538a8c2d39d95e1190886")
    assert not app.exception and app.query_params["run"] == "7408bb8f872538a8c2d39d95e1190886"
    assert text.said("en", "explorer.unknown_run") in shown(app)  # no engine, no runs
    app = opened(part="scorecard", run="../../etc")
    assert not app.exception and len(app.container(key="properties_notices").text) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_reading_of_a_scorecard_has_its_words(lang):
    words = text.catalogue(lang)
    for name in card.ROWS:
        for part in ("name", "reference", "help", "more", "same", "less", "unknown"):
            assert words[f"scorecard.{name}.{part}"], name


def test_a_scorecard_says_what_its_numbers_mean():
    numbers = {"sparse": 0.9, "sparse.reference": 0.2, "smooth": 2.0, "smooth.reference": 1.0}
    numbers |= {"intrinsic_dimension": 3.0, "intrinsic_dimension.reference": 8.0}
    sentences = scorecard.sentences(numbers)
    assert text.said("en", "scorecard.sparse.more") in sentences and text.said("en", "scorecard.smooth.less") in sentences
    assert text.said("en", "scorecard.labels.unknown", labels=card.FEW) in sentences
    assert sentences[-1] == text.said("en", "scorecard.dimension", codes=3.0, inputs=8.0)


def test_numbers_of_a_scorecard_have_their_units():
    assert scorecard.shown("labels", 0.9) == "90.0 %" and scorecard.shown("distributed", 315.0) == "315"
    assert scorecard.shown("sparse", 0.25) == "0.250" and scorecard.shown("sparse", None) == "–"


# ---- lines and prototypes ----


GOOD = {"lines": [{"angle": 30, "place": 0.5}], "prototypes": [[0.1, 0.9]]}


def test_a_dragged_layout_is_taken_over():
    assert valid_layout(GOOD, 1) == Layout(((30.0, 0.5),), ((0.1, 0.9),))


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "x",
        {},
        {**GOOD, "prototypes": []},
        {**GOOD, "prototypes": [[0.1]]},
        {**GOOD, "prototypes": [[0.1, 2]]},
        {**GOOD, "prototypes": [[0.1, "x"]]},
        {**GOOD, "lines": [{"angle": 30}]},
        {**GOOD, "lines": [{"angle": 500, "place": 0.5}]},
        {**GOOD, "lines": [{"angle": float("nan"), "place": 0.5}]},
        {**GOOD, "lines": [3]},
    ],
    ids=str,
)
def test_a_layout_that_no_hand_could_make_is_left_out(sent):
    assert valid_layout(sent, 1) is None


def test_a_layout_of_another_number_of_lines_is_left_out():
    assert valid_layout(GOOD, 2) is None


@pytest.mark.parametrize(("sent", "place"), [(2, 2), (0, 0), (3, 0), (-1, 0), (True, 0), ("2", 0), (None, 0), (1.5, 0)])
def test_a_picture_that_is_not_in_the_strip_counts_as_the_first(sent, place):
    assert valid_place(sent, 3) == place


def test_a_line_in_the_middle_cuts_the_square_in_two_and_one_at_the_edge_does_not():
    through, beside = plane.equations([(45.0, 0.5), (45.0, 0.0)])
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    sides = corners @ through[:2] - through[2]
    assert sides.min() < -0.1 and sides.max() > 0.1
    assert (corners @ beside[:2] - beside[2] >= -1e-5).all()


def test_shuffling_and_the_number_of_lines_change_the_count_on_the_page():
    app = opened(part="plane")
    first = app.container(key="properties_answer").markdown[0].value
    app.slider(key="properties.plane.lines.knob").set_value(7).run()
    assert app.container(key="properties_answer").markdown[0].value != first
    assert "7" in app.container(key="properties_answer").markdown[0].value


def test_classes_are_called_by_their_names_in_the_language_of_the_page(monkeypatch):
    monkeypatch.setattr(text, "language", lambda: "zh-TW")
    assert knobs.classes_in("fashion_mnist")[:2] == [text.said("zh-TW", f"class.fashion_mnist.{n}") for n in (0, 1)]
    assert knobs.classes_in("digits") == list("0123456789") and knobs.classes_in("patches") == []


@pytest.mark.parametrize(("kept", "heard"), [(None, 0), ({"layout": None}, 0), ({"layout": GOOD | {"turn": 7}}, 7)])
@pytest.mark.parametrize("turn", ["7", True, 1.5, None])
def test_the_browser_is_told_which_of_its_words_was_heard_last(kept, heard, turn, monkeypatch):
    monkeypatch.setattr("streamlit.session_state", {"board": kept} if kept else {})
    assert last_word("board") == heard
    monkeypatch.setattr("streamlit.session_state", {"board": {"layout": GOOD | {"turn": turn}}})
    assert last_word("board") == 0
