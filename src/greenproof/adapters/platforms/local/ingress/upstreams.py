"""Upstreams: a started revision as the ingress sees it, with a pool of connections."""

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass, field

import h11

READ_SIZE = 64 * 1024
IDLE_LIMIT = 1.5
"""Seconds. Shorter than any usual server's own limit, so that none closes while we send."""
POOL_LIMIT = 64
CONNECT_TIMEOUT = 5.0


@dataclass(slots=True)
class Connection:
    """One HTTP/1.1 connection to an upstream."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    reused: bool = False
    since: float = 0.0
    protocol: h11.Connection = field(default_factory=lambda: h11.Connection(h11.CLIENT))

    @property
    def usable(self) -> bool:
        """Whether another request can be sent on it."""
        fresh = time.monotonic() - self.since < IDLE_LIMIT
        return fresh and not self.reader.at_eof() and not self.writer.is_closing()

    async def send(self, event: h11.Event) -> None:
        """Send one event, no faster than the other side reads."""
        data = self.protocol.send(event)
        if data:
            self.writer.write(data)
            await self.writer.drain()

    async def next_event(self) -> h11.Event | type[h11.PAUSED]:
        """The next event of the answer."""
        while True:
            event = self.protocol.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]
            self.protocol.receive_data(await self.reader.read(READ_SIZE))

    def close(self) -> None:
        """Close at once."""
        self.writer.close()


class Upstream:
    """Where requests go: one started revision of one service."""

    def __init__(self, service: str, revision: str, port: int) -> None:
        self.service = service
        self.revision = revision
        self.port = port
        self.active = 0
        """Requests and tunnels under way."""
        self._idle: deque[Connection] = deque()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._reaper: asyncio.TimerHandle | None = None

    def enter(self) -> None:
        """A request or tunnel begins."""
        self.active += 1
        self._quiet.clear()

    def leave(self) -> None:
        """A request or tunnel has ended."""
        self.active -= 1
        if self.active == 0:
            self._quiet.set()

    async def quiet(self, timeout: float) -> bool:
        """Wait until nothing is under way."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), timeout)
        return self.active == 0

    async def connect(self, *, fresh: bool = False) -> Connection:
        """A connection, from the pool unless a fresh one is wanted. Raises OSError."""
        while self._idle and not fresh:
            connection = self._idle.pop()
            if connection.usable:
                connection.reused = True
                return connection
            connection.close()
        async with asyncio.timeout(CONNECT_TIMEOUT):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=READ_SIZE)
        return Connection(reader, writer)

    def release(self, connection: Connection) -> None:
        """Give a connection back; it is kept only if the exchange on it is complete."""
        protocol = connection.protocol
        complete = protocol.our_state is h11.DONE and protocol.their_state is h11.DONE
        if not complete or len(self._idle) >= POOL_LIMIT or protocol.trailing_data[0]:
            connection.close()
            return
        protocol.start_next_cycle()
        connection.since = time.monotonic()
        self._idle.append(connection)
        if self._reaper is None:
            self._reaper = asyncio.get_running_loop().call_later(IDLE_LIMIT, self._reap)

    def close(self) -> None:
        """Close what is idle."""
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None
        while self._idle:
            self._idle.pop().close()

    def _reap(self) -> None:
        self._reaper = None
        while self._idle and not self._idle[0].usable:
            self._idle.popleft().close()
        if self._idle:
            self._reaper = asyncio.get_running_loop().call_later(IDLE_LIMIT, self._reap)
