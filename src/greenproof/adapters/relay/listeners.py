"""Listening ports: one for each worker and target, and one shared slot for everything else."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy import mode_specs

from greenproof.adapters.confinement.network import listening
from greenproof.adapters.relay.connections import Handler, Hooks, frozen
from greenproof.adapters.relay.joining import SHARED
from greenproof.adapters.relay.lean import Front, Place
from greenproof.adapters.relay.loss import LossWatch
from greenproof.adapters.relay.run import Run
from greenproof.adapters.relay.targets import Origin, RelayTarget, fill

HOST = "127.0.0.1"
BACKLOG = 4096
"""asyncio's own backlog of 100 makes 500 connections take seconds."""
MOST_SLOTS = 256


@dataclass(frozen=True, slots=True)
class Ports:
    """Where ports are opened: here, or in a network of the tests' own."""

    ask_at: str | None = None
    """Path of the socket of that network's keeper."""
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """URL of a target -> where it is found there without the relay's variables."""

    def open(self, host: str, port: int = 0) -> socket.socket:
        """A bound socket. Raises OSError."""
        if self.ask_at is not None:
            return listening(self.ask_at, host, port)
        # asyncio turns Nagle's algorithm off only where the protocol is named; else heads and bodies wait 40 ms.
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        held.bind((host, port))
        return held


@dataclass(eq=False, slots=True)
class Listener:
    """A port before one target."""

    target: RelayTarget
    origin: Origin
    slot: int
    host: str
    port: int
    peers: dict[Origin, str]
    """The addresses of all targets in the same slot."""
    server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """`https` stays `https`."""
        return f"{self.origin.scheme}://{self.host}:{self.port}"


class Listeners:
    """Every open port. The sockets are our own: a port is never guessed, so it is never taken."""

    def __init__(
        self,
        master: Master,
        proxyserver: Proxyserver,
        targets: Sequence[RelayTarget],
        run: Callable[[], Run],
        loss: LossWatch,
        *,
        lean: bool = True,
        ports: Ports | None = None,
    ) -> None:
        self.master = master
        self._hooks = Hooks(master)
        self._options: Options | None = None
        self.proxyserver = proxyserver
        self.targets = targets
        self.ports = ports or Ports()
        self._by_place: dict[tuple[str, int], Listener] = {}
        self._written: list[Listener] = []
        """Those at the addresses that the targets' own URLs name."""
        self._slots: dict[int, list[Listener]] = {}
        self._next = SHARED
        self._clients: set[object] = set()
        self._run = run
        self._lean = lean
        self._place = Place(run, loss, self._hand_over, self._leave)
        self._idle = asyncio.Event()
        self._idle.set()

    def at(self, place: Sequence[Any]) -> Listener | None:
        """The listener at a local address."""
        return self._by_place.get((place[0], place[1]))

    async def open_written(self) -> None:
        """In a network of the tests' own, also be where a target's own URL leads to: some addresses are written into
        tests.
        """
        for target in self.targets:
            place = self.ports.places.get(target.url)
            if place is not None and (place[0], place[1]) not in self._by_place:
                peers = self._slots[SHARED][0].peers
                self._written.append(await self._open(target, SHARED, peers, *place))

    async def open_slot(self) -> int:
        """Open a port before each target; past the limit the shared slot has to do."""
        if len(self._slots) >= MOST_SLOTS:
            return SHARED
        slot = self._next
        self._next += 1
        peers: dict[Origin, str] = {}
        opened: list[Listener] = []
        try:
            for target in self.targets:
                listener = await self._open(target, slot, peers)
                opened.append(listener)
        except OSError:
            for listener in opened:
                self._close(listener)
            raise
        self._slots[slot] = opened
        return slot

    async def _open(
        self, target: RelayTarget, slot: int, peers: dict[Origin, str], host: str = HOST, port: int = 0
    ) -> Listener:
        held = self.ports.open(host, port)
        listener = Listener(target, Origin.parse(target.url), slot, host, held.getsockname()[1], peers)
        peers.setdefault(listener.origin, listener.address)
        self._by_place[host, listener.port] = listener

        loop = asyncio.get_running_loop()
        listener.server = await loop.create_server(lambda: self._meet(listener), sock=held, backlog=BACKLOG)
        return listener

    def _meet(self, listener: Listener) -> asyncio.Protocol:
        """Whoever connects is served by hand while that is possible, else by mitmproxy."""
        if self._lean and listener.origin.scheme == "http" and self._run().plan is None:
            front = Front(self._place, listener)
            self._enter(front)
            return front
        return self._streams(listener)

    def _streams(self, listener: Listener) -> asyncio.StreamReaderProtocol:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._accept(listener, reader, writer)

        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), accept)

    def _hand_over(self, listener: Listener, transport: asyncio.Transport, held: bytes) -> None:
        """mitmproxy goes on with a connection, as if it had been its own from the start."""
        protocol = self._streams(listener)
        # First what was read: tasks start eagerly here, and mitmproxy's takes over what is there.
        protocol.data_received(held)
        transport.set_protocol(protocol)
        transport.resume_reading()
        protocol.connection_made(transport)

    def _enter(self, one: object) -> None:
        self._clients.add(one)
        self._idle.clear()

    def _leave(self, one: object) -> None:
        self._clients.discard(one)
        if not self._clients:
            self._idle.set()

    async def _accept(self, listener: Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What mitmproxy's own server instance does with a connection."""
        authority = f"{listener.origin.host}:{listener.origin.port}"
        if ":" in listener.origin.host:
            authority = f"[{listener.origin.host}]:{listener.origin.port}"
        mode = mode_specs.ReverseMode.parse(f"reverse:{listener.origin.scheme}://{authority}")
        self._options = self._options or frozen(self.master.options)
        handler = Handler(self._hooks, self._options, (reader, writer), mode)
        self._enter(handler)
        try:
            with self.proxyserver.register_connection(handler.client.id, handler):
                await handler.handle_client()
        finally:
            self._leave(handler)

    def handler_of(self, connection: str) -> Handler | None:
        """Who serves a connection of a client, if mitmproxy does."""
        handler = self.proxyserver.connections.get(connection)
        return handler if isinstance(handler, Handler) else None

    def left_by_itself(self, connection: str) -> bool:
        """Whether the client closed a connection that mitmproxy serves: neither we nor the service did."""
        handler = self.proxyserver.connections.get(connection)
        return isinstance(handler, Handler) and handler.client_left

    async def idle(self, within: float) -> None:
        """Wait until no client is connected any more."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._idle.wait()

    def addresses(self, slot: int) -> dict[str, str]:
        """Target name -> address in this slot."""
        return {held.target.name: held.address for held in self._slots[slot]}

    def variables(self, slot: int) -> dict[str, str]:
        """Environment variable -> value for a process that uses this slot."""
        return {
            variable: fill(template, held.address)
            for held in self._slots[slot]
            for variable, template in held.target.variables.items()
        }

    def endpoints(self, slot: int) -> list[list[str | int]]:
        """Every relay address that a process of this slot may connect to: its own and the shared ones."""
        slots = dict.fromkeys((slot, SHARED))
        opened = [held for number in slots for held in self._slots[number]]
        return [[held.host, held.port] for held in (*opened, *self._written)]

    def close_workers(self) -> None:
        """Close all but the shared slot."""
        for slot in [slot for slot in self._slots if slot != SHARED]:
            for listener in self._slots.pop(slot):
                self._close(listener)

    def close(self) -> None:
        """Close everything."""
        self.close_workers()
        for listener in (*self._slots.pop(SHARED, []), *self._written):
            self._close(listener)

    def _close(self, listener: Listener) -> None:
        self._by_place.pop((listener.host, listener.port), None)
        if listener.server is not None:
            listener.server.close()

    async def disconnect_clients(self, within: float) -> None:
        """End every client's connection, politely first; plain TCP layers know no other way than this."""
        for handler in list(self.proxyserver.connections.values()):
            held = handler.transports.get(handler.client)
            if held is not None and held.handler is not None:
                held.handler.cancel("the run is over")
        for front in [one for one in self._clients if isinstance(one, Front)]:
            front.transport.close()
        await self.idle(within)
