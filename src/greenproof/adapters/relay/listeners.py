"""Listening ports: one for each worker and target, and one shared slot for everything else."""

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy import mode_specs

from greenproof.adapters.relay.connections import Handler, Hooks, frozen
from greenproof.adapters.relay.joining import SHARED
from greenproof.adapters.relay.targets import Origin, RelayTarget, fill

HOST = "127.0.0.1"
BACKLOG = 4096
"""asyncio's own backlog of 100 makes 500 connections take seconds."""
MOST_SLOTS = 256


@dataclass(eq=False, slots=True)
class Listener:
    """A port before one target."""

    target: RelayTarget
    origin: Origin
    slot: int
    port: int
    peers: dict[Origin, str]
    """The addresses of all targets in the same slot."""
    server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """`https` stays `https`."""
        return f"{self.origin.scheme}://{HOST}:{self.port}"


class Listeners:
    """Every open port. The sockets are our own: a port is never guessed, so it is never taken."""

    def __init__(self, master: Master, proxyserver: Proxyserver, targets: Sequence[RelayTarget]) -> None:
        self.master = master
        self._hooks = Hooks(master)
        self._options: Options | None = None
        self.proxyserver = proxyserver
        self.targets = targets
        self.by_port: dict[int, Listener] = {}
        self._slots: dict[int, list[Listener]] = {}
        self._next = SHARED
        self._clients = 0
        self._idle = asyncio.Event()
        self._idle.set()

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

    async def _open(self, target: RelayTarget, slot: int, peers: dict[Origin, str]) -> Listener:
        # asyncio turns Nagle's algorithm off only where the protocol is named; else heads and bodies wait 40 ms.
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        held.bind((HOST, 0))
        listener = Listener(target, Origin.parse(target.url), slot, held.getsockname()[1], peers)
        peers.setdefault(listener.origin, listener.address)
        self.by_port[listener.port] = listener

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._accept(listener, reader, writer)

        listener.server = await asyncio.start_server(accept, sock=held, backlog=BACKLOG)
        return listener

    async def _accept(self, listener: Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What mitmproxy's own server instance does with a connection."""
        authority = f"{listener.origin.host}:{listener.origin.port}"
        if ":" in listener.origin.host:
            authority = f"[{listener.origin.host}]:{listener.origin.port}"
        mode = mode_specs.ReverseMode.parse(f"reverse:{listener.origin.scheme}://{authority}")
        self._options = self._options or frozen(self.master.options)
        handler = Handler(self._hooks, self._options, (reader, writer), mode)
        self._clients += 1
        self._idle.clear()
        try:
            with self.proxyserver.register_connection(handler.client.id, handler):
                await handler.handle_client()
        finally:
            self._clients -= 1
            if not self._clients:
                self._idle.set()

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
        return [[HOST, held.port] for number in slots for held in self._slots[number]]

    def close_workers(self) -> None:
        """Close all but the shared slot."""
        for slot in [slot for slot in self._slots if slot != SHARED]:
            for listener in self._slots.pop(slot):
                self._close(listener)

    def close(self) -> None:
        """Close everything."""
        self.close_workers()
        for listener in self._slots.pop(SHARED, []):
            self._close(listener)

    def _close(self, listener: Listener) -> None:
        self.by_port.pop(listener.port, None)
        if listener.server is not None:
            listener.server.close()

    async def disconnect_clients(self, within: float) -> None:
        """End every client's connection, politely first; plain TCP layers know no other way than this."""
        for handler in list(self.proxyserver.connections.values()):
            held = handler.transports.get(handler.client)
            if held is not None and held.handler is not None:
                held.handler.cancel("the run is over")
        await self.idle(within)
