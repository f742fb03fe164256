"""What took longer or shorter, as far as the spread of other runs lets anything be said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from greenproof.analysis.comparison.spread import ENOUGH, shift
from greenproof.model.comparison import PromiseChange, Shift
from greenproof.model.facts import Outcome
from greenproof.model.history import PerformancePast, RunRecord

type Values = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Others:
    """What other runs of the same kind measured."""

    durations: Values = field(default_factory=dict)
    """Seconds, by case."""
    latencies: Values = field(default_factory=dict)
    """Milliseconds, by component."""
    promises: Values = field(default_factory=dict)
    """Milliseconds, by promise."""


def durations(before: RunRecord, after: RunRecord, others: Others) -> Iterator[Shift]:
    """Of cases that passed in both: how long a case takes to fail says nothing of the system's speed."""
    if before.summary.environment != after.summary.environment:
        return
    for case, old in before.cases.items():
        new = after.cases.get(case)
        if new is None or not (old.outcome is new.outcome is Outcome.PASSED):
            continue
        found = shift(case, old.duration_s, new.duration_s, others.durations.get(case, ()), "s")
        if found is not None:
            yield found


def latencies(before: RunRecord, after: RunRecord, others: Others) -> Iterator[Shift]:
    """Of components that were ready in both, seen by the same probe."""
    if before.summary.environment != after.summary.environment:
        return
    for name, old in sorted(before.components.items()):
        new = after.components.get(name)
        if new is None or not (old.ok and new.ok) or old.probe != new.probe:
            continue
        found = shift(name, old.latency_ms, new.latency_ms, others.latencies.get(name, ()), "ms")
        if found is not None:
            yield found


def promises(before: RunRecord, after: RunRecord, others: Others) -> Iterator[PromiseChange]:
    """Promises of both runs that are kept otherwise, or that promise something else."""
    beyond = {found.name for found in speeds(before, after, others)}
    for name, old in before.performance.items():
        new = after.performance.get(name)
        if new is not None and (old.met != new.met or _promise(old) != _promise(new)):
            yield PromiseChange(
                name, old.met, new.met, _promise(old), _promise(new), old.value_ms, new.value_ms, name in beyond
            )


def _promise(past: PerformancePast) -> str:
    return f"{past.statistic} of {past.measure} at most {past.limit_ms:g} ms"


def speeds(before: RunRecord, after: RunRecord, others: Others) -> Iterator[Shift]:
    """Promises whose value, measured in the same way, changed."""
    if before.summary.environment != after.summary.environment:
        return
    for name, old in before.performance.items():
        new = after.performance.get(name)
        if new is None or (old.measure, old.statistic) != (new.measure, new.statistic):
            continue
        found = shift(name, old.value_ms, new.value_ms, others.promises.get(name, ()), "ms")
        if found is not None:
            yield found


def unmeasured(before: RunRecord, after: RunRecord, others: Others) -> str | None:
    """Why nothing can be said of durations; None when something can."""
    if before.summary.environment != after.summary.environment:
        return "the runs are of different environments"
    most = max(map(len, others.durations.values()), default=0)
    if most < ENOUGH:
        return f"how much durations vary is not known yet: {most} other runs of this kind, {ENOUGH} are needed"
    return None
