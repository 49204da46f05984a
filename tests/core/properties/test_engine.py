"""Studies and scorecards through the engine: a worker answers, the store keeps the answer."""

from collections.abc import Iterator

import pytest

from replearn_core import properties, tasks
from replearn_core.engine import Engine
from replearn_core.engine.cluster import Embedded
from replearn_core.experiment import Experiment
from replearn_core.store import Store
from tests.core.properties.conftest import SMALL
from tests.core.test_engine import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    running = Engine(Store(tmp_path_factory.mktemp("store"), shipped=None), Embedded(1))
    yield running
    running.close()


def test_a_study_asked_of_the_engine_is_the_study(engine, study):
    task_id = engine.compute(tasks.asked("study:field", **SMALL["field"]), owner="a")
    view = until(lambda: not (view := engine.task(task_id)).live and view)
    assert view.state == "finished", view.problem
    told = properties.read_answer(view.arrays)
    assert told["values"] == {name: list(values) for name, values in study("field").values.items()}
    assert engine.compute(tasks.asked("study:field", **SMALL["field"]), owner="b") == task_id


def test_a_runs_scorecard_is_a_task_like_any_other(engine):
    experiment = Experiment(dataset="digits", train_size=300, hidden=(16,), code_size=8, epochs=3)
    run_id = engine.submit(experiment, owner="a")
    assert until(lambda: not (view := engine.watch(run_id)).live and view).state == "finished"
    task_id = engine.compute(tasks.asked("scorecard", run=run_id), owner="a")
    view = until(lambda: not (view := engine.task(task_id)).live and view)
    assert view.state == "finished", view.problem
    assert set(properties.readings(view.numbers)) == set(properties.scorecard.ROWS)
    assert not properties.readings(view.numbers)["sparse"].endswith("unknown")
