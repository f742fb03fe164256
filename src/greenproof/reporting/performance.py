"""Promises about time beside what the relay measured: as JSON, as lines, and as a table of the worklog."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from greenproof.model.history import PerformancePast
from greenproof.model.performance import LeftOut, Measure, Met, Performance
from greenproof.model.text import printable

_WHY = {
    LeftOut.NOT_PASSED: "of cases that did not pass at once",
    LeftOut.AMBIGUOUS: "of no certain case",
    LeftOut.UNANSWERED: "without what was to be timed",
    LeftOut.EARLY: "answered before the request was whole",
    LeftOut.OVERLAPPING: "overlapping",
    LeftOut.NOT_KEPT: "past the relay's limits",
}


def performance_document(found: Performance) -> dict[str, Any]:
    """Plain JSON values; milliseconds."""
    target = found.target
    return {
        "name": target.name,
        "met": found.met.value,
        "measure": target.measure.value,
        "event": target.event,
        "after": target.after,
        "sent": target.sent,
        "field": target.field,
        "link": target.link,
        "routes": [str(route) for route in target.routes],
        "components": list(found.components),
        "statistic": target.statistic.value,
        "limit_ms": target.limit_ms,
        "value_ms": _rounded(found.value_ms),
        "median_ms": _rounded(found.median_ms),
        "p95_ms": _rounded(found.p95_ms),
        "max_ms": _rounded(found.max_ms),
        "n": found.n,
        "minimum": target.minimum,
        "left_out": {why.value: count for why, count in found.left_out.items()},
        "slowest": [{"exchange": t.exchange, "case": t.case, "ms": _rounded(t.ms)} for t in found.slowest],
        "gates": target.gates,
    }


def performance_lines(performances: Sequence[Performance]) -> Iterator[str]:
    """One line for all that is well, one for each promise that was missed, one for those that were not measured."""
    if not performances:
        return
    met = sum(p.met is Met.MET for p in performances)
    yield f"performance: {met} of {len(performances)} promises met, measured at the relay"
    for found in performances:
        if found.met is Met.MISSED:
            yield printable(f"  missed: {found.target.name}: {_missed(found)}")
    nothing = [f"{p.target.name} ({p.n} of {p.target.minimum})" for p in performances if p.met is Met.NOT_MEASURED]
    if nothing:
        yield printable(f"  not measured, too few samples: {', '.join(nothing)}")


def performance_rows(
    performances: Sequence[Performance], before: Mapping[str, PerformancePast]
) -> Iterator[tuple[str, ...]]:
    """(promise, component, what is timed, limit, measured, before, median, maximum, n, verdict)."""
    for found in performances:
        target, past = found.target, before.get(found.target.name)
        limit = f"{target.statistic.value} {target.limit_ms:g} ms"
        then = _ms(past.value_ms) if past else "-"
        few = f" (needs {target.minimum})" if found.met is Met.NOT_MEASURED else ""
        numbers = (_ms(found.value_ms), then, _ms(found.median_ms), _ms(found.max_ms), f"{found.n}{few}")
        name = f"{target.name} (gates)" if target.gates else target.name
        components = ", ".join(found.components) or "-"
        yield (name, components, timed(found), limit, *numbers, found.met.value.replace("-", " "))


def performance_notes(performances: Sequence[Performance]) -> Iterator[str]:
    """What was left out of each promise, and the exchanges behind the largest times of a missed one."""
    for found in performances:
        if found.left_out:
            why = ", ".join(f"{count} {_WHY[reason]}" for reason, count in found.left_out.items())
            yield f"{found.target.name}: {found.n} samples, left out: {why}."
        if found.met is Met.MISSED:
            slowest = ", ".join(f"{_ms(t.ms)} {t.exchange} ({t.case or 'no case'})" for t in found.slowest)
            yield f"{found.target.name}: slowest: {slowest}."


def timed(found: Performance) -> str:
    """What is timed, in words."""
    target = found.target
    begin = target.after or (f"client's {target.sent}" if target.sent else "client's message")
    match target.measure:
        case Measure.RESPONSE:
            return "end of request to head of answer"
        case Measure.COMPLETE:
            return "end of request to end of answer"
        case Measure.HANDSHAKE:
            return "request to accepted WebSocket"
        case Measure.REPLY:
            return f"{begin} to the server's next message"
        case Measure.PAUSE:
            between = f", {target.after or 'any'} to {target.event or 'any'}" if target.after or target.event else ""
            return f"server's message to its next{between}"
        case _:
            return f"{begin} to {target.event}"


def _missed(found: Performance) -> str:
    target = found.target
    return f"{target.statistic.value} {_ms(found.value_ms)} of {found.n} samples, limit {target.limit_ms:g} ms"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
