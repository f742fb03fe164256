"""The measure of now beside one of before: the last good run, or a revision of git."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from greenproof.adapters.repository.measured import read_folder, read_revision
from greenproof.analysis.measure import Measure, accept, compare, form_of, read_form
from greenproof.analysis.measure.comparing import test_counts
from greenproof.model.errors import UsageError
from greenproof.model.measure import Acceptance, Form, MeasureReport


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
    return report(measure(form_of(files)), measure(present(root)), (), f"revision {commit[:12]}")


def present(root: Path) -> Form:
    """The measure as the files of a folder say it now."""
    return form_of(read_folder(root))


def measure(form: object) -> Measure:
    """The measure of a form that this version has made."""
    found = read_form(form)
    assert found is not None
    return found


def report(
    before: Measure, after: Measure, acceptances: tuple[Acceptance, ...], name: str, at: str = ""
) -> MeasureReport:
    """What changed from one measure to the other, and what a person said of it."""
    found = compare(before, after)
    made = accept(found, acceptances, today(), name, at)
    return replace(made, tests=test_counts(before, after))


def today() -> str:
    """The day, UTC."""
    return datetime.now(UTC).date().isoformat()
