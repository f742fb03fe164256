"""`greenproof measure`: what changed in the tests themselves."""

from pathlib import Path

import click

from greenproof.cli.context import config_option, write_json
from greenproof.cli.output import show
from greenproof.cli.usage import Group
from greenproof.model.errors import LedgerError, UsageError
from greenproof.model.exits import ExitCode
from greenproof.model.measure import Acceptance, MeasureReport


def _root(config: Path | None) -> Path:
    from greenproof.config import find

    # A configuration that is wrong can be compared all the same.
    from greenproof.config.reading import read

    if config is not None and not config.is_file():
        read(config)  # says what is wrong with it
    found = config or find(Path.cwd())
    return found.absolute().parent if found else Path.cwd()


def _compared(root: Path, revision: str | None) -> MeasureReport:
    """What changed since a revision, or since the last good run."""
    # Imported late: --help needs none of it.
    from greenproof.ledger import Ledger
    from greenproof.loop.measuring import since_last_good, since_revision

    if revision is not None:
        return since_revision(root, revision)
    try:
        ledger = Ledger.open(root / ".greenproof" / "ledger.db", create=False)
    except LedgerError as error:
        if error.code != "ledger-missing":
            raise
        return MeasureReport(None, why=f"there is no ledger in {root}")
    with ledger:
        return since_last_good(root, ledger).report


@click.group(cls=Group)
def measure() -> None:
    """What changed in the tests themselves, so that they may be green for less."""


@measure.command()
@click.argument("revision", metavar="[REV]", required=False)
@config_option
@click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout.")
@click.option("-v", "--verbose", is_flag=True, help="Show long lists as a whole.")
def diff(revision: str | None, config: Path | None, as_json: bool, verbose: bool) -> ExitCode:
    """What was weakened in tests, helpers and their configuration since REV (of git), or since the last good run.

    Exits with 6 when something was weakened that nobody has accepted, 5 when there is nothing to compare with, else 0.
    """
    from greenproof.reporting.measure import measure_document, measure_lines

    found = _compared(_root(config), revision)
    if as_json:
        write_json("-", measure_document(found))
    else:
        show(measure_lines(found, verbose=verbose))
    if found.before is None:
        return ExitCode.NOTHING_VERIFIED
    return ExitCode.INCONCLUSIVE if found.open else ExitCode.VERIFIED


@measure.command()
@click.argument("finding")
@click.option("--reason", required=True, help="Why it is all right.")
@click.option(
    "--expires", required=True, metavar="DATE|DAYS", help="The last day on which this holds; or how many days."
)
@click.option("--by", metavar="TEXT", help="Who says so; else git's user.name, or the user of this machine.")
@click.option("--since", "revision", metavar="REV", help="The finding is one against this revision of git.")
@config_option
def accept(
    finding: str, reason: str, expires: str, by: str | None, revision: str | None, config: Path | None
) -> ExitCode:
    """Accept a FINDING (the id that `measure diff` prints) for a while.

    It is written into greenproof-accepted.toml beside the configuration: commit that file, so that others can review
    it.
    """
    from greenproof.config.accepted import write_accepted
    from greenproof.loop.measuring import last_day, today

    root = _root(config)
    day = last_day(expires)
    if not reason.strip():
        raise UsageError(
            "an acceptance needs a reason",
            code="option-value",
            where="--reason",
            expected="a sentence that others understand",
        )
    found = _compared(root, revision)
    known = {one.id: one for one in (*found.open, *(f for f, _ in found.accepted))}
    alike = [one for id_, one in known.items() if id_ == finding] or [
        one for id_, one in known.items() if len(finding) > 4 and id_.startswith(finding)
    ]
    if len(alike) != 1:
        raise UsageError(
            f"there is no finding {finding[:80]!r}" if not alike else f"several findings begin with {finding[:80]!r}",
            code="unknown-finding",
            where="FINDING",
            expected="an id under `weakened`, as `greenproof measure diff` prints it",
            hint=f"it was compared with {found.before}" if found.before else found.why,
        )
    (one,) = alike
    word = Acceptance(one.id, reason.strip(), by or _who(root), today(), day, one.code, one.subject)
    path = write_accepted(root, word)
    show([f"accepted until {day}: {one.id} {one.subject} [{one.code}]", f"commit {path.name}, so that it is reviewed"])
    return ExitCode.VERIFIED


def _who(root: Path) -> str:
    import getpass

    from greenproof.adapters.repository.git import user

    named = user(root)
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise UsageError(
            "nobody knows who you are",
            code="option-value",
            where="--by",
            expected="a name, for the file of acceptances",
        ) from error
