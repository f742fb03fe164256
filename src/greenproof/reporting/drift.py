"""Drift, for people and as JSON (`drift.schema.json` beside this file)."""

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

from greenproof.model.drift import Difference, Drift, Pair, Setting, Snapshot
from greenproof.model.exits import ExitCode
from greenproof.model.text import printable

SCHEMA = "greenproof.drift/1"
_SHOWN = 40
_WIDE = 200
_TITLES = {
    "declared-deployed": "declared and deployed",
    "deployed-tests": "deployed and tests",
    "last-good-declared": "declared, since the last good state",
    "last-good-deployed": "deployed, since the last good state",
    "last-good-tests": "tests, since the last good state",
}
_WORDS = {
    ExitCode.VERIFIED: "no drift that matters",
    ExitCode.FAILED: "something that matters differs",
    ExitCode.NOTHING_VERIFIED: "nothing could be compared",
    ExitCode.INCONCLUSIVE: "nothing that was seen differs, but not everything could be seen",
}


def drift_lines(found: Drift, code: ExitCode, *, verbose: bool = False) -> Iterator[str]:
    """Plain lines, readable without colour: what was compared, then each pair, then the sum."""
    suite = f", suite {found.suite}" if found.suite else ""
    yield printable(f"environment {found.environment}{suite}")
    for snapshot in found.snapshots:
        yield printable(f"  {snapshot.side.value:9} {_what(snapshot)}")
    for snapshot in found.snapshots:
        for why in snapshot.missing:
            yield printable(f"not seen: {snapshot.side.value}: {why}")
    for pair in found.pairs:
        yield ""
        yield from _pair(pair, verbose)
    yield ""
    yield f"drift: {_WORDS[code]}"


def _what(snapshot: Snapshot) -> str:
    if snapshot.absent:
        return f"nothing: {snapshot.absent}"
    at = f", {snapshot.at}" if snapshot.at else ""
    return f"{_many(len(snapshot.settings), 'setting')} of {snapshot.name}{at}"


def _pair(pair: Pair, verbose: bool) -> Iterator[str]:
    title = _TITLES[pair.name]
    if pair.absent:
        yield printable(f"{title}: not compared: {pair.absent}")
        return
    matters = [one for one in pair.differences if one.matters]
    notes = [one for one in pair.differences if not one.matters]
    beside = f"{len(matters)} of {_many(pair.compared, 'setting')}"
    told = f", {_many(len(notes), 'note')}" if notes else ""
    yield printable(f"{title} ({beside}{told}; {pair.first} -> {pair.second})")
    shown = [*matters, *notes]
    groups = _alike(shown)
    for group in groups if verbose else groups[:_SHOWN]:
        yield from _difference(group)
    if not verbose and len(groups) > _SHOWN:
        yield f"  and {sum(len(group) for group in groups[_SHOWN:])} more (-v shows them)"


def _alike(differences: Sequence[Difference]) -> list[list[Difference]]:
    """Those of several services that share a source, or a value, stand together."""
    groups: dict[object, list[Difference]] = {}
    for one in differences:
        values = tuple(setting.value if setting else None for setting in (one.first, one.second))
        groups.setdefault((one.name, one.state, one.matters, one.text, values), []).append(one)
    return list(groups.values())


def _difference(group: Sequence[Difference]) -> Iterator[str]:
    one = group[0]
    note = "" if one.matters else "note: "
    subjects = ", ".join(each.subject for each in group)
    yield printable(f"  {note}{one.state.value}: {subjects}: {one.name} [{one.kind.value}] {one.id}")
    yield printable(f"    {one.text}")
    for setting in (one.first, one.second):
        yield f"    {_side(setting)}"


def _side(setting: Setting | None) -> str:
    if setting is None:
        return "-"
    value = setting.value if len(setting.value) <= _WIDE else setting.value[:_WIDE] + " ..."
    return printable(f"{value}  ({setting.source})")


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def drift_document(found: Drift, code: ExitCode) -> dict[str, Any]:
    """Plain JSON values."""
    return {
        "schema": SCHEMA,
        "environment": found.environment,
        "suite": found.suite,
        "exit_code": int(code),
        "drift": any(one.matters for pair in found.pairs if pair.counts for one in pair.differences),
        "snapshots": [_snapshot(one) for one in found.snapshots],
        "last_good": [_snapshot(one) for one in found.last_good],
        "pairs": [
            {
                "name": pair.name,
                "first": pair.first,
                "second": pair.second,
                "compared": pair.compared,
                "absent": pair.absent or None,
                "counts": pair.counts,
                "differences": [_plain(one) for one in pair.differences],
            }
            for pair in found.pairs
        ],
    }


def _snapshot(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "side": snapshot.side.value,
        "of": snapshot.name,
        "at": snapshot.at or None,
        "absent": snapshot.absent or None,
        "missing": list(snapshot.missing),
        "settings": _settings(snapshot.settings),
    }


def _settings(settings: Sequence[Setting]) -> list[dict[str, Any]]:
    return [{"subject": one.subject, "name": one.name, **_value(one)} for one in settings]


def _value(one: Setting) -> dict[str, Any]:
    source = one.source
    place = {"origin": source.origin.value, "where": source.where, "line": source.line or None}
    return {"kind": one.kind.value, "value": one.value, "role": one.role.value, "source": place}


def _plain(one: Difference) -> dict[str, Any]:
    return {
        "id": one.id,
        "state": one.state.value,
        "kind": one.kind.value,
        "subject": one.subject,
        "name": one.name,
        "matters": one.matters,
        "text": one.text,
        "first": None if one.first is None else _value(one.first),
        "second": None if one.second is None else _value(one.second),
    }


def schema() -> dict[str, Any]:
    """The published JSON Schema of a result."""
    loaded: dict[str, Any] = json.loads(files("greenproof.reporting").joinpath("drift.schema.json").read_text("utf-8"))
    return loaded
