"""HTTP/2 over TLS: many exchanges at once on one connection that tests share."""

import asyncio
import ssl
from collections.abc import Iterator

import httpx2
import pytest
from sending import path


@pytest.fixture(scope="session")
def multiplexed(secure: str, trust: ssl.SSLContext) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=secure, verify=trust, http2=True, timeout=20, trust_env=False) as held:
        yield held


def test_shared(turn: int, multiplexed: httpx2.Client) -> None:
    for _ in range(3):
        answer = multiplexed.get(path("http2-shared"))
        assert (answer.status_code, answer.http_version) == (200, "HTTP/2")


async def test_at_once(turn: int, secure: str, trust: ssl.SSLContext) -> None:
    async with httpx2.AsyncClient(base_url=secure, verify=trust, http2=True, timeout=20, trust_env=False) as held:
        answers = await asyncio.gather(*(held.get(path("http2-at-once")) for _ in range(8)))
    assert {answer.http_version for answer in answers} == {"HTTP/2"}


def test_http1(turn: int, secure: str, trust: ssl.SSLContext) -> None:
    with httpx2.Client(base_url=secure, verify=trust, timeout=20, trust_env=False) as held:
        assert held.get(path("https-http1")).http_version == "HTTP/1.1"
