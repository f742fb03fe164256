"""Conversations that begin in one test and go on in others."""

from collections.abc import Iterator

import pytest
from sending import message, path
from websockets.sync.client import ClientConnection, connect


def exchange(connection: ClientConnection) -> None:
    said = message()
    connection.send(said)
    assert connection.recv(timeout=20) == said


@pytest.fixture(scope="module")
def shared(socket_url: str) -> Iterator[ClientConnection]:
    with connect(socket_url + path("websocket-module"), proxy=None) as connection:
        exchange(connection)
        yield connection
        exchange(connection)


@pytest.fixture
def around(shared: ClientConnection) -> Iterator[None]:
    exchange(shared)
    yield
    exchange(shared)


def test_shared(turn: int, shared: ClientConnection, around: None) -> None:
    exchange(shared)
    exchange(shared)


def test_own(turn: int, socket_url: str) -> None:
    with connect(socket_url + path("websocket-own"), proxy=None) as connection:
        exchange(connection)
        exchange(connection)
