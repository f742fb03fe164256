"""The release to which a rollback leads, started beside the live one where it does not run, e.g. after a kill.

In the background: nobody waits for it, and whatever is asked for comes first.
"""

import asyncio
from collections.abc import Callable

from greenproof.adapters.platforms.local.context import Context
from greenproof.adapters.platforms.local.ingress import Ingress
from greenproof.adapters.platforms.local.instances import Instance, Lookup
from greenproof.adapters.platforms.local.launches import Launch
from greenproof.adapters.platforms.local.manifests import Blueprint, check_unchanged, load_blueprint
from greenproof.adapters.platforms.local.migrations import failure_of
from greenproof.adapters.platforms.local.startup import Startup, open_doors

Running = Callable[[Launch], Instance | None]
Done = Callable[[Blueprint, dict[str, Instance]], None]


class Warming:
    """At most one release at a time."""

    def __init__(self, context: Context, ingress: Ingress, lookup: Lookup, running: Running, done: Done) -> None:
        """`running` finds an instance that can be shared; `done` is told of the release once all of it is ready."""
        self._context, self._ingress, self._lookup = context, ingress, lookup
        self._running, self._done = running, done
        self._under_way: tuple[str, asyncio.Task[None]] | None = None

    def begin(self, release: str) -> None:
        """Start what does not run of it, unless something is under way."""
        if self._under_way is None:
            self._under_way = release, asyncio.create_task(self._start(release))

    async def end(self, unless: str | None = None) -> None:
        """Make room for what is asked for; `unless` it needs the very release that is being started: then wait."""
        if self._under_way is None:
            return
        name, task = self._under_way
        if name != unless:
            task.cancel()
        await asyncio.wait([task])

    async def _start(self, release: str) -> None:
        startup = Startup(self._context, self._ingress, self._lookup, quietly=True)
        try:
            blueprint = load_blueprint(self._context.layout, release)
            found = {name: self._running(launch) for name, launch in blueprint.launches.items()}
            running = {name: one for name, one in found.items() if one is not None}
            missing = [[one for one in level if one.service not in running] for level in blueprint.ordered]
            for launch in (one for level in missing for one in level):
                check_unchanged(self._context.layout, launch, self._context.means.secrets)
            await open_doors(self._context, self._ingress, blueprint.launches.values())
            await startup.run(missing, lambda text: None)
        except BaseException as error:
            await asyncio.shield(startup.undo())
            self._under_way = None
            # A rollback tries again, and then says why it can't be.
            if failure_of(error) is None:
                raise
            return
        self._under_way = None
        self._done(blueprint, {**running, **startup.fresh})
