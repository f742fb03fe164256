"""Threads that a test waits for, and pools of threads that tests share."""

import concurrent.futures
import multiprocessing.pool
import queue
import threading
import urllib.request
from collections.abc import Callable, Iterator

import pytest
import requests
from sending import path


def fetch(url: str) -> int:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return int(answer.status)


def in_threads(work: Callable[[str], object], urls: list[str]) -> None:
    threads = [threading.Thread(target=work, args=(url,)) for url in urls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


@pytest.fixture(scope="session")
def executor() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    with concurrent.futures.ThreadPoolExecutor(4) as held:
        yield held


@pytest.fixture(scope="session")
def thread_pool() -> Iterator[multiprocessing.pool.ThreadPool]:
    with multiprocessing.pool.ThreadPool(2) as held:
        yield held


@pytest.fixture(scope="session")
def hand_made() -> Iterator[Callable[[str], int]]:
    work: queue.Queue[str | None] = queue.Queue()
    done: queue.Queue[int] = queue.Queue()

    def serve() -> None:
        while (url := work.get()) is not None:
            done.put(fetch(url))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()

    def submit(url: str) -> int:
        work.put(url)
        return done.get(timeout=20)

    yield submit
    work.put(None)
    thread.join(20)


def test_joined(turn: int, plain: str) -> None:
    in_threads(fetch, [plain + path("threads-joined") for _ in range(4)])


def test_joined_with_a_shared_pool(turn: int, plain: str, session: requests.Session) -> None:
    urls = [plain + path("threads-joined-shared-session") for _ in range(4)]
    in_threads(lambda url: session.get(url, timeout=20), urls)


def test_executor(turn: int, plain: str, executor: concurrent.futures.ThreadPoolExecutor) -> None:
    assert set(executor.map(fetch, [plain + path("executor-shared") for _ in range(5)])) == {200}


def test_executor_and_session(
    turn: int, plain: str, executor: concurrent.futures.ThreadPoolExecutor, session: requests.Session
) -> None:
    urls = [plain + path("executor-shared-session") for _ in range(4)]
    assert all(answer.ok for answer in executor.map(lambda url: session.get(url, timeout=20), urls))


def test_thread_pool(turn: int, plain: str, thread_pool: multiprocessing.pool.ThreadPool) -> None:
    urls = [plain + path("multiprocessing-ThreadPool-shared") for _ in range(2)]
    assert thread_pool.map(fetch, urls) == [200, 200]


def test_hand_made(turn: int, plain: str, hand_made: Callable[[str], int]) -> None:
    assert hand_made(plain + path("hand-made-pool-shared")) == 200
