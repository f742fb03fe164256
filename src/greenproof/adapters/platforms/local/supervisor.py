"""The supervisor: one process for each environment, which owns ingress, services and dependencies.

Started by the client as `python -m greenproof.adapters.platforms.local.supervisor NAME FOLDER FD`; it
writes one line to FD when it can be talked to, or the reason why not.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from greenproof.adapters.platforms.base import PlatformStatus, ServiceStatus
from greenproof.adapters.platforms.local import control, processes, registry
from greenproof.adapters.platforms.local.context import Context, Means
from greenproof.adapters.platforms.local.dependencies import create_server
from greenproof.adapters.platforms.local.dependencies.base import Server
from greenproof.adapters.platforms.local.ingress import Ingress
from greenproof.adapters.platforms.local.launches import Launch
from greenproof.adapters.platforms.local.layout import Layout, try_exclusive, write_json
from greenproof.adapters.platforms.local.manifests import Blueprint, load_release
from greenproof.adapters.platforms.local.output import LogFile
from greenproof.adapters.platforms.local.owners import Owner
from greenproof.adapters.platforms.local.releases import Releases
from greenproof.adapters.platforms.local.remains import discard
from greenproof.adapters.platforms.local.state import now
from greenproof.model.encoding import fields_of
from greenproof.model.errors import GreenproofError
from greenproof.model.facts import Reading, Release, Revision
from greenproof.model.releases import Recovery

READ_TIMEOUT = 10.0
"""Seconds for one reading."""


class Supervisor:
    """Everything that runs in one environment."""

    def __init__(self, layout: Layout, owner: Owner | None = None) -> None:
        """With an `owner` it ends everything when that process ends."""
        self._owner = owner
        self._context = Context.of(layout)
        self._servers: dict[str, Server] = {}
        self._requests = LogFile(layout.logs / "ingress.jsonl")
        self._ingress = Ingress(self._requests.write)
        self._releases = Releases(self._context, self._ingress, self._servers)
        self._busy = asyncio.Lock()
        self._over = asyncio.Event()
        self._conversations: set[asyncio.Task[None]] = set()
        self._reaping: asyncio.TimerHandle | None = None

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve commands until `down` or a signal."""
        layout = self._context.layout
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._over.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        loop.add_signal_handler(signal.SIGCHLD, self._reap_later)
        processes.adopt_orphans()
        token = layout.token.read_text(encoding="utf-8").strip()
        server = await control.serve(token, self._handle, self._conversations)
        port = server.sockets[0].getsockname()[1]
        me = os.getpid()
        write_json(layout.supervisor, {"pid": me, "born": processes.birth(me), "port": port})
        watching = asyncio.create_task(self._owner.gone()) if self._owner else None
        if watching is not None:
            watching.add_done_callback(lambda task: self._over.set())
        ready()
        try:
            await self._over.wait()
            if watching is not None and watching.done():
                self._leave_alone()
            async with asyncio.timeout(30):
                async with self._busy:
                    await self._stop_all()
        finally:
            if watching is not None:
                watching.cancel()
            layout.supervisor.unlink(missing_ok=True)
            server.close()
            if self._conversations:
                # The answer to `down` is still on its way.
                await asyncio.wait(self._conversations, timeout=2)

    async def _handle(self, command: str, values: Mapping[str, Any], progress: Callable[[str], None]) -> Any:
        if command == "status":
            return fields_of(self._status())
        if command == "running":
            return self._releases.running()
        if command == "ready":
            return [asdict(reading) for reading in await self._read_all()]
        if command == "data":
            return await self._contents()
        # At once, not when it is its turn: what a slower loop is still doing must not be committed any more.
        fence = values.get("fence")
        self._releases.meet(fence)
        async with self._busy:
            self._releases.permit(fence)
            if (known := self._releases.recalled(command, values.get("key", ""))) is not None:
                return known
            return await self._act(command, values, progress)

    async def _contents(self) -> dict[str, Any]:
        """What the stores hold, as digests; and which could not be looked at."""
        found: dict[str, str] = {}
        not_seen = []
        for name, server in sorted(self._servers.items()):
            try:
                found |= {f"{name}: {part}": digest for part, digest in (await server.contents()).items()}
            except GreenproofError as error:
                not_seen.append(error.message)
        return {"found": found, "not_seen": not_seen}

    async def _act(self, command: str, values: Mapping[str, Any], progress: Callable[[str], None]) -> Any:
        def permit() -> None:
            self._releases.permit(values.get("fence"))

        self._learn(values)
        key = values.get("key", "")
        if command == "up":
            return await self._up(values, progress)
        if command == "deploy":
            return fields_of(await self._releases.deploy(_blueprint(values), key, permit, progress))
        if command == "rollback":
            return fields_of(await self._releases.rollback(values["to"], key, permit, progress))
        if command == "mark_good":
            return fields_of(self._releases.mark_good(values["release"], values["run"], key))
        if command == "down":
            await self._stop_all()
            self._over.set()
            return None
        raise ValueError(f"unknown command {command!r}")

    def _learn(self, values: Mapping[str, Any]) -> None:
        """What services are started with is kept in memory only, as the last command brought it."""
        if "means" in values:
            self._context.means = Means(**values["means"])
            self._context.redact.learn(values["redact"])

    async def _up(self, values: Mapping[str, Any], progress: Callable[[str], None]) -> Any:
        async with asyncio.TaskGroup() as group:
            for wanted in values["dependencies"]:
                name = wanted["name"]
                if name in self._servers and self._servers[name].alive:
                    continue
                if name not in self._servers:
                    self._servers[name] = create_server(self._context, **wanted)
                group.create_task(self._start_server(name, progress))
        await self._releases.settle(progress)
        restored = await self._releases.restore(progress) if values["restore"] else None
        failed = "" if self._releases.live else self._releases.unrestored
        return fields_of(Recovery(self._releases.state.cut_off, restored, failed))

    async def _start_server(self, name: str, progress: Callable[[str], None]) -> None:
        progress(f"start {name}")
        server = self._servers[name]
        # One that died is cleared first: its log and its registry entry.
        await server.stop()
        await server.start()
        status = server.status()
        progress(f"{name} is ready: {status.version} ({status.source}), port {status.port}")

    async def _read_all(self) -> list[Reading]:
        current = self._releases.live
        instances = current.instances.values() if current else ()
        return list(
            await asyncio.gather(
                *(instance.observe(READ_TIMEOUT) for instance in instances),
                *(server.reading(READ_TIMEOUT) for server in self._servers.values()),
            )
        )

    def _status(self) -> PlatformStatus:
        current, previous = self._releases.live, self._releases.state.previous
        services = []
        for name, door in self._ingress.doors.items():
            instance = current.instances.get(name) if current else None
            if instance is None:
                services.append(ServiceStatus(name, "absent", url=door.url))
                continue
            state = "running" if instance.alive else "exited"
            revision, pid = instance.launch.revision, instance.pid
            services.append(ServiceStatus(name, state, revision, pid, instance.port, door.url))
        return PlatformStatus(
            environment=self._context.layout.name,
            supervisor=os.getpid(),
            current=current.release if current else None,
            previous=load_release(self._context.layout, previous),
            services=tuple(services),
            dependencies=tuple(server.status() for server in self._servers.values()),
            releases=self._releases.book(),
        )

    async def _stop_all(self) -> None:
        await self._ingress.close()
        await self._releases.stop()
        await asyncio.gather(*(server.stop() for server in self._servers.values()))
        self._servers.clear()
        # Adopted orphans that hid from group, nonce and marker are still below this process.
        rest = processes.descendants(os.getpid()) - {os.getpid()}
        births = {pid: processes.birth(pid) for pid in rest}
        processes.kill(births, signal.SIGKILL)
        await processes.until_gone(births, 5.0)

    def _leave_alone(self) -> None:
        """What was asked for by an owner that is gone is not waited for."""
        for task in self._conversations:
            task.cancel()

    def _reap_later(self) -> None:
        # A moment later: by then asyncio has collected those that it waits for itself.
        if self._reaping is None:
            self._reaping = asyncio.get_running_loop().call_later(1.0, self._reap)

    def _reap(self) -> None:
        self._reaping = None
        processes.reap_orphans(self._context.registry.pids())


def _blueprint(values: Mapping[str, Any]) -> Blueprint:
    revisions = tuple(Revision(**revision) for revision in values["revisions"])
    launches = {value["service"]: Launch.load(value) for value in values["launches"]}
    levels = tuple(tuple(level) for level in values["levels"])
    return Blueprint(Release(values["name"], revisions, now()), levels, launches)


def main(arguments: list[str]) -> int:
    """Take the lock, clear what a killed predecessor left, run."""
    name, folder, descriptor, *owned = arguments
    owner = Owner(int(owned[0]), owned[1]) if owned else None
    layout = Layout(name, Path(folder))

    def tell(message: Mapping[str, Any]) -> None:
        with contextlib.suppress(OSError):
            os.write(int(descriptor), json.dumps(message).encode() + b"\n")
            os.close(int(descriptor))

    lock = try_exclusive(layout.alive_lock)
    if lock is None:
        tell({"error": "another supervisor holds the environment"})
        return 1
    try:
        cleared = registry.clear(layout)
        asyncio.run(Supervisor(layout, owner).run(lambda: tell({"ready": True, "cleared": cleared})))
    except GreenproofError as error:
        tell({"error": error.message})
        raise
    if owner is not None:
        # Nobody else may be left to do it.
        discard(layout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
