"""What tests of side releases ask of stores, and how they see that nothing of a side release is left."""

import asyncio
import http.client
import json
import time
from pathlib import Path
from typing import Any

from greenproof.adapters.platforms.base import Platform, Serving
from greenproof.adapters.platforms.local import processes
from greenproof.adapters.platforms.local.layout import Layout
from greenproof.adapters.platforms.local.sockets import can_bind
from greenproof.adapters.probes.postgres import PostgresAddress, PostgresSession
from greenproof.adapters.probes.redis import command


def sql(platform: Platform, serving: Serving, text: str, database: str = "app") -> list[list[str | None]]:
    """Rows that a database says, with the password of the environment."""
    port = next(one.port for one in serving.status().dependencies if one.kind == "postgres")
    address = PostgresAddress(port or 0, "greenproof", platform.secrets()["dependency:postgres"], database)

    async def ask() -> list[list[str | None]]:
        async with PostgresSession(address) as session:
            return await session.query(text)

    return asyncio.run(ask())


def redis(platform: Platform, serving: Serving, *words: str) -> str:
    """What Redis says."""
    port = next(one.port for one in serving.status().dependencies if one.kind == "redis")

    async def ask() -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await command(reader, writer, "AUTH", platform.secrets()["dependency:redis"])
            return await command(reader, writer, *words)
        finally:
            writer.close()

    return asyncio.run(ask())


def answer(url: str) -> dict[str, Any]:
    """What a service answers."""
    host, _, port = url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", "/")
        said: dict[str, Any] = json.loads(connection.getresponse().read())
        return said
    finally:
        connection.close()


class Traces:
    """All that a side release has while it runs, to look for afterwards."""

    def __init__(self, environment: Layout, name: str) -> None:
        (self.folder,) = environment.sides.glob(f"{name}.*")
        self.identity = (self.folder / "id").read_text().strip()
        self.supervisor = json.loads((self.folder / "supervisor.json").read_text())["pid"]
        ports = json.loads((self.folder / "ports.json").read_text())
        self.ports = [port for used, port in ports.items() if not used.startswith("environment:")]
        assert processes.marked(processes.MARKER, self.identity)

    @property
    def left(self) -> list[str]:
        """What there still is; empty: nothing."""
        places = [self.folder, self.folder.with_name(f".{self.folder.name}")]
        places.append(Path("/var/tmp/greenproof-servers") / self.identity)
        found = [str(place) for place in places if place.exists()]
        found += [f"process {pid}" for pid in sorted(processes.marked(processes.MARKER, self.identity))]
        found += [f"process {self.supervisor}"] if processes.birth(self.supervisor) else []
        return found + [f"port {port}" for port in self.ports if not can_bind(port)]

    def gone(self, seconds: float = 15.0) -> bool:
        """Whether nothing is left, within a time."""
        deadline = time.monotonic() + seconds
        while self.left and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.left == []
