"""The transfer page without a browser and without an engine: every part draws, links are judged, and all words are there."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pages.ui import glossary, text
from pages.ui.transfer import figures, grid, race, region, state
from replearn_core import studies
from replearn_core.comparisons import pairs, quadrant
from replearn_core.comparisons.layers import KINDS
from replearn_core.options import Choice
from replearn_core.strategies import TRANSFERS, transfers
from tests.pages import opening
from tests.pages.opening import shown

ROOT = Path(__file__).parents[2]
LANGUAGES = tuple(text.LANGUAGES)


opened = partial(opening.opened, "transfer")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("part", state.PARTS)
def test_every_part_draws_its_question_and_what_to_notice(part, lang):
    app = opened(lang, part=part)
    assert not app.exception and not app.error
    lesson = text._lesson(lang, "transfer")[part]
    assert f"## {lesson['question']}" in shown(app) and glossary.linked(lesson["notice"], lang) in shown(app)
    assert lesson["notice"].count("- ") >= 3
    assert not [line for line in shown(app) if re.search(r"\b(transfer|properties|problem)\.[a-z_]+", line)]


@pytest.mark.parametrize("part", ["race", "quadrant", "layers"])
def test_the_first_visit_shows_a_result_that_came_with_the_app_and_says_when_it_was_made(part):
    app = opened(part=part)
    answer = app.container(key="transfer_answer")
    assert len(answer.markdown) == 1 and "95 %" in answer.markdown[0].value or part == "quadrant"
    assert re.search(r"computed on \d{4}-\d\d-\d\d", answer.caption[0].value)


def test_the_pages_parts_are_the_studies_and_the_adviser():
    assert set(state.PARTS) - {"advice"} <= set(studies.STUDIES)
    assert set(region.DRAWN) == set(state.PARTS) - {"advice"}


def test_a_link_turns_the_knobs_and_starts_no_work():
    app = opened(per_class="5", pair="letters_bytes", seeds="7")
    assert app.query_params["per_class"] == "5" and app.query_params["seeds"] == "7"
    assert app.selectbox(key="transfer.knob.pair").value == "letters_bytes"
    assert app.button(key="transfer_run").label == text.said("en", "properties.run")


@pytest.mark.parametrize(
    "query",
    [
        {"part": "nothing"},
        {"per_class": "1e9"},
        {"per_class": "nan"},
        {"epochs": "1.5"},
        {"pair": "<script>"},
        {"strategies": "from_scratch,magic"},
        {"factors": "1,2,x"},
        {"part": "layers", "strategies": "gradual"},
        {"part": "advice", "labels": "-3"},
    ],
    ids=str,
)
def test_a_bad_value_in_a_link_is_told_and_the_page_works(query):
    app = opened(**query)
    assert not app.exception and not app.error
    told = app.container(key="transfer_notices").text
    assert len(told) == 1 and not told[0].value.startswith("problem.")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"pair": "clothes_clothes", "per_class": "6000"}, "30,000"),
        ({"factors": "1,1"}, "needs 5"),
        ({"width": "32"}, "5 × 32 × 256"),
        ({"part": "quadrant", "sizes": "10"}, "two different"),
        ({"per_class": "700"}, "620"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_told_with_its_limit_before_anybody_waits(query, words):
    app = opened(**query)
    assert not app.exception and not app.error
    assert app.button(key="transfer_run").disabled
    assert words in app.container(key="transfer_invite").text[0].value


def test_a_pair_whose_data_are_missing_says_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setenv("REPLEARN_DATA", str(tmp_path))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    app = opened(pair="clothes_bytes")
    assert any("REPLEARN_DATA" in line for line in shown(app))
    assert app.button(key="transfer_run").disabled
    assert text.said("en", "transfer.not_here", name="") in app.selectbox(key="transfer.knob.pair").options[6]


def test_another_part_keeps_the_pair_and_drops_what_it_does_not_know():
    app = opened(pair="letters_bytes", epochs="7")
    app.segmented_control(key="transfer.knob.part").set_value("layers").run()
    assert app.query_params["pair"] == "letters_bytes" and "epochs" not in app.query_params
    assert not app.exception


def test_moving_one_bar_draws_all_rates_and_the_rule_takes_them_back():
    app = opened()
    app.select_slider(key="transfer.knob.factor_0").set_value(0.5).run()
    drawn = [float(one) for one in app.query_params["factors"].split(",")]
    assert len(drawn) == 5 and drawn[0] == 0.5 and drawn[-1] == 1
    app.button(key="transfer_rule").click().run()
    assert "factors" not in app.query_params


def test_the_adviser_names_a_strategy_and_its_cells_and_refuses_fewer_labels_than_classes():
    app = opened(part="advice", labels="50", classes="5", likeness="different", compute="little")
    assert text.said("en", "transfer.strategy.early_svm") in app.container(key="transfer_advice").markdown[0].value
    assert 10 in list(app.table[0].value[text.said("en", "transfer.sizes_axis")])
    app = opened(part="advice", labels="5", classes="10")
    assert any("5 labelled samples cannot cover 10 classes" in line for line in shown(app))


# ---- words ----


def test_every_word_that_is_put_together_from_a_name_exists():
    names = [f"strategy.{one}" for one in TRANSFERS] + [f"idea.{one}" for one in TRANSFERS] + [f"kind.{one}" for one in KINDS]
    names += [f"pair.{one}" for one in pairs.PAIRS] + [f"part.{one}" for one in state.PARTS]
    names += [f"likeness.{one}" for one in quadrant.LIKENESSES] + [f"compute.{one}" for one in quadrant.ALLOWED]
    for part in state.PARTS:
        for name, option in state.options_of(part).items():
            names.append(f"knob.{name}")
            if isinstance(option, Choice) and name not in ("part", "pair", "similar", "different"):
                names += [f"{name}.{value}" for value in option.values]
    assert [name for name in names if not text.has(f"transfer.{name}")] == []
    assert set(TRANSFERS) | set(KINDS) == set(figures.LOOK)


def test_every_finding_of_the_core_has_a_sentence():
    numbers = {"effect": 0.1, "low": 0.05, "high": 0.2, "seeds": 5, "labels": 3, "k": 2, "other": 4}
    keys = [f"race.{name}" for name in TRANSFERS[1:]] + [f"race.kept.{name}" for name in TRANSFERS[2:]]
    for source in (ROOT / "replearn_core" / "comparisons").glob("*.py"):
        if source.name in ("transfer.py", "quadrant.py", "layers.py"):
            words = source.read_text(encoding="utf-8")
            keys += list(re.findall(r'finding\("([a-z_.]+)"', words))
            keys += [f"layers.{key}" for key in re.findall(r'compare\("([a-z_]+)"', words)]
            keys += [
                f"{key}{like}" for key in re.findall(r'finding\(f"(quadrant\.[a-z]+\.)', words) for like in quadrant.LIKENESSES
            ]
    assert len(set(keys)) > 25
    for key in keys:
        sentence = region.finding(f"finding.{key}.higher", numbers)
        assert "transfer.label" not in sentence and "10" in sentence, sentence


def test_the_strategies_are_shown_as_the_data_they_are():
    plan = tuple(transfers(3, 8).values())
    code = race.as_code(plan)
    assert "layer_rates: copied=3" in code and "encoder.0.* ×0.0569" in code and "early_svm: copied=1, svm=1" in code
    squares = race.phases(transfers(3, 8)["last_layers"], 3)
    assert list(re.findall(r"cell (\w+)'", squares)) == ["copied_frozen"] * 2 + ["copied_trained", "new_trained"]


def test_the_quadrants_file_has_a_row_for_each_cell_and_says_what_the_cell_says():
    app = opened(part="quadrant")
    assert "transfer_quadrant_csv" in [one.key for one in app.get("download_button")]
    accuracy = np.full((2, 2, len(TRANSFERS), 3), 0.5) + np.linspace(0, 0.01, 3)
    accuracy[0, 0, TRANSFERS.index("fixed_features")] += 0.25  # the lecture's advice for few labels and a similar task
    columns = grid.as_columns(accuracy, [2, 100])
    assert {len(column) for column in columns.values()} == {4}
    first = [column[0] for column in columns.values()]
    words = [text.said("en", f"transfer.{key}") for key in ("likeness.similar", "strategy.fixed_features", "verdict.agrees")]
    assert first == [words[0], 2, words[1], pytest.approx(75.5), words[1], pytest.approx(75.5), words[2]]
