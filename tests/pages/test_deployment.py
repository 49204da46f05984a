"""The deployment page without a browser and without an engine: links are judged, words are there, the package is what it says."""

import io
import json
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pages.ui import glossary, text
from pages.ui.deployment import charts, knobs, package, region, state
from replearn_core import tasks
from replearn_core.applications.deployment import FORMS, frontier, models_of
from replearn_core.engine import TaskView, wire
from replearn_core.presets import preset
from tests.pages import opening

ROOT = Path(__file__).parents[2]
LANGUAGES = tuple(text.LANGUAGES)


opened = partial(opening.opened, "deployment")


def answered() -> TaskView:
    """An answer as a worker gives it, with numbers that a test can foresee."""
    numbers = {"classes": 10.0, "held_out": 360.0}
    arrays = {"onnx": np.arange(5, dtype=np.uint8), "onnx_int8": np.arange(3, dtype=np.uint8)}
    for place, form in enumerate(FORMS, 1):
        names = (
            "bytes",
            "parameters",
            "operations",
            "memory",
            "p50_1",
            "p95_1",
            "p99_1",
            "p50_64",
            "p95_64",
            "p99_64",
            "throughput",
        )
        numbers |= {f"{form}.{name}": float(1_000 * place) for name in names}
        numbers |= {f"{form}.quality": 0.95 - 0.01 * place, f"{form}.difference": 0.0}
        arrays[f"{form}.times_1"] = np.full(4, 1e-5 * place, np.float32)
    return TaskView("0" * 32, "finished", progress=1.0, answer=wire.pack_arrays(arrays, {"numbers": numbers}))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_asks_its_question_and_starts_no_work(lang):
    app = opened(lang)
    assert not app.exception and not app.error
    shown = [element.value for kind in ("markdown", "caption", "text") for element in app.get(kind)]
    lesson = text._lesson(lang, "deployment")["deployment"]
    assert f"## {lesson['question']}" in shown and glossary.linked(lesson["notice"], lang) in shown
    assert not [line for line in shown if "deployment." in line]


def test_a_link_turns_the_knobs():
    app = opened(pruned="0.5", revenue="0.001")
    sliders = {one.key: one.value for one in (*app.slider, *app.select_slider)}
    assert sliders["deployment.knob.pruned"] == 0.5
    assert float(sliders["deployment.knob.revenue"]) == 0.001
    assert app.query_params["pruned"] == "0.5"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"pruned": "1.5"}, "0.99"),
        ({"pruned": "nan"}, "0.99"),
        ({"pruned": "much"}, "much"),
        ({"nonsense": "red"}, "nonsense"),
        ({"run": "<script>"}, "<script>"),
    ],
)
def test_what_a_link_says_wrongly_is_told_and_the_page_stands(query, told):
    app = opened(**query)
    assert not app.exception
    assert any(told in element.value for element in app.get("text"))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_form_and_every_term_has_its_words(lang):
    for key in (*(f"form.{form}" for form in FORMS), *(f"knob.{name}" for name in (*state.FORMS, *state.TERMS))):
        assert f"deployment.{key}" in text.catalogue(lang)


def test_the_table_has_a_row_a_form_and_marks_the_frontier():
    view = answered()
    models = models_of(view.numbers, view.arrays)
    table = region._table(view.numbers, models, frontier(models), labelled=True)
    assert {len(column) for column in table.values()} == {len(FORMS)}
    marked = table[text.t("deployment.column.frontier")]
    assert marked == [True] + [False] * (len(FORMS) - 1)  # the first is best in everything


@pytest.mark.parametrize("dark", [False, True])
def test_each_form_is_drawn_at_its_latency_and_quality(dark):
    view = answered()
    models = models_of(view.numbers, view.arrays)
    drawn = {trace.name: (trace.x[0], trace.y[0]) for trace in charts.trade_off(models, frozenset(), True, "r", dark).data}
    for one in models:
        x, y = drawn[text.t(f"deployment.form.{one.name}")]
        assert x == pytest.approx(1e6 * one.seconds) and y == pytest.approx(100 * one.quality)


def test_along_the_worth_of_a_decision_the_best_one_stands_at_a_hundred():
    view = answered()
    models = models_of(view.numbers, view.arrays)
    terms = {"traffic": 1e8, "budget": 0.01, "price": 0.05, "storage": 0.0}
    rows = np.array([trace.y for trace in charts.product(models, terms, 1e-7, [], False).data], float)
    top = rows[:, np.isfinite(rows).any(axis=0)]
    assert top.shape[1] > 10 and np.allclose(np.nanmax(top, axis=0), 100)


def test_the_package_holds_the_model_its_card_and_a_script_that_compiles():
    experiment = preset("digits", "deep")
    with zipfile.ZipFile(io.BytesIO(package.zipped(answered(), experiment, experiment.id))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert files["model.onnx"] == bytes(range(5)) and files["model_int8.onnx"] == bytes(range(3))
    assert json.loads(files["experiment.json"]) == json.loads(experiment.as_json())
    assert experiment.id in files["CARD.md"].decode()
    compile(files["run.py"], "run.py", "exec")


def test_powers_of_ten_read_as_such():
    assert knobs.power_of_ten(1e8) == "10⁸" and knobs.power_of_ten(1e12) == "10¹²" and knobs.power_of_ten(1e-7) == "10⁻⁷"
    assert knobs.small(1e-7) == "10⁻⁷" and knobs.small(10**-7.5) == "3.2 × 10⁻⁸" and knobs.small(9.96e-5) == "10⁻⁴"
    assert knobs.shown("revenue", 1e-7) == "US$ 10⁻⁷" and region.money(-2e-5) == "−US$ 2 × 10⁻⁵"


def test_the_question_is_the_tasks_own_options():
    names = {option.name for option in tasks.KINDS["deployment"].options}
    assert {*state.FORMS, "again"} <= names
