"""Linear probes: what they may see, what they must find, and silence."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from replearn_core.measures import few_label_probe, linear_probe

RNG = np.random.default_rng(0)
LABELS, TEST_LABELS = np.repeat(np.arange(3), 40), np.repeat(np.arange(3), 30)
CENTRES = 2 * RNG.normal(size=(3, 5))
TRAIN = CENTRES[LABELS] + RNG.normal(size=(120, 5))
TEST = CENTRES[TEST_LABELS] + RNG.normal(size=(90, 5))


def test_the_probe_is_logistic_regression_after_a_scaler_fitted_on_the_training_codes():
    oracle = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(TRAIN, LABELS)
    assert linear_probe(TRAIN, LABELS, TEST, TEST_LABELS) == oracle.score(TEST, TEST_LABELS)


def test_codes_may_be_taken_as_they_are():
    oracle = LogisticRegression(max_iter=1000).fit(TRAIN * 0.01, LABELS)
    plain = linear_probe(TRAIN * 0.01, LABELS, TEST * 0.01, TEST_LABELS, standardise=False)
    assert plain == oracle.score(TEST * 0.01, TEST_LABELS)
    assert plain != linear_probe(TRAIN * 0.01, LABELS, TEST * 0.01, TEST_LABELS)
    few = few_label_probe(TRAIN * 0.01, LABELS, TEST * 0.01, TEST_LABELS, 40, [0], standardise=False)
    assert few[0] == pytest.approx(plain, abs=0.012)


@pytest.mark.parametrize("label", [0, 1, 2])
def test_a_test_set_of_one_class_is_recognised_since_its_own_statistics_are_never_used(label):
    centres = 10 * np.eye(3)
    train, test = centres[LABELS] + RNG.normal(size=(120, 3)), centres[label] + RNG.normal(size=(30, 3))
    labels = np.full(30, label)
    assert linear_probe(train, LABELS, test, labels) == 1  # a scaler fitted on these 30 would centre them between the classes
    assert few_label_probe(train, LABELS, test, labels, 5, [0]) == 1


def test_units_of_any_scale_count_alike():
    scaled = np.array([1e-6, 1, 1e6, 1, 1])
    assert linear_probe(TRAIN * scaled, LABELS, TEST * scaled, TEST_LABELS) == linear_probe(TRAIN, LABELS, TEST, TEST_LABELS)


def test_labels_shuffled_among_samples_are_not_found():
    shuffled = RNG.permutation(LABELS)
    assert linear_probe(TRAIN, shuffled, TEST, RNG.permutation(TEST_LABELS)) < 0.55


@pytest.mark.parametrize("codes", ["separable", "constant", "collinear", "huge"])
def test_hard_codes_raise_no_warning(codes):
    train = {
        "separable": np.eye(3)[LABELS] * 1e3,
        "constant": np.full((120, 4), 0.1),
        "collinear": np.repeat(TRAIN[:, :1], 50, axis=1),
        "huge": TRAIN * 1e30,
    }[codes]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        accuracy = linear_probe(train, LABELS, train, LABELS)
    assert accuracy == pytest.approx(1 / 3) if codes == "constant" else accuracy > 0.5


def test_few_labels_give_one_accuracy_a_seed_and_equal_seeds_equal_draws():
    accuracies = few_label_probe(TRAIN, LABELS, TEST, TEST_LABELS, 2, [0, 1, 2, 0])
    assert accuracies.shape == (4,)
    assert accuracies[0] == accuracies[3]
    assert len(set(accuracies[:3])) > 1


def test_only_the_drawn_labels_are_used():
    drawn = few_label_probe(TRAIN, LABELS, TEST, TEST_LABELS, 40, [0, 1])
    assert np.ptp(drawn) == 0  # all samples of every class: any draw is the whole set
    assert drawn[0] == pytest.approx(linear_probe(TRAIN, LABELS, TEST, TEST_LABELS), abs=0.012)  # one sample of 90, by order
    few = few_label_probe(TRAIN, LABELS, TEST, TEST_LABELS, 1, range(20))
    assert few.mean() < drawn[0] - 0.05


def test_labels_may_be_words():
    words = np.array(["cat", "dog", "owl"])
    assert linear_probe(TRAIN, words[LABELS], TEST, words[TEST_LABELS]) == linear_probe(TRAIN, LABELS, TEST, TEST_LABELS)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="train_codes has 120, train_labels has 119"):
        linear_probe(TRAIN, LABELS[:-1], TEST, TEST_LABELS)
    with pytest.raises(ValueError, match="5 units but test_codes 4"):
        linear_probe(TRAIN, LABELS, TEST[:, :4], TEST_LABELS)
    with pytest.raises(ValueError, match="one class only"):
        linear_probe(TRAIN, LABELS * 0, TEST, TEST_LABELS)
    with pytest.raises(ValueError, match="test_labels has 90 fractional values"):
        linear_probe(TRAIN, LABELS, TEST, TEST_LABELS + 0.5)
    with pytest.raises(ValueError, match="class 0 has 40 training samples; per_class asks for 41"):
        few_label_probe(TRAIN, LABELS, TEST, TEST_LABELS, 41, [0])
    with pytest.raises(ValueError, match="per_class must be at least 1"):
        few_label_probe(TRAIN, LABELS, TEST, TEST_LABELS, 0, [0])
    with pytest.raises(ValueError, match="test_codes has 1 of 450"):
        linear_probe(TRAIN, LABELS, np.where(np.arange(450).reshape(90, 5) == 7, np.inf, TEST), TEST_LABELS)
