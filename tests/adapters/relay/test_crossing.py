"""Connections of other processes that are used in two cases: a browser's page may still send while it is being closed."""

import contextlib
import socket

import pytest

from greenproof.model.facts import Join

GET = b"GET /json HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
LAST = b"GET /json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
ways = pytest.mark.parametrize("request_of_meets", [GET, CHUNKED], ids=["lean", "mitmproxy"])


@contextlib.contextmanager
def connection(told):
    """A connection that was opened in a case that is over by now, and that nobody told of."""
    with told.case("t::before"):
        held = _connect(told)
        ask(held, GET)
    with held:
        yield held


def _connect(told):
    host, _, port = told.api.partition("//")[2].partition(":")
    held = socket.create_connection((host, int(port)), timeout=10)
    held.settimeout(10)
    return held


def ask(held, request):
    held.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < _length(answer):
        part = held.recv(65536)
        assert part, answer
        answer += part
    assert answer.startswith(b"HTTP/1.1 200")


def _length(answer):
    head = answer.partition(b"\r\n\r\n")[0].lower()
    return int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])


def leave(held):
    """Close, and wait until the relay has closed, too: then it has seen that we left."""
    held.shutdown(socket.SHUT_WR)
    while held.recv(65536):
        pass


def seen(run):
    return [(exchange.case, exchange.join) for exchange in run.exchanges()][1:]


@ways
@pytest.mark.parametrize("phase", ["setup", "call"])
def test_who_leaves_while_the_next_case_runs_may_not_be_of_it(run, phase, request_of_meets):
    told = run.begin().hello()
    with connection(told) as held:
        told.setup("t::meets")
        if phase == "call":
            told.call("t::meets")
        ask(held, request_of_meets)
        leave(held)
        told.teardown("t::meets")
        told.end("t::meets")
    assert seen(run) == [("t::meets", Join.AMBIGUOUS)]


@ways
def test_of_several_words_in_the_call_only_the_last_is_in_doubt(run, request_of_meets):
    told = run.begin().hello()
    with connection(told) as held:
        told.setup("t::meets")
        told.call("t::meets")
        ask(held, request_of_meets)
        ask(held, request_of_meets)
        leave(held)
        told.teardown("t::meets")
        told.end("t::meets")
    assert seen(run) == [("t::meets", Join.PORT), ("t::meets", Join.AMBIGUOUS)]


@ways
def test_who_stays_until_the_case_is_over_is_of_it(run, request_of_meets):
    told = run.begin().hello()
    with connection(told) as held:
        with told.case("t::meets"):
            ask(held, request_of_meets)
        with told.case("t::last"):
            ask(held, request_of_meets)
    assert seen(run) == [("t::meets", Join.PORT), ("t::last", Join.PORT)]


@ways
def test_who_leaves_in_the_teardown_was_kept_for_the_case(run, request_of_meets):
    told = run.begin().hello()
    with connection(told) as held:
        told.setup("t::meets")
        told.call("t::meets")
        ask(held, request_of_meets)
        told.teardown("t::meets")
        leave(held)
        told.end("t::meets")
    assert seen(run) == [("t::meets", Join.PORT)]


@ways
def test_that_the_service_closes_says_nothing_of_the_client(run, request_of_meets):
    told = run.begin().hello()
    with connection(told) as held, told.case("t::meets"):
        ask(held, request_of_meets)
        ask(held, LAST)
        assert held.recv(65536) == b""
    assert seen(run) == [("t::meets", Join.PORT)] * 2


@ways
def test_who_comes_and_leaves_in_one_case_is_of_it(run, request_of_meets):
    told = run.begin().hello()
    with told.case("t::before"), _connect(told) as first:
        ask(first, GET)
    with told.case("t::meets"), _connect(told) as held:
        ask(held, request_of_meets)
        leave(held)
    assert seen(run) == [("t::meets", Join.PORT)]


@ways
def test_who_only_comes_by_while_an_earlier_one_leaves_may_be_of_the_earlier(run, request_of_meets):
    told = run.begin().hello()
    with connection(told) as held, _connect(told) as late, _connect(told) as proper:
        told.setup("t::meets")
        ask(late, request_of_meets)
        leave(late)
        leave(held)
        ask(proper, request_of_meets)
        told.call("t::meets")
        leave(proper)
        told.teardown("t::meets")
        told.end("t::meets")
    assert seen(run) == [("t::meets", Join.AMBIGUOUS), ("t::meets", Join.PORT)]


@ways
def test_a_connection_that_the_test_process_told_of_is_no_others(run, request_of_meets):
    told = run.begin().hello()
    host, _, port = told.api.partition("//")[2].partition(":")
    with contextlib.closing(socket.socket()) as held:
        held.settimeout(10)
        held.bind((host, 0))
        with told.case("t::before"):
            told.ask("source", ip=host, port=held.getsockname()[1], case="t::before", ambiguous=False)
            held.connect((host, int(port)))
            ask(held, GET)
        with told.case("t::meets"):
            ask(held, request_of_meets)
            leave(held)
    assert seen(run) == [("t::meets", Join.PORT)]
