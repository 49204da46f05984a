"""What every data set promises, whichever it is: shapes, range, frozen arrays, order, determinism, disjoint halves."""

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import replearn_core.datasets as datasets
from replearn_core.datasets import library, real

ROOT = Path(__file__).resolve().parents[3]
REAL = tuple(real.SETS)
OWN = tuple(name for name in datasets.names() if name not in REAL)


@pytest.fixture(params=datasets.names(), scope="module")  # so that pytest takes one set after the other
def loaded(request):
    if request.param in REAL and not os.environ.get("REPLEARN_DATA"):
        pytest.skip("REPLEARN_DATA names no folder of real data")
    return datasets.load(request.param)


def digest(dataset) -> str:
    arrays = (dataset.x_train, dataset.x_test, dataset.y_train, dataset.y_test, dataset.factors_train, dataset.factors_test)
    hashed = hashlib.sha256()
    for array in arrays:
        hashed.update(b"" if array is None else np.ascontiguousarray(array))
    return hashed.hexdigest()


def forget():
    library._raws.clear()
    library._alive.clear()


def images(array) -> set[bytes]:
    return {row.tobytes() for row in np.ascontiguousarray(array)}


def test_every_value_lies_in_the_unit_range_as_float32(loaded):
    for x in (loaded.x_train, loaded.x_test):
        assert x.dtype == np.float32 and x.shape[1:] == loaded.shape
        assert np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1
        assert x.std() > 0.05


def test_labels_are_class_indices_and_every_class_occurs_in_both_halves(loaded):
    if loaded.y_train is None:
        assert loaded.y_test is None and loaded.class_names == ()
        return
    for y, x in ((loaded.y_train, loaded.x_train), (loaded.y_test, loaded.x_test)):
        assert y.dtype == np.int64 and y.shape == (len(x),)
        assert set(y) == set(range(len(loaded.class_names)))


def test_factors_have_a_name_for_each_column_and_a_row_for_each_example(loaded):
    if loaded.factors_train is None:
        assert loaded.factors_test is None and loaded.factor_names == ()
        return
    for factors, x in ((loaded.factors_train, loaded.x_train), (loaded.factors_test, loaded.x_test)):
        assert factors.shape == (len(x), len(loaded.factor_names))
        assert factors.dtype == (np.int64 if len(loaded.shape) == 2 else np.float32)


def test_arrays_cannot_be_written(loaded):
    for array in (loaded.x_train, loaded.x_test, loaded.y_train, loaded.y_test, loaded.factors_train, loaded.factors_test):
        if array is not None:
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0


def test_training_and_test_halves_share_no_example(loaded):
    assert not images(loaded.x_train) & images(loaded.x_test)


def test_source_and_licence_are_stated(loaded):
    assert len(loaded.source) > 10 and len(loaded.licence) > 2


def test_a_beginning_holds_every_class_in_its_share(loaded):
    if loaded.y_train is None:
        pytest.skip("no classes")
    count = len(loaded.x_train) // 3
    shares = np.bincount(loaded.y_train) / len(loaded.y_train)
    found = np.bincount(loaded.y_train[:count], minlength=len(shares))
    assert np.abs(found - shares * count).max() <= 1 + 1e-6


def test_fewer_training_rows_are_the_first_ones_of_the_whole(loaded):
    few = datasets.load(loaded.name, 100)
    assert len(few.x_train) == 100
    assert np.array_equal(few.x_train, loaded.x_train[:100]) and np.array_equal(few.x_test, loaded.x_test)
    if few.y_train is not None:
        assert np.array_equal(few.y_train, loaded.y_train[:100])
    if few.factors_train is not None:
        assert np.array_equal(few.factors_train, loaded.factors_train[:100])


@pytest.mark.parametrize("name", OWN)
def test_reading_again_gives_equal_arrays(name):
    before = digest(datasets.load(name))
    forget()
    assert digest(datasets.load(name)) == before


def test_another_process_gives_equal_arrays():
    code = (
        "import sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "import test_dataset_contract as t\n"
        "print(' '.join(t.digest(t.datasets.load(name)) for name in t.OWN))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", code, str(ROOT), str(Path(__file__).parent)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == [digest(datasets.load(name)) for name in OWN], done.stderr


def test_a_set_that_is_still_held_is_shared_and_not_copied():
    first = datasets.load("moons", 50)
    assert datasets.load("moons", 50) is first


def test_memory_of_sets_read_before_stays_bounded(monkeypatch):
    forget()
    monkeypatch.setattr(library, "REMEMBERED", 200_000)
    for name in ("spirals", "digits", "s_curve", "swiss_roll"):
        datasets.load(name)
        assert len(library._raws) == 1 or sum(raw.bytes for raw in library._raws.values()) <= 200_000
    assert ("swiss_roll",) in library._raws and ("spirals",) not in library._raws


def test_more_rows_than_there_are_gives_all_of_them():
    assert len(datasets.load("moons", 10**9).x_train) == len(datasets.load("moons").x_train)


@pytest.mark.parametrize("size", [0, -1])
def test_a_training_size_below_one_is_refused(size):
    with pytest.raises(ValueError, match=str(size)):
        datasets.load("moons", size)


@pytest.mark.parametrize("name", ["", "nope", "../mnist", "MNIST"])
def test_an_unknown_name_is_unavailable_and_says_so(name):
    assert not datasets.available(name) and datasets.origin(name) == "unknown"
    with pytest.raises(datasets.Unavailable) as caught:
        datasets.load(name)
    assert (caught.value.dataset, caught.value.reason, caught.value.files) == (name, "unknown", ())


def test_every_own_set_is_available_and_no_name_comes_twice():
    assert all(datasets.available(name) for name in OWN)
    assert len(set(datasets.names())) == len(datasets.names()) == 12


def test_a_refusal_survives_the_way_between_processes():
    error = datasets.Unavailable("mnist", "damaged", ["a", "b"])
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.key, copy.dataset, copy.reason, copy.files) == ("dataset.unavailable", "mnist", "damaged", ("a", "b"))


def test_importing_and_asking_loads_nothing_heavy():
    code = (
        "import sys, replearn_core.datasets as d\n"
        "[d.available(n) for n in d.names()]\n"
        "print({'torch', 'sklearn', 'PIL', 'streamlit', 'plotly', 'scipy', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr
