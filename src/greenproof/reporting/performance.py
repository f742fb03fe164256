"""Promises about time beside what the relay measured: as JSON, as lines, and as a table of the worklog."""

from collections.abc import Iterator, Sequence
from typing import Any

from greenproof.model.performance import Measure, Met, Performance
from greenproof.model.text import printable


def performance_document(found: Performance) -> dict[str, Any]:
    """Plain JSON values; milliseconds."""
    target = found.target
    return {
        "name": target.name,
        "met": found.met.value,
        "measure": target.measure.value,
        "event": target.event,
        "after": target.after,
        "routes": [str(route) for route in target.routes],
        "statistic": target.statistic.value,
        "limit_ms": target.limit_ms,
        "value_ms": _rounded(found.value_ms),
        "median_ms": _rounded(found.median_ms),
        "p95_ms": _rounded(found.p95_ms),
        "max_ms": _rounded(found.max_ms),
        "n": found.n,
        "minimum": target.minimum,
        "left_out": found.left_out,
        "slowest": found.slowest,
        "gates": target.gates,
    }


def performance_lines(performances: Sequence[Performance]) -> Iterator[str]:
    """One line for all that is well, one for each promise that was not kept or not measured."""
    if not performances:
        return
    met = sum(p.met is Met.MET for p in performances)
    yield f"performance: {met} of {len(performances)} targets met, measured at the relay"
    for found in performances:
        if found.met is not Met.MET:
            yield printable(f"  {found.met.value}: {found.target.name}: {_said(found)}")


def performance_rows(performances: Sequence[Performance]) -> Iterator[tuple[str, ...]]:
    """(target, what is timed, limit, measured, median, 95th percentile, maximum, n, verdict)."""
    for found in performances:
        target = found.target
        numbers = (_ms(found.value_ms), _ms(found.median_ms), _ms(found.p95_ms), _ms(found.max_ms))
        limit = f"{target.statistic.value} {target.limit_ms:g} ms"
        left = f" ({found.left_out} left out)" if found.left_out else ""
        yield (target.name, timed(found), limit, *numbers, f"{found.n}{left}", found.met.value)


def timed(found: Performance) -> str:
    """What is timed, in words."""
    target = found.target
    if target.measure is not Measure.EVENT:
        return {
            Measure.RESPONSE: "request to head of answer",
            Measure.COMPLETE: "request to end of answer",
            Measure.REPLY: "client's message to the server's next",
        }[target.measure]
    return f"{target.after or 'client message'} to {target.event}"


def _said(found: Performance) -> str:
    target = found.target
    if found.met is Met.NOT_MEASURED:
        return f"{found.n} samples, at least {target.minimum} are needed ({found.left_out} exchanges left out)"
    return f"{target.statistic.value} {_ms(found.value_ms)} of {found.n} samples, limit {target.limit_ms:g} ms"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
