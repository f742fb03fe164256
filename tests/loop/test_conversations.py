"""What a helper checks for every conversation speaks for none of them: what comes after it has to be checked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOMS = Path(__file__).resolve().parents[1] / "support" / "rooms.py"

KIT = """
import contextlib, json, os
from websockets.sync.client import connect

URL = os.environ["ROOMS_URL"].replace("http", "ws", 1)

@contextlib.contextmanager
def joined(room):
    with connect(URL + "/talk") as socket:
        assert hear(socket)["type"] == "welcome"
        order(socket, op="join", room=room)
        until(socket, lambda m: m["type"] == "joined" and m["room"] == room)
        yield socket

def order(socket, **what):
    socket.send(json.dumps(what))

def hear(socket):
    return json.loads(socket.recv(timeout=2))

def until(socket, wanted):
    while not wanted(message := hear(socket)):
        pass
    return message
"""
SUITE = """
import contextlib, threading, pytest
from websockets.sync.client import connect
from kit import URL, hear, joined, order, until

def test_real_value():
    with joined("a") as socket:
        order(socket, op="say", text="hello")
        assert hear(socket)["length"] == 5

def test_real_event_that_is_waited_for():
    with joined("a") as socket:
        order(socket, op="say", text="hello")
        event = until(socket, lambda m: m["type"] == "said")
    assert event["text"] == "hello"

def test_real_error():
    with joined("a") as socket:
        order(socket, op="dance")
        assert hear(socket)["type"] == "error"

def test_real_with_a_last_word_that_nobody_reads():
    with joined("a") as socket, joined("b") as other:
        order(other, op="who")
        assert hear(other) == {"type": "members", "count": 1}
        order(other, op="leave")

def test_real_greeting():
    with connect(URL + "/talk") as socket:
        assert hear(socket) == {"type": "welcome"}

def test_hollow_callback_that_never_fires():
    with joined("a") as socket:
        def spoken(message):
            assert message["text"] == "hello"
        handlers = {"spoken": spoken}
        order(socket, op="say", text="hello")
        message = hear(socket)
        handlers.get(message["type"], lambda m: None)(message)

def test_hollow_failure_that_is_lost():
    with joined("a") as socket:
        order(socket, op="say", text="hello")
        def check():
            with contextlib.suppress(Exception):
                assert hear(socket)["length"] == 99
        check()

def test_hollow_pong():
    with joined("a") as socket:
        order(socket, op="dance")
        assert socket.ping().wait(5)

def test_hollow_second_helper():
    with joined("a") as one:
        with joined("b") as two:
            order(two, op="say", text="hello")
            assert hear(two) is not None

def test_hollow_nothing_after_the_helper():
    with joined("a"):
        pass

def test_hollow_greeting_for_the_answer():
    with connect(URL + "/talk") as socket:
        order(socket, op="say", text="hello")
        assert hear(socket)["type"] in ("welcome", "said")
        hear(socket)
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Case -> (verdict, codes)."""
    place = tmp_path_factory.mktemp("rooms")
    (place / "kit.py").write_text(KIT)
    (place / "test_rooms.py").write_text(SUITE)
    with subprocess.Popen(
        [sys.executable, str(ROOMS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as rooms:
        assert rooms.stdout
        port = rooms.stdout.readline().strip()
        command = [
            sys.executable, "-m", "greenproof", "prove", "--target", f"rooms=http://127.0.0.1:{port}",
            "--env", "ROOMS_URL=rooms", "--json", "result.json", "--", sys.executable, "-m", "pytest", "-q",
        ]  # fmt: skip
        try:
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=240, check=False)
        finally:
            rooms.kill()
    assert (place / "result.json").exists(), done.stderr
    cases = json.loads((place / "result.json").read_text())["cases"]
    return {
        case["id"].partition("::")[2]: (case["verdict"], [reason["code"] for reason in case["reasons"]])
        for case in cases
    }


def test_who_checks_what_comes_after_the_helper_is_proven(judged):
    real = {name: found for name, found in judged.items() if name.startswith("test_real")}
    assert len(real) == SUITE.count("def test_real")
    assert set(map(str, real.values())) == {"('proven', [])"}, real


def test_who_leaves_it_to_the_helper_is_not(judged):
    hollow = {name: found for name, found in judged.items() if name.startswith("test_hollow")}
    assert len(hollow) == SUITE.count("def test_hollow")
    assert set(map(str, hollow.values())) == {"('unproven', ['later-unchecked'])"}, hollow
