"""Which sample stands for many."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.performance import percentile


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.integers(1, 100))
def test_it_is_the_smallest_sample_that_covers_its_share(values: list[float], percent: int) -> None:
    ordered = sorted(values)
    found = percentile(ordered, percent)
    wanted = Fraction(percent * len(ordered), 100)
    assert found in ordered
    assert sum(v <= found for v in ordered) >= wanted
    assert sum(v < found for v in ordered) < wanted


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_percentiles_grow_with_the_share_up_to_the_largest(values: list[float]) -> None:
    ordered = sorted(values)
    found = [percentile(ordered, percent) for percent in range(1, 101)]
    assert found == sorted(found)
    assert found[-1] == ordered[-1]


@given(st.integers(1, 2000))
def test_the_rank_is_exact_for_every_number_of_samples(n: int) -> None:
    assert percentile(range(1, n + 1), 95) == -(-95 * n // 100)


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], 0), ([1.0], 101)])
def test_a_percentile_of_nothing_is_an_error(values: list[float], percent: int) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, percent)
