"""From samples to a verdict on each promise."""

from collections import Counter
from collections.abc import Sequence

from greenproof.analysis.authenticity import reasons
from greenproof.analysis.performance.percentiles import PERCENT, percentile
from greenproof.analysis.performance.samples import samples_of
from greenproof.model.facts import Exchange, Outcome, RunObservation
from greenproof.model.performance import LeftOut, Met, Performance, PerformanceTarget, Statistic, Timed
from greenproof.model.verdicts import Reason

MOST_EVIDENCE = 5


def measured(targets: Sequence[PerformanceTarget], plain: RunObservation) -> tuple[Performance, ...]:
    """Each promise beside what the plain run showed, in the order of the configuration."""
    if plain.fault is not None:
        raise ValueError("promises about time are measured in the plain run alone")
    passed = _passed(plain)
    return tuple(_judge(target, plain.exchanges, passed) for target in targets)


def missed(found: Sequence[Performance]) -> tuple[Reason, ...]:
    """A finding for each promise that gates and was missed, or of which nothing can be said."""
    return tuple(_finding(p) for p in found if p.target.gates and p.met is not Met.MET)


def _finding(found: Performance) -> Reason:
    target = found.target
    if found.value_ms is None:
        return reasons.PERFORMANCE_NOT_MEASURED.reason(
            f"{target.name}: {found.n} samples, at least {target.minimum} are needed."
        )
    return reasons.PERFORMANCE_MISSED.reason(
        f"{target.name}: {target.statistic.value} {found.value_ms:.1f} ms, limit {target.limit_ms:g} ms.",
        *dict.fromkeys(timed.exchange for timed in found.slowest),
    )


def _passed(plain: RunObservation) -> frozenset[str]:
    """Cases that passed at the first try: of one that was tried again, the exchanges of both tries look alike."""
    others = {case.id for case in plain.cases if case.outcome is not Outcome.PASSED or case.retried}
    return frozenset(case.id for case in plain.cases) - others


def _judge(target: PerformanceTarget, exchanges: Sequence[Exchange], passed: frozenset[str]) -> Performance:
    samples: list[Timed] = []
    left_out: Counter[LeftOut] = Counter()
    answered: set[str] = set()
    for exchange in exchanges:
        if any(r.matches(exchange.target, exchange.method, exchange.path) for r in target.routes):
            found = samples_of(target, exchange, passed)
            samples += [Timed(ns / 1e6, exchange.id, exchange.case) for ns in found.ns]
            left_out += found.left_out
            if found.ns:
                answered.add(exchange.target)
    components = tuple(sorted(answered or {route.target for route in target.routes if route.target}))
    why = {reason: left_out[reason] for reason in LeftOut if left_out[reason]}
    if len(samples) < max(1, target.minimum):
        return Performance(target, Met.NOT_MEASURED, len(samples), left_out=why, components=components)
    values = sorted(timed.ms for timed in samples)
    known = {statistic: percentile(values, percent) for statistic, percent in PERCENT.items()}
    value = known[target.statistic]
    return Performance(
        target,
        Met.MET if value <= target.limit_ms else Met.MISSED,
        len(values),
        value,
        known[Statistic.MEDIAN],
        known[Statistic.P95],
        known[Statistic.MAX],
        why,
        tuple(sorted(samples, key=lambda timed: -timed.ms)[:MOST_EVIDENCE]),
        components,
    )
