"""Processes that a test starts and waits for."""

import asyncio
import multiprocessing
import subprocess
import sys
import urllib.request

from sending import path

_FETCH = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=20).read()"


def fetch(url: str) -> None:
    urllib.request.urlopen(url, timeout=20).close()


def test_curl(turn: int, plain: str) -> None:
    urls = [plain + path("child-curl") for _ in range(2)]
    subprocess.run(["curl", "--silent", "--fail", "--noproxy", "*", *urls], check=True, timeout=30, capture_output=True)


def test_python(turn: int, plain: str) -> None:
    subprocess.run([sys.executable, "-c", _FETCH, plain + path("child-python")], check=True, timeout=30)


def test_grandchild(turn: int, plain: str) -> None:
    url = plain + path("child-of-a-shell")
    subprocess.run(
        ["sh", "-c", f"curl --silent --noproxy '*' {url}; true"], check=True, timeout=30, capture_output=True
    )


async def test_asyncio(turn: int, plain: str) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", _FETCH, plain + path("child-asyncio"))
    assert await asyncio.wait_for(child.wait(), 30) == 0


def test_fork(turn: int, plain: str) -> None:
    child = multiprocessing.get_context("fork").Process(target=fetch, args=(plain + path("child-fork"),))
    child.start()
    child.join(30)
    assert child.exitcode == 0
