"""A change is told only if it is larger than what values vary by themselves."""

import random

from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.comparison.spread import ENOUGH, shift

VALUES = st.floats(0.001, 100.0)
SAMPLES = st.lists(VALUES, min_size=ENOUGH, max_size=12)


@given(VALUES, VALUES, SAMPLES)
def test_it_is_the_same_whichever_run_is_the_first(before: float, after: float, others: list[float]) -> None:
    one, other = shift("t", before, after, others, "s"), shift("t", after, before, others, "s")
    assert (one is None) == (other is None)
    assert one is None or (one.before, one.after) == (before, after)


@given(VALUES, SAMPLES, st.sampled_from(["s", "ms"]))
def test_the_same_value_has_not_changed(value: float, others: list[float], unit: str) -> None:
    assert shift("t", value, value, others, unit) is None


@given(VALUES, VALUES, st.lists(VALUES, max_size=ENOUGH - 1))
def test_without_enough_other_runs_nothing_is_said(before: float, after: float, others: list[float]) -> None:
    assert shift("t", before, after, others, "s") is None


def test_noise_is_not_taken_for_a_change_and_a_change_not_for_noise() -> None:
    random_ = random.Random(7)
    noise = changes = 0
    for _ in range(500):
        others = [random_.gauss(1.0, 0.1) for _ in range(10)]
        before, after = random_.gauss(1.0, 0.1), random_.gauss(1.0, 0.1)
        noise += shift("t", before, after, others, "s") is not None
        changes += shift("t", before, after + 1.0, others, "s") is not None
    assert noise <= 25
    assert changes >= 475


def test_one_outlier_among_the_others_does_not_hide_a_change() -> None:
    assert shift("t", 0.1, 0.9, [0.1, 0.11, 0.1, 0.12, 0.1, 30.0], "s") is not None


def test_what_a_clock_adds_is_no_change() -> None:
    assert shift("t", 0.001, 0.015, [0.001] * 6, "s") is None
    assert shift("t", 1.0, 2.5, [1.0] * 6, "ms") is None
