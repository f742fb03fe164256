"""`greenproof drift`: what is declared, deployed and expected by the tests, and what was so in the last good state."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from greenproof.cli.completing import names_in
from greenproof.cli.context import check_json_place, config_option, environment_option, load_plan, write_json
from greenproof.cli.output import show
from greenproof.ledger import EventLedger
from greenproof.model.errors import LedgerError
from greenproof.model.exits import ExitCode
from greenproof.model.plan import Plan


@click.command()
@config_option
@environment_option
@click.option("--suite", shell_complete=names_in("suites"), help="The tests; else the first suite of the file.")
@click.option(
    "--against",
    type=click.Choice(["last-good", "deployed", "tests"]),
    help="Only one comparison: what changed since the last good state; what is declared beside what is deployed; or "
    "what is deployed beside what the tests expect.",
)
@click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON; '-' is stdout.")
@click.option("-v", "--verbose", is_flag=True, help="Show long lists as a whole.")
def drift(
    config: Path | None,
    environment: str | None,
    suite: str | None,
    against: str | None,
    json_file: str | None,
    verbose: bool,
) -> ExitCode:
    """Where configuration drifted: ports, URLs, time-outs, subprotocols, pool sizes, keys, certificates, names.

    Changes nothing. Keys are shown as digests only. Exits with 1 if what is deployed is not what is declared, or the
    tests expect something else than is deployed; 5 if nothing is deployed; 6 if something that counts could not be
    seen, such as the live parts of an environment that is down; else 0. What changed since the last good state counts
    only with --against last-good.
    """
    # Imported late: --help needs none of it.
    from greenproof.analysis.drift import exit_code
    from greenproof.loop.drifting import drift_of, ground_of
    from greenproof.loop.lastgood import last_good
    from greenproof.loop.platforms import platform_of
    from greenproof.loop.requests import environment_of, suite_of
    from greenproof.reporting.drift import drift_document, drift_lines

    check_json_place(json_file)
    plan = load_plan(config)
    chosen = environment_of(plan, environment)
    tests = suite_of(plan, suite) if suite is not None or plan.suites else None
    ground = ground_of(plan, chosen, platform_of(plan, chosen), _file(config))
    with _ledger(plan) as ledger:
        found = drift_of(ground, tests, last_good(ledger, ground, tests), against)
    code = exit_code(found)
    if json_file != "-":
        show(drift_lines(found, code, verbose=verbose))
    if json_file:
        write_json(json_file, drift_document(found, code))
    return code


def _file(config: Path | None) -> Path | None:
    from greenproof.config import find

    return config or find(Path.cwd())


@contextmanager
def _ledger(plan: Plan) -> Iterator[EventLedger | None]:
    """The record of earlier runs; None: there is none yet, and none is made."""
    from greenproof.ledger import Ledger

    try:
        ledger = Ledger.open(plan.state / "ledger.db", create=False)
    except LedgerError as error:
        if error.code != "ledger-missing":
            raise
        yield None
        return
    with ledger:
        yield ledger
