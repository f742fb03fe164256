"""`greenproof ledger`: verify and read the record of every run."""

from dataclasses import asdict
from pathlib import Path

import click

from greenproof.cli.context import config_option, write_json
from greenproof.cli.recorded import recorded
from greenproof.cli.usage import Group
from greenproof.ledger import projections
from greenproof.model.exits import ExitCode
from greenproof.reporting.summary import printable


@click.group(cls=Group)
def ledger() -> None:
    """The record of every run: verify it, read it."""


@ledger.command()
@config_option
@click.option("--head", metavar="HASH", help="A head that a worklog printed; it shows whether the tail was lost.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout.")
def verify(config: Path | None, head: str | None, as_json: bool) -> ExitCode:
    """Check that no event and no evidence was changed, removed, inserted or reordered."""
    with recorded(config) as book:
        found = book.verify(head)
    if as_json:
        write_json("-", {"schema": "greenproof.verification/1", "intact": found.intact, **asdict(found)})
        return ExitCode.VERIFIED if found.intact else ExitCode.FAILED
    for finding in found.findings:
        click.echo(f"{finding.code}: {printable(finding.text)}")
    state = "intact" if found.intact else f"not intact, {len(found.findings)} findings"
    click.echo(f"{state}: {found.entries} events, {found.evidence} pieces of evidence")
    click.echo(f"head: {found.head}")
    if found.head_seq is not None:
        later = found.entries - found.head_seq
        click.echo(f"the given head is that of event {found.head_seq}; it says nothing about the {later} after it")
    if not found.head_checked:
        click.echo("without --head a lost tail can't be noticed; every worklog prints the head of its time", err=True)
    return ExitCode.VERIFIED if found.intact else ExitCode.FAILED


@ledger.command()
@config_option
def runs(config: Path | None) -> None:
    """Every run: its id, command, environment and verdict."""
    with recorded(config) as book:
        for run in projections.runs(book.entries(kinds=("RunStarted", "RunJudged", "RunFinished"))):
            state = (run.verdict or "not judged") if run.finished else "cut off, or still running"
            if run.exit_code == ExitCode.INTERRUPTED:
                state = "interrupted"
            beside = f", on the side release {printable(run.side)}" if run.side else ""
            click.echo(f"{run.run}  {run.command:8} {run.environment:12} {state}{beside}")
