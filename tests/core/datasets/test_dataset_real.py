"""The real sets: read from a folder, refused with file names, or fetched by a child process with a stand-in for OpenML."""

import gzip
import os
import struct
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import replearn_core.datasets as datasets
from replearn_core.datasets import download, library, real

needs_data = pytest.mark.skipif(not os.environ.get("REPLEARN_DATA"), reason="REPLEARN_DATA names no folder of real data")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Two empty folders in the place of the real data and of scikit-learn's, and no memory of earlier loads."""
    data, home = tmp_path / "data", tmp_path / "home"
    data.mkdir(), home.mkdir()
    monkeypatch.setenv("REPLEARN_DATA", str(data))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(home))
    library._raws.clear()
    return data, home


def write_idx(file, array):
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    file.write_bytes(gzip.compress(head + array.tobytes()))


def write_mnist(data, name="mnist", count=50):
    folder = data / name
    folder.mkdir()
    random = np.random.default_rng(0)
    for images, labels in (real.IDX[:2], real.IDX[2:]):
        write_idx(folder / images, random.integers(0, 256, (count, 28, 28), dtype=np.uint8))
        write_idx(folder / labels, (np.arange(count) % 10).astype(np.uint8))
    return folder


def write_dsprites(data, file, **changes):
    """3 shapes × 1 scale × 8 angles × 4 × 4 places as the authors number them; pixel (0, i) spells the row's number i."""
    folder = data / "dsprites"
    folder.mkdir()
    classes = np.indices((1, 3, 1, 8, 4, 4)).reshape(6, -1).T
    images = np.zeros((len(classes), 64, 64), np.uint8)
    images[:, 0, ::2] = np.arange(len(classes))[:, None] >> np.arange(32) & 1
    arrays = {"imgs": images, "latents_classes": classes, "metadata": np.array({"a": 1}), **changes}
    np.savez_compressed(folder / file, **arrays)
    return classes


@needs_data
@pytest.mark.parametrize(
    ("name", "train", "test"),
    [("mnist", 60_000, 10_000), ("fashion_mnist", 60_000, 10_000), ("kmnist", 7_011, 10_000)],
)
def test_real_sets_have_their_published_sizes_and_labels_that_fit_the_images(name, train, test):
    data = datasets.load(name)
    assert datasets.origin(name) == "folder" and data.x_train.shape == (train, 28, 28) and data.x_test.shape == (test, 28, 28)
    means = np.stack([data.x_train[data.y_train == label].mean(0) for label in range(10)])
    guesses = np.linalg.norm(data.x_test[:2_000, None] - means[None], axis=(2, 3)).argmin(1)
    assert (guesses == data.y_test[:2_000]).mean() > 0.45  # chance is 0.1


@needs_data
def test_dsprites_pairs_turned_by_half_a_turn_stay_on_one_side():
    data = datasets.load("dsprites")
    halves = []
    for factors in (data.factors_train, data.factors_test):
        twins = factors[factors[:, 0] < 2].copy()
        twins[:, 2] %= 5
        halves.append({tuple(row) for row in twins})
    assert not halves[0] & halves[1]
    assert len(data.x_train) + len(data.x_test) == 46_080 and len(data.x_test) == pytest.approx(9_216, abs=8)


@needs_data
def test_dsprites_factors_are_what_the_images_show():
    data = datasets.load("dsprites")
    x, factors = data.x_test, data.factors_test
    across = np.arange(32) + 0.5
    centre_x, centre_y = ((x.sum(axis) @ across) / x.sum((1, 2)) for axis in (1, 2))
    assert np.corrcoef(centre_x, factors[:, 3])[0, 1] > 0.99 and np.corrcoef(centre_y, factors[:, 4])[0, 1] > 0.99
    squares = factors[:, 0] == 0
    assert np.corrcoef(np.sqrt(x.sum((1, 2)))[squares], factors[squares, 1])[0, 1] > 0.99


def test_a_school_may_keep_an_excerpt(folders):
    write_mnist(folders[0])
    data = datasets.load("mnist")
    assert data.x_train.shape == (50, 28, 28) and datasets.available("mnist") and datasets.origin("mnist") == "folder"


@pytest.mark.parametrize("file", real.IDX)
def test_a_damaged_file_is_named(folders, file):
    folder = write_mnist(folders[0])
    (folder / file).write_bytes((folder / file).read_bytes()[:-20])
    with pytest.raises(datasets.Unavailable) as caught:
        datasets.load("mnist")
    assert (caught.value.reason, caught.value.files) == ("damaged", (str(folder / file),))


def test_a_mended_file_is_read_after_a_refusal(folders):
    folder = write_mnist(folders[0])
    good = (folder / real.IDX[0]).read_bytes()
    (folder / real.IDX[0]).write_bytes(b"")
    with pytest.raises(datasets.Unavailable):
        datasets.load("mnist")
    (folder / real.IDX[0]).write_bytes(good)
    assert len(datasets.load("mnist").x_train) == 50


@pytest.mark.parametrize("labels", [np.full(50, 10, np.uint8), np.zeros(49, np.uint8)], ids=["label 10", "one too few"])
def test_labels_that_do_not_fit_are_damage(folders, labels):
    folder = write_mnist(folders[0])
    write_idx(folder / real.IDX[1], labels)
    with pytest.raises(datasets.Unavailable) as caught:
        datasets.load("mnist")
    assert caught.value.reason == "damaged" and caught.value.files == (str(folder / real.IDX[1]),)


def test_a_file_that_cannot_be_opened_is_unreadable(folders, monkeypatch):
    write_mnist(folders[0])

    def refuse(file, most):
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(real.files, "read_idx", refuse)
    with pytest.raises(datasets.Unavailable) as caught:
        datasets.load("mnist")
    assert caught.value.reason == "unreadable" and caught.value.files[0].endswith(real.IDX[0])


def test_the_excerpt_of_kmnist_takes_as_many_labels_as_it_has_images(folders):
    folder = folders[0] / "kmnist"
    folder.mkdir()
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 90, dtype=np.uint8)
    images = random.integers(0, 256, (30, 28, 28), dtype=np.uint8)
    images[:, 0, 0] = labels[:30]
    for file, array in zip(real.KMNIST_EXCERPT, (images, labels, images, labels[:30]), strict=True):
        np.savez_compressed(folder / file, array)
    data = datasets.load("kmnist")
    assert np.array_equal(np.rint(data.x_train[:, 0, 0] * 255), data.y_train) and len(data.y_train) == 30


def test_dsprites_without_a_file_says_which_file_to_put_where(folders):
    assert not datasets.available("dsprites") and datasets.origin("dsprites") == "missing"
    with pytest.raises(datasets.Unavailable) as caught:
        datasets.load("dsprites")
    assert caught.value.reason == "missing" and caught.value.files == datasets.expected_files("dsprites")
    assert caught.value.files[0].startswith(str(folders[0] / "dsprites"))


def test_the_authors_dsprites_file_is_thinned_without_touching_its_pickle(folders):
    classes = write_dsprites(folders[0], real.DSPRITES[0])
    seen = []
    data = datasets.load("dsprites", on_progress=lambda done, total: seen.append((done, total)))
    x = np.concatenate([data.x_train, data.x_test]) * 4
    factors = np.concatenate([data.factors_train, data.factors_test])
    rows = (x[:, 0] @ (1 << np.arange(32))).astype(int)
    expected = classes[rows][:, 1:] // [1, 1, 4, 2, 2]
    assert len(rows) == len(set(rows)) == 3 * 2 * 2 * 2 and np.array_equal(expected, factors)
    assert data.factor_names == ("shape", "scale", "angle", "x", "y") and seen[-1] == (384, 737_280)


@pytest.mark.parametrize(
    "changes",
    [
        {"imgs": np.full((384, 64, 64), 7, np.uint8)},
        {"imgs": np.zeros((383, 64, 64), np.uint8)},
        {"imgs": np.zeros((385, 64, 64), np.uint8)},
        {"imgs": np.zeros((384, 64, 64), np.float32)},
        {"latents_classes": np.zeros((384, 5), int)},
        {"latents_classes": np.array({"a": 1})},
    ],
    ids=["values", "too few images", "too many images", "type", "columns", "pickle"],
)
def test_a_dsprites_file_of_another_make_is_damaged(folders, changes):
    write_dsprites(folders[0], real.DSPRITES[0], **changes)
    with pytest.raises(datasets.Unavailable) as caught:
        datasets.load("dsprites")
    assert caught.value.reason == "damaged" and caught.value.files[0].endswith(real.DSPRITES[0])


def until(condition, seconds=15):
    """Wait for it; fail if it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def gone(pid: int) -> bool:
    """Whether the process has ended; one that waits only to be collected counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


STAND_IN = """
    import time
    import numpy as np

    class Bunch:
        pass

    def fetch_openml(name, version, as_frame, parser):
        import os, pathlib
        folder = pathlib.Path(os.environ["SCIKIT_LEARN_DATA"], "openml", "openml.org")
        folder.mkdir(parents=True)
        (folder / "part").write_bytes(bytes(12345))
        time.sleep(0.6)
        {behaviour}
        bunch = Bunch()
        bunch.data = np.zeros((70000, 784))
        bunch.data[:, 0] = np.arange(70000) % 251
        bunch.target = np.array([str(i % 10) for i in range(70000)], dtype=object)
        return bunch
"""


def stand_in(tmp_path, monkeypatch, behaviour="pass"):
    """A package called sklearn for the child process, in which fetch_openml needs no network."""
    package = tmp_path / "stand_in" / "sklearn" / "datasets"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("")
    (package / "__init__.py").write_text(textwrap.dedent(STAND_IN).format(behaviour=behaviour))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stand_in"))


def test_a_download_is_kept_small_and_needed_once(folders, tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch)
    assert datasets.origin("mnist") == "download" and not datasets.available("mnist")
    seen = []
    data = datasets.load("mnist", on_progress=lambda done, total: seen.append((done, total)))
    assert data.x_train.shape == (60_000, 28, 28) and data.x_test.shape == (10_000, 28, 28)
    assert np.array_equal(np.rint(data.x_test[:, 0, 0] * 255), np.arange(60_000, 70_000) % 251)
    assert np.array_equal(data.y_test, np.arange(60_000, 70_000) % 10)
    assert (12345, None) in seen
    assert datasets.origin("mnist") == "cache" and datasets.available("mnist")
    library._raws.clear()
    stand_in(tmp_path / "second", monkeypatch, "raise SystemExit('no second download')")
    assert np.array_equal(datasets.load("mnist", 10).x_train, data.x_train[:10])


@pytest.mark.parametrize(
    "behaviour",
    ["raise OSError('network is unreachable')", "Bunch.shape = 1; np.zeros = lambda shape: np.ones((3, 784))"],
    ids=["no network", "wrong size"],
)
def test_a_download_that_fails_leaves_nothing_behind_and_says_which_files_would_do(folders, tmp_path, monkeypatch, behaviour):
    stand_in(tmp_path, monkeypatch, behaviour)
    with pytest.raises(datasets.Unavailable) as caught:
        datasets.load("kmnist")
    assert caught.value.reason == "download" and caught.value.files == datasets.expected_files("kmnist")
    assert not download.copy_of("kmnist", folders[1]).exists() and not datasets.available("kmnist")


def test_a_download_stops_when_the_caller_has_had_enough(folders, tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, "open(os.environ['SCIKIT_LEARN_DATA'] + '/late', 'w'); time.sleep(60)")
    children = []
    popen = download.subprocess.Popen
    monkeypatch.setattr(download.subprocess, "Popen", lambda *a, **k: children.append(popen(*a, **k)) or children[-1])

    def enough(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        datasets.load("mnist", on_progress=enough)
    assert children[0].poll() is not None


def test_a_download_ends_when_the_process_that_wanted_it_is_killed(folders, tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, "open(os.environ['SCIKIT_LEARN_DATA'] + '/pid', 'w').write(str(os.getpid())); time.sleep(60)")
    root = str(Path(__file__).resolve().parents[3])
    program = f"import sys; sys.path.insert(0, {root!r}); import replearn_core.datasets as d; d.load('mnist')"
    wanting = subprocess.Popen([sys.executable, "-c", program])
    mark = folders[1] / "pid"
    until(lambda: mark.is_file() and mark.read_text())
    wanting.kill()
    wanting.wait()
    until(lambda: gone(int(mark.read_text())))


def test_the_copy_has_whole_bytes_and_replaces_fetch_openml_only_by_its_arguments(tmp_path, monkeypatch):
    import sklearn.datasets

    called = []

    class Bunch:
        data = np.full((70_000, 784), 3, np.int64)
        target = np.array(["7"] * 70_000, dtype=object)

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", lambda *a, **k: called.append((a, k)) or Bunch)
    download.keep_copy("Fashion-MNIST", tmp_path / "deep" / "copy.npz")
    with np.load(tmp_path / "deep" / "copy.npz") as copy:
        assert copy["x"].dtype == copy["y"].dtype == np.uint8 and copy["x"].shape == (70_000, 28, 28)
        assert (copy["x"] == 3).all() and (copy["y"] == 7).all()
    assert called == [(("Fashion-MNIST",), {"version": 1, "as_frame": False, "parser": "auto"})]


@pytest.mark.parametrize("value", [-1.0, 256.0, 0.5, np.nan])
def test_pixels_that_are_no_bytes_are_refused(value):
    assert download._as_bytes(np.array([0.0, 255.0])) is not None
    assert download._as_bytes(np.array([0.0, value])) is None


def test_a_file_in_scikit_learns_own_cache_counts_as_available(folders):
    folder = folders[1] / "openml" / "openml.org" / "data" / "v1" / "download" / "52667"
    folder.mkdir(parents=True)
    (folder / "mnist_784.arff.gz").write_bytes(b"")
    assert datasets.available("mnist") and not datasets.available("fashion_mnist")
