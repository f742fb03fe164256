"""The journeys that must never break."""

import uuid

import httpx

from e2e import addresses
from e2e.accounts import Person, log_in, new_registration
from e2e.answers import body, error_code
from e2e.conversations import FIVE, ask, kinds, open_socket
from e2e.costs import new_costs, new_service, total, written


def _new_thread(http: httpx.Client, person: Person) -> str:
    title = uuid.uuid4().hex
    answer = http.post(addresses.backend("/threads"), json={"title": title}, headers=person.headers)
    made = body(answer, 201)
    assert made["title"] == title
    return str(made["id"])


def _messages(http: httpx.Client, person: Person, thread_id: str) -> list[dict[str, str]]:
    address = addresses.backend(f"/threads/{thread_id}/messages")
    messages: list[dict[str, str]] = body(http.get(address, headers=person.headers))["messages"]
    return messages


def test_from_registration_to_a_computed_answer(http: httpx.Client) -> None:
    registration = new_registration()
    assert http.post(addresses.auth("/register"), json=registration).status_code == 201
    person = log_in(http, registration)
    service = new_service()
    costs = new_costs(service, "2026-01-01", "2026-01-02", "2026-01-03")
    stored = http.post(
        addresses.backend("/usage"),
        json={"events": [cost.as_json() for cost in costs]},
        headers=person.headers,
    )
    assert body(stored, 201) == {"stored": 3}
    thread_id = _new_thread(http, person)
    with open_socket(person) as socket:
        events = ask(socket, thread_id, f"What is the total cost of {service}?")
    assert kinds(events) == FIVE
    assert f"is {written(total(costs))}, over 3 events" in events[-1]["answer"]
    kept = _messages(http, person, thread_id)
    assert [each["content"] for each in kept][1:] == [events[-1]["answer"]]


def test_a_conversation_remembers(http: httpx.Client, person: Person) -> None:
    thread_id, secret = _new_thread(http, person), uuid.uuid4().hex
    with open_socket(person) as socket:
        told = ask(socket, thread_id, f"The code of the depot is {secret}.")
        recalled = ask(socket, thread_id, "What did I say about the depot?")
    assert kinds(told) == kinds(recalled) == FIVE
    assert secret in recalled[-1]["answer"]


def test_a_conversation_goes_on_after_a_reconnect(http: httpx.Client, person: Person) -> None:
    thread_id, secret = _new_thread(http, person), uuid.uuid4().hex
    with open_socket(person) as socket:
        assert kinds(ask(socket, thread_id, f"The code of the depot is {secret}.")) == FIVE
    with open_socket(person) as socket:
        recalled = ask(socket, thread_id, "Remind me of the depot")
    assert kinds(recalled) == FIVE
    assert secret in recalled[-1]["answer"]


def test_a_renewed_session_carries_on(http: httpx.Client, person: Person) -> None:
    thread_id = _new_thread(http, person)
    renewed = body(
        http.post(addresses.auth("/refresh"), json={"refresh_token": person.refresh_token})
    )
    headers = {"Authorization": f"Bearer {renewed['access_token']}"}
    read = http.get(addresses.backend(f"/threads/{thread_id}"), headers=headers)
    assert body(read)["id"] == thread_id


def test_deleting_a_thread_takes_its_runs_along(http: httpx.Client, person: Person) -> None:
    thread_id = _new_thread(http, person)
    with open_socket(person) as socket:
        events = ask(socket, thread_id, f"what about {uuid.uuid4().hex}?")
    assert kinds(events) == FIVE
    run = addresses.backend(f"/runs/{events[0]['run_id']}")
    assert body(http.get(run, headers=person.headers))["status"] == "completed"
    gone = http.delete(addresses.backend(f"/threads/{thread_id}"), headers=person.headers)
    assert gone.status_code == 204
    assert error_code(http.get(run, headers=person.headers), 404) == "run_not_found"
