"""The connection to the witness. Whatever goes wrong with it, the user's suite goes on."""

from __future__ import annotations

import os
import socket
import struct
import threading
from typing import Any, Callable, Dict, NamedTuple, Optional

from pytest_greenproof.clock import now
from pytest_greenproof.texts import decode, encode

PATIENCE = 10.0
"""Seconds that a reply may take."""

_FLUSH_AT = 1 << 16


class Address(NamedTuple):
    """Where the witness listens, and the token that shows that we are meant."""

    host: str
    port: int
    token: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `HOST:PORT:TOKEN`; ValueError if it is not that."""
        host, port, token = text.split(":", 2)
        if not host or not token or not 0 < int(port) < 65536:
            raise ValueError(text)
        return cls(host, int(port), token)


class Control:
    """One TCP connection; unanswered messages wait for the next question, or for `flush`."""

    def __init__(self, notice: Callable[[str], None], patience: float = PATIENCE) -> None:
        self._notice = notice
        self._patience = patience
        self._socket: Optional[socket.socket] = None
        # A signal handler may connect a socket, or raise, while its own thread waits for a reply.
        self._lock = threading.RLock()
        self._asking = False
        self._number = 0
        self._outgoing = bytearray()
        self._incoming = bytearray()

    @property
    def alive(self) -> bool:
        """Whether somebody listens."""
        return self._socket is not None

    def connect(self, address: Address) -> None:
        """Connect, or say in one line why not."""
        try:
            connected = socket.create_connection(address[:2], timeout=self._patience)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _bound_waits(connected, self._patience)
        except OSError as error:
            self._abandon(f"the witness at {address.host}:{address.port} does not answer ({error})")
        else:
            self._socket = connected

    def tell(self, message: Dict[str, Any]) -> None:
        """Send without an answer, at the latest before the next answered message."""
        if self._socket is None:
            return
        with self._lock:
            self._outgoing += encode(message)
            if len(self._outgoing) > _FLUSH_AT:
                self.flush()

    def ask(self, message: Dict[str, Any]) -> Dict[str, Any]:
        """Send, and wait for the answer; empty when nobody listens any more."""
        if self._socket is None:
            return {}
        with self._lock:
            if self._asking:
                return {}
            self._asking = True
            try:
                self._number += 1
                message["n"] = self._number
                self._outgoing += encode(message)
                return self._exchange(self._number)
            finally:
                self._asking = False

    def flush(self) -> None:
        """Send what waits."""
        if self._outgoing and self._socket is not None:
            with self._lock:
                try:
                    self._send(self._socket)
                except OSError as error:
                    self._abandon(f"the witness was lost ({error})")

    def close(self) -> None:
        """Send what waits, and leave."""
        self.flush()
        self.forget()

    def forget(self) -> None:
        """Close our side without a word, as a forked child must with its parent's connection."""
        connection, self._socket = self._socket, None
        self._lock = threading.RLock()
        self._outgoing.clear()
        if connection is not None:
            connection.close()

    def _exchange(self, number: int) -> Dict[str, Any]:
        connection = self._socket
        if connection is None:
            return {}
        try:
            self._send(connection)
            return self._receive(connection, number)
        except BlockingIOError:
            self._abandon(f"the witness took longer than {self._patience:g} s to answer")
        except (OSError, ValueError) as error:
            self._abandon(f"the witness was lost ({error})")
        return {}

    def _send(self, connection: socket.socket) -> None:
        # Byte by byte honest even if a signal handler raises between two calls: what was sent is
        # forgotten at once.
        while self._outgoing:
            sent = connection.send(self._outgoing)
            del self._outgoing[:sent]

    def _receive(self, connection: socket.socket, number: int) -> Dict[str, Any]:
        deadline = now() + int(self._patience * 1e9)
        while True:
            line, newline, rest = self._incoming.partition(b"\n")
            if newline:
                self._incoming = rest
                reply = decode(bytes(line))
                # An older number: the answer to a question whose wait a signal handler cut short.
                if reply.get("n") == number:
                    return reply
                continue
            if now() > deadline:
                raise BlockingIOError
            received = connection.recv(1 << 16)
            if not received:
                raise OSError("it closed the connection")
            self._incoming += received

    def _abandon(self, reason: str) -> None:
        self.forget()
        self._notice(f"greenproof: {reason}; the tests go on without it")


def _bound_waits(connection: socket.socket, seconds: float) -> None:
    # Time-outs of the kernel save the poll() that Python puts before each call on a socket with a
    # time-out.
    if os.name != "posix":
        return
    whole = int(seconds)
    wait = struct.pack("@ll", whole, int((seconds - whole) * 1e6))
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wait)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)
