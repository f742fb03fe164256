"""`greenproof ledger`: verify and read the record of every run."""

from dataclasses import asdict
from pathlib import Path

import click

from greenproof.cli.context import config_option, write_json
from greenproof.ledger import Ledger, projections
from greenproof.model.errors import UsageError
from greenproof.model.exits import ExitCode
from greenproof.reporting.summary import printable


@click.group()
def ledger() -> None:
    """The record of every run: verify it, read it."""


def _place(config: Path | None) -> Path:
    from greenproof.config import find

    found = config or find(Path.cwd())
    path = (found.parent if found else Path.cwd()) / ".greenproof" / "ledger.db"
    if not path.exists():
        raise UsageError(
            "there is no ledger yet",
            code="no-ledger",
            where=str(path),
            expected="a ledger, which the first run writes",
            hint="greenproof prove or greenproof loop",
        )
    return path


@ledger.command()
@config_option
@click.option("--head", metavar="HASH", help="A head that a worklog printed; it shows whether the tail was lost.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout.")
def verify(config: Path | None, head: str | None, as_json: bool) -> ExitCode:
    """Check that no event and no evidence was changed, removed, inserted or reordered."""
    book = Ledger.open(_place(config))
    try:
        found = book.verify(head)
    finally:
        book.close()
    if as_json:
        write_json("-", {"schema": "greenproof.verification/1", "intact": found.intact, **asdict(found)})
        return ExitCode.VERIFIED if found.intact else ExitCode.FAILED
    for finding in found.findings:
        click.echo(f"{finding.code}: {printable(finding.text)}")
    state = "intact" if found.intact else f"not intact, {len(found.findings)} findings"
    click.echo(f"{state}: {found.entries} events, {found.evidence} pieces of evidence")
    click.echo(f"head: {found.head}")
    if not found.head_checked:
        click.echo("without --head a lost tail can't be noticed; every worklog prints the head of its time", err=True)
    return ExitCode.VERIFIED if found.intact else ExitCode.FAILED


@ledger.command()
@config_option
def runs(config: Path | None) -> None:
    """Every run: its id, command, environment and verdict."""
    book = Ledger.open(_place(config))
    try:
        for run in projections.runs(book.entries(kinds=("RunStarted", "RunJudged", "RunFinished"))):
            state = (run.verdict or "not judged") if run.finished else "cut off, or still running"
            if run.exit_code == ExitCode.INTERRUPTED:
                state = "interrupted"
            click.echo(f"{run.run}  {run.command:8} {run.environment:12} {state}")
    finally:
        book.close()
