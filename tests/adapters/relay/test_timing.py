"""What promises about time rest on: when the relay had what in its hands.

The service waits for a known time before each step, so each duration has a known lower bound. Its upper bound is what
the client saw by the same clock, since that holds it.
"""

import json
import socket
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.client import connect

from greenproof.adapters.relay import watching
from greenproof.adapters.relay.faults import Wire
from greenproof.adapters.relay.joining import IDLE, Joined
from greenproof.adapters.relay.recording import Sight
from greenproof.adapters.relay.watching import Watching
from greenproof.analysis.performance import measured, watch_for
from greenproof.model.facts import FaultKind, Join
from greenproof.model.faults import FaultPlan
from greenproof.model.performance import LeftOut, Measure, PerformanceTarget, Statistic, Watch
from greenproof.model.routes import Route

SLOW_MS = 30.0
"""As the service of `conftest` has it."""
HTTP = PerformanceTarget("slow", (Route.parse("* /slow"),), 1.0, statistic=Statistic.MAX)
SOCKET = PerformanceTarget(
    "started", (Route.parse("WS /slow-ws"),), 1.0, Measure.EVENT, Statistic.MAX, "started", sent="go", field="kind"
)
LINKED = PerformanceTarget(
    "linked", (Route.parse("WS /slow-ws"),), 1.0, Measure.EVENT, Statistic.MAX, "done", sent="go", field="kind",
    link="id",
)  # fmt: skip
ALL_SOCKET = (
    SOCKET,
    LINKED,
    PerformanceTarget("reply", SOCKET.routes, 1.0, Measure.REPLY, Statistic.MAX),
    PerformanceTarget("pause", SOCKET.routes, 1.0, Measure.PAUSE, Statistic.MAX),
    PerformanceTarget("handshake", SOCKET.routes, 1.0, Measure.HANDSHAKE, Statistic.MAX),
)


@pytest.fixture(scope="module", params=[True, False], ids=["lean", "mitmproxy"])
def witness(request, relays):
    """Both take the same times."""
    return relays(request.param)


def values(targets, observation) -> dict[str, float | None]:
    return {found.target.name: found.value_ms for found in measured(targets, observation)}


def test_a_request_is_timed_from_its_end_to_the_head_and_to_the_end_of_its_answer(run):
    told = run.begin().hello()
    port = int(told.api.rsplit(":", 1)[1])
    with told.case("t::a"), socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf")
        # The client's own slowness, known to the relay as little as to us: it must not count.
        time.sleep(5 * SLOW_MS / 1000)
        began = time.monotonic_ns()
        raw.sendall(b"half")
        received = b""
        while not received.endswith(b"halfhalf"):
            received += raw.recv(1000)
        spent = (time.monotonic_ns() - began) / 1e6
    (seen,) = run.exchanges()
    assert seen.start_ns < began <= seen.asked_ns <= seen.head_ns <= seen.end_ns
    complete = PerformanceTarget("complete", HTTP.routes, 1.0, Measure.COMPLETE, Statistic.MAX)
    found = values((HTTP, complete), run.observation)
    assert SLOW_MS <= found["slow"] < found["complete"] <= spent
    assert found["complete"] >= 2 * SLOW_MS


def test_a_request_without_body_is_whole_at_once(run):
    told = run.begin().hello()
    port = int(told.api.rsplit(":", 1)[1])
    with told.case("t::a"), socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(b"GET /json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while raw.recv(1000):
            pass
    (seen,) = run.exchanges()
    assert seen.start_ns <= seen.asked_ns <= seen.head_ns <= seen.end_ns
    assert seen.accepted_ns is None


def test_a_conversation_is_timed_message_by_message(run):
    told = run.begin(watch=watch_for(ALL_SOCKET)).hello()
    with told.case("t::a"):
        began = time.monotonic_ns()
        with connect(f"{told.api.replace('http', 'ws')}/slow-ws") as ws:
            opened = time.monotonic_ns()
            ws.send('{"kind": "go", "id": "a-s3cret"}')
            for _ in range(3):
                ws.recv(timeout=10)
            ended = time.monotonic_ns()
    found = values(ALL_SOCKET, run.finish())
    assert SLOW_MS <= found["handshake"] <= (opened - began) / 1e6
    assert SLOW_MS <= found["started"] == found["reply"] <= (ended - opened) / 1e6
    assert found["started"] + 2 * SLOW_MS <= found["linked"] <= (ended - opened) / 1e6
    assert SLOW_MS <= found["pause"] <= found["linked"] - found["started"]
    assert "s3cret" not in repr(run.observation)


def test_messages_that_wait_at_the_same_time_are_told_apart_by_their_link(run):
    targets = (SOCKET, LINKED)
    told = run.begin(watch=watch_for(targets)).hello()
    with told.case("t::a"), connect(f"{told.api.replace('http', 'ws')}/slow-ws") as ws:
        for name in ("a", "b"):
            ws.send(f'{{"kind": "go", "id": "{name}"}}')
        for _ in range(6):
            ws.recv(timeout=10)
    unlinked, linked = measured(targets, run.finish())
    assert (linked.n, linked.left_out) == (2, {})
    assert linked.max_ms >= 3 * SLOW_MS
    assert (unlinked.n, unlinked.left_out) == (0, {LeftOut.OVERLAPPING: 2})


def test_only_what_a_promise_needs_is_kept(run):
    told = run.begin(watch=watch_for((SOCKET,))).hello()
    with told.case("t::a"):
        for path in ("slow-ws", "ws"):
            with connect(f"{told.api.replace('http', 'ws')}/{path}") as ws:
                ws.send('{"kind": "go", "id": 1}')
                ws.recv(timeout=10)
    slow, other = run.exchanges()
    assert [(m.from_client, m.names) for m in slow.messages] == [
        (True, (("kind", "go"),)), (False, (("kind", "started"),)),
    ]  # fmt: skip
    assert (other.messages, other.received) == ((), 1)


def test_a_message_too_large_to_be_read_is_counted(run):
    told = run.begin(watch=watch_for((SOCKET,))).hello()
    with told.case("t::a"), connect(f"{told.api.replace('http', 'ws')}/slow-ws", max_size=None) as ws:
        ws.send('{"kind": "go", "id": 1, "times": 50000}')
        ws.recv(timeout=10)
    (found,) = measured((SOCKET,), run.finish())
    assert found.left_out == {LeftOut.UNANSWERED: 1, LeftOut.NOT_KEPT: 1}


@pytest.mark.parametrize(
    ("fault", "watch"), [(FaultPlan(FaultKind.VALUE, {}, (), ()), watch_for(ALL_SOCKET)), (None, None)]
)
def test_no_message_is_kept_in_a_fault_run_or_without_a_promise(run, fault, watch):
    told = run.begin(fault, watch=watch and replace(watch, routes=(Route.parse("WS /ws"),))).hello()
    with told.case("t::a"), connect(f"{told.api.replace('http', 'ws')}/ws") as ws:
        ws.send('{"kind": "go"}')
        ws.recv(timeout=5)
    assert [x.messages for x in run.exchanges()] == [()]


def sight() -> Sight:
    return Sight("x1", Wire("api", "WS", "/ws"), "websocket", Joined(IDLE, Join.PORT, None, None), 0)


def test_what_is_kept_has_limits(monkeypatch):
    monkeypatch.setattr(watching, "MOST_OF_EXCHANGE", 3)
    monkeypatch.setattr(watching, "MOST_OF_RUN", 5)
    held, parts = Watching(Watch((), every_server=True)), [sight(), sight(), sight()]
    for part in parts:
        for ns in range(4):
            held.see(part, ns, False, b"x", True)
            held.see(part, ns, True, b"x", True)
    assert [(len(part.messages), part.not_kept) for part in parts] == [(3, 1), (2, 2), (0, 4)]


@pytest.mark.parametrize(
    "content",
    [b'{"type": "p\\u006fng"}', b' {"type":"pong","type":"pong"}', b'{"a": [{"type": 1}], "type": "pong", "token": 7}'],
)
def test_a_name_is_found_however_it_is_spelt(content):
    held, part = Watching(Watch((), names=(("type", "pong"),))), sight()
    held.see(part, 1, False, content, True)
    assert [m.names for m in part.messages] == [(("type", "pong"),)]


@pytest.mark.parametrize(
    "content",
    [
        b'{"type": ["pong"]}',
        b'["type", "pong"]',
        b"pong",
        b'{"type": "ping", "text": "pong"}',
        b"[" * 100_000 + b"pong",
    ],
)
def test_what_is_named_otherwise_or_not_at_all_is_forgotten(content):
    held, part = Watching(Watch((), names=(("type", "pong"),))), sight()
    held.see(part, 1, False, content, True)
    assert (part.messages, part.not_kept) == ([], 0)


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda t: ('{"type": "pong", "id": "' + t + '"}').encode()))
def test_no_message_is_too_odd(content):
    held, part = Watching(Watch((), (("type", "pong"),), ("id",), every_client=True)), sight()
    held.see(part, 1, True, content, True)
    (seen,) = part.messages
    assert seen.ns == 1
    assert all(len(digest) == 16 for _, digest in seen.links)


def test_what_a_digest_was_made_of_cannot_be_tried_out():
    seen = set()
    for _ in range(2):
        held, part = Watching(Watch((), (("type", "x"),), ("id",))), sight()
        held.see(part, 1, True, b'{"type": "x", "id": "a"}', True)
        seen |= set(part.messages[0].links)
    assert len(seen) == 2


@given(st.text() | st.integers(), st.text() | st.integers())
def test_links_are_equal_where_values_are(one, other):
    held, part = Watching(Watch((), (("type", "x"),), ("id",))), sight()
    for value in (one, other):
        held.see(part, 1, True, json.dumps({"type": "x", "id": value}).encode(), True)
    first, second = part.messages
    assert (first.links == second.links) == (one == other)
