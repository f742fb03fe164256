"""Starting revisions beside what runs, in the order of their needs; all of them, or none is left."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence

from greenproof.adapters.platforms.local import sockets
from greenproof.adapters.platforms.local.context import Context
from greenproof.adapters.platforms.local.ingress import Ingress, Upstream
from greenproof.adapters.platforms.local.instances import Instance, Lookup
from greenproof.adapters.platforms.local.launches import Launch

Progress = Callable[[str], None]


class Startup:
    """Fresh instances, until somebody takes them over or they are undone."""

    def __init__(
        self,
        context: Context,
        ingress: Ingress,
        lookup: Lookup,
        broken: Collection[str] = (),
        *,
        quietly: bool = False,
    ) -> None:
        """`broken` names services whose traffic nobody answers: the fresh one gets it as soon as it is ready, because
        others may need it to become ready themselves. `quietly`: no fresh one gets any traffic.
        """
        self._quietly = quietly
        self.fresh: dict[str, Instance] = {}
        self._context, self._ingress, self._lookup = context, ingress, lookup
        self._broken = frozenset(broken)
        self._before: dict[str, Upstream | None] = {}

    async def run(self, levels: Sequence[Sequence[Launch]], progress: Progress) -> None:
        """Start all and wait until each is ready by identity. Raises a group with the ServiceFailed of one."""
        for level in levels:
            for launch in level:
                self.fresh[launch.service] = Instance(self._context, launch, self._lookup)
            async with asyncio.TaskGroup() as group:
                for launch in level:
                    group.create_task(self._start_one(self.fresh[launch.service], progress))

    async def _start_one(self, instance: Instance, progress: Progress) -> None:
        name, service = instance.launch.revision, instance.launch.service
        progress(f"start {name}")
        await instance.start()
        reading = await instance.await_ready()
        progress(f"{name} is ready ({reading.latency_ms:.0f} ms)")
        door = self._ingress.doors[service]
        if not self._quietly and (door.upstream is None or service in self._broken):
            self._before[service] = door.upstream
            door.upstream = instance.upstream

    async def undo(self) -> None:
        """End what was started; traffic that it got early goes back."""
        for service, upstream in self._before.items():
            if self._ingress.doors[service].upstream is self.fresh[service].upstream:
                self._ingress.doors[service].upstream = upstream
        await asyncio.gather(*(one.stop() for one in self.fresh.values()))


async def open_doors(context: Context, ingress: Ingress, launches: Iterable[Launch]) -> None:
    """Open a public port for each service, so that services can be told each other's addresses."""
    for launch in launches:
        if launch.service not in ingress.doors:
            await ingress.open(launch.service, context.ports.stable(f"service:{launch.service}", launch.port))


async def confirm(instances: Iterable[Instance]) -> None:
    """All of them at the same time: the first may have died while the last started. Raises ServiceFailed."""
    for instance in instances:
        if not instance.alive:
            await instance.await_ready()


async def answering(instances: Iterable[Instance], timeout: float) -> set[str]:
    """Services of these that run and are ready, by identity."""
    found, table = list(instances), await asyncio.to_thread(sockets.listeners)
    readings = await asyncio.gather(*(one.observe(timeout, table) for one in found))
    return {reading.service for reading in readings if reading.ok}
