"""`greenproof doctor`: what this machine has, and what each missing thing costs."""

from pathlib import Path

import click

from greenproof.cli.context import config_option, load_plan, write_json
from greenproof.cli.output import show
from greenproof.cli.talk import Talk, talk_options
from greenproof.model.exits import ExitCode


@click.command()
@config_option
@click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON; '-' is stdout.")
@talk_options
@click.pass_context
def doctor(context: click.Context, config: Path | None, json_file: str | None, talk: Talk) -> None:
    """Look at everything that a run needs: interpreters, plugin, relay, certificates, servers, browser, targets.

    Says for each what was seen, what its absence costs, and what provides it. Works without a configuration, too. Exit
    code 0 if everything that is required is there, else 1.
    """
    # Imported late: the relay brings half of the program along.
    from greenproof.loop.doctoring import checkup
    from greenproof.reporting.checkup import checkup_document, checkup_lines

    plan = load_plan(config, required=False)
    findings = list(checkup(plan, lambda text: talk.say(f"looking at {text}")))
    if json_file:
        write_json(json_file, checkup_document(findings))
    if json_file != "-":
        show(checkup_lines(findings))
    context.exit(ExitCode.FAILED if any(found.stops for found in findings) else ExitCode.VERIFIED)
