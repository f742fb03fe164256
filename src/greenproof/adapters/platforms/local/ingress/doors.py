"""Doors: one stable public port for each service; all of them switch together."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from greenproof.adapters.platforms.local.ingress.exchanges import Client
from greenproof.adapters.platforms.local.ingress.upstreams import Upstream
from greenproof.model.errors import PlatformError

BACKLOG = 4096


@dataclass(slots=True)
class Door:
    """The public port of a service, and where its requests go now."""

    service: str
    port: int
    upstream: Upstream | None = None
    server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The public address."""
        return f"http://127.0.0.1:{self.port}"


class Ingress:
    """All doors of an environment."""

    def __init__(self, log: Callable[[bytes], None] | None = None) -> None:
        self.doors: dict[str, Door] = {}
        self._clients: set[asyncio.Task[None]] = set()
        self._log = log

    async def open(self, service: str, port: int) -> Door:
        """Open the door of a service; until a release is switched on it answers 503."""
        if service in self.doors:
            return self.doors[service]
        door = Door(service, port)

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._clients.add(task)
            try:
                await Client(reader, writer, lambda: door.upstream, self._record).serve()
            except asyncio.CancelledError:
                writer.close()
            finally:
                self._clients.discard(task)

        try:
            door.server = await asyncio.start_server(accept, "127.0.0.1", port, backlog=BACKLOG, limit=64 * 1024)
        except OSError as error:
            raise PlatformError(
                f"the public port of {service} cannot be opened: {error.strerror}",
                code="port-taken",
                where=f"127.0.0.1:{port}",
                expected="a free port",
            ) from error
        self.doors[service] = door
        return door

    def switch(self, upstreams: Mapping[str, Upstream | None]) -> None:
        """Send all requests that begin from now on to these; others end where they began.

        There is no await in here: no request sees half of the change.
        """
        for service, upstream in upstreams.items():
            self.doors[service].upstream = upstream

    async def close(self) -> None:
        """Close all doors and connections."""
        for door in self.doors.values():
            if door.server is not None:
                door.server.close()
        for task in list(self._clients):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._clients, return_exceptions=True)
        self.doors.clear()

    def _record(
        self,
        upstream: Upstream | None,
        method: str,
        target: str,
        status: int,
        started: float,
        trace: str,
    ) -> None:
        if self._log is None:
            return
        entry = {
            "at": datetime.now(UTC).isoformat(),
            "service": upstream.service if upstream else None,
            "revision": upstream.revision if upstream else None,
            "method": method,
            # Without the query, which may hold a token.
            "path": target.partition("?")[0],
            "status": status,
            "ms": round((time.monotonic() - started) * 1000, 2),
            "traceparent": trace,
        }
        self._log(json.dumps(entry).encode() + b"\n")
