"""`greenproof prove`: run a test command in the user's own environment and judge every case."""

from dataclasses import replace
from pathlib import Path

import click

from greenproof.adapters.platforms.base import Platform
from greenproof.cli.completing import assigned
from greenproof.cli.context import check_json_place, config_option, environment_option, load_plan, write_json
from greenproof.cli.output import show
from greenproof.cli.progress import listener_for, tell_tail
from greenproof.cli.sensing import Sensing, sensitivity_options
from greenproof.cli.talk import Level, Talk, talk_options
from greenproof.cli.values import CaseGlob, Finite
from greenproof.loop.journal import Journal
from greenproof.loop.platforms import platform_of
from greenproof.loop.proving import prove as run_proof
from greenproof.loop.requests import Overrides, environment_of, pairs, prove_request
from greenproof.loop.sensing import sense
from greenproof.model.exits import ExitCode
from greenproof.model.plan import Environment, Plan
from greenproof.reporting.result import result
from greenproof.reporting.summary import summary_lines


@click.command(context_settings={"ignore_unknown_options": False})
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
@click.option(
    "--expect",
    multiple=True,
    metavar="NAME=REVISION",
    shell_complete=assigned("targets"),
    help="The revision that answers must come from.",
)
@config_option
@environment_option
@click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON; '-' is stdout.")
@click.option("--no-faults", is_flag=True, help="Only the plain run; 'inconclusive' at best.")
@click.option(
    "--confine",
    is_flag=True,
    help="Give the tests a network in which nothing is but the relay, so that no client can pass it by (Linux).",
)
@click.option(
    "--repeat-faults",
    is_flag=True,
    help="Make all fault runs again, also of cases that were proven before under the same conditions.",
)
@click.option("--fail-fast", is_flag=True, help="Stop the plain run at the first failure.")
@click.option("--timeout", default=900.0, show_default=True, type=Finite(1, 86_400), help="Seconds for a run.")
@click.option(
    "--removed",
    multiple=True,
    metavar="GLOB",
    type=CaseGlob(),
    help="Cases of the last good run that are gone on purpose; say it once.",
)
@sensitivity_options
@talk_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def prove(
    targets: tuple[str, ...],
    variables: tuple[str, ...],
    expect: tuple[str, ...],
    config: Path | None,
    environment: str | None,
    json_file: str | None,
    no_faults: bool,
    confine: bool,
    repeat_faults: bool,
    fail_fast: bool,
    timeout: float,
    removed: tuple[str, ...],
    command: tuple[str, ...],
    sensing: Sensing,
    talk: Talk,
) -> ExitCode:
    """Run COMMAND (any pytest command, after '--') and judge each case: is its green real?

    Nothing is installed in the environment of the tests. Passed cases run twice more, with the answers on their
    routes replaced, so the suite's own writes are made three times. What was proven within the last 7 days and was not
    touched since is not repeated.
    """
    check_json_place(json_file)
    plan = load_plan(config, required=False)
    chosen = environment_of(plan, environment)
    overrides = Overrides(
        targets=pairs("--target", targets),
        variables=pairs("--env", variables),
        expect=pairs("--expect", expect),
        faults=not no_faults,
        fail_fast=fail_fast,
        timeout=timeout,
        removed=removed,
        confine=confine,
    )
    platform = _platform_for(plan, chosen, overrides)
    request = prove_request(plan, chosen, platform, command, overrides)
    policy = sensing.policy(plan.sensitivity, faults=request.faults)
    secrets = platform.secrets().values() if platform else ()
    with Journal.open(plan, chosen, secrets=secrets, arguments=command, faults=request.faults) as journal:
        listener = listener_for(journal, talk)
        proof = run_proof(journal.informed(request, not repeat_faults), listener, journal.run)
        journal.judged(proof)
        if policy is not None:
            found = sense(proof, request, policy, listener)
            journal.sensed(found)
            proof = replace(proof, sensitivity=found)
        head = journal.finish(proof.verdict.exit_code)
    talk.rest()
    tell_tail(talk, proof.plain, proof.tail)
    talk.say(f"recorded as run {proof.run}; the ledger's head is {head}")
    if json_file != "-":
        show(summary_lines(proof, verbose=talk.level >= Level.VERBOSE))
    if json_file:
        write_json(json_file, result(proof, head=head))
    return proof.verdict.exit_code


def _platform_for(plan: Plan, environment: Environment, overrides: Overrides) -> Platform | None:
    """The platform is asked only when a target is one of its services."""
    names = list(overrides.targets) or [t.name for t in plan.targets]
    configured = {t.name: t for t in plan.targets}
    needed = any(n in configured and n not in overrides.targets and configured[n].service for n in names)
    return platform_of(plan, environment) if needed else None
