"""The properties page without a browser and without an engine: every part draws, links are judged, and all words are there."""

import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import text
from pages.ui.properties import plane, state
from replearn_core import properties

ROOT = Path(__file__).parents[2]
LANGUAGES = tuple(text.LANGUAGES)


def opened(lang: str = "en", **query) -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages" / "ui" / "entry.py"), default_timeout=30)
    app.run()
    app.switch_page("../properties.py")
    for name, value in {"lang": lang, **query}.items():
        app.query_params[name] = value
    return app.run()


def shown(app: AppTest) -> list[str]:
    return [element.value for kind in ("markdown", "caption", "text") for element in app.get(kind)]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("part", state.PARTS)
def test_every_part_draws_its_question_and_what_to_notice(part, lang):
    app = opened(lang, part=part)
    assert not app.exception and not app.error
    lesson = text._lesson(lang, "properties")[part]
    assert f"#### {lesson['question']}" in shown(app) and lesson["notice"] in shown(app)
    assert lesson["notice"].count("- ") >= 3
    assert not [line for line in shown(app) if "properties." in line]


def test_the_page_has_every_study_of_the_core_and_nothing_else_but_the_plane():
    assert set(state.PARTS) == {"plane", *properties.STUDIES}


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
