"""Who listens where: sockets joined to processes, so that an open port is not mistaken for a service."""

import asyncio
import atexit
import contextlib
import os
import random
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

# Below the range from which systems take the local ports of outgoing connections, which could
# otherwise occupy a port between its choice and its use.
FIRST_PORT, LAST_PORT = 18000, 31999
_LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Listening:
    """What is known about the listeners of a started process and of its port."""

    ours: frozenset[int]
    """TCP ports on which the started process or a relative listens."""
    foreign: frozenset[int]
    """Processes of others that listen on the expected port; 0 stands for one that cannot be seen."""


def free_port(preferred: int | None = None, taken: Iterable[int] = ()) -> int:
    """The preferred port if it can be bound on loopback, else one that can.

    It is promised to nobody else: whoever is to use it may take a while until it listens.
    """
    used = set(taken)
    if preferred is not None and preferred not in used and can_bind(preferred) and _PROMISES.hold(preferred):
        return preferred
    for _ in range(500):
        port = random.randint(FIRST_PORT, LAST_PORT)  # noqa: S311 - nothing to be guessed
        if port not in used and port not in _PROMISES and can_bind(port) and _PROMISES.hold(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Promises:
    """Ports that this process has chosen, and on which nobody may listen yet; all other environments know of them.

    Each is a name in the abstract namespace of Unix sockets, which the kernel forgets with its holder. Linux only.
    """

    MOST = 64
    """The newest; by then the older ones are in use, and can't be bound."""

    def __init__(self) -> None:
        self._held: dict[int, socket.socket] = {}

    def __contains__(self, port: int) -> bool:
        return port in self._held

    def hold(self, port: int) -> bool:
        """Whether it is ours, from now on or since before."""
        if port in self._held or not sys.platform.startswith("linux"):
            return True
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            name.bind(f"\0greenproof-port-{port}")
        except OSError:
            name.close()
            return False
        self._held[port] = name
        if len(self._held) > self.MOST:
            self._held.pop(next(iter(self._held))).close()
        return True

    def forget(self) -> None:
        """Give all of them back."""
        for name in self._held.values():
            name.close()
        self._held.clear()


_PROMISES = _Promises()
atexit.register(_PROMISES.forget)


def can_bind(port: int) -> bool:
    """Whether nobody listens on this port of the loopback address, or of all addresses."""
    for address in ("127.0.0.1", ""):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def listeners() -> Mapping[str, int] | None:
    """All listening sockets, by inode; None where the system has no such table. One look may serve for several ports:
    to read it takes the longest.
    """
    # Not `sys.platform`: to a type checker that would make one of the two dead code.
    return _listening_inodes() if Path("/proc/net/tcp").exists() else None


async def answers(port: int, timeout: float = 0.2) -> bool:
    """Whether anybody may listen on a port of loopback: a connection is not refused. Costs next to nothing."""
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    except (OSError, TimeoutError):
        return True
    writer.close()
    return True


def look(pids: set[int], port: int, table: Mapping[str, int] | None = None) -> Listening:
    """The ports on which these processes listen, and who else listens on `port`; `table` is what `listeners` said."""
    table = listeners() if table is None else table
    return _look_with_psutil(pids, port) if table is None else _look_in_proc(pids, port, table)


def _look_in_proc(pids: set[int], port: int, listeners: Mapping[str, int]) -> Listening:
    owned = {inode for pid in pids for inode in _inodes(pid)}
    ours = frozenset(at for inode, at in listeners.items() if inode in owned)
    strange = {inode for inode, at in listeners.items() if at == port and inode not in owned}
    return Listening(ours, frozenset(_owners(strange)) if strange else frozenset())


def _listening_inodes() -> dict[str, int]:
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN:
                    found[fields[9]] = int(fields[1].rpartition(":")[2], 16)
    return found


def _inodes(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                target = str(Path(entry.path).readlink())
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def _owners(inodes: set[str]) -> set[int]:
    return {pid for pid in psutil.pids() if inodes & _inodes(pid)} or {0}


def _look_with_psutil(pids: set[int], port: int) -> Listening:
    ours: set[int] = set()
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            for connection in psutil.Process(pid).net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    ours.add(connection.laddr.port)
    # Elsewhere only root sees who else listens; the proof in the answer then has to do.
    return Listening(frozenset(ours), frozenset())
