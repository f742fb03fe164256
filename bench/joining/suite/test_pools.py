"""Keep-alive connections that one test opens and others use."""

import contextlib
import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest
import requests
from sending import path


@pytest.fixture
def before_and_after(session: requests.Session, plain: str) -> Iterator[None]:
    assert session.get(plain + path("pool-requests-fixture"), timeout=20).ok
    yield
    assert session.get(plain + path("pool-requests-fixture"), timeout=20).ok


@pytest.fixture(scope="session")
def kept(plain: str) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(urlsplit(plain).netloc, timeout=20)
    yield connection
    connection.close()


def test_requests(turn: int, session: requests.Session, plain: str, before_and_after: None) -> None:
    assert session.get(plain + path("pool-requests"), timeout=20).ok
    assert session.post(plain + path("pool-requests"), json={"turn": turn}, timeout=20).ok


@pytest.fixture
def fetched(client: httpx2.Client) -> Iterator[httpx2.Response]:
    yield client.get(path("pool-httpx2-fixture"))
    assert client.get(path("pool-httpx2-fixture")).is_success


def test_httpx2(turn: int, client: httpx2.Client, fetched: httpx2.Response) -> None:
    assert fetched.is_success
    assert client.get(path("pool-httpx2")).is_success
    assert client.put(path("pool-httpx2"), content=b"x" * 100_000).is_success


def test_http_client(turn: int, kept: http.client.HTTPConnection) -> None:
    for _ in range(2):
        kept.request("GET", path("pool-http.client"))
        with kept.getresponse() as answer:
            assert answer.read()


def test_early_answer(turn: int, early: str) -> None:
    """The server answers before it has read the upload. What the client sees of it is not the question here."""
    connection = http.client.HTTPConnection(urlsplit(early).netloc, timeout=3)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("PUT", path("early-answer"), body=b"x" * 300_000)
        connection.getresponse().read()
