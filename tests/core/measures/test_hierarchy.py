"""Linear CKA and principal angles: invariances, closed forms and refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn_core.measures import linear_cka, principal_angles


def activations(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(("shape_a", "shape_b"), [((50, 4), (50, 7)), ((10, 40), (10, 3)), ((6, 9), (6, 8))])
def test_cka_is_the_published_ratio_of_centred_products(shape_a, shape_b):
    a, b = activations(0, *shape_a) + 5, activations(1, *shape_b)
    x, y = a - a.mean(axis=0), b - b.mean(axis=0)
    expected = np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    assert linear_cka(a, b) == pytest.approx(expected)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(1e-6, 1e6), st.floats(-100, 100))
def test_cka_is_unchanged_by_rotation_scale_and_shift(seed, scale, shift):
    a, b = activations(seed, 30, 5), activations(seed + 1, 30, 4)
    rotation = np.linalg.qr(activations(seed + 2, 5, 5))[0]
    assert linear_cka(a @ rotation * scale + shift * scale, b) == pytest.approx(linear_cka(a, b), abs=1e-9)
    assert linear_cka(a, a @ rotation) == pytest.approx(1)


def test_cka_is_symmetric_and_is_changed_by_stretching_one_direction():
    a, b = activations(0, 50, 4), activations(1, 50, 4)
    assert linear_cka(a, b) == pytest.approx(linear_cka(b, a))
    assert linear_cka(a, a * [100, 1, 1, 1]) < 0.9


def test_unrelated_codes_of_many_samples_are_dissimilar():
    assert linear_cka(activations(0, 5000, 4), activations(1, 5000, 4)) < 0.01


def test_a_constant_layer_is_similar_to_nothing_even_after_rounding():
    constant = np.full((50, 3), 0.1) + 1e-17 * activations(3, 50, 3)
    assert linear_cka(constant, activations(0, 50, 4)) == 0
    assert linear_cka(constant.astype(np.float32), constant) == 0


def test_cka_survives_tiny_and_huge_activations():
    a, b = activations(0, 20, 3), activations(1, 20, 3)
    assert linear_cka(a * 1e-120, b * 1e120) == pytest.approx(linear_cka(a, b))


def test_angles_of_planes_that_share_one_line_are_zero_and_the_angle_between_their_rest():
    theta = 0.3
    a = np.array([[1.0, 0], [0, 1], [0, 0]])
    b = np.array([[1.0, 0], [0, np.cos(theta)], [0, np.sin(theta)]])
    np.testing.assert_allclose(principal_angles(a, b), [theta, 0], atol=1e-12)


def test_angles_depend_on_the_spaces_and_not_on_their_bases():
    a, b = activations(0, 8, 3), activations(1, 8, 2)
    mixed = principal_angles(a @ activations(2, 3, 3), 7 * b @ activations(3, 2, 2))
    np.testing.assert_allclose(mixed, principal_angles(a, b), atol=1e-9)
    np.testing.assert_allclose(principal_angles(a, a[:, :2]), 0, atol=1e-7)


def test_bad_layers_are_refused():
    a = activations(0, 10, 3)
    with pytest.raises(ValueError, match="a has 10, b has 9"):
        linear_cka(a, a[:9])
    with pytest.raises(ValueError, match="a has 1 samples; at least 2"):
        linear_cka(a[:1], a[:1])
    with pytest.raises(ValueError, match="b has 30 of 30"):
        linear_cka(a, a * np.nan)
    with pytest.raises(ValueError, match="a has 10 rows and b 9"):
        principal_angles(a, a[:9])
    with pytest.raises(ValueError, match="b is all zeros"):
        principal_angles(a, a * 0)
