"""`greenproof loop`: one turn of the release loop, with a worklog."""

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
from greenproof.cli.output import show, tell
from greenproof.cli.progress import listener_for, tell_tail
from greenproof.cli.talk import Level, Talk, talk_options
from greenproof.loop.cycle import Cycle, CycleOptions, run_cycle
from greenproof.loop.journal import Journal
from greenproof.loop.platforms import platform_of
from greenproof.loop.requests import environment_of, suite_of
from greenproof.model.errors import UsageError
from greenproof.model.exits import ExitCode
from greenproof.reporting.result import result
from greenproof.reporting.summary import summary_lines
from greenproof.reporting.worklog import worklog


@click.command()
@config_option
@environment_option
@click.option("--suite", "suite_name", shell_complete=names_in("suites"), help="The suite; else the first of the file.")
@click.option("--limit", type=click.IntRange(1), help="At most so many cases, the most important ones.")
@click.option("--no-deploy", is_flag=True, help="Judge the release that is there.")
@click.option(
    "--repeat-faults",
    is_flag=True,
    help="Make all fault runs again, also of cases that were proven before under the same conditions.",
)
@click.option("--no-faults", is_flag=True, help="Only the plain run; 'inconclusive' at best.")
@click.option("--no-fail-fast", is_flag=True, help="Run every phase, even after a gating one is red.")
@click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON; '-' is stdout.")
@click.option(
    "--removed", multiple=True, metavar="GLOB", help="Cases of the last good run that are gone on purpose; say it once."
)
@talk_options
def loop(
    config: Path | None,
    environment: str | None,
    suite_name: str | None,
    limit: int | None,
    no_deploy: bool,
    no_faults: bool,
    repeat_faults: bool,
    no_fail_fast: bool,
    json_file: str | None,
    removed: tuple[str, ...],
    talk: Talk,
) -> ExitCode:
    """Ready, deploy, select, execute, judge, report: one turn, and a worklog of it."""
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
    suite = suite_of(plan, suite_name)
    platform = platform_of(plan, chosen, talk.say)
    # A limit selects other cases, so it is part of what makes two runs comparable.
    arguments = (*suite.command, *((f"--limit={limit}",) if limit else ()))
    secrets, faults = platform.secrets().values(), not no_faults
    with Journal.open(plan, chosen, "loop", suite.name, secrets, arguments, faults) as journal:
        cycle = run_cycle(
            Cycle(
                plan,
                chosen,
                suite,
                platform,
                journal,
                listener_for(journal, talk),
                worklog,
                CycleOptions(not no_deploy, not no_fail_fast, limit, faults, removed, repeat_faults),
            )
        )
    talk.rest()
    if json_file and cycle.proof:
        write_json(json_file, result(cycle.proof, head=cycle.head))
    if cycle.failure:
        tell(cycle.failure)
    if cycle.proof:
        tell_tail(talk, cycle.proof.plain, cycle.proof.tail)
        if json_file != "-":
            show(summary_lines(cycle.proof, verbose=talk.level >= Level.VERBOSE))
    if cycle.worklog:
        talk.say(f"worklog: {cycle.worklog}")
    talk.say(f"recorded as run {journal.run}; the ledger's head is {cycle.head}")
    talk.say("the environment stays up; `greenproof down` stops it")
    return cycle.exit_code
