"""A run as one file for another installation: it arrives whole, and nothing that was changed or made up gets in."""

import errno
import io
import json
import zipfile
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replearn_core import bundle, catalog, networks, weights
from replearn_core.events import Finished, Progress, Started
from replearn_core.experiment import Experiment
from replearn_core.own.refusal import Refused
from replearn_core.presets import preset
from replearn_core.store import Store, StoreUnavailable

MEASURES = {"l0": 0.1, "hoyer": 0.2, "dead": 0.0, "squared_error": 0.4, "samples_per_second": 1000.0}
FIRST = preset("digits", "undercomplete", code_size=4, epochs=2)


def state(experiment: Experiment, epoch: int, spoil: float | None = None) -> tuple[bytes, bytes]:
    random = np.random.default_rng(epoch)
    arrays = {name: random.normal(0, 1, shape).astype(np.float32) for name, shape in bundle.shapes(experiment).items()}
    if spoil is not None:
        next(iter(arrays.values())).flat[0] = spoil
    return weights.to_bytes({**arrays, "optimizer.step": np.array(float(epoch))}, run_id=experiment.id, epoch=epoch)


def events(experiment: Experiment):
    first = experiment.continues[1] if experiment.continues else 0
    last, terms = first + experiment.epochs, {"squared_error": 0.5}
    frame, clean = {"reconstruction": np.zeros((2, 8, 8), np.uint8)}, {"clean": np.zeros((2, 8, 8), np.uint8)}
    return (
        Started(experiment.id, first, last, 9, "cpu", 5, 5, ("squared_error",), (), (), "source", "licence", clean),
        Progress(float(last), 0.5, terms, terms, terms, terms, MEASURES, frame),
        Finished(last, 0.5, {"squared_error": 0.4}),
    )  # fmt: skip


def train(store: Store, experiment: Experiment) -> str:
    store.enter(experiment)
    first, second = state(experiment, events(experiment)[-1].epoch)
    store.write(experiment, events(experiment), "finished", weights=first, optimizer=second, metrics={"squared_error": 0.4})
    return experiment.id


@pytest.fixture
def here(tmp_path):
    store = Store(tmp_path / "here", shipped=None)
    yield store
    store.close()


@pytest.fixture
def there(tmp_path):
    store = Store(tmp_path / "there", shipped=None)
    yield store
    store.close()


@pytest.fixture
def made(here) -> bytes:
    return bundle.packed(here, [(train(here, FIRST), None)])


def changed(data: bytes, change, rehash: bool = True) -> bytes:
    """The bundle with its files changed by `change(files)`; with `rehash` the manifest's hashes follow."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    if rehash and "manifest.json" in files:
        manifest = json.loads(files["manifest.json"])
        rest = {name: one for name, one in files.items() if name != "manifest.json"}
        manifest["files"] = {name: {"sha256": sha256(one).hexdigest(), "bytes": len(one)} for name, one in rest.items()}
        files["manifest.json"] = json.dumps(manifest).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, one in files.items():
            archive.writestr(name, one)
    return out.getvalue()


def said(data: bytes) -> str:
    with pytest.raises(Refused) as error:
        bundle.opened(data)
    return error.value.problem.key


def of_run(name: str) -> str:
    return f"runs/{FIRST.id}/{name}"


def with_manifest(**values):
    def change(files):
        files["manifest.json"] = json.dumps(json.loads(files["manifest.json"]) | values).encode()

    return change


# ---- what arrives ----


def test_a_run_arrives_whole_in_another_installation(here, there, made):
    found = bundle.opened(made)
    assert bundle.keep(there, found) == (FIRST.id,) and there.kept(FIRST.id).state == "finished"
    before, after = here.read(FIRST.id), there.read(FIRST.id)
    assert after.experiment == before.experiment and dict(after.metrics) == dict(before.metrics)
    assert [event.kind for event in after.events] == [event.kind for event in before.events]
    assert np.array_equal(after.events[1].frame["reconstruction"], before.events[1].frame["reconstruction"])
    assert there.state(FIRST.id) == here.state(FIRST.id)
    assert bundle.brought(there, FIRST.id) and not bundle.brought(here, FIRST.id)


def test_a_continuation_brings_the_runs_and_the_state_that_it_continues(here, there):
    train(here, FIRST)
    middle = FIRST.changed(continues=(FIRST.id, 1), learning_rate=0.01)
    here.keep_state(FIRST.id, *state(FIRST, 1), 1)
    train(here, middle)
    last = middle.changed(continues=(middle.id, 3), epochs=1)
    train(here, last)
    data = bundle.packed(here, [(FIRST.id, 1), (middle.id, 3), (last.id, None)])
    found = bundle.opened(data)
    assert bundle.keep(there, found) == (FIRST.id, middle.id, last.id) and found.run_id == last.id
    assert there.state(FIRST.id, 1) == here.state(FIRST.id, 1)


def test_a_run_that_is_here_already_stays_as_it_is(here, made):
    assert bundle.keep(here, bundle.opened(made)) == () and not bundle.brought(here, FIRST.id)


def test_opening_the_same_bundle_twice_changes_nothing(there, made):
    found = bundle.opened(made)
    assert bundle.keep(there, found) == (FIRST.id,) and bundle.keep(there, found) == ()


def test_a_run_that_is_being_trained_here_is_not_replaced(there, made):
    there.enter(FIRST)
    with pytest.raises(Refused) as error:
        bundle.keep(there, bundle.opened(made))
    assert error.value.problem.key == "problem.bundle_running"


def test_every_shipped_run_can_be_taken_along(tmp_path):
    store = Store(tmp_path / "runs")
    shipped = [kept.run_id for kept in store.runs() if kept.shipped]
    assert len(shipped) >= 6
    for run_id in shipped:
        assert bundle.opened(bundle.packed(store, [(run_id, None)])).run_id == run_id
    store.close()


@pytest.mark.parametrize("name", catalog.VARIANTS)
def test_the_shapes_that_weights_must_have_are_those_of_the_network(name):
    for experiment in (preset("digits", name), preset("spirals", name)):
        assert bundle.shapes(experiment) == networks.expected_shapes(experiment)


@pytest.mark.parametrize("fields", [{"network": "conv", "hidden": (4, 8)}, {"tied": True, "hidden": (32,)}])
def test_so_are_those_of_convolutions_and_tied_weights(fields):
    experiment = preset("digits", "undercomplete", **fields)
    assert bundle.shapes(experiment) == networks.expected_shapes(experiment)


def test_what_was_checked_by_the_other_process_arrives_file_by_file_as_it_was(here, there):
    train(here, FIRST)
    here.keep_state(FIRST.id, *state(FIRST, 1), 1)
    last = FIRST.changed(continues=(FIRST.id, 1))
    train(here, last)
    found = bundle.checked(bundle.packed(here, [(FIRST.id, 1), (last.id, None)]))
    assert bundle.keep(there, found) == (FIRST.id, last.id) and bundle.brought(there, FIRST.id)
    for run_id in (FIRST.id, last.id):
        assert (there.kept(run_id).state, there.kept(run_id).count, there.kept(run_id).seconds) == ("finished", 3, 0.5)
        for file in here.storage.names(run_id):
            assert there.storage.read(file.name) == here.storage.read(file.name)


def test_a_run_that_does_not_get_here_whole_is_interrupted_and_not_queued_for_ever(there, made, monkeypatch):
    found, write = bundle.opened(made), there.storage.write

    def full(name, data, **options):
        if name.endswith("frames.npz"):
            raise OSError(errno.ENOSPC, "no space")
        write(name, data, **options)

    monkeypatch.setattr(there.storage, "write", full)
    with pytest.raises(StoreUnavailable):
        bundle.keep(there, found)
    assert there.kept(FIRST.id).state == "interrupted" and bundle.brought(there, FIRST.id)
    monkeypatch.undo()
    assert bundle.keep(there, found) == (FIRST.id,) and there.read(FIRST.id).state == "finished"


def test_a_run_that_is_trained_here_after_all_is_no_longer_one_that_was_brought(there, made):
    bundle.keep(there, bundle.opened(made))
    there.mark(FIRST.id, "stopped")
    train(there, FIRST)
    assert not bundle.brought(there, FIRST.id)


# ---- what is refused ----


def test_changed_weights_are_named_as_changed(made):
    def change(files):
        data = bytearray(files[of_run("weights.safetensors")])
        data[-1] ^= 1
        files[of_run("weights.safetensors")] = bytes(data)

    assert said(changed(made, change, rehash=False)) == "problem.bundle_weights"


@pytest.mark.parametrize("name", ["experiment.json", "events.jsonl", "frames.npz", "metrics.json"])
def test_any_other_changed_file_is_named(made, name):
    def change(files):
        files[of_run(name)] += b" "

    assert said(changed(made, change, rehash=False)) == "problem.bundle_changed"


@pytest.mark.parametrize("name", ["experiment.json", "events.jsonl", "frames.npz", "metrics.json", "weights.safetensors"])
def test_a_missing_file_is_named(made, name):
    assert said(changed(made, lambda files: files.pop(of_run(name)), rehash=False)) == "problem.bundle_missing"
    assert said(changed(made, lambda files: files.pop(of_run(name)))) == "problem.bundle_missing"


def test_a_bundle_of_a_newer_version_says_so(made):
    assert said(changed(made, with_manifest(version=2))) == "problem.bundle_newer"
    assert said(changed(made, with_manifest(version=10**30, runs="?"))) == "problem.bundle_newer"


def test_settings_of_a_newer_version_say_so(made):
    def change(files):
        files[of_run("experiment.json")] = files[of_run("experiment.json")].replace(b'"version":1', b'"version":2')

    assert said(changed(made, change)) == "problem.newer_version"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"hoyer": 0.2, ', b""),
        (b'"hoyer": 0.2', b'"hoyer": "<b>"'),
        (b'"kind": "started"', b'"kind": "stopped"'),
        (b'"squared_error": 0.5', b'"squared_error": [1]'),
    ],
)
def test_a_history_that_the_loop_would_not_have_written_is_refused(made, before, after):
    def change(files):
        assert before in files[of_run("events.jsonl")]
        files[of_run("events.jsonl")] = files[of_run("events.jsonl")].replace(before, after)

    assert said(changed(made, change)) == "problem.bundle_damaged"


def test_a_run_whose_settings_were_exchanged_is_not_that_run(made):
    def change(files):
        files[of_run("experiment.json")] = FIRST.changed(seed=5).as_json().encode()

    assert said(changed(made, change)) == "problem.bundle_changed"


@pytest.mark.parametrize(
    ("spoil", "key"), [(float("nan"), "problem.weights_not_finite"), (float("inf"), "problem.weights_not_finite")]
)
def test_weights_that_are_no_numbers_are_refused(made, spoil, key):
    def change(files):
        files[of_run("weights.safetensors")] = state(FIRST, 2, spoil)[0]

    assert said(changed(made, change)) == key


def test_weights_of_another_shape_or_run_are_refused(made):
    other = FIRST.changed(code_size=5)
    random = np.zeros(3, np.float32)

    def shape(files):
        arrays = {name: np.zeros(one, np.float32) for name, one in bundle.shapes(other).items()}
        files[of_run("weights.safetensors")] = weights.to_bytes(arrays, run_id=FIRST.id, epoch=2)[0]

    def run(files):
        files[of_run("weights.safetensors")] = state(other, 2)[0]

    def strange(files):
        files[of_run("weights.safetensors")] = weights.to_bytes({"a": random}, run_id=FIRST.id, epoch=2)[0]

    assert said(changed(made, shape)) == "problem.weights_shape"
    assert said(changed(made, run)) == "problem.weights_other_run"
    assert said(changed(made, strange)) == "problem.weights_missing"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("../etc/passwd", "problem.zip_path"),
        ("/etc/passwd", "problem.zip_path"),
        ("C:/x", "problem.zip_path"),
        ("runs/more.zip", "problem.zip_nested"),
        ("evil.pkl", "problem.bundle_strange"),
        (f"runs/{'0' * 32}/weights.pt", "problem.bundle_strange"),
        (f"runs/{FIRST.id}/a/experiment.json", "problem.bundle_strange"),
    ],
)
def test_a_name_that_does_not_belong_is_refused(made, name, key):
    assert said(changed(made, lambda files: files.update({name: b"x"}))) == key


def test_a_run_that_the_manifest_does_not_name_is_refused(made):
    def change(files):
        files.update({name.replace(FIRST.id, "0" * 32): one for name, one in files.items() if name.startswith("runs/")})

    assert said(changed(made, change)) == "problem.bundle_chain"


def test_a_continuation_without_the_run_before_it_is_refused(here):
    train(here, FIRST)
    later = FIRST.changed(continues=(FIRST.id, 2))
    train(here, later)
    whole = bundle.packed(here, [(FIRST.id, 2), (later.id, None)])

    def alone(files):
        for name in [name for name in files if FIRST.id in name]:
            del files[name]
        with_manifest(runs=[later.id])(files)

    assert said(changed(whole, alone)) == "problem.bundle_chain"
    assert said(changed(whole, with_manifest(runs=[later.id, FIRST.id]))) == "problem.bundle_chain"
    middle = FIRST.changed(continues=(FIRST.id, 1))
    train(here, middle)
    without_state = bundle.packed(here, [(FIRST.id, None), (middle.id, None)])
    assert said(without_state) == "problem.bundle_chain"


def test_bombs_are_left_before_they_are_unpacked(made):
    long = bytes(bundle.UNPACKED + 1)
    assert said(changed(made, lambda files: files.update({of_run("events.jsonl"): long}))) == "problem.bundle_bomb"
    zeros = io.BytesIO()
    with zipfile.ZipFile(zeros, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.clean.npy", bytes(bundle.PICTURES + 1))
    assert said(changed(made, lambda files: files.update({of_run("frames.npz"): zeros.getvalue()}))) == "problem.bundle_bomb"
    large = bytes(bundle.FILE + 1)
    assert said(changed(made, lambda files: files.update({of_run("weights.safetensors"): large}))) == "problem.bundle_bomb"
    lines = b"{}\n" * (bundle.EVENTS // 3 + 1)
    assert said(changed(made, lambda files: files.update({of_run("events.jsonl"): lines}))) == "problem.bundle_bomb"


def test_the_frames_of_all_runs_together_are_bounded(here, monkeypatch):
    train(here, FIRST)
    second = FIRST.model_copy(update={"continues": (FIRST.id, 2)})
    train(here, second)
    data = bundle.packed(here, [(FIRST.id, None), (second.id, None)])
    one = bundle._frames_size("", here.folder(FIRST.id).read("frames.npz"))
    monkeypatch.setattr(bundle, "PICTURES", 2 * one)
    assert bundle.opened(data).run_id == second.id
    monkeypatch.setattr(bundle, "PICTURES", 2 * one - 1)
    assert said(data) == "problem.bundle_bomb"


def test_a_strangers_bundle_is_read_by_a_process_with_limits_first(made, monkeypatch):
    assert bundle.checked(made).run_id == FIRST.id
    with pytest.raises(Refused) as error:
        bundle.checked(changed(made, lambda files: files.pop(of_run("metrics.json"))))
    assert error.value.problem.key == "problem.bundle_missing" and "metrics.json" in error.value.problem.numbers["file"]

    def too_slow(*asked):
        raise Refused("problem.zip_slow", seconds=1)

    monkeypatch.setattr(bundle.limited, "ask", too_slow)
    monkeypatch.setattr(bundle, "opened", lambda data: pytest.fail("read here all the same"))
    with pytest.raises(Refused) as error:
        bundle.checked(made)
    assert error.value.problem.key == "problem.bundle_slow"


def test_too_large_a_file_is_refused_unread():
    assert said(bytes(bundle.LIMIT + 1)) == "problem.bundle_large"


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"", "problem.not_a_zip"),
        (b"hello", "problem.not_a_zip"),
        (b"PK\x03\x04 cut off", "problem.zip_damaged"),
        (b"PK\x05\x06" + bytes(18), "problem.zip_empty"),
        (b"PK\x05\x06" + bytes(6) + b"\xff\xff" + bytes(10), "problem.zip_members"),
    ],
)
def test_what_is_no_bundle_is_told(data, key):
    assert said(data) == key


def test_a_zip_of_something_else_is_no_bundle(made):
    assert said(changed(made, lambda files: files.pop("manifest.json"), rehash=False)) == "problem.bundle_none"
    assert said(changed(made, with_manifest(format="other"))) == "problem.bundle_none"


def test_own_data_do_not_leave_in_a_bundle_nor_come_in_one(here, made):
    own = Experiment(dataset=catalog.own_name(True, 8, 200, 50, 0, "ab" * 16), code_size=4, epochs=2)
    train(here, own)
    with pytest.raises(Refused) as error:
        bundle.packed(here, [(own.id, None)])
    assert error.value.problem.key == "problem.bundle_own"

    def exchange(files):
        for name in [name for name in files if name.startswith("runs/")]:
            files[name.replace(FIRST.id, own.id)] = files.pop(name)
        files[f"runs/{own.id}/experiment.json"] = own.as_json().encode()
        with_manifest(runs=[own.id])(files)

    assert said(changed(made, exchange)) == "problem.bundle_own"


@given(data=st.binary(max_size=400))
def test_any_bytes_are_a_bundle_or_refused(data):
    for one in (data, b"PK\x03\x04" + data, b"PK\x03\x04" + data + b"PK\x05\x06" + data[:18].ljust(18, b"\0")):
        with pytest.raises(Refused):
            bundle.opened(one)


MADE: list[bytes] = []


@given(place=st.floats(0, 1), byte=st.integers(1, 255), cut=st.booleans())
def test_a_bundle_with_any_byte_changed_is_as_it_was_or_refused(tmp_path_factory, place, byte, cut):
    if not MADE:
        store = Store(tmp_path_factory.mktemp("bundle") / "runs", shipped=None)
        MADE.append(bundle.packed(store, [(train(store, FIRST), None)]))
        store.close()
    at = int(place * (len(MADE[0]) - 1))
    spoiled = MADE[0][:at] if cut else MADE[0][:at] + bytes([MADE[0][at] ^ byte]) + MADE[0][at + 1 :]
    try:
        found = bundle.opened(spoiled)
    except Refused:
        return
    before = bundle.opened(MADE[0])
    assert [dict(one.files) for one in found.members] == [dict(one.files) for one in before.members]


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    PLAIN, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=9), one, max_size=3), max_leaves=8
)


@given(values=st.dictionaries(st.sampled_from(["format", "version", "runs", "files", "made", "software"]), JSON))
def test_any_manifest_is_read_or_refused(tmp_path_factory, values):
    if not MADE:
        store = Store(tmp_path_factory.mktemp("bundle") / "runs", shipped=None)
        MADE.append(bundle.packed(store, [(train(store, FIRST), None)]))
        store.close()
    try:
        found = bundle.opened(changed(MADE[0], with_manifest(**values), rehash="files" not in values))
    except Refused:
        return
    assert found.run_id == FIRST.id
