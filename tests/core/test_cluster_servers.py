"""Two servers with one store, one index in a real PostgreSQL and one Dask scheduler: what one does, the other one knows.

The second server is a process of its own, so that it can be killed; the first is the test's.
"""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from replearn_core import neighbours, presets
from replearn_core.engine import cluster
from replearn_core.engine.engine import Engine
from replearn_core.engine.views import Refused
from replearn_core.experiment import Experiment
from replearn_core.own import kept, worker
from replearn_core.store import Store
from replearn_core.tasks import Task, asked

ROOT = Path(__file__).resolve().parents[2]
SERVER = """
import json, sys
from replearn_core.engine import cluster
from replearn_core.engine.engine import Engine
from replearn_core.experiment import Experiment
from replearn_core.own import kept
from replearn_core.store import Store
from replearn_core.tasks import Task

engine = Engine(Store(shipped=None), cluster.chosen())
print(json.dumps(engine.store.problem and engine.store.problem.key), flush=True)
for line in sys.stdin:
    asked, told = json.loads(line), None
    if asked["do"] == "submit":
        told = engine.submit(Experiment.from_json(asked["experiment"]), owner=asked["owner"])
    elif asked["do"] == "cancel":
        engine.cancel(asked["run"], owner=asked["owner"])
    elif asked["do"] == "watch":
        view = engine.watch(asked["run"])
        told = [view.state, [event.kind for event in view.events], [getattr(event, "epoch", 0) for event in view.events]]
    elif asked["do"] == "compute":
        told = engine.compute(Task.from_json(asked["task"]), owner=asked["owner"])
    elif asked["do"] == "task":
        told = engine.task(asked["task"]).state
    elif asked["do"] == "leave":
        told = kept.leave(asked["name"], engine.forget)
    print(json.dumps(told), flush=True)
engine.close()
"""
pytestmark = pytest.mark.slow


def until(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return value


def small(seed: int = 0, **fields) -> Experiment:
    return Experiment(**({"dataset": "digits", "train_size": 300, "code_size": 8, "epochs": 3, "seed": seed} | fields))


def long(seed: int = 0) -> Experiment:
    return small(seed, epochs=2_000, batch_size=16)


def epochs(view) -> list[float]:
    return [event.epoch for event in view.events if event.kind == "progress"]


class Server:
    """The other server."""

    def __init__(self, environment):
        command = [sys.executable, "-c", SERVER]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, env=os.environ | environment | {"PYTHONPATH": str(ROOT)}, text=True, **pipes)
        assert self._read() is None, "its store works"

    def ask(self, do: str, **fields):
        self.process.stdin.write(json.dumps({"do": do} | fields) + "\n")
        self.process.stdin.flush()
        return self._read()

    def submit(self, experiment: Experiment, owner: str) -> str:
        return self.ask("submit", experiment=experiment.as_json(), owner=owner)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()

    def _read(self):
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def environment(postgres, scheduler, tmp_path):
    store = (tmp_path / "store").as_uri()
    return {"REPLEARN_STORE": store, "REPLEARN_DATABASE": postgres.database(), "REPLEARN_SCHEDULER": scheduler}


@pytest.fixture
def here(environment, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    engine = Engine(Store(shipped=None), cluster.chosen())
    until(lambda: engine.dask.slots == 2)
    yield engine
    engine.close()


@pytest.fixture
def there(environment, here):
    server = Server(environment)
    yield server
    server.close()


def test_a_run_started_on_one_server_is_watched_on_the_other(here, there):
    run_id = there.submit(long(), "a visitor there")
    until(lambda: len(there.ask("watch", run=run_id)[1]) > 5)
    view = until(lambda: (view := here.watch(run_id)).events and view)
    assert view.state == "running" and view.events[0].kind == "started", "what it said before this server looked is here too"
    first = epochs(view)
    until(lambda: epochs(here.watch(run_id))[-1] > first[-1] + 5)
    assert here.watch(run_id, 3).events[0].kind == "progress" and here.history(run_id).count > 5

    assert here.submit(long(), owner="a visitor here") == run_id, "whoever wants the same joins it"
    there.ask("cancel", run=run_id, owner="a visitor there")
    moment = epochs(here.watch(run_id))[-1]
    until(lambda: epochs(here.watch(run_id))[-1] > moment + 5)  # somebody on this server still wants it
    here.cancel(run_id, owner="a visitor here")
    ended = until(lambda: (view := here.watch(run_id)).state == "stopped" and view)
    moments = [getattr(event, "epoch", 0) for event in ended.events]
    assert until(lambda: (told := there.ask("watch", run=run_id))[0] == "stopped" and told)[2] == moments
    assert here.store.kept(run_id).attempts == 1 and [event.kind for event in ended.events][-1] == "stopped"


def test_two_servers_that_are_asked_at_once_train_once(here, there):
    for seed in range(3):
        asked = threading.Thread(target=there.submit, args=(small(seed), "there"))
        asked.start()
        run_id = here.submit(small(seed), owner="here")
        asked.join()
        until(lambda run_id=run_id: here.watch(run_id).state == "finished")
        assert until(lambda run_id=run_id: (told := there.ask("watch", run=run_id))[0] == "finished" and told)[1]
        assert here.store.kept(run_id).attempts == 1


def test_a_killed_servers_runs_are_interrupted_but_go_on_where_somebody_wants_them(here, there, monkeypatch):
    monkeypatch.setattr(neighbours, "DEAD", 5.0)
    left, wanted = there.submit(long(1), "there"), there.submit(small(2, epochs=60, batch_size=16), "there")
    until(lambda: here.watch(left).events)
    assert here.submit(small(2, epochs=60, batch_size=16), owner="here") == wanted
    there.kill()
    view = until(lambda: (view := here.watch(left)).state == "interrupted" and view, 30)
    assert view.problem.key == "problem.interrupted" and not view.live
    assert until(lambda: not (view := here.watch(wanted)).live and view).state == "finished"
    assert here.submit(long(1), owner="here") == left and here.watch(left).live, "it can be begun again"


def test_a_run_of_the_other_server_is_continued_and_asked_about(here, there):
    run_id = there.submit(long(3), "there")
    until(lambda: len(epochs(here.watch(run_id))) > 3)
    branched = here.branch(run_id, {"learning_rate": 1e-3, "epochs": 2}, owner="here")
    assert until(lambda: not (view := here.watch(branched)).live and view).state == "finished"
    assert there.ask("watch", run=run_id)[0] == "running" and here.lineage(branched)[0][0] == run_id
    there.ask("cancel", run=run_id, owner="there")
    until(lambda: here.watch(run_id).state == "stopped")
    kept = there.submit(small(4), "there")
    until(lambda: here.watch(kept).state == "finished")
    task = here.compute(Task(kind="map", run=kept, epoch=3), owner="here")
    assert until(lambda: not (view := here.task(task)).live and view).state == "finished"
    assert (here.store.root / "tasks" / task).exists(), "where the other server reads it"


def test_own_data_leave_on_both_servers_with_all_that_was_made_of_them(here, there, environment):
    named = f"import os; os.environ['REPLEARN_STORE'] = {environment['REPLEARN_STORE']!r}"
    here.dask._client.run(exec, named)  # workers have the store that servers have
    stream, random = io.BytesIO(), np.random.default_rng(0)
    np.savez(stream, x=random.integers(0, 256, (400, 8, 8), np.uint8), y=np.arange(400) % 4)
    name = kept.keep(*worker.read(stream.getvalue()))
    run = presets.preset(name, "undercomplete", epochs=2_000, train_size=320)
    run_id = there.submit(run, "a visitor there")
    until(lambda: here.watch(run_id).events)
    assert here.submit(run, owner="a visitor here") == run_id, "wanted on both servers"
    task = asked("points", experiment=run, source="pixels")
    task_id = there.ask("compute", task=task.as_json(), owner="a visitor there")
    until(lambda: there.ask("task", task=task_id) == "finished")

    assert kept.leave(name, here.forget) is False, "the run still goes, on the other server"
    assert here.task(task_id).state == "missing" and here.store.read_task(task_id) is None
    until(lambda: there.ask("leave", name=name))  # as its own janitor does: the data are not there any more
    until(lambda: kept.leave(name, here.forget))
    for missing in (lambda: here.watch(run_id).state, lambda: there.ask("watch", run=run_id)[0]):
        until(lambda missing=missing: missing() == "missing")
    until(lambda: there.ask("task", task=task_id) == "missing")  # it had the answer in its memory
    assert here.store.kept(run_id) is None and run_id not in here.store.storage.folders() and name not in kept.names()


def test_without_the_database_pages_stay_readable_and_training_waits(here, there, postgres):
    run_id = here.submit(small(5), owner="here")
    until(lambda: here.watch(run_id).state == "finished")
    postgres.stop()
    try:
        assert until(lambda: here.problem, 30).key == "problem.store_unreachable"
        assert here.watch(run_id).events and here.store.read(run_id).state == "finished"
        with pytest.raises(Refused):
            here.submit(small(6), owner="here")
    finally:
        postgres.start()
    until(lambda: here.problem is None, 30)
    again = here.submit(small(6), owner="here")
    until(lambda: here.watch(again).state == "finished")
