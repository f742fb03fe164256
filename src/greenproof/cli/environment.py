"""`up`, `down`, `deploy`, `rollback`, `ready`, `status`, `logs`: the environment by hand."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import click

from greenproof.adapters.platforms.base import Platform
from greenproof.cli.completing import names_in
from greenproof.cli.context import config_option, environment_option, load_plan, write_json
from greenproof.cli.talk import Level, Talk, talk_options
from greenproof.loop.acting import Held, acting, held_by
from greenproof.loop.journal import Journal
from greenproof.loop.platforms import platform_of
from greenproof.loop.requests import environment_of
from greenproof.model.exits import ExitCode
from greenproof.model.facts import Release
from greenproof.model.plan import Environment, Plan
from greenproof.model.releases import ReleaseBook, Rollback
from greenproof.reporting.sides import side_line
from greenproof.reporting.summary import printable

json_option = click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout.")


def _chosen(
    config: Path | None, environment: str | None, talk: Talk | None = None
) -> tuple[Plan, Environment, Platform]:
    plan = load_plan(config)
    chosen = environment_of(plan, environment)
    return plan, chosen, platform_of(plan, chosen, talk.say if talk else None)


def _platform(config: Path | None, environment: str | None, talk: Talk | None = None) -> Platform:
    return _chosen(config, environment, talk)[2]


@click.command()
@config_option
@environment_option
@talk_options
@json_option
def up(config: Path | None, environment: str | None, as_json: bool, talk: Talk) -> ExitCode:
    """Start the environment, and the release that was live. Clears what a killed one left behind."""
    plan, chosen, platform = _chosen(config, environment, talk)
    talk.doing("up")
    found = platform.up()
    talk.rest()
    _show_status(plan, chosen, platform, as_json)
    # The environment is up, and a deploy can mend it; but what was live is not.
    return ExitCode.FAILED if found.failed else ExitCode.VERIFIED


@click.command()
@config_option
@environment_option
@talk_options
def down(config: Path | None, environment: str | None, talk: Talk) -> None:
    """Stop everything that `up` started. Data is kept."""
    plan, chosen, platform = _chosen(config, environment, talk)
    talk.doing("down")
    # Where nothing was ever started nothing is made, either.
    with acting(plan, chosen, platform, "down") if plan.state.exists() else contextlib.nullcontext():
        platform.down()
    talk.rest()
    click.echo("down")


@click.command()
@config_option
@environment_option
@talk_options
@json_option
@click.option("--plan", "only_plan", is_flag=True, help="Show what a deploy would change, and change nothing.")
def deploy(config: Path | None, environment: str | None, as_json: bool, only_plan: bool, talk: Talk) -> None:
    """Deploy the services as they are now, as one release. If one is not ready, the old release goes on serving."""
    if only_plan:
        _show_plan(_platform(config, environment, talk), as_json, talk)
        return
    plan, chosen, platform = _chosen(config, environment, talk)
    with (
        acting(plan, chosen, platform, "deploy"),
        Journal.open(plan, chosen, "deploy", secrets=platform.secrets().values()) as journal,
    ):
        journal.on_evidence = talk.verbose
        talk.doing("deploy")
        before = platform.status().current
        release = journal.deploy(platform.deploy)
        journal.deployed(release, before, platform.ready())
        journal.finish(ExitCode.VERIFIED)
    talk.rest()
    _show_release("deployed", release, as_json)
    talk.say("the environment stays up; `greenproof down` stops it")


@click.command()
@config_option
@environment_option
@talk_options
@json_option
@click.option("--to", metavar="RELEASE", help="To this release, in the place of the last known good one.")
def rollback(config: Path | None, environment: str | None, as_json: bool, to: str | None, talk: Talk) -> None:
    """Go back to the last known good release, else to the one before, as a whole."""
    plan, chosen, platform = _chosen(config, environment, talk)
    with (
        acting(plan, chosen, platform, "rollback"),
        Journal.open(plan, chosen, "rollback", secrets=platform.secrets().values()) as journal,
    ):
        talk.doing("rollback")
        done = platform.rollback(to)
        journal.rolled_back(done.release, done.abandoned)
        journal.finish(ExitCode.VERIFIED)
    talk.rest()
    _show_rollback(done, as_json, chosen=to is not None)


@click.command()
@config_option
@environment_option
@talk_options
@json_option
def ready(config: Path | None, environment: str | None, as_json: bool, talk: Talk) -> ExitCode:
    """Is each service ready, proven by its identity? Exit code 0: yes; 5: nothing is deployed; 1: no."""
    platform = _platform(config, environment, talk)
    talk.doing("ready")
    readings = platform.ready()
    talk.rest()
    if as_json:
        write_json("-", {"schema": "greenproof.readings/1", "readings": [dataclasses.asdict(r) for r in readings]})
    else:
        for reading in readings:
            latency = f"{reading.latency_ms:.1f} ms" if reading.latency_ms is not None else "-"
            identity = reading.identity or "-"
            click.echo(
                f"{reading.service:12} {reading.state:16} {latency:>10}  {identity}  {printable(reading.detail)}"
            )
    if all(reading.state == "absent" for reading in readings):
        return ExitCode.NOTHING_VERIFIED
    return ExitCode.VERIFIED if all(reading.ok for reading in readings) else ExitCode.FAILED


@click.command()
@config_option
@environment_option
@json_option
def status(config: Path | None, environment: str | None, as_json: bool) -> None:
    """What is deployed, where it listens, and in which state it is."""
    _show_status(*_chosen(config, environment), as_json)


@click.command()
@click.argument("service", shell_complete=names_in("services", "dependencies"))
@config_option
@environment_option
@click.option("-n", "--lines", default=200, show_default=True, type=click.IntRange(1, 100_000))
@click.option("-f", "--follow", is_flag=True, help="Go on as the log grows; Ctrl-C ends.")
def logs(service: str, config: Path | None, environment: str | None, lines: int, follow: bool) -> None:
    """Show the log of a service or dependency."""
    empty = True
    for line in _platform(config, environment).logs(service, lines, follow):
        empty = False
        click.echo(printable(line))
    if empty:
        click.echo(f"{service} has logged nothing yet", err=True)


def _show_plan(platform: Platform, as_json: bool, talk: Talk) -> None:
    # Imported late: no other command of this file needs it.
    from greenproof.reporting.planned import plan_document, plan_lines

    found = platform.plan()
    if as_json:
        write_json("-", plan_document(found))
        return
    for line in plan_lines(found, verbose=talk.level >= Level.VERBOSE):
        click.echo(line)


def _show_release(what: str, release: Release, as_json: bool) -> None:
    if as_json:
        write_json("-", {"schema": "greenproof.release/1", **dataclasses.asdict(release)})
        return
    click.echo(f"{what} {release.name}")
    for revision in release.revisions:
        click.echo(f"  {revision.name}")


def _show_rollback(done: Rollback, as_json: bool, *, chosen: bool) -> None:
    if as_json:
        write_json("-", {"schema": "greenproof.rollback/1", **dataclasses.asdict(done)})
        return
    _show_release("rolled back to", done.release, as_json)
    manner = "it was kept warm" if done.warm else "it was started again"
    took = f"{manner}, {done.duration_s:.2f} s" if done.abandoned else "it was live already"
    # A release that was left by a rollback is not known good any more, though it was proven once.
    why_not = "not known good" if chosen else "not known good: there was no other that is"
    proven = "known good" if done.known_good else why_not
    click.echo(f"{took}; {proven}")
    for change in done.undone:
        click.echo(f"taken back: the migration of {change.service} ({printable('; '.join(change.changes))})")


def _show_status(plan: Plan, environment: Environment, platform: Platform, as_json: bool) -> None:
    state, held = platform.status(), held_by(plan, environment)
    if as_json:
        loop = dataclasses.asdict(held) if held else None
        write_json("-", {"schema": "greenproof.status/1", **dataclasses.asdict(state), "loop": loop})
        return
    supervisor = f"supervisor {state.supervisor}" if state.supervisor else "not up"
    click.echo(f"environment {state.environment}: {supervisor}")
    now = state.current.name if state.current else "-"
    before = state.previous.name if state.previous else "-"
    click.echo(f"release {now}, before {before}")
    for line in _book_lines(state.releases):
        click.echo(printable(line))
    for line in _loop_lines(held) if held else ():
        click.echo(printable(line))
    for service in state.services:
        click.echo(f"{service.service:12} {service.state:10} {service.url or '-':28} {service.revision or '-'}")
    for item in state.dependencies:
        port = f"port {item.port}" if item.port else "-"
        click.echo(f"{item.name:12} {item.state:10} {port:28} {item.version or '-'} ({item.source or '-'})")
    for side in state.sides:
        click.echo(printable(side_line(side)))


def _loop_lines(held: Held) -> Iterator[str]:
    if held.holder:
        yield f"held by {held.holder}, since {held.since}" + (f": {held.doing}" if held.doing else "")
    if held.wish:
        yield f"{held.wished_by} asked for {held.wish}; `greenproof resume` takes it back"
    if held.frozen:
        yield f"frozen: {held.frozen}"


def _book_lines(book: ReleaseBook) -> Iterator[str]:
    if book.remembered is not None and not book.unrestored:
        yield f"`greenproof up` starts {book.remembered.name} again"
    if book.unrestored:
        yield book.unrestored
    if book.good:
        names = ", ".join(f"{one.release} (run {one.run})" for one in reversed(book.good))
        yield f"known good, the newest first: {names}"
    if book.warm:
        yield f"kept warm: {book.warm}"
    if book.cut_off is not None:
        yield f"{book.cut_off.detail} [{book.cut_off.code}]"
    for change in book.schema:
        yield f"the schema of {change.store} is ahead of the release, by {change.service} in {change.release}: " + (
            "; ".join(change.changes)
        )
