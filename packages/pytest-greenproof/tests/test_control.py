"""The connection itself, and what happens without it."""

from __future__ import annotations

import socket
import threading

import pytest

from pytest_greenproof.control import Address, Control


def test_nobody_answers(launch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    run = launch("def test_a(): assert 1", control=f"127.0.0.1:{port}:token")
    assert run.status == 0
    assert run.err.count("greenproof: the witness at 127.0.0.1") == 1
    assert len(run.err.splitlines()) == 1


@pytest.mark.parametrize("text", ["nonsense", "127.0.0.1:x:token", ":1:token"])
def test_an_address_that_is_none(launch, text):
    run = launch("def test_a(): assert 1", control=text)
    assert run.status == 0
    assert "is not HOST:PORT:TOKEN" in run.err


def test_the_witness_vanishes(launch, server):
    def answer(message):
        if message["m"] == "call":
            server.close()
            raise OSError
        return {}

    server.answer = answer
    run = launch("def test_a(): assert 1\ndef test_b(): assert 1")
    assert run.status == 0
    assert run.err.count("greenproof: the witness was lost") == 1
    assert "2 passed" in run.out


@pytest.fixture
def talker():
    """A control connection to a server that the test drives by hand."""
    notices = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        control = Control(notices.append, patience=0.3)
        control.connect(Address(*server.getsockname(), "token"))
        connection, _ = server.accept()
        with connection:
            yield control, connection, notices
        control.forget()


def test_a_reply_that_does_not_come(talker):
    control, _, notices = talker
    assert control.ask({"m": "setup"}) == {}
    assert not control.alive
    assert notices == ["greenproof: the witness took longer than 0.3 s to answer; the tests go on without it"]
    assert control.ask({"m": "call"}) == {}
    control.tell({"m": "end"})
    assert len(notices) == 1


@pytest.mark.parametrize("garbage", [b"garbage\n", b"[1]\n", b"\xff\n"])
def test_a_reply_that_is_none(talker, garbage):
    control, connection, notices = talker
    connection.sendall(garbage)
    assert control.ask({"m": "setup"}) == {}
    assert "was lost" in notices[0]


def test_replies_in_pieces_and_late_ones(talker):
    control, connection, _ = talker
    connection.sendall(b'{"n": 0}\n{"n": 1, "st')
    threading.Timer(0.05, connection.sendall, [b'op": "x"}\n']).start()
    assert control.ask({"m": "setup"}) == {"n": 1, "stop": "x"}


def test_unanswered_messages_wait_for_company(talker):
    control, connection, _ = talker
    control.tell({"m": "end", "case": "\ud800\0"})
    connection.sendall(b'{"n": 1}\n')
    control.ask({"m": "setup"})
    lines = connection.recv(1 << 16).splitlines()
    assert [b'"end"' in lines[0], b'"setup"' in lines[1]] == [True, True]
    assert lines[0] == b'{"m":"end","case":"\\ud800\\u0000"}'


def test_a_question_within_a_question_is_not_asked(talker):
    control, connection, _ = talker
    control._asking = True
    assert control.ask({"m": "source"}) == {}
    assert control.alive
