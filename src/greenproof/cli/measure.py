"""`greenproof measure`: what changed in the tests themselves."""

from pathlib import Path

import click

from greenproof.cli.context import config_option, load_plan, write_json
from greenproof.cli.output import show
from greenproof.cli.usage import Group
from greenproof.model.exits import ExitCode


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
    from greenproof.loop.measuring import since_revision
    from greenproof.reporting.measure import measure_document, measure_lines

    plan = load_plan(config, required=False)
    found = since_revision(plan.root, revision or "HEAD")
    if as_json:
        write_json("-", measure_document(found))
    else:
        show(measure_lines(found, verbose=verbose))
    if found.before is None:
        return ExitCode.NOTHING_VERIFIED
    return ExitCode.INCONCLUSIVE if found.open else ExitCode.VERIFIED
