"""What becomes of a run or an answer at its end: full disks, deleted data, servers that share a store. Without any worker."""

import errno
import io
import time
from types import SimpleNamespace

import numpy as np
import pytest

from replearn_core import presets
from replearn_core.engine import wire
from replearn_core.engine.books import MOST_REMEMBERED, Job
from replearn_core.engine.cluster import Elsewhere
from replearn_core.engine.engine import Engine
from replearn_core.engine.views import RUNNING, TaskView
from replearn_core.events import Finished, Progress
from replearn_core.experiment import Experiment
from replearn_core.kept import Kept
from replearn_core.own import kept, worker
from replearn_core.store import Store
from replearn_core.tasks import Task, asked

TERMS = {"squared_error": 0.5}


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return value


def experiment(seed: int = 0, **fields) -> Experiment:
    return Experiment(dataset="digits", seed=seed, epochs=2, **fields)


class Nowhere(Elsewhere):
    def address(self) -> str:
        raise OSError("no scheduler in this test")


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """One whose scheduler is not there: what it hands out and what comes back is the test's."""
    monkeypatch.setenv("REPLEARN_STORE", str(tmp_path))
    running = Engine(Store(tmp_path, shipped=None), Nowhere(""))
    yield running
    running.close()


def begun(engine: Engine, run: Experiment, task: Task | None = None, owner: str = "a") -> tuple[str, Job]:
    """A job that a worker has."""
    job_id = task.id if task else run.id
    if task is None:
        engine.store.enter(run)
    job = Job(run, job_id, {owner}, task=task, state=RUNNING)
    with engine.books.lock:
        engine.books.accept(job_id, job)
    job.heard = time.monotonic()
    return job_id, job


def result(size: int = 8) -> dict:
    frame = {"reconstruction": np.zeros((1, size, size), np.uint8)}
    events = (Progress(2.0, 0.5, TERMS, TERMS, TERMS, TERMS, {}, frame), Finished(2, 0.5, {}))
    stream = b"".join(map(wire.framed, events))
    empty = {"weights": b"", "optimizer": b"", "metrics": {}, "problem": None, "timed_out": False}
    return {"state": "finished", "stream": stream} | empty


def answer() -> dict:
    return {"answer": wire.pack_arrays({"x": np.arange(3)}, {"numbers": {}})}


# ---- a disk that fills up ----


def test_runs_that_cannot_be_kept_are_shown_run_nowhere_and_do_not_fill_the_memory(engine, monkeypatch):
    def full(name, data, **_):
        raise OSError(errno.ENOSPC, "no space")

    ids = []
    for seed in range(MOST_REMEMBERED + 5):
        run_id, job = begun(engine, experiment(seed))
        with monkeypatch.context() as patch:
            patch.setattr("replearn_core.storage._Folder.write", lambda self, *parts: full(*parts[:2]))
            engine.foreman._keep(run_id, job, result(), None)
        ids.append(run_id)
    assert engine.watch(ids[-1]).state == "finished" and engine.watch(ids[-1]).events, "what was learned is there to be seen"
    stored = [engine.store.kept(run_id) for run_id in ids]
    assert {(one.state, one.problem.key) for one in stored} == {("failed", "problem.store_full")}, "for other servers, too"
    assert len(engine.books.unkept) == MOST_REMEMBERED and not engine.watch(ids[0]).live


# ---- data that have left ----


def brought() -> str:
    stream, random = io.BytesIO(), np.random.default_rng(0)
    np.savez(stream, x=random.integers(0, 256, (400, 8, 8), np.uint8), y=np.arange(400) % 4)
    return kept.keep(*worker.read(stream.getvalue()))


def test_what_is_still_made_of_data_that_another_server_deleted_is_not_kept(engine):
    name = brought()
    run = presets.preset(name, "undercomplete", epochs=2)
    task = asked("points", experiment=run, source="pixels")
    run_id, of_run = begun(engine, run)
    task_id, of_task = begun(engine, run, task)
    kept.trace(name, run_id)
    kept.trace(name, task_id)
    assert kept.leave(name, lambda job_id: True), "the other server knows neither of them"
    engine.foreman._keep(run_id, of_run, result(), None)
    engine.foreman._keep(task_id, of_task, answer(), None)
    assert engine.watch(run_id).state == engine.task(task_id).state == "missing"
    assert engine.store.kept(run_id) is None and engine.store.read_task(task_id) is None
    assert run_id not in engine.store.storage.folders() and name not in kept.names()


def test_what_is_made_of_data_that_live_is_kept(engine):
    run = presets.preset(brought(), "undercomplete", epochs=2)
    task = asked("points", experiment=run, source="pixels")
    run_id, of_run = begun(engine, run)
    task_id, of_task = begun(engine, run, task)
    engine.foreman._keep(run_id, of_run, result(), None)
    engine.foreman._keep(task_id, of_task, answer(), None)
    assert engine.watch(run_id).state == engine.task(task_id).state == "finished"
    assert engine.store.kept(run_id).state == "finished" and engine.store.read_task(task_id)


def test_a_place_that_cannot_be_asked_takes_nothing_away(engine, monkeypatch):
    run = presets.preset(brought(), "undercomplete", epochs=2)
    run_id, job = begun(engine, run)

    def away(*_):
        raise OSError(errno.EIO, "away")

    monkeypatch.setattr("replearn_core.own.kept._has_data", away)
    engine.foreman._keep(run_id, job, result(), None)
    assert engine.store.kept(run_id).state == "finished"


# ---- several servers ----


class Sharing:
    """Stands for the heartbeat of a store that several servers share."""

    server, live, others_busy, busy, lost = "here", 2, 0, 0, False

    def take_revived(self) -> bool:
        return True

    def close(self) -> None:
        pass


def test_an_answer_that_another_server_deleted_is_not_shown_from_memory(engine, monkeypatch):
    run = experiment()
    task = asked("points", experiment=run, source="pixels")
    task_id, job = begun(engine, run, task)
    engine.foreman._keep(task_id, job, answer(), None)
    alone = TaskView("e" * 32, "finished", answer=answer()["answer"])
    engine.books.remember_task(alone, stored=False)
    monkeypatch.setattr(engine.store, "_neighbours", Sharing())
    monkeypatch.setattr("replearn_core.engine.books.LOOK", 0.0)
    assert engine.task(task_id).state == "finished"
    engine.store.storage.remove(f"tasks/{task_id}")
    assert engine.task(task_id).state == "missing"
    assert engine.task("e" * 32).state == "finished", "one that could not be stored lives here alone"


@pytest.fixture
def follows(engine, monkeypatch):
    """(run id, what the other servers were told): a visitor here waits for a run that another server works on."""
    told, run = [], experiment()
    monkeypatch.setattr(engine.store, "want", lambda run_id, wanted: told.append((run_id, wanted)))
    there = Kept(run.id, "running", run, 0.0, attempts=1, elsewhere=True)
    monkeypatch.setattr(engine.store, "kept", lambda run_id: there)
    assert engine.submit(run, owner="a") == run.id
    return run.id, told


def test_a_run_of_another_server_is_no_longer_wanted_once_it_is_to_be_forgotten(engine, follows):
    run_id, told = follows
    assert told == [(run_id, True)]
    assert engine.forget(run_id) is False, "it still ends there"
    assert told == [(run_id, True), (run_id, False)], "or it would go on for the visitors of this server"


def test_a_server_that_was_taken_for_dead_says_again_for_what_it_waits(engine, follows, monkeypatch):
    run_id, told = follows
    monkeypatch.setattr(engine.store, "kept_now", lambda run_ids: {one: engine.store.kept(one) for one in run_ids})
    monkeypatch.setattr(engine.store, "_neighbours", Sharing())
    engine.following.attend()
    until(lambda: told[-1] == (run_id, True) and len(told) > 1)


# ---- workers that hang ----


def test_workers_are_not_asked_to_stop_again_before_they_have_answered(engine, monkeypatch):
    run_id, job = begun(engine, experiment())
    job.stopping, calls = True, []
    foreman = engine.foreman
    pending = SimpleNamespace(done=lambda: False)
    monkeypatch.setattr(
        foreman, "chores", SimpleNamespace(submit=lambda *call: calls.append(call) or pending, shutdown=lambda **_: 0)
    )
    for _ in range(3):
        foreman._asked = 0.0
        foreman._repeat_stops()
    assert len(calls) == 1
    pending.done = lambda: True
    foreman._asked = 0.0
    foreman._repeat_stops()
    assert len(calls) == 2
    job.ended = True
