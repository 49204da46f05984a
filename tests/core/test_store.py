"""Runs on disk: kept, found again, and never lost to a damaged file, a full disk or another server."""

import errno
import io
import os
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from replearn_core import database, folder, storage, weights
from replearn_core.engine.books import Books
from replearn_core.engine.fair import FairQueue
from replearn_core.events import Finished, Progress, Started
from replearn_core.experiment import Experiment
from replearn_core.folder import Damaged
from replearn_core.store import Store, StoreUnavailable

ROOT = Path(__file__).resolve().parents[2]


def experiment(seed: int = 0, **fields) -> Experiment:
    return Experiment(dataset="digits", seed=seed, epochs=2, **fields)


def events(run: Experiment, size: int = 8):
    picture = np.arange(size * size, dtype=np.uint8).reshape(1, size, size)
    terms = {"squared_error": 0.5}
    frame = {"reconstruction": picture, "spectrum": np.array([2.0, 1.0], np.float32)}
    return (
        Started(run.id, 0, 2, 10, "cpu", 5, 5, ("squared_error",), (), ("a",), "source", "licence", {"clean": picture}),
        Progress(1.0, 0.25, terms, terms, terms, terms, {"l0": 0.1}, frame),
        Progress(2.0, 0.5, terms, terms, {"squared_error": float("nan")}, terms, {"l0": 0.2}, frame),
        Finished(2, 0.5, {"squared_error": 0.4}),
    )


def state_of(run: Experiment, epoch: int, value: float = 1.0) -> tuple[bytes, bytes]:
    state = {"encoder.0.weight": np.full((2, 2), value, np.float32), "optimizer.step": np.array(float(epoch), np.float32)}
    return weights.to_bytes(state, run_id=run.id, epoch=epoch)


def keep(kept: Store, run: Experiment, size: int = 8) -> str:
    kept.enter(run)
    first, second = state_of(run, 2)
    kept.write(run, events(run, size), "finished", weights=first, optimizer=second, metrics={"squared_error": 0.4})
    return run.id


@pytest.fixture
def kept(tmp_path):
    opened = Store(tmp_path / "runs", shipped=None)
    yield opened
    opened.close()


def again(kept: Store, **options) -> Store:
    kept.close()
    return Store(kept.root, **({"shipped": None} | options))


def test_a_run_comes_back_as_it_was(kept):
    run_id = keep(kept, experiment())
    reopened = again(kept)
    run = reopened.read(run_id)
    assert run.experiment == experiment() and run.state == "finished" and run.metrics == {"squared_error": 0.4}
    assert [event.kind for event in run.events] == ["started", "progress", "progress", "finished"]
    assert (run.events[0].frame["clean"] == events(experiment())[0].frame["clean"]).all()
    assert run.events[1].frame["spectrum"].dtype == np.float32 and np.isnan(run.events[2].held_out["squared_error"])
    listed = reopened.runs()
    assert [entry.run_id for entry in listed] == [run_id] and listed[0].count == 4 and listed[0].seconds == 0.5
    reopened.close()


def test_the_folder_has_the_files_that_the_architecture_names(kept):
    names = {path.name for path in (kept.root / keep(kept, experiment())).iterdir()}
    assert names == {
        "experiment.json", "events.jsonl", "frames.npz", "weights.safetensors", "optimizer.safetensors", "metrics.json",
    }  # fmt: skip


def test_what_was_queued_or_running_is_interrupted_after_a_restart(kept):
    kept.enter(experiment(1))
    kept.enter(experiment(2))
    kept.mark(experiment(2).id, "running")
    reopened = again(kept)
    states = {entry.run_id: (entry.state, entry.problem.key) for entry in reopened.runs()}
    assert states == {experiment(seed).id: ("interrupted", "problem.interrupted") for seed in (1, 2)}
    assert reopened.enter(experiment(1)) == 1, "it was tried once before"
    reopened.close()


@pytest.mark.parametrize("damage", [b"", b"not a database at all, " * 300, None])
def test_a_damaged_index_is_set_aside_and_rebuilt(kept, damage):
    run_id = keep(kept, experiment())
    kept.close()
    index = kept.root / "index.sqlite"
    if damage is None:
        data = bytearray(index.read_bytes())
        data[100:] = os.urandom(len(data) - 100)
        index.write_bytes(bytes(data))
    else:
        index.write_bytes(damage)
    reopened = Store(kept.root, shipped=None)
    assert [(entry.run_id, entry.state) for entry in reopened.runs()] == [(run_id, "finished")]
    assert reopened.problem is None
    reopened.close()


@pytest.mark.parametrize("file", ["experiment.json", "events.jsonl", "frames.npz", "metrics.json"])
@pytest.mark.parametrize("content", [b"\xff\xfe{", b'{"dataset":', b"[1]\n[2]\n"])
def test_a_damaged_run_is_marked_and_the_list_works(kept, file, content):
    bad, good = keep(kept, experiment(1)), keep(kept, experiment(2))
    (kept.root / bad / file).write_bytes(content)
    with pytest.raises(Damaged) as error:
        kept.read(bad)
    assert error.value.problem.numbers == {"file": file}
    states = {entry.run_id: entry.state for entry in kept.runs()}
    assert states == {bad: "damaged", good: "finished"}
    assert kept.read(good).events


def test_truncated_weights_are_damaged_not_absent(kept):
    run_id = keep(kept, experiment())
    path = kept.root / run_id / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(Damaged):
        kept.state(run_id)


def test_frames_with_objects_or_lying_headers_are_refused(kept, tmp_path):
    run_id = keep(kept, experiment())
    path = kept.root / run_id / "frames.npz"
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    honest = io.BytesIO()
    np.save(honest, np.zeros(4, np.uint8))
    lying = honest.getvalue().replace(b"(4,), }", b"(9999999999999,), }".ljust(7))
    for name, data in {"0.clean.npy": pickled.getvalue(), "1.x.npy": lying, "../../etc/passwd.npy": honest.getvalue()}.items():
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, data)
        with pytest.raises(Damaged):
            folder.read_run(path.parent)


def test_a_zip_that_unpacks_to_gigabytes_is_refused_unread(kept):
    run_id = keep(kept, experiment())
    path = kept.root / run_id / "frames.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("0.clean.npy", "w") as member:
        for _ in range(folder.MAX_FILE // 2**20 + 1):
            member.write(bytes(2**20))
    with pytest.raises(Damaged):
        folder.read_run(path.parent)


@given(st.binary(max_size=300))
def test_any_bytes_as_frames_give_frames_or_damaged(data):
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        Path(name, "frames.npz").write_bytes(data)
        with pytest.raises(Damaged):
            folder._frames(Path(name))


def test_hostile_ids_never_become_paths(kept):
    keep(kept, experiment())
    for run_id in ("../../etc", "..", "/etc", "", "A" * 32, "a" * 33, "a" * 31 + "/", "a" * 32 + "\n", "a\x00" * 16):
        assert kept.folder(run_id) is None and kept.kept(run_id) is None and kept.state(run_id) is None
        with pytest.raises(KeyError):
            kept.read(run_id)


def test_a_write_that_fails_half_way_leaves_the_old_run_readable(kept, monkeypatch):
    run_id = keep(kept, experiment())

    def full(source, target):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StoreUnavailable) as error:
        kept.write(experiment(), events(experiment())[:2], "stopped")
    monkeypatch.undo()
    assert error.value.problem.key == "problem.store_full"
    assert kept.read(run_id).state == "finished" and len(kept.runs()) == 1
    assert not [path for path in (kept.root / run_id).iterdir() if path.name.endswith(".part")]


def test_what_a_killed_server_had_half_written_is_gone_with_the_next_start(kept):
    run_id = keep(kept, experiment())
    kept.write_task("a" * 32, b"answer")
    left = [kept.root / run_id / ".frames.npz.17.23.part", kept.root / "tasks" / ".b.17.23.part", kept.root / ".x.17.23.part"]
    for path in left:
        path.write_bytes(b"half")
    reopened = again(kept)
    assert not [path for path in left if path.exists()]
    assert reopened.read(run_id).events and reopened.read_task("a" * 32) == b"answer"
    reopened.close()


def test_a_store_of_another_server_can_be_read_only(kept):
    run_id = keep(kept, experiment())
    second = Store(kept.root, shipped=None)
    assert second.problem.key == "problem.store_locked" and second.problem.numbers == {"path": str(kept.root)}
    assert second.read(run_id).events and [entry.run_id for entry in second.runs()] == [run_id]
    with pytest.raises(StoreUnavailable):
        second.enter(experiment(5))
    newer = keep(kept, experiment(6))
    assert second.kept(newer).state == "finished", "it sees what the other one keeps"
    second.close()
    third = Store(kept.root, shipped=None)
    assert third.problem is not None, "the first one still has it"
    third.close()


def test_a_store_is_taken_over_once_the_server_before_has_left(kept):
    run_id = keep(kept, experiment())
    kept.enter(experiment(1))
    second = Store(kept.root, shipped=None)
    assert not second.try_again() and second.problem.key == "problem.store_locked"
    kept.close()
    assert second.try_again() and second.problem is None
    assert second.kept(run_id).state == "finished" and second.kept(experiment(1).id).state == "interrupted"
    assert second.enter(experiment(2)) == 0 and second.try_again()
    second.close()
    second.try_again()
    third = Store(kept.root, shipped=None)
    assert third.problem is None, "a closed one takes nothing"
    third.close()


def test_an_index_that_cannot_be_written_now_is_not_taken_for_damaged(kept, monkeypatch):
    run_id = keep(kept, experiment())
    kept.close()
    monkeypatch.setattr(database, "_options", lambda url: {"connect_args": {"timeout": 0.05, "check_same_thread": False}})
    somebody = sqlite3.connect(kept.root / "index.sqlite", isolation_level=None)
    somebody.execute("pragma locking_mode = exclusive")
    somebody.execute("begin exclusive")
    opened = Store(kept.root, shipped=None)
    assert opened.problem.key == "problem.store_failed" and not list(kept.root.glob("*.damaged"))
    assert opened.read(run_id).events and [entry.state for entry in opened.runs()] == ["finished"], "old runs stay readable"
    with pytest.raises(StoreUnavailable):
        opened.enter(experiment(1))
    somebody.close()
    assert opened.try_again() and opened.enter(experiment(1)) == 0 and opened.kept(run_id).count == 4
    opened.close()


def test_a_failure_whose_statement_speaks_of_full_is_not_a_full_disk(kept, monkeypatch):
    kept.enter(experiment())
    kept._index.engine.dispose()

    def fails(*_, **__):
        raise OperationalError("update", {"problem": "problem.store_full"}, sqlite3.OperationalError("database is locked"))

    monkeypatch.setattr(kept._index, "change", fails)
    with pytest.raises(StoreUnavailable) as error:
        kept.mark(experiment().id, "failed")
    assert error.value.problem.key == "problem.store_failed"


def test_the_lock_of_a_killed_server_is_free(tmp_path):
    code = "import os, sys; from replearn_core.store import Store; "
    code += "opened = Store(sys.argv[1], shipped=None); print(opened.problem, flush=True); os._exit(9)"
    command = [sys.executable, "-c", code, str(tmp_path)]
    answer = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert answer.stdout.strip() == "None" and answer.returncode == 9
    opened = Store(tmp_path, shipped=None)
    assert opened.problem is None
    opened.close()


def test_a_folder_that_cannot_be_made_is_a_problem_not_a_crash(tmp_path):
    (tmp_path / "file").write_text("in the way")
    opened = Store(tmp_path / "file" / "store", shipped=None)
    assert opened.problem.key.startswith("problem.store_") and opened.problem.numbers["path"].endswith("store")
    assert opened.runs() == () and opened.kept("a" * 32) is None
    with pytest.raises(StoreUnavailable):
        opened.enter(experiment())
    opened.close()


def test_the_quota_takes_the_least_recently_used_but_no_ancestor(tmp_path):
    opened = Store(tmp_path, shipped=None, quota=10**9)
    parent = keep(opened, experiment(1), size=64)
    unused = keep(opened, experiment(2), size=64)
    used = keep(opened, experiment(3), size=64)
    child = keep(opened, experiment(4, continues=(parent, 2)), size=64)
    for cold in (parent, unused):
        opened._index.change(cold, used=1.0)
    opened.quota = opened._index.total()
    latest = keep(opened, experiment(5), size=64)
    assert {entry.run_id for entry in opened.runs()} == {parent, used, child, latest}
    assert not (opened.root / unused).exists() and (opened.root / parent).exists()
    opened.close()


def test_states_that_are_kept_for_continuations_count_and_leave_nothing_of_a_deleted_run(kept):
    run_id = keep(kept, experiment())
    before = kept._index.total()
    assert kept.pin_state(run_id, 2)
    assert kept._index.total() == kept._bytes(run_id) > before
    kept.delete(run_id)
    kept.keep_state(run_id, *state_of(experiment(), 1), 1)
    assert kept.storage.folders() == []


def test_a_run_that_is_looked_at_from_memory_is_used_all_the_same(kept):
    run_id = keep(kept, experiment())
    books = Books(kept, FairQueue())
    books.view(run_id)
    kept._used.clear()
    kept._index.change(run_id, used=1.0)
    books.view(run_id)
    assert kept._index.row(run_id).used > 1.0


def test_runs_that_wait_are_never_evicted(tmp_path):
    opened = Store(tmp_path, shipped=None, quota=0)
    opened.enter(experiment(1))
    keep(opened, experiment(2))
    keep(opened, experiment(3))
    assert {entry.run_id for entry in opened.runs()} == {experiment(1).id, experiment(3).id}
    opened.close()


def test_shipped_runs_are_read_and_never_written(tmp_path):
    run = experiment()
    folder.write_run(tmp_path / "shipped" / run.id, run, events(run), *state_of(run, 2))
    opened = Store(tmp_path / "runs", shipped=tmp_path / "shipped")
    assert opened.kept(run.id).shipped and opened.kept(run.id).state == "finished"
    assert opened.read(run.id).events and opened.state(run.id)[2] == 2
    assert [entry.run_id for entry in opened.runs()] == [run.id]
    before = sorted((tmp_path / "shipped" / run.id).iterdir())
    assert opened.pin_state(run.id, 2) and not opened.pin_state(run.id, 1)
    opened.delete(run.id)
    assert sorted((tmp_path / "shipped" / run.id).iterdir()) == before
    opened.close()


def test_the_state_of_an_earlier_epoch_outlives_a_rerun(kept):
    run = experiment()
    kept.enter(run)
    kept.keep_state(run.id, *state_of(run, 1, 7.0), 1)
    keep(kept, run)
    first, second, epoch = kept.state(run.id, 1)
    assert epoch == 1 and (weights.read(first)[0]["encoder.0.weight"] == 7.0).all() and second
    assert kept.state(run.id)[2] == 2 and kept.state(run.id, 9) is None
    assert kept.pin_state(run.id, 2) and (kept.root / run.id / "weights-2.safetensors").exists()


def test_the_store_has_one_default_place_and_one_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("REPLEARN_STORE", str(tmp_path / "here"))
    assert storage.default_url() == str(tmp_path / "here") and storage.shared().folder == tmp_path / "here"
    monkeypatch.delenv("REPLEARN_STORE")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert storage.default_url() == str(Path.home() / ".local" / "share" / "replearn") or os.name == "nt"


def test_the_index_can_always_be_rebuilt_from_the_folders(kept):
    ids = {keep(kept, experiment(seed)) for seed in range(3)}
    kept.close()
    for path in kept.root.glob("index.sqlite*"):
        path.unlink()
    reopened = Store(kept.root, shipped=None)
    assert {entry.run_id for entry in reopened.runs()} == ids
    assert all(entry.count == 4 and entry.experiment is not None for entry in reopened.runs())
    reopened.close()
