"""Hold a network namespace whose only ways out are the sockets that are asked for.

    python -I -S keeper.py PARENT_PID SOCKET HOSTS USERS

Run as a script, in an interpreter without site, and alone in its process: only so may it enter namespaces. It makes
them, turns their loopback on, writes HOSTS (a JSON object: name -> address) over /etc/hosts, says `ready`, and then
opens listening sockets for whoever asks at SOCKET, and hands them out. A socket belongs to the namespace in which it
was made, so who listens with it hears the tests and still reaches the world. It ends with its standard input, or with
its parent, and takes the folder of SOCKET with it.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import tempfile
from pathlib import Path

_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWNET = 0x0002_0000, 0x1000_0000, 0x4000_0000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x4_0000
_PR_SET_PDEATHSIG = 1
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR = 0x8913, 0x8914, 0x8916
_IFF_UP = 1
_BACKLOG = 64
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Make the namespaces and serve; the reason on standard output, and code 1, if that is not allowed."""
    parent, place, hosts, users = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), sys.argv[4] == "users"
    try:
        _enter(users)
        # An exception out of a signal could come in the middle of clearing up.
        told, tell = os.pipe()
        signal.signal(signal.SIGTERM, lambda number, frame: os.write(tell, b"x") and None)
        # Only now: a change of rights takes this order back.
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        _turn_on("lo")
        if hosts:
            _name(hosts)
        server = socket.socket(socket.AF_UNIX)
        server.bind(place)
        server.listen(_BACKLOG)
    except OSError as problem:
        print(f"refused: {problem.strerror or problem}", flush=True)
        sys.exit(1)
    try:
        print("ready", flush=True)
        _serve(server, told)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(place)  # noqa: PTH108 - a path as text
            os.rmdir(os.path.dirname(place))  # noqa: PTH106, PTH120


def _serve(server: socket.socket, told: int) -> None:
    """Until the standard input ends, or a signal has said so."""
    while True:
        readable, _, _ = select.select([server, sys.stdin, told], [], [])
        if sys.stdin in readable or told in readable:
            return
        asker, _ = server.accept()
        with asker, contextlib.suppress(OSError, ValueError):
            asker.settimeout(5)
            _answer(asker)


def _enter(users: bool) -> None:
    """Without root a namespace of users comes first: in it we have the rights that the others need."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        os.unshare(_CLONE_NEWNET | _CLONE_NEWNS | (_CLONE_NEWUSER if users else 0))
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            # No disk is meant.
            raise OSError(errno.ENOSPC, _limits(users)) from problem
        raise
    if users:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _mount(None, "/", _MS_REC | _MS_PRIVATE)


def _limits(users: bool) -> str:
    """Which limit of namespaces(7) is in the way: those that are zero, else all that may be used up."""
    known = {}
    for kind in (*(("user",) if users else ()), "net", "mnt"):
        with contextlib.suppress(OSError):
            known[kind] = Path(f"/proc/sys/user/max_{kind}_namespaces").read_text().strip()
    zero = [kind for kind, value in known.items() if value == "0"]
    told = ", ".join(f"user.max_{kind}_namespaces = {known[kind]}" for kind in zero or known)
    return f"the kernel's limit of namespaces is reached: {told or 'user.max_*_namespaces'}"


def _mount(source: str | None, target: str, flags: int) -> None:
    if _libc.mount(source.encode() if source else None, target.encode(), None, flags, None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _turn_on(interface: str) -> None:
    name = interface.encode().ljust(16, b"\0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        answer = fcntl.ioctl(held, _SIOCGIFFLAGS, name + bytes(24))
        (flags,) = struct.unpack_from("=h", answer, 16)
        fcntl.ioctl(held, _SIOCSIFFLAGS, name + struct.pack("=h", flags | _IFF_UP) + bytes(22))


def _name(hosts: dict[str, str]) -> None:
    """The file is gone from its folder at once, and stays where it was mounted."""
    known = Path("/etc/hosts").read_text() if Path("/etc/hosts").exists() else ""
    with tempfile.NamedTemporaryFile("w", prefix="hosts-") as file:
        # The first line that names a host decides.
        file.write("".join(f"{address}\t{name}\n" for name, address in hosts.items()) + known)
        file.flush()
        os.chmod(file.name, 0o644)  # noqa: PTH101 - a path as text
        _mount(file.name, "/etc/hosts", _MS_BIND)


def _answer(asker: socket.socket) -> None:
    wanted = json.loads(asker.makefile("rb").readline())
    host, port = str(wanted["host"]), int(wanted["port"])
    try:
        with _listening(host, port) as made:
            socket.send_fds(asker, [b"made"], [made.fileno()])
    except OSError as problem:
        asker.sendall(f"refused: {problem.strerror or problem}".encode())


def _listening(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not host.startswith("127."):
            _own(host)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


def _own(address: str) -> None:
    """Give the loopback one more address: nobody else can have it here."""
    number = int.from_bytes(socket.inet_aton(address)) % 10_000
    name = f"lo:{number}".encode().ljust(16, b"\0")
    place = struct.pack("=H2s4s8x", socket.AF_INET, b"\0\0", socket.inet_aton(address))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        fcntl.ioctl(held, _SIOCSIFADDR, name + place + bytes(8))


if __name__ == "__main__":
    main()
