"""What changed in the measure, as text and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from greenproof.model.measure import MeasureFinding, MeasureReport
from greenproof.model.text import printable

SCHEMA = "greenproof.measure-diff/1"
_SHOWN = 100
_WIDE = 400


def measure_lines(report: MeasureReport, *, verbose: bool = False) -> Iterator[str]:
    """Plain lines, readable without colour."""
    yield measure_line(report)
    if report.before is None:
        return
    expired = dict(report.expired)
    shown = report.open if verbose else report.open[:_SHOWN]
    if shown:
        yield ""
        yield f"weakened ({len(report.open)})"
    for finding in shown:
        yield from _finding(finding)
        if finding.id in expired:
            word = expired[finding.id]
            yield printable(f"    accepted by {word.by} until {word.expires}: that is over")
    if len(shown) < len(report.open):
        yield f"  and {len(report.open) - len(shown)} more (-v shows them)"
    if report.accepted:
        yield ""
        yield f"accepted ({len(report.accepted)})"
    for finding, word in report.accepted:
        yield printable(f"  {finding.id} {finding.place}: {finding.subject} [{finding.code}]")
        yield printable(f"    by {word.by} on {word.on}, until {word.expires}: {word.reason}")
    if report.notes:
        yield ""
        yield f"notes ({len(report.notes)})"
    for finding in report.notes if verbose else report.notes[:_SHOWN]:
        yield from _finding(finding)


def measure_line(report: MeasureReport) -> str:
    """The sum in one line."""
    if report.before is None:
        return printable(f"measure: nothing to compare with: {report.why}")
    found = f"{len(report.open)} weakened"
    if report.accepted:
        found += f", {len(report.accepted)} accepted"
    tests = f"; {report.tests[0]} test functions then, {report.tests[1]} now" if report.tests != (0, 0) else ""
    since = f" ({report.at})" if report.at else ""
    return printable(f"measure: {found}, {_many(len(report.notes), 'note')} since {report.before}{since}{tests}")


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _finding(finding: MeasureFinding) -> Iterator[str]:
    yield printable(f"  {finding.place}: {finding.text} [{finding.code}]")
    touched = f", {_many(finding.tests, 'test')}" if finding.tests > 1 else ""
    yield printable(f"    {finding.id} in {finding.subject}{touched}")
    if finding.was:
        yield printable(f"    was: {finding.was[:_WIDE]}")
    if finding.now:
        yield printable(f"    now: {finding.now[:_WIDE]}")


def measure_document(report: MeasureReport) -> dict[str, Any]:
    """Plain JSON values."""
    return {
        "schema": SCHEMA,
        "before": report.before,
        "at": report.at or None,
        "why": report.why or None,
        "tests": {"before": report.tests[0], "now": report.tests[1]},
        "weakened": [_document(f) for f in report.open],
        "accepted": [{**_document(f), "acceptance": asdict(word)} for f, word in report.accepted],
        "expired": [{"id": id_, "acceptance": asdict(word)} for id_, word in report.expired],
        "notes": [_document(f) for f in report.notes],
    }


def _document(finding: MeasureFinding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "code": finding.code,
        "weight": finding.weight.value,
        "subject": finding.subject,
        "path": finding.place.path,
        "line": finding.place.line or None,
        "text": finding.text,
        "was": finding.was,
        "now": finding.now,
        "tests": finding.tests,
    }
