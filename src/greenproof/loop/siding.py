"""Side releases within a run: started for it, recorded, and ended with it, whatever happens."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from greenproof.adapters.platforms.base import Platform, Serving
from greenproof.loop.journal import Journal
from greenproof.model.errors import UsageError
from greenproof.model.events import SideEnded, SideStarted, SideTested
from greenproof.model.plan import Environment
from greenproof.model.sides import SideRelease, SideRequest

OVER = "the run that it was started for is over"


@dataclass(frozen=True, slots=True)
class Aside:
    """A side release that cases can be run against."""

    release: SideRelease
    serving: Serving
    """What stands for the platform in a request for a proof."""


@contextlib.contextmanager
def side_release(
    platform: Platform,
    environment: Environment,
    request: SideRequest,
    journal: Journal,
    why: str,
    *,
    read_only: bool = False,
) -> Iterator[Aside]:
    """A side release for as long as the block lasts. It belongs to the run: where that is killed, it ends, too.

    Raises PlatformError where it can't be started, UsageError in a read-only run.
    """
    if read_only:
        raise UsageError(
            "a read-only run starts no side release",
            code="side-read-only",
            where=f"environments.{environment.name}",
            expected="a run that may start processes and copy data",
        )
    owned = replace(request, owner=request.owner or journal.run)
    release = platform.start_side(owned)
    try:
        journal.happened(SideStarted(journal.cycle, environment.name, release, why))
        yield Aside(release, platform.side(release.name))
    finally:
        if platform.end_side(release.name):
            journal.happened(SideEnded(journal.cycle, environment.name, release.name, OVER))


def present_side(platform: Platform, name: str) -> Aside:
    """A side release that somebody else has started, and keeps. Raises PlatformError with the code `unknown-side`."""
    serving = platform.side(name)
    return Aside(next(side for side in platform.sides() if side.name == name), serving)


def tested(journal: Journal, environment: Environment, aside: Aside, why: str) -> None:
    """From here on the run judges the side release, and says nothing of the current one."""
    journal.beside(aside.release)
    journal.happened(SideTested(journal.cycle, environment.name, aside.release, why))
