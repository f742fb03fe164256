"""Messages: what is sent is kept, in order, word for word, with the answer behind it."""

import uuid
from collections.abc import Callable

import aiohttp
import httpx
import pytest

from e2e import addresses
from e2e.accounts import Person
from e2e.answers import body, error_code
from e2e.conftest import Thread

Ask = Callable[..., httpx.Response]


def _messages(http: httpx.Client, person: Person, thread: Thread) -> list[dict[str, str]]:
    address = addresses.backend(f"/threads/{thread['id']}/messages")
    messages: list[dict[str, str]] = body(http.get(address, headers=person.headers))["messages"]
    return messages


def test_a_message_is_kept(http: httpx.Client, person: Person, thread: Thread, ask: Ask) -> None:
    content = f"note {uuid.uuid4().hex}"
    sent = body(ask(content), 201)["message"]
    assert (sent["role"], sent["content"]) == ("user", content)
    assert _messages(http, person, thread)[0] == sent


def test_the_answer_follows_the_message(
    http: httpx.Client, person: Person, thread: Thread, ask: Ask
) -> None:
    answer = body(ask(f"what about {uuid.uuid4().hex}?"), 201)
    kept = _messages(http, person, thread)
    assert [each["role"] for each in kept] == ["user", "assistant"]
    assert kept[1]["content"] == answer["answer"]
    assert kept[1]["run_id"] == answer["run_id"]


def test_messages_keep_their_order(
    http: httpx.Client, person: Person, thread: Thread, ask: Ask
) -> None:
    contents = [f"note {number} {uuid.uuid4().hex}" for number in range(3)]
    for content in contents:
        assert ask(content).status_code == 201
    kept = [each for each in _messages(http, person, thread) if each["role"] == "user"]
    assert [each["content"] for each in kept] == contents


def test_messages_are_counted(http: httpx.Client, person: Person, thread: Thread, ask: Ask) -> None:
    assert ask(uuid.uuid4().hex).status_code == 201
    read = http.get(addresses.backend(f"/threads/{thread['id']}"), headers=person.headers)
    assert body(read)["message_count"] == 2


def test_every_letter_is_kept(http: httpx.Client, person: Person, thread: Thread, ask: Ask) -> None:
    content = f"Größe “{uuid.uuid4().hex}” 東京 \U0001f4a1\n\ttab & <tag> 'quote' --; DROP"
    assert body(ask(content), 201)["message"]["content"] == content
    assert _messages(http, person, thread)[0]["content"] == content


def test_an_empty_message_is_refused(ask: Ask) -> None:
    assert error_code(ask(""), 422) == "invalid_request"


def test_a_message_that_is_too_long_is_refused(ask: Ask) -> None:
    assert error_code(ask("x" * 8001), 422) == "invalid_request"


def test_a_message_to_an_unknown_thread_is_not_found(http: httpx.Client, person: Person) -> None:
    answer = http.post(
        addresses.backend(f"/threads/{uuid.uuid4()}/messages"),
        json={"content": "hello"},
        headers=person.headers,
    )
    assert error_code(answer, 404) == "thread_not_found"


def test_a_message_to_an_unknown_agent_is_not_kept(
    http: httpx.Client, person: Person, thread: Thread, ask: Ask
) -> None:
    refused = ask("hello", agent=f"agent-{uuid.uuid4().hex}")
    assert error_code(refused, 404) == "agent_not_found"
    assert _messages(http, person, thread) == []


@pytest.mark.asyncio
async def test_aiohttp_reads_what_it_sent(person: Person, thread: Thread) -> None:
    content = f"sent by aiohttp {uuid.uuid4().hex}"
    address = addresses.backend(f"/threads/{thread['id']}/messages")
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(headers=person.headers, timeout=timeout) as session:
        async with session.post(address, json={"content": content}) as sent:
            assert sent.status == 201
            message = (await sent.json())["message"]
        async with session.get(address) as read:
            assert read.status == 200
            kept = (await read.json())["messages"]
    assert message["content"] == content
    assert kept[0] == message
