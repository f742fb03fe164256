"""Daemons: processes in the tests' own network that descend from no registered process any more.

Whoever is in that network was started by the test command. To which case a daemon belongs is told by when it was born:
since the case began, or before. Linux only, as that network is.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from greenproof.adapters.relay.sockets import holds, inode_of

_PROC = Path("/proc")
_MARK = b"GREENPROOF_WITHIN="
_ON_LINUX = sys.platform.startswith("linux")
_MOST_ANCESTORS = 1_000

type Instant = tuple[int, int]
"""Clock ticks since the machine's start, and the last process id that was given by then: the ids are given in order, so
that they tell before and after within one tick of 10 ms."""


def this_instant() -> Instant:
    """Now; (0, 0) where the kernel does not say."""
    if not _ON_LINUX:
        return (0, 0)
    try:
        last = int((_PROC / "loadavg").read_bytes().split()[4])
    except (OSError, ValueError, IndexError):
        # Nothing that is born in this tick counts as later.
        last = sys.maxsize
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")), last


def orphan_of(peer: tuple[str, int], local: tuple[str, int], pids: Sequence[int]) -> tuple[int, Instant] | None:
    """To which of `pids` the daemon belongs that holds the socket `peer` -> `local`, and when it was born: it, or the
    eldest of those that it descends from. None: it is no daemon of ours, or nobody can say whose.
    """
    if not _ON_LINUX or not pids:
        return None
    home = _network(pids[0])
    if home is None or home == _network("self"):
        return None
    inode = inode_of(peer, local, pids)
    link = f"socket:[{inode}]"
    found = next((pid for pid in _all() if _network(pid) == home and holds(pid, link)), None) if inode else None
    worker = _worker(found, pids) if found is not None else None
    if found is None or worker is None:
        return None
    above = {worker, *_ancestors(worker)}
    line = [found, *(pid for pid in _ancestors(found) if pid not in above and _network(pid) == home)]
    born = [_born(pid) for pid in line]
    return worker, min((instant for instant in born if instant is not None), default=(0, 0))


def _all() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208


def _network(pid: int | str) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/net")  # noqa: PTH115
    except OSError:
        return None


def _worker(pid: int, pids: Sequence[int]) -> int | None:
    """The only one; of several the one that its environment names."""
    if len(pids) == 1:
        return pids[0]
    try:
        variables = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    for variable in variables:
        if variable.startswith(_MARK):
            named = variable.split(b":")[1:2]
            return next((one for one in pids if named == [str(one).encode()]), None)
    return None


def _stat(pid: int) -> list[str]:
    """The fields of `proc_pid_stat(5)` after the name, which may hold anything."""
    try:
        return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _born(pid: int) -> Instant | None:
    fields = _stat(pid)
    return (int(fields[19]), pid) if len(fields) > 19 else None


def _ancestors(pid: int) -> Iterator[int]:
    for _ in range(_MOST_ANCESTORS):
        fields = _stat(pid)
        pid = int(fields[1]) if len(fields) > 1 else 0
        if pid <= 1:
            return
        yield pid
