"""Start and end such a network, and ask it for sockets. Linux only; without root where users may make namespaces."""

import contextlib
import ipaddress
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from greenproof.model.errors import UsageError

_KEEPER = str(Path(__file__).with_name("keeper.py"))
_START_S = 10.0
_END_S = 5.0
_NAMED = "127.77.0."
"""Where other hosts are found inside: each has an address of its own, so two may use one port."""
_MOST_HOSTS = 200
_LIMIT = "user.max_"
_LIMITED = (
    "leave --confine out; or look at the limits with `sysctl user.max_user_namespaces user.max_net_namespaces`, and"
    " raise the one that is named, as root: sysctl -w NAME=1000"
)
_FORBIDDEN = (
    "leave --confine out; or allow it: sysctl kernel.unprivileged_userns_clone=1 (Debian), or"
    " kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu)"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tests find a target, as its own URL names it."""

    host: str
    """An address of IPv4."""
    port: int


class Network:
    """A network of its own for a test command. A context manager."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path, places: Mapping[str, Place]) -> None:
        self._process, self._folder = process, folder
        self.places = places
        """URL of a target -> where it is to be found inside."""

    @classmethod
    def start(cls, urls: Iterable[str], *, users: bool | None = None) -> Self:
        """Make it, so that every URL leads to an address of its own inside. Raises UsageError where that is refused.

        `users`: whether it comes with a namespace of users, as it must without root; None: as it must.
        """
        places, hosts = _places(urls)
        # The path of a socket may have 107 bytes.
        rights = "users" if users or (users is None and os.geteuid() != 0) else "none"
        folder = Path(tempfile.mkdtemp(prefix="greenproof-net-"))
        process = None
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", _KEEPER, str(os.getpid()), str(folder / "ask"), json.dumps(hosts), rights],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
            said = _first_line(process)
        except OSError as problem:
            said = problem.strerror or str(problem)
        network = cls(process, folder, places) if process is not None else None
        if said != "ready" or network is None:
            if network is not None:
                network.close()
            shutil.rmtree(folder, ignore_errors=True)
            raise UsageError(
                f"no network of its own can be made for the tests: {said.removeprefix('refused: ') or 'no answer'}",
                code="confine-refused",
                where="--confine",
                expected="Linux, where this user may make namespaces",
                hint=_LIMITED if _LIMIT in said else _FORBIDDEN,
            )
        return network

    @property
    def pid(self) -> int:
        """Of the process that holds the namespaces."""
        return self._process.pid

    @property
    def ask_at(self) -> str:
        """Path of the socket at which listening sockets are asked for."""
        return str(self._folder / "ask")

    def close(self) -> None:
        """Nothing of it is left when the last process in it has ended."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._process.communicate(timeout=_END_S)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def listening(ask_at: str, host: str, port: int) -> socket.socket:
    """A bound socket of the network, made by its keeper. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as asker:
        asker.settimeout(_END_S)
        asker.connect(ask_at)
        asker.sendall(json.dumps({"host": host, "port": port}).encode() + b"\n")
        said, handles, _, _ = socket.recv_fds(asker, 200, 1)
    if not handles:
        raise OSError(said.decode("utf-8", "replace").removeprefix("refused: ") or "no socket")
    return socket.socket(fileno=handles[0])


def can_be_made() -> str | None:
    """Why no such network can be made here; None: it can."""
    try:
        with Network.start(()):
            return None
    except UsageError as problem:
        return problem.message


def _first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], _START_S)
    return process.stdout.readline().strip() if readable else ""


def _places(urls: Iterable[str]) -> tuple[dict[str, Place], dict[str, str]]:
    """Where each URL is found inside, and the hosts that need a name there."""
    places: dict[str, Place] = {}
    hosts: dict[str, str] = {}
    for url in urls:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
        address = _address(parts.hostname or "", hosts)
        if address is not None:
            places[url] = Place(address, port)
    return places, hosts


def _address(host: str, hosts: dict[str, str]) -> str | None:
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host not in hosts and len(hosts) >= _MOST_HOSTS:
            return None
        return hosts.setdefault(host, f"{_NAMED}{len(hosts) + 1}")
    # The relay speaks IPv4 with its clients.
    return str(address) if address.version == 4 else None
