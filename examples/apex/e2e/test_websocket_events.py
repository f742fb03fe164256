"""The WebSocket: the subprotocol, the five events and their order, errors that don't end it."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp
import httpx
import pytest
import websockets
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from e2e import addresses
from e2e.accounts import Person, new_person
from e2e.conftest import Thread
from e2e.conversations import (
    DEADLINE,
    FIVE,
    ask,
    fell_silent,
    kinds,
    open_socket,
    receive,
    send,
)
from e2e.costs import new_costs, new_service, total, written


@pytest.fixture(scope="module")
def talker(http: httpx.Client) -> Person:
    """Somebody who keeps one socket open for the whole module."""
    return new_person(http)


@dataclass
class _Line:
    """One connection, opened anew only when a failed test has left something unread on it."""

    person: Person
    open: ClientConnection | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def connection(self) -> ClientConnection:
        if self.open is None:
            self.open = self._stack.enter_context(open_socket(self.person))
        return self.open

    def hang_up(self) -> None:
        self.open = None
        self._stack.close()


@pytest.fixture(scope="module")
def line(talker: Person) -> Iterator[_Line]:
    """The connection of `talker`, kept for the whole module."""
    line = _Line(talker)
    line.connection()
    yield line
    line.hang_up()


@pytest.fixture
def socket(line: _Line) -> Iterator[ClientConnection]:
    """The one socket that several tests use, one after the other."""
    connection = line.connection()
    yield connection
    if not fell_silent(connection):
        line.hang_up()


@pytest.fixture
def topic(http: httpx.Client, talker: Person) -> Thread:
    """A thread of `talker`."""
    answer = http.post(
        addresses.backend("/threads"), json={"title": "topic"}, headers=talker.headers
    )
    answer.raise_for_status()
    return dict(answer.json())


def test_five_events_come_in_order(socket: ClientConnection, topic: Thread) -> None:
    events = ask(socket, topic["id"], f"what about {uuid.uuid4().hex}?")
    assert kinds(events) == FIVE


def test_events_name_one_run_and_this_thread(socket: ClientConnection, topic: Thread) -> None:
    events = ask(socket, topic["id"], f"what about {uuid.uuid4().hex}?")
    assert kinds(events) == FIVE
    assert len({event["run_id"] for event in events}) == 1
    assert {event["thread_id"] for event in events} == {topic["id"]}


def test_events_are_numbered_without_a_gap(socket: ClientConnection, topic: Thread) -> None:
    events = ask(socket, topic["id"], f"what about {uuid.uuid4().hex}?")
    assert [event.get("sequence") for event in events] == [1, 2, 3, 4, 5]


def test_the_times_of_events_never_go_back(socket: ClientConnection, topic: Thread) -> None:
    events = ask(socket, topic["id"], f"what about {uuid.uuid4().hex}?")
    assert kinds(events) == FIVE
    times = [datetime.fromisoformat(event["timestamp"]) for event in events]
    assert times == sorted(times)
    assert all(time.utcoffset() is not None for time in times)


def test_two_runs_on_one_socket_have_two_ids(socket: ClientConnection, topic: Thread) -> None:
    first = ask(socket, topic["id"], f"what about {uuid.uuid4().hex}?")
    second = ask(socket, topic["id"], f"and about {uuid.uuid4().hex}?")
    assert kinds(first) == kinds(second) == FIVE
    assert first[0]["run_id"] != second[0]["run_id"]


def test_the_question_is_in_the_first_event(socket: ClientConnection, topic: Thread) -> None:
    question = f"what about {uuid.uuid4().hex}?"
    events = ask(socket, topic["id"], question)
    assert events[0].get("question") == question


def test_a_ping_is_answered_with_its_token(socket: ClientConnection) -> None:
    token = uuid.uuid4().hex
    send(socket, type="ping", token=token)
    assert receive(socket) == {"type": "pong", "token": token}


def test_an_unknown_thread_is_an_error_and_not_the_end(
    socket: ClientConnection, topic: Thread
) -> None:
    [refused] = ask(socket, str(uuid.uuid4()), "hello")
    assert refused["type"] == "error"
    assert refused["error"]["code"] == "thread_not_found"
    assert kinds(ask(socket, topic["id"], f"what about {uuid.uuid4().hex}?")) == FIVE


def test_a_message_that_is_none_is_an_error_and_not_the_end(socket: ClientConnection) -> None:
    socket.send("this is not JSON")
    assert receive(socket)["error"]["code"] == "invalid_message"
    token = uuid.uuid4().hex
    send(socket, type="ping", token=token)
    assert receive(socket) == {"type": "pong", "token": token}


def test_the_answer_is_computed_from_the_data(
    http: httpx.Client, talker: Person, socket: ClientConnection, topic: Thread
) -> None:
    service = new_service()
    costs = new_costs(service, "2026-01-01", "2026-01-02")
    stored = http.post(
        addresses.backend("/usage"),
        json={"events": [cost.as_json() for cost in costs]},
        headers=talker.headers,
    )
    assert stored.status_code == 201
    events = ask(socket, topic["id"], f"total cost of {service}")
    assert kinds(events) == FIVE
    assert events[3]["result"] == {"value": float(total(costs)), "events": 2}
    assert f"is {written(total(costs))}," in events[4]["answer"]


def test_the_tools_of_the_plan_are_the_tools_that_run(
    socket: ClientConnection, topic: Thread
) -> None:
    events = ask(socket, topic["id"], f"What did I say about {uuid.uuid4().hex}?")
    assert kinds(events) == FIVE
    planned = [step["tool"] for step in events[1]["plan"]]
    assert planned == [events[2]["tool"]] == events[4]["tools_used"] == ["thread_search"]


def test_the_server_chooses_the_subprotocol_jwt(person: Person) -> None:
    token = uuid.uuid4().hex
    with open_socket(person) as connection:
        assert connection.subprotocol == "jwt"
        send(connection, type="ping", token=token)
        assert receive(connection) == {"type": "pong", "token": token}


def test_a_bad_token_is_refused_and_a_good_one_is_not(person: Person) -> None:
    offer = [Subprotocol("jwt"), Subprotocol("jwt.not-a-token")]
    with (
        pytest.raises(websockets.InvalidStatus) as refused,
        connect(addresses.websocket(), subprotocols=offer, open_timeout=DEADLINE),
    ):
        pytest.fail("a bad token was accepted")
    assert refused.value.response.status_code == 401
    token = uuid.uuid4().hex
    with open_socket(person) as connection:
        send(connection, type="ping", token=token)
        assert receive(connection) == {"type": "pong", "token": token}


def test_two_sockets_of_one_person_stay_apart(person: Person, thread: Thread) -> None:
    token = uuid.uuid4().hex
    with open_socket(person) as first, open_socket(person) as second:
        events = ask(first, thread["id"], f"what about {uuid.uuid4().hex}?")
        send(second, type="ping", token=token)
        assert receive(second) == {"type": "pong", "token": token}
    assert kinds(events) == FIVE


@pytest.mark.asyncio
async def test_asyncio_websockets_see_the_five_events(person: Person, thread: Thread) -> None:
    question = {"type": "message", "thread_id": thread["id"], "content": uuid.uuid4().hex}
    events = []
    async with websockets.connect(
        addresses.websocket(), subprotocols=person.subprotocols, open_timeout=DEADLINE
    ) as connection:
        await connection.send(json.dumps(question))
        for expected in FIVE:
            events.append(json.loads(await asyncio.wait_for(connection.recv(), DEADLINE)))
            assert events[-1].get("type") == expected
    assert events[0]["question"] == question["content"]


@pytest.mark.asyncio
async def test_aiohttp_sockets_see_the_five_events(person: Person, thread: Thread) -> None:
    question = {"type": "message", "thread_id": thread["id"], "content": uuid.uuid4().hex}
    seen = []
    timeout = aiohttp.ClientTimeout(total=10)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.ws_connect(addresses.backend("/ws"), protocols=person.subprotocols) as connection,
    ):
        assert connection.protocol == "jwt"
        await connection.send_json(question)
        for expected in FIVE:
            event = await connection.receive_json(timeout=DEADLINE)
            seen.append(event["run_id"] if event.get("type") == expected else None)
            assert seen[-1] == seen[0]
            assert seen[-1] is not None
    assert len(seen) == 5
