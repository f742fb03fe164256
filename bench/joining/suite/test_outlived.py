"""Work that a test starts and does not wait for; a later test of the same process lets it send.

The later test's call phase is when it sends: nobody can say for sure whose it is, so no case may have it.
"""

import asyncio
import concurrent.futures
import http.client
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import aiohttp
import pytest
import requests
from sending import path

Finish = Callable[[bool], None]
"""Let the work go on and wait for its end; False: it ends without sending."""


def gone(kind: str) -> str:
    return path(f"outlived-{kind}", phase="gone")


def thread(work: Callable[[], object]) -> Finish:
    released, sends = threading.Event(), []

    def wait() -> None:
        if released.wait(60) and sends[0]:
            work()

    held = threading.Thread(target=wait, daemon=True)
    held.start()

    def finish(send: bool) -> None:
        sends.append(send)
        released.set()
        held.join(20)

    return finish


@pytest.fixture(scope="module")
def executor() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    with concurrent.futures.ThreadPoolExecutor(2) as held:
        yield held


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    held = asyncio.new_event_loop()
    yield held
    held.close()


@pytest.fixture(scope="module")
def left(
    executor: concurrent.futures.ThreadPoolExecutor, loop: asyncio.AbstractEventLoop
) -> Iterator[dict[str, Finish]]:
    """Kind -> what the last test of this kind left.

    Their pool and loop are older, so they live longer. The last ones end unsent: their own case still runs.
    """
    held: dict[str, Finish] = {}
    yield held
    for finish in held.values():
        finish(False)


def take_turn(left: dict[str, Finish], kind: str, leave: Callable[[], Finish]) -> None:
    before = left.pop(kind, None)
    if before is not None:
        before(True)
    left[kind] = leave()


def test_thread_connects(long_turn: int, plain: str, left: dict[str, Finish]) -> None:
    url = plain + gone("thread-connects")
    take_turn(left, "thread", lambda: thread(lambda: urllib.request.urlopen(url, timeout=20).close()))


def test_thread_keeps(long_turn: int, plain: str, left: dict[str, Finish]) -> None:
    """The thread's own connection, opened while its case ran."""
    connection = http.client.HTTPConnection(urlsplit(plain).netloc, timeout=20)
    to, opened = gone("thread-kept-connection"), threading.Event()
    opening = path("outlived-thread-kept-opening")

    def send(target: str) -> None:
        connection.request("GET", target)
        connection.getresponse().read()

    def leave() -> Finish:
        released, sends = threading.Event(), []

        def work() -> None:
            send(opening)
            opened.set()
            if released.wait(60) and sends[0]:
                send(to)
            connection.close()

        held = threading.Thread(target=work, daemon=True)
        held.start()
        assert opened.wait(20)

        def finish(sending: bool) -> None:
            sends.append(sending)
            released.set()
            held.join(20)

        return finish

    take_turn(left, "kept", leave)


def test_thread_uses_the_pool(long_turn: int, plain: str, left: dict[str, Finish], session: requests.Session) -> None:
    """A connection of a pool that all tests share, opened by the thread of pytest."""
    assert session.get(plain + path("outlived-thread-shared-opening"), timeout=20).ok
    url = plain + gone("thread-shared-session")
    take_turn(left, "shared", lambda: thread(lambda: session.get(url, timeout=20)))


def test_executor(
    long_turn: int, plain: str, executor: concurrent.futures.ThreadPoolExecutor, left: dict[str, Finish]
) -> None:
    url = plain + gone("executor-item")

    def leave() -> Finish:
        released, sends = threading.Event(), []

        def work() -> None:
            if released.wait(60) and sends[0]:
                urllib.request.urlopen(url, timeout=20).close()

        item = executor.submit(work)

        def finish(sending: bool) -> None:
            sends.append(sending)
            released.set()
            item.result(20)

        return finish

    take_turn(left, "executor", leave)


def test_task(long_turn: int, plain: str, loop: asyncio.AbstractEventLoop, left: dict[str, Finish]) -> None:
    """A task on a loop that tests share: the thread of pytest itself sends it."""
    url = plain + gone("asyncio-task")
    released = asyncio.Event()

    async def work() -> None:
        await released.wait()
        async with aiohttp.ClientSession() as client, client.get(url) as answer:
            assert answer.ok

    async def start() -> asyncio.Task[None]:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        return task

    def leave() -> Finish:
        task = loop.run_until_complete(start())

        def finish(sending: bool) -> None:
            released.set() if sending else task.cancel()
            loop.run_until_complete(asyncio.wait([task], timeout=20))

        return finish

    take_turn(left, "task", leave)


_CHILD = "import sys, urllib.request; sys.stdin.readline() and urllib.request.urlopen(sys.argv[1], timeout=20).read()"


def test_child(long_turn: int, plain: str, left: dict[str, Finish]) -> None:
    url = plain + gone("child-process")

    def leave() -> Finish:
        child = subprocess.Popen([sys.executable, "-c", _CHILD, url], stdin=subprocess.PIPE)

        def finish(sending: bool) -> None:
            child.communicate(b"go\n" if sending else b"", timeout=30)

        return finish

    take_turn(left, "child", leave)
