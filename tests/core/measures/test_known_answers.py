"""Every measure by the name and the arguments that the package promises, with one answer that is known beforehand."""

import inspect

import numpy as np
import pytest
import torch

from replearn_core import measures
from replearn_core.datasets import load

FACTORS = np.random.default_rng(0).integers(0, 4, (10_000, 2))
CODES = FACTORS + np.random.default_rng(1).normal(0, 0.01, FACTORS.shape)
TURNED = CODES @ np.array([[1, 1], [1, -1]]) / np.sqrt(2)  # by 45°: both units know both factors equally well
ROTATION = np.array([[2, 2, 1], [-2, 1, 2], [1, -2, 2]]) / 3  # no axis stays an axis


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("mig", ("codes", "factors")),
        ("dci", ("codes", "factors")),
        ("sap", ("codes", "factors")),
        ("hoyer", ("codes",)),
        ("l0", ("codes", "tolerance")),
        ("participation_ratio", ("codes",)),
        ("intrinsic_dimension", ("codes", "method")),
        ("linear_cka", ("a", "b")),
        ("linear_probe", ("train_codes", "train_labels", "test_codes", "test_labels")),
        ("trustworthiness", ("x", "codes", "k")),
        ("continuity", ("x", "codes", "k")),
        ("regions_of_hyperplanes", ("n", "d")),
        ("jacobian_spectrum", ("encode", "x")),
    ],
)
def test_a_measure_is_called_by_its_name_with_these_arguments_first(name, arguments):
    assert tuple(inspect.signature(getattr(measures, name)).parameters)[: len(arguments)] == arguments


def test_codes_that_are_the_factors_are_disentangled_and_rotated_ones_are_not():
    rows = slice(0, 1_000)
    assert measures.mig(CODES, FACTORS) > 0.95 and measures.mig(TURNED, FACTORS) < 0.1
    assert measures.mig(CODES[:, ::-1], FACTORS) == pytest.approx(measures.mig(CODES, FACTORS))
    straight, turned = (measures.dci(codes[rows], FACTORS[rows]) for codes in (CODES, TURNED))
    assert straight.disentanglement > 0.9 and straight.completeness > 0.9 and straight.informativeness > 0.95
    assert turned.disentanglement < 0.5
    assert measures.sap(CODES[rows], FACTORS[rows]) > 0.6 > 0.3 > measures.sap(TURNED[rows], FACTORS[rows])


def test_one_active_unit_of_four_is_a_quarter_and_wholly_sparse():
    codes = np.eye(4)
    assert measures.l0(codes, 0.1) == 0.25 and measures.hoyer(codes) == pytest.approx(1)


def test_equal_directions_are_counted():
    codes = np.vstack([np.eye(5), -np.eye(5)])
    assert measures.participation_ratio(codes) == pytest.approx(5)


def test_the_swiss_roll_has_two_dimensions_nearly():
    roll = load("swiss_roll").x_train[:2_000]
    assert measures.intrinsic_dimension(roll, method="twonn") == pytest.approx(1.9, abs=0.15)
    assert measures.intrinsic_dimension(roll, method="mle") == pytest.approx(2, abs=0.2)


def test_a_rotation_changes_no_similarity_and_no_neighbours():
    x = np.random.default_rng(2).normal(size=(200, 3))
    turned = x @ ROTATION
    assert measures.linear_cka(x, turned) == pytest.approx(1)
    assert measures.trustworthiness(x, turned, 5) == measures.continuity(x, turned, 5) == 1


def test_classes_that_a_line_parts_are_read():
    labels = np.repeat([0, 1], 50)
    codes = labels[:, None] * 4.0 + np.random.default_rng(3).uniform(-1, 1, (100, 2))
    assert measures.linear_probe(codes[::2], labels[::2], codes[1::2], labels[1::2]) == 1.0


def test_three_lines_make_seven_regions():
    assert measures.regions_of_hyperplanes(3, 2) == 7


def test_a_linear_map_has_its_own_singular_values():
    stretch = torch.diag(torch.tensor([3.0, 2.0, 1.0]))
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    spectrum = np.asarray(measures.jacobian_spectrum(lambda rows: rows @ stretch, x))
    np.testing.assert_allclose(np.atleast_2d(spectrum), np.broadcast_to([3, 2, 1], np.atleast_2d(spectrum).shape), rtol=1e-5)
