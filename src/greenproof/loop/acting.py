"""A person's own command that changes an environment: while it acts no loop does, and the other way round."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from greenproof.adapters.coordination import Lease, Store, Wish, lease, store_url
from greenproof.adapters.platforms.base import Platform
from greenproof.model.plan import Environment, Plan

_ELSEWHERE_S = lease.STALE_S + 2.0


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds an environment, and what was asked of whoever does."""

    holder: str | None
    """None: nobody, as far as can be seen."""
    since: str
    doing: str
    wish: str
    """`pause`, `stop`, or nothing."""
    wished_by: str
    frozen: str
    """Why nothing may be done until a person has looked; empty: it may."""


@contextlib.contextmanager
def acting(plan: Plan, environment: Environment, platform: Platform, command: str) -> Iterator[None]:
    """Hold the environment for one command. Raises LeaseHeldError while a loop is at work on it."""
    with contextlib.closing(Store.open(plan.state, store_url(plan.loop.store))) as store:
        holder = store.desk(environment.name).holder
        # Of a process on another machine only its heartbeat tells whether it lives.
        wait_s = 0.0 if holder.machine == lease.machine() else _ELSEWHERE_S
        with Lease.take(store, environment.name, f"greenproof {command}", wait_s=wait_s) as taken:
            fence(platform, taken)
            yield


def fence(platform: Platform, held: Lease) -> None:
    """From now on the platform lets nobody act who has held the environment before."""
    held.surpass(platform.status().releases.fence)
    platform.fenced(held.number)


def held_by(plan: Plan, environment: Environment) -> Held | None:
    """What the desk of an environment says; None: no loop was ever there."""
    url = store_url(plan.loop.store)
    if url is None and not (plan.state / "desk.db").exists():
        return None
    with contextlib.closing(Store.open(plan.state, url)) as store:
        desk = store.desk(environment.name)
    at_work = lease.alive(desk)
    wish = desk.wish.value if desk.wish is Wish.PAUSE or at_work else ""
    return Held(
        desk.holder.owner if at_work else None,
        desk.since if at_work else "",
        desk.doing if at_work else "",
        wish,
        desk.wished_by if wish else "",
        desk.frozen,
    )
