"""Promises about time, measured at the relay: what the tests' own clocks say is never asked.

A duration begins and ends when the relay has a thing in its hands: the end of a request, the head or end of an answer,
a whole message. So it holds the relay's work of passing the first one on and of reading the second (its share is in
docs/performance.md), the network between relay and service, a new connection where one had to be made, and all that
lies behind. It does not hold the client, nor the way from the relay back to it. Only the plain run counts: under faults
nothing is as ever.
"""

from greenproof.analysis.performance.judging import measured, missed
from greenproof.analysis.performance.percentiles import percentile
from greenproof.analysis.performance.watching import watch_for

__all__ = ["measured", "missed", "percentile", "watch_for"]
