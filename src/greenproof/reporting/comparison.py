"""Two runs beside each other: for people, and as JSON (`comparison.schema.json` beside this file)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from greenproof.model.comparison import ABSENT, Change, Comparison, ComponentChange, PromiseChange, Shift
from greenproof.model.history import RunSummary
from greenproof.model.text import printable
from greenproof.model.verdicts import Reason

SCHEMA = "greenproof.comparison/1"
_SHOWN = 20


def comparison_lines(found: Comparison, *, verbose: bool = False) -> Iterator[str]:
    """The denominator first, then what got worse, what got better, and what else changed."""
    yield f"before: {_run(found.before, found.planned_before)}"
    yield f"after:  {_run(found.after, found.planned_after)}"
    yield (
        f"every number is of {found.denominator} cases: the union of both plans; "
        f"{found.shared} are in both, {len(found.lost)} only before, {len(found.new)} only after"
    )
    for difference in found.differences:
        kind = "not of the same kind" if difference.gates else "to keep in mind"
        yield printable(f"{kind}: {difference.code}: {difference.before} -> {difference.after}")
        yield printable(f"  {difference.consequence}")
    yield ""
    yield from _counts(found)
    yield ""
    yield from _transitions(found)
    for title, changes in _lists(found):
        yield from _list(title, changes, verbose)
    yield from _renamed(found)
    yield from _components(found.components)
    yield from _shifts("slower or faster than the spread of other runs explains", found.durations)
    yield from _shifts("latency beyond the spread of other runs", found.latencies)
    yield from _promises(found.promises)
    yield from _shifts("promises: time beyond the spread of other runs", found.speeds)
    if found.unmeasured:
        yield ""
        yield f"durations: nothing is said; {found.unmeasured}"
    yield ""
    yield _sum(found)


def _run(run: RunSummary, planned: int) -> str:
    release = run.release or ", ".join(f"{name}={revision}" for name, revision in run.revisions) or "unnamed"
    state = run.verdict or "not judged"
    return printable(
        f"run {run.run} ({run.command} on {run.environment}, {run.started}, release {release}): {state}, "
        f"{planned} cases planned"
    )


def _counts(found: Comparison) -> Iterator[str]:
    total = found.denominator
    yield f"{'state':16} {'before':>14} {'after':>14}"
    for state, before, after in found.counts:
        yield f"{state:16} {f'{before} of {total}':>14} {f'{after} of {total}':>14}"


def _transitions(found: Comparison) -> Iterator[str]:
    moved = [(a, b, count) for a, b, count in found.transitions if a != b]
    same = sum(count for a, b, count in found.transitions if a == b)
    yield f"unchanged: {same} of {found.denominator}"
    for before, after, count in moved:
        yield f"{before} -> {after}: {count} of {found.denominator}"


def _lists(found: Comparison) -> Iterator[tuple[str, Sequence[Change]]]:
    elsewhere = {change.id for change in (*found.newly_failed, *found.lost)}
    yield "newly failed", found.newly_failed
    yield "no longer proven, or newly hollow", [change for change in found.worse if change.id not in elsewhere]
    yield "newly proven", found.newly_proven
    yield "lost: planned before, absent now", found.lost
    yield "new: absent before, planned now", found.new
    yield "still hollow", found.hollow
    yield "the same verdict for another reason", found.reasons


def _list(title: str, changes: Sequence[Change], verbose: bool) -> Iterator[str]:
    if not changes:
        return
    yield ""
    yield f"{title} ({len(changes)})"
    shown = changes if verbose else changes[:_SHOWN]
    for change in shown:
        yield f"  {printable(change.id)}"
        yield f"    {_side(change.before, change.reasons_before)} -> {_side(change.after, change.reasons_after)}"
    if len(changes) > len(shown):
        yield f"  and {len(changes) - len(shown)} more (-v shows them)"


def _side(state: str, reasons: Sequence[Reason]) -> str:
    codes = ", ".join(reason.code for reason in reasons)
    return f"{state} ({codes})" if codes and state != ABSENT else state


def _renamed(found: Comparison) -> Iterator[str]:
    if found.renamed:
        yield ""
        yield f"probably renamed: the same function under another id ({len(found.renamed)})"
        yield from (f"  {printable(one.before)} -> {printable(one.after)}" for one in found.renamed)


def _components(changes: Sequence[ComponentChange]) -> Iterator[str]:
    if not changes:
        return
    yield ""
    yield f"components that changed ({len(changes)})"
    for one in changes:
        parts = []
        if one.state_before != one.state_after and one.state_before and one.state_after:
            parts.append(f"{one.state_before} -> {one.state_after}")
        if one.revision_before != one.revision_after:
            parts.append(f"revision {one.revision_before or 'unnamed'} -> {one.revision_after or 'unnamed'}")
        yield printable(f"  {one.name}: {', '.join(parts)}")


def _promises(changes: Sequence[PromiseChange]) -> Iterator[str]:
    if not changes:
        return
    yield ""
    yield f"promises about time that are kept otherwise, or are others now ({len(changes)})"
    for one in changes:
        spread = "more than other runs vary" if one.beyond_spread else "not shown to be more than noise"
        values = f"{_ms(one.value_before_ms)} -> {_ms(one.value_after_ms)}, {spread}"
        yield printable(f"  {one.name}: {one.before} -> {one.after} ({values})")
        if one.promise_before != one.promise_after:
            yield printable(f"    promised {one.promise_before}; now {one.promise_after}")


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _shifts(title: str, shifts: Sequence[Shift]) -> Iterator[str]:
    if not shifts:
        return
    yield ""
    yield f"{title} ({len(shifts)})"
    for one in shifts:
        middle, width = one.usual
        yield (
            f"  {printable(one.name)}: {one.before:.3f} -> {one.after:.3f} {one.unit} "
            f"(usual {middle:.3f}, two runs differ by up to {width:.3f}; {one.samples} other runs)"
        )


def _sum(found: Comparison) -> str:
    if found.identical:
        return "nothing changed"
    better = len(found.newly_proven)
    kind = "" if found.same_kind else "; the runs are not of the same kind"
    return f"{len(found.worse)} got worse, {better} newly proven, of {found.denominator}{kind}"


def comparison_document(found: Comparison) -> dict[str, Any]:
    """Plain JSON values."""
    return {
        "schema": SCHEMA,
        "before": _summary(found.before, found.planned_before),
        "after": _summary(found.after, found.planned_after),
        "same_kind": found.same_kind,
        "differences": [asdict(one) for one in found.differences],
        "denominator": {
            "cases": found.denominator,
            "shared": found.shared,
            "only_before": len(found.lost),
            "only_after": len(found.new),
        },
        "counts": [{"state": state, "before": before, "after": after} for state, before, after in found.counts],
        "transitions": [{"before": a, "after": b, "cases": count} for a, b, count in found.transitions],
        "worse": [_change(one) for one in found.worse],
        "newly_proven": [_change(one) for one in found.newly_proven],
        "newly_failed": [_change(one) for one in found.newly_failed],
        "lost": [_change(one) for one in found.lost],
        "new": [_change(one) for one in found.new],
        "renamed": [asdict(one) for one in found.renamed],
        "still_hollow": [_change(one) for one in found.hollow],
        "other_reasons": [_change(one) for one in found.reasons],
        "components": [asdict(one) for one in found.components],
        "durations": [_shift(one) for one in found.durations],
        "latencies": [_shift(one) for one in found.latencies],
        "promises": [asdict(one) for one in found.promises],
        "speeds": [_shift(one) for one in found.speeds],
        "unmeasured": found.unmeasured,
    }


def _summary(run: RunSummary, planned: int) -> dict[str, Any]:
    return {
        "run": run.run,
        "started": run.started,
        "command": run.command,
        "arguments": list(run.arguments),
        "environment": run.environment,
        "suite": run.suite,
        "faults": run.faults,
        "release": run.release,
        "revisions": dict(run.revisions),
        "verdict": run.verdict,
        "exit_code": run.exit_code,
        "planned": planned,
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "id": change.id,
        "before": change.before,
        "after": change.after,
        "reasons_before": [reason.code for reason in change.reasons_before],
        "reasons_after": [reason.code for reason in change.reasons_after],
    }


def _shift(one: Shift) -> dict[str, Any]:
    middle, width = one.usual
    numbers = {"before": one.before, "after": one.after, "usual": middle, "differs_by": width}
    return {"name": one.name, "unit": one.unit, "samples": one.samples, **numbers}


def schema() -> dict[str, Any]:
    """The published JSON Schema of a comparison."""
    loaded: dict[str, Any] = json.loads(
        files("greenproof.reporting").joinpath("comparison.schema.json").read_text("utf-8")
    )
    return loaded
