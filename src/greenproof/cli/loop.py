"""`greenproof loop`: turns of the release loop, durable, each with a worklog."""

from pathlib import Path

import click

from greenproof.cli.completing import names_in
from greenproof.cli.context import (
    check_json_place,
    config_option,
    environment_option,
    load_plan,
    write_json,
)
from greenproof.cli.output import show, tell, tell_lines
from greenproof.cli.progress import listener_for, tell_tail
from greenproof.cli.talk import Level, Talk, talk_options
from greenproof.cli.values import CaseGlob, Finite
from greenproof.loop.cycle import CycleOptions
from greenproof.loop.platforms import platform_of
from greenproof.loop.requests import environment_of, suite_of
from greenproof.loop.run import Limits, Outcome
from greenproof.loop.unattended import Order, unattended
from greenproof.model.errors import UsageError
from greenproof.model.exits import ExitCode
from greenproof.reporting.conclusions import known_line
from greenproof.reporting.result import result
from greenproof.reporting.summary import summary_lines
from greenproof.reporting.worklog import worklog


@click.command()
@config_option
@environment_option
@click.option("--suite", "suite_name", shell_complete=names_in("suites"), help="The suite; else the first of the file.")
@click.option(
    "--until", type=click.Choice(["verified", "stopped"]), help="Turn after turn until then; without it, one turn."
)
@click.option("--hours", type=Finite(0, min_open=True), help="At most so many hours of work; else 8.")
@click.option(
    "--cycles", type=click.IntRange(1, 10_000), help="At most so many turns; else 50 with --until, 1 without."
)
@click.option(
    "--no-progress",
    type=click.IntRange(1),
    help="Stop after so many turns with the same failures on the same release; else 3.",
)
@click.option("--new", is_flag=True, help="Begin another run, also if one was cut off; else that one goes on.")
@click.option("--no-wait", is_flag=True, help="Don't wait for another loop that is at work on the environment.")
@click.option(
    "--read-only",
    is_flag=True,
    help="Observe and judge, change nothing, and show it: working tree, release, traffic and data, before and after.",
)
@click.option("--limit", type=click.IntRange(1), help="At most so many cases, the most important ones.")
@click.option("--no-deploy", is_flag=True, help="Judge the release that is there.")
@click.option("--no-rollback", is_flag=True, help="Stay on a release on which a gating case failed.")
@click.option(
    "--repeat-faults",
    is_flag=True,
    help="Make all fault runs again, also of cases that were proven before under the same conditions.",
)
@click.option("--no-faults", is_flag=True, help="Only the plain run; 'inconclusive' at best.")
@click.option("--no-fail-fast", is_flag=True, help="Run every phase, even after a gating one is red.")
@click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON; '-' is stdout.")
@click.option(
    "--removed",
    multiple=True,
    metavar="GLOB",
    type=CaseGlob(),
    help="Cases of the last good run that are gone on purpose; say it once.",
)
@talk_options
def loop(
    config: Path | None,
    environment: str | None,
    suite_name: str | None,
    until: str | None,
    hours: float | None,
    cycles: int | None,
    no_progress: int | None,
    new: bool,
    no_wait: bool,
    read_only: bool,
    limit: int | None,
    no_deploy: bool,
    no_rollback: bool,
    no_faults: bool,
    repeat_faults: bool,
    no_fail_fast: bool,
    json_file: str | None,
    removed: tuple[str, ...],
    talk: Talk,
) -> ExitCode:
    """Ready, deploy, select, execute, judge, remedy, report: turn after turn, with a worklog of each.

    A loop that is killed goes on where it was when it is started again.
    """
    check_json_place(json_file)
    plan = load_plan(config)
    chosen = environment_of(plan, environment)
    if chosen.kind == "production":
        raise UsageError(
            f"the loop is refused on {chosen.name}, which is a production environment",
            code="production-loop",
            where=f"environments.{chosen.name}",
            expected="an environment of kind local or staging",
        )
    order = Order(
        plan,
        chosen,
        suite_of(plan, suite_name),
        platform_of(plan, chosen, talk.say),
        CycleOptions(
            deploy=not no_deploy,
            fail_fast=not no_fail_fast,
            limit=limit,
            faults=not no_faults,
            removed=removed,
            repeat_faults=repeat_faults,
            rollback=not no_rollback,
        ),
        Limits(
            until or "",
            cycles or (plan.loop.cycles if until else 1),
            hours or plan.loop.hours,
            no_progress or plan.loop.no_progress,
        ),
        new,
        not no_wait,
    )
    if read_only:
        if until or no_rollback or no_deploy or new:
            raise UsageError(
                "--read-only is one turn that changes nothing, so there is nothing else to choose",
                code="read-only-options",
                where="--read-only",
                expected="--read-only without --until, --new, --no-deploy and --no-rollback",
            )
        return _observe(order, json_file, talk)
    ended = unattended(order, worklog, lambda journal: listener_for(journal, talk), talk.say)
    talk.rest()
    code = ExitCode.INTERRUPTED
    if ended.outcome is not None:
        code = _tell_outcome(ended.outcome, ended.head, json_file, talk)
    if ended.stopped is not None:
        tell(ended.stopped)
    talk.say(f"recorded as run {ended.run}; the ledger's head is {ended.head}")
    talk.say("the environment stays up; `greenproof down` stops it")
    return code


def _observe(order: Order, json_file: str | None, talk: Talk) -> ExitCode:
    """One turn that changes nothing."""
    from greenproof.loop.readonly import begin, observe
    from greenproof.reporting.unchanged import unchanged_lines

    with begin(order) as journal:
        observed = observe(order, journal, listener_for(journal, talk), worklog)
    talk.rest()
    state, proof = observed.cycle.state, observed.cycle.proof
    if json_file and proof:
        write_json(json_file, result(proof, head=observed.head))
    if state.failure:
        tell_lines(state.failure.lines, ExitCode(state.failure.exit_code))
    if json_file != "-":
        if proof:
            tell_tail(talk, proof.plain, proof.tail)
            show(summary_lines(proof, verbose=talk.level >= Level.VERBOSE))
        elif observed.known is not None:
            show([known_line(observed.known)])
        show(unchanged_lines(observed.compared))
    talk.say(f"worklog: {state.worklog}")
    talk.say(f"recorded as run {journal.run}; the ledger's head is {observed.head}")
    return observed.exit_code


def _tell_outcome(outcome: Outcome, head: str, json_file: str | None, talk: Talk) -> ExitCode:
    """The last turn, and why there is no other; the exit code."""
    cycle = outcome.cycle
    if json_file and cycle.proof:
        write_json(json_file, result(cycle.proof, head=head))
    if cycle.state.failure:
        tell_lines(cycle.state.failure.lines, ExitCode(cycle.state.failure.exit_code))
    if cycle.proof:
        tell_tail(talk, cycle.proof.plain, cycle.proof.tail)
        if json_file != "-":
            show(summary_lines(cycle.proof, verbose=talk.level >= Level.VERBOSE))
    if cycle.state.worklog:
        talk.say(f"worklog: {cycle.state.worklog}")
    if outcome.decision.number > 1 or outcome.decision.reason not in ("verified", "one turn"):
        talk.say(f"ended after {outcome.decision.number} turns: {outcome.decision.reason}")
    return outcome.exit_code
