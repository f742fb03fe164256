"""The process table: which registered process, or which descendant of it, holds the other end of a connection?

On Linux the kernel is asked for exactly this socket (0.02 ms; reading `/proc/net/tcp` costs 5 ms beside a thousand
others), then the descriptors of the registered processes' trees are read, and no others. Elsewhere psutil does it.
"""

import os
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

_PROC = Path("/proc")
_MOST_PROCESSES = 4_096
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_ANY = 0xFFFFFFFF
_ON_LINUX = sys.platform.startswith("linux")


def owner_of(peer: tuple[str, int], local: tuple[str, int], pids: Sequence[int]) -> int | None:
    """The nearest of `pids` that is the owner of the socket `peer` -> `local`, or an ancestor of the owner."""
    if _ON_LINUX:
        inode = inode_of(peer, local, pids)
        return None if inode is None else _holder(f"socket:[{inode}]", pids)
    return _holder_by_psutil(peer, local, pids)


def inode_of(peer: tuple[str, int], local: tuple[str, int], pids: Sequence[int]) -> str | None:
    """What names the socket `peer` -> `local` in the table of processes; Linux only."""
    inode = _inode_by_netlink(peer, local) or _inode_by_table(peer, local)
    if inode is None and pids:
        # In a network of its own a process has a table of its own.
        inode = _inode_by_table(peer, local, _PROC / str(pids[0]) / "net")
    return inode


def holds(pid: int, link: str) -> bool:
    """Whether one of the descriptors of the process is `link`: `socket:[INODE]`."""
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)  # noqa: PTH208 - a Path for each entry costs more than the look-up
    except OSError:
        return False
    for name in reversed(names):
        try:
            if os.readlink(f"{folder}/{name}") == link:  # noqa: PTH115
                return True
        except OSError:
            continue
    return False


def _inode_by_netlink(peer: tuple[str, int], local: tuple[str, int]) -> str | None:
    """The inode of the client's socket, from the kernel's `sock_diag(7)`; None: it cannot be asked or knows none."""
    try:
        ends = struct.pack(
            "=2s2s4s12x4s12xIII",
            struct.pack("!H", peer[1]),
            struct.pack("!H", local[1]),
            socket.inet_aton(peer[0]),
            socket.inet_aton(local[0]),
            0,
            _ANY,
            _ANY,
        )
        request = struct.pack("=BBxxI", socket.AF_INET, socket.IPPROTO_TCP, _ANY) + ends
        header = struct.pack("=IHHII", 16 + len(request), _SOCK_DIAG_BY_FAMILY, 1, 1, 0)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(0.2)
            kernel.send(header + request)
            answer = kernel.recv(8192)
        (kind,) = struct.unpack_from("=H", answer, 4)
        # After a header of 16 bytes and 68 of the message comes its last field.
        (inode,) = struct.unpack_from("=I", answer, 84) if kind == _SOCK_DIAG_BY_FAMILY else (0,)
    except (OSError, struct.error):
        return None
    return str(inode) if inode else None


def _inode_by_table(peer: tuple[str, int], local: tuple[str, int], folder: Path = _PROC / "net") -> str | None:
    """The inode of the client's socket in `/proc/net/tcp` (or tcp6 for a mapped address)."""
    forms = ((folder / "tcp", _hex), (folder / "tcp6", _hex_mapped))
    for table, form in forms:
        try:
            text = table.read_text()
        except OSError:
            continue
        start = text.find(f" {form(peer)} {form(local)} ")
        if start >= 0:
            # Ten columns: sl local remote st queues tr:tm retrnsmt uid timeout inode
            columns = text[start : text.find("\n", start)].split()
            return columns[8] if len(columns) > 8 and columns[8] != "0" else None
    return None


def _hex(address: tuple[str, int]) -> str:
    # The kernel prints the address as a number in the machine's byte order, the port as a plain one.
    (number,) = struct.unpack("=I", socket.inet_aton(address[0]))
    return f"{number:08X}:{address[1]:04X}"


def _hex_mapped(address: tuple[str, int]) -> str:
    prefix = struct.unpack("=I", b"\x00\x00\xff\xff")[0]
    return f"{'0' * 16}{prefix:08X}{_hex(address)}"


def _holder(link: str, pids: Sequence[int]) -> int | None:
    # Children first: a worker of xdist is itself a child of the main process.
    for pid in reversed(pids):
        for process in _tree(pid, set(pids) - {pid}):
            if holds(process, link):
                return pid
    return None


def _tree(root: int, others: set[int]) -> Iterator[int]:
    """The process and its descendants, without the trees of other registered processes."""
    waiting, seen = [root], 0
    while waiting and seen < _MOST_PROCESSES:
        pid = waiting.pop()
        seen += 1
        yield pid
        waiting.extend(child for child in _children(pid) if child not in others)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        # A child is listed under the thread that started it.
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            text = Path(f"/proc/{pid}/task/{thread}/children").read_text()
            found.extend(int(child) for child in text.split())
    except FileNotFoundError:
        return found or _children_by_psutil(pid)
    except (OSError, ValueError):
        pass
    return found


def _children_by_psutil(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def _holder_by_psutil(peer: tuple[str, int], local: tuple[str, int], pids: Sequence[int]) -> int | None:
    for pid in reversed(pids):
        try:
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                for held in process.net_connections("tcp"):
                    if held.laddr == peer and held.raddr == local:
                        return pid
        except psutil.Error:
            continue
    return None
