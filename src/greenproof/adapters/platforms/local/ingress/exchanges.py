"""Exchanges: each request of a client is sent to the release that is current when it begins."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import h11

from greenproof.adapters.platforms.local.ingress.headers import (
    INGRESS_HEADER,
    forward_request,
    forward_response,
    raw_fields,
    wants_upgrade,
)
from greenproof.adapters.platforms.local.ingress.upstreams import READ_SIZE, Connection, Upstream

HEAD_LIMIT = 64 * 1024
"""Bytes of request line and header; one read of `READ_SIZE` more may get through."""
HEAD_TIMEOUT = 30.0
"""Seconds from the first byte of a request to the end of its header."""
IDLE_TIMEOUT = 620.0
"""Seconds that a kept-alive connection may be silent."""
ANSWER_TIMEOUT = 3600.0
"""Seconds between two signs of life of an upstream that owes an answer."""
LINGER = 1.0
"""Seconds for which a client that still sends is listened to after its answer."""
_REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})

Record = Callable[[Upstream | None, str, str, int, float, str], None]


class UpstreamLost(Exception):
    """The upstream could not be reached or broke off; `begun`: the client has seen a part."""

    def __init__(self, begun: bool) -> None:
        super().__init__("the upstream was lost")
        self.begun = begun


class Client:
    """One connection of a client, with all its requests."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        current: Callable[[], Upstream | None],
        record: Record,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._current = current
        self._record = record
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        peer = writer.get_extra_info("peername")
        self._address = str(peer[0]) if peer else "127.0.0.1"

    async def serve(self) -> None:
        """Serve until the client leaves, breaks the protocol, or switches to another one."""
        try:
            while True:
                request = await self._next_request()
                if request is None:
                    return
                if not await self._exchange(request):
                    await self._linger()
                    return
                self._protocol.start_next_cycle()
        except h11.RemoteProtocolError as error:
            with contextlib.suppress(OSError, h11.LocalProtocolError):
                await self._refuse(error.error_status_hint or 400, b"bad-request")
                await self._linger()
        except (OSError, TimeoutError, h11.LocalProtocolError):
            self._writer.transport.abort()
        finally:
            self._writer.close()

    async def _next_request(self) -> h11.Request | None:
        if not self._protocol.trailing_data[0]:
            first = await asyncio.wait_for(self._reader.read(READ_SIZE), IDLE_TIMEOUT)
            if not first:
                return None
            self._protocol.receive_data(first)
        async with asyncio.timeout(HEAD_TIMEOUT):
            event = await self._next_event()
        return event if isinstance(event, h11.Request) else None

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._protocol.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]
            self._protocol.receive_data(await self._reader.read(READ_SIZE))

    async def _exchange(self, request: h11.Request) -> bool:
        """Serve one request; whether another may follow."""
        upstream = self._current()
        started = time.monotonic()
        if upstream is None:
            await self._refuse(503, b"no-upstream")
            self._note(None, request, 503, started)
            return False
        upstream.enter()
        status = 502
        try:
            status = await self._forward(upstream, request)
        except UpstreamLost as lost:
            if lost.begun:
                # The client must see that something is missing: no orderly end.
                self._writer.transport.abort()
            else:
                await self._refuse(502, b"no-upstream")
            return False
        finally:
            upstream.leave()
            self._note(upstream, request, status, started)
        protocol = self._protocol
        return protocol.our_state is h11.DONE and protocol.their_state is h11.DONE

    def _note(self, upstream: Upstream | None, request: h11.Request, status: int, started: float) -> None:
        trace = next((value for name, value in request.headers if name == b"traceparent"), b"")
        method, target = request.method.decode("latin-1"), request.target.decode("latin-1")
        self._record(upstream, method, target, status, started, trace.decode("latin-1"))

    async def _forward(self, upstream: Upstream, request: h11.Request) -> int:
        upgrade = wants_upgrade(request)
        outgoing = forward_request(request, self._address, upgrade=upgrade)
        empty = not any(n in (b"content-length", b"transfer-encoding") for n, _ in request.headers)
        connection, head = await self._begin(upstream, outgoing, upgrade, empty)
        uploading: asyncio.Task[None] | None = None
        try:
            uploading = asyncio.create_task(self._upload(connection))
            if head is None:
                head = await self._next_head(connection, uploading)
            while isinstance(head, h11.InformationalResponse):
                if head.status_code == 101:
                    await self._tunnel(connection, head, uploading)
                    return 101
                await self._send(head)
                head = await self._next_head(connection, uploading)
            await self._download(connection, head, uploading)
            return head.status_code
        finally:
            if uploading is not None:
                uploading.cancel()
                await asyncio.wait([uploading])
            upstream.release(connection)

    async def _begin(
        self, upstream: Upstream, outgoing: h11.Request, upgrade: bool, empty: bool
    ) -> tuple[Connection, "h11.Response | h11.InformationalResponse | None"]:
        """Connect and send the head; a request that may be repeated survives a stale connection."""
        repeatable = empty and outgoing.method in _REPEATABLE and not upgrade
        # What must not be sent twice gets no connection that its server may be about to close.
        connection = await self._connect(upstream, fresh=upgrade or not repeatable)
        try:
            await connection.send(outgoing)
            if not (repeatable and connection.reused):
                return connection, None
            await connection.send(h11.EndOfMessage())
            return connection, await self._head(connection)
        except (OSError, UpstreamLost, h11.RemoteProtocolError):
            connection.close()
            if not connection.reused:
                raise UpstreamLost(begun=False) from None
        except BaseException:
            connection.close()
            raise
        connection = await self._connect(upstream, fresh=True)
        try:
            await connection.send(outgoing)
        except OSError:
            connection.close()
            raise UpstreamLost(begun=False) from None
        return connection, None

    async def _connect(self, upstream: Upstream, *, fresh: bool) -> Connection:
        try:
            return await upstream.connect(fresh=fresh)
        except (OSError, TimeoutError):
            raise UpstreamLost(begun=False) from None

    async def _upload(self, connection: Connection) -> None:
        """Pass the body on as it comes; then notice whether the client leaves."""
        while True:
            event = await self._next_event()
            wanted = connection.protocol.our_state is not h11.DONE
            if wanted and isinstance(event, h11.Data | h11.EndOfMessage):
                with contextlib.suppress(OSError):
                    await connection.send(event)
            if not isinstance(event, h11.Data):
                break
        while len(self._protocol.trailing_data[0]) < HEAD_LIMIT:
            data = await self._reader.read(READ_SIZE)
            if not data:
                return
            self._protocol.receive_data(data)
        await asyncio.get_running_loop().create_future()

    async def _next_head(
        self, connection: Connection, uploading: asyncio.Task[None]
    ) -> "h11.Response | h11.InformationalResponse":
        return await _unless_gone(self._head(connection), uploading)

    async def _head(self, connection: Connection) -> "h11.Response | h11.InformationalResponse":
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                event = await connection.next_event()
        except (OSError, TimeoutError, h11.RemoteProtocolError):
            raise UpstreamLost(begun=False) from None
        if isinstance(event, h11.Response | h11.InformationalResponse):
            return event
        raise UpstreamLost(begun=False)

    async def _download(self, connection: Connection, head: h11.Response, uploading: asyncio.Task[None]) -> None:
        await self._send(forward_response(head))
        while True:
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT):
                    event = await _unless_gone(connection.next_event(), uploading)
            except (h11.RemoteProtocolError, TimeoutError, ConnectionError):
                raise UpstreamLost(begun=True) from None
            if not isinstance(event, h11.Data | h11.EndOfMessage):
                raise UpstreamLost(begun=True)
            await self._send(event)
            if isinstance(event, h11.EndOfMessage):
                return

    async def _send(self, event: h11.Event) -> None:
        data = self._protocol.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()

    async def _refuse(self, status: int, reason: bytes) -> None:
        if self._protocol.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self._writer.transport.abort()
            return
        phrase = HTTPStatus(status).phrase.encode()
        body = b"greenproof ingress: " + reason + b"\n"
        fields = [
            (INGRESS_HEADER, reason),
            (b"Content-Type", b"text/plain"),
            (b"Content-Length", str(len(body)).encode()),
            (b"Connection", b"close"),
        ]
        with contextlib.suppress(h11.LocalProtocolError):
            await self._send(h11.Response(status_code=status, headers=fields, reason=phrase))
            await self._send(h11.Data(data=body))
            await self._send(h11.EndOfMessage())

    async def _linger(self) -> None:
        """Read what the client still sends: closing at once would destroy the answer on its way."""
        with contextlib.suppress(OSError, TimeoutError, RuntimeError):
            self._writer.write_eof()
            async with asyncio.timeout(LINGER):
                while await self._reader.read(READ_SIZE):
                    pass

    async def _tunnel(
        self,
        connection: Connection,
        head: h11.InformationalResponse,
        uploading: asyncio.Task[None],
    ) -> None:
        """From now on bytes, both ways, on the release on which this was opened."""
        uploading.cancel()
        await asyncio.wait([uploading])
        await self._send(h11.InformationalResponse(status_code=101, headers=raw_fields(head), reason=head.reason))
        connection.writer.write(self._protocol.trailing_data[0])
        self._writer.write(connection.protocol.trailing_data[0])
        ways = [
            asyncio.create_task(_splice(self._reader, connection.writer)),
            asyncio.create_task(_splice(connection.reader, self._writer)),
        ]
        try:
            await asyncio.wait(ways)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)


async def _unless_gone[T](awaitable: Coroutine[Any, Any, T], uploading: asyncio.Task[None]) -> T:
    """Await, but give up when the client leaves or breaks its request off."""
    if uploading.done() and uploading.exception() is not None:
        awaitable.close()
        raise _as_client_error(uploading)
    task = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait({task, uploading}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise _as_client_error(uploading)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


def _as_client_error(uploading: asyncio.Task[None]) -> BaseException:
    return uploading.exception() or ConnectionResetError("the client left")


async def _splice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(READ_SIZE):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        # Half-closed, so that the other direction can still say good-bye.
        writer.write_eof() if writer.can_write_eof() else writer.close()
