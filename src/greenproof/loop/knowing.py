"""What was known before: the conclusions of the last judged run of the same kind, as the ledger has them."""

from greenproof.ledger import EventLedger
from greenproof.ledger.past import of_releases
from greenproof.model.conclusions import Conclusion
from greenproof.model.errors import LedgerError
from greenproof.model.events import PerformanceMeasured, RunJudged, RunStarted, VerdictReached


def concluded_before(ledger: EventLedger, started: RunStarted) -> tuple[Conclusion, ...]:
    """Verdicts on cases and promises of the last turn of that run; empty: there is no such run."""
    wanted = (started.command, started.suite, started.arguments, started.environment)
    for run in reversed(of_releases(ledger)):
        alike = (run.command, run.suite, run.arguments, run.environment) == wanted
        if run.run != started.run and alike and (found := _conclusions(ledger, run.run)):
            return found
    return ()


def _conclusions(ledger: EventLedger, run: str) -> tuple[Conclusion, ...]:
    entries = tuple(ledger.entries(run, ("VerdictReached", "PerformanceMeasured", "RunJudged")))
    events = [entry.event for entry in entries]
    judged = [event for event in events if isinstance(event, RunJudged)]
    there = bool(judged) and all(_is_there(ledger, identifier) for identifier in judged[-1].evidence)
    found: dict[tuple[str, str], Conclusion] = {}
    for entry, event in zip(entries, events, strict=True):
        about = said = subject = None
        if isinstance(event, VerdictReached):
            about, subject, said = "case", event.verdict.id, event.verdict.verdict.value
        elif isinstance(event, PerformanceMeasured) and event.value_ms is not None:
            about, subject, said = "promise", event.name, event.met
        if about and subject and said and isinstance(event, VerdictReached | PerformanceMeasured):
            found[about, subject] = Conclusion(
                about, subject, said, run, entry.at, event.release, entry.seq, entry.hash, there
            )
    return tuple(found.values())


def _is_there(ledger: EventLedger, identifier: str) -> bool:
    try:
        ledger.evidence(identifier)
    except (LedgerError, OSError):
        return False
    return True
