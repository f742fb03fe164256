"""Event loops: one a test, one a module, and one in a thread of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
import pytest_asyncio
from sending import message, path
from websockets.asyncio.client import ClientConnection, connect

_TIMEOUT = aiohttp.ClientTimeout(20)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared(plain: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(plain, timeout=_TIMEOUT) as held:
        async with held.get(path("aiohttp-module")) as answer:
            assert answer.ok
        yield held
        async with held.get(path("aiohttp-module")) as answer:
            assert answer.ok


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def conversation(socket_url: str) -> AsyncIterator[ClientConnection]:
    async with connect(socket_url + path("websocket-asyncio-module"), proxy=None) as held:
        yield held


@pytest.fixture(scope="module")
def background() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)
    loop.close()


async def fetch(client: aiohttp.ClientSession, to: str) -> None:
    async with client.get(to) as answer:
        assert await answer.json() == {"arrived": True}


async def test_own(turn: int, plain: str) -> None:
    async with aiohttp.ClientSession(plain, timeout=_TIMEOUT) as client:
        await asyncio.gather(*(fetch(client, path("aiohttp-own")) for _ in range(4)))


@pytest.mark.asyncio(loop_scope="module")
async def test_shared(turn: int, shared: aiohttp.ClientSession) -> None:
    await asyncio.gather(*(fetch(shared, path("aiohttp-module")) for _ in range(3)))


@pytest.mark.asyncio(loop_scope="module")
async def test_conversation(turn: int, conversation: ClientConnection) -> None:
    for _ in range(2):
        said = message()
        await conversation.send(said)
        assert await asyncio.wait_for(conversation.recv(), 20) == said


def test_background(turn: int, plain: str, background: asyncio.AbstractEventLoop) -> None:
    async def both() -> None:
        async with aiohttp.ClientSession(plain, timeout=_TIMEOUT) as client:
            await asyncio.gather(*(fetch(client, to) for to in paths))

    paths = [path("aiohttp-loop-in-a-thread") for _ in range(2)]
    asyncio.run_coroutine_threadsafe(both(), background).result(20)


async def test_to_thread(turn: int, plain: str) -> None:
    def work(to: str) -> None:
        asyncio.run(once(to))

    async def once(to: str) -> None:
        async with aiohttp.ClientSession(plain, timeout=_TIMEOUT) as client:
            await fetch(client, to)

    await asyncio.gather(*(asyncio.to_thread(work, path("aiohttp-to_thread")) for _ in range(2)))
