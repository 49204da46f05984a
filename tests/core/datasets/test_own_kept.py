"""Own data stay with whoever has their name, are trained on like any other set, and leave with all that was made of them."""

import io
import time

import numpy as np
import pytest

from replearn_core import catalog, datasets, presets, storage
from replearn_core.cost import too_costly
from replearn_core.experiment import Experiment, InvalidExperiment
from replearn_core.own import kept, worker
from replearn_core.own.refusal import Refused
from replearn_core.training import train


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_STORE", str(tmp_path))
    return storage.shared()


def npz(count=120, shape=(8, 8), classes=2) -> bytes:
    random, stream = np.random.default_rng(0), io.BytesIO()
    named = {"x": random.random((count, *shape))} | ({"y": np.arange(count) % classes} if classes else {})
    np.savez(stream, **named)
    return stream.getvalue()


def brought(**own) -> str:
    return kept.keep(*worker.read(npz(**own)))


def test_what_was_kept_is_loaded_under_its_name():
    facts, packed = worker.read(npz())
    name = kept.keep(facts, packed)
    data = datasets.load(name)
    assert (
        data.x_train.shape == (96, 8, 8)
        and data.x_train.dtype == np.float32
        and 0 <= data.x_train.min() <= data.x_train.max() <= 1
    )
    assert data.class_names == ("0", "1") and data.y_test is not None and data.y_test.dtype == np.int64
    assert datasets.load(name, 16, compact=True).x_train.dtype == np.uint8
    assert datasets.origin(name) == "own" and datasets.available(name)


def test_equal_uploads_are_two_data_sets_under_names_that_nobody_guesses():
    facts, packed = worker.read(npz())
    one, other = kept.keep(facts, packed), kept.keep(facts, packed)
    assert one != other and one[:-32] == other[:-32] and len(one.rsplit("-", 1)[1]) == 32
    assert one not in datasets.names() and one not in catalog.DATASETS


def test_a_name_says_what_must_be_known_before_anything_is_read():
    entry = catalog.dataset(brought(count=120, shape=(5,), classes=3))
    assert (entry.kind, entry.shape, entry.train_size, entry.test_size, entry.classes) == ("points", (5,), 96, 24, 3)


@pytest.mark.parametrize(
    "name",
    [
        "own-", "own-i28-4000-1000-10-xyz", "own-i27-4000-1000-10-" + "0" * 32, "own-i28-4000-1000-1-" + "0" * 32,
        "own-i28-04000-1000-10-" + "0" * 32, "own-i28-99999-1000-10-" + "0" * 32, "own-i28-4000-0-10-" + "0" * 32,
        "own-v999-4000-10-0-" + "0" * 32, "own-i28-4000-1000-10-" + "A" * 32, "own-i28-4000-1000-10-" + "0" * 31 + "/",
        "own-i28-4000-1000-10-" + "0" * 32 + "/../x", "own-i28-٤000-1000-10-" + "0" * 32,
    ],
)  # fmt: skip
def test_a_name_that_can_be_none_is_refused_and_opens_nothing(name):
    with pytest.raises(InvalidExperiment):
        Experiment.from_values({"dataset": name})
    assert Experiment.from_query({"dataset": name})[1]
    assert datasets.origin(name) == "left" and kept.content(name) is None
    with pytest.raises(datasets.Unavailable) as caught:
        datasets.load(name)
    assert caught.value.reason == "left"


def test_a_link_to_an_experiment_on_own_data_gives_it_back():
    experiment = presets.preset(brought(), "sparse", seed=3)
    assert Experiment.from_query(experiment.to_query()) == (experiment, ())
    assert Experiment.from_json(experiment.as_json()) == experiment


@pytest.mark.parametrize("variant", catalog.VARIANTS)
@pytest.mark.parametrize("own", [{"shape": (8, 8)}, {"shape": (6,)}, {"shape": (2,)}, {"shape": (28, 28), "classes": 0}])
def test_every_variant_has_sizes_that_suit_and_cost_little(variant, own):
    experiment = presets.preset(brought(**own), variant)
    assert too_costly(experiment) is None and experiment.epochs >= 8


@pytest.mark.parametrize(
    "own", [{"count": 100}, {"shape": (6,), "classes": 20}, {"shape": (3,), "classes": 0}, {"shape": (28, 28)}]
)
def test_the_smallest_sets_are_trained_on_to_the_end(own):
    name = brought(**own)
    last = list(train(presets.preset(name, "undercomplete").changed(epochs=2), datasets.load(name, compact=True)))[-1]
    assert last.kind == "finished" and np.isfinite(list(last.metrics.values())).all()


# ---- leaving ----


def test_nobody_there_for_a_while_means_gone_and_somebody_there_means_not():
    name, now = brought(), time.time()
    assert not kept.gone(name, now + kept.GONE - 60)
    assert kept.gone(name, now + kept.GONE + 60)
    kept.beat(name, now + kept.GONE)
    assert not kept.gone(name, now + 2 * kept.GONE - 60)
    kept.beat(name, now + kept.LONGEST)
    assert kept.gone(name, now + kept.LONGEST + 60), "whoever still looks"


def test_leaving_takes_the_data_and_all_that_was_made_of_them(place):
    name, asked = brought(), []
    for job in ("a" * 32, "b" * 32):
        kept.trace(name, job)
    kept.trace("digits", "c" * 32)
    assert kept.leave(name, lambda job: asked.append(job) or True)
    assert sorted(asked) == ["a" * 32, "b" * 32]
    assert not kept.there(name) and kept.names() == () and not place.folders("own")


def test_what_still_ends_is_asked_for_again_and_the_data_are_gone_meanwhile():
    name, ended = brought(), []
    kept.trace(name, "a" * 32)
    assert not kept.leave(name, lambda job: False)
    assert not kept.there(name) and kept.gone(name) and kept.names() == (name,)
    assert kept.leave(name, lambda job: ended.append(job) or True) and ended == ["a" * 32]
    assert kept.names() == ()


def test_a_damaged_file_is_said_to_be_damaged(place):
    name = brought()
    place.write(f"own/{name}/data.npz", b"PK")
    with pytest.raises(datasets.Unavailable) as caught:
        datasets.load(name)
    assert caught.value.reason == "damaged"


def test_another_set_under_a_forged_name_is_not_taken(place):
    name = brought()
    forged = name.replace("-96-24-", "-95-25-")
    place.write(f"own/{forged}/data.npz", kept.content(name))
    with pytest.raises(datasets.Unavailable, match="damaged"):
        datasets.load(forged)


def test_the_server_takes_so_many_and_no_more(monkeypatch):
    monkeypatch.setattr(kept, "MOST_SETS", 2)
    brought(), brought()
    with pytest.raises(Refused, match="own_server_full"):
        brought()


def test_a_place_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REPLEARN_STORE", str(tmp_path / "file"))
    with pytest.raises(Refused, match="own_not_kept"):
        brought()
