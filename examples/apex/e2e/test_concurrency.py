"""Twenty people at once: everybody gets an answer, and everybody gets their own."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import websockets

from e2e import addresses
from e2e.accounts import Person, new_person
from e2e.answers import body
from e2e.conversations import DEADLINE, FIVE, ask, kinds, open_socket
from e2e.costs import new_cost, new_service, written

TWENTY = 20


@pytest.fixture(scope="module")
def people(http: httpx.Client) -> list[Person]:
    """Twenty people, logged in."""
    with ThreadPoolExecutor(TWENTY) as pool:
        return list(pool.map(new_person, [http] * TWENTY))


def _all_at_once[T](people: list[Person], what: Callable[[Person], T]) -> list[T]:
    with ThreadPoolExecutor(TWENTY) as pool:
        return list(pool.map(what, people))


def _new_thread(http: httpx.Client, person: Person, title: str) -> str:
    address = addresses.backend("/threads")
    made = body(http.post(address, json={"title": title}, headers=person.headers), 201)
    assert made["title"] == title
    return str(made["id"])


def test_twenty_people_each_see_only_their_own_thread(
    http: httpx.Client, people: list[Person]
) -> None:
    def own(person: Person) -> bool:
        made = _new_thread(http, person, uuid.uuid4().hex)
        listed = http.get(addresses.backend("/threads"), headers=person.headers)
        return made in {thread["id"] for thread in body(listed)["threads"]}

    everybody = _all_at_once(people, own)
    assert everybody == [True] * TWENTY


def test_twenty_sockets_each_get_five_events_of_their_own(
    http: httpx.Client, people: list[Person]
) -> None:
    def own(person: Person) -> tuple[list[str | None], bool]:
        question, thread_id = uuid.uuid4().hex, _new_thread(http, person, "socket")
        with open_socket(person) as socket:
            events = ask(socket, thread_id, question)
        return kinds(events), events[0].get("question") == question

    assert _all_at_once(people, own) == [(FIVE, True)] * TWENTY


def test_twenty_people_each_get_their_own_number(http: httpx.Client, people: list[Person]) -> None:
    def own(person: Person) -> bool:
        cost = new_cost(new_service(), "2026-01-01")
        events = {"events": [cost.as_json()]}
        stored = http.post(addresses.backend("/usage"), json=events, headers=person.headers)
        assert body(stored, 201) == {"stored": 1}
        thread_id = _new_thread(http, person, "number")
        question = {"content": f"total cost of {cost.service}"}
        address = addresses.backend(f"/threads/{thread_id}/messages")
        answer = body(http.post(address, json=question, headers=person.headers), 201)["answer"]
        return f"is {written(cost.amount)}, over 1 events" in answer

    assert _all_at_once(people, own) == [True] * TWENTY


@pytest.mark.asyncio
async def test_twenty_sockets_are_open_at_the_same_time(people: list[Person]) -> None:
    tokens = [uuid.uuid4().hex for _ in people]
    sockets = await asyncio.gather(
        *(
            websockets.connect(
                addresses.websocket(), subprotocols=each.subprotocols, open_timeout=DEADLINE
            )
            for each in people
        )
    )
    try:
        for socket, token in zip(sockets, tokens, strict=True):
            await socket.send(f'{{"type": "ping", "token": "{token}"}}')
        answers = [await asyncio.wait_for(socket.recv(), DEADLINE) for socket in sockets]
    finally:
        await asyncio.gather(*(socket.close() for socket in sockets))
    assert len(answers) == TWENTY
    for answer, token in zip(answers, tokens, strict=True):
        assert token in str(answer)


def test_of_twenty_uses_of_one_refresh_token_one_wins(http: httpx.Client, person: Person) -> None:
    def refresh(_: int) -> int:
        used = {"refresh_token": person.refresh_token}
        return http.post(addresses.auth("/refresh"), json=used).status_code

    with ThreadPoolExecutor(TWENTY) as pool:
        statuses = Counter(pool.map(refresh, range(TWENTY)))
    assert statuses == {200: 1, 401: TWENTY - 1}
