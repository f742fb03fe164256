"""Redis for one environment: behind a password, loopback only, with an append-only file."""

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path

from greenproof.adapters.platforms.base import DependencyStatus
from greenproof.adapters.platforms.local import processes
from greenproof.adapters.platforms.local.context import Context
from greenproof.adapters.platforms.local.dependencies.binaries import Program, find_redis
from greenproof.adapters.platforms.local.dependencies.copies import Origin, copy_redis
from greenproof.adapters.platforms.local.dependencies.starting import Start, await_ready
from greenproof.adapters.platforms.local.layout import write_private, writing
from greenproof.adapters.platforms.local.output import Capture
from greenproof.adapters.platforms.local.redaction import REPLACEMENT
from greenproof.adapters.probes import redis as probe
from greenproof.adapters.probes.contents import redis_contents
from greenproof.model.errors import PlatformError
from greenproof.model.facts import Reading

START_TIMEOUT = 30.0


class RedisServer:
    """One server."""

    def __init__(self, context: Context, name: str, password: str, source: str, origin: Origin | None = None) -> None:
        """Without data of its own it begins as a copy of `origin`, or empty."""
        self.name = name
        self._origin = origin
        self._context = context
        self._password = password
        self._source = source
        self._program: Program | None = None
        self._port: int | None = None
        self._started: processes.Started | None = None
        self._capture: Capture | None = None

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return self._started is not None and self._started.alive

    async def start(self) -> None:
        """Start the server and wait until it has read its data and answers."""
        self._program = await asyncio.to_thread(find_redis, self._source)
        self._port = self._port or self._context.ports.stable(f"dependency:{self.name}")
        data = self._data
        if self._origin is not None and not data.exists():
            await copy_redis(self._origin, self._password, data)
        with writing(data):
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
        # In a file and not in the command, which everyone could read in the list of processes.
        configuration = data.with_name(f"{data.name}.conf")
        write_private(configuration, self._configuration(data))
        self._started, self._capture = await self._context.start_server(
            self.name, [str(self._program.path), str(configuration)], data, None, signal.SIGTERM
        )
        try:
            await self._await_ready()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop; Redis writes its data first."""
        started = self._started
        if started is None:
            return
        await processes.stop(started, grace=8)
        if self._capture is not None:
            await self._capture.finish()
        self._context.registry.remove(started.pid)
        self._started = None

    async def reading(self, timeout: float) -> Reading:
        """Log in, PING, and compare the process id."""
        pid = self._started.pid if self._started else None
        return await probe.read(self.name, self._port or 0, self._password, timeout=timeout, pid=pid)

    def values(self) -> Mapping[str, str]:
        """What placeholders stand for."""
        return {
            "url": f"redis://:{self._password}@127.0.0.1:{self._port}/0",
            "host": "127.0.0.1",
            "port": str(self._port),
            "password": self._password,
        }

    async def schema(self, *, settled: bool = False) -> Mapping[str, str] | None:
        """Redis has none."""
        return None

    async def contents(self) -> Mapping[str, str]:
        """All keys, as one digest."""
        try:
            return await redis_contents("127.0.0.1", self._port or 0, self._password)
        except (OSError, TimeoutError, EOFError, ValueError, probe.RedisRefused) as error:
            raise PlatformError(
                f"what {self.name} holds can't be read: {type(error).__name__}: {error}",
                code="contents-unreadable",
                where=f"port {self._port}",
                expected="a server that answers",
            ) from error

    def status(self) -> DependencyStatus:
        """For people."""
        program = self._program
        return DependencyStatus(
            name=self.name,
            kind="redis",
            state="running" if self.alive else "exited" if self._started else "absent",
            port=self._port,
            source=program.source if program else None,
            version=program.version if program else None,
            url=self.values()["url"].replace(self._password, REPLACEMENT),
            data=str(self._data),
        )

    @property
    def _data(self) -> Path:
        return (self._context.layout.data / self.name).resolve()

    def _configuration(self, data: Path) -> str:
        folder = str(data).replace("\\", "\\\\").replace('"', '\\"')
        return (
            f'bind 127.0.0.1\nport {self._port}\nrequirepass {self._password}\ndir "{folder}"\n'
            'appendonly yes\ndaemonize no\nlogfile ""\nprotected-mode yes\n'
        )

    async def _await_ready(self) -> None:
        assert self._started is not None
        start = Start(
            product="Redis",
            started=self._started,
            capture=self._capture,
            log=self._context.layout.logs / self.name / "server.log",
            expected=f"a server on port {self._port} with its data in {self._data}",
            hopeless="foreign-process",
            within=START_TIMEOUT,
        )
        await await_ready(start, lambda: self.reading(5.0))
