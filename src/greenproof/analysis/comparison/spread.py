"""Has a measured value changed, or does it only vary as it always does?

Two runs give two values, and two values always differ. How much they differ without a cause is known only from other
runs: without enough of them nothing is said.
"""

from collections.abc import Sequence
from statistics import median

from greenproof.model.comparison import Shift

ENOUGH = 5
"""Other runs that are needed to know how much a value varies."""
_SIGMAS = 3.0
_NORMAL = 1.4826
"""Median absolute deviation to standard deviation, for normally distributed values."""
_SHARE = 0.10
"""A smaller change is of no interest, however certain."""


def shift(name: str, before: float | None, after: float | None, others: Sequence[float], unit: str) -> Shift | None:
    """The change, if it is larger than three standard deviations of a difference and than a tenth; else None.

    `others` are the values of other runs of the same kind. The deviation is estimated from the median absolute
    deviation, which a few outliers don't move; that of a difference of two values is larger by the square root of two.
    It is the same whichever run is called the first.
    """
    if before is None or after is None or len(others) < ENOUGH:
        return None
    middle = median(others)
    deviation = _NORMAL * median(abs(value - middle) for value in others)
    width = max(_SIGMAS * deviation * 2**0.5, _SHARE * middle, _resolution(unit))
    if abs(after - before) <= max(width, _SHARE * min(before, after)):
        return None
    return Shift(name, before, after, (middle, width), len(others), unit)


def _resolution(unit: str) -> float:
    """What a clock and a scheduler add by themselves: 20 ms to a case, 2 ms to a probe."""
    return 0.02 if unit == "s" else 2.0
