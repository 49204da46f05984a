"""Source and target tasks: one size for all pictures, labelled samples that are fair, and refusals that name the way out."""

import numpy as np
import pytest

from replearn_core import datasets
from replearn_core.comparisons import byteplots, pairs
from replearn_core.tasks import CannotAnswer

EMBEDDED = ("digits", "printed_digits", "letters", "other_letters", "sprites", "byte_plots")


@pytest.mark.parametrize(("old", "new"), [(8, 16), (32, 16), (28, 16), (22, 16), (16, 16)])
def test_a_picture_keeps_its_mean_in_another_size(old, new):
    x = np.random.default_rng(0).random((3, old, old)).astype(np.float32)
    out = pairs.fitted(x, new)
    assert out.shape == (3, new * new) and out.dtype == np.float32
    assert out.mean(axis=1) == pytest.approx(x.mean(axis=(1, 2)), abs=1e-5)


def test_a_picture_of_twice_the_size_is_averaged_over_squares_and_one_of_half_is_doubled():
    x = np.random.default_rng(1).random((2, 32, 32)).astype(np.float32)
    assert pairs.fitted(x).reshape(2, 16, 16) == pytest.approx(x.reshape(2, 16, 2, 16, 2).mean(axis=(2, 4)), abs=1e-6)
    small = x[:, :8, :8]
    assert pairs.fitted(small).reshape(2, 16, 16) == pytest.approx(small.repeat(2, axis=1).repeat(2, axis=2), abs=1e-6)


@pytest.mark.parametrize("name", EMBEDDED)
def test_every_task_has_every_class_in_both_halves_and_no_picture_in_both(name):
    side, about = pairs.side(name, 60), pairs.SIDES[name]
    assert side.x_train.shape[1] == side.x_test.shape[1] == pairs.SIZE
    assert side.x_train.min() >= 0 and side.x_train.max() <= 1.0001
    counts = np.bincount(side.y_train, minlength=len(about.classes))
    assert counts.min() >= 60 and len(counts) == len(about.classes)
    assert set(side.y_test) == set(range(len(about.classes)))
    rows = {row.tobytes() for row in side.x_train}
    assert sum(row.tobytes() in rows for row in side.x_test) <= 0.01 * len(side.x_test)  # after scaling, a few prints look alike


def test_the_two_halves_of_the_letters_share_no_letter():
    assert not set(pairs.SIDES["letters"].classes) & set(pairs.SIDES["other_letters"].classes)
    assert not set(pairs._HALF) & set(pairs._REST) and len(pairs._HALF + pairs._REST) == 10


def test_byte_plots_are_the_same_in_every_process_and_another_stream_gives_others():
    plots, labels = byteplots.render(3, 0)
    assert plots.shape == (24, 16, 16) and plots.dtype == np.uint8
    assert np.array_equal(labels, np.tile(np.arange(8), 3))
    assert np.array_equal(plots, byteplots.render(3, 0)[0]) and not np.array_equal(plots, byteplots.render(3, 1)[0])
    assert {bytes(plot.ravel()[1::2]) == bytes(128) or bytes(plot.ravel()[::2]) == bytes(128) for plot in plots[labels == 1]} == {
        True
    }
    assert all(32 <= byte < 127 or byte == 10 for byte in plots[labels == 0].ravel())


def test_a_draw_has_as_many_of_each_class_and_a_smaller_one_is_part_of_a_larger_one():
    y = np.random.default_rng(0).integers(0, 4, 200)
    small, large = pairs.drawn(y, 4, 3, seed=5), pairs.drawn(y, 4, 10, seed=5)
    assert np.bincount(y[small]).tolist() == [3] * 4 and np.bincount(y[large]).tolist() == [10] * 4
    assert set(small) <= set(large) and len(set(large)) == 40
    assert not np.array_equal(large, pairs.drawn(y, 4, 10, seed=6))


@pytest.mark.parametrize(
    ("y", "per_class", "key", "numbers"),
    [
        ([0, 1], 1, "problem.fewer_than_classes", {"count": 2, "classes": 3}),
        ([0, 0, 2, 2], 1, "problem.class_missing", {"value": 2, "classes": 3}),
        ([0, 0, 1, 1, 2], 2, "problem.few_in_class", {"value": 2, "limit": 1}),
    ],
)
def test_labels_that_cannot_be_drawn_are_refused_with_what_is_there(y, per_class, key, numbers):
    with pytest.raises(CannotAnswer) as refused:
        pairs.drawn(np.array(y), 3, per_class, 0)
    assert (refused.value.problem.key, dict(refused.value.problem.numbers)) == (key, numbers)


def test_a_pair_whose_data_are_not_here_is_told_without_loading_and_never_replaced(monkeypatch, tmp_path):
    monkeypatch.setenv("REPLEARN_DATA", str(tmp_path))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    assert pairs.missing("mnist_kmnist") == ("mnist", "kmnist")
    problem = pairs.problem("clothes_bytes", 1)
    assert problem.key == "problem.dataset_unavailable" and problem.numbers["dataset"] == "fashion_mnist"
    assert all(pairs.missing(name) == () for name in ("letters_letters", "letters_bytes", "digits_printed", "digits_sprites"))
    assert not datasets.available("mnist")
