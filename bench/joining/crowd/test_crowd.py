"""Very many at once: 200 WebSocket conversations that are open together, and 10,000 exchanges."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from sending import message, path
from websockets.asyncio.client import ClientConnection, connect

CONVERSATIONS = 200
MESSAGES = 5
CASES, EXCHANGES = 100, 100
AT_ONCE = 20
_TIMEOUT = aiohttp.ClientTimeout(60)


async def talk(held: ClientConnection) -> None:
    for _ in range(MESSAGES):
        said = message()
        await held.send(said)
        assert await asyncio.wait_for(held.recv(), 60) == said


async def open_all(stack: contextlib.AsyncExitStack, plain: str, way: str) -> list[ClientConnection]:
    places = [plain.replace("http", "ws", 1) + path(way) for _ in range(CONVERSATIONS)]
    opening = (stack.enter_async_context(connect(place, proxy=None, open_timeout=60)) for place in places)
    return list(await asyncio.gather(*opening))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared(plain: str) -> AsyncIterator[list[ClientConnection]]:
    async with contextlib.AsyncExitStack() as stack:
        yield await open_all(stack, plain, "crowd-websockets-shared")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(plain: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(plain, timeout=_TIMEOUT) as held:
        yield held


async def test_conversations(turn: int, plain: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        held = await open_all(stack, plain, "crowd-websockets")
        # All are open before the first says a word.
        await asyncio.gather(*map(talk, held))


async def test_shared_conversations(turn: int, shared: list[ClientConnection]) -> None:
    await asyncio.gather(*map(talk, shared))


@pytest.mark.parametrize("case", range(CASES))
async def test_exchanges(case: int, client: aiohttp.ClientSession) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def fetch(to: str) -> None:
        async with gate, client.get(to) as answer:
            assert await answer.json() == {"arrived": True}

    await asyncio.gather(*(fetch(path("crowd-http")) for _ in range(EXCHANGES)))
