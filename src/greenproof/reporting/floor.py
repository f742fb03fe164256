"""The floor of a suite, as a person reads it and as JSON (`floor.schema.json` beside this file)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from greenproof.model.floor import Backend, Finding, Floor, FloorCase, FloorRow, Share
from greenproof.reporting.summary import printable

SCHEMA = "greenproof.floor/1"
_SHOWN = 50
_NAMED = (
    (Finding.INVERTED, "green on a dead backend, red on the static one"),
    (Finding.BLIND, "green on every backend"),
    (Finding.PARTLY_BLIND, "green on some"),
    (Finding.NOT_RUN, "decided on none"),
)


def floor_document(floor: Floor) -> dict[str, Any]:
    """The result as plain JSON values."""
    return {
        "schema": SCHEMA,
        "at": floor.at,
        "command": list(floor.command),
        "targets": list(floor.targets),
        "floor": _shares(floor.total),
        "summary": {
            "cases": len(floor.cases),
            "backends": {b.value: _counts(floor.total.shares[b]) for b in Backend},
            "findings": {f.value: sum(case.finding is f for case in floor.cases) for f in Finding},
            "duration_s": {b.value: round(s, 3) for b, s in floor.duration_s.items()},
            "case_timeout_s": floor.case_timeout_s,
        },
        "files": [_row(row) for row in floor.files],
        "categories": [_row(row) for row in floor.categories],
        "priorities": [_row(row) for row in floor.priorities],
        "cases": [_case(case) for case in floor.cases],
        "unreached": [{"id": c.id, "why": c.unreached} for c in floor.cases if c.unreached],
        "notes": list(floor.notes),
    }


def _shares(row: FloorRow) -> dict[str, float | None]:
    values = {b.value: row.shares[b].value for b in Backend} | {"worst": row.worst}
    return {name: None if value is None else round(value, 6) for name, value in values.items()}


def _counts(share: Share) -> dict[str, int]:
    return {"passed": share.passed, "decided": share.decided}


def _row(row: FloorRow) -> dict[str, Any]:
    counts = {b.value: _counts(row.shares[b]) for b in Backend}
    return {"name": row.name, "cases": row.cases, "floor": _shares(row), "backends": counts}


def _case(case: FloorCase) -> dict[str, Any]:
    return {
        "id": case.id,
        "outcomes": {b.value: case.outcomes[b].value for b in Backend},
        "finding": case.finding.value,
        "cut_off": [b.value for b in case.cut_off],
        "reason": case.reason,
        "unreached": case.unreached,
    }


def schema() -> dict[str, Any]:
    """The published JSON Schema of a floor."""
    text = files("greenproof.reporting").joinpath("floor.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def floor_lines(floor: Floor, *, verbose: bool = False) -> Iterator[str]:
    """Plain lines, readable without colour: the number, what limits it, where it comes from, and from whom."""
    limit = len(floor.cases) if verbose else _SHOWN
    if floor.measured:
        yield f"floor: {_worst(floor)} of the decided tests pass though no backend serves them"
    else:
        yield "floor: nothing was measured, since no test was decided on any backend"
    undecided = sum(case.finding is Finding.NOT_RUN for case in floor.cases)
    yield f"not measured: {undecided} of {len(floor.cases)} tests were decided on no backend"
    for note in floor.notes:
        yield f"note: {printable(note)}"
    if floor.measured:
        yield from _table("all", [floor.total], limit)
        yield from _table("file", floor.files, limit)
        yield from _table("category", floor.categories, limit)
        yield from _table("priority", floor.priorities, limit)
    for finding, meaning in _NAMED:
        yield from _cases(f"{finding.value}: {meaning}", [c for c in floor.cases if c.finding is finding], limit)
    yield from _listed("cut off", [(c.id, _on(c)) for c in floor.cases if c.cut_off], limit)
    for why in dict.fromkeys(case.unreached for case in floor.cases if case.unreached):
        unreached = [(case.id, "") for case in floor.cases if case.unreached == why]
        yield from _listed(f"never seen to reach a backend: {why}", unreached, limit)
    if not floor.measured and floor.tail:
        yield from ("", "the last lines of the command")
        yield from (f"  | {printable(line)}" for line in floor.tail[-10:])


def _worst(floor: Floor) -> str:
    worst = next(b for b in Backend if floor.total.shares[b].value == floor.total.worst)
    share = floor.total.shares[worst]
    return f"{_percent(share.value)} ({share.passed} of {share.decided}, worst backend: {worst.value})"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:.0f} %"


def _table(title: str, rows: Sequence[FloorRow], limit: int) -> Iterator[str]:
    if not rows:
        return
    # The worst first: that is where a green says least.
    ordered = sorted(rows, key=lambda row: -1.0 if row.worst is None else row.worst, reverse=True)
    width = max(len(title), *(min(len(row.name), 48) for row in ordered[:limit]))
    yield ""
    yield f"{title:{width}}  {'worst':>6}" + "".join(f"  {b.value:>14}" for b in Backend)
    for row in ordered[:limit]:
        cells = "".join(f"  {_cell(row.shares, b):>14}" for b in Backend)
        yield f"{printable(row.name):{width}}  {_percent(row.worst):>6}{cells}"
    yield from _more(len(rows) - limit)


def _cell(shares: Mapping[Backend, Share], backend: Backend) -> str:
    share = shares[backend]
    return f"{share.passed} of {share.decided}" if share.decided else "-"


def _cases(title: str, cases: Sequence[FloorCase], limit: int) -> Iterator[str]:
    return _listed(title, [(case.id, _outcomes(case)) for case in cases], limit)


def _outcomes(case: FloorCase) -> str:
    if case.finding is Finding.BLIND:
        return ""
    if case.finding is Finding.NOT_RUN:
        return case.reason or ""
    return ", ".join(f"{b.value}: {case.outcomes[b].value}" for b in Backend)


def _on(case: FloorCase) -> str:
    return "on " + ", ".join(b.value for b in case.cut_off)


def _listed(title: str, cases: Sequence[tuple[str, str]], limit: int) -> Iterator[str]:
    if not cases:
        return
    name, colon, meaning = title.partition(":")
    yield ""
    yield f"{name} ({len(cases)}){colon}{meaning}"
    for case, detail in cases[:limit]:
        yield f"  {printable(case)}  {printable(detail)}".rstrip()
    yield from _more(len(cases) - limit)


def _more(hidden: int) -> Iterator[str]:
    if hidden > 0:
        yield f"  and {hidden} more (-v shows them)"
