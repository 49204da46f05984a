"""Hoyer's sparsity, L0 and dead units: known answers and properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from replearn_core.measures import dead_units, hoyer, l0

CODES = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=6), elements=st.floats(-1e6, 1e6))


def test_one_active_unit_is_as_sparse_as_can_be_and_equal_units_not_at_all():
    assert hoyer(np.eye(5) * -3) == pytest.approx(1)
    assert hoyer(np.full((4, 5), 0.7)) == pytest.approx(0, abs=1e-12)


def test_hoyer_is_the_mean_of_the_published_formula():
    codes = np.random.default_rng(0).normal(size=(50, 8))
    root = np.sqrt(8)
    each = [(root - np.abs(h).sum() / np.linalg.norm(h)) / (root - 1) for h in codes]
    assert hoyer(codes) == pytest.approx(np.mean(each))


def test_silent_samples_count_as_zero_so_that_a_collapsed_code_does_not_look_sparse():
    assert hoyer(np.zeros((4, 5))) == 0
    assert hoyer(np.vstack([np.eye(2), np.zeros((2, 2))])) == pytest.approx(0.5)


def test_a_code_of_one_unit_has_no_sparsity():
    assert hoyer(np.ones((3, 1))) == 0


@settings(deadline=None, max_examples=60)
@given(CODES, st.sampled_from([1e-200, 1e-30, 1e30, 1e200]))
def test_hoyer_lies_between_0_and_1_and_does_not_change_with_scale_or_order(codes, scale):
    codes = np.where(np.abs(codes) < 1e-6, 0, codes)
    value = hoyer(codes)
    assert 0 <= value <= 1
    assert hoyer(codes * scale) == pytest.approx(value, abs=1e-9)
    assert hoyer(codes[:, ::-1]) == pytest.approx(value, abs=1e-9)


def test_hoyer_of_float32_codes_survives_squares_that_vanish_or_overflow():
    for size in (1e-30, 1e30):
        codes = np.array([[3 * size, 4 * size]], dtype=np.float32)
        assert hoyer(codes) == pytest.approx((np.sqrt(2) - 7 / 5) / (np.sqrt(2) - 1), abs=1e-5)


def test_measuring_leaves_the_codes_as_they_were():
    codes = np.array([[0.0, 0.0], [1e-30, -2e-30]])
    before = codes.copy()
    hoyer(codes)
    assert np.array_equal(codes, before)


def test_l0_is_the_share_of_units_whose_magnitude_exceeds_the_tolerance():
    codes = np.array([[0.0, -0.5, 0.1], [0.2, 0.0, 0.1]])
    assert l0(codes, 0.0) == pytest.approx(4 / 6)
    assert l0(codes, 0.1) == pytest.approx(2 / 6)
    assert l0(codes, 0.5) == 0


@settings(deadline=None, max_examples=60)
@given(CODES, st.floats(0, 10), st.floats(0, 10))
def test_a_higher_tolerance_never_finds_more_active_units(codes, one, other):
    assert l0(codes, max(one, other)) <= l0(codes, min(one, other))


def test_a_unit_is_dead_when_it_is_constant_at_whatever_height():
    moving = np.linspace(0, 1, 5)
    codes = np.stack([np.zeros(5), np.ones(5), np.full(5, 0.7), moving, -moving], axis=1)
    assert dead_units(codes, 1e-3).tolist() == [True, True, True, False, False]


def test_a_unit_that_answers_to_one_sample_alone_is_alive():
    codes = np.zeros((1000, 2))
    codes[17, 1] = 0.5
    assert dead_units(codes, 1e-3).tolist() == [True, False]


def test_spread_up_to_the_tolerance_is_dead():
    assert dead_units(np.array([[0.5, 0.5], [0.75, 0.875]]), 0.25).tolist() == [True, False]


@pytest.mark.parametrize("measure", [hoyer, l0, dead_units])
def test_bad_codes_are_refused_with_the_place(measure):
    codes = np.ones((3, 4), dtype=np.float32)
    codes[1, 2] = -np.inf
    with pytest.raises(ValueError, match=r"codes has 1 of 12 values .* first at index \(1, 2\)"):
        measure(codes)
    with pytest.raises(ValueError, match=r"\(samples, units\), not \(4,\)"):
        measure(np.ones(4))
    with pytest.raises(ValueError, match="0 samples"):
        measure(np.ones((0, 4)))


def test_finite_codes_whose_sum_overflows_are_accepted():
    assert l0(np.full((2, 2), 3e38, dtype=np.float32), 0.0) == 1


def test_dead_units_need_two_samples_and_tolerances_must_be_sensible():
    with pytest.raises(ValueError, match="1 samples; at least 2"):
        dead_units(np.ones((1, 3)))
    for tolerance in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="tolerance"):
            l0(np.ones((2, 3)), tolerance)
