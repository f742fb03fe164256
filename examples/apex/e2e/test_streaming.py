"""Answers as they are made: pieces over server-sent events and over the WebSocket."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import httpx
import pytest
import requests

from e2e import addresses
from e2e.accounts import Person
from e2e.answers import body, error_code
from e2e.conftest import Thread
from e2e.conversations import FIVE, ask, kinds, open_socket
from e2e.mcp_server import McpServer
from e2e.streams import ServerSent, pieces, server_sent

TIMEOUT = 10


def _messages(thread: Thread) -> str:
    return addresses.backend(f"/threads/{thread['id']}/messages")


@contextmanager
def _stream(
    http: httpx.Client, person: Person, thread: Thread, question: str
) -> Iterator[Iterator[ServerSent]]:
    """Ask, and read the events as they come."""
    asked = {"content": question, "stream": True}
    with http.stream("POST", _messages(thread), json=asked, headers=person.headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield server_sent(answer.iter_lines())


def test_the_pieces_are_the_answer(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    with _stream(http, regular, topic, f"Ask {desk.tool}") as stream:
        events = [event.data for event in stream]
    told = pieces(events)
    assert len(told) == 3
    assert "".join(told) == events[-1]["answer"] == f"{desk.tool} says: {desk.answers['ask']}"


def test_the_pieces_come_between_the_last_tool_and_the_end(
    http: httpx.Client, regular: Person, topic: Thread
) -> None:
    with _stream(http, regular, topic, uuid.uuid4().hex) as stream:
        told = [event.kind for event in stream]
    chunks = len(told) - len(FIVE)
    assert chunks > 1
    assert told == [*FIVE[:4], *["answer_chunk"] * chunks, FIVE[4]]


def test_the_pieces_are_counted_from_nought(
    http: httpx.Client, regular: Person, topic: Thread
) -> None:
    with _stream(http, regular, topic, uuid.uuid4().hex) as stream:
        numbers = [event.data["index"] for event in stream if event.kind == "answer_chunk"]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 1


def test_events_have_numbers_to_come_back_to_and_pieces_have_none(
    http: httpx.Client, regular: Person, topic: Thread
) -> None:
    with _stream(http, regular, topic, uuid.uuid4().hex) as stream:
        events = list(stream)
    assert [each.number for each in events if each.kind != "answer_chunk"] == [1, 2, 3, 4, 5]
    assert {each.number for each in events if each.kind == "answer_chunk"} == {None}


def test_events_come_while_the_tool_still_works(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    desk.hold()
    with _stream(http, regular, topic, f"Ask {desk.tool}") as stream:
        early = [next(stream).kind for _ in range(3)]
        desk.wait_for_call()
        assert early == FIVE[:3]
        desk.release()
        late = list(stream)
    assert (late[0].kind, late[-1].kind) == ("tool_completed", "agent_completed")
    assert late[0].data["result"] == {"text": desk.answers["ask"]}


def test_what_was_streamed_is_kept(http: httpx.Client, regular: Person, topic: Thread) -> None:
    question = uuid.uuid4().hex
    with _stream(http, regular, topic, question) as stream:
        told = "".join(pieces(event.data for event in stream))
    kept = body(http.get(_messages(topic), headers=regular.headers))["messages"]
    assert [each["content"] for each in kept] == [question, told]


def test_a_stream_to_an_unknown_thread_is_an_error(http: httpx.Client, regular: Person) -> None:
    asked = {"content": "hello", "stream": True}
    address = addresses.backend(f"/threads/{uuid.uuid4()}/messages")
    refused = http.post(address, json=asked, headers=regular.headers)
    assert error_code(refused, 404) == "thread_not_found"


def test_requests_reads_the_same_stream(regular: Person, topic: Thread) -> None:
    question = uuid.uuid4().hex
    with requests.post(
        _messages(topic),
        json={"content": question, "stream": True},
        headers=regular.headers,
        timeout=TIMEOUT,
        stream=True,
    ) as answer:
        assert answer.status_code == 200
        lines = (line.decode() for line in answer.iter_lines())
        events = [event.data for event in server_sent(lines)]
    assert events[0]["question"] == question
    assert "".join(pieces(events)) == events[-1]["answer"]


@pytest.mark.asyncio
async def test_aiohttp_reads_the_same_stream(regular: Person, topic: Thread) -> None:
    asked = {"content": uuid.uuid4().hex, "stream": True}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with (
        aiohttp.ClientSession(timeout=timeout, headers=regular.headers) as session,
        session.post(_messages(topic), json=asked) as answer,
    ):
        assert answer.status == 200
        lines = [line.decode().rstrip("\n") async for line in answer.content]
    events = [event.data for event in server_sent(lines)]
    assert events[0]["question"] == asked["content"]
    assert "".join(pieces(events)) == events[-1]["answer"]


def test_a_socket_streams_when_it_is_asked_to(regular: Person, topic: Thread) -> None:
    with open_socket(regular) as socket:
        events = ask(socket, topic["id"], uuid.uuid4().hex, stream=True)
        plain = ask(socket, topic["id"], uuid.uuid4().hex)
    assert "".join(pieces(events)) == events[-1]["answer"]
    assert len(pieces(events)) > 1
    assert kinds(plain) == FIVE
