"""`pause`, `resume`, `stop`: what a person may ask of a loop that is at work."""

import getpass
from pathlib import Path

import click

from greenproof.cli.context import config_option, environment_option, load_plan
from greenproof.loop.requests import environment_of
from greenproof.model.errors import UsageError

store_option = click.option(
    "--store",
    metavar="URL",
    envvar="GREENPROOF_STORE",
    help="PostgreSQL that several machines share, as postgresql://...; else files in .greenproof.",
)


def check_store(url: str | None) -> str | None:
    """A URL that names PostgreSQL, or nothing."""
    if url and not url.startswith(("postgresql://", "postgres://")):
        raise UsageError(
            "the store is no PostgreSQL URL",
            code="store-url",
            where="--store or GREENPROOF_STORE",
            expected="postgresql://USER@HOST/DATABASE",
            hint="leave it out to use files in .greenproof",
        )
    return url or None


@click.command()
@config_option
@environment_option
@store_option
def pause(config: Path | None, environment: str | None, store: str | None) -> None:
    """Ask the loop to wait before its next step, until `greenproof resume`."""
    click.echo(_ask(config, environment, store, "pause"))


@click.command()
@config_option
@environment_option
@store_option
def resume(config: Path | None, environment: str | None, store: str | None) -> None:
    """Let a paused loop go on, and a frozen environment be acted on again."""
    click.echo(_ask(config, environment, store, ""))


@click.command()
@config_option
@environment_option
@store_option
def stop(config: Path | None, environment: str | None, store: str | None) -> None:
    """Ask the loop to stop now. What was finished is recorded; the environment stays up."""
    click.echo(_ask(config, environment, store, "stop"))


def _ask(config: Path | None, environment: str | None, url: str | None, wish: str) -> str:
    """Leave the wish where the loop looks; what to tell the person."""
    from greenproof.adapters.coordination import Store, Wish, lease

    plan = load_plan(config)
    name = environment_of(plan, environment).name
    store = Store.open(plan.state, check_store(url) or plan.loop.store)
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
