"""A phase that is told after it has begun: what was sent since then is of it, and nobody's proof across cases."""

import contextlib
import http.client
import time
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import connect

from greenproof.model.facts import Join, Phase

ways = pytest.mark.parametrize("chunked", [False, True], ids=["lean", "mitmproxy"])


def connected(told):
    """A connection that stays."""
    return contextlib.closing(http.client.HTTPConnection(urlsplit(told.api).netloc, timeout=10))


def ask(connection, chunked=False):
    """One exchange; chunks are not for the lean relay."""
    if chunked:
        connection.request("POST", "/upload", iter([b"hello"]), encode_chunked=True)
    else:
        connection.request("GET", "/json")
    with connection.getresponse() as answer:
        answer.read()
    assert answer.status == 200


@pytest.fixture
def told(run):
    return run.begin().hello()


@pytest.fixture
def held(told):
    told.setup("t::a")
    with connected(told) as connection:
        yield connection


@ways
def test_what_came_since_the_teardown_began_is_not_of_the_call(run, told, held, chunked):
    told.call("t::a")
    ask(held, chunked)
    since = time.monotonic_ns()
    ask(held, chunked)
    told.tell("teardown", case="t::a", ns=since, spans=[], checks=1)
    told.end("t::a")
    told.bye()
    of_call, of_teardown = run.exchanges()
    assert (of_call.case, of_call.phase, of_call.join) == ("t::a", Phase.CALL, Join.PORT)
    assert (of_teardown.case, of_teardown.phase, of_teardown.join) == ("t::a", Phase.TEARDOWN, Join.PORT)


@ways
def test_what_came_since_the_next_case_began_is_surely_of_neither(run, told, held, chunked):
    told.call("t::a")
    torn_down = time.monotonic_ns()
    ask(held, chunked)
    began = time.monotonic_ns()
    ask(held, chunked)
    told.tell("teardown", case="t::a", ns=torn_down, spans=[], checks=1)
    told.end("t::a")
    told.tell("setup", case="t::b", ns=began)
    told.call("t::b")
    ask(held, chunked)
    told.teardown("t::b")
    told.bye()
    first, second, third = run.exchanges()
    assert (first.case, first.phase) == ("t::a", Phase.TEARDOWN)
    assert (second.case, second.phase, second.join) == ("t::b", Phase.SETUP, Join.AMBIGUOUS)
    assert (third.case, third.phase, third.join) == ("t::b", Phase.CALL, Join.PORT)


def test_another_worker_is_not_moved(run):
    run.begin()
    one, other = run.hello(worker="gw0"), run.hello(worker="gw1")
    for worker, case in ((one, "t::a"), (other, "t::b")):
        worker.setup(case)
        worker.call(case)
    since = time.monotonic_ns()
    with connected(other) as connection:
        ask(connection)
    one.tell("teardown", case="t::a", ns=since, spans=[], checks=1)
    one.bye()
    other.teardown("t::b")
    other.bye()
    (exchange,) = run.exchanges()
    assert (exchange.case, exchange.phase, exchange.worker) == ("t::b", Phase.CALL, "gw1")


def test_who_has_a_conversation_is_told_so(run, told):
    assert "conversing" not in told.setup("t::a")
    assert "conversing" not in told.call("t::a")
    with connect(told.api.replace("http", "ws") + "/ws") as talk:
        talk.send("hello")
        talk.recv(timeout=10)
    assert told.teardown("t::a")["conversing"] is True
    told.end("t::a")
    assert told.setup("t::b")["conversing"] is True
