"""The table of the six: numbers with units, against PCA and raw input, and a dash where there is nothing to say."""

import pytest

from pages.ui import runs, six, text
from replearn_core.engine import RunView
from replearn_core.events import Finished, Progress
from replearn_core.presets import preset


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setattr(text, "language", lambda: "en")


def finished(variant: str, **metrics: float) -> RunView:
    experiment = preset("digits", variant)
    moment = Progress(30.0, 2.0, {}, {}, {}, {}, {})
    events = (moment, Finished(30, 2.0, {"mean_error": 4.8, **metrics}))
    return RunView(experiment.id, experiment, "finished", events=events, count=2, origins=(experiment.id,) * 2)


def row(table: dict[str, list[str]], measure: str) -> list[str]:
    heads = list(table)
    place = table[heads[0]].index(measure)
    return [table[head][place] for head in heads[1:]]


def test_errors_stand_against_pca_and_a_code_as_wide_as_the_input_has_nothing_to_stand_against():
    narrow = finished("undercomplete", squared_error=1.5, pca_error=0.75)
    wide = finished("sparse", squared_error=1.25, pca_error=1e-28)
    table = six.table({"undercomplete": narrow, "sparse": wide})
    assert row(table, text.said("en", "six.squared_error")) == ["1.50", "1.25"]
    assert row(table, text.said("en", "six.against_pca")) == ["2.00 ×", "–"]


def test_shares_are_percent_and_dead_units_are_of_how_many():
    table = six.table({"undercomplete": finished("undercomplete", l0=0.195, dead=3.0, probe_few=0.9, pixels_few=0.85)})
    assert row(table, text.said("en", "measure.l0")) == ["19.5 %"]
    assert row(table, text.said("en", "measure.dead")) == ["3 / 16"]
    assert row(table, "Linear probe, 10 labels a class (raw input: 85.0 %)") == ["90.0 %"]


def test_a_run_that_is_not_finished_says_how_it_stands_and_has_dashes():
    waiting = RunView("0" * 32, preset("digits", "deep"), "queued")
    table = six.table({"deep": waiting})
    assert row(table, text.said("en", "measure.state")) == ["queued"]
    assert row(table, text.said("en", "six.jacobian")) == ["–"]
    assert text.said("en", "measure.state") not in six.table({"sparse": finished("sparse")})[text.said("en", "measure.measure")]


def test_seconds_are_those_of_all_the_runs_that_a_continuation_goes_on_from():
    moments = tuple(Progress(epoch, seconds, {}, {}, {}, {}, {}) for epoch, seconds in ((1.0, 2.0), (2.0, 4.0), (3.0, 0.5)))
    view = RunView("b" * 32, None, "finished", events=moments, count=3, origins=("a" * 32, "a" * 32, "b" * 32))
    assert runs.seconds_of(view) == 4.5
