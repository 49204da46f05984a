"""Tasks: the value and its one spelling, and the engine that answers it: joining, leaving, dying, being asked nonsense."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replearn_core import projection, studies
from replearn_core.engine import Engine, Refused, wire
from replearn_core.engine.cluster import Embedded
from replearn_core.engine.lineage import chain_to
from replearn_core.experiment import Experiment, InvalidExperiment
from replearn_core.store import Store
from replearn_core.tasks import KINDS, CannotAnswer, Task, asked, check, settled

RUN = "a" * 32
ROOT = Path(__file__).resolve().parents[2]
WAIT = 300.0  # seconds of patience; no limit that the engine promises


def until(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + WAIT
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return value


# ---- the value ----


def test_equal_questions_have_equal_ids_however_they_are_spelled():
    same = [asked("map", run=RUN), asked("map", run=RUN, n_neighbors=15), asked("map", run=RUN, n_neighbors=15.0, method="umap")]
    assert len({task.id for task in same}) == 1 and len(same[0].id) == 32
    assert asked("map", run=RUN, n_neighbors=16).id != same[0].id
    assert Task.from_json(same[0].as_json()) == same[0]


def test_knobs_that_a_method_does_not_read_make_no_other_map():
    assert asked("map", run=RUN, method="pca", perplexity=5, seed=3).id == asked("map", run=RUN, method="pca").id
    assert asked("map", run=RUN, method="tsne", perplexity=5).id != asked("map", run=RUN, method="tsne").id


def test_a_baseline_is_one_task_for_every_run_on_the_same_data():
    wide, narrow = (Experiment(dataset="digits", code_size=size) for size in (64, 8))
    pixels = [settled(asked("map", run=run, source="pixels"), e, ()) for run, e in ((RUN, wide), ("b" * 32, narrow))]
    assert pixels[0].id == pixels[1].id and pixels[0].run is None
    components = [settled(asked("map", run=RUN, source="pca"), e, ()) for e in (wide, narrow)]
    assert components[0].id != components[1].id, "PCA has the run's code size"


def test_an_epoch_becomes_the_last_recorded_one_before_it():
    e = Experiment(dataset="digits")
    assert [settled(asked("map", run=RUN, epoch=epoch), e, (0, 1, 4)).epoch for epoch in (None, 0, 0.5, 3.9, 4, 99)] == [
        4,
        0,
        0,
        1,
        4,
        4,
    ]
    with pytest.raises(CannotAnswer) as error:
        settled(asked("map", run=RUN), e, ())
    assert error.value.problem.key == "problem.no_state_yet"


@pytest.mark.parametrize(
    "values, key, setting",
    [
        ({"kind": "sing", "run": RUN}, "problem.unknown_choice", "kind"),
        ({"kind": "map"}, "problem.task_needs_run", "run"),
        ({"kind": "map", "run": RUN, "experiment": {"dataset": "digits"}}, "problem.task_has_both", "experiment"),
        ({"kind": "map", "options": {"source": "pixels"}}, "problem.task_needs_data", "experiment"),
        ({"kind": "map", "run": "../etc"}, "problem.bad_value", "run"),
        ({"kind": "map", "run": RUN, "epoch": -1}, "problem.bad_value", "epoch"),
        ({"kind": "map", "run": RUN, "extra": 1}, "problem.unknown_field", "extra"),
        ({"kind": "map", "run": RUN, "version": 9}, "problem.newer_version", "version"),
        ({"kind": "map", "run": RUN, "options": {"colour": 1}}, "problem.unknown_option", "options"),
        ({"kind": "map", "run": RUN, "options": {"n_neighbors": 1}}, "problem.out_of_range", "n_neighbors"),
        ({"kind": "map", "run": RUN, "options": {"n_neighbors": 2.5}}, "problem.out_of_range", "n_neighbors"),
        ({"kind": "map", "run": RUN, "options": {"n_neighbors": float("nan")}}, "problem.out_of_range", "n_neighbors"),
        ({"kind": "map", "run": RUN, "options": {"n_neighbors": 10**400}}, "problem.out_of_range", "n_neighbors"),
        ({"kind": "map", "run": RUN, "options": {"n_neighbors": "15"}}, "problem.out_of_range", "n_neighbors"),
        ({"kind": "map", "run": RUN, "options": {"n_neighbors": 100, "size": 50}}, "problem.too_few_points", "n_neighbors"),
        ({"kind": "map", "run": RUN, "options": {"method": "tsne", "size": 9_000}}, "problem.too_many_points", "size"),
        ({"kind": "map", "run": RUN, "options": {"metric": "<b>"}}, "problem.unknown_choice", "metric"),
        ({"kind": "neighbours", "run": RUN, "options": {"indices": "1;2"}}, "problem.bad_indices", "indices"),
        ({"kind": "neighbours", "run": RUN, "options": {"indices": ",".join("1" * 61)}}, "problem.bad_indices", "indices"),
        ({"kind": "walk", "run": RUN, "options": {"a": 3, "b": 3}}, "problem.same_image_twice", "b"),
    ],
)
def test_what_is_no_question_is_refused_with_the_knob_to_mend(values, key, setting):
    with pytest.raises(InvalidExperiment) as error:
        Task.from_values(values)
    assert (key, setting) in [(problem.key, problem.setting) for problem in error.value.problems]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
_ALMOST = st.fixed_dictionaries(
    {"kind": st.sampled_from([*KINDS, "x"]), "run": st.just(RUN)},
    optional={
        "options": st.dictionaries(st.sampled_from(["size", "n_neighbors", "method", "indices", "a"]), _JSON),
        "epoch": _JSON,
    },
)


@given(_JSON | _ALMOST)
def test_anything_is_a_task_or_a_list_of_problems(values):
    try:
        task = Task.from_values(values)
    except InvalidExperiment as error:
        assert error.problems and all(problem.key.startswith("problem.") for problem in error.problems)
    else:
        assert Task.from_json(task.as_json()).id == task.id


def test_every_kind_of_the_explorer_has_an_answer_for_its_defaults():
    from replearn_core import walks

    answered = {"points", "map", "film", "neighbours", "weights", *walks.ANSWERS}
    assert answered == {kind for kind in KINDS if not kind.startswith(studies.PREFIX)} - {"scorecard", "deployment"}
    flat = Experiment(dataset="moons", code_size=2)
    for kind in answered:
        check(asked(kind, run=RUN), flat)


# ---- bytes ----


def test_an_answer_is_a_header_and_arrays_and_can_be_given_a_state():
    arrays = {"points": np.arange(6, dtype=np.float32).reshape(3, 2), "labels": np.array([1, 2, 3], np.int16)}
    data = wire.with_header(wire.pack_arrays(arrays, {"numbers": {"trust": float("nan")}}), {"state": "finished"})
    header, again = wire.header_of(data), wire.arrays_of(data)
    assert header["state"] == "finished" and header["numbers"] == {"trust": None}
    assert all((again[name] == array).all() and again[name].dtype == array.dtype for name, array in arrays.items())
    for broken in (b"", data[:-1], data + b"x", data[4:], bytes(40)):
        with pytest.raises(ValueError):
            wire.header_of(broken)


# ---- the engine ----


def small(**fields: Any) -> Experiment:
    return Experiment(
        **{"dataset": "digits", "train_size": 300, "hidden": (16,), "code_size": 2, "code": "linear", "epochs": 12} | fields
    )


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    running = Engine(Store(tmp_path_factory.mktemp("store"), shipped=None), Embedded(1))
    yield running
    running.close()


@pytest.fixture(scope="module")
def run(engine: Engine) -> str:
    run_id = engine.submit(small(), owner="a")
    assert until(lambda: not (view := engine.watch(run_id)).live and view).state == "finished"
    return run_id


def done(engine: Engine, task_id: str):
    return until(lambda: not (view := engine.task(task_id)).live and view)


def worker_pid(engine: Engine) -> int:
    return next(iter(until(lambda: engine.dask._client and engine.dask._client.run(os.getpid)).values()))


def test_a_task_is_answered_and_kept_for_the_next_server(engine, run):
    task_id = engine.compute(asked("points", run=run, size=100), owner="a")
    view = done(engine, task_id)
    assert view.state == "finished" and view.arrays["codes"].shape == (100, 2) and view.numbers["epoch"] == 12
    again = Store(engine.store.root, shipped=None)  # a second server reads, and cannot write
    try:
        assert again.problem is not None and again.read_task(task_id) == view.answer
    finally:
        again.close()


def test_equal_tasks_of_many_visitors_are_one_computation(engine, run):
    until(lambda: not engine.books.running())
    kept = len(engine.store._answers.kept())
    ids = {engine.compute(asked("map", run=run, method="pca", size=150), owner=f"visitor {n}") for n in range(30)}
    assert len(ids) == 1
    assert done(engine, ids.pop()).state == "finished" and len(engine.store._answers.kept()) == kept + 1


def test_two_maps_asked_for_at_once_both_answer_and_the_second_waits(engine, run):
    ids = [engine.compute(asked("map", run=run, size=120, n_neighbors=k), owner="a") for k in (5, 9)]
    assert engine.task(ids[1]).position in (1, 2) or not engine.task(ids[1]).live  # 2: the first has not left the queue yet
    views = [done(engine, task_id) for task_id in ids]
    assert [view.state for view in views] == ["finished"] * 2
    assert not np.allclose(views[0].arrays["points"], views[1].arrays["points"])


def test_an_epoch_that_is_not_kept_is_trained_again_and_tells_how_far_it_is(engine, run):
    view = done(engine, engine.compute(asked("points", run=run, epoch=4.5, size=80), owner="a"))
    assert view.state == "finished" and view.numbers["epoch"] == 4
    film = done(engine, engine.compute(asked("film", run=run, method="code", size=80), owner="a"))
    at = film.arrays["epochs"].tolist().index(4.0)
    assert np.allclose(film.arrays["points"][at], view.arrays["codes"], atol=2e-2)


def test_a_continuation_whose_parents_states_are_gone_is_trained_through_them(engine, run):
    child = engine.submit(small(continues=(run, 12), epochs=4), owner="a")
    until(lambda: not engine.watch(child).live)
    before = done(engine, engine.compute(asked("points", run=child, epoch=14, size=60), owner="a"))
    task = settled(asked("points", run=child, epoch=14, size=61), engine.experiment(child), (12, 13, 14, 16))
    assert [epoch for _, epoch in chain_to(engine.books, task)[0]] == [14]
    for name in ("weights", "optimizer", "weights-12", "optimizer-12"):
        (engine.store.root / run / f"{name}.safetensors").unlink(missing_ok=True)
    assert [epoch for _, epoch in chain_to(engine.books, task)[0]] == [12, 14]
    after = done(engine, engine.compute(asked("points", run=child, epoch=14, size=61), owner="a"))
    assert after.state == "finished" and (after.arrays["codes"][:60] == before.arrays["codes"]).all()


def test_a_task_whose_worker_is_killed_begins_anew_and_is_answered(engine, run):
    slow = engine.submit(small(train_size=1_400, batch_size=16, epochs=200, seed=3), owner="a")
    until(lambda: not engine.watch(slow).live)
    task_id = engine.compute(asked("points", run=slow, epoch=60, size=50), owner="a")
    until(lambda: engine.task(task_id).progress > 0)
    os.kill(worker_pid(engine), signal.SIGKILL)
    until(lambda: engine.books.jobs[task_id].restarts == 1)
    assert done(engine, task_id).state == "finished"


def test_a_task_that_nobody_wants_ends_and_can_be_asked_again(engine, run):
    slow = small(train_size=1_400, batch_size=16, epochs=200, seed=3).id
    task_id = engine.compute(asked("points", run=slow, epoch=195, size=51), owner="a")
    assert engine.compute(asked("points", run=slow, epoch=195, size=51), owner="b") == task_id
    until(lambda: engine.task(task_id).progress > 0)
    engine.cancel(task_id, owner="a")
    assert engine.task(task_id).live, "b still wants it"
    engine.cancel(task_id, owner="b")
    assert done(engine, task_id).state == "missing"
    assert engine.compute(asked("points", run=slow, epoch=195, size=51), owner="a") == task_id
    engine.cancel(task_id, owner="a")
    until(lambda: not engine.task(task_id).live)


def test_a_run_and_a_task_are_not_taken_for_each_other(engine, run):
    task_id = engine.compute(asked("points", run=run, size=100), owner="a")
    assert engine.watch(task_id).state == "missing" and engine.task(run).state == "missing"
    assert engine.experiment(task_id) is None and engine.experiment(run) == small()


def test_missing_and_damaged_runs_are_refused_with_the_reason(engine):
    with pytest.raises(Refused) as refused:
        engine.compute(asked("map", run="e" * 32), owner="a")
    assert refused.value.problem.key == "problem.unknown_run"
    hurt = engine.submit(small(seed=5), owner="a")
    until(lambda: not engine.watch(hurt).live)
    engine.books._memory.clear()
    (engine.store.root / hurt / "events.jsonl").write_text("{")
    with pytest.raises(Refused) as refused:
        engine.compute(asked("map", run=hurt), owner="a")
    assert refused.value.problem.key == "problem.damaged" and refused.value.problem.numbers == {"file": "events.jsonl"}


def test_cut_off_and_nan_weights_fail_with_the_tensor_named_and_are_not_tried_again_by_themselves(engine):
    hurt = engine.submit(small(seed=6), owner="a")
    until(lambda: not engine.watch(hurt).live)
    file = engine.store.root / hurt / "weights.safetensors"
    whole = file.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    file.write_bytes(whole[:start] + np.full(1, np.nan, "<f4").tobytes() + whole[start + 4 :])
    task = asked("points", run=hurt, size=50)
    view = done(engine, engine.compute(task, owner="a"))
    assert view.state == "failed" and view.problem.key == "problem.weights_not_finite" and view.problem.numbers["count"] == 1
    assert engine.task(engine.compute(task, owner="b")).state == "failed"
    file.write_bytes(whole)
    assert done(engine, engine.compute(task, owner="b", again=True)).state == "finished"


def test_more_neighbours_than_there_are_points_is_a_clear_answer(engine, run):
    task = asked("map", run=run, size=2_000, n_neighbors=200)
    assert done(engine, engine.compute(task, owner="a")).state == "finished", "360 held-out digits are enough"
    few = engine.submit(small(dataset="moons", hidden=(4,), epochs=1), owner="a")
    until(lambda: not engine.watch(few).live)
    with pytest.raises(Refused) as refused:
        engine.compute(asked("map", run=few, method="code", dimensions=3), owner="a")
    assert asdict(refused.value.problem)["numbers"] == {"size": 2, "dimensions": 3}


def test_a_cut_off_answer_is_set_aside_and_computed_again(engine, run):
    task = asked("map", run=run, method="code", size=90)
    task_id = engine.compute(task, owner="a")
    whole = done(engine, task_id).answer
    path = engine.store.root / "tasks" / task_id
    path.write_bytes(whole[:-5])
    engine.books._answers.clear()
    assert engine.task(task_id).state == "missing" and not path.exists()
    assert done(engine, engine.compute(task, owner="a")).state == "finished"


def test_the_latest_state_of_a_running_run_is_mapped_without_training_again(engine, run):
    going = engine.submit(small(train_size=1_400, batch_size=16, epochs=2_000, seed=9), owner="a")
    until(lambda: any(event.kind == "progress" and event.epoch >= 1 for event in engine.watch(going).events))
    epoch = engine.checkpoint(going)
    task = settled(asked("points", run=going, epoch=epoch), engine.experiment(going), (epoch,))
    assert chain_to(engine.books, task)[0] == ()
    waiting = engine.compute(asked("points", run=going, epoch=epoch, size=40), owner="b")
    assert engine.task(waiting).state == "queued", "the only worker is busy"
    engine.cancel(going, owner="a")
    assert done(engine, waiting).numbers["epoch"] == epoch


# ---- what is compiled ----


def test_compiling_ends_with_its_parent_and_leaves_its_results_where_they_can_be_written(tmp_path, monkeypatch):
    command = [sys.executable, "-m", "replearn_core.engine.compiling", "--parent", "1"]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "numba"), "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, env=environment, timeout=WAIT, check=False).returncode == 0
    assert not (tmp_path / "numba").exists(), "its parent is another one, so it did nothing"
    (tmp_path / "file").touch()
    for name, value in (("XDG_CACHE_HOME", str(tmp_path / "file")), ("NUMBA_CACHE_DIR", "")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert projection.cache_folder.__wrapped__().parent == tmp_path


# ---- the store ----


def test_answers_make_room_before_any_run_does(tmp_path):
    store = Store(tmp_path, shipped=None, quota=10_000)
    try:
        store.enter(small())
        store.write(small(), (), "finished")
        for number in range(6):
            store.write_task(f"{number:032x}", bytes(3_000))
            os.utime(tmp_path / "tasks" / f"{number:032x}", (number, number))
        left = [answer.name.removeprefix("tasks/") for answer in store._answers.kept()]
        assert f"{5:032x}" in left and f"{0:032x}" not in left and store.kept(small().id) is not None
        assert store.read_task("../" + "a" * 29) is None and store.read_task("f" * 32) is None
    finally:
        store.close()
