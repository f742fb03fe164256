"""`greenproof floor`: what a suite is worth before anything is deployed."""

from pathlib import Path

import click

from greenproof.cli.completing import assigned
from greenproof.cli.context import check_json_place, config_option, load_plan, write_json
from greenproof.cli.output import show
from greenproof.cli.talk import Level, Talk, talk_options
from greenproof.cli.values import Finite
from greenproof.loop.flooring import FloorListener, floor_request, measure
from greenproof.loop.requests import pairs
from greenproof.model.exits import ExitCode
from greenproof.reporting.floor import floor_document, floor_lines


@click.command()
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="NAME=URL",
    shell_complete=assigned("targets"),
    help="An address that the tests talk to.",
)
@click.option(
    "--env", "variables", multiple=True, metavar="VARIABLE=NAME", help="A variable that holds a target's address."
)
@config_option
@click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON; '-' is stdout.")
@click.option(
    "--case-timeout",
    default=30.0,
    show_default=True,
    type=Finite(0.1, 86_400),
    help="Seconds after which a case is cut off; it counts as failed.",
)
@click.option(
    "--timeout",
    default=900.0,
    show_default=True,
    type=Finite(1, 86_400),
    help="Seconds for the whole measurement.",
)
@talk_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def floor(
    targets: tuple[str, ...],
    variables: tuple[str, ...],
    config: Path | None,
    json_file: str | None,
    case_timeout: float,
    timeout: float,
    command: tuple[str, ...],
    talk: Talk,
) -> ExitCode:
    """Run COMMAND (any pytest command, after '--') against backends that can't serve it, and tell what passes anyway.

    Three times: nothing listens, 503 to everything, 200 and {"status":"healthy"} to everything. These stand in the
    place of the targets; nothing is sent to their real addresses. Exits with 0 when it could measure, else with 5.
    """
    check_json_place(json_file)
    plan = load_plan(config, required=False)
    request = floor_request(
        plan,
        command,
        targets=pairs("--target", targets),
        variables=pairs("--env", variables),
        case_timeout=case_timeout,
        timeout=timeout,
    )
    measured = measure(
        request,
        FloorListener(
            talk.say,
            lambda backend, record: talk.case(record),
            lambda backend: talk.doing(backend.value),
            talk.output,
        ),
    )
    talk.rest()
    if json_file:
        write_json(json_file, floor_document(measured))
    if json_file != "-":
        show(floor_lines(measured, verbose=talk.level >= Level.VERBOSE))
    return ExitCode.VERIFIED if measured.measured else ExitCode.NOTHING_VERIFIED
