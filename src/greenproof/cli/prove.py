"""`greenproof prove`: run a test command in the user's own environment and judge every case."""

import contextlib
from dataclasses import replace
from pathlib import Path

import click

from greenproof.adapters.platforms.base import Platform
from greenproof.cli.completing import assigned
from greenproof.cli.context import check_json_place, config_option, environment_option, load_plan, write_json
from greenproof.cli.mixing import Mixing, mixing_options
from greenproof.cli.output import show
from greenproof.cli.progress import listener_for, tell_tail
from greenproof.cli.sensing import Sensing, sensitivity_options
from greenproof.cli.talk import Level, Talk, talk_options
from greenproof.cli.values import CaseGlob, Finite
from greenproof.loop.journal import Journal
from greenproof.loop.platforms import platform_of
from greenproof.loop.proof_request import Listener, ProofRequest, new_run_id
from greenproof.loop.proving import prove as run_proof
from greenproof.loop.requests import Overrides, check_side, environment_of, pairs, prove_request
from greenproof.loop.sensing import sense
from greenproof.loop.siding import Aside, present_side, side_release, tested
from greenproof.model.errors import UsageError
from greenproof.model.exits import ExitCode
from greenproof.model.plan import Environment, Plan, SensitivityPolicy
from greenproof.model.proof import Proof
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
@click.option("--side", metavar="NAME", help="Test this side release, and not the current one.")
@mixing_options
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
    side: str | None,
    mixing: Mixing,
    sensing: Sensing,
    talk: Talk,
) -> ExitCode:
    """Run COMMAND (any pytest command, after '--') and judge each case: is its green real?

    Nothing is installed in the environment of the tests. Passed cases run twice more, with the answers on their
    routes replaced, so the suite's own writes are made three times. What was proven within the last 7 days and was not
    touched since is not repeated.

    With --with, --set, --unset, --base or --data a side release is started for this run, tested, and ended.
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
        side=side is not None or mixing.wanted,
    )
    if overrides.side:
        _check_side(plan, overrides, side, mixing)
    platform = _platform_for(plan, chosen, overrides, talk)
    if platform is not None:
        platform.clear_abandoned()
    aside = present_side(platform, side) if platform is not None and side is not None else None
    serving = aside.serving if aside else platform
    # What is wrong with it is said before anything is started, but for a side release that is not there yet.
    request = None if mixing.wanted else prove_request(plan, chosen, serving, command, overrides)
    policy = sensing.policy(plan.sensitivity, faults=overrides.faults)
    secrets = platform.secrets().values() if platform else ()
    run = new_run_id()
    name = side or (f"run-{run[-6:]}" if mixing.wanted else "")
    wanted = mixing.request(name)
    with Journal.open(
        plan, chosen, secrets=secrets, arguments=command, faults=overrides.faults, run=run, side=name
    ) as journal:
        listener = listener_for(journal, talk)
        with contextlib.ExitStack() as stack:
            if request is None:
                assert platform is not None
                talk.doing(f"side release {name}")
                aside = stack.enter_context(side_release(platform, chosen, wanted, journal, mixing.told))
                request = prove_request(plan, chosen, aside.serving, command, overrides)
            if aside is not None:
                tested(journal, chosen, aside, mixing.told if mixing.wanted else "asked for by a person")
            proof = _proof(journal, request, not repeat_faults, listener, policy, aside)
        head = journal.finish(proof.verdict.exit_code)
    talk.rest()
    tell_tail(talk, proof.plain, proof.tail)
    talk.say(f"recorded as run {proof.run}; the ledger's head is {head}")
    if json_file != "-":
        show(summary_lines(proof, verbose=talk.level >= Level.VERBOSE))
    if json_file:
        write_json(json_file, result(proof, head=head))
    return proof.verdict.exit_code


def _proof(
    journal: Journal,
    request: ProofRequest,
    remember: bool,
    listener: Listener,
    policy: SensitivityPolicy | None,
    aside: Aside | None,
) -> Proof:
    """Run and judge, and record it; then try further faults, if that is wanted."""
    proof = run_proof(journal.informed(request, remember), listener, journal.run)
    proof = replace(proof, side=aside.release if aside else None)
    journal.judged(proof)
    if policy is None:
        return proof
    found = sense(proof, request, policy, listener)
    journal.sensed(found)
    return replace(proof, sensitivity=found)


def _check_side(plan: Plan, overrides: Overrides, side: str | None, mixing: Mixing) -> None:
    """Options that make no sense together. Raises UsageError."""
    if side is not None and mixing.wanted:
        raise UsageError(
            "--side names a side release that runs, and the others ask for a new one",
            code="option-conflict",
            where="--side, and --with, --set, --unset, --base or --data",
            expected="--side alone, or the others without it",
        )
    check_side(plan, overrides)


def _platform_for(plan: Plan, environment: Environment, overrides: Overrides, talk: Talk) -> Platform | None:
    """The platform is asked only when a target is one of its services."""
    names = list(overrides.targets) or [t.name for t in plan.targets]
    configured = {t.name: t for t in plan.targets}
    needed = any(n in configured and n not in overrides.targets and configured[n].service for n in names)
    return platform_of(plan, environment, talk.say) if needed else None
