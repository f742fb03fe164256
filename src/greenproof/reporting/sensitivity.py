"""What proven cases notice of further faults: as JSON and as lines."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from greenproof.model.sensitivity import CaseSensitivity, FieldNoticed, FieldUnnoticed, Sensitivity, Trial
from greenproof.model.text import printable

_SHOWN = 20
_SHOWN_NOTICED = 5


def sensitivity_document(found: Sensitivity | None) -> dict[str, Any] | None:
    """Plain JSON values; None if it was not asked for."""
    if found is None:
        return None
    return {
        "runs": found.runs,
        "allowed": found.allowed,
        "seed": found.seed,
        **_totals(found),
        "cases": [_case(case) for case in found.cases],
        "operators": {
            name: {"noticed": noticed, "delivered": delivered} for name, (noticed, delivered) in found.operators.items()
        },
        "fields": found.fields,
        "unnoticed_fields": [_unnoticed_field(one) for one in found.unnoticed],
        "noticed_fields": [_noticed_field(one) for one in found.noticed],
        "notes": list(found.notes),
        "duration_s": found.duration_s,
    }


def _totals(found: Sensitivity) -> dict[str, int]:
    names = ("delivered", "noticed", "not_delivered", "undecided")
    sums = {name: sum(getattr(case, name) for case in found.cases) for name in names}
    return {**sums, "left_out": found.left_out}


def _case(case: CaseSensitivity) -> dict[str, Any]:
    return {
        "id": case.id,
        "delivered": case.delivered,
        "noticed": case.noticed,
        "share": case.noticed / case.delivered if case.delivered else None,
        "survived": [_trial(trial) for trial in case.survived],
        "not_delivered": case.not_delivered,
        "undecided": case.undecided,
        "left_out": case.left_out,
        "unsafe": case.unsafe,
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "operator": trial.operator,
        "route": trial.route,
        "pointer": trial.part,
        "run": trial.run,
        "delivered": trial.delivered,
    }


def _unnoticed_field(field: FieldUnnoticed) -> dict[str, Any]:
    return {
        "route": field.route,
        "pointer": field.pointer,
        "trials": field.trials,
        "cases": list(field.cases),
        "operators": list(field.operators),
    }


def _noticed_field(field: FieldNoticed) -> dict[str, Any]:
    return {
        "route": field.route,
        "pointer": field.pointer,
        "trials": field.trials,
        "cases": list(field.cases),
        "noticed_by": list(field.noticed_by),
    }


def sensitivity_lines(found: Sensitivity | None, *, verbose: bool = False) -> Iterator[str]:
    """Counts with their denominators; what no test noticed, and who noticed the rest; with `verbose`, every case."""
    if found is None:
        return
    total = _totals(found)
    yield (
        f"sensitivity: {total['noticed']} of {total['delivered']} delivered faults noticed, "
        f"in {found.runs} of at most {found.allowed} runs (seed {found.seed})"
    )
    unsafe = [case for case in found.cases if case.unsafe]
    if unsafe:
        yield f"  unsafe: {len(unsafe)} of {len(found.cases)} proven cases may write, and were left out"
    rest = [
        f"{total[name]} {words}"
        for name, words in (
            ("left_out", "for want of runs"),
            ("not_delivered", "not delivered"),
            ("undecided", "undecided"),
        )
        if total[name]
    ]
    if rest:
        yield f"  not told: {', '.join(rest)}"
    for note in found.notes:
        yield printable(f"  note: {note}")
    yield from _weakest(found.cases, verbose)
    yield from _unnoticed(found, verbose)
    yield from _noticed(found, verbose)


def _weakest(cases: tuple[CaseSensitivity, ...], verbose: bool) -> Iterator[str]:
    """Those that noticed least first; with `verbose` also those that noticed all, and those that were left out."""
    told = sorted((c for c in cases if c.delivered), key=lambda c: c.noticed / c.delivered)
    shown = told if verbose else [c for c in told if c.survived][:_SHOWN]
    for case in shown:
        names = Counter(trial.operator for trial in case.survived)
        survived = ", ".join(f"{name} ({count})" if count > 1 else name for name, count in names.items())
        tail = f"; not: {survived}" if survived else ""
        yield printable(f"  {case.id}: noticed {case.noticed} of {case.delivered}{tail}")
    more = sum(bool(case.survived) for case in told) - len(shown)
    if more > 0:
        yield f"  and {more} more (-v shows them)"
    for case in cases if verbose else ():
        if case.unsafe:
            yield printable(f"  {case.id}: unsafe, {case.unsafe}")


def _unnoticed(found: Sensitivity, verbose: bool) -> Iterator[str]:
    if not found.fields:
        return
    yield f"  fields that were changed and that no test noticed: {len(found.unnoticed)} of {found.fields}"
    shown = found.unnoticed if verbose else found.unnoticed[:_SHOWN]
    for field in shown:
        place = field.pointer or "the whole document"
        yield printable(f"    {field.route} {place} ({field.trials} trials, {len(field.cases)} cases)")
    if len(found.unnoticed) > len(shown):
        yield f"    and {len(found.unnoticed) - len(shown)} more (-v shows them)"


def _noticed(found: Sensitivity, verbose: bool) -> Iterator[str]:
    """Those first that the fewest tests noticed: what only one test looks at is lost with it."""
    if not found.noticed:
        return
    alone = sum(len(field.noticed_by) == 1 for field in found.noticed)
    yield f"  fields that some test noticed: {len(found.noticed)} of {found.fields}, {alone} of them one test alone"
    told = sorted(found.noticed, key=lambda field: (len(field.noticed_by), field.route, field.pointer))
    shown = told if verbose else told[:_SHOWN_NOTICED]
    for field in shown:
        names = field.noticed_by if verbose else field.noticed_by[:1]
        more = len(field.noticed_by) - len(names)
        by = ", ".join(names) + (f" and {more} more" if more else "")
        place = field.pointer or "the whole document"
        yield printable(f"    {field.route} {place}: {by} ({len(field.noticed_by)} of {len(field.cases)} cases)")
    if len(told) > len(shown):
        yield f"    and {len(told) - len(shown)} more (-v shows them)"
