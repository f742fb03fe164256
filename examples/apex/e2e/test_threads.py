"""Threads: make, read, list, rename, delete."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from e2e import addresses
from e2e.accounts import Person
from e2e.answers import body, error_code
from e2e.conftest import Thread

THREADS = "/threads"


def _title() -> str:
    return f"Thread {uuid.uuid4().hex}"


def test_a_new_thread_is_empty(http: httpx.Client, person: Person) -> None:
    title = _title()
    answer = http.post(addresses.backend(THREADS), json={"title": title}, headers=person.headers)
    made = body(answer, 201)
    assert made["title"] == title
    assert made["message_count"] == 0


def test_a_thread_can_be_read_back(http: httpx.Client, person: Person) -> None:
    title = _title()
    answer = http.post(addresses.backend(THREADS), json={"title": title}, headers=person.headers)
    made = body(answer, 201)
    read = http.get(addresses.backend(f"/threads/{made['id']}"), headers=person.headers)
    assert body(read) == made


def test_threads_are_listed_oldest_first(http: httpx.Client, person: Person) -> None:
    titles = [_title() for _ in range(3)]
    for title in titles:
        made = http.post(addresses.backend(THREADS), json={"title": title}, headers=person.headers)
        assert made.status_code == 201
    listed = body(http.get(addresses.backend(THREADS), headers=person.headers))["threads"]
    assert [each["title"] for each in listed] == titles


def test_a_new_title_stays(http: httpx.Client, person: Person, thread: Thread) -> None:
    address, title = addresses.backend(f"/threads/{thread['id']}"), _title()
    changed = http.patch(address, json={"title": title}, headers=person.headers)
    assert body(changed)["title"] == title
    assert body(http.get(address, headers=person.headers))["title"] == title


def test_a_deleted_thread_is_gone(http: httpx.Client, person: Person, thread: Thread) -> None:
    address = addresses.backend(f"/threads/{thread['id']}")
    assert http.delete(address, headers=person.headers).status_code == 204
    assert error_code(http.get(address, headers=person.headers), 404) == "thread_not_found"


def test_deleting_twice_is_not_found(http: httpx.Client, person: Person, thread: Thread) -> None:
    address = addresses.backend(f"/threads/{thread['id']}")
    assert http.delete(address, headers=person.headers).status_code == 204
    assert error_code(http.delete(address, headers=person.headers), 404) == "thread_not_found"


def test_an_unknown_thread_is_not_found(http: httpx.Client, person: Person) -> None:
    answer = http.get(addresses.backend(f"/threads/{uuid.uuid4()}"), headers=person.headers)
    assert error_code(answer, 404) == "thread_not_found"


def test_an_empty_title_is_refused(http: httpx.Client, person: Person) -> None:
    answer = http.post(addresses.backend(THREADS), json={"title": ""}, headers=person.headers)
    assert error_code(answer, 422) == "invalid_request"


def test_an_id_that_is_none_is_refused(http: httpx.Client, person: Person) -> None:
    answer = http.get(addresses.backend("/threads/seventeen"), headers=person.headers)
    assert error_code(answer, 422) == "invalid_request"


@pytest.mark.asyncio
async def test_threads_made_at_once_are_all_kept(person: Person) -> None:
    titles = {_title() for _ in range(8)}
    async with httpx.AsyncClient(timeout=10, headers=person.headers) as client:
        made = await asyncio.gather(
            *(client.post(addresses.backend(THREADS), json={"title": each}) for each in titles)
        )
        assert [answer.status_code for answer in made] == [201] * 8
        listed = body(await client.get(addresses.backend(THREADS)))["threads"]
    assert {each["title"] for each in listed} == titles


@pytest.fixture
def titled(http: httpx.Client, person: Person) -> tuple[str, dict[str, Any]]:
    """A title, and the answer to a request for a thread of that title."""
    title = _title()
    answer = http.post(addresses.backend(THREADS), json={"title": title}, headers=person.headers)
    return title, {"status": answer.status_code, "body": answer.json()}


def test_the_answer_a_fixture_fetched_has_the_title(titled: tuple[str, dict[str, Any]]) -> None:
    title, answer = titled
    assert answer["status"] == 201
    assert answer["body"]["title"] == title


@pytest.fixture
def listing(http: httpx.Client, person: Person) -> tuple[str, httpx.Response]:
    """A title, and the list of threads with one of that title, fetched before the test begins."""
    title = _title()
    made = http.post(addresses.backend(THREADS), json={"title": title}, headers=person.headers)
    made.raise_for_status()
    return title, http.get(addresses.backend(THREADS), headers=person.headers)


def test_the_list_a_fixture_fetched_has_the_thread(listing: tuple[str, httpx.Response]) -> None:
    title, answer = listing
    assert [each["title"] for each in body(answer)["threads"]] == [title]
