"""WebSocket conversations through the relay."""

import asyncio
import json

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from greenproof.model.facts import FaultKind, Phase
from greenproof.model.faults import CaseFaults, FaultPlan, Substitute


@pytest.fixture(scope="module", params=[True, False], ids=["lean", "mitmproxy"])
def witness(request, relays):
    """The lean relay gives every WebSocket to mitmproxy: what comes out is the same."""
    return relays(request.param)


def address(told) -> str:
    return told.api.replace("http://", "ws://")


def test_a_conversation_with_subprotocol_and_compression(run):
    told = run.begin().hello()
    with told.case("t::a"), connect(f"{address(told)}/ws", subprotocols=["chat"], compression="deflate") as ws:
        assert ws.subprotocol == "chat"
        for message in ("hello", "x" * 100_000, b"\x00" * 5000):
            ws.send(message)
            assert ws.recv(timeout=5) == message
    (seen,) = run.exchanges()
    assert (seen.protocol, seen.method, seen.path, seen.status) == ("websocket", "WS", "/ws", 101)
    assert (seen.case, seen.phase, seen.sent, seen.received) == ("t::a", Phase.CALL, 3, 3)
    assert seen.start_ns < seen.head_ns < seen.end_ns


def test_a_socket_opened_in_a_fixture_is_split_by_case_and_phase(run):
    told = run.begin().hello()
    told.setup("t::a")
    with connect(f"{address(told)}/ws") as ws:
        told.call("t::a")
        ws.send("1")
        ws.recv(timeout=5)
        told.teardown("t::a")
        told.end("t::a")
        with told.case("t::b"):
            ws.send("2")
            ws.send("3")
            assert [ws.recv(timeout=5), ws.recv(timeout=5)] == ["2", "3"]
    parts = run.exchanges()
    assert [(x.case, x.phase, x.sent, x.received) for x in parts] == [
        ("t::a", Phase.SETUP, 0, 0),
        ("t::a", Phase.CALL, 1, 1),
        ("t::b", Phase.CALL, 2, 2),
    ]
    assert {x.status for x in parts} == {101}
    assert all(x.end_ns is not None for x in parts)


def test_a_refused_handshake(run):
    told = run.begin().hello()
    with told.case("t::a"), pytest.raises(InvalidStatus) as refused:
        connect(f"{address(told)}/closed-ws")
    assert refused.value.response.status_code == 403
    (seen,) = run.exchanges()
    assert (seen.method, seen.status, seen.protocol) == ("WS", 403, "websocket")
    assert seen.head_ns is not None


def test_messages_are_replaced_by_errors(faulty, run):
    told = faulty("error", "WS /ws")
    with told.case("t::a"), connect(f"{address(told)}/ws") as ws:
        ws.send("hello")
        assert json.loads(ws.recv(timeout=5))["error"]["code"] == "greenproof_fault"
        ws.send(b"bytes")
        answer = ws.recv(timeout=5)
        assert isinstance(answer, bytes)
        assert answer != b"bytes"
    (seen,) = run.exchanges()
    assert (seen.fault, seen.received, seen.status) == (FaultKind.ERROR, 2, 101)


def test_messages_get_other_values(faulty, run):
    told = faulty("value")
    with told.case("t::a"), connect(f"{address(told)}/ws") as ws:
        ws.send('{"n": 1, "name": "Ada"}')
        answer = json.loads(ws.recv(timeout=5))
        assert answer["n"] != 1
        assert len(answer["name"]) == 3
        assert answer["name"] != "Ada"
        ws.send("{}")
        assert ws.recv(timeout=5) == "{}"
    assert run.exchanges()[0].fault is FaultKind.VALUE


def test_faults_of_a_conversation_begin_past_the_lines_that_it_is_told_of(run):
    instead = Substitute(500, past=((3, 4), (9, 9)))
    told = run.begin(FaultPlan(FaultKind.VALUE, {"t::a": CaseFaults(instead=instead)}, ())).hello()
    told.setup("t::a")
    assert told.call("t::a")["past"] == [[3, 4], [9, 9]]
    heard = []
    with connect(f"{address(told)}/ws") as ws:
        for past in (None, True, False, True):
            if past is not None:
                told.ask("past", case="t::a", on=past)
            ws.send('{"type": "error"}' if past and len(heard) == 1 else '{"type": "news"}')
            heard.append(json.loads(ws.recv(timeout=5))["type"])
    told.teardown("t::a")
    assert heard == ["news", "ok", "news", "error"]
    assert [x.fault for x in run.exchanges()] == [FaultKind.LATER]
    assert run.exchanges()[0].last_ns is not None


def test_a_greeting_is_no_answer(run):
    instead = Substitute(500, greeted=True)
    told = run.begin(FaultPlan(FaultKind.VALUE, {"t::a": CaseFaults(instead=instead)}, ())).hello()
    with told.case("t::a"), connect(f"{address(told)}/burst-ws") as ws:
        assert ["greenproof_fault" in ws.recv(timeout=5) for _ in range(3)] == [False, True, True]
    assert [(x.fault, x.greeted) for x in run.exchanges()] == [(FaultKind.LATER, True)]


def test_messages_outside_the_call_stay(faulty, run):
    told = faulty("error")
    told.setup("t::a")
    with connect(f"{address(told)}/ws") as ws:
        ws.send("1")
        assert ws.recv(timeout=5) == "1"
        told.call("t::a")
        ws.send("2")
        assert ws.recv(timeout=5) != "2"
        told.teardown("t::a")
        ws.send("3")
        assert ws.recv(timeout=5) == "3"
    assert [x.fault for x in run.exchanges()] == [None, FaultKind.ERROR, None]


@pytest.mark.parametrize("protocols", [["one", "two"], None])
def test_a_refused_handshake_is_accepted_under_the_error_fault(faulty, run, service, protocols):
    told = faulty("error", "WS /closed-ws", refused=("WS /closed-ws",))
    with told.case("t::a"), connect(f"{address(told)}/closed-ws", subprotocols=protocols) as ws:
        assert ws.subprotocol == (protocols and "one")
        assert json.loads(ws.recv(timeout=5))["type"] == "error"
        ws.send("again")
        assert json.loads(ws.recv(timeout=5))["type"] == "error"
        ws.ping().wait(5)
    assert [path for _, path, _ in service.seen] == ["/closed-ws"]
    (seen,) = run.exchanges()
    assert (seen.status, seen.fault, seen.sent, seen.received) == (403, FaultKind.ERROR, 1, 2)
    assert seen.end_ns is not None


def test_a_refused_handshake_stays_refused_otherwise(faulty):
    told = faulty("error", "WS /closed-ws")
    with told.case("t::a"), pytest.raises(InvalidStatus):
        connect(f"{address(told)}/closed-ws")


def test_aiohttp_speaks_too(run):
    told = run.begin().hello()

    async def talk() -> str:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{address(told)}/ws", compress=15) as ws:
            await ws.send_str("hi")
            return str((await ws.receive(timeout=5)).data)

    with told.case("t::a"):
        assert asyncio.run(talk()) == "hi"
    assert run.exchanges()[0].sent == 1


@pytest.mark.parametrize(
    ("path", "code", "changed"), [("/bye-ws?code=1000", 1000, 1011), ("/bye-ws?code=4401", 4401, 1000)]
)
def test_how_the_server_closes_is_an_answer(run, faulty, path, code, changed):
    for kind in (None, "error"):
        told = faulty(kind) if kind else run.begin().hello()
        with told.case("t::a"), connect(f"{address(told)}{path}") as ws:
            with pytest.raises(ConnectionClosed) as closed:
                ws.recv(timeout=5)
            assert closed.value.rcvd.code == (changed if kind else code)
        seen = run.finish().exchanges
        assert [x.fault for x in seen] == [kind]
        run.told.clear()


def test_what_the_client_closes_is_echoed_as_it_was(faulty, run):
    told = faulty("error")
    with told.case("t::a"), connect(f"{address(told)}/ws") as ws:
        ws.close(4000, "enough")
    assert ws.close_code == 4000
    assert [x.fault for x in run.exchanges()] == [None]


def test_an_answer_to_a_ping_is_an_answer(faulty, run):
    told = faulty("error")
    with told.case("t::a"), connect(f"{address(told)}/ws") as ws:
        assert not ws.ping("x").wait(0.5)
    assert [x.fault for x in run.exchanges()] == [FaultKind.ERROR]


def test_a_changed_value_of_the_handshake_is_its_subprotocol(faulty, run):
    told = faulty("value")
    with told.case("t::a"), connect(f"{address(told)}/ws", subprotocols=["chat"]) as ws:
        assert ws.subprotocol is None
    assert [x.fault for x in run.exchanges()] == [FaultKind.VALUE]
