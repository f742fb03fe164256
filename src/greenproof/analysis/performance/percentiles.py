"""Which sample stands for many."""

from collections.abc import Sequence

from greenproof.model.performance import Statistic

PERCENT = {Statistic.MEDIAN: 50, Statistic.P95: 95, Statistic.MAX: 100}


def percentile(sorted_values: Sequence[float], percent: int) -> float:
    """Nearest rank (Hyndman and Fan 1996, type 1): the value at position ceil(percent * n / 100), counted from 1.

    It is always one of the samples, never between two. Raises ValueError without values, or below 1 or above 100.
    """
    if not sorted_values or not 0 < percent <= 100:
        raise ValueError("a percentile needs values, and a percentage of 1 to 100")
    # Whole numbers: 0.95 * n may lie a hair above the rank that is meant.
    return sorted_values[-(-percent * len(sorted_values) // 100) - 1]
