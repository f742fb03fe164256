"""Projections: what the entries of a ledger say, as pure functions."""

from collections.abc import Iterable
from dataclasses import replace

from greenproof.ledger.entry import Entry
from greenproof.model.events import (
    CaseFinished,
    Event,
    ReadingTaken,
    ReleaseDeployed,
    RolledBack,
    RunFinished,
    RunJudged,
    RunStarted,
    VerdictReached,
)
from greenproof.model.facts import Reading, Release
from greenproof.model.history import RunSummary


def runs(entries: Iterable[Entry]) -> tuple[RunSummary, ...]:
    """Every run, in the order of its first event."""
    found: dict[str, RunSummary] = {}
    for entry in entries:
        known = found.get(entry.run) or RunSummary(entry.run, entry.at, entry.at)
        known = replace(known, last=entry.at, events=known.events + 1)
        found[entry.run] = _after(known, entry.event)
    return tuple(found.values())


def last_run(
    entries: Iterable[Entry],
    before: str | None = None,
    *,
    suite: str | None = None,
    verdict: str | None = None,
) -> RunSummary | None:
    """The latest finished run: earlier than the run `before`, of a suite, with a verdict."""
    latest = None
    for summary in runs(entries):
        if summary.run == before:
            break
        if summary.finished and suite in {None, summary.suite} and verdict in {None, summary.verdict}:
            latest = summary
    return latest


def cases_of(entries: Iterable[Entry], run: str) -> tuple[CaseFinished, ...]:
    """The last word of the runner about each case of a run, in the order in which they first finished."""
    found: dict[tuple[str, str], CaseFinished] = {}
    for event in _events_of(entries, run):
        if isinstance(event, CaseFinished):
            found[event.suite, event.case.id] = event
    return tuple(found.values())


def verdicts_of(entries: Iterable[Entry], run: str) -> tuple[VerdictReached, ...]:
    """The last verdict about each case of a run."""
    found: dict[tuple[str, str], VerdictReached] = {}
    for event in _events_of(entries, run):
        if isinstance(event, VerdictReached):
            found[event.suite, event.verdict.id] = event
    return tuple(found.values())


def readings_of(entries: Iterable[Entry], run: str) -> tuple[Reading, ...]:
    """Every reading of a run, in order."""
    return tuple(event.reading for event in _events_of(entries, run) if isinstance(event, ReadingTaken))


def release_of(entries: Iterable[Entry], run: str) -> Release | None:
    """The release that a run made live last; None when it deployed nothing."""
    live = None
    for event in _events_of(entries, run):
        if isinstance(event, ReleaseDeployed | RolledBack):
            live = event.release
    return live


def _events_of(entries: Iterable[Entry], run: str) -> Iterable[Event]:
    return (entry.event for entry in entries if entry.run == run)


def _after(known: RunSummary, event: Event) -> RunSummary:
    known = replace(known, cycles=max(known.cycles, getattr(event, "cycle", 0)))
    match event:
        case RunStarted():
            # A run that is taken up again is no longer finished.
            return replace(
                known,
                command=event.command,
                environment=event.environment,
                suite=event.suite,
                exit_code=None,
                arguments=event.arguments,
                faults=event.faults,
                side=event.side,
            )
        case ReleaseDeployed() | RolledBack():
            held = tuple((r.service, r.name) for r in event.release.revisions)
            return replace(known, release=event.release.name, revisions=held)
        case RunJudged():
            return replace(
                known,
                verdict=event.verdict,
                suite=known.suite or event.suite or None,
                release=event.release or known.release,
                revisions=known.revisions or event.revisions,
            )
        case RunFinished():
            return replace(known, verdict=event.verdict, exit_code=event.exit_code, cycles=event.cycles)
        case _:
            return known
