"""How the services hang together: tokens, traces, kept-alive connections, several clients."""

import http.client
import json
import secrets
import uuid
from urllib.parse import urlsplit

import httpx
import requests

from e2e import addresses
from e2e.accounts import Person
from e2e.answers import body, error_code
from e2e.conftest import Thread
from e2e.conversations import open_socket, receive, send


def test_a_token_of_auth_is_good_at_the_backend(http: httpx.Client, person: Person) -> None:
    title = uuid.uuid4().hex
    answer = http.post(addresses.backend("/threads"), json={"title": title}, headers=person.headers)
    assert body(answer, 201)["title"] == title


def test_without_a_token_there_is_nothing(http: httpx.Client) -> None:
    assert error_code(http.get(addresses.backend("/threads")), 401) == "token_missing"


def test_a_session_that_auth_has_ended_is_over_at_the_backend(
    http: httpx.Client, person: Person
) -> None:
    address = addresses.backend("/threads")
    assert body(http.get(address, headers=person.headers)) == {"threads": []}
    assert http.post(addresses.auth("/logout"), headers=person.headers).status_code == 204
    after = http.get(address, headers=person.headers)
    assert error_code(after, 401) == "session_revoked"


def test_an_error_names_the_trace_that_led_to_it(http: httpx.Client, person: Person) -> None:
    headers = {**person.headers, "traceparent": f"00-{secrets.token_hex(16)}-{'1' * 16}-01"}
    answers = [
        http.get(addresses.backend(f"/threads/{uuid.uuid4()}"), headers=headers) for _ in range(2)
    ]
    assert [error_code(answer, 404) for answer in answers] == ["thread_not_found"] * 2
    # The same trace for both, whether it is ours or that of a witness on the way.
    assert len({answer.json()["error"]["trace_id"] for answer in answers}) == 1


def test_one_connection_serves_many_requests(person: Person) -> None:
    place = urlsplit(addresses.backend())
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    titles = [uuid.uuid4().hex for _ in range(5)]
    seen = []
    try:
        for title in titles:
            content = json.dumps({"title": title})
            headers = {**person.headers, "Content-Type": "application/json"}
            connection.request("POST", "/threads", content, headers)
            answer = connection.getresponse()
            assert answer.status == 201
            seen.append(json.loads(answer.read())["title"])
    finally:
        connection.close()
    assert seen == titles


def test_a_method_that_is_not_offered_is_refused(http: httpx.Client, person: Person) -> None:
    answer = http.put(addresses.backend("/threads"), json={}, headers=person.headers)
    assert error_code(answer, 405) == "method_not_allowed"


def test_http_and_socket_see_the_same_thread(person: Person, thread: Thread) -> None:
    token = uuid.uuid4().hex
    with open_socket(person) as socket, requests.Session() as session:
        session.headers.update(person.headers)
        send(socket, type="ping", token=token)
        assert receive(socket) == {"type": "pong", "token": token}
        read = session.get(addresses.backend(f"/threads/{thread['id']}"), timeout=10)
    assert body(read) == thread
