"""The engine with real worker processes: queue, joining, stopping, continuing, and what happens when processes die."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from replearn_core import datasets
from replearn_core.engine import Engine, Refused, work
from replearn_core.engine.books import Pace, shown
from replearn_core.engine.cluster import Embedded
from replearn_core.engine.fair import FairQueue, Full
from replearn_core.engine.wire import PIECE, Stream, framed, pack, pieces, unpack
from replearn_core.events import Diverged, Progress, Started
from replearn_core.experiment import Experiment
from replearn_core.store import Store

WAIT = 90.0  # seconds of patience; these are no limits that the engine promises
ROOT = Path(__file__).resolve().parents[2]


def until(condition: Callable[[], Any], seconds: float = WAIT) -> Any:
    """What the condition says, once it is true; fails the test when it never is."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return value


def short(seed: int, **fields: Any) -> Experiment:
    return Experiment(dataset="digits", **{"train_size": 300, "code_size": 8, "epochs": 3, "seed": seed} | fields)


def long(seed: int) -> Experiment:
    return short(seed, train_size=1_400, batch_size=16, epochs=2_000)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    running = Engine(Store(tmp_path_factory.mktemp("store"), shipped=None), Embedded(1))
    yield running
    running.close()


def done(engine: Engine, run_id: str):
    return until(lambda: not (view := engine.watch(run_id)).live and view)


def recording(engine: Engine, run_id: str):
    """The run once it has learned something that can be continued."""

    def learned():
        view = engine.watch(run_id)
        return any(event.kind == "progress" and event.epoch >= 1 for event in view.events) and view

    return until(learned)


def worker_pid(engine: Engine) -> int:
    found = until(lambda: engine.dask._client and engine.dask._client.run(os.getpid))
    return next(iter(found.values()))


# ---- the queue alone ----


def test_a_second_run_waits_behind_other_visitors_first_ones():
    queue = FairQueue()
    for run, owner in [("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("c1", "c")]:
        queue.push(run, owner)
    assert [queue.pop() for _ in range(6)] == ["a1", "b1", "c1", "a2", "a3", None]


def test_places_are_the_order_in_which_runs_come_up():
    queue = FairQueue()
    for run, owner in [("a1", "a"), ("a2", "a"), ("a3", "a"), ("shared", "a"), ("b1", "b"), ("shared", "b"), ("c1", "c")]:
        queue.push(run, owner)
    places = queue.places()
    popped = [queue.pop() for _ in range(len(queue))]
    assert [places[run] for run in popped] == [1, 2, 3, 4, 5, 6]
    assert popped.count("shared") == 1
    assert places["shared"] < places["a3"], "b's line brings it up before a's would"


def test_the_queue_is_bounded_in_all_and_for_one_owner():
    queue = FairQueue(limit=3, owner_limit=2)
    queue.push("a1", "a")
    queue.push("a2", "a")
    with pytest.raises(Full) as own:
        queue.push("a3", "a")
    queue.push("b1", "b")
    with pytest.raises(Full) as all_of_it:
        queue.push("c1", "c")
    queue.push("b1", "c")  # joining a run that waits already takes no room
    assert (own.value.own, own.value.limit, all_of_it.value.own, all_of_it.value.limit) == (True, 2, False, 3)


def test_a_run_leaves_the_queue_with_its_last_owner_and_one_put_back_is_next():
    queue = FairQueue()
    queue.push("x", "a")
    queue.push("x", "b")
    queue.push("y", "c")
    queue.discard("x", "a")
    assert "x" in queue and queue.pop() == "x"
    queue.put_back("x", "b")
    assert queue.pop() == "x"
    queue.discard("y", "c")
    assert len(queue) == 0 and queue.pop() is None and queue.places() == {}


# ---- the wire alone ----


def test_events_survive_the_wire_however_it_is_cut(progress_events):
    data = b"".join(framed(event) for event in progress_events)
    for size in (1, 7, 1_000, len(data)):
        stream, heard = Stream(), []
        for at in range(0, len(data), size):
            heard += stream.feed(at, data[at : at + size])
        assert [event.kind for event in heard] == [event.kind for event in progress_events]
        assert all((a.frame["clean"] == b.frame["clean"]).all() for a, b in zip(heard[:1], progress_events[:1]))
    assert max(len(piece) for _, piece in pieces(0, bytes(200_000))) <= PIECE
    assert b"".join(piece for _, piece in pieces(0, data)) == data


def test_a_lost_message_never_yields_a_wrong_event(progress_events):
    data = b"".join(framed(event) for event in progress_events)
    stream = Stream()
    heard = list(stream.feed(0, data[:10])) + list(stream.feed(20, data[20:]))
    assert heard == []
    assert len(Stream.whole(data)) == len(progress_events)


def test_a_film_has_no_nan_that_a_browser_could_not_read(progress_events):
    film = pack(progress_events, {"state": "running"}, ["f" * 32] * len(progress_events))
    size = int.from_bytes(film[:4], "little")
    header = json.loads(film[4 : 4 + size], parse_constant=lambda text: pytest.fail(text))
    assert header["records"][1]["training"]["squared_error"] is None
    assert header["records"][1]["run"] == "f" * 32
    assert (4 + size) % 8 == 0 and all(
        place["offset"] % 8 == 0 for record in header["records"] for place in record.get("arrays", {}).values()
    )
    again = unpack(film)[1]
    assert again[1].training["squared_error"] != again[1].training["squared_error"]


@pytest.fixture
def progress_events():
    import numpy as np

    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (3, 8, 8), dtype=np.uint8)
    started = Started("0" * 32, 0, 2, 5, "cpu", 10, 5, ("squared_error",), (), (), "s", "l", {"clean": picture})
    terms = {"squared_error": float("nan")}
    frame = {"spectrum": random.normal(size=7).astype(np.float32), "reconstruction": picture}
    return [started, Progress(1.0, 0.1, terms, terms, terms, terms, {}, frame), Diverged(1, "squared_error")]


# ---- runs ----


def test_a_run_ends_and_is_kept(engine):
    run_id = engine.submit(short(1), owner="a")
    view = done(engine, run_id)
    assert view.state == "finished" and view.events[0].kind == "started" and view.events[-1].kind == "finished"
    assert view.count == len(view.events) and engine.watch(run_id, view.count).events == ()
    assert engine.store.kept(run_id).state == "finished"
    weights, optimizer, epoch = engine.store.state(run_id)
    assert weights and optimizer and epoch == 3


def test_equal_experiments_are_one_run(engine, monkeypatch):
    tasks, submit = [], engine.dask.submit
    monkeypatch.setattr(engine.dask, "submit", lambda task, order: tasks.append(order.key) or submit(task, order))
    first = engine.submit(short(2), owner="a")
    assert {engine.submit(short(2), owner=f"visitor {n}") for n in range(30)} == {first}
    done(engine, first)
    assert engine.submit(short(2), owner="late") == first and not engine.watch(first).live
    assert tasks == [first]


def test_unknown_and_hostile_ids_are_missing(engine):
    for run_id in ("f" * 32, "../../etc/passwd", "", "F" * 32, "0" * 31 + "\n"):
        assert engine.watch(run_id).state == "missing"
        assert engine.history(run_id).state == "missing"


def test_a_cancelled_run_stops_and_keeps_what_it_learned(engine):
    run_id = engine.submit(long(3), owner="a")
    engine.submit(long(3), owner="b")
    recording(engine, run_id)
    engine.cancel(run_id, owner="a")
    time.sleep(0.5)
    assert engine.watch(run_id).live, "somebody else still wanted it"
    engine.cancel(run_id, owner="b")
    view = done(engine, run_id)
    assert view.state == "stopped" and view.events[-1].kind == "stopped"
    assert engine.store.state(run_id)[2] == view.events[-1].epoch > 0


def test_a_stopped_run_goes_on_where_it_was(engine):
    run_id = engine.submit(long(4), owner="a")
    recording(engine, run_id)
    engine.cancel(run_id, owner="a")
    stopped = done(engine, run_id)
    resumed = engine.branch(run_id, {}, owner="a")
    experiment = engine.watch(resumed).experiment
    assert experiment.continues == (run_id, stopped.events[-1].epoch)
    assert experiment.epochs + stopped.events[-1].epoch == long(4).epochs
    assert recording(engine, resumed).events[0].first_epoch == stopped.events[-1].epoch
    engine.cancel(resumed, owner="a")
    done(engine, resumed)


def test_a_penalty_toggled_while_it_runs_makes_one_history(engine):
    run_id = engine.submit(long(5), owner="a")
    recording(engine, run_id)
    branched = engine.branch(run_id, {"penalties": [{"name": "contraction", "weight": 0.1}], "epochs": 2}, owner="a")
    (ancestor, epoch), own = engine.lineage(branched)
    assert (ancestor, own) == (run_id, (branched, None)) and epoch > 0
    until(lambda: engine.watch(run_id).state == "stopped")
    assert done(engine, branched).state == "finished"
    history = engine.history(branched)
    assert set(history.origins) == {run_id, branched} and history.count == len(history.events) == len(history.origins)
    assert [e.kind for e in history.events if e.kind in ("stopped", "finished")] == ["finished"]
    shown_epochs = [e.epoch for e, origin in zip(history.events, history.origins) if e.kind == "progress" and origin == run_id]
    assert max(shown_epochs) == epoch
    half = history.count // 2
    assert engine.history(branched, half).events == history.events[half:]


def test_what_an_ancestor_still_says_does_not_lengthen_the_history(progress_events):
    started, progress, diverged = progress_events
    assert shown([started, progress, progress, diverged], 1) == (started, progress)


def test_pressing_train_while_it_stops_runs_it_again(engine):
    run_id = engine.submit(long(6), owner="a")
    recording(engine, run_id)
    engine.cancel(run_id, owner="a")
    engine.submit(long(6), owner="a")
    until(lambda: engine.store.kept(run_id).attempts == 2)
    recording(engine, run_id)
    engine.cancel(run_id, owner="a")
    assert done(engine, run_id).state == "stopped"


def test_a_waiting_run_has_a_place_and_time_left_and_can_be_left(engine):
    running = engine.submit(long(7), owner="a")
    until(lambda: engine.watch(running).state == "running")
    waiting = [engine.submit(short(70 + n), owner=owner) for n, owner in enumerate("bbc")]
    views = [engine.watch(run_id) for run_id in waiting]
    assert [view.position for view in views] == [1, 3, 2]
    assert all(view.state == "queued" and view.seconds_left > 0 for view in views)
    for run_id, owner in zip(waiting, "bbc"):
        engine.cancel(run_id, owner=owner)
        assert engine.watch(run_id).state == "stopped"
    engine.cancel(running, owner="a")
    done(engine, running)


def test_one_visitor_cannot_fill_the_queue(engine):
    running = engine.submit(long(8), owner="a")
    until(lambda: engine.watch(running).state == "running")
    waiting = [engine.submit(short(80 + n), owner="greedy") for n in range(10)]
    with pytest.raises(Refused) as refused:
        engine.submit(short(99), owner="greedy")
    assert refused.value.problem.key == "problem.owner_queue_full" and refused.value.problem.numbers == {"limit": 10}
    assert engine.watch(short(99).id).state == "missing"
    for run_id in waiting:
        engine.cancel(run_id, owner="greedy")
    engine.cancel(running, owner="a")
    done(engine, running)


def test_too_much_work_is_refused_with_the_knob_to_lower(engine):
    with pytest.raises(Refused) as refused:
        engine.submit(Experiment(dataset="sprites", epochs=500, hidden=(1024, 1024), code_size=512), owner="a")
    assert refused.value.problem.key == "problem.too_costly" and refused.value.problem.setting in Experiment.model_fields


def test_a_data_set_that_cannot_be_had_is_refused(engine, monkeypatch):
    monkeypatch.setattr(datasets, "origin", lambda name: "missing")
    with pytest.raises(Refused) as refused:
        engine.submit(Experiment(dataset="dsprites"), owner="a")
    assert refused.value.problem.key == "problem.dataset_unavailable" and refused.value.problem.setting == "dataset"


def test_weights_that_are_not_kept_cannot_be_continued(engine):
    with pytest.raises(Refused) as refused:
        engine.submit(short(9, continues=("e" * 32, 4)), owner="a")
    assert refused.value.problem.key == "problem.parent_missing"


# ---- processes that die ----


def test_a_run_whose_worker_is_killed_begins_anew_and_ends(engine):
    run_id = engine.submit(short(10, train_size=1_000, epochs=300), owner="a")
    recording(engine, run_id)
    os.kill(worker_pid(engine), signal.SIGKILL)
    until(lambda: engine.watch(run_id).restarts == 1)
    view = done(engine, run_id)
    assert view.state == "finished" and view.restarts == 1
    assert [event.kind for event in view.events].count("started") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
def test_the_next_worker_is_forked_from_the_process_that_has_the_libraries(engine):
    first = worker_pid(engine)
    origin = psutil.Process(first).parent()
    assert any("libtorch" in part.path for part in origin.memory_maps())
    assert origin.num_threads() == 1, "no other thread would survive a fork"
    os.kill(first, signal.SIGKILL)
    (following,) = until(lambda: [one for one in origin.children() if one.pid != first])
    assert following.nice() == origin.nice() >= 10

    def first_to_go() -> bool:
        """Where memory runs out; set as the worker starts."""
        worker, stays = (int(Path(f"/proc/{one.pid}/oom_score_adj").read_text()) for one in (following, origin))
        return worker > stays

    until(first_to_go)


def test_a_run_that_kills_its_worker_three_times_is_quarantined(engine):
    run_id = engine.submit(long(11), owner="a")
    for restarts in range(3):
        until(lambda: engine.dask._client and any(run_id in str(keys) for keys in engine.dask._client.processing().values()))
        os.kill(worker_pid(engine), signal.SIGKILL)
        until(lambda restarts=restarts: engine.watch(run_id).restarts == restarts + 1 or not engine.watch(run_id).live)
    view = done(engine, run_id)
    assert view.state == "quarantined" and view.problem.key == "problem.quarantined"
    assert view.problem.numbers == {"restarts": 3}
    other = engine.submit(short(12), owner="b")
    assert done(engine, other).state == "finished"


def test_when_the_scheduler_is_lost_pages_stay_readable_and_runs_go_on(engine):
    ended = engine.submit(short(13), owner="a")
    done(engine, ended)
    running = engine.submit(long(14), owner="a")
    recording(engine, running)
    engine.dask.processes._hub.kill()
    until(lambda: engine.problem is not None)
    assert engine.problem.key == "problem.engine_lost"
    assert engine.watch(ended).state == "finished"
    with pytest.raises(Refused):
        engine.submit(short(15), owner="a")
    until(lambda: engine.problem is None)
    assert recording(engine, running).restarts >= 1
    engine.cancel(running, owner="a")
    assert done(engine, running).state == "stopped"


# ---- engines of their own ----


def test_a_worker_that_hangs_holds_up_nobody_elses_run(tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_WARM", "0")
    engine = Engine(Store(tmp_path, shipped=None), Embedded(2))
    hung = None
    try:
        until(lambda: engine.dask.slots == 2)
        stuck = engine.submit(long(21), owner="a")
        recording(engine, stuck)
        pids = engine.dask._client.run(os.getpid)
        hung = pids[next(worker for worker, keys in engine.dask._client.processing().items() if keys)]
        os.kill(hung, signal.SIGSTOP)
        engine.cancel(stuck, owner="a")
        for seed in (22, 23):  # the worker is asked to stop its run all the while
            assert done(engine, engine.submit(short(seed), owner="b")).state == "finished"
        going = engine.submit(long(24), owner="b")
        recording(engine, going)
        engine.cancel(going, owner="b")
        assert done(engine, going).state == "stopped" and engine.watch(stuck).live
        os.kill(hung, signal.SIGCONT)
        assert done(engine, stuck).state == "stopped"
    finally:
        if hung is not None:
            os.kill(hung, signal.SIGCONT)
        engine.close()


def test_a_run_past_its_time_limit_is_ended_and_said(tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_WARM", "0")
    engine = Engine(Store(tmp_path, shipped=None), Embedded(1), seconds=4.0)
    try:
        run_id = engine.submit(long(20), owner="a")
        view = done(engine, run_id)
        assert view.state == "failed" and view.problem.key == "problem.time_limit"
        assert engine.watch(run_id).events, "what it learned until then is kept"
    finally:
        engine.close()


_SERVER = """
import json, os, sys, time
import psutil
from replearn_core.engine import Engine
from replearn_core.engine.cluster import Embedded
from replearn_core.experiment import Experiment
from replearn_core.store import Store
engine = Engine(Store(sys.argv[1], shipped=None), Embedded(1))
small = dict(dataset="digits", train_size=300, code_size=8)
finished = engine.submit(Experiment(**small, epochs=2), owner="a")
while engine.watch(finished).live:
    time.sleep(0.02)
running = engine.submit(Experiment(**small, epochs=2000), owner="a")
queued = engine.submit(Experiment(**small, epochs=1999), owner="a")
while engine.watch(running).state != "running":
    time.sleep(0.02)
pids = [child.pid for child in psutil.Process().children(recursive=True)]
light = sorted({"torch", "umap", "streamlit"} & set(sys.modules))
print(json.dumps(dict(finished=finished, running=running, queued=queued, pids=pids, heavy=light)), flush=True)
time.sleep(600)
"""


def test_a_killed_server_leaves_no_orphan_and_the_next_one_tells_how_runs_stand(tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_WARM", "0")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _SERVER, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        told = json.loads(server.stdout.readline())
        server.kill()
    assert told["heavy"] == [], "the server process stays light"
    assert len(told["pids"]) >= 2
    until(lambda: not [pid for pid in told["pids"] if psutil.pid_exists(pid)], 30)
    store = Store(tmp_path, shipped=None)
    try:
        assert store.kept(told["finished"]).state == "finished" and store.read(told["finished"]).events
        assert store.kept(told["running"]).state == "interrupted" and store.kept(told["queued"]).state == "interrupted"
        assert store.kept(told["running"]).problem.key == "problem.interrupted"
    finally:
        store.close()


def test_closing_leaves_no_process_and_no_thread(tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_WARM", "0")
    before = {thread.name for thread in threading.enumerate()}
    engine = Engine(Store(tmp_path, shipped=None), Embedded(1))
    until(lambda: engine.dask.slots)
    children = [child.pid for child in psutil.Process().children(recursive=True) if child.pid in _below(engine)]
    engine.close()
    until(lambda: not [pid for pid in children if psutil.pid_exists(pid)], 30)
    left = {thread.name for thread in threading.enumerate() if thread.name.startswith("replearn")} - before
    assert children and not left


def _below(engine: Engine) -> list[int]:
    hub = psutil.Process(engine.dask.processes._hub.pid)
    return [hub.pid, *(child.pid for child in hub.children(recursive=True))]


def test_many_short_runs_do_not_make_a_long_one_look_endless():
    pace = Pace()
    for _ in range(50):
        pace.learn(estimate=0.1, training=0.12, took=0.9)
    assert 0.7 < pace.overhead < 0.9
    assert 100 < pace.seconds(100.0) < 150


# ---- data on their way ----


def glyphs(seed: int) -> Experiment:
    """On glyphs, which are drawn when they are first asked for: that takes a second or two, as a small download would."""
    return Experiment(dataset="glyphs", train_size=200, code_size=4, epochs=1, seed=seed)


def test_a_run_can_be_left_while_its_data_are_on_their_way_and_before_that_says_how_much_is_there(tmp_path):
    running = Engine(Store(tmp_path, shipped=None), Embedded(1))
    try:
        run_id = running.submit(glyphs(1), owner="a")
        loaded, total = until(lambda: (told := running.watch(run_id).loading) and told[0] and told)
        assert 0 < loaded <= total
        running.cancel(run_id, owner="a")
        left = done(running, run_id)
        assert left.state in ("stopped", "finished")  # finished: the last picture was drawn before the word came
        assert left.loading is None
        again = running.submit(glyphs(1), owner="a")
        assert done(running, again).state == "finished"
    finally:
        running.close()


# ---- what went wrong, as a key ----


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    ],
)
def test_a_run_that_runs_out_of_memory_says_how_much_it_needs_and_what_to_lower(error):
    large = Experiment(dataset="mnist", train_size=60_000, hidden=(2_048,), code_size=1_024)
    problem = work.foreseen(error, large)
    assert problem.key == "problem.out_of_memory" and problem.setting in ("train_size", "hidden")
    assert problem.numbers["megabytes"] > 300
    assert work.foreseen(RuntimeError("shapes do not fit"), large) is None
