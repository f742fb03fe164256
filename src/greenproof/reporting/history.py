"""The history of cases and components: for people, and as JSON (`history.schema.json` beside this file)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from greenproof.model.history import CasePast, ComponentPast, RunSummary
from greenproof.model.text import printable

SCHEMA = "greenproof.history/1"
_HASH = 12


@dataclass(frozen=True, slots=True)
class CaseHistory:
    """What the runs showed of one case, the newest first."""

    name: str
    entries: tuple[CasePast, ...]
    more: bool = False
    """There are earlier ones."""


@dataclass(frozen=True, slots=True)
class ComponentHistory:
    """The readings of one service, dependency or target, the newest first."""

    name: str
    entries: tuple[ComponentPast, ...]
    more: bool = False


type History = Sequence[CaseHistory] | Sequence[ComponentHistory]


def history_lines(
    found: History, runs: Mapping[str, RunSummary], matched: int, *, verbose: bool = False
) -> Iterator[str]:
    """One subject with all its entries; of several the newest entry each."""
    if len(found) == 1 and matched == 1:
        yield from _whole(found[0], runs, verbose)
        return
    yield f"{matched} match; the newest entry of each (name one for its history)"
    for subject in found:
        yield ""
        yield printable(subject.name)
        for entry in subject.entries[:1]:
            yield from _entry(entry, runs.get(entry.run), verbose)
    if matched > len(found):
        yield ""
        yield f"and {matched - len(found)} more (--limit shows more)"


def _whole(subject: CaseHistory | ComponentHistory, runs: Mapping[str, RunSummary], verbose: bool) -> Iterator[str]:
    count = len(subject.entries)
    more = "; there are earlier ones (--limit shows more)" if subject.more else ""
    yield f"{printable(subject.name)}: {count} {'entry' if count == 1 else 'entries'}, the newest first{more}"
    for entry in subject.entries:
        yield ""
        yield from _entry(entry, runs.get(entry.run), verbose)


def _entry(entry: CasePast | ComponentPast, run: RunSummary | None, verbose: bool) -> Iterator[str]:
    cycle = f", cycle {entry.cycle}" if entry.cycle != 1 else ""
    yield f"  {entry.at}  run {entry.run}{cycle}{_released(entry, run)}"
    yield from _case(entry) if isinstance(entry, CasePast) else _component(entry)
    evidence = ""
    if isinstance(entry, CasePast) and entry.evidence:
        evidence = f"; evidence: {', '.join(map(printable, entry.evidence)) if verbose else len(entry.evidence)}"
    yield f"    event {entry.event}, hash {entry.hash[:_HASH]}{evidence}"


def _released(entry: CasePast | ComponentPast, run: RunSummary | None) -> str:
    revisions = ", ".join(f"{name}={revision}" for name, revision in (run.revisions if run else ()))
    release = entry.release or (run.release if run else None)
    said = f"  release {release or 'unnamed'}"
    if run and run.side:
        said = f"  side release {run.side}: {release or 'unnamed'}"
    return printable(f"{said} ({revisions})" if revisions else said)


def _case(entry: CasePast) -> Iterator[str]:
    said = [f"the runner said {entry.outcome.value}" if entry.outcome else "it never ran"]
    if entry.duration_s is not None:
        said.append(f"{entry.duration_s:.3f} s")
    if entry.sensitivity is not None:
        said.append(f"noticed {entry.sensitivity:.0%} of the faults")
    yield f"    {entry.verdict.value if entry.verdict else 'not judged'}: {', '.join(said)}"
    for reason in entry.reasons:
        yield f"    {reason.code}: {printable(reason.text)}"


def _component(entry: ComponentPast) -> Iterator[str]:
    said = [f"{printable(entry.state)} ({printable(entry.probe)})"]
    if entry.latency_ms is not None:
        said.append(f"{entry.latency_ms:.1f} ms")
    said.append(f"revision {printable(entry.revision)}" if entry.revision else "revision unnamed")
    if entry.ready_s is not None:
        said.append(f"the release was ready after {entry.ready_s:.1f} s")
    yield f"    {', '.join(said)}"
    if entry.detail:
        yield f"    {printable(entry.detail)}"


def history_document(kind: str, asked: str, found: History, runs: Mapping[str, RunSummary], matched: int) -> Any:
    """Plain JSON values. `kind` is `case` or `service`."""
    return {
        "schema": SCHEMA,
        "kind": kind,
        "asked": asked,
        "matched": matched,
        "subjects": [
            {
                "name": subject.name,
                "more": subject.more,
                "entries": [_document(entry, runs.get(entry.run)) for entry in subject.entries],
            }
            for subject in found
        ],
    }


def _document(entry: CasePast | ComponentPast, run: RunSummary | None) -> dict[str, Any]:
    common = {
        "run": entry.run,
        "cycle": entry.cycle,
        "at": entry.at,
        "event": entry.event,
        "hash": entry.hash,
        "command": run.command if run else None,
        "environment": run.environment if run else None,
        "release": entry.release or (run.release if run else None),
        "side": (run.side or None) if run else None,
        "revisions": dict(run.revisions) if run else {},
    }
    if isinstance(entry, ComponentPast):
        return common | {
            "probe": entry.probe,
            "state": entry.state,
            "ok": entry.ok,
            "revision": entry.revision,
            "latency_ms": entry.latency_ms,
            "ready_s": entry.ready_s,
            "detail": entry.detail,
        }
    return common | {
        "suite": entry.suite or None,
        "outcome": entry.outcome.value if entry.outcome else None,
        "verdict": entry.verdict.value if entry.verdict else None,
        "reasons": [{"code": r.code, "text": r.text, "evidence": list(r.evidence)} for r in entry.reasons],
        "duration_s": entry.duration_s,
        "sensitivity": entry.sensitivity,
        "evidence": list(entry.evidence),
    }


def schema() -> dict[str, Any]:
    """The published JSON Schema of a history."""
    loaded: dict[str, Any] = json.loads(
        files("greenproof.reporting").joinpath("history.schema.json").read_text("utf-8")
    )
    return loaded
