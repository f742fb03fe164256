"""Performance targets, measured at the relay: what the tests' own clocks say is never asked.

A duration holds what lies between the relay and the service and back, and the relay's own work on the way (0.1 to
1 ms); it does not hold the client. Only the plain run counts: under faults nothing is as ever.
"""

from collections.abc import Iterator, Sequence
from math import ceil

from greenproof.analysis.authenticity import reasons
from greenproof.model.facts import Exchange, Join, Outcome, RunObservation
from greenproof.model.performance import Measure, Met, Performance, PerformanceTarget, Statistic
from greenproof.model.verdicts import Reason

type Sample = tuple[float, str]
"""Milliseconds, and the id of the exchange."""


def measured(targets: Sequence[PerformanceTarget], plain: RunObservation) -> tuple[Performance, ...]:
    """Each target beside what the plain run showed, in the order of the configuration."""
    passed = {case.id for case in plain.cases if case.outcome is Outcome.PASSED}
    return tuple(_judge(target, plain.exchanges, passed) for target in targets)


def missed(found: Sequence[Performance]) -> tuple[Reason, ...]:
    """A finding for each missed target that gates."""
    return tuple(
        reasons.PERFORMANCE_MISSED.reason(
            f"{p.target.name}: {p.target.statistic.value} {p.value_ms:.1f} ms, limit {p.target.limit_ms:g} ms.",
            *((p.slowest,) if p.slowest else ()),
        )
        for p in found
        if p.target.gates and p.met is Met.MISSED
    )


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """Nearest rank (Hyndman and Fan 1996, type 1): the value at position ceil(share * n), counted from 1."""
    if not sorted_values or not 0 < share <= 1:
        raise ValueError("a percentile needs values, and a share above 0 and at most 1")
    return sorted_values[max(0, ceil(share * len(sorted_values)) - 1)]


def _judge(target: PerformanceTarget, exchanges: Sequence[Exchange], passed: set[str]) -> Performance:
    samples: list[Sample] = []
    left_out = 0
    for exchange in exchanges:
        if any(r.matches(exchange.target, exchange.method, exchange.path) for r in target.routes):
            if _counts(exchange, passed):
                samples += [(ns / 1e6, exchange.id) for ns in _durations(target, exchange)]
            else:
                left_out += 1
    if len(samples) < max(1, target.minimum):
        return Performance(target, Met.NOT_MEASURED, len(samples), None, None, None, None, left_out)
    values = sorted(value for value, _ in samples)
    found = {
        Statistic.MEDIAN: percentile(values, 0.5),
        Statistic.P95: percentile(values, 0.95),
        Statistic.MAX: values[-1],
    }
    value = found[target.statistic]
    return Performance(
        target,
        Met.MET if value <= target.limit_ms else Met.MISSED,
        len(values),
        value,
        found[Statistic.MEDIAN],
        found[Statistic.P95],
        found[Statistic.MAX],
        left_out,
        max(samples)[1],
    )


def _counts(exchange: Exchange, passed: set[str]) -> bool:
    known = exchange.case in passed and exchange.join is not Join.AMBIGUOUS
    return known and not exchange.synthetic and exchange.head_ns is not None and exchange.error is None


def _durations(target: PerformanceTarget, exchange: Exchange) -> Iterator[int]:
    """Nanoseconds, one for each time that the exchange shows what is to be timed."""
    if target.measure is Measure.RESPONSE and exchange.method != "WS" and exchange.head_ns is not None:
        yield exchange.head_ns - exchange.start_ns
    elif target.measure is Measure.COMPLETE and exchange.method != "WS" and exchange.end_ns is not None:
        yield exchange.end_ns - exchange.start_ns
    elif target.measure in (Measure.REPLY, Measure.EVENT):
        yield from _between_messages(target, exchange)


def _between_messages(target: PerformanceTarget, exchange: Exchange) -> Iterator[int]:
    since: int | None = None
    for message in exchange.messages:
        ends = not message.from_client and target.event in (None, message.name)
        if ends and since is not None:
            yield message.ns - since
            since = None
        begins = message.from_client if target.after is None else message.name == target.after
        if begins and (target.after is None or not message.from_client):
            since = message.ns
