"""The measure of now beside one of before: the last good run, or a revision of git."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from greenproof.adapters.repository.measured import read_folder, read_revision
from greenproof.analysis.authenticity import reasons
from greenproof.analysis.authenticity.claims import matches_any
from greenproof.analysis.measure import Measure, accept, compare, form_of, read_form
from greenproof.analysis.measure.comparing import test_counts
from greenproof.config.accepted import LONGEST_DAYS, read_accepted
from greenproof.ledger import EventLedger
from greenproof.ledger.past import summaries
from greenproof.model.errors import LedgerError, UsageError
from greenproof.model.events import CasesPlanned, MeasureKept
from greenproof.model.measure import Form, MeasureBaseline, MeasureFinding, MeasureReport, Weight
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
    return _report(root, _measure(form_of(files)), present(root), f"revision {commit[:12]}")


def since_last_good(root: Path, ledger: EventLedger, form: Form, removed: tuple[str, ...] = ()) -> MeasureReport:
    """What changed since the last good run. Without one the report says so: that is not the same as no finding."""
    baseline = last_measured(ledger)
    now = _measure(form)
    count = (0, test_counts(now, now)[1])
    if baseline is None:
        why = "no verified run has recorded what its tests were"
        return MeasureReport(None, why=f"{why} ({count[1]} test functions now)", tests=count)
    before = read_form(baseline.form)
    if before is None:
        return MeasureReport(None, why=f"what run {baseline.run} recorded can't be read by this version", tests=count)
    return _report(root, before, form, f"run {baseline.run}", baseline.at, (*baseline.removed, *removed), baseline.form)


def last_measured(ledger: EventLedger) -> MeasureBaseline | None:
    """The latest verified run in whose measure nothing was weakened against the good run before it.

    A run with accepted findings does not take its place: they would be forgotten, and would never expire.
    """
    good = {run.run: run for run in summaries(ledger) if run.verdict == "verified" and run.exit_code == 0}
    removed: list[str] = []
    for entry in ledger.latest("MeasureKept"):
        event = entry.event
        if not isinstance(event, MeasureKept) or entry.run not in good:
            continue
        if event.weakened or event.accepted:
            removed += _removed(ledger, entry.run)
            continue
        try:
            form = json.loads(ledger.evidence(event.evidence[0]))
        except (LedgerError, ValueError, IndexError, RecursionError):
            form = {}
        return MeasureBaseline(entry.run, good[entry.run].started, form, tuple(removed))
    return None


def _removed(ledger: EventLedger, run: str) -> list[str]:
    events = (entry.event for entry in ledger.entries(run, ("CasesPlanned",)))
    return [glob for event in events if isinstance(event, CasesPlanned) for glob in event.removed]


def present(root: Path) -> Form:
    """The measure as the files of a folder say it now."""
    return form_of(read_folder(root))


def gating(report: MeasureReport | None) -> tuple[Reason, ...]:
    """What keeps a run from being verified."""
    if report is None or not report.open:
        return ()
    first = report.open[0]
    text = (
        f"{len(report.open)} changes of the tests themselves may make them green for less; the first: {first.subject}"
    )
    return (reasons.MEASURE_WEAKENED.reason(f"{text} [{first.code}]."),)


def _measure(form: object) -> Measure:
    found = read_form(form)
    assert found is not None
    return found


def _report(
    root: Path,
    before: Measure,
    form: Form,
    name: str,
    at: str = "",
    removed: tuple[str, ...] = (),
    before_form: Form | None = None,
) -> MeasureReport:
    after = _measure(form)
    same = before_form is not None and before_form == form
    found = () if same else tuple(_meant(one, removed) for one in compare(before, after))
    made = accept(found, read_accepted(root), today(), name, at)
    return replace(made, tests=test_counts(before, after))


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
