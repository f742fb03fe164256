"""`greenproof side`: mixes of revisions and configuration beside the current release, without its traffic."""

from collections.abc import Iterator
from pathlib import Path

import click

from greenproof.cli.context import config_option, environment_option, load_plan, write_json
from greenproof.cli.mixing import Mixing, mixing_options
from greenproof.cli.output import show
from greenproof.cli.talk import Talk, talk_options
from greenproof.cli.usage import Group
from greenproof.loop.journal import Journal
from greenproof.loop.platforms import platform_of
from greenproof.loop.requests import environment_of
from greenproof.model.events import SideEnded, SideStarted
from greenproof.model.exits import ExitCode
from greenproof.model.sides import SideRelease
from greenproof.reporting.sides import side_document, side_lines

json_option = click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout.")
_ASKED = "asked for by a person"


@click.group(cls=Group)
def side() -> None:
    """Mixes of revisions and configuration, beside the current release and without its traffic."""


@side.command()
@click.argument("name")
@config_option
@environment_option
@mixing_options
@talk_options
@json_option
def up(name: str, config: Path | None, environment: str | None, as_json: bool, mixing: Mixing, talk: Talk) -> ExitCode:
    """Start the side release NAME, at addresses of its own, and wait until each service of it is ready.

    It stays until `greenproof side down NAME`, or `greenproof down`. The current release, its traffic and its data are
    not touched. Asked again for the same, it changes nothing.
    """
    plan = load_plan(config)
    chosen = environment_of(plan, environment)
    platform = platform_of(plan, chosen, talk.say)
    request = mixing.request(name)
    with Journal.open(plan, chosen, "side up", secrets=platform.secrets().values(), arguments=(name,)) as journal:
        talk.doing(f"side up {name}")
        known = {one.name: one.since for one in platform.sides()}
        made = platform.start_side(request)
        if known.get(name) != made.since:
            journal.happened(SideStarted(journal.cycle, chosen.name, made, f"{_ASKED}: {mixing.told}"))
        journal.finish(ExitCode.VERIFIED)
    talk.rest()
    _show((made,), as_json)
    talk.say(f"`greenproof prove --side {name} -- ...` tests it; `greenproof side down {name}` ends it")
    return ExitCode.VERIFIED


@side.command("list")
@config_option
@environment_option
@json_option
def list_sides(config: Path | None, environment: str | None, as_json: bool) -> None:
    """What runs beside the current release."""
    plan = load_plan(config)
    found = platform_of(plan, environment_of(plan, environment)).sides()
    _show(found, as_json)
    if not found and not as_json:
        click.echo("there is no side release", err=True)


@side.command()
@click.argument("name")
@config_option
@environment_option
@talk_options
def down(name: str, config: Path | None, environment: str | None, talk: Talk) -> None:
    """End the side release NAME; its copy of the data is removed."""
    plan = load_plan(config)
    chosen = environment_of(plan, environment)
    platform = platform_of(plan, chosen, talk.say)
    if not any(one.name == name for one in platform.sides()):
        # Says which there are.
        platform.side(name)
    with Journal.open(plan, chosen, "side down", secrets=platform.secrets().values(), arguments=(name,)) as journal:
        talk.doing(f"side down {name}")
        if platform.end_side(name):
            journal.happened(SideEnded(journal.cycle, chosen.name, name, _ASKED))
        journal.finish(ExitCode.VERIFIED)
    talk.rest()
    click.echo(f"{name} is down")


def _show(found: tuple[SideRelease, ...], as_json: bool) -> None:
    if as_json:
        write_json("-", {"schema": "greenproof.sides/1", "sides": [side_document(one) for one in found]})
        return
    show(_lines(found))


def _lines(found: tuple[SideRelease, ...]) -> Iterator[str]:
    for one in found:
        yield from side_lines(one)
