"""Sockets and child processes, through Python's audit events."""

from __future__ import annotations

import _socket
import ipaddress
import socket
import sys
from typing import Any, Callable, FrozenSet, Iterable, NamedTuple, Optional, Tuple

_CONNECT = "socket.connect"
_CHILDREN = frozenset(
    {
        "subprocess.Popen",
        "os.posix_spawn",
        "os.fork",
        "os.forkpty",
        "os.exec",
        "os.spawn",
        "os.system",
    }
)
_EVENTS = _CHILDREN | {_CONNECT}

_raw = _socket.socket


class Traffic(NamedTuple):
    """What the process did so far."""

    connections: int
    foreign: int
    children: int


class Sockets:
    """Counts, and names the source port of every connection to the relay before it is made."""

    def __init__(
        self,
        relay: Iterable[Tuple[str, int]],
        control: Tuple[str, int],
        tell_source: Callable[[str, int], None],
        child_starting: Callable[[], None] = lambda: None,
    ) -> None:
        """`tell_source(ip, port)` returns when the witness knows the port."""
        self._child_starting = child_starting
        self._relay: FrozenSet[Tuple[str, int]] = frozenset((_numeric(ip), port) for ip, port in relay)
        self._known = self._relay | {(_numeric(control[0]), control[1])}
        self._ports = frozenset(port for _, port in self._known)
        self._tell_source = tell_source
        self._connections = 0
        self._foreign = 0
        self._children = 0

    def read(self) -> Traffic:
        """The counts so far."""
        return Traffic(self._connections, self._foreign, self._children)

    def child_started(self) -> None:
        """A process is about to be started."""
        self._children += 1
        self._child_starting()

    def connecting(self, connection: Any, address: Any) -> None:
        """A socket is about to connect."""
        self._connections += 1
        peer = self._peer(address)
        if peer not in self._known:
            self._foreign += 1
        elif peer in self._relay:
            self._name_source(connection, peer[0])

    def _peer(self, address: Any) -> Tuple[str, int]:
        # Only a port that we know is worth resolving a name for.
        if not isinstance(address, tuple) or len(address) < 2 or address[1] not in self._ports:
            return "", 0
        return _numeric(str(address[0])), address[1]

    def _name_source(self, connection: Any, ip: str) -> None:
        if _raw.family.__get__(connection) != socket.AF_INET:
            return
        if _raw.type.__get__(connection) & 0xF != socket.SOCK_STREAM:
            return
        name = _raw.getsockname(connection)
        if name[1] == 0:
            # The relay listens on this machine, so its address is one that we may bind to.
            _raw.bind(connection, (ip, 0))
            name = _raw.getsockname(connection)
        self._tell_source(name[0] if name[0] != "0.0.0.0" else ip, name[1])


_observer: Optional[Sockets] = None
_hooked = False


def observe(observer: Optional[Sockets]) -> None:
    """Send the events to this observer, or to nobody: an audit hook cannot be taken out again."""
    global _observer, _hooked
    _observer = observer
    if observer is not None and not _hooked:
        _hooked = True
        sys.addaudithook(_audit)


def _audit(event: str, args: Tuple[Any, ...], events: FrozenSet[str] = _EVENTS) -> None:
    if event not in events:
        return
    observer = _observer
    if observer is None:
        return
    try:
        if event == _CONNECT:
            observer.connecting(*args)
        else:
            observer.child_started()
    except Exception:
        # An exception here would fail the user's own connect().
        pass


def _numeric(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            return socket.gethostbyname(host)
        except (OSError, UnicodeError):
            return host
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
