"""Ports: chosen now, listened on later, by one alone."""

import random
import subprocess
import sys

import pytest

from greenproof.adapters.platforms.local import sockets

CHOOSE = """
import random, sys
from greenproof.adapters.platforms.local import sockets
random.seed(sys.argv[1])
print(sockets.free_port(), flush=True)
sys.stdin.readline()
"""


def test_two_processes_are_never_promised_the_same_port() -> None:
    """They draw the same numbers, and neither listens yet."""
    seed, command = str(random.random()), [sys.executable, "-c", CHOOSE]
    processes = [
        subprocess.Popen([*command, seed], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    chosen = [process.stdout.readline() for process in processes if process.stdout]
    for process in processes:
        process.communicate(timeout=20)
    assert len(set(chosen)) == 2


def test_one_process_is_not_promised_the_same_port_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    first = sockets.free_port()
    drawn = iter([first, first, first + 1, *range(first + 2, first + 400)])
    monkeypatch.setattr(random, "randint", lambda low, high: next(drawn))
    assert sockets.free_port() != first
    # Asked for by its number it is still its own, e.g. after a server was started again.
    assert sockets.free_port(first) == first


def test_promises_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets._PROMISES, "MOST", 2)
    chosen = [sockets.free_port() for _ in range(70)]
    assert chosen[0] not in sockets._PROMISES
    assert chosen[-1] in sockets._PROMISES
