"""Sockets without a library."""

import select
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from sending import path


@pytest.fixture(scope="session")
def address(plain: str) -> tuple[str, int]:
    parts = urlsplit(plain)
    return str(parts.hostname), int(parts.port or 80)


@pytest.fixture(scope="module")
def kept(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=20) as held:
        yield held


def speak(connection: socket.socket, *paths: str) -> None:
    """All requests in one piece, then all answers."""
    head = "GET {} HTTP/1.1\r\nHost: raw\r\n\r\n"
    connection.sendall("".join(head.format(to) for to in paths).encode())
    received = b""
    while received.count(b'{"arrived": true}') < len(paths):
        part = connection.recv(65536)
        assert part, received
        received += part


def test_connect(turn: int, address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=20) as connection:
        speak(connection, path("raw-connect"))


def test_connect_ex(turn: int, address: tuple[str, int]) -> None:
    with socket.socket() as connection:
        connection.setblocking(False)
        connection.connect_ex(address)
        assert select.select([], [connection], [], 20)[1]
        connection.settimeout(20)
        speak(connection, path("raw-connect_ex"))


def test_bound(turn: int, address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=20, source_address=("127.0.0.1", 0)) as connection:
        speak(connection, path("raw-bound"))


def test_host_name(turn: int, address: tuple[str, int]) -> None:
    with socket.create_connection(("localhost", address[1]), timeout=20) as connection:
        speak(connection, path("raw-localhost"))


def test_pipelined(turn: int, address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=20) as connection:
        speak(connection, *(path("raw-pipelined") for _ in range(3)))


def test_kept(turn: int, kept: socket.socket) -> None:
    speak(kept, path("raw-kept"))
