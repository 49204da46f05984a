"""Regions cut by hyperplanes: small cases by hand and the recurrence that defines them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replearn_core.measures import regions_of_hyperplanes


def test_known_counts():
    assert regions_of_hyperplanes(0, 3) == 1
    assert regions_of_hyperplanes(5, 1) == 6  # five points on a line
    assert regions_of_hyperplanes(3, 2) == 7  # three lines in a plane
    assert regions_of_hyperplanes(4, 3) == 15
    assert regions_of_hyperplanes(10, 0) == 1


@given(st.integers(1, 200), st.integers(1, 200))
def test_a_new_hyperplane_adds_as_many_regions_as_the_others_cut_it_into(n, d):
    added = regions_of_hyperplanes(n, d) - regions_of_hyperplanes(n - 1, d)
    assert added == regions_of_hyperplanes(n - 1, d - 1)


@given(st.integers(0, 300), st.integers(0, 50))
def test_with_as_many_dimensions_as_hyperplanes_every_pattern_occurs_exactly(n, more):
    assert regions_of_hyperplanes(n, n + more) == 2**n


def test_what_is_no_count_is_refused():
    for n, d in ((-1, 2), (2, -1), (2.5, 2), (True, 2), (10**9, 10**9)):
        with pytest.raises(ValueError, match="must be"):
            regions_of_hyperplanes(n, d)
