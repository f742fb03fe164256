"""A client's connection and what lies behind it: mitmproxy's own, without a task, a lock or a stream for each event.

mitmproxy starts a task for each hook and wakes one for each packet. Every hook here is a plain function, so hooks are
called on the spot, and what arrives is handed to the layers by the transport itself.
"""

import asyncio
import logging
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events, layers
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.proxy.server import ConnectionIO

from greenproof.adapters.relay.transports import close_gently, unread

_LARGEST_JOINED = 1 << 16
_logger = logging.getLogger(__name__)
_running: set[asyncio.Task[None]] = set()
"""The event loop itself keeps no task alive."""


class Hooks:
    """The hooks of all addons by name. All are plain functions, none of them waits."""

    def __init__(self, master: Master) -> None:
        self.master = master
        self._known: dict[str, tuple[Callable[..., object], ...]] = {}

    def call(self, hook: commands.StartHook) -> None:
        """Call all of one name; what one raises is logged, as mitmproxy does, and so counted."""
        known = self._known.get(hook.name)
        if known is None:
            found = (getattr(addon, hook.name, None) for addon in self.master.addons.chain)
            known = self._known[hook.name] = tuple(function for function in found if function is not None)
        for function in known:
            try:
                function(*hook.args())
            except Exception:
                _logger.exception("a hook failed")


def frozen(options: Options) -> Options:
    """The options as they are now: mitmproxy's own copy a value deeply each time it is read."""
    names: list[str] = list(options.keys())  # type: ignore[no-untyped-call]
    return cast("Options", SimpleNamespace(**{name: getattr(options, name) for name in names}))


class Handler(ProxyConnectionHandler):
    """One client and the services behind it."""

    def __init__(
        self,
        hooks: Hooks,
        options: Options,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        mode: ReverseMode,
    ) -> None:
        super().__init__(hooks.master, *streams, options, mode)  # type: ignore[no-untyped-call]
        self.layer = layers.modes.ReverseProxy(self.layer.context)
        self.client_left = False
        """The client closed, before we or the service did."""
        self._call = hooks.call
        self._waiting: deque[events.Event] = deque()
        self._busy = False
        self._feeds: dict[Connection, Feed] = {}
        self._outgoing: dict[Connection, list[bytes]] = {}
        self._full: set[Connection] = set()
        """Connections whose peers do not take what they are sent."""
        self._frozen: list[bytes] | None = None
        """What the client will get when its connection thaws."""
        self._close_then = False
        self._ended_by_us = False
        self._arms: dict[type, Callable[[Any], None]] = {
            commands.SendData: self._send,
            commands.Log: self._log,
            commands.CloseConnection: self._close,
            commands.CloseTcpConnection: self._close_tcp,
            commands.OpenConnection: self._open,
            commands.RequestWakeup: self._wake_later,
        }

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """A hook of the connection itself."""
        self._call(hook)

    async def server_event(self, event: events.Event) -> None:
        """Something happened."""
        self.take(event)

    def take(self, event: events.Event) -> None:
        """Something happened: one event after the other goes through the layers, also when one leads to another."""
        self._waiting.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._waiting:
                self._pass(self._waiting.popleft())
            self._flush()
        finally:
            self._busy = False

    def _pass(self, event: events.Event) -> None:
        self.timeout_watchdog.last_activity = time.time()
        try:
            for command in self.layer.handle_event(event):
                if isinstance(command, commands.StartHook):
                    self._call(command)
                    if command.blocking:
                        self._waiting.append(events.HookCompleted(command))
                else:
                    self._arms[type(command)](command)
        except Exception:
            _logger.exception("mitmproxy has crashed")

    def _send(self, command: commands.SendData) -> None:
        self._outgoing.setdefault(command.connection, []).append(command.data)

    def _flush(self) -> None:
        """Write what one event has led to: head and body of an answer wake the client once."""
        while self._outgoing:
            connection, pieces = self._outgoing.popitem()
            if self._frozen is not None and connection is self.client:
                self._frozen += pieces
                continue
            held = self.transports.get(connection)
            if held is None or held.writer is None:
                continue
            transport = cast("asyncio.StreamWriter", held.writer).transport
            for data in pieces if sum(map(len, pieces)) > _LARGEST_JOINED else (b"".join(pieces),):
                if not transport.is_closing():
                    transport.write(data)

    def freeze(self, seconds: float, *, reset: bool) -> None:
        """Nothing goes to the client for a while; afterwards all of it, or a reset."""
        if self._frozen is None:
            self._frozen = []
            self.hold(self.client, True)
            asyncio.get_running_loop().call_later(seconds, self.reset if reset else self._thaw)

    def _thaw(self) -> None:
        kept, self._frozen = self._frozen, None
        if kept:
            self._outgoing.setdefault(self.client, [])[:0] = kept
        self._flush()
        self.hold(self.client, False)
        if self._close_then and self.client in self.transports:
            self.close_connection(self.client)

    def reset(self) -> None:
        """The client's connection ends at once, with a reset; what it was to be sent is lost."""
        transport = self._client_transport()
        if transport is not None:
            self._ended_by_us = True
            held = transport.get_extra_info("socket")
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()

    def cut(self) -> None:
        """The client's connection ends in order, after what it was sent until now."""
        self._flush()
        transport = self._client_transport()
        if transport is not None:
            self._ended_by_us = True
            transport.close()

    def _client_transport(self) -> asyncio.Transport | None:
        held = self.transports.get(self.client)
        if held is None or held.writer is None:
            return None
        return cast("asyncio.Transport", cast("asyncio.StreamWriter", held.writer).transport)

    def _log(self, command: commands.Log) -> None:
        if command.level >= logging.ERROR:
            self.log(command.message, command.level)

    def _close(self, command: commands.CloseConnection) -> None:
        self._flush()
        if self._frozen is not None and command.connection is self.client:
            self._close_then = True
        elif command.connection in self.transports:
            self.close_connection(command.connection)

    def _close_tcp(self, command: commands.CloseTcpConnection) -> None:
        self._flush()
        if command.connection in self.transports:
            self.close_connection(command.connection, command.half_close)

    def _open(self, command: commands.OpenConnection) -> None:
        task = self._start(self.open_connection(command))
        self.transports[command.connection] = ConnectionIO(handler=task)

    def _wake_later(self, command: commands.RequestWakeup) -> None:
        self.wakeup_timer.add(self._start(self.wakeup(command)))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        _running.add(task)
        task.add_done_callback(_running.discard)
        return task

    async def handle_connection(self, connection: Connection) -> None:
        """Stay until the connection has ended, or until it is to be closed."""
        held = self.transports[connection]
        reader, writer = cast("asyncio.StreamReader", held.reader), cast("asyncio.StreamWriter", held.writer)
        feed = self._feeds[connection] = Feed(self, connection, cast("asyncio.Transport", writer.transport))
        cancelled: asyncio.CancelledError | None = None
        try:
            await feed.take_over(reader)
            await feed.ended
        except asyncio.CancelledError as order:
            cancelled = order
        if cancelled is None:
            self.client_left = self.client_left or (connection is self.client and not self._ended_by_us)
            # TCP connections can be half-closed.
            connection.state &= ~ConnectionState.CAN_READ
        else:
            connection.state = ConnectionState.CLOSED
        self.take(events.ConnectionClosed(connection))
        if connection.state is ConnectionState.CAN_WRITE:
            # We may still send, until a layer or the peer has enough.
            try:
                await feed.lost
                connection.state = ConnectionState.CLOSED
            except asyncio.CancelledError as order:
                cancelled = order
        if connection is self.client and cancelled is not None and not self._ended_by_us:
            close_gently(cast("asyncio.Transport", writer.transport))
        else:
            writer.close()
        self.transports.pop(connection)
        self.hold(connection, False)
        self._feeds.pop(connection)
        if cancelled:
            raise cancelled

    def hold(self, full: Connection, on: bool) -> None:
        """A peer does not take what it is sent: nothing more is read from the others meanwhile."""
        (self._full.add if on else self._full.discard)(full)
        for connection, feed in self._feeds.items():
            feed.read(not self._full - {connection})


class Feed(asyncio.Protocol):
    """One transport: what arrives there goes to the layers at once."""

    def __init__(self, handler: Handler, connection: Connection, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        self.handler = handler
        self.connection = connection
        self.transport = transport
        self.ended: asyncio.Future[None] = loop.create_future()
        """Nothing more can be read."""
        self.lost: asyncio.Future[None] = loop.create_future()
        """Nothing more can be sent either."""

    async def take_over(self, reader: asyncio.StreamReader) -> None:
        """Let the transport call us from now on, and pass on what it has read until now."""
        self.transport.set_protocol(self)
        if self.transport.is_closing():
            # It was reset while the first words were sent.
            self.connection_lost(ConnectionResetError())
            return
        # Should an end of file be among it, then it is read once more.
        self.transport.pause_reading()
        reader.feed_eof()
        if early := await reader.read():
            self.data_received(early)
        self.transport.resume_reading()

    def read(self, on: bool) -> None:
        """Go on to read, or wait."""
        if on:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """The transport has read something."""
        self.handler.take(events.DataReceived(self.connection, data))

    def eof_received(self) -> bool:
        """The peer sends no more; it may still read."""
        _settle(self.ended)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is closed, but for its descriptor."""
        if exc is not None and not self.ended.done():
            for data in unread(self.transport):
                self.data_received(data)
        _settle(self.ended)
        _settle(self.lost)

    def pause_writing(self) -> None:
        """The peer does not take what it is sent."""
        self.handler.hold(self.connection, True)

    def resume_writing(self) -> None:
        """The peer has taken most of it."""
        self.handler.hold(self.connection, False)


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
