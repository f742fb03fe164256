"""The measure of now beside one of before: the last good run, or a revision of git."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from greenproof.adapters.repository.measured import read_folder, read_revision
from greenproof.analysis.authenticity import reasons
from greenproof.analysis.authenticity.claims import matches_any
from greenproof.analysis.measure import accept, compare_forms, count_tests, digest_of, form_of
from greenproof.config.accepted import LONGEST_DAYS, read_accepted
from greenproof.ledger import EventLedger
from greenproof.ledger.past import of_releases
from greenproof.model.errors import LedgerError, UsageError
from greenproof.model.events import CasesPlanned, MeasureKept
from greenproof.model.measure import Form, MeasureBaseline, Measured, MeasureFinding, MeasureReport, Weight
from greenproof.model.text import printable
from greenproof.model.verdicts import Reason

_GONE = "id-lost"


def since_revision(root: Path, revision: str) -> MeasureReport:
    """What changed in the working tree since a revision of git. Raises UsageError."""
    commit, files = read_revision(root, revision)
    if not files.texts and not files.unread:
        raise UsageError(
            f"the revision {commit[:12]} has no test and no configuration in this folder",
            code="revision-empty",
            where=str(root),
            expected="a revision in which this folder was already there",
            hint="the folder may have had another name then",
        )
    past = form_of(files)
    return _report(root, past, form_of(read_folder(root), known=past), f"revision {commit[:12]}")


def since_last_good(root: Path, ledger: EventLedger, removed: tuple[str, ...] = ()) -> Measured:
    """What changed since the last good run. Without one the report says so: that is not the same as no finding.

    Where every file is as it was then, nothing is parsed, and what that run kept is kept again.
    """
    baseline, files = last_measured(ledger), read_folder(root)
    digest = digest_of(files)
    if baseline is None:
        form = form_of(files)
        count = count_tests(form)
        why = f"no verified run has recorded what its tests were ({count} test functions now)"
        return Measured(MeasureReport(None, why=why, tests=(0, count)), digest, form)
    kept = _kept(ledger, baseline)
    if kept is not None and baseline.files == digest:
        made = accept((), (), today(), f"run {baseline.run}", baseline.at)
        return Measured(replace(made, tests=(baseline.tests, baseline.tests)), digest, None, baseline.evidence)
    past = _read(kept)
    form = form_of(files, known=past)
    report = _report(root, past, form, f"run {baseline.run}", baseline.at, (*baseline.removed, *removed))
    return Measured(report, digest, form)


def last_measured(ledger: EventLedger) -> MeasureBaseline | None:
    """The latest verified run in whose measure nothing was weakened against the good run before it.

    A run with accepted findings does not take its place: they would be forgotten, and would never expire.
    """
    good = {run.run: run for run in of_releases(ledger) if run.verdict == "verified" and run.exit_code == 0}
    removed: list[str] = []
    for entry in ledger.latest("MeasureKept"):
        event = entry.event
        if not isinstance(event, MeasureKept) or entry.run not in good:
            continue
        if event.weakened or event.accepted:
            removed += _removed(ledger, entry.run)
            continue
        evidence = event.evidence[0] if event.evidence else ""
        return MeasureBaseline(entry.run, good[entry.run].started, evidence, tuple(removed), event.files, event.tests)
    return None


def _kept(ledger: EventLedger, baseline: MeasureBaseline) -> bytes | None:
    """What a run kept, with its hash checked; None if it is lost or was changed."""
    try:
        return ledger.evidence(baseline.evidence)
    except LedgerError:
        return None


def _read(kept: bytes | None) -> Form:
    try:
        found = json.loads(kept or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _removed(ledger: EventLedger, run: str) -> list[str]:
    events = (entry.event for entry in ledger.entries(run, ("CasesPlanned",)))
    return [glob for event in events if isinstance(event, CasesPlanned) for glob in event.removed]


def gating(report: MeasureReport | None) -> tuple[Reason, ...]:
    """What keeps a run from being verified."""
    if report is None or not report.open:
        return ()
    first = report.open[0]
    text = (
        f"{len(report.open)} changes of the tests themselves may make them green for less; the first: {first.subject}"
    )
    return (reasons.MEASURE_WEAKENED.reason(f"{text} [{first.code}]."),)


def _report(
    root: Path, before: Form, form: Form, name: str, at: str = "", removed: tuple[str, ...] = ()
) -> MeasureReport:
    same = before == form
    compared = () if same else compare_forms(before, form)
    count = count_tests(form)
    if compared is None:
        return MeasureReport(None, why=f"what {name} recorded can't be read by this version", tests=(0, count))
    found = tuple(_meant(one, removed) for one in compared)
    made = accept(found, read_accepted(root), today(), name, at)
    return replace(made, tests=(count if same else count_tests(before), count))


def _meant(finding: MeasureFinding, removed: tuple[str, ...]) -> MeasureFinding:
    """A lost test of which somebody said with `--removed` that it is gone on purpose."""
    if finding.code == _GONE and removed and matches_any(finding.was, removed):
        return replace(finding, weight=Weight.NOTE, text=f"{finding.text[:-1]}, and --removed said that it is meant.")
    return finding


def today() -> str:
    """The day, UTC."""
    return datetime.now(UTC).date().isoformat()


def last_day(text: str) -> str:
    """The day that `--expires` means: a date, or a number of days from today. Raises UsageError."""
    now = datetime.now(UTC).date()
    try:
        day = now + timedelta(days=int(text)) if text.isdecimal() and len(text) < 6 else date.fromisoformat(text)
    except ValueError:
        day = now
    if not 0 < (day - now).days <= LONGEST_DAYS:
        raise UsageError(
            f"an acceptance can't hold until {printable(text[:40])!r}",
            code="acceptance-expiry",
            where="--expires",
            expected=f"a day to come, such as 2030-05-31, or a number of days; at most {LONGEST_DAYS} days from today",
        )
    return day.isoformat()
