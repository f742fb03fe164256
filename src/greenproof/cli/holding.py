"""`pause`, `resume`, `stop`: what a person may ask of a loop that is at work."""

import getpass
from pathlib import Path

import click

from greenproof.cli.context import config_option, environment_option, load_plan
from greenproof.loop.requests import environment_of


@click.command()
@config_option
@environment_option
def pause(config: Path | None, environment: str | None) -> None:
    """Ask the loop to wait before its next step, until `greenproof resume`."""
    click.echo(_ask(config, environment, "pause"))


@click.command()
@config_option
@environment_option
def resume(config: Path | None, environment: str | None) -> None:
    """Let a paused loop go on, and a frozen environment be acted on again."""
    click.echo(_ask(config, environment, ""))


@click.command()
@config_option
@environment_option
def stop(config: Path | None, environment: str | None) -> None:
    """Ask the loop to stop now. What was finished is recorded; the environment stays up."""
    click.echo(_ask(config, environment, "stop"))


def _ask(config: Path | None, environment: str | None, wish: str) -> str:
    """Leave the wish where the loop looks; what to tell the person."""
    from greenproof.adapters.coordination import Store, Wish, lease, store_url

    plan = load_plan(config)
    name = environment_of(plan, environment).name
    store = Store.open(plan.state, store_url(plan.loop.store))
    try:
        desk = store.desk(name)
        working = lease.alive(desk)
        if wish == Wish.STOP and not working:
            return f"no loop is at work on {name}"
        store.wish(name, Wish(wish), getpass.getuser())
        if not wish and desk.frozen:
            store.freeze(name, "")
            return f"{name} is not frozen any more; it was because of this: {desk.frozen}"
    finally:
        store.close()
    holder = desk.holder.owner if working else f"no loop is at work on {name}; the next one"
    return f"{holder}: {wish or 'goes on'}"
