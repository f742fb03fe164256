"""The past: cases, components and whole runs, read from the ledger by its indexes.

Nothing here reads more than it was asked for: the history of one case over many runs costs as many events as there
are runs, and with a limit as many as the limit.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from greenproof.ledger.entry import Entry
from greenproof.ledger.interface import EventLedger
from greenproof.ledger.projections import runs
from greenproof.ledger.subjects import CASE, SERVICE
from greenproof.model.events import (
    CaseFinished,
    CasesPlanned,
    CasesSelected,
    PerformanceMeasured,
    ReadingTaken,
    ReleaseDeployed,
    RolledBack,
    VerdictReached,
)
from greenproof.model.facts import TARGET_PROBE, Release
from greenproof.model.history import CasePast, ComponentPast, PerformancePast, RunRecord, RunSummary

_OF_CASES = ("CaseFinished", "VerdictReached")
_OF_RUNS = ("RunStarted", "ReleaseDeployed", "RolledBack", "RunJudged", "RunFinished")
_OF_RECORDS = (
    *_OF_CASES,
    "CasesPlanned",
    "CasesSelected",
    "PerformanceMeasured",
    "ReadingTaken",
    "ReleaseDeployed",
    "RolledBack",
)
_OTHERS = 10
"""Other runs that are read to know how much a value varies."""


def summaries(ledger: EventLedger) -> tuple[RunSummary, ...]:
    """Every run, in the order of its first event. Counts of events are those of the few that tell about runs."""
    return runs(ledger.entries(kinds=_OF_RUNS))


def of_releases(ledger: EventLedger) -> tuple[RunSummary, ...]:
    """The runs that say something of what was live: those against side releases are left out."""
    return tuple(run for run in summaries(ledger) if not run.side)


def case_past(ledger: EventLedger, case: str, limit: int | None = None) -> tuple[CasePast, ...]:
    """What each turn of each run showed of one case, the newest first; at most `limit`."""
    return tuple(islice(_case_past(ledger, case), limit))


def _case_past(ledger: EventLedger, case: str) -> Iterator[CasePast]:
    told: set[tuple[str, int, str]] = set()
    for entry in ledger.about(CASE, case, _OF_CASES):
        past = _past(entry)
        # Newest first: the verdict of a turn comes before what the runner said, which it holds too.
        if past is not None and (key := (past.run, past.cycle, past.suite)) not in told:
            told.add(key)
            yield past


def _past(entry: Entry) -> CasePast | None:
    event = entry.event
    if isinstance(event, VerdictReached):
        verdict = event.verdict
        return CasePast(
            verdict.id,
            entry.run,
            event.cycle,
            entry.at,
            entry.seq,
            entry.hash,
            event.suite,
            verdict.outcome,
            verdict.verdict,
            verdict.reasons,
            verdict.duration_s,
            verdict.sensitivity,
            event.release,
            tuple(dict.fromkeys((*event.evidence, *verdict.exchanges, *verdict.receipts))),
        )
    if isinstance(event, CaseFinished):
        record = event.case
        timed = record.call_start_ns is not None and record.call_end_ns is not None
        spent = (record.call_end_ns or 0) - (record.call_start_ns or 0) if timed else None
        return CasePast(
            record.id,
            entry.run,
            event.cycle,
            entry.at,
            entry.seq,
            entry.hash,
            event.suite,
            record.outcome,
            duration_s=None if spent is None else round(spent / 1e9, 6),
            release=event.release,
            evidence=event.evidence,
        )
    return None


def component_past(ledger: EventLedger, name: str, limit: int | None = None) -> tuple[ComponentPast, ...]:
    """Every reading of one service, dependency or target, the newest first; at most `limit`."""
    entries = tuple(islice(ledger.about(SERVICE, name, ("ReadingTaken",)), limit))
    deployed = _deployed(ledger, {entry.run for entry in entries})
    found = (_component(entry, deployed.get(entry.run, ())) for entry in entries)
    return tuple(past for past in found if past is not None)


def _deployed(ledger: EventLedger, wanted: set[str]) -> Mapping[str, Sequence[Entry]]:
    """What these runs made live, by run."""
    found: dict[str, list[Entry]] = {}
    for kind in ("ReleaseDeployed", "RolledBack"):
        for entry in ledger.latest(kind):
            if entry.run in wanted:
                found.setdefault(entry.run, []).append(entry)
    return found


def _component(entry: Entry, deployed: Iterable[Entry]) -> ComponentPast | None:
    event = entry.event
    if not isinstance(event, ReadingTaken):
        return None
    reading = event.reading
    live = max((e for e in deployed if e.seq < entry.seq), key=lambda e: e.seq, default=None)
    made = live.event if live else None
    release: Release | None = made.release if isinstance(made, ReleaseDeployed | RolledBack) else None
    held = {r.service: r.name for r in release.revisions} if release else {}
    return ComponentPast(
        reading.service,
        entry.run,
        event.cycle,
        reading.at,
        entry.seq,
        entry.hash,
        reading.probe,
        reading.state,
        reading.ok,
        reading.identity or held.get(reading.service),
        reading.latency_ms,
        made.duration_s or None if isinstance(made, ReleaseDeployed) else None,
        release.name if release else None,
        reading.detail,
    )


def run_record(ledger: EventLedger, summary: RunSummary) -> RunRecord:
    """One run with everything that a comparison needs; evidence ids of cases are left out."""
    cases: dict[str, CasePast] = {}
    components: dict[str, ComponentPast] = {}
    planned: tuple[str, ...] = ()
    selected: tuple[str, ...] = ()
    bodies: Mapping[str, str] = {}
    performance: dict[str, PerformancePast] = {}
    deployed: list[Entry] = []
    kinds = (
        *_OF_CASES,
        "PerformanceMeasured",
        "CasesPlanned",
        "CasesSelected",
        "ReadingTaken",
        "ReleaseDeployed",
        "RolledBack",
    )
    for entry in ledger.entries(summary.run, kinds):
        match entry.kind:
            case "CaseFinished" | "VerdictReached":
                past = _past(entry)
                if past is not None:
                    cases[past.id] = replace(past, evidence=())
            case "ReadingTaken":
                component = _component(entry, deployed)
                if component is not None and component.probe != TARGET_PROBE:
                    components[component.name] = component
            case "ReleaseDeployed" | "RolledBack":
                deployed.append(entry)
            case _:
                event = entry.event
                if isinstance(event, CasesPlanned):
                    planned, bodies = event.cases, event.bodies
                elif isinstance(event, CasesSelected):
                    selected = event.cases
                elif isinstance(event, PerformanceMeasured):
                    performance[event.name] = _promise(event)
    judged = tuple(case for case, past in cases.items() if past.verdict is not None)
    known = dict.fromkeys((*(planned or judged or selected), *cases))
    return RunRecord(summary, tuple(known), cases, components, bodies, performance)


def _promise(event: PerformanceMeasured) -> PerformancePast:
    return PerformancePast(event.name, event.met, event.measure, event.statistic, event.limit_ms, event.value_ms)


def others_of_kind(
    every: Sequence[RunSummary], wanted: RunSummary, without: Iterable[str], *, most: int = _OTHERS
) -> tuple[str, ...]:
    """The latest judged runs of the same command, suite, arguments and environment, except some."""
    left_out = set(without)
    alike = [
        run.run
        for run in every
        if run.judged
        and run.run not in left_out
        and (run.command, run.suite, run.arguments, run.environment, run.side)
        == (wanted.command, wanted.suite, wanted.arguments, wanted.environment, wanted.side)
    ]
    return tuple(alike[-most:])


def durations(ledger: EventLedger, runs_: Iterable[str]) -> Mapping[str, list[float]]:
    """Seconds of each case that passed, over some runs, by id."""
    found: dict[str, list[float]] = {}
    for run in runs_:
        for entry in ledger.entries(run, ("VerdictReached",)):
            verdict = entry.body.get("verdict")
            if isinstance(verdict, Mapping) and verdict.get("outcome") == "passed":
                spent, case = verdict.get("duration_s"), verdict.get("id")
                if isinstance(spent, int | float) and isinstance(case, str):
                    found.setdefault(case, []).append(float(spent))
    return found


def latencies(ledger: EventLedger, runs_: Iterable[str]) -> Mapping[str, list[float]]:
    """Milliseconds of the last good reading of each component, over some runs, by name."""
    found: dict[str, list[float]] = {}
    for run in runs_:
        last: dict[str, float] = {}
        for entry in ledger.entries(run, ("ReadingTaken",)):
            event = entry.event
            if isinstance(event, ReadingTaken) and event.reading.ok and event.reading.latency_ms is not None:
                last[event.reading.service] = event.reading.latency_ms
        for name, value in last.items():
            found.setdefault(name, []).append(value)
    return found


def promises(ledger: EventLedger, runs_: Iterable[str]) -> Mapping[str, list[float]]:
    """Milliseconds that were measured of each promise about time, over some runs, by name."""
    found: dict[str, list[float]] = {}
    for run in runs_:
        for entry in ledger.entries(run, ("PerformanceMeasured",)):
            event = entry.event
            if isinstance(event, PerformanceMeasured) and event.value_ms is not None:
                found.setdefault(event.name, []).append(event.value_ms)
    return found
