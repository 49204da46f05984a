"""MIG, DCI and SAP on codes whose answers are known."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from replearn_core.measures import dci, disentanglement, mig, sap

RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(0, levels, 10_000) for levels in (3, 4, 8)], axis=1)
STANDARD = (FACTORS - FACTORS.mean(axis=0)) / FACTORS.std(axis=0)
NEAR = FACTORS + 0.05 * RNG.normal(size=FACTORS.shape)
TWO = STANDARD[:, 1:]
ROTATED = TWO @ np.array([[1, 1], [1, -1]]) / np.sqrt(2)  # by 45°: both units know both factors equally well
CONSTANT = np.ones((10_000, 3))
SMALL = slice(0, 2000)  # forests are slow; the scores do not need more


def test_mutual_information_is_scikit_learns():
    a, b = RNG.integers(0, 5, 500), RNG.integers(0, 3, 500)
    b = np.where(RNG.random(500) < 0.5, a % 3, b)
    assert disentanglement._mutual_information(a, b) == pytest.approx(mutual_info_score(a, b))


def test_bins_are_numpys_histogram_bins():
    unit = RNG.normal(size=1000)
    assert np.bincount(disentanglement._bins(unit, 20), minlength=20).tolist() == np.histogram(unit, 20)[0].tolist()


def test_mig_of_near_perfect_codes_of_factors_with_few_levels_is_above_095():
    assert mig(NEAR, FACTORS) > 0.95
    assert mig(FACTORS, FACTORS) > 0.95


def test_mig_of_rotated_factors_is_below_01():
    assert mig(ROTATED, FACTORS[:, 1:]) < 0.1
    assert mig(TWO, FACTORS[:, 1:]) > 0.95  # the same factors before the rotation


def test_mig_falls_to_about_08_for_perfect_codes_of_many_levels():
    factors = RNG.integers(0, 60, (10_000, 2))
    assert 0.7 < mig(factors, factors) < 0.9


def test_mig_of_constant_codes_is_zero():
    assert mig(CONSTANT, FACTORS) == 0


def test_mig_ignores_units_that_know_nothing_but_not_copies_of_units_that_do():
    noise = RNG.normal(size=(10_000, 4))
    assert mig(np.hstack([NEAR, noise]), FACTORS) > 0.95
    assert mig(np.hstack([NEAR, NEAR]), FACTORS) < 0.01


def test_mig_is_unchanged_by_order_sign_and_scale_of_units():
    value = mig(NEAR, FACTORS)
    assert mig(NEAR[:, [2, 0, 1]], FACTORS) == value
    assert mig(NEAR * [-1, 10, 0.1], FACTORS) == pytest.approx(value, abs=1e-3)  # bin edges may shift in the last digit


def test_factors_may_be_any_numbers_with_few_levels():
    assert mig(NEAR, FACTORS * 0.37 - 5) == mig(NEAR, FACTORS)


def test_dci_of_near_perfect_codes_is_near_one_and_its_importance_is_a_diagonal():
    result = dci(NEAR[SMALL], FACTORS[SMALL])
    assert min(result.disentanglement, result.completeness, result.informativeness) > 0.95
    np.testing.assert_allclose(result.importance, np.eye(3), atol=0.05)
    assert result.learner == "random forest"


def test_dci_of_rotated_factors_keeps_the_information_but_not_the_disentanglement():
    result = dci(ROTATED[SMALL], FACTORS[SMALL, 1:])
    assert result.informativeness > 0.95
    assert max(result.disentanglement, result.completeness) < 0.2


def test_dci_of_constant_codes_is_zero_and_as_informative_as_guessing():
    result = dci(CONSTANT[SMALL], FACTORS[SMALL])
    assert result.disentanglement == result.completeness == 0
    assert result.informativeness == pytest.approx(np.mean([1 / 3, 1 / 4, 1 / 8]), abs=0.05)


def test_dci_of_permuted_units_permutes_the_importance_and_keeps_the_scores():
    order = [2, 0, 1]
    noisy = NEAR[SMALL] + 0.5 * RNG.normal(size=(2000, 3))
    straight, permuted = dci(noisy, FACTORS[SMALL]), dci(noisy[:, order], FACTORS[SMALL])
    np.testing.assert_allclose(permuted.importance, straight.importance[order], atol=0.03)
    assert permuted.disentanglement == pytest.approx(straight.disentanglement, abs=0.03)
    assert permuted.completeness == pytest.approx(straight.completeness, abs=0.03)


def test_disentanglement_and_completeness_tell_split_factors_from_mixed_units():
    split = np.hstack([NEAR[SMALL], NEAR[SMALL] + 0.01 * RNG.normal(size=(2000, 3))])  # two units a factor
    result = dci(split, FACTORS[SMALL])
    assert result.disentanglement > 0.95
    assert result.completeness < result.disentanglement - 0.1


def test_informativeness_is_measured_on_samples_that_the_forest_never_saw():
    noise = RNG.normal(size=(2000, 5))
    assert dci(noise, FACTORS[SMALL]).informativeness < 0.35  # on its own training samples a forest scores 1.0


def test_concentration_is_one_minus_entropy_to_the_base_of_the_length():
    rows = np.array([[1.0, 0, 0], [1, 1, 1], [0, 0, 0], [3, 1, 0]])
    p = np.array([0.75, 0.25])
    last = 1 + (p * np.log(p)).sum() / np.log(3)
    np.testing.assert_allclose(disentanglement._concentration(rows), [1, 0, 0, last], atol=1e-12)


def test_sap_is_high_for_near_perfect_codes_and_low_for_rotated_and_constant_ones():
    assert sap(NEAR, FACTORS) > 0.7
    assert sap(ROTATED, FACTORS[:, 1:]) < 0.05
    assert sap(CONSTANT, FACTORS) == 0


def test_sap_of_perfect_codes_is_one_minus_chance():
    chance = np.mean([1 / 3, 1 / 4, 1 / 8])  # the best balanced accuracy of a unit that knows nothing of the factor
    assert sap(FACTORS, FACTORS) == pytest.approx(1 - chance, abs=0.03)


def test_sap_is_unchanged_by_the_order_of_units():
    assert sap(NEAR[:, [2, 0, 1]], FACTORS) == sap(NEAR, FACTORS)


@pytest.mark.parametrize("measure", [mig, dci, sap])
def test_bad_codes_and_factors_are_refused(measure):
    codes, factors = NEAR[:1000], FACTORS[:1000]
    with pytest.raises(ValueError, match="codes has 1000 and|codes has 1000, factors has 999"):
        measure(codes, factors[:999])
    with pytest.raises(ValueError, match="codes has 50 samples; at least"):
        measure(codes[:50], factors[:50])
    with pytest.raises(ValueError, match="codes has 1 units; at least 2"):
        measure(codes[:, :1], factors)
    with pytest.raises(ValueError, match="factor 1 is 4.0 in every sample"):
        measure(codes, np.stack([factors[:, 0], np.full(1000, 4)], axis=1))
    with pytest.raises(ValueError, match="factor 0 has 1000 levels in 1000 samples"):
        measure(codes, codes)
    with pytest.raises(ValueError, match="factors must have the shape"):
        measure(codes, factors[:, 0])
    with pytest.raises(ValueError, match=r"codes has 1 of 3000 values .* \(5, 1\)"):
        measure(np.where(np.arange(3000).reshape(1000, 3) == 16, np.nan, codes), factors)
