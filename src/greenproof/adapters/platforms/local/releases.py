"""Releases: what runs, what ran before, and how one takes the other's place."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from greenproof.adapters.platforms.local.context import Context
from greenproof.adapters.platforms.local.dependencies.base import Server
from greenproof.adapters.platforms.local.ingress import Ingress
from greenproof.adapters.platforms.local.instances import Instance
from greenproof.adapters.platforms.local.launches import Launch
from greenproof.model.errors import PlatformError
from greenproof.model.facts import Release

DRAIN = 10.0
"""Seconds for which requests on a release that is stopped may go on."""

Progress = Callable[[str], None]


@dataclass(slots=True)
class Deployed:
    """A release and its instances, by service."""

    release: Release
    instances: dict[str, Instance]


class Releases:
    """The current release, and the previous one, which is kept warm."""

    def __init__(self, context: Context, ingress: Ingress, servers: Mapping[str, Server]) -> None:
        self.current: Deployed | None = None
        self.previous: Deployed | None = None
        self._went_back = False
        """The current release was reached by a rollback; `previous` is the one that was left."""
        self._context = context
        self._ingress = ingress
        self._servers = servers
        self._stopping: set[asyncio.Task[None]] = set()

    async def open_doors(self, launches: Sequence[Launch]) -> None:
        """Open a public port for each service, so that services can be told each other's addresses."""
        for launch in launches:
            if launch.service not in self._ingress.doors:
                port = self._context.ports.stable(f"service:{launch.service}", launch.port)
                await self._ingress.open(launch.service, port)

    async def deploy(self, release: Release, levels: Sequence[Sequence[Launch]], progress: Progress) -> Release:
        """Start what is new beside the old, wait until all is ready, switch; or undo everything."""
        launches = [launch for level in levels for launch in level]
        await self.open_doors(launches)
        kept = {launch.service: self._running(launch) for launch in launches}
        if self.current and self.current.release.name == release.name and all(kept.values()):
            progress(f"{release.name} is already deployed")
            return self.current.release
        fresh: dict[str, Instance] = {}
        try:
            await self._start_all(levels, kept, fresh, progress)
            instances = {**{name: one for name, one in kept.items() if one}, **fresh}
            await self._confirm(instances)
        except BaseException:
            # Also when the client went away: half a release is none.
            await asyncio.shield(self._undo(fresh))
            raise
        self._take_over(Deployed(release, instances))
        progress(f"traffic is on {release.name}")
        return release

    async def rollback(self, progress: Progress) -> Release:
        """Send all traffic to the release before. Asked again, it stays there: a second request is a retry, and the
        release that was left is known to be the worse one. A deploy leads forward again.
        """
        if self.current is not None and self._went_back:
            progress(f"traffic is already back on {self.current.release.name}")
            return self.current.release
        target = self.previous
        if target is None:
            raise PlatformError(
                "there is no previous release",
                code="no-previous-release",
                where=self._context.layout.name,
                expected="a second release deployed since the environment is up",
            )
        await self._revive(target, progress)
        current, self.current, self.previous = self.current, target, self.current
        gone = set(current.instances if current else ()) - set(target.instances)
        self._switch(target, gone)
        self._went_back = True
        progress(f"traffic is back on {target.release.name}")
        return target.release

    async def stop(self) -> None:
        """Stop everything."""
        instances = self._held(self.current) | self._held(self.previous)
        self.current = self.previous = None
        self._went_back = False
        await asyncio.gather(*(one.stop() for one in instances), *self._stopping)

    def lookup(self, name: str, attribute: str) -> str | None:
        """What `{name.attribute}` stands for."""
        server = self._servers.get(name)
        if server is not None:
            return server.values().get(attribute)
        door = self._ingress.doors.get(name)
        if door is None:
            return None
        return {"url": door.url, "host": "127.0.0.1", "port": str(door.port)}.get(attribute)

    def _running(self, launch: Launch) -> Instance | None:
        for deployed in (self.current, self.previous):
            found = deployed.instances.get(launch.service) if deployed else None
            if found and found.launch.revision == launch.revision and found.alive:
                return found
        return None

    async def _start_all(
        self,
        levels: Sequence[Sequence[Launch]],
        kept: Mapping[str, Instance | None],
        fresh: dict[str, Instance],
        progress: Progress,
    ) -> None:
        missing = [[one for one in level if not kept[one.service]] for level in levels]
        for level in missing:
            for launch in level:
                if launch.migrate:
                    progress(f"migrate {launch.revision}")
                    await Instance(self._context, launch, self.lookup).migrate()
        for level in missing:
            for launch in level:
                fresh[launch.service] = Instance(self._context, launch, self.lookup)
            async with asyncio.TaskGroup() as group:
                for launch in level:
                    group.create_task(self._start_one(fresh[launch.service], progress))

    async def _start_one(self, instance: Instance, progress: Progress) -> None:
        name = instance.launch.revision
        progress(f"start {name}")
        await instance.start()
        reading = await instance.await_ready()
        progress(f"{name} is ready ({reading.latency_ms:.0f} ms)")
        door = self._ingress.doors[instance.launch.service]
        if door.upstream is None:
            # On a first deploy others may need this one to become ready; nobody is taken from.
            door.upstream = instance.upstream

    async def _confirm(self, instances: Mapping[str, Instance]) -> None:
        """All of them at the same time: the first may have died while the last started."""
        for instance in instances.values():
            if not instance.alive:
                await instance.await_ready()

    async def _undo(self, fresh: Mapping[str, Instance]) -> None:
        for service, instance in fresh.items():
            door = self._ingress.doors[service]
            if door.upstream is instance.upstream:
                door.upstream = None
        await asyncio.gather(*(one.stop() for one in fresh.values()))

    def _take_over(self, new: Deployed) -> None:
        old, older = self.current, self.previous
        gone = set(old.instances if old else ()) - set(new.instances)
        self._switch(new, gone)
        self.current, self._went_back = new, False
        # The same release again, because a service of it had died, is not one to go back to.
        if old is not None and old.release.name != new.release.name:
            self.previous = old
        kept = self._held(self.current) | self._held(self.previous)
        for instance in (self._held(old) | self._held(older)) - kept:
            self._retire(instance)

    def _switch(self, deployed: Deployed, gone: set[str]) -> None:
        targets = {name: one.upstream for name, one in deployed.instances.items()}
        self._ingress.switch({**dict.fromkeys(gone), **targets})

    async def _revive(self, deployed: Deployed, progress: Progress) -> None:
        """Start again what died while it was kept warm."""
        for service, instance in list(deployed.instances.items()):
            if not instance.alive:
                fresh = Instance(self._context, instance.launch, self.lookup)
                try:
                    await self._start_one(fresh, progress)
                except BaseException:
                    await asyncio.shield(fresh.stop())
                    raise
                await instance.stop()
                deployed.instances[service] = fresh

    def _retire(self, instance: Instance) -> None:
        async def retire() -> None:
            await instance.upstream.quiet(DRAIN)
            await instance.stop()

        task = asyncio.create_task(retire())
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    @staticmethod
    def _held(deployed: Deployed | None) -> set[Instance]:
        return set(deployed.instances.values()) if deployed else set()
