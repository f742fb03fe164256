"""What belongs to one person is not there for another."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import requests

from e2e import addresses
from e2e.accounts import Person, new_person
from e2e.answers import body, error_code
from e2e.conftest import Thread
from e2e.conversations import FIVE, kinds, open_socket
from e2e.conversations import ask as ask_on
from e2e.costs import Cost, new_costs, new_service, total, written

Ask = Callable[..., httpx.Response]
Store = Callable[[list[Cost]], list[Cost]]


def _address(thread: Thread, rest: str = "") -> str:
    return addresses.backend(f"/threads/{thread['id']}{rest}")


def test_a_thread_is_not_there_for_others(
    http: httpx.Client, person: Person, stranger: Person, thread: Thread
) -> None:
    refused = http.get(_address(thread), headers=stranger.headers)
    assert error_code(refused, 404) == "thread_not_found"
    assert body(http.get(_address(thread), headers=person.headers))["id"] == thread["id"]


def test_a_list_has_only_ones_own(
    http: httpx.Client, person: Person, stranger: Person, thread: Thread
) -> None:
    own = http.get(addresses.backend("/threads"), headers=person.headers)
    others = http.get(addresses.backend("/threads"), headers=stranger.headers)
    assert [each["id"] for each in body(own)["threads"]] == [thread["id"]]
    assert body(others) == {"threads": []}


def test_others_cannot_rename(
    http: httpx.Client, person: Person, stranger: Person, thread: Thread
) -> None:
    title = {"title": uuid.uuid4().hex}
    refused = http.patch(_address(thread), json=title, headers=stranger.headers)
    assert error_code(refused, 404) == "thread_not_found"
    assert body(http.get(_address(thread), headers=person.headers))["title"] == thread["title"]


def test_others_cannot_delete(
    http: httpx.Client, person: Person, stranger: Person, thread: Thread
) -> None:
    refused = http.delete(_address(thread), headers=stranger.headers)
    assert error_code(refused, 404) == "thread_not_found"
    assert body(http.get(_address(thread), headers=person.headers)) == thread


def test_others_cannot_read_messages(stranger: Person, thread: Thread, ask: Ask) -> None:
    assert ask(f"between us: {uuid.uuid4().hex}").status_code == 201
    refused = requests.get(_address(thread, "/messages"), headers=stranger.headers, timeout=10)
    assert error_code(refused, 404) == "thread_not_found"


def test_others_cannot_write_messages(
    http: httpx.Client, person: Person, stranger: Person, thread: Thread
) -> None:
    address = _address(thread, "/messages")
    refused = http.post(address, json={"content": "let me in"}, headers=stranger.headers)
    assert error_code(refused, 404) == "thread_not_found"
    assert body(http.get(address, headers=person.headers)) == {"messages": []}


def test_others_cannot_read_a_run(http: httpx.Client, stranger: Person, ask: Ask) -> None:
    run_id = body(ask(f"what about {uuid.uuid4().hex}?"), 201)["run_id"]
    refused = http.get(addresses.backend(f"/runs/{run_id}"), headers=stranger.headers)
    assert error_code(refused, 404) == "run_not_found"


def test_the_costs_of_others_do_not_count(
    http: httpx.Client, stranger: Person, ask: Ask, store: Store
) -> None:
    service = new_service()
    own = store(new_costs(service, "2026-01-01"))
    foreign = [cost.as_json() for cost in new_costs(service, "2026-01-01")]
    stored = http.post(
        addresses.backend("/usage"), json={"events": foreign}, headers=stranger.headers
    )
    assert stored.status_code == 201
    answer = body(ask(f"total cost of {service}"), 201)["answer"]
    assert f"is {written(total(own))}, over 1 events" in answer


def test_a_socket_reaches_only_ones_own_threads(
    person: Person, stranger: Person, thread: Thread
) -> None:
    question = f"what about {uuid.uuid4().hex}?"
    with open_socket(stranger) as foreign:
        [refused] = ask_on(foreign, thread["id"], question)
    assert refused.get("type") == "error"
    assert refused["error"]["code"] == "thread_not_found"
    with open_socket(person) as own:
        assert kinds(ask_on(own, thread["id"], question)) == FIVE


def _ask_about_own_costs(client: httpx.Client) -> tuple[str, str]:
    person, service = new_person(client), new_service()
    costs = new_costs(service, "2026-01-01", "2026-01-02")
    stored = client.post(
        addresses.backend("/usage"),
        json={"events": [cost.as_json() for cost in costs]},
        headers=person.headers,
    )
    assert stored.status_code == 201
    made = client.post(addresses.backend("/threads"), json={"title": "x"}, headers=person.headers)
    asked = client.post(
        addresses.backend(f"/threads/{body(made, 201)['id']}/messages"),
        json={"content": "What is the total cost?"},
        headers=person.headers,
    )
    return f"is {written(total(costs))}, over 2 events", body(asked, 201)["answer"]


def test_six_people_at_once_get_their_own_numbers(http: httpx.Client) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(_ask_about_own_costs, [http] * 6))
    assert len(answers) == 6
    for expected, answer in answers:
        assert expected in answer
