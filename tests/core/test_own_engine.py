"""A run on own data goes through the engine like any other, and leaves with the data, even while it runs."""

import io
import time
from collections.abc import Iterator

import numpy as np
import pytest

from replearn_core import presets, tasks
from replearn_core.engine import Engine, Refused
from replearn_core.engine.cluster import Embedded
from replearn_core.own import kept, worker
from replearn_core.store import Store


def until(condition, seconds=90.0):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return value


def brought() -> str:
    stream, random = io.BytesIO(), np.random.default_rng(0)
    np.savez(stream, x=random.integers(0, 256, (400, 8, 8), np.uint8), y=np.arange(400) % 4)
    return kept.keep(*worker.read(stream.getvalue()))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPLEARN_STORE", str(folder))
        running = Engine(Store(folder, shipped=None), Embedded(1))
        yield running
        running.close()


def test_a_run_and_its_answers_leave_with_the_data(engine):
    name = brought()
    run_id = engine.submit(presets.preset(name, "undercomplete", epochs=4), owner="me")
    until(lambda: engine.watch(run_id).state == "finished")
    task_id = engine.compute(tasks.asked("points", run=run_id), owner="me")
    pixels = engine.compute(tasks.asked("map", run=run_id, source="pixels", method="pca"), owner="me")
    until(lambda: all(engine.task(one).state == "finished" for one in (task_id, pixels)))
    assert kept.leave(name, engine.forget)
    assert engine.watch(run_id).state == "missing" and engine.store.kept(run_id) is None
    assert engine.task(task_id).state == engine.task(pixels).state == "missing"
    assert engine.store.read_task(task_id) is None and engine.weights(run_id) is None


def test_a_run_that_goes_is_ended_and_taken_out_too(engine):
    name = brought()
    run_id = engine.submit(presets.preset(name, "undercomplete", epochs=2_000, train_size=320), owner="me")
    until(lambda: any(event.kind == "progress" for event in engine.watch(run_id).events))
    kept.leave(name, engine.forget)
    until(lambda: kept.leave(name, engine.forget))
    assert engine.watch(run_id).state == "missing" and name not in kept.names()


def test_nothing_new_is_made_of_data_that_have_left(engine):
    name = brought()
    kept.leave(name, engine.forget)
    with pytest.raises(Refused) as refused:
        engine.submit(presets.preset(name, "undercomplete"), owner="me")
    assert refused.value.problem.key == "problem.own_left"
    with pytest.raises(Refused):
        engine.compute(tasks.asked("study:few_labels", dataset=name), owner="me")


def test_runs_on_other_data_stay_as_they_are(engine):
    other = engine.submit(presets.preset("digits", "undercomplete", epochs=2), owner="me")
    until(lambda: engine.watch(other).state == "finished")
    assert kept.leave(brought(), engine.forget)
    assert engine.watch(other).state == "finished"
